//! The newest checkpoint of a folder, without a check of signatures.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::records;

/// The file of checkpoints.
pub(crate) const CHECKPOINTS: &str = "checkpoints";

/// The position of the newest checkpoint of the log with this name. Signatures are not checked.
pub fn newest_position(folder: &Path, origin: &str) -> Option<u64> {
    let newest = records::read_last(&folder.join(CHECKPOINTS)).unwrap_or_default();
    let checkpoints = newest.iter().rev().filter_map(|note| Checkpoint::read(note).ok());
    checkpoints.into_iter().find(|one| one.origin == origin).map(|one| one.position)
}
