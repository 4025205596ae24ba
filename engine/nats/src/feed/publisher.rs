//! Publishes events to the stream in batches, several in flight at once, each with its expected sequence.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::IntoFuture as _;
use std::time::Duration;

use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
    NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_STREAM,
};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;

use super::Feeder;
use super::error::FeedError;
use super::message::EventMessage;
use super::mode::Mode;
use super::source::LogSource;
use crate::limits::{FEED_ACK_SECONDS_MAX, FEED_BATCH_SECONDS_MAX, FEED_IN_FLIGHT_BYTES};
use crate::names::EVENT_STREAM;

/// A published event or batch that is not acknowledged yet.
struct InFlight {
    /// The position of its last event.
    position: u64,
    /// The sequence that the server must give to its last event.
    sequence: u64,
    /// The number of its events.
    count: usize,
    bytes: usize,
    ack: PublishAckFuture,
}

/// What is in flight, in order.
#[derive(Default)]
struct AllInFlight {
    publishes: VecDeque<InFlight>,
    bytes: usize,
}

impl AllInFlight {
    /// Whether a publish of this size may be sent now. A single one may have any size.
    fn has_room(&self, bytes: usize, mode: Mode) -> bool {
        self.publishes.is_empty()
            || self.publishes.len() < mode.in_flight_max()
                && self.bytes + bytes <= FEED_IN_FLIGHT_BYTES
    }
}

impl Feeder {
    /// Publishes events after this sequence, until a fault.
    ///
    /// A message without acknowledgement may arrive after this function has returned. That is harmless: it names
    /// the sequence that it must follow, and every engine publishes the same event there. The server stores a batch
    /// completely or not at all.
    pub(super) async fn publish(
        &self,
        mut source: LogSource,
        mut sequence: u64,
        mut mode: Mode,
    ) -> Result<Infallible, FeedError> {
        let mut log_end = self.log.watch();
        let (mut ready, mut in_flight) = (VecDeque::<EventMessage>::new(), AllInFlight::default());
        let mut at_end = false;
        loop {
            if ready.is_empty() && (!at_end || log_end.has_changed().unwrap_or(true)) {
                // The change is marked as seen before the read, so that an append during the read wakes this loop.
                log_end.borrow_and_update();
                ready.extend(source.more().await?);
                at_end = ready.is_empty();
            }
            while !ready.is_empty() {
                let count = mode.group(&ready);
                let bytes = ready.iter().take(count).map(|message| message.bytes).sum();
                if !in_flight.has_room(bytes, mode) {
                    break;
                }
                let group = ready.drain(..count).collect();
                let sent = self.send(group, sequence, bytes).await?;
                sequence = sent.sequence;
                in_flight.bytes += bytes;
                in_flight.publishes.push_back(sent);
                mode.singles = mode.singles.saturating_sub(count);
            }
            if let Some(first) = in_flight.publishes.pop_front() {
                in_flight.bytes -= first.bytes;
                let position = first.position;
                acknowledged(first).await?;
                self.report_published(position);
            } else if ready.is_empty() && at_end {
                // The position may be beyond the last event: a commit without events has a position too.
                self.report_published(source.position());
                log_end.changed().await.map_err(|_| FeedError::Stopping)?;
                at_end = false;
            }
        }
    }

    /// Sends one event or a batch.
    async fn send(
        &self,
        group: Vec<EventMessage>,
        after: u64,
        bytes: usize,
    ) -> Result<InFlight, FeedError> {
        let (position, count) = (group.last().map_or(0, |last| last.position), group.len());
        let ack = if count == 1 {
            send_all(&self.publishing, group, after, String::new()).await
        } else {
            // In a separate task, so that a feed that is dropped does not leave half a batch to the server.
            let (context, id) = (self.publishing.clone(), self.clock.id().to_string());
            let sending = async move { send_all(&context, group, after, id).await };
            let sending = tokio::spawn(sending);
            let late = |_| FeedError::Publish {
                position,
                source: PublishError::new(PublishErrorKind::TimedOut),
            };
            let limit = Duration::from_secs(FEED_BATCH_SECONDS_MAX);
            let sent = tokio::time::timeout(limit, sending).await.map_err(late)?;
            sent.map_err(|_| FeedError::Stopping)?
        };
        let ack = ack.map_err(|source| FeedError::Publish { position, source })?;
        Ok(InFlight { position, sequence: after + count as u64, count, bytes, ack })
    }
}

/// Sends the messages, as a batch if there are several. The last one gets the acknowledgement.
async fn send_all(
    context: &Context,
    messages: Vec<EventMessage>,
    after: u64,
    batch: String,
) -> Result<PublishAckFuture, PublishError> {
    let count = messages.len();
    let client = context.client();
    for (number, message) in (1..).zip(messages) {
        let EventMessage { subject, mut headers, payload, .. } = message;
        if count > 1 {
            headers.insert(NATS_BATCH_ID, batch.as_str());
            headers.insert(NATS_BATCH_SEQUENCE, number.to_string());
        }
        if number == 1 {
            headers.insert(NATS_EXPECTED_STREAM, EVENT_STREAM);
            headers.insert(NATS_EXPECTED_LAST_SEQUENCE, after.to_string());
        }
        if number == count {
            if count > 1 {
                headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
            }
            let publish = PublishMessage::build().headers(headers).payload(payload.into());
            return context.send_publish(subject, publish).await;
        }
        let sent = client.publish_with_headers(subject, headers, payload.into()).await;
        sent.map_err(|error| PublishError::with_source(PublishErrorKind::Other, error))?;
    }
    Err(PublishError::new(PublishErrorKind::Other))
}

/// Waits until an event or batch is durable at its expected sequence.
async fn acknowledged(published: InFlight) -> Result<(), FeedError> {
    let InFlight { position, sequence, count, ack, .. } = published;
    let failed = |source| FeedError::Publish { position, source };
    let seconds = if count == 1 { FEED_ACK_SECONDS_MAX } else { FEED_BATCH_SECONDS_MAX };
    let ack = tokio::time::timeout(Duration::from_secs(seconds), ack.into_future()).await;
    let ack = ack.map_err(|_| failed(PublishError::new(PublishErrorKind::TimedOut)))?;
    let ack = ack.map_err(failed)?;
    // For a duplicate the server returns the sequence of the stored message. A batch with a duplicate is refused.
    match ack.sequence {
        at if ack.stream == EVENT_STREAM && at == sequence => Ok(()),
        at if count > 1 && at < sequence => Err(FeedError::Torn { position }),
        _ => Err(FeedError::Misplaced { position }),
    }
}
