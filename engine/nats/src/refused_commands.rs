//! The stream of queued commands that were refused or given up. Only engines read and write it.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::{ContextBuilder, GetStreamErrorKind, PublishErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use async_nats::{Client, HeaderMap, header};
use boarding_commands::values::CompanyId;
use futures_util::TryStreamExt as _;
use tokio::runtime::Handle;

use super::names::{self, REFUSED_STREAM};
use crate::limits::{
    REFUSED_ACTOR_CHARS_MAX, REFUSED_BYTES_MAX, REFUSED_COMMANDS_MAX, REFUSED_KEPT_DAYS,
    REFUSED_OF_COMPANY_MAX, REFUSED_REASON_CHARS_MAX, REFUSED_WAIT_SECONDS,
};
use boarding_core::refused_commands::{RefusedCommand, RefusedCommands};

/// The refused commands of all companies in JetStream.
#[derive(Debug)]
pub(super) struct RefusedStream {
    jetstream: Context,
    /// The number of replicas of a new stream.
    copies: usize,
    runtime: Handle,
}

impl RefusedStream {
    /// The stream on this server. Must be called inside a Tokio runtime.
    pub(super) fn new(client: &Client, copies: usize) -> Self {
        let jetstream = ContextBuilder::new()
            .timeout(Duration::from_secs(REFUSED_WAIT_SECONDS))
            .build(client.clone());
        Self { jetstream, copies, runtime: Handle::current() }
    }

    /// Creates the stream if it is missing.
    async fn open(&self) -> Result<(), async_nats::Error> {
        // Each company has its own subject with its own limit. Beyond the limits of the whole stream, the server removes
        // the oldest messages of all companies first.
        let config = Config {
            name: REFUSED_STREAM.to_owned(),
            description: Some("Queued commands that were refused or given up".to_owned()),
            subjects: vec![names::all_refused()],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            discard: DiscardPolicy::Old,
            max_messages_per_subject: REFUSED_OF_COMPANY_MAX,
            max_messages: REFUSED_COMMANDS_MAX,
            max_bytes: REFUSED_BYTES_MAX,
            max_age: Duration::from_secs(REFUSED_KEPT_DAYS * 24 * 60 * 60),
            num_replicas: self.copies,
            ..Config::default()
        };
        self.jetstream.get_or_create_stream(config).await?;
        Ok(())
    }

    /// Stores a refused command. `number` is the sequence of the command in the queue, and part of the message id. The
    /// server remembers ids for two minutes. So a command that is delivered again within that time is stored once.
    pub(super) async fn keep(
        &self,
        company: &CompanyId,
        number: u64,
        mut command: RefusedCommand,
    ) -> Result<(), async_nats::Error> {
        let cut = |text: String, chars: usize| text.chars().take(chars).collect::<String>();
        command.name = cut(command.name, REFUSED_ACTOR_CHARS_MAX);
        command.reason = cut(command.reason, REFUSED_REASON_CHARS_MAX);
        command.actor = command.actor.map(|actor| cut(actor, REFUSED_ACTOR_CHARS_MAX));
        let payload = serde_json::to_vec(&command)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::NATS_MESSAGE_ID, format!("queue-{number}"));
        let publish = async || {
            let (subject, headers) = (names::refused(company), headers.clone());
            let sent =
                self.jetstream.publish_with_headers(subject, headers, payload.clone().into());
            sent.await?.await
        };
        match publish().await {
            // The first refused command creates the stream.
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound => {
                self.open().await?;
                publish().await?;
            }
            sent => drop(sent?),
        }
        Ok(())
    }

    /// Reads the refused commands of a company before this sequence of the stream, oldest first.
    async fn read(
        &self,
        company: &CompanyId,
        before: u64,
    ) -> Result<Vec<(u64, RefusedCommand)>, async_nats::Error> {
        let stream = match self.jetstream.get_stream(REFUSED_STREAM).await {
            Ok(stream) => stream,
            Err(error) => match error.kind() {
                // No command was refused yet.
                GetStreamErrorKind::JetStream(why)
                    if why.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    return Ok(Vec::new());
                }
                _ => return Err(error.into()),
            },
        };
        let config = pull::Config {
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::None,
            filter_subject: names::refused(company),
            inactive_threshold: Duration::from_secs(REFUSED_WAIT_SECONDS),
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = stream.create_consumer(config).await?;
        let most = usize::try_from(REFUSED_OF_COMPANY_MAX).unwrap_or(usize::MAX);
        let mut messages = consumer.fetch().max_messages(most).messages().await?;
        let mut found = Vec::new();
        while let Some(message) = messages.try_next().await? {
            let number = message.info()?.stream_sequence;
            // A later version of the program may write other entries. This version skips them.
            if number < before
                && let Ok(command) = serde_json::from_slice(&message.payload)
            {
                found.push((number, command));
            }
        }
        drop(messages);
        // If the deletion fails, the server removes the unused consumer later.
        let _ = stream.delete_consumer(&consumer.cached_info().name).await;
        Ok(found)
    }
}

impl RefusedCommands for RefusedStream {
    fn newest(
        &self,
        company: &CompanyId,
        before: u64,
        limit: usize,
    ) -> Result<Vec<(u64, RefusedCommand)>, String> {
        let longest = Duration::from_secs(REFUSED_WAIT_SECONDS);
        let reading = async { tokio::time::timeout(longest, self.read(company, before)).await };
        let unavailable = |why: &dyn std::fmt::Display| format!("read the refused commands: {why}");
        let read = self.runtime.block_on(reading).map_err(|error| unavailable(&error))?;
        let all = read.map_err(|error| unavailable(&boarding_log::error_chain(&*error)))?;
        Ok(all.into_iter().rev().take(limit).collect())
    }
}
