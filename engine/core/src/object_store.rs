//! The object store: the source of files that commands name but do not contain.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use boarding_commands::event::FileRef;
use boarding_commands::values::Refusal;

use crate::files::Files;

/// The bucket for files that are too large for a command.
pub const FILES_BUCKET: &str = "BOARDING_FILES";

/// The future of a fetch.
pub type FetchFuture<'a> =
    Pin<Box<dyn Future<Output = Result<FetchedObject, Refusal>> + Send + 'a>>;

/// A fetched file.
#[derive(Debug)]
pub struct FetchedObject {
    /// The stored file.
    pub kept: FileRef,
    /// The digest according to the object store, in its notation.
    pub digest: Option<String>,
}

/// The source of files that commands name but do not contain.
///
/// * A file is stored completely or not at all.
/// * Errors: `import.object_not_found`, `import.too_large`, or `unavailable` for a temporary fault.
pub trait Objects: Send + Sync + fmt::Debug {
    /// Fetches the file and stores it under its digest. `name` is the file name in the command.
    fn fetch<'a>(&'a self, object: &'a str, name: &'a str, files: &'a Files) -> FetchFuture<'a>;
}
