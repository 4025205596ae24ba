//! The command queue: executes commands from a JetStream stream and acknowledges them when they are durable.
//!
//! Several commands run at the same time, so their order is not guaranteed.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, AckKind, stream};
use boarding_commands::values::Code;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::task::JoinSet;

use super::names::{self, FILES_BUCKET, QUEUE_STREAM, RequestSubject};
use super::requests::{Request, may_answer};
use super::server_state::ServerState;
use super::wire::header;
use crate::limits::{
    JETSTREAM_RETRY_MILLIS, QUEUE_ACK_SECONDS_MAX, QUEUE_BYTES_MAX, QUEUE_COMMANDS_MAX,
    QUEUE_FAULTS_MAX, QUEUE_PROGRESS_SECONDS, QUEUE_RETRY_MILLIS, QUEUE_RETRY_MILLIS_MAX,
};
use boarding_core::refused_commands::{RefusedCommand, RefusedOutcome};
use boarding_core::serving::wire::WireResponse;

/// The durable consumer that all engines share.
const CONSUMER: &str = "engine";

/// The header with the subject for the answer.
const REPLY_TO: &str = "Boarding-Reply-To";

/// The heartbeat interval of the server and the length of one fetch, in seconds.
const HEARTBEAT_SECONDS: u64 = 5;
const EXPIRES_SECONDS: u64 = 30;

/// Executes queued commands until the shutdown. Without JetStream it logs a warning and retries.
pub(super) async fn run(state: Arc<ServerState>, first: Result<pull::Stream, async_nats::Error>) {
    let (mut last_reason, mut opened) = (String::new(), first);
    loop {
        let ended = match opened {
            Ok(commands) => {
                tracing::info!("command queue open (boarding.v1.<company>.queue.*)");
                last_reason.clear();
                work(&state, commands).await
            }
            Err(error) => Err(error),
        };
        let Err(error) = ended else { return };
        let why = boarding_log::error_chain(&*error);
        if why != last_reason {
            tracing::warn!(
                why,
                "command queue unavailable (boarding.v1.<company>.queue.*), retrying; it needs JetStream; requests are served"
            );
            last_reason = why;
        }
        let pause = tokio::time::sleep(Duration::from_millis(JETSTREAM_RETRY_MILLIS));
        opened = tokio::select! {
            () = state.closing() => return,
            opened = async { pause.await; open(&state).await } => opened,
        };
    }
}

/// Opens the file bucket, the stream and its consumer, and creates missing ones. Clients have no right to
/// create them.
pub(super) async fn open(state: &ServerState) -> Result<pull::Stream, async_nats::Error> {
    state.bucket.open(FILES_BUCKET).await?;
    let jetstream = jetstream::new(state.client.clone());
    let wanted = stream::Config {
        name: QUEUE_STREAM.to_owned(),
        description: Some("Commands that were left for an engine".to_owned()),
        subjects: names::all("queue").to_vec(),
        retention: stream::RetentionPolicy::WorkQueue,
        discard: stream::DiscardPolicy::New,
        storage: stream::StorageType::File,
        num_replicas: state.copies,
        max_bytes: QUEUE_BYTES_MAX,
        ..stream::Config::default()
    };
    let mut stream = jetstream.get_or_create_stream(wanted.clone()).await?;
    // A stream of an earlier version lacks the subjects with the server's user.
    if wanted.subjects.iter().any(|one| !stream.cached_info().config.subjects.contains(one)) {
        let subjects = wanted.subjects;
        let config = stream::Config { subjects, ..stream.cached_info().config.clone() };
        match jetstream.update_stream(config).await {
            Ok(_) => stream = jetstream.get_stream(QUEUE_STREAM).await?,
            // An earlier configuration of the server does not permit it. It has no users with accounts either.
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "command queue takes no commands of users with accounts"
            ),
        }
    }
    if stream.cached_info().config.retention != stream::RetentionPolicy::WorkQueue {
        let why = format!("the stream {QUEUE_STREAM} exists but is not a work queue: remove it");
        return Err(why.into());
    }
    let config = pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(QUEUE_ACK_SECONDS_MAX),
        // No limit here: the engine gives a command up after `QUEUE_FAULTS_MAX` internal faults.
        max_deliver: -1,
        max_ack_pending: i64::try_from(QUEUE_COMMANDS_MAX).unwrap_or(i64::MAX),
        ..pull::Config::default()
    };
    let consumer: PullConsumer = stream.get_or_create_consumer(CONSUMER, config).await?;
    let commands = consumer
        .stream()
        .max_messages_per_batch(QUEUE_COMMANDS_MAX)
        .expires(Duration::from_secs(EXPIRES_SECONDS))
        .heartbeat(Duration::from_secs(HEARTBEAT_SECONDS));
    Ok(commands.messages().await?)
}

/// Executes commands until the shutdown, or until an error.
async fn work(
    state: &Arc<ServerState>,
    mut commands: pull::Stream,
) -> Result<(), async_nats::Error> {
    let mut running = JoinSet::new();
    let ended = loop {
        tokio::select! {
            biased;
            () = state.closing() => break Ok(()),
            Some(_) = running.join_next() => {}
            command = commands.next(), if running.len() < QUEUE_COMMANDS_MAX => match command {
                Some(Ok(command)) => drop(running.spawn(one(Arc::clone(state), command))),
                Some(Err(error)) => break Err(error.into()),
                None => break Err("the server ended the consumer".into()),
            },
        }
    };
    // Fetched commands that have not started go back at once. Otherwise another engine would get them only
    // after the acknowledgement time.
    while let Some(Some(Ok(command))) = commands.next().now_or_never() {
        let _ = command.ack_with(AckKind::Nak(None)).await;
    }
    while running.join_next().await.is_some() {}
    ended
}

