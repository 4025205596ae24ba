//! The worker queue: one work item per attempt at a recipient, for external channel workers.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
    NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_ID, NATS_MESSAGE_TTL,
};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, HeaderMap, Request, StatusCode};
use boarding_commands::company::InvitationClaim;
use boarding_commands::event::Channel;
use boarding_commands::template::Rendered;
use boarding_commands::values::{CompanyId, Digest, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::{self, WORK_STREAM};
use crate::limits::{
    WORK_ACK_SECONDS_MAX, WORK_REMEMBERED_SECONDS, WORK_RETRY_MILLIS, WORK_RETRY_MILLIS_MAX,
};
use boarding_core::clock::Clock;
use boarding_core::delivery::mail::{Mail, OpenInvitation};

/// One piece of work, as JSON: invite this person on this channel, and report.
///
/// The report is the command `InviteSent`, `UserSkipped` or `InviteFailed` with the `run`, `user`,
/// `attempt` and `fence` given here. After the `deadline` the worker must not start the work.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkItem {
    #[serde(flatten)]
    pub claim: InvitationClaim,
    /// Where the company's mail for this person goes.
    pub to: Address,
    /// The person's corporate phone, all but its last digits hidden.
    pub phone: String,
    /// The language of the wording: a BCP 47 tag.
    pub language: String,
    #[serde(flatten)]
    pub content: Rendered,
    /// The personal link. Every holder of the link can use it.
    pub link: String,
    /// When the link ends, if it is sent now.
    pub expires_at: Time,
}

/// A person's mail address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    pub address: String,
    /// May be empty.
    pub name: String,
}

impl fmt::Debug for WorkItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkItem").field(&self.claim).finish()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(***)")
    }
}

impl WorkItem {
    /// The work item of an invitation; `None` if its claim has ended.
    pub fn of(mail: Mail) -> Option<Self> {
        let OpenInvitation { claim, phone, language, link, expires_at } = mail.invitation?;
        Some(Self {
            claim,
            to: Address { address: mail.to, name: mail.to_name },
            phone,
            language,
            content: mail.content,
            link: link.into_inner(),
            expires_at,
        })
    }
}

/// A message for the queue. Company, Message-ID and attempt make it unique.
#[derive(Debug)]
pub(crate) struct QueuedMessage<'a> {
    pub(crate) company: &'a CompanyId,
    /// The last part of the subject: the channel, or `text`.
    pub(crate) lane: &'static str,
    pub(crate) message_id: &'a str,
    pub(crate) attempt: u32,
    /// When the message expires.
    pub(crate) deadline: Time,
    pub(crate) payload: Vec<u8>,
}

impl QueuedMessage<'_> {
    /// A hash of the Message-ID that is valid in a subject.
    fn message_hash(&self) -> String {
        Digest::of(self.message_id.as_bytes()).to_string().chars().take(32).collect()
    }
}

/// The outcome of queueing a work item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOver {
    /// The item is or was in the queue.
    Done,
    /// The deadline has passed, or the longest wait. The item may be in the queue.
    TooLate,
    /// The item exceeds the largest message of the server.
    TooLarge,
}

/// Why a work item could not be queued; a retry may help.
#[derive(Debug, thiserror::Error)]
enum HandOverError {
    #[error("open the stream {WORK_STREAM}")]
    Open(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(
        "use the stream {WORK_STREAM} for work: {0}; remove it, then the engine creates it again"
    )]
    Unsuitable(&'static str),
    #[error("hand work to the stream {WORK_STREAM}")]
    Send(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("hand work to the stream {WORK_STREAM}: there is no such stream")]
    NoStream,
}

/// The worker queue in JetStream.
#[derive(Debug, Clone)]
pub struct WorkQueue {
    client: Client,
    clock: Clock,
    copies: usize,
    /// The companies whose consumers are known to exist. Any failure clears the set.
    open: Arc<Mutex<HashSet<CompanyId>>>,
}

impl WorkQueue {
    /// A queue on this server with this many replicas. The clock decides about deadlines.
    pub fn new(client: Client, clock: Clock, copies: usize) -> Self {
        Self { client, clock, copies, open: Arc::default() }
    }

