//! Commands left in a JetStream stream while no engine was up: done like any other, and kept there until
//! what came of them is durable. Several may be done at once, so their order is not promised.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, AckKind, stream};
use boarding_commands::values::Code;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::task::JoinSet;

use super::names::{QUEUE_STREAM, ROOT};
use super::requests::{Request, may_answer};
use super::server::ServerState;
use super::wire::{WireResponse, header};
use crate::limits::{
    JETSTREAM_RETRY_MILLIS, QUEUE_ACK_SECONDS_MAX, QUEUE_BYTES_MAX, QUEUE_COMMANDS_MAX,
    QUEUE_PROGRESS_SECONDS, QUEUE_RETRY_MILLIS, QUEUE_RETRY_MILLIS_MAX,
};

/// The consumer that all engines share.
const CONSUMER: &str = "engine";

/// Where the answer is to be sent, if it is wanted.
const REPLY_TO: &str = "Boarding-Reply-To";

/// How often the server says that it is still there, and how long one request for commands lasts, in seconds.
const HEARTBEAT_SECONDS: u64 = 5;
const EXPIRES_SECONDS: u64 = 30;

/// Takes commands from the queue until the door closes. Without JetStream it says so, and looks again.
pub(super) async fn run(state: Arc<ServerState>, first: Result<pull::Stream, async_nats::Error>) {
    let (mut last_reason, mut opened) = (String::new(), first);
    loop {
        let ended = match opened {
            Ok(commands) => {
                tracing::info!("boarding.v1.<company>.queue.* is on");
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
                "boarding.v1.<company>.queue.* is off for now, it needs JetStream; requests are answered"
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

/// Opens the bucket of files, the stream and its consumer, and makes them if they are not there: those who
/// hand in files and commands may not.
pub(super) async fn open(state: &ServerState) -> Result<pull::Stream, async_nats::Error> {
    state.bucket.open().await?;
    let jetstream = jetstream::new(state.client.clone());
    let wanted = stream::Config {
        name: QUEUE_STREAM.to_owned(),
        description: Some("Commands that were left for an engine".to_owned()),
        subjects: vec![format!("{ROOT}.*.queue.*")],
        retention: stream::RetentionPolicy::WorkQueue,
        discard: stream::DiscardPolicy::New,
        storage: stream::StorageType::File,
        num_replicas: state.copies,
        max_bytes: QUEUE_BYTES_MAX,
        ..stream::Config::default()
    };
    let stream = jetstream.get_or_create_stream(wanted).await?;
    if stream.cached_info().config.retention != stream::RetentionPolicy::WorkQueue {
        let why = format!("the stream {QUEUE_STREAM} is there, and is no work queue: remove it");
        return Err(why.into());
    }
    let config = pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(QUEUE_ACK_SECONDS_MAX),
        // A command is tried until it works: it was promised to whoever left it.
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

/// Has commands done until the door closes, which is well, or something goes wrong.
async fn work(
    state: &Arc<ServerState>,
    mut commands: pull::Stream,
) -> Result<(), async_nats::Error> {
    let mut at_work = JoinSet::new();
    let ended = loop {
        tokio::select! {
            biased;
            () = state.closing() => break Ok(()),
            Some(_) = at_work.join_next() => {}
            command = commands.next(), if at_work.len() < QUEUE_COMMANDS_MAX => match command {
                Some(Ok(command)) => drop(at_work.spawn(one(Arc::clone(state), command))),
                Some(Err(error)) => break Err(error.into()),
                None => break Err("the server ended the consumer".into()),
            },
        }
    };
    // What was only fetched is for the next engine at once, not after the time for an answer.
    while let Some(Some(Ok(command))) = commands.next().now_or_never() {
        let _ = command.ack_with(AckKind::Nak(None)).await;
    }
    while at_work.join_next().await.is_some() {}
    ended
}

/// Does one command, tells what came of it where that is wanted, and only then lets the queue forget it.
async fn one(state: Arc<ServerState>, command: jetstream::Message) {
    let headers = command.headers.as_ref();
    let request =
        Request { subject: &command.subject, headers, payload: &command.payload, forwarded: false };
    let response = with_progress(&command, state.command(request)).await;
    let tries = command.info().map_or(1, |info| info.delivered);
    if response.may_be_retried() {
        tracing::info!(subject = %command.subject, tries, code = %code(&response), "a command of the queue failed, and is tried again");
        return finish(&command, AckKind::Nak(Some(wait_after(tries)))).await;
    }
    let kind = match response.code {
        Some(
            Code::EnvelopeMalformed
            | Code::EnvelopeUnsupportedVersion
            | Code::EnvelopeUnsupportedContentType,
        ) => {
            tracing::warn!(subject = %command.subject, code = %code(&response), "a command of the queue cannot be read, and is given up");
            AckKind::Term
        }
        _ => AckKind::Ack,
    };
    match header(headers, REPLY_TO) {
        Some(to) if may_answer(to) => state.send(to, response).await,
        Some(_) => {
            tracing::warn!(subject = %command.subject, "{REPLY_TO} names a subject where no answer may go");
        }
        None => {}
    }
    finish(&command, kind).await;
}

/// Says now and then that the command is still being worked at.
async fn with_progress(
    command: &jetstream::Message,
    work: impl Future<Output = WireResponse>,
) -> WireResponse {
    let mut work = std::pin::pin!(work);
    loop {
        let pause = tokio::time::sleep(Duration::from_secs(QUEUE_PROGRESS_SECONDS));
        tokio::select! {
            response = &mut work => return response,
            () = pause => drop(command.ack_with(AckKind::Progress).await),
        }
    }
}

/// If this does not arrive, the command comes again, and gets its first answer.
async fn finish(command: &jetstream::Message, kind: AckKind) {
    if let Err(error) = command.double_ack_with(kind).await {
        tracing::info!(error = &*error as &dyn std::error::Error, "the queue was not reached");
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
