//! Reads the events to publish next, and checks that the log matches the stream.

use boarding_commands::commit::RecordedCommit;
use boarding_commands::values::{CompanyId, Digest};

use super::error::FeedError;
use super::message::EventMessage;
use crate::limits::FEED_READ_EVENTS;
use boarding_core::engine::EngineLog;
use boarding_log::{EventLog, Reader};

/// The last published event, from its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Last {
    pub company: CompanyId,
    pub version: u64,
    pub position: u64,
    /// The hash of its commit.
    pub hash: Digest,
}

/// The events after the last published one, in the order of the log.
#[derive(Debug)]
pub(super) struct LogSource {
    log: EngineLog,
    /// `None` while a blocking thread reads.
    reader: Option<Box<dyn Reader>>,
    /// All events up to this position were returned by [`LogSource::more`] or published before.
    position: u64,
    /// The largest message of this server, in bytes.
    max_bytes: usize,
}

impl LogSource {
    /// The events after the last published one; all events if there is none.
    ///
    /// # Errors
    /// When the log does not hold the last published event, because it is another or an older log.
    pub(super) async fn after(
        log: EngineLog,
        last: Option<Last>,
        max_bytes: usize,
    ) -> Result<Self, FeedError> {
        blocking(move || {
            let Some(last) = last else {
                let reader = Some(log.read_all(0));
                return Ok(Self { log, reader, position: 0, max_bytes });
            };
            let position = find_position(&*log, &last)?;
            // The rest of its commit may not be published yet, so that commit is read again.
            let reader = Some(log.read_all(position));
            Ok(Self { log, reader, position, max_bytes })
        })
        .await
    }

    /// The position up to which all events were returned.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next events; none at the end of the log.
    pub(super) async fn more(&mut self) -> Result<Vec<EventMessage>, FeedError> {
        let mut reader = self.reader.take().ok_or(FeedError::Stopping)?;
        let (after, max_bytes, log) = (self.position, self.max_bytes, self.log.clone());
        let (reader, position, messages) = blocking(move || {
            let (mut position, mut messages) = (after, Vec::new());
            // Read before the entries. Damage hides what is not read up to there.
            let end = log.end();
            while messages.len() < FEED_READ_EVENTS {
                let Some(entry) = reader.next().map_err(FeedError::Log)? else {
                    if !log.damage_text().is_empty() {
                        position = position.max(end);
                    }
                    break;
                };
                let fresh = entry.recorded.events().filter(|recorded| recorded.position > after);
                messages.extend(fresh.map(|recorded| EventMessage::of(&recorded, max_bytes)));
                position = position.max(entry.recorded.last_position());
            }
            Ok((reader, position, messages))
        })
        .await?;
        self.reader = Some(reader);
        self.position = position;
        Ok(messages)
    }
}

/// The position of an event in the log. A moved log has new positions but the same order, so the event is then
/// found by its version.
fn find_position(log: &dyn EventLog, last: &Last) -> Result<u64, FeedError> {
    let at_old_position = log.read_all(last.position).next().map_err(FeedError::Log)?;
    if at_old_position
        .is_some_and(|entry| position_in(&entry.recorded, last) == Some(last.position))
    {
        return Ok(last.position);
    }
    let (company, version) = (last.company.clone(), last.version);
    // A damaged company is read up to its damage only. Other companies go on behind the event.
    if log.damage(&company).is_some() {
        return Ok(last.position);
    }
    if log.head(&company).version < version {
        return Err(FeedError::Ahead { company, version });
    }
    let moved = log.read_company(&company, version).next().map_err(FeedError::Log)?;
    let position = moved.and_then(|entry| position_in(&entry.recorded, last));
    position.ok_or(FeedError::OtherLog { company, version })
}

/// The position of the event, if it belongs to this commit.
fn position_in(recorded: &RecordedCommit, last: &Last) -> Option<u64> {
    let is_same = recorded.hash == last.hash && recorded.commit.company == last.company;
    let mut events = recorded.events().filter(|_| is_same);
    events.find(|recorded| recorded.version == last.version).map(|recorded| recorded.position)
}

/// Runs a read of the log on a blocking thread.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, FeedError> + Send + 'static,
) -> Result<T, FeedError> {
    tokio::task::spawn_blocking(read).await.map_err(|_| FeedError::Stopping)?
}
