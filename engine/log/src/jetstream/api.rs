//! Requests to the server: one attempt each, with a time limit.
//!
//! Single messages are read from the leader of the stream (`STREAM.MSG.GET`). Direct Get is not used: any
//! replica answers it, and a replica may be behind.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::header::{
    NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID,
};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Info, RawMessageErrorKind, Stream};
use async_nats::jetstream::{Context, context::ContextBuilder};
use async_nats::{Client, HeaderMap, Request};
use boarding_commands::values::{CompanyId, Digest};
use bytes::Bytes;

use super::frame::Message;
use crate::error_chain;
use crate::limits::{
    NATS_ANSWER_SECONDS_MAX, NATS_APPEND_TRY_MILLIS, NATS_BYTES_PER_SECOND_MIN,
    NATS_CONSUMER_SECONDS,
};

/// The error codes of the server for a wrong expected last sequence.
const WRONG_LAST_SEQUENCE: [u64; 2] = [10_071, 10_164];

/// The error code of the server for a message id that is being stored at this moment.
const DUPLICATE_IN_FLIGHT: u64 = 10_158;

/// A client of the stream.
pub(super) struct Api {
    pub(super) client: Client,
    pub(super) context: Context,
    stream: Stream<()>,
    pub(super) name: String,
    /// The prefix of subjects; a company id follows.
    subjects: String,
}

/// The outcome of one attempt to publish.
#[derive(Debug)]
pub(super) enum Published {
    /// Stored by this attempt, or by an earlier one if it is a duplicate.
    Stored { sequence: u64, duplicate: bool },
    /// Another message is the last one of the subject, or is in flight.
    WrongLastSequence,
    /// Not stored; a retry may help.
    NotNow(String),
    /// Not stored; an immediate retry does not help.
    Refused(String),
    /// No response: the message may be stored, now or later.
    Unknown(String),
}

impl Api {
    pub(super) async fn new(
        client: Client,
        name: String,
        subjects: String,
    ) -> Result<Self, String> {
        let context = ContextBuilder::new()
            .timeout(Duration::from_secs(NATS_ANSWER_SECONDS_MAX))
            .build(client.clone());
        let stream =
            context.get_stream_no_info(&name).await.map_err(|error| error_chain(&error))?;
        Ok(Self { client, context, stream, name, subjects })
    }

    pub(super) fn subject(&self, company: &CompanyId) -> String {
        format!("{}.{company}", self.subjects)
    }

    /// The state of the stream, from its leader.
    pub(super) async fn info(&self) -> Result<Info, String> {
        self.stream.get_info().await.map_err(|error| error_chain(&error))
    }

