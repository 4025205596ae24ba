//! The object store in JetStream, for files that are too large for a command.

use std::io::{self, Read};
use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::object_store::{
    Config, GetErrorKind, InfoErrorKind, Object, ObjectStore,
};
use async_nats::jetstream::{self, Context, ErrorCode};
use boarding_commands::event::FileRef;
use boarding_commands::values::{Code, Refusal};
use boarding_csv::Limits;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::names::{self, FILES_BUCKET};
use crate::limits::{
    FILES_BYTES_MAX, OBJECT_SILENCE_SECONDS_MAX, OBJECTS_AT_ONCE_MAX, OBJECTS_KEPT_DAYS,
};
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

    /// Opens a bucket of files, or creates it.
    pub(super) async fn open(&self, bucket: &str) -> Result<ObjectStore, async_nats::Error> {
        if let Ok(store) = self.jetstream.get_object_store(bucket).await {
            return Ok(store);
        }
        let config = Config {
            bucket: bucket.to_owned(),
            description: Some("Files for ImportFile; names begin with <company>/".to_owned()),
            max_age: Duration::from_secs(OBJECTS_KEPT_DAYS * 24 * 60 * 60),
            max_bytes: FILES_BYTES_MAX,
            num_replicas: self.copies,
            ..Config::default()
        };
        Ok(self.jetstream.create_object_store(config).await?)
    }

    /// The object of this name: in the bucket of the company's own users, or in that of the users of no company.
    async fn get(&self, name: &str) -> Result<Object, Refusal> {
        let company = name.split_once('/').and_then(|(company, _)| company.parse().ok());
        if let Some(own) = company.map(|company| names::files_bucket(&company))
            && self.is_there(&own).await?
            && let Some(object) = self.find(&own, name).await?
        {
            return Ok(object);
        }
        let object = self.find(FILES_BUCKET, name).await?;
        object.ok_or_else(|| Refusal::new(Code::ImportObjectNotFound))
    }

    async fn is_there(&self, bucket: &str) -> Result<bool, Refusal> {
        match self.jetstream.get_stream(format!("OBJ_{bucket}")).await {
            Ok(_) => Ok(true),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(no)
                    if no.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(false)
                }
                _ => Err(unavailable(&error)),
            },
        }
    }

    async fn find(&self, bucket: &str, name: &str) -> Result<Option<Object>, Refusal> {
        let store = self.open(bucket).await.map_err(|error| unavailable(&*error))?;
        // The client library follows links, also those of an object to itself, so they are refused before.
        match store.info(name).await {
            Ok(info) if info.options.as_ref().is_some_and(|it| it.link.is_some()) => {
                return Ok(None);
            }
            Ok(_) => {}
            Err(error) => match error.kind() {
                InfoErrorKind::NotFound | InfoErrorKind::InvalidName => return Ok(None),
                InfoErrorKind::Other | InfoErrorKind::TimedOut => return Err(unavailable(&error)),
            },
        }
        let silence = Duration::from_secs(OBJECT_SILENCE_SECONDS_MAX);
        let got = tokio::time::timeout(silence, store.get(name)).await;
        let mut object = match got.map_err(|error| unavailable(&error))? {
            Ok(object) => object,
            Err(error) => match error.kind() {
                GetErrorKind::NotFound | GetErrorKind::InvalidName | GetErrorKind::BucketLink => {
                    return Ok(None);
                }
                GetErrorKind::ConsumerCreate | GetErrorKind::Other | GetErrorKind::TimedOut => {
                    return Err(unavailable(&error));
                }
            },
        };
        // The client has written the entry. It may be a link to another object, perhaps of another company, or
        // name the bytes of all objects.
        let info = &mut object.info;
        let is_plain = info.nuid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if info.name != name || info.bucket != FILES_BUCKET || !is_plain {
            return Ok(None);
        }
        // Under this name the bytes are stored. Clients know the bucket by its other name.
        bucket.clone_into(&mut info.bucket);
        Ok(Some(object))
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
