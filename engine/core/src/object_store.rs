//! The object store: files that commands only name are fetched from there.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use boarding_commands::event::FileRef;
use boarding_commands::values::Refusal;

use crate::files::Files;

/// The bucket of files that are too large for a command.
pub const FILES_BUCKET: &str = "BOARDING_FILES";

/// A file on its way.
pub type FetchFuture<'a> =
    Pin<Box<dyn Future<Output = Result<FetchedObject, Refusal>> + Send + 'a>>;

/// A file that was fetched.
#[derive(Debug)]
pub struct FetchedObject {
    pub kept: FileRef,
    /// What the store itself says that its digest is, as the store writes it.
    pub digest: Option<String>,
}

/// Where files are fetched from that a command only names.
///
/// * A file is kept whole or not at all.
/// * `import.object_not_found` if it is not there, `import.too_large` if it is larger than a file may be,
///   `unavailable` for whatever may pass.
pub trait Objects: Send + Sync + fmt::Debug {
    /// Fetches the file and keeps it under its digest; `name` is what the command calls it.
    fn fetch<'a>(&'a self, object: &'a str, name: &'a str, files: &'a Files) -> FetchFuture<'a>;
}
