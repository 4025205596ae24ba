//! Reads a form with files: the files become uploads while they arrive.

use std::sync::Arc;

use axum::extract::Request;
use boarding_commands::values::{Code, Refusal};
use boarding_core::queries::QueryFailure;
use serde_json::{Value as Json, json};

use super::visit::Visit;
use crate::body::{self, Parts};
use crate::html::form::Fields;
use crate::limits::{CONSOLE_FILES_MAX, FORM_HEAD_BYTES_MAX, UPLOAD_SECONDS_MAX};
use crate::uploads::{HeadLimit, Storing, content_type, multipart, unreadable};

/// A form with its files, each as the command `ImportFile` names it.
pub(super) struct FileForm {
    pub(super) fields: Fields,
    pub(super) files: Vec<Json>,
}

/// Reads the form. Its proof must come before its files: nothing is stored for a form of another site.
///
/// # Errors
/// `auth.unauthenticated`, `envelope.malformed`, and those of an upload.
pub(super) async fn read(visit: &Visit, request: Request) -> Result<FileForm, QueryFailure> {
    let (head, body) = request.into_parts();
    let mut parts = Parts::of(&head.headers, body);
    let kind = content_type(&head.headers).to_owned();
    let reading = async {
        match receive(visit, &kind, &mut parts).await {
            Ok(form) => Ok(Ok(form)),
            Err(QueryFailure::Refused(refusal)) => Err(refusal),
            Err(failure) => Ok(Err(failure)),
        }
    };
    let read = body::in_time(UPLOAD_SECONDS_MAX, reading).await;
    body::discard(parts).await;
    read?
}

async fn receive(visit: &Visit, kind: &str, parts: &mut Parts) -> Result<FileForm, QueryFailure> {
    let head = HeadLimit::default();
    let mut form = multipart(kind, parts, &head)?;
    let mut read = FileForm { fields: Fields::default(), files: Vec::new() };
    let mut text_bytes = 0;
    while let Some(mut field) = form.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        let Some(file_name) = field.file_name().map(str::to_owned) else {
            let mut text = Vec::new();
            while let Some(part) = field.chunk().await.map_err(unreadable)? {
                text_bytes += part.len();
                if text_bytes > FORM_HEAD_BYTES_MAX {
                    let details = json!({"limit_bytes": FORM_HEAD_BYTES_MAX});
                    return Err(Refusal::new(Code::HttpTooLarge).with(details).into());
                }
                text.extend_from_slice(&part);
            }
            read.fields.add(&name, String::from_utf8_lossy(&text).into_owned());
            continue;
        };
        visit.check(&read.fields)?;
        if file_name.is_empty() {
            // The operator has chosen no file here.
            continue;
        }
        if read.files.len() == CONSOLE_FILES_MAX {
            let why = format!("an import takes at most {CONSOLE_FILES_MAX} files");
            return Err(Refusal::new(Code::ImportUnexpectedFile).saying(&why).into());
        }
        head.begin_file();
        let storing = Storing::begin(&visit.state, &visit.caller)?;
        while let Some(part) = field.chunk().await.map_err(unreadable)? {
            if !storing.send(part).await {
                break;
            }
        }
        let stored = storing.end(true).await?;
        head.end_file();
        read.files.push(json!({"name": file_name, "upload": stored.id}));
    }
    visit.check(&read.fields)?;
    Ok(read)
}

/// Removes uploads that no command will name.
pub(super) async fn remove(visit: &Visit, files: Vec<Json>) {
    let (engine, company) = (Arc::clone(&visit.state.engine), visit.caller.company.clone());
    let removing = move || {
        for upload in files.iter().filter_map(|file| file.get("upload")?.as_str()) {
            // What cannot be removed now ends after a day.
            let _ = engine.remove_upload(&company, upload);
        }
    };
    let _ = visit.state.finish(async { tokio::task::spawn_blocking(removing).await }).await;
}
