//! A cache of the newest messages, for readers at the end of the log, and to find the commit of a repeated command.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::frame::Message;
use crate::limits::NATS_RECENT_BYTES_MAX;

/// Messages by sequence. The oldest are evicted when the size exceeds [`NATS_RECENT_BYTES_MAX`].
#[derive(Debug, Default)]
pub(super) struct Recent {
    messages: BTreeMap<u64, Message>,
    bytes: usize,
}

impl Recent {
    pub(super) fn keep(&mut self, message: &Message) {
        // The payload is a slice of a large receive buffer. A copy lets that buffer be freed.
        let payload = Bytes::copy_from_slice(&message.payload);
        self.bytes += payload.len();
        let kept = Message { payload, ..message.clone() };
        if let Some(before) = self.messages.insert(message.sequence, kept) {
            self.bytes -= before.payload.len();
        }
        while self.bytes > NATS_RECENT_BYTES_MAX
            && let Some((_, oldest)) = self.messages.pop_first()
        {
            self.bytes -= oldest.payload.len();
        }
    }

    /// Whether the cache holds exactly this message.
    pub(super) fn holds(&self, message: &Message) -> bool {
        self.messages
            .get(&message.sequence)
            .is_some_and(|kept| kept.payload == message.payload && kept.subject == message.subject)
    }

    pub(super) fn get(&self, sequence: u64) -> Option<Message> {
        self.messages.get(&sequence).cloned()
    }

    /// The cached messages from `next` on, up to the first gap, at most `max`.
    pub(super) fn run(&self, next: u64, max: usize) -> Vec<Message> {
        let ahead = self.messages.range(next..).zip(next..);
        let run = ahead.take_while(|((sequence, _), wanted)| *sequence == wanted);
        run.take(max).map(|((_, message), _)| message.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_messages_are_evicted_first() {
        let mut recent = Recent::default();
        let bytes = NATS_RECENT_BYTES_MAX / 4;
        let of = |sequence| Message {
            sequence,
            subject: "log.acme".into(),
            payload: vec![1; bytes].into(),
        };
        for sequence in [1, 3, 2, 3, 4, 5, 6] {
            recent.keep(&of(sequence));
        }
        let there: Vec<u64> = (1..=6).filter(|sequence| recent.get(*sequence).is_some()).collect();
        assert_eq!(there, [3, 4, 5, 6]);
        assert_eq!(recent.bytes, 4 * bytes);
        for (next, most, there) in [(4, 9, vec![4, 5, 6]), (4, 2, vec![4, 5]), (2, 9, vec![])] {
            let run: Vec<u64> = recent.run(next, most).iter().map(|one| one.sequence).collect();
            assert_eq!(run, there);
        }
        recent.keep(&Message { payload: vec![1; 5 * bytes].into(), ..of(7) });
        assert_eq!(recent.bytes, 0);
    }
}
