//! `POST /v1/<company>/files`: stores a file that a command will name by its id. `DELETE` of that id removes it.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use boarding_commands::values::{Code, Refusal};
use boarding_core::StoredUpload;
use boarding_core::queries::QueryFailure;
use boarding_core::serving::wire::{Encoding, WireResponse};
use bytes::{Buf as _, Bytes};
use futures_util::{StreamExt as _, stream};
use multer::Multipart;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::body::{self, Parts};
use crate::caller::Caller;
use crate::limits::{FORM_HEAD_BYTES_MAX, UPLOAD_PARTS, UPLOAD_SECONDS_MAX};
use crate::response;
use crate::state::HttpState;

pub(super) async fn post(
    State(state): State<Arc<HttpState>>,
    Path(company): Path<String>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let mut parts = Parts::of(&head.headers, body);
    let caller = match Caller::of(&state, &head.headers, &company).await {
        Ok(caller) => caller,
        Err(no) => {
            body::discard(parts).await;
            return response::of(WireResponse::of_query(Encoding::Json, Err(no)));
        }
    };
    let stored = store(&state, &caller, &head.headers, &mut parts).await;
    body::discard(parts).await;
    match stored {
        Ok(StoredUpload { id, sha256, bytes, ends_at }) => {
            let document =
                json!({"upload": id, "sha256": sha256, "bytes": bytes, "ends_at": ends_at});
            response::text(StatusCode::CREATED, "application/json", document.to_string())
        }
        Err(no) => response::of(WireResponse::of_query(Encoding::Json, Err(no))),
    }
}

