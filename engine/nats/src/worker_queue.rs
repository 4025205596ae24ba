//! Work for channel workers outside the engine: one piece for each attempt at a recipient, never two.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
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
use boarding_commands::event::Channel;
use boarding_commands::values::{CompanyId, Digest, InvitationId, RunId, Time, UserKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::{self, WORK_STREAM};
use crate::limits::{
    WORK_ACK_SECONDS_MAX, WORK_REMEMBERED_SECONDS, WORK_RETRY_MILLIS, WORK_RETRY_MILLIS_MAX,
};
use boarding_core::clock::Clock;
use boarding_core::delivery::mail::{Mail, Purpose};

/// One piece of work, as JSON: invite this person on this channel, and report.
///
/// The report is the command `InviteSent`, `UserSkipped` or `InviteFailed` with the `run`, `user`,
/// `attempt` and `fence` given here. After the `deadline` nobody waits for it any more: work that is
/// taken later is left alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkItem {
    pub company: CompanyId,
    pub run: RunId,
    pub user: UserKey,
    /// Counts the claims of this recipient, from 1.
    pub attempt: u32,
    pub fence: u64,
    pub channel: Channel,
    /// The same at every attempt.
    pub message_id: String,
    pub invitation: InvitationId,
    pub generation: u32,
    pub deadline: Time,
    /// Where the company's mail for this person goes.
    pub to: Address,
    /// The person's corporate phone, all but its last digits hidden.
    pub phone: String,
    /// The language of the wording: a BCP 47 tag.
    pub language: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The person's own link; whoever has it can link.
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
        write!(f, "WorkItem({} of {}, attempt {})", self.message_id, self.company, self.attempt)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(***)")
    }
}

impl WorkItem {
    /// The work that an invitation is; none if its claim is over.
    pub fn of(mail: Mail) -> Option<Self> {
        let Purpose::Run(run) = mail.purpose else { return None };
        let claim = mail.claim?;
        Some(Self {
            company: mail.company,
            run,
            user: claim.user.into_inner(),
            attempt: claim.attempt,
            fence: claim.fence,
            channel: claim.channel,
            message_id: mail.message_id,
            invitation: claim.invitation,
            generation: claim.generation,
            deadline: claim.deadline,
            to: Address { address: mail.to, name: mail.to_name },
            phone: claim.masked_phone,
            language: claim.language,
            subject: mail.content.subject,
            text: mail.content.text,
            html: mail.content.html,
            link: claim.link.into_inner(),
            expires_at: claim.expires_at,
        })
    }

    /// What nobody else's mail has, in a form that a subject takes.
    fn mark(&self) -> String {
        Digest::of(self.message_id.as_bytes()).to_string().chars().take(32).collect()
    }
}

/// What became of a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOver {
    /// It is or was in the queue, or its deadline has passed: there is nothing more to do here.
    Over,
    /// No message of this server holds it.
    TooLarge,
}

/// Why work could not be handed in just now.
#[derive(Debug, thiserror::Error)]
enum HandOverError {
    #[error("open the stream {WORK_STREAM}")]
    Open(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("use the stream {WORK_STREAM} for work: {0}; move it away, and it is made anew")]
    Unsuitable(&'static str),
    #[error("hand work to the stream {WORK_STREAM}")]
    Send(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("hand work to the stream {WORK_STREAM}: there is no such stream")]
    NoStream,
}

/// The queue of work in JetStream.
#[derive(Debug)]
pub struct WorkQueue {
    client: Client,
    clock: Clock,
    copies: usize,
    /// The companies whose workers have a place to take from, as long as nothing has failed since.
    open: Mutex<HashSet<CompanyId>>,
}

impl WorkQueue {
    /// The queue on this server, in so many copies. The clock is the engine's: deadlines are told by it.
    pub fn new(client: Client, clock: Clock, copies: usize) -> Self {
        Self { client, clock, copies, open: Mutex::default() }
    }

    /// Hands in a piece of work, as often as it takes and until its deadline.
    ///
    /// The work and the memory that this attempt was handed in are stored as one, or neither; so it may be
    /// handed in again after any fault, and is in the queue once. The server's own memory of message ids
    /// would not do: after a restart it knows only those that are still in the queue.
    pub async fn hand_over(&self, item: &WorkItem) -> HandOver {
        let Ok(payload) = serde_json::to_vec(item) else { return HandOver::TooLarge };
        let mut wait_millis = WORK_RETRY_MILLIS;
        loop {
            let left = item.deadline.0.saturating_sub(self.clock.now().0);
            let Some(seconds) = u64::try_from(left).ok().filter(|left| *left > 0) else {
                return HandOver::Over;
            };
            match self.try_to(item, &payload, seconds.div_ceil(1000)).await {
                Ok(handed) => return handed,
                Err(error) => {
                    self.opened().clear();
                    let error = boarding_log::error_chain(&error);
                    tracing::warn!(company = %item.company, run = %item.run, %error, "work waits");
                }
            }
            tokio::time::sleep(Duration::from_millis(wait_millis)).await;
            wait_millis = (wait_millis * 2).min(WORK_RETRY_MILLIS_MAX);
        }
    }

