//! Backups of a data folder, also while it is in use, and their restore.
//!
//! A backup has a file `manifest` and objects, in a folder or in a bucket of an object store. The manifest lists each file with its length and
//! SHA-256, and what the log was at one position. An object is a file whose name is the SHA-256 of its bytes. An object is
//! never changed, so an interrupted backup leaves the earlier one whole.

mod bucket;
mod create;
mod error;
mod folder;
mod manifest;
mod place;
mod restore;
mod store;

pub use bucket::Bucket;
pub use create::{BackedUp, Options, back_up};
pub use error::BackupError;
pub use folder::Folder;
pub use manifest::{FileEntry, Manifest};
pub use place::Place;
pub use restore::{Checked, Target, check, fill, linked_files, target_of};

/// What was done so far, of how much, in bytes. The work ends early if it returns false.
pub type OnProgress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;
