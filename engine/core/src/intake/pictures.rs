//! Archives of profile pictures: kept, and read before their command is decided.

use std::slice;

use boarding_commands::decide::facts::ArchiveContents;
use boarding_commands::decide::{Authority, ImportPictures};
use boarding_commands::event::Permission;
use boarding_commands::values::{Code, Digest};
use serde_json::{Value, json};

use super::command_files::{CommandFiles, publish};
use super::{ReceivedCommand, Sender, keep_all, objects};
use crate::context::EngineContext;
use crate::picture_archive;
use crate::registry::Companies;
use crate::reply::Reply;

/// Stores an archive and its pictures, if the actor may import. A repeated command is detected before reading.
pub(super) async fn prepare(
    context: &EngineContext,
    companies: &Companies,
    received: &ReceivedCommand<'_>,
    pictures: &ImportPictures,
    command_files: &mut CommandFiles,
) -> Result<(Digest, ArchiveContents), Reply> {
    let ReceivedCommand { company, body, envelope, authority } = *received;
    let known = context.knows(company, envelope.id);
    if authority != Authority::All && !known {
        check_permission(companies, received, Permission::BulkImportUsers).await?;
    }
    let bodies = slice::from_ref(&pictures.file);
    let recalled = match known {
        true => objects::recall(context, company, envelope.id, bodies).map_err(Reply::rejected)?,
        false => None,
    };
    let files = match recalled {
        Some(files) => files,
        None => keep_all(context, company, bodies, authority).await.map_err(Reply::rejected)?,
    };
    *command_files = CommandFiles::of(bodies, &files);
    let file =
        files.into_iter().next().ok_or_else(|| Reply::rejected(Code::EnvelopeMalformed.into()))?;
    let mut fields = body.as_object().cloned().unwrap_or_default();
    fields.remove("zip");
    fields.insert("file".to_owned(), json!({"name": file.name, "sha256": file.sha256}));
    let digest = Digest::of_body("ImportPictures", &Value::Object(fields));
    if let Some(first) = context.first_answer(company, envelope.id, digest) {
        return Err(first);
    }
    let files = context.files.clone();
    let reading = tokio::task::spawn_blocking(move || picture_archive::read(&files, file)).await;
    let read = reading.unwrap_or_else(|error| Err(picture_archive::unavailable(&error)));
    let read = read.map_err(Reply::rejected)?;
    command_files.add_pictures(picture_archive::digests(&read.pictures).cloned());
    publish(&context.files, slice::from_ref(&read.file)).await?;
    Ok((digest, read))
}

/// Refuses an actor without the permission, before anything is kept.
async fn check_permission(
    companies: &Companies,
    received: &ReceivedCommand<'_>,
    needed: Permission,
) -> Result<(), Reply> {
    let sender = Sender::of(received.envelope);
    let handle = companies.actor(received.company).await;
    let inspection = handle.inspect(move |company| sender.check(company, needed));
    inspection.await.ok_or_else(Reply::stopped)?.map_err(Reply::rejected)
}
