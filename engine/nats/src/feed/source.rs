//! What is to be published next, from the log; and whether the log is the one that was published so far.

use boarding_commands::commit::Recorded;
use boarding_commands::values::{CompanyId, Digest};

use super::{FeedError, Message};
use crate::limits::FEED_READ_EVENTS;
use boarding_core::engine::EngineLog;
use boarding_log::{EventLog, Reader};

/// The event that was published last, as its message tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Last {
    pub company: CompanyId,
    pub version: u64,
    pub position: u64,
    /// The hash of its commit.
    pub hash: Digest,
}

/// The events after one, in the order of the log.
#[derive(Debug)]
pub(super) struct Source {
    /// Away while it reads.
    reader: Option<Box<dyn Reader>>,
    /// Every event up to here is published, or has been given out.
    given: u64,
    /// The largest message of this server, in bytes.
    max_bytes: usize,
}

impl Source {
    /// The events after the one published last; all of them if there is none.
    ///
    /// # Errors
    /// When the log does not hold that event: it is another log, or an older one.
    pub(super) async fn after(
        log: EngineLog,
        last: Option<Last>,
        max_bytes: usize,
    ) -> Result<Self, FeedError> {
        blocking(move || {
            let Some(last) = last else {
                return Ok(Self { reader: Some(log.read_all(0)), given: 0, max_bytes });
            };
            let position = place_of(&*log, &last)?;
            // The rest of its commit may be still to come: that commit is read again.
            let reader = Some(log.read_all(position));
            Ok(Self { reader, given: position, max_bytes })
        })
        .await
    }

    /// Every event up to here has been given out.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// The next events, at least as many as are read at a time; none at the end of the log.
    pub(super) async fn more(&mut self) -> Result<Vec<Message>, FeedError> {
        let mut reader = self.reader.take().ok_or(FeedError::Ending)?;
        let (after, max_bytes) = (self.given, self.max_bytes);
        let (reader, given, messages) = blocking(move || {
            let (mut given, mut messages) = (after, Vec::new());
            while messages.len() < FEED_READ_EVENTS
                && let Some(entry) = reader.next().map_err(FeedError::Log)?
            {
                let fresh = entry.recorded.facts().filter(|fact| fact.position > after);
                messages.extend(fresh.map(|fact| Message::of(&fact, max_bytes)));
                given = given.max(entry.recorded.last_position());
            }
            Ok((reader, given, messages))
        })
        .await?;
        self.reader = Some(reader);
        self.given = given;
        Ok(messages)
    }
}

/// Where the log holds an event: as a rule where it was when it was published, and elsewhere if the log has
/// moved since. It keeps its order then, so what stood before the event stands there still.
fn place_of(log: &dyn EventLog, last: &Last) -> Result<u64, FeedError> {
    let at_its_place = log.read_all(last.position).next().map_err(FeedError::Log)?;
    if at_its_place.is_some_and(|entry| position_in(&entry.recorded, last) == Some(last.position)) {
        return Ok(last.position);
    }
    let (company, version) = (last.company.clone(), last.version);
    if log.head(&company).version < version {
        return Err(FeedError::Ahead { company, version });
    }
    let moved = log.read_company(&company, version).next().map_err(FeedError::Log)?;
    let position = moved.and_then(|entry| position_in(&entry.recorded, last));
    position.ok_or(FeedError::OtherLog { company, version })
}

/// The event's position, if it is this commit's.
fn position_in(recorded: &Recorded, last: &Last) -> Option<u64> {
    let is_it = recorded.hash == last.hash && recorded.commit.company == last.company;
    let mut facts = recorded.facts().filter(|_| is_it);
    facts.find(|fact| fact.version == last.version).map(|fact| fact.position)
}

/// Reading the log blocks.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, FeedError> + Send + 'static,
) -> Result<T, FeedError> {
    tokio::task::spawn_blocking(read).await.map_err(|_| FeedError::Ending)?
}
