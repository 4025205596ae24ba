//! Key-value buckets: opens or creates them, and writes entries by expected revision.

use std::time::Duration;

use async_nats::jetstream::{self, kv};
use boarding_log::limits::NATS_ANSWER_SECONDS_MAX;

/// Why a bucket cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("open or create the bucket {bucket}")]
pub struct BucketError {
    bucket: &'static str,
    source: async_nats::Error,
}

/// Opens the bucket, or creates it.
pub(crate) async fn bucket(
    jetstream: &jetstream::Context,
    name: &'static str,
    max_age: Duration,
    replicas: usize,
) -> Result<kv::Store, BucketError> {
    // Only the last value of a key is needed.
    let config = kv::Config {
        bucket: name.to_owned(),
        history: 1,
        max_age,
        num_replicas: replicas,
        ..Default::default()
    };
    let failed = |source| BucketError { bucket: name, source };
    match jetstream.get_key_value(name).await {
        Ok(store) => Ok(store),
        Err(_) => {
            let made = jetstream.create_key_value(config).await;
            made.map_err(|error| failed(error.into()))
        }
    }
}

/// Limits a request to the time that a live leader needs. A write that timed out may be stored nevertheless, so the
/// caller must read the entry again.
pub(crate) async fn with_time_limit<T>(
    request: impl Future<Output = Result<T, async_nats::Error>>,
) -> Result<T, async_nats::Error> {
    tokio::time::timeout(Duration::from_secs(NATS_ANSWER_SECONDS_MAX), Box::pin(request)).await?
}

/// Writes the entry if it still has this revision. With `None`, writes only if the key has no value. Returns the new
/// revision, or `None` if another writer was first.
pub(crate) async fn write_expecting(
    store: &kv::Store,
    key: &str,
    value: bytes::Bytes,
    revision: Option<u64>,
) -> Result<Option<u64>, async_nats::Error> {
    match revision {
        Some(revision) => match store.update(key, value, revision).await {
            Ok(revision) => Ok(Some(revision)),
            Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => Ok(None),
            Err(error) => Err(error.into()),
        },
        None => match store.create(key, value).await {
            Ok(revision) => Ok(Some(revision)),
            Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error.into()),
        },
    }
}
