//! From the log to the stream: many events on their way at once, each told after which one it has to stand.

use std::collections::VecDeque;
use std::convert::Infallible;

use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;

use super::source::Source;
use super::{FeedError, Feeder, Message};
use crate::limits::{FEED_IN_FLIGHT_BYTES, FEED_IN_FLIGHT_EVENTS};
use crate::names::EVENT_STREAM;

/// An event on its way.
struct InFlight {
    position: u64,
    /// Where it will stand in the stream.
    sequence: u64,
    bytes: usize,
    ack: PublishAckFuture,
}

/// What is on its way, in order.
#[derive(Default)]
struct InFlightEvents {
    events: VecDeque<InFlight>,
    bytes: usize,
}

impl InFlightEvents {
    /// Whether there is room for so many bytes; one message always has room.
    fn takes(&self, bytes: usize) -> bool {
        self.events.is_empty()
            || self.events.len() < FEED_IN_FLIGHT_EVENTS
                && self.bytes + bytes <= FEED_IN_FLIGHT_BYTES
    }
}

impl Feeder {
    /// Publishes what comes, from this place of the stream on; until anything is not as it should be.
    ///
    /// A message that was sent and not acknowledged may still arrive, even after this has ended. That does
    /// no harm: it says after which message it stands, and what follows that one is the same for everybody.
    pub(super) async fn publish(
        &self,
        mut source: Source,
        mut sequence: u64,
    ) -> Result<Infallible, FeedError> {
        let mut grown = self.log.watch();
        let (mut ready, mut in_flight) = (VecDeque::<Message>::new(), InFlightEvents::default());
        let mut at_end = false;
        loop {
            if ready.is_empty() && (!at_end || grown.has_changed().unwrap_or(true)) {
                // What is appended from here on is read now, or wakes us.
                grown.borrow_and_update();
                ready.extend(source.more().await?);
                at_end = ready.is_empty();
            }
            while ready.front().is_some_and(|next| in_flight.takes(next.bytes()))
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
                self.report_published(source.given());
                grown.changed().await.map_err(|_| FeedError::Ending)?;
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

/// Waits until an event is durable in the stream, at its place.
async fn acknowledged(event: InFlight) -> Result<(), FeedError> {
    let InFlight { position, sequence, ack, .. } = event;
    let ack = ack.await.map_err(|source| FeedError::Publish { position, source })?;
    // A server that knows the event already says where it stands, and stores nothing.
    if ack.stream == EVENT_STREAM && ack.sequence == sequence {
        Ok(())
    } else {
        Err(FeedError::Misplaced { position })
    }
}