/// `DELETE /v1/<company>/files/<upload>`.
pub(super) async fn delete(
    State(state): State<Arc<HttpState>>,
    Path((company, upload)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let caller = match Caller::of(&state, &headers, &company).await {
        Ok(caller) => caller,
        Err(no) => return response::of(WireResponse::of_query(Encoding::Json, Err(no))),
    };
    let of_task = Arc::clone(&state);
    let removing = state.finish(async move {
        let remove = move || of_task.engine.remove_upload(&caller.company, &upload);
        tokio::task::spawn_blocking(remove).await
    });
    let unavailable = |why| QueryFailure::Failed { code: Code::Unavailable, why };
    let removed = match removing.await {
        Ok(Ok(removed)) => removed.map_err(|refusal| match refusal.code {
            Code::Unavailable => unavailable(refusal.message),
            _ => refusal.into(),
        }),
        Ok(Err(error)) => Err(unavailable(error.to_string())),
        Err(no) => Err(no),
    };
    match removed {
        Ok(()) => response::empty(),
        Err(no) => response::of(WireResponse::of_query(Encoding::Json, Err(no))),
    }
}

/// Stores the file of a request: a thread writes it while its parts arrive.
async fn store(
    state: &Arc<HttpState>,
    caller: &Caller,
    headers: &HeaderMap,
    parts: &mut Parts,
) -> Result<StoredUpload, QueryFailure> {
    let storing = Storing::begin(state, caller)?;
    let receiving = body::in_time(UPLOAD_SECONDS_MAX, receive(headers, parts, &storing));
    let received = receiving.await;
    let stored = storing.end(received.is_ok()).await;
    received?;
    stored
}

/// A part of the upload, or none for its end. Without that mark the upload ended early.
type Received = Option<Bytes>;

/// An upload that a thread writes while its parts arrive. Dropped before its end, nothing is stored.
pub(super) struct Storing {
    sender: mpsc::Sender<Received>,
    stored: JoinHandle<Result<StoredUpload, Refusal>>,
}

impl Storing {
    /// # Errors
    /// `overloaded`, or `import.uploads_not_shared` on an engine that takes no uploads.
    pub(super) fn begin(state: &Arc<HttpState>, caller: &Caller) -> Result<Self, QueryFailure> {
        state.engine.takes_uploads()?;
        let overloaded = || QueryFailure::Failed {
            code: Code::Overloaded,
            why: "too many uploads are running".to_owned(),
        };
        let place = state.uploads.acquire(caller.company.as_str(), 0).ok_or_else(overloaded)?;
        let permit = state.begin_work()?;
        let (sender, receiver) = mpsc::channel(UPLOAD_PARTS);
        let (engine, company) = (Arc::clone(&state.engine), caller.company.clone());
        let content = UploadReader { parts: receiver, part: Bytes::new() };
        let stored = tokio::task::spawn_blocking(move || {
            let stored = engine.store_upload(&company, content);
            // The permit lasts longer than the engine here, so that a stop waits for this thread.
            drop((engine, place));
            drop(permit);
            stored
        });
        Ok(Self { sender, stored })
    }

    /// Sends a part to the thread. Returns false if the file is too large, or the disk failed: the end says why.
    pub(super) async fn send(&self, part: Bytes) -> bool {
        self.sender.send(Some(part)).await.is_ok()
    }

    /// The stored upload, if all of its parts have arrived.
    ///
    /// # Errors
    /// `import.too_large`, `import.uploads_full`, `unavailable`.
    pub(super) async fn end(self, is_whole: bool) -> Result<StoredUpload, QueryFailure> {
        if is_whole {
            let _ = self.sender.send(None).await;
        }
        drop(self.sender);
        let unavailable = |why| QueryFailure::Failed { code: Code::Unavailable, why };
        let stored = self.stored.await.map_err(|error| unavailable(error.to_string()))?;
        stored.map_err(|refusal| match refusal.code {
            Code::Unavailable => unavailable(refusal.message),
            _ => refusal.into(),
        })
    }
}

/// Sends the parts of the request to the thread that stores them: the whole body, or the first file of a form.
async fn receive(headers: &HeaderMap, parts: &mut Parts, storing: &Storing) -> Result<(), Refusal> {
    let kind = content_type(headers);
    match kind.to_ascii_lowercase().starts_with("multipart/form-data") {
        true => receive_form(kind, parts, storing).await,
        false => receive_body(parts, storing).await,
    }
}

/// The header `Content-Type`; empty without one.
pub(super) fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn receive_body(parts: &mut Parts, storing: &Storing) -> Result<(), Refusal> {
    while let Some(part) = parts.next().await? {
        if !storing.send(part).await {
            break;
        }
    }
    Ok(())
}

async fn receive_form(kind: &str, parts: &mut Parts, storing: &Storing) -> Result<(), Refusal> {
    let head = HeadLimit::default();
    let mut form = multipart(kind, parts, &head)?;
    while let Some(mut field) = form.next_field().await.map_err(unreadable)? {
        if field.file_name().is_none() {
            continue;
        }
        head.begin_file();
        while let Some(part) = field.chunk().await.map_err(unreadable)? {
            if !storing.send(part).await {
                break;
            }
        }
        return Ok(());
    }
    Err(malformed("the form has no file"))
}

fn malformed(why: &str) -> Refusal {
    Refusal::new(Code::EnvelopeMalformed).saying(why)
}

/// The refusal of a form that cannot be read.
pub(super) fn unreadable(_: multer::Error) -> Refusal {
    malformed(
        "the form is not multipart/form-data as RFC 7578 says, or has more than 64 KiB before its file",
    )
}

/// Limits the bytes of a form that are in no file: the library keeps all of them until it has read the head of a part.
#[derive(Debug, Default)]
pub(super) struct HeadLimit {
    is_in_file: AtomicBool,
    /// The bytes since the beginning of the form, or since the end of its last file.
    bytes: AtomicUsize,
}

impl HeadLimit {
    pub(super) fn begin_file(&self) {
        self.is_in_file.store(true, Ordering::Relaxed);
    }

    pub(super) fn end_file(&self) {
        self.bytes.store(0, Ordering::Relaxed);
        self.is_in_file.store(false, Ordering::Relaxed);
    }

    /// Whether this many more bytes of the form may be read.
    fn permits(&self, bytes: usize) -> bool {
        self.is_in_file.load(Ordering::Relaxed)
            || self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= FORM_HEAD_BYTES_MAX
    }
}

/// The form in a body of this content type.
///
/// # Errors
/// `envelope.malformed`.
pub(super) fn multipart<'p>(
    kind: &str,
    parts: &'p mut Parts,
    head: &'p HeadLimit,
) -> Result<Multipart<'p>, Refusal> {
    let boundary = multer::parse_boundary(kind);
    let boundary = boundary.map_err(|_| malformed("the form names no boundary"))?;
    let stream = stream::unfold(parts, move |parts| async move {
        let part = parts.next().await.transpose()?;
        Some((part.map_err(|refusal| io::Error::other(refusal.message)), parts))
    });
    let stream = stream.map(move |part: io::Result<Bytes>| {
        let part = part?;
        let too_long = || io::Error::from(io::ErrorKind::FileTooLarge);
        head.permits(part.len()).then_some(part).ok_or_else(too_long)
    });
    Ok(Multipart::new(stream, boundary))
}

/// Reads the parts of an upload on a blocking thread.
struct UploadReader {
    parts: mpsc::Receiver<Received>,
    part: Bytes,
}

impl Read for UploadReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() {
            match self.parts.blocking_recv() {
                Some(Some(part)) => self.part = part,
                Some(None) => return Ok(0),
                // The thread must not take the beginning of a file for the file.
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let bytes = self.part.len().min(buffer.len());
        if let Some(target) = buffer.get_mut(..bytes) {
            self.part.copy_to_slice(target);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The library keeps the head of a part in memory, also behind a file.
    #[test]
    fn bytes_outside_of_files_are_limited_each_time() {
        let head = HeadLimit::default();
        assert!(head.permits(FORM_HEAD_BYTES_MAX) && !head.permits(1));
        for _ in 0..3 {
            head.begin_file();
            assert!(head.permits(100 * FORM_HEAD_BYTES_MAX));
            head.end_file();
            assert!(head.permits(FORM_HEAD_BYTES_MAX) && !head.permits(1));
        }
    }
}
