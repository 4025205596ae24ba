//! The object store in JetStream, for files that are too large for a command.

use std::io::{self, Read};
use std::time::Duration;

use async_nats::jetstream::object_store::{Config, GetErrorKind, Object, ObjectStore};
use async_nats::jetstream::{self, Context};
use boarding_commands::event::FileRef;
use boarding_commands::values::{Code, Refusal};
use boarding_csv::Limits;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::names::FILES_BUCKET;
use crate::limits::{OBJECT_SILENCE_SECONDS_MAX, OBJECTS_AT_ONCE_MAX, OBJECTS_KEPT_DAYS};
use boarding_core::files::Files;
use boarding_core::object_store::{FetchFuture, FetchedObject, Objects};

/// The bucket `BOARDING_FILES` of the contract.
#[derive(Debug)]
pub(super) struct ObjectBucket {
    jetstream: Context,
    /// The number of replicas of a new bucket.
    copies: usize,
    /// Limits the fetches that run at the same time.
    fetches: Semaphore,
}

impl ObjectBucket {
    pub(super) fn new(client: &async_nats::Client, copies: usize) -> Self {
        let jetstream = jetstream::new(client.clone());
        Self { jetstream, copies, fetches: Semaphore::new(OBJECTS_AT_ONCE_MAX) }
    }

    /// Opens the bucket, or creates it.
    pub(super) async fn open(&self) -> Result<ObjectStore, async_nats::Error> {
        if let Ok(store) = self.jetstream.get_object_store(FILES_BUCKET).await {
            return Ok(store);
        }
        let config = Config {
            bucket: FILES_BUCKET.to_owned(),
            description: Some("Files for ImportFile; names begin with <company>/".to_owned()),
            max_age: Duration::from_secs(OBJECTS_KEPT_DAYS * 24 * 60 * 60),
            num_replicas: self.copies,
            ..Config::default()
        };
        Ok(self.jetstream.create_object_store(config).await?)
    }

    async fn get(&self, name: &str) -> Result<Object, Refusal> {
        let store = self.open().await.map_err(|error| unavailable(&*error))?;
        let object = store.get(name).await.map_err(|error| match error.kind() {
            GetErrorKind::NotFound | GetErrorKind::InvalidName | GetErrorKind::BucketLink => {
                Refusal::new(Code::ImportObjectNotFound)
            }
            GetErrorKind::ConsumerCreate | GetErrorKind::Other | GetErrorKind::TimedOut => {
                unavailable(&error)
            }
        })?;
        // An object may be a link to another object, perhaps of another company. So links are rejected.
        if object.info().name != name || object.info().bucket != FILES_BUCKET {
            return Err(Refusal::new(Code::ImportObjectNotFound));
        }
        Ok(object)
    }

    /// Copies an object to the stored files, where the file gets the name `file_name`.
    async fn store(
        &self,
        object_name: &str,
        file_name: &str,
        files: &Files,
    ) -> Result<FetchedObject, Refusal> {
        let _permit = self.fetches.acquire().await;
        let object = self.get(object_name).await?;
        let limit = Limits::default().file_bytes;
        let size = object.info().size as u64;
        if size > limit {
            let details = json!({"limit": limit, "actual": size});
            return Err(Refusal::new(Code::ImportTooLarge).with(details));
        }
        let digest = object.info().digest.clone();
        let (files, name, runtime) = (files.clone(), file_name.to_owned(), Handle::current());
        let copy = move || -> Result<FileRef, Refusal> {
            // An empty object may have no chunk in the store, so a reader could wait for one in vain.
            let kept = if size == 0 {
                files.keep(&name, io::empty(), limit)
            } else {
                files.keep(&name, ObjectReader { object, runtime }, limit)
            };
            kept.map_err(|error| match wrong_digest(&error) {
                true => Refusal::new(Code::ImportChecksumMismatch),
                false => error.refusal(),
            })
        };
        let kept =
            tokio::task::spawn_blocking(copy).await.map_err(|error| unavailable(&error))??;
        Ok(FetchedObject { kept, digest })
    }
}

impl Objects for ObjectBucket {
    fn fetch<'a>(&'a self, object: &'a str, name: &'a str, files: &'a Files) -> FetchFuture<'a> {
        Box::pin(self.store(object, name, files))
    }
}

fn unavailable(error: &dyn std::error::Error) -> Refusal {
    let why = format!("the object store failed: {}", boarding_log::error_chain(error));
    Refusal::new(Code::Unavailable).saying(&why)
}

/// Whether the object's bytes did not match its digest. The client library reports this as invalid data.
fn wrong_digest(error: &dyn std::error::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() == io::ErrorKind::InvalidData)
}

/// Reads an object on a blocking thread. A read fails if the store sends nothing for too long.
struct ObjectReader {
    object: Object,
    runtime: Handle,
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let silence = Duration::from_secs(OBJECT_SILENCE_SECONDS_MAX);
        let read = async { tokio::time::timeout(silence, self.object.read(buffer)).await };
        self.runtime.block_on(read).map_err(io::Error::from)?
    }
}