/// Executes one command, sends the answer if it is wanted, and then acknowledges the command.
// The order matters: after a crash before the acknowledgement, the command is delivered again and gets its
// first answer.
async fn one(state: Arc<ServerState>, command: jetstream::Message) {
    let headers = command.headers.as_ref();
    let (subject, payload) = (&command.subject, &command.payload);
    let request = Request { subject, headers, payload, user: None, forwarded: false, token: None };
    let response = with_progress(&command, state.command(request)).await;
    let (tries, number) =
        command.info().map_or((1, 0), |info| (info.delivered, info.stream_sequence));
    let gives_up =
        response.code == Some(Code::Internal) && state.count_fault(number) >= QUEUE_FAULTS_MAX;
    // The company takes commands again after a repair, however long that takes.
    let is_damaged = response.code == Some(Code::LogCompanyDamaged);
    if (response.may_be_retried() && !gives_up) || is_damaged {
        tracing::info!(subject = %command.subject, tries, code = %code(&response), "queued command failed, retrying");
        return finish(&command, AckKind::Nak(Some(wait_after(tries)))).await;
    }
    state.forget_faults(number);
    let kind = if response.is_malformed() { AckKind::Term } else { AckKind::Ack };
    if response.code.is_some() {
        with_progress(&command, keep_refused(&state, request, number, tries, &response)).await;
    }
    match header(headers, REPLY_TO) {
        Some(to) if may_answer(to) => match RequestSubject::read(&command.subject).user {
            // The asker's account imports only answers for its own user.
            Some(user) => state.send(&names::answer(user, to), response).await,
            None => state.send(to, response).await,
        },
        Some(_) => {
            tracing::warn!(subject = %command.subject, "answer not sent: subject in {REPLY_TO} not allowed");
        }
        None => {}
    }
    finish(&command, kind).await;
}

/// Keeps a command that was refused or given up for the query `queued_commands`. Its sender may not wait for an answer.
async fn keep_refused(
    state: &ServerState,
    request: Request<'_>,
    number: u64,
    tries: i64,
    response: &WireResponse,
) {
    let (parts, code) = (request.subject_parts(), code(response));
    // The reason may name a person, so the log of the program does not get it.
    let (id, reason) = response.refusal();
    let gave_up = response.may_be_retried();
    let shown = id.map(|id| id.to_string()).unwrap_or_default();
    if response.is_malformed() {
        tracing::warn!(subject = request.subject, number, id = shown, %code, "queued command is malformed, dropped");
    } else if gave_up {
        tracing::warn!(subject = request.subject, number, id = shown, %code, tries, "queued command failed at each try, dropped");
    } else {
        tracing::info!(subject = request.subject, number, id = shown, %code, "queued command refused");
    }
    // A malformed company has no users who could see the command.
    let Ok(company) = parts.company.parse() else { return };
    let known = state.with_user(request).await.ok();
    let user = known.and_then(|known| known.user).map(str::to_owned);
    let command = RefusedCommand {
        id,
        name: parts.name.to_owned(),
        outcome: if gave_up { RefusedOutcome::GivenUp } else { RefusedOutcome::Refused },
        code,
        reason,
        actor: request.actor(),
        user,
        tries: u64::try_from(tries).unwrap_or(1),
        at: state.engine.clock().now(),
    };
    if let Err(error) = state.refused.keep(&company, number, command).await {
        tracing::warn!(
            subject = request.subject,
            error = &*error as &dyn std::error::Error,
            "keeping a refused command failed; queued_commands does not show it"
        );
    }
}

/// Runs the command and tells the server regularly that it is still in progress.
async fn with_progress<T>(command: &jetstream::Message, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        let pause = tokio::time::sleep(Duration::from_secs(QUEUE_PROGRESS_SECONDS));
        tokio::select! {
            response = &mut work => return response,
            () = pause => drop(command.ack_with(AckKind::Progress).await),
        }
    }
}

/// Acknowledges the command. If the acknowledgement is lost, the command is delivered again and gets its
/// first answer.
async fn finish(command: &jetstream::Message, kind: AckKind) {
    if let Err(error) = command.double_ack_with(kind).await {
        tracing::info!(
            error = &*error as &dyn std::error::Error,
            "acknowledging a queued command failed"
        );
    }
}

fn wait_after(tries: i64) -> Duration {
    let doublings = u32::try_from(tries.clamp(1, 20) - 1).unwrap_or(0);
    Duration::from_millis((QUEUE_RETRY_MILLIS << doublings).min(QUEUE_RETRY_MILLIS_MAX))
}

fn code(response: &WireResponse) -> Code {
    response.code.unwrap_or(Code::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let millis = |tries| wait_after(tries).as_millis();
        assert_eq!([millis(0), millis(1), millis(2), millis(5)], [500, 500, 1_000, 8_000]);
        assert_eq!([millis(9), millis(i64::MAX)], [60_000, 60_000]);
    }
}
