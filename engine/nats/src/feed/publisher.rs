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
struct Flying {
    position: u64,
    /// Where it will stand in the stream.
    sequence: u64,
    bytes: usize,
    ack: PublishAckFuture,
}

/// What is on its way, in order.
#[derive(Default)]
struct Flock {
    flying: VecDeque<Flying>,
    bytes: usize,
}

impl Flock {
    /// Whether there is room for so many bytes; one message always has room.
    fn takes(&self, bytes: usize) -> bool {
        self.flying.is_empty()
            || self.flying.len() < FEED_IN_FLIGHT_EVENTS
                && self.bytes + bytes <= FEED_IN_FLIGHT_BYTES
    }
}

impl Feeder {
    /// Publishes what comes, from this place of the stream on; until anything is not as it should be.
    ///
    /// A message that was sent and not acknowledged may still arrive, even after this has ended. That does
    /// no harm: it says after which message it stands, and what follows that one is the same for everybody.
    pub(super) async fn pump(
        &self,
        mut source: Source,
        mut sequence: u64,
    ) -> Result<Infallible, FeedError> {
        let mut grown = self.log.watch();
        let (mut ready, mut flock) = (VecDeque::<Message>::new(), Flock::default());
        let mut at_end = false;
        loop {
            if ready.is_empty() && (!at_end || grown.has_changed().unwrap_or(true)) {
                // What is appended from here on is read now, or wakes us.
                grown.borrow_and_update();
                ready.extend(source.more().await?);
                at_end = ready.is_empty();
            }
            while ready.front().is_some_and(|next| flock.takes(next.bytes()))
                && let Some(message) = ready.pop_front()
            {
                flock.bytes += message.bytes();
                flock.flying.push_back(self.send(message, sequence).await?);
                sequence += 1;
            }
            if let Some(first) = flock.flying.pop_front() {
                flock.bytes -= first.bytes;
                let position = first.position;
                landed(first).await?;
                self.tell(position);
            } else if ready.is_empty() && at_end {
                self.tell(source.given());
                grown.changed().await.map_err(|_| FeedError::Ending)?;
                at_end = false;
            }
        }
    }

    async fn send(&self, message: Message, after: u64) -> Result<Flying, FeedError> {
        let (position, bytes) = (message.position, message.bytes());
        let publish = PublishMessage::build()
            .headers(message.headers)
            .payload(message.payload.into())
            .expected_stream(EVENT_STREAM)
            .expected_last_sequence(after);
        let sent = self.context.send_publish(message.subject, publish).await;
        let ack = sent.map_err(|source| FeedError::Publish { position, source })?;
        Ok(Flying { position, sequence: after + 1, bytes, ack })
    }
}

/// Waits until an event is durable in the stream, at its place.
async fn landed(flying: Flying) -> Result<(), FeedError> {
    let Flying { position, sequence, ack, .. } = flying;
    let ack = ack.await.map_err(|source| FeedError::Publish { position, source })?;
    // A server that knows the event already says where it stands, and stores nothing.
    if ack.stream == EVENT_STREAM && ack.sequence == sequence {
        Ok(())
    } else {
        Err(FeedError::Misplaced { position })
    }
}
