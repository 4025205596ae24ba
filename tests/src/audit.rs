//! What auditors run: verification of the log, signed checkpoints, and bundles that are checked elsewhere.

mod bundles;
mod checkpoints;
mod verify;
