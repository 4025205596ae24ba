//! What the services over NATS and HTTP share: the encoding of requests and responses, and places for requests.

use boarding_commands::values::{Code, CompanyId};
use serde_json::{Map, Value};

use crate::engine::Engine;
use crate::queries::{QueryAnswer, QueryCaller, QueryFailure};

pub mod admission;
pub mod wire;

use admission::{Admission, Place};

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
