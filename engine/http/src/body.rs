//! Reads the body of a request, with a limit for its size and for each pause.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use boarding_commands::values::{Code, Refusal};
use boarding_core::serving::wire::Encoding;
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::json;

use crate::limits::{
    BODY_PAUSE_SECONDS_MAX, COMMAND_SECONDS_MAX, DISCARD_SECONDS_MAX, DISCARDED_BYTES_MAX,
};

/// The parts of a body in their order.
#[derive(Debug)]
pub(super) struct Parts {
    stream: BodyDataStream,
    /// Whether the client waits until the server asks for the body.
    is_held_back: bool,
    has_ended: bool,
}

impl Parts {
    pub(super) fn of(headers: &HeaderMap, body: Body) -> Self {
        let is_held_back = headers.contains_key(EXPECT);
        Self { stream: body.into_data_stream(), is_held_back, has_ended: false }
    }

    /// The next part; none at the end.
    ///
    /// # Errors
    /// `http.timeout` after a long pause, `envelope.malformed` when the connection breaks.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let pause = Duration::from_secs(BODY_PAUSE_SECONDS_MAX);
        self.is_held_back = false;
        match tokio::time::timeout(pause, self.stream.next()).await {
            Ok(None) => {
                self.has_ended = true;
                Ok(None)
            }
            Ok(Some(Ok(part))) => Ok(Some(part)),
            Ok(Some(Err(_))) => {
                let why = "the connection ended before the body did";
                Err(Refusal::new(Code::EnvelopeMalformed).saying(why))
            }
            Err(_) => {
                let details = json!({"pause_seconds_max": BODY_PAUSE_SECONDS_MAX});
                Err(Refusal::new(Code::HttpTimeout).with(details))
            }
        }
    }
}

/// Reads the rest of a refused request, up to a limit. Without that the connection would be reset, and its client might
/// not read why it was refused.
pub(super) async fn discard(mut parts: Parts) {
    if parts.is_held_back || parts.has_ended {
        return;
    }
    let reading = async {
        let mut bytes = 0;
        while bytes < DISCARDED_BYTES_MAX
            && let Ok(Some(part)) = parts.next().await
        {
            bytes += part.len();
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(DISCARD_SECONDS_MAX), reading).await;
}

/// The whole body, of at most `limit` bytes.
///
/// # Errors
/// `http.too_large`, and those of [`Parts::next`].
pub(super) async fn whole(parts: &mut Parts, limit: usize) -> Result<Vec<u8>, Refusal> {
    let reading = async {
        let mut all = Vec::new();
        while let Some(part) = parts.next().await? {
            if all.len() + part.len() > limit {
                return Err(Refusal::new(Code::HttpTooLarge).with(json!({"limit_bytes": limit})));
            }
            all.extend_from_slice(&part);
        }
        Ok(all)
    };
    in_time(COMMAND_SECONDS_MAX, reading).await
}

/// Runs a reading of a body, at most so many seconds.
///
/// # Errors
/// `http.timeout`, and those of the reading.
pub(super) async fn in_time<T>(
    seconds: u64,
    reading: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let late = |_| Refusal::new(Code::HttpTimeout).with(json!({"seconds_max": seconds}));
    tokio::time::timeout(Duration::from_secs(seconds), reading).await.map_err(late)?
}

/// The size of the body that the client announces, in bytes.
pub(super) fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The encoding that the header `Content-Type` names.
///
/// # Errors
/// `envelope.unsupported_content_type`.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    match headers.get(CONTENT_TYPE) {
        None => Ok(Encoding::Json),
        // A header that is no text names no encoding that is supported.
        Some(value) => Encoding::of(Some(value.to_str().unwrap_or("?"))),
    }
}
