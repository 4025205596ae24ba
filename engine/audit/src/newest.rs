//! The newest checkpoint of a folder. Only the end of its file is read.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::keys::{TrustedKeys, read_keys};
use crate::records;

/// The file of checkpoints.
pub(crate) const CHECKPOINTS: &str = "checkpoints";
/// The file of public keys.
pub(crate) const PUBLIC_KEYS: &str = "public-keys";

/// The position of the newest checkpoint of the log with this name. Signatures are not checked.
pub fn newest_position(folder: &Path, origin: &str) -> Option<u64> {
    newest(folder).find(|one| one.origin == origin).map(|one| one.position)
}

/// The newest checkpoint that a key of the folder has signed, of the log with this name or, without one, of any log in files.
/// A checkpoint whose signature is wrong is passed over.
pub fn newest_signed(folder: &Path, origin: Option<&str>) -> Option<Checkpoint> {
    let keys = records::read(&folder.join(PUBLIC_KEYS)).ok()?;
    let trusted = TrustedKeys::of_folder(&read_keys(&keys).ok()?);
    let notes = records::read_last(&folder.join(CHECKPOINTS)).unwrap_or_default();
    let signed = notes.iter().rev().filter_map(|note| trusted.read_checkpoint(note).ok());
    let is_wanted = |one: &Checkpoint| origin.is_none_or(|origin| one.origin == origin);
    signed.into_iter().find(is_wanted)
}

fn newest(folder: &Path) -> impl Iterator<Item = Checkpoint> {
    let notes = records::read_last(&folder.join(CHECKPOINTS)).unwrap_or_default();
    notes.into_iter().rev().filter_map(|note| Checkpoint::read(&note).ok())
}
