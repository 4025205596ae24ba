//! The import worker: applies the rows of accepted files after the last applied row.

use std::sync::{Arc, Mutex, PoisonError};

use boarding_commands::company::Company;
use boarding_commands::decide::ImportRows;
use boarding_commands::decide::imports::{Allotment, AllotmentBuilder};
use boarding_commands::user_file::ParsedRow;
use boarding_commands::values::ImportId;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::blocked::Blocked;
use super::manager::{ManagerContext, pause};
use crate::reply::Reply;

use crate::import_portions::{AcceptedFile, BoxError, FileChunks, Portions, ResumePoint};

/// The chunks that are read ahead: one is decided while the next is read.
const CHUNKS_AHEAD: usize = 2;

pub(super) async fn manage(manager: ManagerContext) {
    let mut pending = manager.handle.pending_work();
    let (mut last_point, mut blocked) = (None, Blocked::among(|pending| &pending.imports));
    while let Some(import) = blocked.next(&manager, &mut pending).await {
        let result = apply_rest(&manager, import).await.and_then(|rows_done| {
            // A file that ends before its counted rows would be read again without end.
            let resume_point = Some((import, rows_done));
            let is_stuck = std::mem::replace(&mut last_point, resume_point) == resume_point;
            if is_stuck { Err("the file has fewer rows than were counted".into()) } else { Ok(()) }
        });
        if let Err(error) = result {
            let error = boarding_log::error_chain(&*error);
            tracing::error!(company = %manager.company, %import, %error, "import blocked, retrying later");
            last_point = None;
            blocked.hold(&manager, import, error).await;
        }
    }
}

/// Applies the remaining rows. Returns how many rows were done before.
async fn apply_rest(manager: &ManagerContext, import: ImportId) -> Result<u64, BoxError> {
    let resume_point =
        manager.inspect(move |company| company.imports.get(&import).and_then(ResumePoint::of));
    let Some(resume_point) = resume_point.await.flatten() else { return Ok(u64::MAX) };
    let (rows_done, files) = (resume_point.rows_done, manager.context.files.clone());
    let open = move || AcceptedFile::open(&files, &resume_point).map(Arc::new);
    let file = tokio::task::spawn_blocking(open).await??;
    let Some(allotment) = allot(manager, import, Arc::clone(&file)).await? else {
        return Ok(u64::MAX);
    };
    let (mut chunk, reading) = read(move || file.rest());
    let mut applied = Ok(());
    while let Some(rows) = chunk.recv().await {
        applied = apply(manager, import, &allotment, Portions::of(rows)).await;
        if applied.is_err() || manager.is_closing() {
            break;
        }
    }
    drop(chunk);
    reading.await??;
    applied.map(|()| rows_done)
}

/// Reads rows ahead, on another thread.
fn read(
    open: impl FnOnce() -> Result<FileChunks, BoxError> + Send + 'static,
) -> (mpsc::Receiver<Vec<ParsedRow>>, JoinHandle<Result<(), BoxError>>) {
    let (chunks, chunk) = mpsc::channel(CHUNKS_AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        for rows in open()? {
            if chunks.blocking_send(rows?).is_err() {
                break;
            }
        }
        Ok(())
    });
    (chunk, reading)
}

/// Finds which row gets which unique value. Reads the whole file for it, unless no row takes a value from another.
/// `None` when the company's actor has stopped.
///
/// Rows that are applied already are read too: a later row may take a value that one of them takes.
async fn allot(
    manager: &ManagerContext,
    import: ImportId,
    file: Arc<AcceptedFile>,
) -> Result<Option<Arc<Allotment>>, BoxError> {
    let judged = Arc::clone(&file);
    let is_needed = manager.inspect(move |company| judged.needs_allotment(company)).await;
    if is_needed != Some(true) {
        return Ok(is_needed.map(|_| Arc::default()));
    }
    let (mut chunk, reading) = read(move || file.all_without_warnings());
    let builder = Arc::new(Mutex::new(AllotmentBuilder::default()));
    while let Some(rows) = chunk.recv().await {
        let (shared, rows) = (Arc::clone(&builder), Arc::new(rows));
        let add = move |company: &Company| {
            let mut builder = shared.lock().unwrap_or_else(PoisonError::into_inner);
            builder.add(company, import, &rows);
        };
        if manager.inspect(add).await.is_none() || manager.is_closing() {
            return Ok(None);
        }
    }
    reading.await??;
    let mut builder = builder.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Some(Arc::new(std::mem::take(&mut *builder).allot())))
}

/// Applies rows in portions that fit in one commit.
async fn apply(
    manager: &ManagerContext,
    import: ImportId,
    allotment: &Arc<Allotment>,
    mut portions: Portions,
) -> Result<(), BoxError> {
    while let Some(rows) = portions.next() {
        let allotment = Some(Arc::clone(allotment));
        let rows = Arc::new(rows);
        let command = ImportRows { import, rows: Arc::clone(&rows), allotment };
        match manager.submit(command, import.0).await {
            Reply::TooLarge => portions.split(Arc::unwrap_or_clone(rows))?,
            Reply::Failed { why, .. } => {
                tracing::warn!(company = %manager.company, %import, %why, "append failed, retrying import rows");
                pause().await;
                portions.put_back(Arc::unwrap_or_clone(rows));
            }
            Reply::Accepted { .. } | Reply::Refused(_) => {}
        }
    }
    Ok(())
}
