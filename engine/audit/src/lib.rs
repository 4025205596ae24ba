//! Proofs of the log for auditors: verification of every commit, signed checkpoints, and bundles that are checked
//! without the data folder.

mod bundle;
mod checkpoint;
mod keys;
mod merkle;
mod newest;
mod note;
mod records;
mod rules;
mod signing;
mod verify;

pub use bundle::{
    BundleChecked, BundleError, BundleProblem, ExportError, Exported, LINE_BYTES_MAX,
    check as check_bundle, export,
};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use keys::{KEYS_MAX, KeyRecord, KeyRecordError, TrustedKeys, read_keys};
pub use merkle::{HeadTree, Inclusion, TreeHash};
pub use newest::{newest_position, newest_signed};
pub use note::{NOTE_BYTES_MAX, NoteError, NoteKey, NoteSigner, SignedNote};
pub use rules::{Rule, RuleBreak, Rules};
pub use signing::{SignedPast, Signing, SigningError, StoredKey};
pub use verify::{
    AuditError, AuditProgress, Finding, FindingKind, Verified, verify_files, verify_files_with,
    verify_log,
};
