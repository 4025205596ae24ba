//! The program's limits: each named with its unit, and a sentence why.

/// The most commits that a move appends at once, in commits: neighbours of one company.
pub(crate) const MOVE_COMMITS_PER_APPEND: usize = 512;

/// The most bytes that a move appends at once, in bytes: what one message of a broker holds, with air.
pub(crate) const MOVE_BYTES_PER_APPEND: usize = 768 * 1024;

/// How many commits a move reads ahead, in commits.
pub(crate) const MOVE_COMMITS_AHEAD: usize = 64;
