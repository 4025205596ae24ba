//! A client of an engine: in its process, or over NATS with JSON or MessagePack.

use std::sync::Arc;

use async_nats::{Client, HeaderMap};
use boarding_commands::values::CompanyId;
use serde_json::{Value, json};

use crate::bench::setup::{self, BenchError};
use boarding_core::clock::Clock;
use boarding_core::engine::Engine;
use boarding_core::queries::QueryAnswer;
use boarding_log::connect::ServerAddress;
use boarding_nats::names;

/// The encoding of a request over NATS and of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Json,
    MessagePack,
}

#[derive(Debug, Clone)]
pub(super) enum Caller {
    InProcess(Arc<Engine>),
    Nats(OverNats),
}

#[derive(Debug, Clone)]
pub(super) struct OverNats {
    client: Client,
    encoding: Encoding,
    clock: Clock,
}

impl Caller {
    pub(super) fn in_process(engine: Arc<Engine>) -> Self {
        Self::InProcess(engine)
    }

    /// A caller for each encoding, with one connection for both.
    pub(super) async fn over_nats(address: &ServerAddress) -> Result<[Self; 2], BenchError> {
        let client = address.connect("boarding bench callers").await?;
        Ok([Encoding::Json, Encoding::MessagePack].map(|encoding| {
            let (client, clock) = (client.clone(), Clock::system());
            Self::Nats(OverNats { client, encoding, clock })
        }))
    }

    pub(super) fn is_in_process(&self) -> bool {
        matches!(self, Self::InProcess(_))
    }

    /// How it calls, as words of a figure's name.
    pub(super) fn way(&self) -> &'static str {
        match self {
            Self::InProcess(_) => "in process",
            Self::Nats(OverNats { encoding: Encoding::Json, .. }) => "over NATS, JSON",
            Self::Nats(OverNats { encoding: Encoding::MessagePack, .. }) => {
                "over NATS, MessagePack"
            }
        }
    }

    /// Sends a command that must be accepted.
    pub(super) async fn command(
        &self,
        company: &CompanyId,
        name: &str,
        body: Value,
    ) -> Result<(), BenchError> {
        match self {
            Self::InProcess(engine) => setup::submit(engine, company, name, body).await.map(|_| ()),
            Self::Nats(nats) => {
                let envelope = json!({"id": nats.clock.id(), "actor": "admin", "body": body});
                nats.request(names::command(company, name), &envelope).await.map(|_| ())
            }
        }
    }

    /// Reads a page of people, which must be full.
    pub(super) async fn users(&self, company: &CompanyId, rows: u64) -> Result<Value, BenchError> {
        let answer = match self {
            Self::InProcess(engine) => {
                let params = [("limit".to_owned(), json!(rows))].into_iter().collect();
                match engine.query(company, "users", params, &setup::caller()).await {
                    Ok(QueryAnswer::Json(answer)) => answer.value(),
                    other => return Err(BenchError::Failed(format!("users: {other:?}"))),
                }
            }
            Self::Nats(nats) => {
                let params = json!({"actor": "admin", "limit": rows});
                nats.request(names::query(company, "users"), &params).await?
            }
        };
        match answer.get("rows").and_then(Value::as_array).map(Vec::len) {
            Some(found) if found as u64 == rows => Ok(answer),
            found => Err(BenchError::Failed(format!("a page of users has {found:?} rows"))),
        }
    }
}

impl OverNats {
    async fn request(&self, subject: String, body: &Value) -> Result<Value, BenchError> {
        let failed = |why: String| BenchError::Failed(format!("{subject}: {why}"));
        let mut headers = HeaderMap::new();
        let payload = match self.encoding {
            Encoding::Json => body.to_string().into_bytes(),
            Encoding::MessagePack => {
                headers.insert("Content-Type", "application/msgpack");
                rmp_serde::to_vec_named(body).map_err(|error| failed(error.to_string()))?
            }
        };
        let answer =
            self.client.request_with_headers(subject.clone(), headers, payload.into()).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        let is_error = answer.headers.is_some_and(|all| all.get("Nats-Service-Error").is_some());
        let value: Value = match self.encoding {
            Encoding::Json => serde_json::from_slice(&answer.payload)
                .map_err(|error| failed(error.to_string()))?,
            Encoding::MessagePack => {
                rmp_serde::from_slice(&answer.payload).map_err(|error| failed(error.to_string()))?
            }
        };
        if is_error { Err(failed(value.to_string())) } else { Ok(value) }
    }
}
