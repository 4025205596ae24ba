//! Data that engines on one log share: import files and the link secret.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use async_nats::jetstream::object_store::{self, ObjectStore};
use async_nats::jetstream::{self, kv};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Handle;

use super::key_value::{BucketError, bucket};
use super::names::{KEPT_BUCKET, SECRETS_BUCKET};
use crate::limits::OBJECT_SILENCE_SECONDS_MAX;
use boarding_core::data_dir::{SECRET_BYTES, Secret};
use boarding_core::files::SharedFiles;
use boarding_log::connect::with_retry;

/// Why shared data is unavailable.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    #[error("open the bucket {bucket}")]
    Bucket { bucket: &'static str, source: async_nats::Error },
    #[error(transparent)]
    Secrets(#[from] BucketError),
    #[error("read the link secret in {SECRETS_BUCKET}")]
    Secret(#[source] async_nats::Error),
    #[error(
        "read the link secret in {SECRETS_BUCKET}: it has {bytes} bytes, expected {SECRET_BYTES}"
    )]
    SecretLength { bytes: usize },
}

/// The key of the link secret in the bucket.
const LINK_SECRET_KEY: &str = "links";

/// Reads the link secret of all engines on this NATS. Returns `None` if no engine has stored one.
///
/// # Errors
/// When NATS does not answer, or the stored secret has a wrong length.
pub async fn secret(
    jetstream: &jetstream::Context,
    copies: usize,
) -> Result<Option<Secret>, SharedError> {
    let client = jetstream.client();
    let known = with_retry(&client, async || {
        let store = bucket(jetstream, SECRETS_BUCKET, Duration::ZERO, copies).await?;
        store.get(LINK_SECRET_KEY).await.map_err(|error| SharedError::Secret(error.into()))
    });
    known.await?.map(|bytes| read_secret(&bytes)).transpose()
}

/// Stores the link secret of all engines. Returns the stored secret, because another engine may have been first.
///
/// # Errors
/// When NATS does not answer, or the stored secret has a wrong length.
pub async fn store_secret(
    jetstream: &jetstream::Context,
    ours: &Secret,
    copies: usize,
) -> Result<Secret, SharedError> {
    let client = jetstream.client();
    let stored = with_retry(&client, async || {
        let failed = |error: async_nats::Error| SharedError::Secret(error);
        let store = bucket(jetstream, SECRETS_BUCKET, Duration::ZERO, copies).await?;
        match store.create(LINK_SECRET_KEY, ours.bytes().to_vec().into()).await {
            Ok(_) => return Ok(ours.bytes().to_vec()),
            Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error.into())),
        }
        let known = store.get(LINK_SECRET_KEY).await.map_err(|error| failed(error.into()))?;
        Ok(known.unwrap_or_default().to_vec())
    });
    read_secret(&stored.await?)
}

fn read_secret(bytes: &[u8]) -> Result<Secret, SharedError> {
    let secret = <[u8; SECRET_BYTES]>::try_from(bytes);
    secret.map(Secret::new).map_err(|_| SharedError::SecretLength { bytes: bytes.len() })
}

/// Import files in an object store, so that another engine can continue an import.
pub struct KeptFiles {
    store: ObjectStore,
    runtime: Handle,
}

impl KeptFiles {
    /// Opens the bucket, or creates it.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn open(jetstream: &jetstream::Context, copies: usize) -> Result<Self, SharedError> {
        let store = match jetstream.get_object_store(KEPT_BUCKET).await {
            Ok(store) => store,
            Err(_) => {
                let config = object_store::Config {
                    bucket: KEPT_BUCKET.to_owned(),
                    num_replicas: copies,
                    ..Default::default()
                };
                let made = jetstream.create_object_store(config).await;
                made.map_err(|error| SharedError::Bucket {
                    bucket: KEPT_BUCKET,
                    source: error.into(),
                })?
            }
        };
        Ok(Self { store, runtime: Handle::current() })
    }
}

impl fmt::Debug for KeptFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptFiles")
    }
}

impl SharedFiles for KeptFiles {
    fn put(&self, sha256: &str, file: File) -> io::Result<()> {
        let putting = async {
            // The name is the digest of the content, so a stored object of this name is the same file.
            if self.store.info(sha256).await.is_ok() {
                return Ok(());
            }
            let mut file = tokio::fs::File::from_std(file);
            self.store.put(sha256, &mut file).await.map(|_| ()).map_err(io::Error::other)
        };
        self.runtime.block_on(putting)
    }

    fn get(&self, sha256: &str) -> io::Result<Box<dyn Read>> {
        let found = self.runtime.block_on(self.store.get(sha256));
        let object = found.map_err(|error| match error.kind() {
            object_store::GetErrorKind::NotFound => io::Error::new(io::ErrorKind::NotFound, error),
            _ => io::Error::other(error),
        })?;
        Ok(Box::new(ObjectReader { object, runtime: self.runtime.clone() }))
    }
}

/// Reads an object on a blocking thread.
struct ObjectReader {
    object: object_store::Object,
    runtime: Handle,
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let silence = Duration::from_secs(OBJECT_SILENCE_SECONDS_MAX);
        let read = async { tokio::time::timeout(silence, self.object.read(buffer)).await };
        self.runtime.block_on(read).map_err(io::Error::from)?
    }
}
