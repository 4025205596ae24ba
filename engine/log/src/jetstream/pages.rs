//! Messages in order, many at a time: from a consumer where there are many, from the leader where there
//! are few or where anything is doubtful.

use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use futures_util::StreamExt as _;

use super::api::Api;
use super::frame::Message;
use crate::ReadError;
use crate::limits::{
    NATS_PAGE_BYTES, NATS_PAGE_MESSAGES, NATS_READ_SECONDS_MAX, NATS_SINGLE_READS, RETRY_MILLIS,
};

/// A place in the stream, and how it is read from there.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// The one subject that is read; all of them if none.
    pub(super) subject: Option<String>,
    /// The message that is read next, or the first one after it with the subject.
    pub(super) next: u64,
    /// How many messages were read one by one.
    singles: u32,
    consumer: Option<Cursor>,
}

/// A consumer, and the message behind the last one it handed out.
#[derive(Debug)]
struct Cursor {
    consumer: Consumer<pull::Config>,
    next: u64,
}

impl Pages {
    pub(super) fn at(subject: Option<String>, next: u64) -> Self {
        Self { subject, next: next.max(1), ..Self::default() }
    }

    /// The messages that stand next, at least one; there is one up to `target`. Whoever takes them moves
    /// `next`. If `sure`, what comes is what the leader says and not what was handed out.
    ///
    /// # Errors
    /// When the server does not answer, or says that there is none although there was.
    pub(super) async fn page(
        &mut self,
        api: &Api,
        target: u64,
        sure: bool,
    ) -> Result<Vec<Message>, ReadError> {
        let few = match self.subject {
            None => target - self.next < u64::from(NATS_SINGLE_READS),
            Some(_) => self.consumer.is_none() && self.singles < NATS_SINGLE_READS,
        };
        if !sure && !few {
            let page = self.handed_out(api).await;
            if !page.is_empty() {
                return Ok(page);
            }
        }
        self.consumer = None;
        self.singles += 1;
        let one = surely(api, self.next, self.subject.as_deref(), target).await?;
        Ok(vec![one])
    }

    /// What a consumer hands out, as far as it is what stands next. Nothing if there was any fault.
    async fn handed_out(&mut self, api: &Api) -> Vec<Message> {
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
    /// Fetches what there is now; whether it may be asked again.
    async fn fetch(&mut self, may_skip: bool, page: &mut Vec<Message>) -> bool {
        let fetch =
            self.consumer.fetch().max_messages(NATS_PAGE_MESSAGES).max_bytes(NATS_PAGE_BYTES);
        let Ok(mut batch) = fetch.messages().await else { return false };
        while let Some(Ok(message)) = batch.next().await {
            let Ok(sequence) = message.info().map(|info| info.stream_sequence) else {
                return false;
            };
            // A message that was lost on its way is asked of the leader.
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

/// The first message from `sequence` on, from the leader; one stands there up to `target`.
///
/// # Errors
/// When there is none any more, or nobody answered for a while.
pub(super) async fn surely(
    api: &Api,
    sequence: u64,
    subject: Option<&str>,
    target: u64,
) -> Result<Message, ReadError> {
    let (mut why, mut shorter) = ("no answer".to_owned(), None);
    let asking = async {
        loop {
            shorter = None;
            match fetch_message(api, sequence, subject, target).await {
                FetchResult::Found(message) => return Ok(message),
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
    let read = tokio::time::timeout(limit, asking).await;
    let stream = api.name.clone();
    match (read, shorter) {
        (Ok(read), _) => read,
        (Err(_), Some(last)) => {
            let what = format!("the stream ends at message {last} and went on to {target}");
            Err(ReadError::DamagedStream { stream, sequence, what })
        }
        (Err(_), None) => Err(ReadError::Unavailable { stream, sequence, why }),
    }
}

/// What the leader says.
enum FetchResult {
    Found(Message),
    /// It is not there any more.
    Gone(String),
    /// The stream ends before the message that was there. A leader that has just been deposed may not have
    /// what was acknowledged by the next one; if it stays so, it is lost.
    Shorter(u64),
    NoAnswer(String),
}

/// Looks once.
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
    // Between the two answers it may have come.
    match api.get(sequence, subject).await {
        Ok(Some(message)) => FetchResult::Found(message),
        Ok(None) => FetchResult::Gone(format!(
            "it is not there, although the stream goes on to message {last}"
        )),
        Err(why) => FetchResult::NoAnswer(why),
    }
}
