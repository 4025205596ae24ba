//! The picture worker: decides about the pictures of large archives, some in each commit.

use std::collections::BTreeSet;

use boarding_commands::company::OpenPictures;
use boarding_commands::decide::ImportPictureRows;
use boarding_commands::decide::facts::ArchivePicture;
use boarding_commands::values::{Code, ImportId, Personal, Refusal};
use tokio::sync::mpsc;

use super::blocked::Blocked;
use super::manager::{ManagerContext, pause};
use crate::limits::PICTURES_AHEAD;
use crate::picture_archive::{PictureReader, digests, discard_pictures, settle_pictures};
use crate::picture_removal::{remove_unused, taken_from_users};
use crate::reply::Reply;

pub(super) async fn manage(manager: ManagerContext) {
    let mut pending = manager.handle.pending_work();
    let mut blocked = Blocked::among(|pending| &pending.pictures);
    while let Some(import) = blocked.next(&manager, &mut pending).await {
        let Err(refusal) = apply_rest(&manager, import).await else { continue };
        tracing::error!(company = %manager.company, %import, %refusal, "import of pictures blocked, retrying later");
        blocked.hold(&manager, import, refusal.to_string()).await;
    }
}

/// Decides about the pictures that have no outcome yet.
///
/// # Errors
/// `unavailable`, when the archive or a picture cannot be read or stored now.
async fn apply_rest(manager: &ManagerContext, import: ImportId) -> Result<(), Refusal> {
    let open = manager.inspect(move |company| company.open_pictures.get(&import).cloned());
    let Some(open) = open.await.flatten() else { return Ok(()) };
    let mut first = open.done + 1;
    let (chunks, mut chunk) = mpsc::channel(1);
    let files = manager.context.files.clone();
    let archive = open.clone();
    let reading = tokio::task::spawn_blocking(move || -> Result<(), Refusal> {
        let mut reader = PictureReader::open_compared(&files, &archive.file)?;
        reader.skip(archive.done);
        loop {
            let pictures = reader.read(PICTURES_AHEAD)?;
            if pictures.is_empty() {
                return Ok(());
            }
            if let Err(unused) = chunks.blocking_send(pictures) {
                discard_pictures(&files, &unused.0);
                return Ok(());
            }
        }
    });
    // Some may be of an earlier process that was killed before the archive was done.
    let mut taken: BTreeSet<String> = open.replaced.iter().map(|old| old.to_string()).collect();
    while let Some(pictures) = chunk.recv().await {
        if manager.is_closing() || manager.handle.has_stopped() {
            discard_pictures(&manager.context.files, &pictures);
            break;
        }
        let count = pictures.len() as u64;
        taken.extend(apply(manager, ImportPictureRows { import, first, pictures }).await);
        first += count;
    }
    drop(chunk);
    remove_unused(&manager.context, taken).await;
    let read = reading.await;
    let read = read.map_err(|error| Refusal::new(Code::Unavailable).saying(&error.to_string()))?;
    match read {
        Err(refusal) if refusal.code != Code::Unavailable => {
            // The archive is damaged, or the file was replaced. Its other pictures need an outcome too.
            refuse_rest(manager, import, &open).await;
            Ok(())
        }
        Ok(()) if !manager.is_closing() && !manager.handle.has_stopped() => {
            let done = manager
                .inspect(move |company| company.open_pictures.get(&import).map(|open| open.done));
            // No picture got an outcome, so the next round would read the same pictures again, without end.
            if done.await.flatten() == Some(open.done) {
                refuse_rest(manager, import, &open).await;
            }
            Ok(())
        }
        read => read,
    }
}

/// Refuses all pictures without an outcome, because the archive cannot be read any more.
async fn refuse_rest(manager: &ManagerContext, import: ImportId, open: &OpenPictures) {
    let lost =
        || ArchivePicture { name: Personal(String::new()), content: Err(Code::ImportFileLost) };
    let mut first = open.done + 1;
    while first <= open.total && !manager.is_closing() {
        let pictures: Vec<_> = (0..PICTURES_AHEAD).map(|_| lost()).collect();
        apply(manager, ImportPictureRows { import, first, pictures }).await;
        first += PICTURES_AHEAD as u64;
    }
}

/// Submits the pictures until they are appended, and keeps the files of those that users got. Returns the digests of the
/// pictures that they have replaced.
async fn apply(manager: &ManagerContext, command: ImportPictureRows) -> BTreeSet<String> {
    let stored: Vec<String> = digests(&command.pictures).cloned().collect();
    let files = &manager.context.files;
    let mut in_doubt = false;
    loop {
        match manager.submit(command.clone(), command.import.0).await {
            // The first try was stored, so users may have these pictures.
            Reply::Accepted { events, .. } if in_doubt && events.is_empty() => {
                stored.iter().for_each(|sha256| files.confirm(sha256));
                return BTreeSet::new();
            }
            Reply::Accepted { events, .. } => {
                settle_pictures(files, &stored, &events);
                return taken_from_users(&events).collect();
            }
            Reply::Failed { why, .. } if !manager.handle.has_stopped() => {
                tracing::warn!(company = %manager.company, import = %command.import, %why, "append failed, retrying pictures");
                in_doubt = true;
                pause().await;
            }
            // The pictures may be in the log, so their files stay.
            Reply::Failed { .. } => return BTreeSet::new(),
            Reply::Refused(refusal) => {
                tracing::warn!(company = %manager.company, import = %command.import, %refusal, "pictures rejected");
                discard_pictures(files, &command.pictures);
                return BTreeSet::new();
            }
            Reply::TooLarge if command.pictures.len() > 1 => {
                let ImportPictureRows { import, first, mut pictures } = command;
                let second = pictures.split_off(pictures.len() / 2);
                let next = first + pictures.len() as u64;
                let first = ImportPictureRows { import, first, pictures };
                let mut taken = Box::pin(apply(manager, first)).await;
                let rest = ImportPictureRows { import, first: next, pictures: second };
                taken.extend(Box::pin(apply(manager, rest)).await);
                return taken;
            }
            Reply::TooLarge => {
                tracing::error!(company = %manager.company, import = %command.import, "a picture does not fit in a commit, refused");
                discard_pictures(files, &command.pictures);
                let lost = ArchivePicture {
                    name: Personal(String::new()),
                    content: Err(Code::PictureTooLarge),
                };
                let rest = ImportPictureRows { pictures: vec![lost], ..command };
                return Box::pin(apply(manager, rest)).await;
            }
        }
    }
}
