//! Reads messages in order: many from a consumer, a few from the leader.

use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use futures_util::StreamExt as _;

use super::api::Api;
use super::frame::Message;
use crate::ReadError;
use crate::limits::{
    NATS_PAGE_BYTES, NATS_PAGE_MESSAGES, NATS_READ_SECONDS_MAX, NATS_SINGLE_READS, RETRY_MILLIS,
};

/// The next sequence to read, and how messages are read from there.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// The subject to read; `None` reads all subjects.
    pub(super) subject: Option<String>,
    /// The next message is the first one with the subject from this sequence on.
    pub(super) next: u64,
    /// The number of messages that were read from the leader one by one.
    singles: u32,
    consumer: Option<Cursor>,
}

/// A consumer, and the sequence after its last message.
#[derive(Debug)]
struct Cursor {
    consumer: Consumer<pull::Config>,
    next: u64,
}

impl Pages {
    pub(super) fn at(subject: Option<String>, next: u64) -> Self {
        Self { subject, next: next.max(1), ..Self::default() }
    }

    /// Returns the next messages, at least one. The stream must hold a message from `next` to `target`; later
    /// messages may be returned too. The caller advances `next` after it has accepted a message. With
    /// `from_leader`, one message is read from the leader, and no consumer is used.
    ///
    /// # Errors
    /// When the server does not respond in time, or a message that existed is missing.
    pub(super) async fn page(
        &mut self,
        api: &Api,
        target: u64,
        from_leader: bool,
    ) -> Result<Vec<Message>, ReadError> {
        let few = match self.subject {
            None => target - self.next < u64::from(NATS_SINGLE_READS),
            // Messages of other subjects lie between, so the distance to `target` does not say how many are left.
            Some(_) => self.consumer.is_none() && self.singles < NATS_SINGLE_READS,
        };
        if !from_leader && !few {
            let page = self.read_from_consumer(api).await;
            if !page.is_empty() {
                return Ok(page);
            }
        }
        self.consumer = None;
        self.singles += 1;
        let message = read_from_leader(api, self.next, self.subject.as_deref(), target).await?;
        Ok(vec![message])
    }

    /// Reads the next messages from a consumer. After a fault it returns the messages that arrived before, perhaps
    /// none. The caller then reads from the leader.
    async fn read_from_consumer(&mut self, api: &Api) -> Vec<Message> {
        let known = self.consumer.take().filter(|cursor| cursor.next == self.next);
        let mut cursor = match known {
            Some(cursor) => cursor,
            None => match api.consumer(self.next, self.subject.as_deref()).await {
                Ok(consumer) => Cursor { consumer, next: self.next },
                Err(_) => return Vec::new(),
            },
        };
        let mut page = Vec::new();
        let limit = Duration::from_secs(NATS_READ_SECONDS_MAX);
        let whole = tokio::time::timeout(limit, cursor.fetch(self.subject.is_some(), &mut page));
        if matches!(whole.await, Ok(true)) {
            self.consumer = Some(cursor);
        }
        page
    }
}

impl Cursor {
    /// Fetches the messages that exist now. With `may_skip`, sequences may have gaps, because the consumer filters by
    /// subject. Returns whether the consumer is still usable.
    async fn fetch(&mut self, may_skip: bool, page: &mut Vec<Message>) -> bool {
        let fetch =
            self.consumer.fetch().max_messages(NATS_PAGE_MESSAGES).max_bytes(NATS_PAGE_BYTES);
        let Ok(mut batch) = fetch.messages().await else { return false };
        while let Some(Ok(message)) = batch.next().await {
            let Ok(sequence) = message.info().map(|info| info.stream_sequence) else {
                return false;
            };
            // A consumer does not resend a lost message, so the caller reads it from the leader.
            if sequence < self.next || (sequence > self.next && !may_skip) {
                return false;
            }
            self.next = sequence + 1;
            let async_nats::Message { subject, payload, .. } = message.message;
            page.push(Message { sequence, subject, payload });
        }
        true
    }
}

/// Reads one message from the leader: the message `sequence`, or the first one with the subject from there on. The
/// stream must hold such a message up to `target`.
///
/// # Errors
/// When the message is gone, or the leader did not respond in time.
pub(super) async fn read_from_leader(
    api: &Api,
    sequence: u64,
    subject: Option<&str>,
    target: u64,
) -> Result<Message, ReadError> {
    let (mut why, mut shorter) = ("no answer".to_owned(), None);
    let reading = async {
        loop {
            // Only the last response counts: an earlier one may be that of a deposed leader.
            shorter = None;
            match fetch_message(api, sequence, subject, target).await {
                FetchResult::Found(message) => return Ok(message),
                // No retry: the leader has passed `target`, so it will never receive this message.
                FetchResult::Gone(what) => {
                    let stream = api.name.clone();
                    return Err(ReadError::DamagedStream { stream, sequence, what });
                }
                FetchResult::Shorter(last) => shorter = Some(last),
                FetchResult::NoAnswer(text) => why = text,
            }
            tokio::time::sleep(Duration::from_millis(RETRY_MILLIS)).await;
        }
    };
    let limit = Duration::from_secs(NATS_READ_SECONDS_MAX);
    let read = tokio::time::timeout(limit, reading).await;
    let stream = api.name.clone();
    match (read, shorter) {
        (Ok(read), _) => read,
        (Err(_), Some(last)) => {
            let what = format!("the stream ends at message {last} and had message {target} before");
            Err(ReadError::DamagedStream { stream, sequence, what })
        }
        (Err(_), None) => Err(ReadError::Unavailable { stream, sequence, why }),
    }
}

/// The response of the leader.
enum FetchResult {
    Found(Message),
    /// The message is missing, although the leader has passed `target`. The text describes the damage.
    Gone(String),
    /// The stream ends before the message. A deposed leader may lack messages that the next leader has
    /// acknowledged. If the stream stays shorter, the messages are lost.
    Shorter(u64),
    /// No usable response, with the cause.
    NoAnswer(String),
}

/// One attempt of [`read_from_leader`].
async fn fetch_message(
    api: &Api,
    sequence: u64,
    subject: Option<&str>,
    target: u64,
) -> FetchResult {
    match api.get(sequence, subject).await {
        Ok(Some(message)) => return FetchResult::Found(message),
        Ok(None) => {}
        Err(why) => return FetchResult::NoAnswer(why),
    }
    let last = match api.info().await {
        Ok(info) => info.state.last_sequence,
        Err(why) => return FetchResult::NoAnswer(why),
    };
    if last < target {
        return FetchResult::Shorter(last);
    }
    // The message may have been stored after the first response and before the second one.
    match api.get(sequence, subject).await {
        Ok(Some(message)) => FetchResult::Found(message),
        Ok(None) => FetchResult::Gone(format!(
            "it is missing, although the stream continues to message {last}"
        )),
        Err(why) => FetchResult::NoAnswer(why),
    }
}