    /// Queues a work item. It retries until the deadline of the item.
    ///
    /// The item and the record of this attempt are stored atomically. So a retry after any fault cannot queue
    /// the item twice. The deduplication of the server is not enough: after a restart it knows only the ids that
    /// are still in the queue.
    pub async fn hand_over(&self, item: &WorkItem) -> HandOver {
        let Ok(payload) = serde_json::to_vec(item) else { return HandOver::TooLarge };
        let InvitationClaim { company, message_id, attempt, channel, deadline, .. } = &item.claim;
        let (lane, attempt, deadline) = (channel.as_str(), *attempt, *deadline);
        let queued = QueuedMessage { company, lane, message_id, attempt, deadline, payload };
        self.queue(&queued, None).await
    }

    /// Like [`WorkQueue::hand_over`], for any message, and with a limit on the wait in seconds.
    pub(crate) async fn queue(
        &self,
        queued: &QueuedMessage<'_>,
        wait_seconds: Option<u64>,
    ) -> HandOver {
        let end = wait_seconds.map(|seconds| self.clock.now().plus_seconds(seconds));
        let mut wait_millis = WORK_RETRY_MILLIS;
        loop {
            let now = self.clock.now();
            let left = queued.deadline.0.saturating_sub(now.0);
            let Some(millis) = u64::try_from(left).ok().filter(|left| *left > 0) else {
                return HandOver::TooLate;
            };
            match self.try_once(queued, millis.div_ceil(1000)).await {
                Ok(handed) => return handed,
                Err(_) if end.is_some_and(|end| end <= now) => return HandOver::TooLate,
                Err(error) => {
                    self.opened().clear();
                    let error = boarding_log::error_chain(&error);
                    tracing::warn!(company = %queued.company, message_id = %queued.message_id, %error, "queueing work failed, retrying");
                }
            }
            tokio::time::sleep(Duration::from_millis(wait_millis)).await;
            wait_millis = (wait_millis * 2).min(WORK_RETRY_MILLIS_MAX);
        }
    }

    async fn try_once(
        &self,
        queued: &QueuedMessage<'_>,
        seconds: u64,
    ) -> Result<HandOver, HandOverError> {
        if !self.opened().contains(queued.company) {
            self.open(queued.company).await?;
            self.opened().insert(queued.company.clone());
        }
        let (record, work) = self.headers(queued, seconds);
        if queued.payload.len() + HEADERS_BYTES > self.client.server_info().max_payload {
            return Ok(HandOver::TooLarge);
        }
        let subject = names::handed(queued.company, &queued.message_hash(), queued.attempt);
        let sent = self.client.publish_with_headers(subject, record, Vec::new().into()).await;
        sent.map_err(|error| HandOverError::Send(error.into()))?;
        let request = Request::new()
            .headers(work)
            .payload(queued.payload.clone().into())
            .timeout(Some(Duration::from_secs(WORK_ACK_SECONDS_MAX)));
        let subject = names::work(queued.company, queued.lane);
        let answer = self.client.send_request(subject, request).await;
        let answer = answer.map_err(|error| HandOverError::Send(error.into()))?;
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(HandOverError::NoStream);
        }
        let answer = serde_json::from_slice::<Response<PublishAck>>(&answer.payload);
        match answer.map_err(|error| HandOverError::Send(error.into()))? {
            Response::Ok(_) => Ok(HandOver::Done),
            Response::Err { error } if ALREADY_RECORDED.contains(&error.error_code()) => {
                Ok(HandOver::Done)
            }
            Response::Err { error } => Err(HandOverError::Send(error.into())),
        }
    }

    /// The headers of the attempt's record and of the work item: a batch that the server stores completely or not at
    /// all.
    fn headers(&self, queued: &QueuedMessage<'_>, seconds: u64) -> (HeaderMap, HeaderMap) {
        let batch = self.clock.id().to_string();
        let mut record = HeaderMap::new();
        record.insert(NATS_BATCH_ID, batch.as_str());
        record.insert(NATS_BATCH_SEQUENCE, "1");
        record.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, "0");
        let mut work = HeaderMap::new();
        work.insert(NATS_BATCH_ID, batch.as_str());
        work.insert(NATS_BATCH_SEQUENCE, "2");
        work.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
        work.insert(NATS_MESSAGE_ID, format!("{}-{}", queued.message_id, queued.attempt));
        // After the deadline no worker may do the work, so the message expires with it.
        work.insert(NATS_MESSAGE_TTL, format!("{seconds}s"));
        work.insert("Content-Type", "application/json");
        (record, work)
    }

    fn opened(&self) -> MutexGuard<'_, HashSet<CompanyId>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates the stream and the consumers of the company if they do not exist.
    async fn open(&self, company: &CompanyId) -> Result<(), HandOverError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| HandOverError::Open(error);
        let context = jetstream::new(self.client.clone());
        let stream = context.get_or_create_stream(config(self.copies)).await;
        let stream = stream.map_err(|error| failed(error.into()))?;
        check(&stream.cached_info().config)?;
        let lanes = Channel::ALL.iter().map(|channel| channel.as_str()).chain([names::TEXT_LANE]);
        for lane in lanes {
            let name = names::workers(company, lane);
            let config = consumer(&name, names::work(company, lane));
            let made = stream.get_or_create_consumer(&name, config).await;
            made.map_err(|error| failed(error.into()))?;
        }
        Ok(())
    }
}

