//! A bundle: the history of one company with its proofs, in one file that is checked without the data folder.
//!
//! The file is text. Its lines are: a header, each commit, the proof, and a signed note with the digest of all lines
//! before it.

mod check;
mod lines;
mod write;

pub use check::{BundleChecked, BundleError, BundleProblem, check};
pub use lines::LINE_BYTES_MAX;
pub use write::{ExportError, Exported, export};
