//! Publishes events to the stream, many in flight at once, each with its expected sequence.

use std::collections::VecDeque;
use std::convert::Infallible;

use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;

use super::Feeder;
use super::error::FeedError;
use super::message::Message;
use super::source::Source;
use crate::limits::{FEED_IN_FLIGHT_BYTES, FEED_IN_FLIGHT_EVENTS};
use crate::names::EVENT_STREAM;

/// A published event that is not acknowledged yet.
struct InFlight {
    position: u64,
    /// The sequence that the server must give to it.
    sequence: u64,
    bytes: usize,
    ack: PublishAckFuture,
}

/// The events in flight, in order.
#[derive(Default)]
struct InFlightEvents {
    events: VecDeque<InFlight>,
    bytes: usize,
}

impl InFlightEvents {
    /// Whether a message of this size may be sent now. A single message may have any size.
    fn has_room(&self, bytes: usize) -> bool {
        self.events.is_empty()
            || self.events.len() < FEED_IN_FLIGHT_EVENTS
                && self.bytes + bytes <= FEED_IN_FLIGHT_BYTES
    }
}

impl Feeder {
    /// Publishes events after this sequence, until a fault.
    ///
    /// A message without acknowledgement may arrive after this function has returned. That is harmless: it names
    /// the sequence that it must follow, and every engine publishes the same event there.
    pub(super) async fn publish(
        &self,
        mut source: Source,
        mut sequence: u64,
    ) -> Result<Infallible, FeedError> {
        let mut log_end = self.log.watch();
        let (mut ready, mut in_flight) = (VecDeque::<Message>::new(), InFlightEvents::default());
        let mut at_end = false;
        loop {
            if ready.is_empty() && (!at_end || log_end.has_changed().unwrap_or(true)) {
                // The change is marked as seen before the read, so that an append during the read wakes this loop.
                log_end.borrow_and_update();
                ready.extend(source.more().await?);
                at_end = ready.is_empty();
            }
            while ready.front().is_some_and(|next| in_flight.has_room(next.bytes()))
                && let Some(message) = ready.pop_front()
            {
                in_flight.bytes += message.bytes();
                in_flight.events.push_back(self.send(message, sequence).await?);
                sequence += 1;
            }
            if let Some(first) = in_flight.events.pop_front() {
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

    async fn send(&self, message: Message, after: u64) -> Result<InFlight, FeedError> {
        let (position, bytes) = (message.position, message.bytes());
        let publish = PublishMessage::build()
            .headers(message.headers)
            .payload(message.payload.into())
            .expected_stream(EVENT_STREAM)
            .expected_last_sequence(after);
        let sent = self.context.send_publish(message.subject, publish).await;
        let ack = sent.map_err(|source| FeedError::Publish { position, source })?;
        Ok(InFlight { position, sequence: after + 1, bytes, ack })
    }
}

/// Waits until an event is durable at its expected sequence.
async fn acknowledged(event: InFlight) -> Result<(), FeedError> {
    let InFlight { position, sequence, ack, .. } = event;
    let ack = ack.await.map_err(|source| FeedError::Publish { position, source })?;
    // For a duplicate the server returns the sequence of the stored message.
    if ack.stream == EVENT_STREAM && ack.sequence == sequence {
        Ok(())
    } else {
        Err(FeedError::Misplaced { position })
    }
}
