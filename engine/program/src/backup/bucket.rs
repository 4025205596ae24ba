//! A backup in a bucket of a NATS object store.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::object_store::{
    Config, DeleteErrorKind, GetErrorKind, Object, ObjectStore,
};
use async_nats::jetstream::{self, context};
use boarding_log::connect::{usual_copies, with_retry};
use futures_util::TryStreamExt as _;
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Handle;

use super::error::{BackupError, failed};
use super::folder::Folder;
use super::manifest::NAME;
use super::place::Place;
use super::store;
use crate::limits::BUCKET_SILENCE_SECONDS_MAX;

/// The beginnings of the names of buckets that engines use themselves.
const OWN_BUCKETS: [&str; 5] =
    ["BOARDING_FILES", "BOARDING_ENGINES", "BOARDING_OWNERS", "BOARDING_KEPT", "BOARDING_SECRETS"];

/// A bucket, and the runtime of its connection.
pub struct Bucket {
    name: String,
    store: ObjectStore,
    runtime: Handle,
}

impl Bucket {
    /// Opens a bucket; creates it for a backup.
    ///
    /// # Errors
    /// When NATS does not answer, or there is no such bucket.
    pub async fn open(client: &Client, name: &str, creates: bool) -> Result<Self, BackupError> {
        if creates && OWN_BUCKETS.iter().any(|own| name.starts_with(own)) {
            let message = format!("{name} is a bucket of the engine; give another name");
            return Err(BackupError::refused("backup.other_content", message));
        }
        let jetstream = jetstream::new(client.clone());
        let config = || Config {
            bucket: name.to_owned(),
            description: Some("A backup of boarding".to_owned()),
            num_replicas: usual_copies(client),
            ..Config::default()
        };
        let store = with_retry(client, async || match jetstream.get_object_store(name).await {
            Err(_) if creates => jetstream
                .create_object_store(config())
                .await
                .map_err(|error: context::CreateObjectStoreError| Opening(error.into())),
            found => found.map_err(|error| Opening(error.into())),
        });
        let store = store.await.map_err(nats("open the bucket", name))?;
        Ok(Self { name: name.to_owned(), store, runtime: Handle::current() })
    }

    /// Waits for an answer of the server.
    fn wait<T, E: std::error::Error + Send + Sync + 'static>(
        &self,
        operation: &'static str,
        object: &str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, BackupError> {
        self.runtime.block_on(work).map_err(nats(operation, &self.shown(Some(object))))
    }

    /// Copies the whole backup into a folder, where it is verified.
    ///
    /// # Errors
    /// When there is no complete backup, or it cannot be copied.
    pub fn copy_to(
        &self,
        folder: &Path,
        on_progress: super::OnProgress<'_>,
    ) -> Result<(), BackupError> {
        let copy = Folder::for_copy(folder)?;
        let bytes = self.manifest()?.ok_or_else(|| {
            let message = format!("{} is no backup: it has no manifest", self.shown(None));
            BackupError::refused("restore.no_backup", message)
        })?;
        let manifest = super::Manifest::parse(&bytes)?.manifest;
        let (mut done, total) = (0, manifest.bytes());
        for entry in &manifest.files {
            let mut draft = copy.draft()?;
            let path = draft.path().to_owned();
            store::read(self, entry, |part| {
                draft.write_all(part).map_err(failed("write", &path))?;
                done += part.len() as u64;
                match on_progress(done, total) {
                    true => Ok(()),
                    false => Err(BackupError::Interrupted),
                }
            })?;
            copy.put(&entry.sha256, draft)?;
        }
        copy.put_manifest(&bytes)
    }
}

/// Why a bucket could not be opened.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Opening(async_nats::Error);

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.name)
    }
}

impl Place for Bucket {
    fn shown(&self, object: Option<&str>) -> String {
        match object {
            Some(object) => format!("nats:{}/{object}", self.name),
            None => format!("nats:{}", self.name),
        }
    }

    fn manifest(&self) -> Result<Option<Vec<u8>>, BackupError> {
        let Some(mut object) = self.open(NAME)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = object.read_to_end(&mut bytes);
        read.map_err(failed("read", Path::new(&self.shown(Some(NAME)))))?;
        Ok(Some(bytes))
    }

    fn objects(&self) -> Result<HashMap<String, u64>, BackupError> {
        let mut list = self.wait("list", "*", self.store.list())?;
        let mut objects = HashMap::new();
        while let Some(object) = self.wait("list", "*", list.try_next())? {
            if !object.deleted && object.name != NAME {
                objects.insert(object.name, object.size as u64);
            }
        }
        Ok(objects)
    }

    fn open(&self, object: &str) -> Result<Option<Box<dyn Read + '_>>, BackupError> {
        match self.runtime.block_on(self.store.get(object)) {
            Ok(found) => Ok(Some(Box::new(ObjectReader { object: found, bucket: self }))),
            Err(error) if error.kind() == GetErrorKind::NotFound => Ok(None),
            Err(error) => Err(nats("read", &self.shown(Some(object)))(error)),
        }
    }

    fn draft(&self) -> Result<NamedTempFile, BackupError> {
        NamedTempFile::new().map_err(failed("make a file in", &std::env::temp_dir()))
    }

    fn put(&self, object: &str, draft: NamedTempFile) -> Result<(), BackupError> {
        let path = draft.path().to_owned();
        let mut file = draft.reopen().map_err(failed("read", &path))?;
        file.rewind().map_err(failed("read", &path))?;
        let mut file = tokio::fs::File::from_std(file);
        self.wait("write", object, self.store.put(object, &mut file)).map(drop)
    }

    fn put_manifest(&self, bytes: &[u8]) -> Result<(), BackupError> {
        self.wait("write", NAME, self.store.put(NAME, &mut &*bytes)).map(drop)
    }

    fn remove(&self, object: &str) -> Result<(), BackupError> {
        match self.runtime.block_on(self.store.delete(object)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == DeleteErrorKind::NotFound => Ok(()),
            Err(error) => Err(nats("remove", &self.shown(Some(object)))(error)),
        }
    }
}

/// Reads an object on a blocking thread.
struct ObjectReader<'a> {
    object: Object,
    bucket: &'a Bucket,
}

impl Read for ObjectReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let silence = Duration::from_secs(BUCKET_SILENCE_SECONDS_MAX);
        let read = async { tokio::time::timeout(silence, self.object.read(buffer)).await };
        self.bucket.runtime.block_on(read).map_err(io::Error::from)?
    }
}

/// Names the operation and the object of an error of NATS.
fn nats<E: std::error::Error + Send + Sync + 'static>(
    operation: &'static str,
    object: &str,
) -> impl FnOnce(E) -> BackupError + use<E> {
    let object = object.to_owned();
    move |source| BackupError::Nats { operation, object, source: Box::new(source) }
}
