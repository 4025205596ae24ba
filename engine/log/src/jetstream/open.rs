//! Opening: nothing is appended to a server or a stream that may lose what it acknowledged.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, Info, PersistenceMode, RetentionPolicy, State, StorageType,
};

use super::api::Api;
use super::error::OpenError;
use super::frame::FRAME_BYTES_MAX;
use super::options::Options;
use super::safety;
use crate::APPEND_BYTES_MAX;
use crate::codec::COMMIT_BYTES_MAX;
use crate::connect::{is_clustered, usual_copies};
use crate::error_chain;
use crate::limits::{NATS_OPEN_SECONDS_MAX, RETRY_MILLIS};

/// What a message's subject and headers take beside its payload, at the most.
const HEADERS_BYTES_MAX: usize = 1_024;

/// A stream that may be appended to.
pub(super) struct Ready {
    pub(super) api: Api,
    pub(super) state: State,
    /// The most bytes of commits in one message.
    pub(super) append_bytes_max: usize,
}

/// Connects, makes the stream if there is none, and checks everything that can be checked without reading.
pub(super) async fn open(options: &Options) -> Result<Ready, OpenError> {
    let client = options.server.connect("boarding log").await?;
    let server = client.server_info();
    safety::check_version(&server.server_name, &server.version)?;
    let append_bytes_max = append_bytes_max(server.max_payload)?;
    let known = safety::check_all(options).await?;
    let stream = options.stream.clone();
    let api = Api::new(client, stream.clone(), options.subjects.clone()).await;
    let api = api.map_err(|why| OpenError::Stream { stream, why })?;
    let info = get_or_create(&api, options).await?;
    check_config(&info.config, options)?;
    check_copies(&api.client, &info, options)?;
    safety::check_known(&known, &servers_of(&api.client, &info), options)?;
    let damaged = |what| OpenError::Damaged { stream: options.stream.clone(), what };
    check_whole(&info.state).map_err(damaged)?;
    Ok(Ready { api, state: info.state, append_bytes_max })
}

/// What one message of the server may hold of commits.
fn append_bytes_max(max_payload: usize) -> Result<usize, OpenError> {
    let needed = COMMIT_BYTES_MAX + FRAME_BYTES_MAX + HEADERS_BYTES_MAX;
    if max_payload < needed {
        return Err(OpenError::SmallMessages { max_payload, needed });
    }
    Ok((max_payload - FRAME_BYTES_MAX - HEADERS_BYTES_MAX).min(APPEND_BYTES_MAX))
}

/// The stream, waited for while a cluster that has just started has no leader yet.
async fn get_or_create(api: &Api, options: &Options) -> Result<Info, OpenError> {
    let stream = options.stream.clone();
    let mut why = "no answer".to_owned();
    let asking = async {
        loop {
            match try_get_or_create(api, options).await {
                Err(OpenError::Stream { why: again, .. }) => why = again,
                known => return known,
            }
            tokio::time::sleep(Duration::from_millis(RETRY_MILLIS)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(NATS_OPEN_SECONDS_MAX), asking).await {
        Ok(known) => known,
        Err(_) => Err(OpenError::Stream { stream, why }),
    }
}

async fn try_get_or_create(api: &Api, options: &Options) -> Result<Info, OpenError> {
    let failed = |why: String| OpenError::Stream { stream: options.stream.clone(), why };
    match api.context.get_stream(&options.stream).await {
        Ok(stream) => return Ok(stream.cached_info().clone()),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(no) if no.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            }
            GetStreamErrorKind::JetStream(no) if is_disabled(no.error_code()) => {
                return Err(OpenError::NoJetStream { why: no.to_string() });
            }
            GetStreamErrorKind::Request if !api.client.server_info().jetstream => {
                return Err(OpenError::NoJetStream { why: error_chain(&error) });
            }
            _ => return Err(failed(error_chain(&error))),
        },
    }
    if options.indexed_up_to > 0 {
        let (seen, end) = (options.indexed_up_to, 0);
        return Err(OpenError::Behind { stream: options.stream.clone(), seen, end });
    }
    match api.context.create_stream(config(&api.client, options)).await {
        Ok(stream) => Ok(stream.cached_info().clone()),
        Err(error) => match error.kind() {
            CreateStreamErrorKind::JetStream(no) if is_disabled(no.error_code()) => {
                Err(OpenError::NoJetStream { why: no.to_string() })
            }
            _ => Err(failed(error_chain(&error))),
        },
    }
}

