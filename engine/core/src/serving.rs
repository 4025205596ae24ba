//! What the services over NATS and HTTP share: the encoding of requests and responses, and places for requests.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use boarding_commands::decide::Authority;
use boarding_commands::envelope::Envelope;
use boarding_commands::values::{Code, CompanyId, TokenId};
use serde_json::{Map, Value};

use crate::engine::Engine;
use crate::queries::{QueryAnswer, QueryCaller, QueryFailure};

pub mod admission;
pub mod wire;

use admission::{Admission, Place};
use wire::{Encoding, WireResponse, id_in};

/// A command of the owner of an access token.
#[derive(Debug, Clone)]
pub struct TokenCommand<'a> {
    pub company: &'a CompanyId,
    pub name: &'a str,
    /// The envelope. Its actor is the owner of the token.
    pub envelope: Value,
    pub token: TokenId,
}

/// The future of [`CommandRoute::execute`].
pub type CommandFuture<'a> = Pin<Box<dyn Future<Output = WireResponse> + Send + 'a>>;

/// Brings a command to the engine that works for its company.
pub trait CommandRoute: Send + Sync + fmt::Debug {
    /// Whether this engine may answer now: another one may have taken its place.
    ///
    /// # Errors
    /// Why it may not, as a text for people.
    fn may_answer(&self) -> Result<(), String>;

    /// Executes a command. The response is in JSON.
    fn execute<'a>(&'a self, command: TokenCommand<'a>) -> CommandFuture<'a>;
}

/// The route of an engine that works for all companies.
impl CommandRoute for Engine {
    fn may_answer(&self) -> Result<(), String> {
        Ok(())
    }

    fn execute<'a>(&'a self, command: TokenCommand<'a>) -> CommandFuture<'a> {
        Box::pin(execute(self, command))
    }
}

/// Executes a command of the owner of an access token on this engine.
pub async fn execute(engine: &Engine, command: TokenCommand<'_>) -> WireResponse {
    let TokenCommand { company, name, envelope, token } = command;
    let id = id_in(&envelope);
    match Envelope::read(envelope) {
        Ok(mut envelope) => {
            envelope.token = Some(token);
            let answer = engine.submit(company, name, envelope, Authority::TokenOwner).await;
            WireResponse::answer(Encoding::Json, &answer)
        }
        Err(refusal) => WireResponse::refused(Encoding::Json, id, refusal),
    }
}

/// Why a request got no place.
pub const TOO_MANY: &str = "too many requests are running";

/// A query by its contract name, with its parameters.
#[derive(Debug, Clone)]
pub struct AskedQuery<'a> {
    pub company: CompanyId,
    pub name: &'a str,
    pub params: Map<String, Value>,
}

/// Answers a query. While it waits for its position, the query gives its place to others.
///
/// # Errors
/// Those of [`Engine::query`], and `overloaded`.
pub async fn answer(
    engine: &Engine,
    asked: AskedQuery<'_>,
    caller: &QueryCaller,
    admission: &Admission,
    place: Place,
) -> Result<QueryAnswer, QueryFailure> {
    let AskedQuery { company, name, params } = asked;
    let prepared = engine.prepare_query(&company, name, params, caller).await?;
    let _place = if prepared.must_wait() {
        let waiting = place.swap(&admission.waiting).ok_or_else(too_many)?;
        prepared.wait().await?;
        waiting.swap(&admission.queries).ok_or_else(too_many)?
    } else {
        place
    };
    prepared.answer().await
}

fn too_many() -> QueryFailure {
    QueryFailure::Failed { code: Code::Overloaded, why: TOO_MANY.to_owned() }
}
