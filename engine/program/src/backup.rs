//! Backups of a data folder, also while it is in use, and their restore.
//!
//! A backup is a folder with a file `manifest` and a folder `objects`. The manifest lists each file with its length and
//! SHA-256, and what the log was at one position. An object is a file whose name is the SHA-256 of its bytes. An object is
//! never changed, so an interrupted backup leaves the earlier one whole.

mod create;
mod error;
mod manifest;
mod restore;
mod store;

pub use create::{BackedUp, Options, back_up};
pub use error::BackupError;
pub use manifest::{FileEntry, Manifest};
pub use restore::{Checked, Target, check, fill, target_of};

/// What was done so far, of how much, in bytes. The work ends early if it returns false.
pub type OnProgress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;
