//! Decides how many events go into one publish.

use std::collections::VecDeque;

use super::message::EventMessage;
use crate::limits::{
    FEED_BATCH_BYTES_MAX, FEED_BATCH_EVENTS_MAX, FEED_BATCH_EVENTS_MIN, FEED_IN_FLIGHT_EVENTS,
    FEED_IN_FLIGHT_PUBLISHES,
};

/// How the next events are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode {
    /// Whether the stream takes batches.
    pub batches: bool,
    /// How many events are published one by one first.
    pub singles: usize,
}

impl Mode {
    /// How many of the next events go into one publish: one event, or a batch.
    pub(super) fn group(self, ready: &VecDeque<EventMessage>) -> usize {
        if !self.batches || self.singles > 0 || ready.len() < FEED_BATCH_EVENTS_MIN {
            return 1;
        }
        let mut bytes = 0;
        let fits = |message: &&EventMessage| {
            bytes += message.bytes;
            bytes <= FEED_BATCH_BYTES_MAX
        };
        ready.iter().take(FEED_BATCH_EVENTS_MAX).take_while(fits).count().max(1)
    }

    /// How many publishes may be in flight.
    pub(super) fn in_flight_max(self) -> usize {
        if self.batches { FEED_IN_FLIGHT_PUBLISHES } else { FEED_IN_FLIGHT_EVENTS }
    }
}

#[cfg(test)]
mod tests {
    use async_nats::HeaderMap;

    use super::*;

    fn messages(sizes: &[usize]) -> VecDeque<EventMessage> {
        let message = |bytes: &usize| EventMessage {
            position: 1,
            subject: String::new(),
            headers: HeaderMap::new(),
            payload: Vec::new(),
            bytes: *bytes,
        };
        sizes.iter().map(message).collect()
    }

    #[test]
    fn batch_holds_as_many_events_as_the_limits_allow() {
        let mode = Mode { batches: true, singles: 0 };
        assert_eq!(mode.group(&messages(&[100; FEED_BATCH_EVENTS_MIN - 1])), 1);
        assert_eq!(mode.group(&messages(&[100; 20])), 20);
        assert_eq!(mode.group(&messages(&[100; 2_000])), FEED_BATCH_EVENTS_MAX);
        assert_eq!(mode.group(&messages(&[FEED_BATCH_BYTES_MAX / 4; 20])), 4);
        assert_eq!(mode.group(&messages(&[FEED_BATCH_BYTES_MAX + 1; 20])), 1);
        assert_eq!(Mode { batches: false, ..mode }.group(&messages(&[100; 20])), 1);
        assert_eq!(Mode { singles: 5, ..mode }.group(&messages(&[100; 20])), 1);
    }
}
