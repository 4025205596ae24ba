//! The event log: the one truth. A trait, what it promises, and the backends that keep the promise.

pub mod codec;
pub mod connect;
pub mod contract;
pub mod file;
pub mod jetstream;
pub mod limits;
pub mod memory;

mod check;
mod commands;
mod error;
mod random;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use boarding_commands::commit::Recorded;
use boarding_commands::values::{CommandId, CompanyId, Digest};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use crate::codec::Encoded;
pub use error::{AppendError, ReadError};
pub use random::random_bytes;

/// The most commits of one append: what one company's task may drain from its inbox at a time.
pub const APPEND_COMMITS_MAX: usize = 1_024;

/// The most bytes of one append: sixteen commits of the largest size.
pub const APPEND_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most positions of one append, so that the place of an event in its append takes sixteen bits.
pub const APPEND_POSITIONS_MAX: u64 = 1 << 16;

/// Where all that ever happened is kept, and nothing else is needed to know it.
///
/// **Order.** Every event has a *position* in the whole log, from 1: a commit takes as many as it has
/// events, and one if it has none. Positions rise from commit to commit; within one append there are no
/// gaps, between two there may be. They stay below 2^53, so that JSON holds them. Every company has a
/// *version*, from 1 and without gaps, that only its own events move; a commit without events moves no
/// version.
///
/// **Append.** The commits of one call are of one company. A commit says what it was decided on:
/// `first_version` is one more than the company's version and `previous` the hash of its last commit
/// (zeros at first), or those of the commit before it in the same call. If that holds for all commits
/// of a call, all are appended, next to each other, in the order given; if not, none is: a reader sees
/// all of an append or nothing, also after a crash. Of two appends that expect the same version exactly
/// one wins. The answer comes when what was appended is durable: it survives the loss of power.
/// Appends of one caller that do not wait for each other may come to stand in either order.
///
/// **Other writers.** A log may have more than one, each with a trait object of its own. What another
/// one appended is seen after a while; after a conflict at once, by whoever was told of it.
///
/// **Dropping** an append's future before it is ready leaves open whether it happens.
///
/// **Read.** Only what is durable is seen: by readers, [`EventLog::head`], [`EventLog::end`] and the
/// watch alike. When an append answers, all of them show it already. A reader yields commits in order,
/// each once, says `None` at the end, and goes on from there when it is asked again. Reading blocks on
/// the disk or the network: a task of the async runtime asks where blocking is allowed.
///
/// **Faults.** Bytes that cannot be read are an error, never skipped. After a write whose outcome is
/// unknown ([`AppendError::is_outcome_unknown`]) the caller reads the company again before it decides
/// anything; a log that cannot go on from there refuses every append until it is opened again, while
/// reading goes on.
pub trait EventLog: Send + Sync + fmt::Debug {
    /// Appends commits, all or none, and answers for each once they are durable.
    fn append(&self, commits: Vec<Encoded>) -> AppendFuture<'_>;

    /// The most bytes of commits that one append of this log takes; at least one commit of the largest size.
    fn append_bytes_max(&self) -> usize {
        APPEND_BYTES_MAX
    }

    /// Where a company's stream stands. A company that is not known is at version 0.
    fn head(&self, company: &CompanyId) -> Head;

    /// The companies that have a commit, in the order of their ids.
    fn companies(&self) -> Vec<CompanyId>;

    /// The last position, 0 while the log is empty.
    fn end(&self) -> u64;

    /// The last position, as it moves.
    fn watch(&self) -> watch::Receiver<u64>;

    /// Reads the whole log from the commit that holds `position`, or from the first one after it if none
    /// does (0 and 1 both mean the start).
    fn read_all(&self, position: u64) -> Box<dyn Reader>;

    /// Reads one company from the commit that holds `version` (0 and 1 both mean the start).
    fn read_company(&self, company: &CompanyId, version: u64) -> Box<dyn Reader>;

    /// Reads again the commit that a reader yielded with this place.
    ///
    /// # Errors
    /// When no commit stands there, or it cannot be read.
    fn read_at(&self, location: Location) -> Result<Recorded, ReadError>;

    /// Finds the commit of a command among those after the position last given to
    /// [`EventLog::forget_commands_up_to`].
    ///
    /// # Errors
    /// When the commit's bytes cannot be read.
    fn find_command(
        &self,
        company: &CompanyId,
        command: CommandId,
    ) -> Result<Option<CommandLocation>, ReadError>;

    /// Frees the memory that [`EventLog::find_command`] holds for commits up to this position: the
    /// caller has them in an index of its own. It may free fewer than it could, never more.
    fn forget_commands_up_to(&self, position: u64);
}

/// What [`EventLog::append`] answers with: one entry for each commit, in the order given.
pub type AppendFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<Appended>, AppendError>> + Send + 'a>>;

/// Yields commits in order and keeps its place.
pub trait Reader: Send + fmt::Debug {
    /// The next commit; `None` at the end of the log, where it may be asked again later.
    ///
    /// # Errors
    /// When the next bytes cannot be read. The reader stays before them.
    fn next(&mut self) -> Result<Option<Entry>, ReadError>;
}

/// A commit as it stands in the log, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub location: Location,
    pub recorded: Recorded,
}

/// Where a commit is stored, for [`EventLog::read_at`]. It rises with the position, stays the same for
/// as long as the log lasts, and means nothing in another log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Location(pub u64);

/// Where a company's stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The version of its last event, 0 before the first.
    pub version: u64,
    /// The hash of its last commit, zeros before the first.
    pub hash: Digest,
}

/// What became of a commit that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The position of its first event.
    pub position: u64,
    pub last_position: u64,
    /// The company's version after it.
    pub last_version: u64,
    pub hash: Digest,
    pub location: Location,
}

/// The commit of a command, as far as an answer to a repeat needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandLocation {
    pub first_version: u64,
    /// The digest of the command's name and body: the same id with another is a conflict.
    pub body: Digest,
    pub position: u64,
    pub location: Location,
}

/// An error with everything that lies behind it, in one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    std::iter::once(error.to_string())
        .chain(causes.map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(": ")
}