fn is_disabled(code: ErrorCode) -> bool {
    code == ErrorCode::JETSTREAM_NOT_ENABLED || code == ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
}

/// The settings of a stream that never removes a message.
pub fn config(client: &Client, options: &Options) -> Config {
    Config {
        name: options.stream.clone(),
        subjects: vec![format!("{}.*", options.subjects)],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_messages: -1,
        max_bytes: -1,
        max_messages_per_subject: -1,
        num_replicas: options.copies.unwrap_or_else(|| usual_copies(client)),
        deny_delete: true,
        deny_purge: true,
        description: Some("Boarding: the event log. Nothing is ever removed from it.".to_owned()),
        ..Config::default()
    }
}

/// Rejects a stream that may drop messages, or that accepts foreign messages.
fn check_config(config: &Config, options: &Options) -> Result<(), OpenError> {
    let subjects = [format!("{}.*", options.subjects)];
    let needed = i32::try_from(COMMIT_BYTES_MAX + FRAME_BYTES_MAX + HEADERS_BYTES_MAX);
    let small = |max: i32| max > 0 && needed.is_ok_and(|needed| max < needed);
    let checks = [
        (config.subjects != subjects, format!("its subjects are not {}", subjects.concat())),
        (config.storage != StorageType::File, "it is not stored in files".to_owned()),
        (config.retention != RetentionPolicy::Limits, "its retention is not limits".to_owned()),
        (config.discard != DiscardPolicy::New, "it discards old messages".to_owned()),
        (config.max_messages > 0, "max_msgs is set".to_owned()),
        (config.max_bytes > 0, "max_bytes is set".to_owned()),
        (!config.max_age.is_zero(), "max_age is set".to_owned()),
        (config.max_messages_per_subject > 0, "max_msgs_per_subject is set".to_owned()),
        (small(config.max_message_size), "max_msg_size is too small for a commit".to_owned()),
        (!config.deny_delete, "deny_delete is not set".to_owned()),
        (!config.deny_purge, "deny_purge is not set".to_owned()),
        (config.allow_rollup, "allow_rollup_hdrs is set".to_owned()),
        (config.allow_message_ttl, "allow_msg_ttl is set".to_owned()),
        (config.no_ack, "no_ack is set".to_owned()),
        (config.sealed, "it is sealed".to_owned()),
        (config.persist_mode == Some(PersistenceMode::Async), "persist_mode is async".to_owned()),
        (config.mirror.is_some() || config.sources.is_some(), "it copies a stream".to_owned()),
        (config.subject_transform.is_some(), "it changes subjects".to_owned()),
    ];
    let problems: Vec<String> =
        checks.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, what)| what).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(OpenError::Config { stream: options.stream.clone(), problems: problems.join(", ") })
}

fn check_copies(client: &Client, info: &Info, options: &Options) -> Result<(), OpenError> {
    let copies = info.config.num_replicas;
    if is_clustered(client) && copies < 2 && !options.accept_one_copy {
        return Err(OpenError::OneCopy { stream: options.stream.clone() });
    }
    Ok(())
}

/// The names of the servers that keep the stream.
fn servers_of(client: &Client, info: &Info) -> Vec<String> {
    match &info.cluster {
        Some(cluster) if is_clustered(client) => {
            let others = cluster.replicas.iter().map(|peer| peer.name.clone());
            cluster.leader.iter().cloned().chain(others).collect()
        }
        _ => vec![client.server_info().server_name],
    }
}

/// Checks that the stream holds all messages that it ever stored.
///
/// # Errors
/// Which messages are missing.
pub(super) fn check_whole(state: &State) -> Result<(), String> {
    let State { messages, first_sequence: first, last_sequence: last, .. } = *state;
    if last == 0 || (first == 1 && messages == last) {
        return Ok(());
    }
    Err(format!("it stored {last} messages and holds {messages}, from message {first} on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_fits_one_message_of_a_default_server() {
        assert_eq!(append_bytes_max(1024 * 1024).unwrap(), 1024 * 1024 - 33 - 4096 - 1024);
        assert_eq!(append_bytes_max(64 * 1024 * 1024).unwrap(), APPEND_BYTES_MAX);
        let error = append_bytes_max(COMMIT_BYTES_MAX).unwrap_err().to_string();
        assert!(error.contains("max_payload"), "{error}");
    }
}
