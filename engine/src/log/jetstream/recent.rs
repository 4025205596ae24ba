//! The newest messages in memory: who follows the log is handed them, and does not ask the server for what
//! this very engine has just given it.

use std::collections::BTreeMap;

use async_nats::Subject;
use bytes::Bytes;

use super::frame::Message;
use crate::config::{NATS_PAGE_MESSAGES, NATS_RECENT_BYTES};

/// Messages that were acknowledged or handed out, and of which note was taken.
#[derive(Debug, Default)]
pub(super) struct Recent {
    messages: BTreeMap<u64, Message>,
    bytes: usize,
}

impl Recent {
    /// Keeps a message and drops the oldest that have no room beside it.
    pub(super) fn keep(&mut self, message: &Message) {
        // Its own bytes: those that came from the network would keep all that came with them.
        let kept = Message {
            sequence: message.sequence,
            subject: Subject::from(message.subject.to_string()),
            payload: Bytes::copy_from_slice(&message.payload),
        };
        self.bytes += bytes_of(&kept);
        if let Some(before) = self.messages.insert(kept.sequence, kept) {
            self.bytes -= bytes_of(&before);
        }
        while self.bytes > NATS_RECENT_BYTES
            && let Some((_, oldest)) = self.messages.pop_first()
        {
            self.bytes -= bytes_of(&oldest);
        }
    }

    /// Whether this very message is kept.
    pub(super) fn holds(&self, message: &Message) -> bool {
        self.messages
            .get(&message.sequence)
            .is_some_and(|kept| kept.subject == message.subject && kept.payload == message.payload)
    }

    /// The last message up to which all behind `seen` are kept.
    pub(super) fn known_up_to(&self, seen: u64) -> u64 {
        let behind = self.messages.range(seen + 1..).zip(seen + 1..);
        behind.take_while(|((at, _), next)| *at == next).last().map_or(seen, |((at, _), _)| *at)
    }

    /// A page of the messages from `next` to `target`, without a gap; none if the first is not kept.
    pub(super) fn page(&self, next: u64, target: u64) -> Vec<Message> {
        let from = self.messages.range(next..=target).zip(next..);
        let page = from.take_while(|((at, _), next)| *at == next).take(NATS_PAGE_MESSAGES);
        page.map(|((_, message), _)| message.clone()).collect()
    }
}

/// What a message takes in memory, with what holds it.
fn bytes_of(message: &Message) -> usize {
    size_of::<Message>() + message.subject.len() + message.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: u64, bytes: usize) -> Message {
        Message { sequence, subject: "log.acme".into(), payload: vec![7; bytes].into() }
    }

    fn kept(sequences: &[u64]) -> Recent {
        let mut recent = Recent::default();
        for sequence in sequences {
            recent.keep(&message(*sequence, 10));
        }
        recent
    }

    #[test]
    fn a_page_ends_where_a_message_is_not_known_yet() {
        let recent = kept(&[3, 4, 6]);
        let page = |next, target| -> Vec<u64> {
            recent.page(next, target).iter().map(|message| message.sequence).collect()
        };
        assert_eq!(page(3, 6), [3, 4]);
        assert_eq!(page(4, 4), [4]);
        assert_eq!(page(6, 9), [6]);
        assert!(page(2, 6).is_empty() && page(5, 6).is_empty() && page(7, 9).is_empty());
        let known: Vec<u64> = (1..=6).map(|seen| recent.known_up_to(seen)).collect();
        assert_eq!(known, [1, 4, 4, 4, 6, 6]);
    }

    #[test]
    fn only_the_very_message_is_held() {
        let recent = kept(&[3]);
        assert!(recent.holds(&message(3, 10)));
        assert!(!recent.holds(&message(3, 9)) && !recent.holds(&message(4, 10)));
        let other = Message { subject: "log.zeta".into(), ..message(3, 10) };
        assert!(!recent.holds(&other));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_bytes() {
        let mut recent = Recent::default();
        let large = NATS_RECENT_BYTES / 3;
        for sequence in [1, 2, 2, 3, 4] {
            recent.keep(&message(sequence, large));
        }
        assert!(recent.bytes <= NATS_RECENT_BYTES);
        assert_eq!(recent.messages.keys().copied().collect::<Vec<_>>(), [3, 4]);
        recent.keep(&message(5, NATS_RECENT_BYTES));
        assert!(recent.messages.is_empty() && recent.bytes == 0);
    }
}
