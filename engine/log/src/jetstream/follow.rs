//! Following the stream: from its start when it is opened, then what other writers append.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::Inner;
use super::frame::Message;
use super::pages::{Pages, surely};
use crate::ReadError;
use crate::limits::{NATS_PAGE_BYTES, NATS_PAGE_MESSAGES, NATS_POLL_SECONDS, RETRY_MILLIS};

/// Takes note of every message from `from` to `target`.
///
/// # Errors
/// When one of them cannot be read, or is not what was appended.
pub(super) async fn read_up_to(inner: &Inner, from: u64, target: u64) -> Result<(), ReadError> {
    let mut pages = Pages::at(None, from);
    let mut sure = false;
    while pages.next <= target {
        for message in pages.page(&inner.api, target, sure).await? {
            let (stream, sequence) = (inner.api.name.clone(), message.sequence);
            match inner.take(&message) {
                Ok(()) => pages.next = sequence + 1,
                Err(_) if !sure => {
                    sure = true;
                    break;
                }
                Err(what) => return Err(ReadError::DamagedStream { stream, sequence, what }),
            }
            sure = false;
        }
    }
    Ok(())
}

/// Takes note of what comes after the message `seen`, until the log is dropped. Once the stream turns out
/// to be damaged nothing more is taken note of, and nothing appended.
pub(super) async fn follow(inner: Arc<Inner>, mut seen: u64) {
    loop {
        match look_over(&inner, &mut seen).await {
            Ok(()) => seen = wait_for_more(&inner, seen).await,
            Err(Trouble::Passing(why)) => {
                tracing::debug!(stream = inner.api.name, %why, "the log's stream does not answer");
                tokio::time::sleep(Duration::from_millis(RETRY_MILLIS)).await;
            }
            Err(Trouble::Damage(what)) => {
                tracing::error!(stream = inner.api.name, %what, "the log's stream is damaged");
                inner.damaged(what);
                return;
            }
        }
    }
}

enum Trouble {
    Passing(String),
    Damage(String),
}

/// Sees whether the stream still holds everything, and takes note of what it holds by now.
async fn look_over(inner: &Inner, seen: &mut u64) -> Result<(), Trouble> {
    let state = inner.api.info().await.map_err(Trouble::Passing)?.state;
    super::open::check_whole(&state).map_err(Trouble::Damage)?;
    let read = if state.last_sequence < *seen {
        surely(&inner.api, *seen, None, *seen).await.map(drop)
    } else {
        read_up_to(inner, *seen + 1, state.last_sequence).await
    };
    match read {
        Ok(()) => {
            *seen = state.last_sequence.max(*seen);
            Ok(())
        }
        Err(error) if error.is_transient() => Err(Trouble::Passing(crate::error_chain(&error))),
        Err(error) => Err(Trouble::Damage(crate::error_chain(&error))),
    }
}

/// Waits for messages behind `seen` and takes note of them as they come; the last one that is known when
/// the wait is over. Whatever is odd ends the wait, and the stream is looked over.
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
        let mut came = 0;
        while let Some(message) = batch.next().await {
            let Ok(message) = message else { return seen };
            let Ok(sequence) = message.info().map(|info| info.stream_sequence) else { return seen };
            let async_nats::Message { subject, payload, .. } = message.message;
            let message = Message { sequence, subject, payload };
            if sequence != seen + 1 || inner.take(&message).is_err() {
                return seen;
            }
            (seen, came) = (sequence, came + 1);
        }
        if came == 0 {
            return seen;
        }
    }
}