/// The most bytes of the headers of one message: the Message-ID and the batch headers.
const HEADERS_BYTES: usize = 1024;

/// The error codes of the server for an attempt that is recorded already.
const ALREADY_RECORDED: [ErrorCode; 3] = [
    ErrorCode::STREAM_WRONG_LAST_SEQUENCE,
    ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT,
    ErrorCode::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE,
];

fn config(copies: usize) -> Config {
    Config {
        name: WORK_STREAM.to_owned(),
        description: Some("Work for channel workers, and what was handed to them".to_owned()),
        subjects: vec![names::all_work(), names::all_handed()],
        storage: StorageType::File,
        retention: RetentionPolicy::WorkQueue,
        max_age: Duration::from_secs(WORK_REMEMBERED_SECONDS),
        num_replicas: copies,
        allow_atomic_publish: true,
        allow_message_ttl: true,
        ..Config::default()
    }
}

/// The consumer of one company and channel. Each item is delivered once: a second worker could invite the
/// person again. If a worker dies, the deadline ends the attempt.
fn consumer(name: &str, subject: String) -> pull::Config {
    pull::Config {
        durable_name: Some(name.to_owned()),
        filter_subject: subject,
        ack_policy: AckPolicy::Explicit,
        max_deliver: 1,
        ..pull::Config::default()
    }
}

/// Rejects a stream that may lose records of attempts, or that cannot store batches atomically.
fn check(config: &Config) -> Result<(), HandOverError> {
    if config.retention != RetentionPolicy::WorkQueue {
        return Err(HandOverError::Unsuitable("it is not a work queue"));
    }
    if !config.allow_atomic_publish || !config.allow_message_ttl {
        return Err(HandOverError::Unsuitable("it does not allow atomic batches or message TTLs"));
    }
    let kept =
        config.max_age.is_zero() || config.max_age >= Duration::from_secs(WORK_REMEMBERED_SECONDS);
    let limited =
        config.max_messages > 0 || config.max_messages_per_subject > 0 || config.max_bytes > 0;
    if !kept || limited {
        return Err(HandOverError::Unsuitable("it removes records of attempts too early"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The JSON of a work item is a contract with workers, down to the order of the keys.
    const JSON: &str = concat!(
        r#"{"company":"acme","run":"00000000000000000000000001","user":"ann","attempt":2,"fence":7,"#,
        r#""channel":"whatsapp","message_id":"m@acme.boarding.invalid","#,
        r#""invitation":"00000000000000000000000002","generation":3,"#,
        r#""deadline":"1970-01-01T00:00:01.000Z","#,
        r#""to":{"address":"ann@acme.example","name":"Ann"},"phone":"********071","language":"en","#,
        r#""subject":"Link","text":"Please link","html":"<p>Please link</p>","#,
        r#""link":"https://link.example/t","expires_at":"1970-01-01T00:00:02.000Z"}"#,
    );

    #[test]
    fn a_work_item_keeps_its_json() {
        let item: WorkItem = serde_json::from_str(JSON).unwrap();
        assert_eq!((item.claim.attempt, item.content.subject.as_str()), (2, "Link"));
        assert_eq!(serde_json::to_string(&item).unwrap(), JSON);
    }

    #[test]
    fn debug_shows_no_person() {
        let item: WorkItem = serde_json::from_str(JSON).unwrap();
        let shown = format!("{item:?} {:?}", item.to);
        assert!(!shown.contains("ann") && !shown.contains("Ann"), "{shown}");
    }
}
