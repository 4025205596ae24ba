//! Whether anybody works on the log in JetStream: asked before it is moved, since a move is not for two.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::context::{ContextBuilder, GetStreamErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use futures_util::StreamExt as _;

use super::micro;
use super::names::{ENGINES_BUCKET, EVENT_STREAM};
use crate::limits::LEASE_SECONDS;
use boarding_log::connect::{ConnectError, ServerAddress, with_retry};
use boarding_log::limits::NATS_ANSWER_SECONDS_MAX;

/// Why it cannot be said that nobody works on the log.
#[derive(Debug, thiserror::Error)]
pub enum ExclusivityError {
    #[error(
        "use the log in JetStream alone: an engine serves on these servers (service id {id}); stop it first"
    )]
    Serves { id: String },
    #[error(
        "use the log in JetStream alone: engine {engine} works on these servers; stop it first (if it was killed, wait {LEASE_SECONDS} s)"
    )]
    Works { engine: String },
    #[error("look into the bucket {ENGINES_BUCKET} for engines")]
    Look(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("look for the stream {stream}")]
    Stream { stream: String, source: Box<dyn std::error::Error + Send + Sync> },
}

/// The servers, as they are asked.
#[derive(Debug)]
pub struct ExclusivityCheck(Client);

impl ExclusivityCheck {
    /// Connects to them.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn connect(server: &ServerAddress) -> Result<Self, ConnectError> {
        Ok(Self(server.connect("boarding move").await?))
    }

    /// Refuses while an engine answers on these servers, or says in the bucket of engines that it lives.
    ///
    /// # Errors
    /// Which engine it is, or why that cannot be known.
    pub async fn check_idle(&self) -> Result<(), ExclusivityError> {
        if let Some(id) = micro::another(&self.0).await {
            return Err(ExclusivityError::Serves { id });
        }
        match with_retry(&self.0, async || engine(&self.0).await).await? {
            Some(engine) => Err(ExclusivityError::Works { engine }),
            None => Ok(()),
        }
    }

    /// How many messages the stream holds; none if there is no such stream.
    ///
    /// # Errors
    /// When nobody says so.
    pub async fn messages(&self, stream: &str) -> Result<Option<u64>, ExclusivityError> {
        with_retry(&self.0, async || messages_now(&self.0, stream).await).await
    }

    /// Whether events were published, with positions that are those of the log at that time.
    ///
    /// # Errors
    /// When nobody says so.
    pub async fn has_published(&self) -> Result<bool, ExclusivityError> {
        Ok(self.messages(EVENT_STREAM).await?.is_some_and(|messages| messages > 0))
    }
}

/// An engine that lives.
async fn engine(client: &Client) -> Result<Option<String>, ExclusivityError> {
    // Without the bucket no engine ever said anything.
    if messages_now(client, &format!("KV_{ENGINES_BUCKET}")).await?.is_none() {
        return Ok(None);
    }
    let bucket = context(client).get_key_value(ENGINES_BUCKET).await;
    let bucket = bucket.map_err(|error| ExclusivityError::Look(error.into()))?;
    let mut engines = bucket.keys().await.map_err(|error| ExclusivityError::Look(error.into()))?;
    engines.next().await.transpose().map_err(|error| ExclusivityError::Look(error.into()))
}

async fn messages_now(client: &Client, stream: &str) -> Result<Option<u64>, ExclusivityError> {
    match context(client).get_stream(stream).await {
        Ok(stream) => Ok(Some(stream.cached_info().state.messages)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(no) if no.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                Ok(None)
            }
            _ => Err(ExclusivityError::Stream { stream: stream.to_owned(), source: error.into() }),
        },
    }
}

fn context(client: &Client) -> jetstream::Context {
    ContextBuilder::new()
        .timeout(Duration::from_secs(NATS_ANSWER_SECONDS_MAX))
        .build(client.clone())
}