    /// The first message from this sequence on with this subject; without a subject, the message itself.
    pub(super) async fn get(
        &self,
        sequence: u64,
        subject: Option<&str>,
    ) -> Result<Option<Message>, String> {
        let request = self.stream.raw_message_builder().sequence(sequence);
        let request = match subject {
            Some(subject) => request.next_by_subject(subject),
            None => request,
        };
        match request.send().await {
            Ok(found) => {
                let StreamMessage { sequence, subject, payload, .. } = found;
                Ok(Some(Message { sequence, subject, payload }))
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(error_chain(&error)),
        }
    }

    /// The sequence of a subject's last message, 0 if it has none.
    pub(super) async fn last(&self, subject: &str) -> Result<u64, String> {
        match self.stream.get_last_raw_message_by_subject(subject).await {
            Ok(found) => Ok(found.sequence),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(0),
            Err(error) => Err(error_chain(&error)),
        }
    }

    /// Creates a consumer that delivers messages in order from this sequence on. The server removes it when
    /// it is unused for [`NATS_CONSUMER_SECONDS`].
    pub(super) async fn consumer(
        &self,
        sequence: u64,
        subject: Option<&str>,
    ) -> Result<async_nats::jetstream::consumer::Consumer<pull::Config>, String> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: sequence.max(1) },
            ack_policy: AckPolicy::None,
            filter_subject: subject.unwrap_or_default().to_owned(),
            inactive_threshold: Duration::from_secs(NATS_CONSUMER_SECONDS),
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        self.stream.create_consumer(config).await.map_err(|error| error_chain(&error))
    }

    /// Publishes a message if `expected` is the last sequence of the subject. The server stores one message
    /// per id.
    pub(super) async fn publish(
        &self,
        subject: &str,
        expected: u64,
        id: Digest,
        payload: Bytes,
    ) -> Published {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_STREAM, self.name.as_str());
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string().as_str());
        headers.insert(NATS_MESSAGE_ID, id.to_string().as_str());
        let request = Request::new()
            .headers(headers)
            .timeout(Some(publish_timeout(payload.len() as u64)))
            .payload(payload);
        match self.client.send_request(subject.to_owned(), request).await {
            Ok(answer) => parse_ack(&answer.payload, &self.name),
            Err(error) => match error.kind() {
                RequestErrorKind::NoResponders => {
                    Published::NotNow("no stream stores this subject".to_owned())
                }
                RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::InvalidSubject => {
                    Published::Refused(error_chain(&error))
                }
                RequestErrorKind::TimedOut | RequestErrorKind::Other => {
                    Published::Unknown(error_chain(&error))
                }
            },
        }
    }
}

/// The time limit of a publish of this many bytes.
fn publish_timeout(bytes: u64) -> Duration {
    Duration::from_millis(NATS_APPEND_TRY_MILLIS + bytes * 1_000 / NATS_BYTES_PER_SECOND_MIN)
}

/// Parses the acknowledgement of a publish.
fn parse_ack(payload: &[u8], stream: &str) -> Published {
    match serde_json::from_slice::<Response<PublishAck>>(payload) {
        Ok(Response::Ok(ack)) if ack.stream == stream && ack.sequence > 0 => {
            Published::Stored { sequence: ack.sequence, duplicate: ack.duplicate }
        }
        Ok(Response::Ok(ack)) => {
            Published::Unknown(format!("the acknowledgement came from stream {}", ack.stream))
        }
        Ok(Response::Err { error }) if WRONG_LAST_SEQUENCE.contains(&error.error_code().0) => {
            Published::WrongLastSequence
        }
        Ok(Response::Err { error })
            if error.code() == 503 || error.error_code().0 == DUPLICATE_IN_FLIGHT =>
        {
            // The message in flight may still be stored.
            Published::Unknown(error.to_string())
        }
        Ok(Response::Err { error }) => Published::Refused(error.to_string()),
        Err(error) => Published::Unknown(error.to_string()),
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("stream", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_acknowledgement_is_parsed_to_its_outcome() {
        let read = |text: &str| parse_ack(text.as_bytes(), "LOG");
        let error = |status: u32, number: u32| {
            read(&format!(
                r#"{{"error":{{"code":{status},"err_code":{number},"description":"no"}},"stream":"LOG","seq":0}}"#
            ))
        };
        let stored = read(r#"{"stream":"LOG","seq":7}"#);
        assert!(matches!(stored, Published::Stored { sequence: 7, duplicate: false }));
        let again = read(r#"{"stream":"LOG","seq":7,"duplicate":true}"#);
        assert!(matches!(again, Published::Stored { sequence: 7, duplicate: true }));
        assert!(matches!(read(r#"{"stream":"OTHER","seq":7}"#), Published::Unknown(_)));
        assert!(matches!(error(400, 10_071), Published::WrongLastSequence));
        assert!(matches!(error(400, 10_164), Published::WrongLastSequence));
        assert!(matches!(error(409, 10_158), Published::Unknown(_)));
        assert!(matches!(error(503, 10_008), Published::Unknown(_)));
        assert!(matches!(error(400, 10_054), Published::Refused(_)));
        assert!(matches!(read("?"), Published::Unknown(_)));
    }
}
