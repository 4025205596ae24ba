//! The event log: the trait, its contract, and its backends in memory, in files and in JetStream.

pub mod codec;
pub mod connect;
pub mod contract;
pub mod file;
pub mod jetstream;
pub mod limits;
pub mod memory;

mod check;
mod commands;
mod damage;
mod error;
mod position;
mod random;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use boarding_commands::commit::RecordedCommit;
use boarding_commands::values::{CommandId, CompanyId};
use tokio::sync::watch;

pub use crate::codec::Encoded;
pub use commands::CommandIndex;
pub use damage::{Certainty, CompanyDamage, DamagePlace};
pub use error::{AppendError, ReadError};
pub use limits::{APPEND_BYTES_MAX, APPEND_COMMITS_MAX, APPEND_POSITIONS_MAX};
pub use position::{Appended, CommandLocation, Entry, Head, Location, LogHeads};
pub use random::random_bytes;

/// The append-only log of all companies. Every other store can be rebuilt from it.
///
/// **Order.** Every event has a *position* in the whole log, from 1. A commit takes one position per
/// event, and one if it has no event. Positions rise from commit to commit. Within one append they have
/// no gaps; between two appends they may. They stay below 2^53, so that JSON holds them. Every company
/// has a *version*, from 1 and without gaps. Only the company's own events increase it; a commit without
/// events does not.
///
/// **Append.** The commits of one call belong to one company. Each commit names the state it was decided
/// on: `first_version` is one more than the company's version, and `previous` is the hash of its last
/// commit (zeros at first). For the second and later commits of a call, the commit before it counts. If
/// this holds for all commits of a call, all are appended, next to each other, in the order given. If
/// not, none is. A reader sees a whole append or nothing, also after a crash. Of two appends that expect
/// the same version, exactly one succeeds. The future completes when the append is durable: it survives
/// the loss of power. Two appends of one caller that run at the same time may be stored in either order.
///
/// **Several writers.** A log may have several writers, each with its own trait object. The append of
/// one writer becomes visible to the others after a delay. After a conflict, the writer that got the
/// error sees it at once.
///
/// **Dropping** the future of an append before it completes leaves the outcome unknown.
///
/// **Read.** Readers, [`EventLog::head`], [`EventLog::end`] and the watch show only durable commits.
/// They show an append before its future completes. A reader yields commits in order, each once. It
/// returns `None` at the end of the log; a later call continues from there. Reading blocks on the disk
/// or the network, so async tasks must call it where blocking is allowed.
///
/// **Faults.** Bytes that cannot be read while the log is open are an error and are never skipped. A log that is damaged when it
/// is opened may stop the companies that lost commits ([`EventLog::damage`]): readers skip their later commits, and appends to
/// them are rejected. After a write with an unknown
/// outcome ([`AppendError::is_outcome_unknown`]) the caller must read the company again before it decides
/// anything. A log that cannot continue rejects every append until it is opened again; reads still work.
pub trait EventLog: Send + Sync + fmt::Debug {
    /// Appends commits, all or none. Returns one entry per commit once they are durable.
    fn append(&self, commits: Vec<Encoded>) -> AppendFuture<'_>;

    /// The most bytes of one append to this log. It is at least the size of the largest commit.
    fn append_bytes_max(&self) -> usize {
        APPEND_BYTES_MAX
    }

    /// The head of a company's stream. An unknown company is at version 0.
    fn head(&self, company: &CompanyId) -> Head;

    /// The companies that have a commit, in the order of their ids.
    fn companies(&self) -> Vec<CompanyId>;

    /// The end of the log and the heads of all companies up to it. None if the log does not know them together: engines
    /// that share a log see each other's commits in another order than their own. None while commits are missing.
    fn heads(&self) -> Option<LogHeads>;

    /// The name of the log for auditors. A log that is copied keeps it, a log that is moved to another storage gets another.
    fn origin(&self) -> String;

    /// The companies that lost commits by damage, in the order of their ids.
    fn damaged_companies(&self) -> Vec<CompanyDamage> {
        Vec::new()
    }

    /// Whether several engines may append to the log.
    fn is_shared(&self) -> bool {
        false
    }

    /// What the log has lost, as text: the same damage has the same text. Empty if it has lost nothing. Rows that were made from
    /// a log with other damage are not those of this log.
    fn damage_text(&self) -> String {
        String::new()
    }

    /// Damage that stops no known company, as a sentence.
    fn further_damage(&self) -> Option<String> {
        None
    }

    /// The damage that forbids to append to a company. Readers show the company up to its damage.
    fn damage(&self, _company: &CompanyId) -> Option<CompanyDamage> {
        None
    }

    /// The last position, 0 while the log is empty.
    fn end(&self) -> u64;

    /// Publishes the last position each time it rises.
    fn watch(&self) -> watch::Receiver<u64>;

    /// Reads the whole log from the commit that holds `position`, or from the first one after it if none
    /// does (0 and 1 both mean the start).
    fn read_all(&self, position: u64) -> Box<dyn Reader>;

    /// Reads one company from the commit that holds `version` (0 and 1 both mean the start).
    fn read_company(&self, company: &CompanyId, version: u64) -> Box<dyn Reader>;

    /// Reads again the commit that a reader returned with this location.
    ///
    /// # Errors
    /// When there is no commit at this location, or it cannot be read.
    fn read_at(&self, location: Location) -> Result<RecordedCommit, ReadError>;

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

    /// Completes with the error when the log rejects all appends until it is opened again. Never completes
    /// while the log works.
    fn failed(&self) -> FailureFuture<'_> {
        Box::pin(std::future::pending())
    }

    /// Frees the memory that [`EventLog::find_command`] uses for commits up to this position. The
    /// caller must have them in its own index. The log may free fewer commits, never more.
    fn forget_commands_up_to(&self, position: u64);
}

/// The future of [`EventLog::append`]: one entry for each commit, in the order given.
pub type AppendFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<Appended>, AppendError>> + Send + 'a>>;

/// The future of [`EventLog::failed`].
pub type FailureFuture<'a> = Pin<Box<dyn Future<Output = AppendError> + Send + 'a>>;

/// Returns commits in order and keeps its position.
pub trait Reader: Send + fmt::Debug {
    /// The next commit, or `None` at the end of the log. A later call sees newer commits.
    ///
    /// # Errors
    /// When the next bytes cannot be read. The next call tries the same bytes again.
    fn next(&mut self) -> Result<Option<Entry>, ReadError>;
}

/// The error and all its causes in one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    std::iter::once(error.to_string())
        .chain(causes.map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(": ")
}
