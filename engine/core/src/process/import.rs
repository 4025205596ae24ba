//! The import worker: goes on with accepted files, from the row after the last one that has an outcome.

use std::collections::BTreeSet;
use std::time::Duration;

use boarding_commands::decide::ImportRows;
use boarding_commands::values::ImportId;
use tokio::sync::{mpsc, watch};

use super::{ManagerContext, PendingWork, pause};
use crate::actor::Reply;
use crate::limits::TIMER_SECONDS_MAX;

pub(crate) mod portions;

use portions::{BoxError, FileChunks, Portions, ResumePoint};

/// How many chunks are read ahead of the company, in chunks: one is decided while the next is read.
const CHUNKS_AHEAD: usize = 2;

pub(super) async fn manage(manager: ManagerContext) {
    let mut pending = manager.handle.pending_work();
    let (mut stood, mut blocked) = (None, BTreeSet::new());
    while let Some(import) = next(&manager, &mut pending, &mut blocked).await {
        manager.context.blocked.release(&manager.company, import);
        let went = go_on(&manager, import).await.and_then(|rows_done| {
            // A file that was read to its end and leaves rows open would be read for ever.
            let resume_point = Some((import, rows_done));
            let stands = std::mem::replace(&mut stood, resume_point) == resume_point;
            if stands { Err("its file gives no more rows".into()) } else { Ok(()) }
        });
        if let Err(error) = went {
            let error = boarding_log::error_chain(&*error);
            tracing::error!(company = %manager.company, %import, %error, "an import cannot go on");
            manager.context.blocked.hold(&manager.company, import, error);
            blocked.insert(import);
            stood = None;
            // The look makes the company tell its chores anew, this among them.
            manager.inspect(|_| ()).await;
        }
    }
}

/// The next import that can go on. One that could not is tried again after a nap, for its file may be back;
/// until then it holds up no other.
async fn next(
    manager: &ManagerContext,
    pending: &mut watch::Receiver<PendingWork>,
    blocked: &mut BTreeSet<ImportId>,
) -> Option<ImportId> {
    loop {
        let can_go_on = |pending: &PendingWork| {
            pending.imports.iter().find(|import| !blocked.contains(import)).copied()
        };
        let wait = tokio::time::sleep(Duration::from_secs(TIMER_SECONDS_MAX));
        tokio::select! {
            next = manager.until(pending, can_go_on) => return next,
            () = wait, if !blocked.is_empty() => {}
        }
        blocked.clear();
    }
}

/// Applies the rows to come; answers how many had an outcome when it began.
async fn go_on(manager: &ManagerContext, import: ImportId) -> Result<u64, BoxError> {
    let resume_point =
        manager.inspect(move |company| company.imports.get(&import).and_then(ResumePoint::of));
    let Some(resume_point) = resume_point.await.flatten() else { return Ok(u64::MAX) };
    let rows_done = resume_point.rows_done;
    let (chunks, mut chunk) = mpsc::channel(CHUNKS_AHEAD);
    let files = manager.context.files.clone();
    let reading = tokio::task::spawn_blocking(move || {
        for rows in FileChunks::open(&files, &resume_point)? {
            if chunks.blocking_send(rows?).is_err() {
                break;
            }
        }
        Ok::<_, BoxError>(())
    });
    let mut applied = Ok(());
    while let Some(rows) = chunk.recv().await {
        applied = apply(manager, import, Portions::of(rows)).await;
        if applied.is_err() || manager.is_closing() {
            break;
        }
    }
    drop(chunk);
    reading.await??;
    applied.map(|()| rows_done)
}

/// Applies rows, as many at a time as fit in one commit.
async fn apply(
    manager: &ManagerContext,
    import: ImportId,
    mut portions: Portions,
) -> Result<(), BoxError> {
    while let Some(rows) = portions.next() {
        match manager.submit(ImportRows { import, rows: rows.clone() }, import.0).await {
            Reply::TooLarge => portions.split(rows)?,
            Reply::Failed { why, .. } => {
                tracing::warn!(company = %manager.company, %import, %why, "rows wait");
                pause().await;
                portions.put_back(rows);
            }
            Reply::Accepted { .. } | Reply::Refused(_) => {}
        }
    }
    Ok(())
}
