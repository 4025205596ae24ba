//! Follows the stream: reads it on opening, then the appends of other writers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::frame::Message;
use super::pages::{Pages, read_from_leader};
use super::shared::Inner;
use crate::ReadError;
use crate::limits::{NATS_PAGE_BYTES, NATS_PAGE_MESSAGES, NATS_POLL_SECONDS, RETRY_MILLIS};

/// Applies every message from `from` to `target` to the view.
///
/// # Errors
/// When a message cannot be read, or differs from the appended one.
pub(super) async fn read_up_to(inner: &Inner, from: u64, target: u64) -> Result<(), ReadError> {
    let mut pages = Pages::at(None, from);
    let mut from_leader = false;
    while pages.next <= target {
        for message in pages.page(&inner.api, target, from_leader).await? {
            let (stream, sequence) = (inner.api.name.clone(), message.sequence);
            match inner.apply(&message) {
                Ok(()) => pages.next = sequence + 1,
                // A consumer may deliver other messages than the leader holds. Only the leader proves damage.
                Err(_) if !from_leader => {
                    from_leader = true;
                    break;
                }
                Err(what) => return Err(ReadError::DamagedStream { stream, sequence, what }),
            }
            from_leader = false;
        }
    }
    Ok(())
}

/// Applies the messages after `seen` until the log is dropped, or until the stream is damaged. After damage, all
/// appends are rejected.
pub(super) async fn follow(inner: Arc<Inner>, mut seen: u64) {
    loop {
        match check_and_read(&inner, &mut seen).await {
            Ok(()) => seen = wait_for_more(&inner, seen).await,
            Err(Interruption::Temporary(why)) => {
                tracing::debug!(stream = inner.api.name, %why, "checking the log stream failed, retrying");
                tokio::time::sleep(Duration::from_millis(RETRY_MILLIS)).await;
            }
            Err(Interruption::Damage(what)) => {
                tracing::error!(stream = inner.api.name, %what, "log stream is damaged, rejecting appends");
                inner.damaged(what);
                return;
            }
        }
    }
}

/// Why following was interrupted.
enum Interruption {
    Temporary(String),
    Damage(String),
}

/// Checks that the stream still holds all messages, and applies the new ones.
async fn check_and_read(inner: &Inner, seen: &mut u64) -> Result<(), Interruption> {
    let state = inner.api.info().await.map_err(Interruption::Temporary)?.state;
    super::open::check_whole(&state).map_err(Interruption::Damage)?;
    let read = if state.last_sequence < *seen {
        // A deposed leader may report an old end. Messages are lost only if the leader cannot return message `seen`.
        read_from_leader(&inner.api, *seen, None, *seen).await.map(drop)
    } else {
        read_up_to(inner, *seen + 1, state.last_sequence).await
    };
    match read {
        Ok(()) => {
            *seen = state.last_sequence.max(*seen);
            Ok(())
        }
        Err(error) if error.is_transient() => {
            Err(Interruption::Temporary(crate::error_chain(&error)))
        }
        Err(error) => Err(Interruption::Damage(crate::error_chain(&error))),
    }
}

/// Waits for messages after `seen` and applies them as they arrive. Returns the last applied sequence when no
/// message arrives for a while, or after any fault. The caller then checks the stream.
async fn wait_for_more(inner: &Inner, mut seen: u64) -> u64 {
    let Ok(consumer) = inner.api.consumer(seen + 1, None).await else {
        tokio::time::sleep(Duration::from_millis(RETRY_MILLIS)).await;
        return seen;
    };
    loop {
        let batch = consumer
            .batch()
            .max_messages(NATS_PAGE_MESSAGES)
            .max_bytes(NATS_PAGE_BYTES)
            .expires(Duration::from_secs(NATS_POLL_SECONDS));
        let Ok(mut batch) = batch.messages().await else { return seen };
        let mut received = 0;
        while let Some(message) = batch.next().await {
            let Ok(message) = message else { return seen };
            let Ok(sequence) = message.info().map(|info| info.stream_sequence) else { return seen };
            let async_nats::Message { subject, payload, .. } = message.message;
            let message = Message { sequence, subject, payload };
            if sequence != seen + 1 || inner.apply(&message).is_err() {
                return seen;
            }
            (seen, received) = (sequence, received + 1);
        }
        if received == 0 {
            return seen;
        }
    }
}
