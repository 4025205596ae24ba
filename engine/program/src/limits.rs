//! The program's limits, each with its unit and reason.

/// How often `serve` writes its metrics file, in seconds: several times in each minute, which is how often collectors
/// usually read it.
pub(crate) const METRICS_SECONDS: u64 = 10;

/// The largest number of commits in one append of a migration. They follow each other and have one company.
pub(crate) const MOVE_COMMITS_PER_APPEND: usize = 512;

/// The largest append of a migration, in bytes: below the default message size of a NATS server, 1 MiB.
pub(crate) const MOVE_BYTES_PER_APPEND: usize = 768 * 1024;

/// How many commits a migration reads ahead: enough that reading and appending overlap.
pub(crate) const MOVE_COMMITS_AHEAD: usize = 64;

/// The largest JSON answer of a running engine, in bytes: the largest page has 1,000 rows of some kilobytes.
pub(crate) const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How long a query is sent again that a running engine cannot answer yet, in seconds: an operator waits for it.
pub(crate) const QUERY_REPEATS_SECONDS: u64 = 30;

/// How long a server may send nothing while an object of a backup is read, in seconds: then the read fails.
pub(crate) const BUCKET_SILENCE_SECONDS_MAX: u64 = 30;