    async fn try_to(
        &self,
        item: &WorkItem,
        payload: &[u8],
        seconds: u64,
    ) -> Result<HandOver, HandOverError> {
        if !self.opened().contains(&item.company) {
            self.open(&item.company).await?;
            self.opened().insert(item.company.clone());
        }
        let (memory, work) = self.headers(item, seconds);
        if payload.len() + HEADERS_BYTES > self.client.server_info().max_payload {
            return Ok(HandOver::TooLarge);
        }
        let subject = names::handed(&item.company, &item.mark(), item.attempt);
        let sent = self.client.publish_with_headers(subject, memory, Vec::new().into()).await;
        sent.map_err(|error| HandOverError::Send(error.into()))?;
        let request = Request::new()
            .headers(work)
            .payload(payload.to_vec().into())
            .timeout(Some(Duration::from_secs(WORK_ACK_SECONDS_MAX)));
        let subject = names::work(&item.company, item.channel.as_str());
        let answer = self.client.send_request(subject, request).await;
        let answer = answer.map_err(|error| HandOverError::Send(error.into()))?;
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(HandOverError::NoStream);
        }
        let answer = serde_json::from_slice::<Response<PublishAck>>(&answer.payload);
        match answer.map_err(|error| HandOverError::Send(error.into()))? {
            Response::Ok(_) => Ok(HandOver::Over),
            Response::Err { error } if KNOWN.contains(&error.error_code()) => Ok(HandOver::Over),
            Response::Err { error } => Err(HandOverError::Send(error.into())),
        }
    }

    /// The headers of the memory and of the work: a batch of two that the server takes whole or not at all.
    fn headers(&self, item: &WorkItem, seconds: u64) -> (HeaderMap, HeaderMap) {
        let batch = self.clock.id().to_string();
        let mut memory = HeaderMap::new();
        memory.insert(NATS_BATCH_ID, batch.as_str());
        memory.insert(NATS_BATCH_SEQUENCE, "1");
        memory.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, "0");
        let mut work = HeaderMap::new();
        work.insert(NATS_BATCH_ID, batch.as_str());
        work.insert(NATS_BATCH_SEQUENCE, "2");
        work.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
        work.insert(NATS_MESSAGE_ID, format!("{}-{}", item.message_id, item.attempt));
        // Work that nobody took in time is nobody's to do: the link does not stay in the queue.
        work.insert(NATS_MESSAGE_TTL, format!("{seconds}s"));
        work.insert("Content-Type", "application/json");
        (memory, work)
    }

    fn opened(&self) -> MutexGuard<'_, HashSet<CompanyId>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the stream, and the places where the company's workers take from it, if they are not there.
    async fn open(&self, company: &CompanyId) -> Result<(), HandOverError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| HandOverError::Open(error);
        let context = jetstream::new(self.client.clone());
        let stream = context.get_or_create_stream(config(self.copies)).await;
        let stream = stream.map_err(|error| failed(error.into()))?;
        check(&stream.cached_info().config)?;
        for channel in Channel::ALL {
            let name = names::workers(company, channel.as_str());
            let config = consumer(&name, names::work(company, channel.as_str()));
            let made = stream.get_or_create_consumer(&name, config).await;
            made.map_err(|error| failed(error.into()))?;
        }
        Ok(())
    }
}

/// What the headers of one message take at the most, in bytes: a Message-ID and the batch's.
const HEADERS_BYTES: usize = 1024;

/// The server's words for "this attempt was handed in before".
const KNOWN: [ErrorCode; 3] = [
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

/// Where a company's workers take work of one channel, and see no other company's: each piece is given out
/// once. One whose worker died is not given to another, who could invite the person a second time; its
/// deadline ends it.
fn consumer(name: &str, subject: String) -> pull::Config {
    pull::Config {
        durable_name: Some(name.to_owned()),
        filter_subject: subject,
        ack_policy: AckPolicy::Explicit,
        max_deliver: 1,
        ..pull::Config::default()
    }
}

/// A stream that forgets what was handed in, or could take half of it, is not used.
fn check(config: &Config) -> Result<(), HandOverError> {
    if config.retention != RetentionPolicy::WorkQueue {
        return Err(HandOverError::Unsuitable("it is no work queue"));
    }
    if !config.allow_atomic_publish || !config.allow_message_ttl {
        return Err(HandOverError::Unsuitable(
            "it takes no atomic batches, or no messages that end",
        ));
    }
    let kept =
        config.max_age.is_zero() || config.max_age >= Duration::from_secs(WORK_REMEMBERED_SECONDS);
    let limited =
        config.max_messages > 0 || config.max_messages_per_subject > 0 || config.max_bytes > 0;
    if !kept || limited {
        return Err(HandOverError::Unsuitable("it forgets what was handed in"));
    }
    Ok(())
}
