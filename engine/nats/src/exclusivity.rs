//! Checks that no engine uses the log in JetStream, before it is moved.

use std::path::Path;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::context::{ContextBuilder, GetStreamErrorKind};
use async_nats::jetstream::{self, ErrorCode, kv};
use futures_util::StreamExt as _;

use super::log_lease::{self, LeaseError, LeaseHolder};
use super::micro;
use super::names::{ENGINES_BUCKET, EVENT_STREAM, OWNERS_BUCKET};
use crate::limits::LEASE_SECONDS;
use boarding_core::data_dir;
use boarding_log::connect::{ConnectError, ServerAddress, with_retry};
use boarding_log::limits::NATS_ANSWER_SECONDS_MAX;

/// Why the log cannot be used exclusively.
#[derive(Debug, thiserror::Error)]
pub enum ExclusivityError {
    #[error(
        "use the log in JetStream exclusively: an engine serves on these servers (service id {id}); stop it first"
    )]
    Serves { id: String },
    #[error(
        "use the log in JetStream exclusively: engine {engine} runs on these servers; stop it first (if it was killed, wait {LEASE_SECONDS} s)"
    )]
    Works { engine: String },
    #[error("use the log exclusively: an engine serves on these servers ({0}); stop it first")]
    Alone(Box<LeaseHolder>),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error("read the bucket {bucket}")]
    Look { bucket: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("read the state of stream {stream}")]
    Stream { stream: String, source: Box<dyn std::error::Error + Send + Sync> },
}

/// A connection for the check.
#[derive(Debug)]
pub struct ExclusivityCheck(Client);

impl ExclusivityCheck {
    /// Connects to the servers.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn connect(server: &ServerAddress) -> Result<Self, ConnectError> {
        Ok(Self(server.connect("boarding move").await?))
    }

    /// Fails while an engine answers on these servers or has a valid lease. An engine with this data folder has ended
    /// if the folder can be locked, so its lease is ignored.
    ///
    /// # Errors
    /// Which engine runs, or why the check failed.
    pub async fn check_idle(&self, folder: &Path) -> Result<(), ExclusivityError> {
        if let Some(other) = micro::other_engine(&self.0).await {
            return Err(ExclusivityError::Serves { id: other.id });
        }
        if let Some(engine) = with_retry(&self.0, async || engine(&self.0).await).await? {
            return Err(ExclusivityError::Works { engine });
        }
        let folder = data_dir::identity(folder);
        match with_retry(&self.0, async || alone(&self.0, folder.as_deref()).await).await? {
            Some(holder) => Err(ExclusivityError::Alone(Box::new(holder))),
            None => Ok(()),
        }
    }

    /// The number of messages in the stream; `None` if it does not exist.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn messages(&self, stream: &str) -> Result<Option<u64>, ExclusivityError> {
        with_retry(&self.0, async || messages_now(&self.0, stream).await).await
    }

    /// Whether events were published. They hold positions of the log, which a move changes.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn has_published(&self) -> Result<bool, ExclusivityError> {
        Ok(self.messages(EVENT_STREAM).await?.is_some_and(|messages| messages > 0))
    }
}

/// An engine that serves the log of another folder.
async fn alone(
    client: &Client,
    folder: Option<&str>,
) -> Result<Option<LeaseHolder>, ExclusivityError> {
    let Some(bucket) = existing(client, OWNERS_BUCKET).await? else { return Ok(None) };
    Ok(log_lease::other_alone(&bucket, folder).await?)
}

/// An engine with a valid lease.
async fn engine(client: &Client) -> Result<Option<String>, ExclusivityError> {
    let Some(bucket) = existing(client, ENGINES_BUCKET).await? else { return Ok(None) };
    let failed = |source| ExclusivityError::Look { bucket: ENGINES_BUCKET, source };
    let mut engines = bucket.keys().await.map_err(|error| failed(error.into()))?;
    engines.next().await.transpose().map_err(|error| failed(error.into()))
}

/// The bucket; `None` if no engine has made it.
async fn existing(
    client: &Client,
    bucket: &'static str,
) -> Result<Option<kv::Store>, ExclusivityError> {
    if messages_now(client, &format!("KV_{bucket}")).await?.is_none() {
        return Ok(None);
    }
    let opened = context(client).get_key_value(bucket).await;
    opened.map(Some).map_err(|error| ExclusivityError::Look { bucket, source: error.into() })
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
