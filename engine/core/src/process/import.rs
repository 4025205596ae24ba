//! The import worker: goes on with accepted files, from the row after the last one that has an outcome.

use std::collections::BTreeSet;
use std::time::Duration;

use boarding_commands::decide::ImportRows;
use boarding_commands::values::ImportId;
use tokio::sync::{mpsc, watch};

use super::{Chores, Desk, pause};
use crate::actor::Reply;
use crate::limits::NAP_SECONDS;

pub(crate) mod portions;

use portions::{Chunks, Fault, Place, Portions};

/// How many chunks are read ahead of the company, in chunks: one is decided while the next is read.
const CHUNKS_AHEAD: usize = 2;

pub(super) async fn manage(desk: Desk) {
    let mut chores = desk.hot.chores();
    let (mut stood, mut stuck) = (None, BTreeSet::new());
    while let Some(import) = next(&desk, &mut chores, &mut stuck).await {
        desk.core.stuck.release(&desk.company, import);
        let went = go_on(&desk, import).await.and_then(|rows_done| {
            // A file that was read to its end and leaves rows open would be read for ever.
            let place = Some((import, rows_done));
            let stands = std::mem::replace(&mut stood, place) == place;
            if stands { Err("its file gives no more rows".into()) } else { Ok(()) }
        });
        if let Err(error) = went {
            let error = boarding_log::error_chain(&*error);
            tracing::error!(company = %desk.company, %import, %error, "an import cannot go on");
            desk.core.stuck.hold(&desk.company, import, error);
            stuck.insert(import);
            stood = None;
            // The look makes the company tell its chores anew, this among them.
            desk.look(|_| ()).await;
        }
    }
}

/// The next import that can go on. One that could not is tried again after a nap, for its file may be back;
/// until then it holds up no other.
async fn next(
    desk: &Desk,
    chores: &mut watch::Receiver<Chores>,
    stuck: &mut BTreeSet<ImportId>,
) -> Option<ImportId> {
    loop {
        let can_go_on =
            |chores: &Chores| chores.imports.iter().find(|import| !stuck.contains(import)).copied();
        let nap = tokio::time::sleep(Duration::from_secs(NAP_SECONDS));
        tokio::select! {
            next = desk.until(chores, can_go_on) => return next,
            () = nap, if !stuck.is_empty() => {}
        }
        stuck.clear();
    }
}

/// Applies the rows to come; answers how many had an outcome when it began.
async fn go_on(desk: &Desk, import: ImportId) -> Result<u64, Fault> {
    let place = desk.look(move |company| company.imports.get(&import).and_then(Place::of));
    let Some(place) = place.await.flatten() else { return Ok(u64::MAX) };
    let rows_done = place.rows_done;
    let (chunks, mut chunk) = mpsc::channel(CHUNKS_AHEAD);
    let files = desk.core.files.clone();
    let reading = tokio::task::spawn_blocking(move || {
        for rows in Chunks::open(&files, &place)? {
            if chunks.blocking_send(rows?).is_err() {
                break;
            }
        }
        Ok::<_, Fault>(())
    });
    let mut applied = Ok(());
    while let Some(rows) = chunk.recv().await {
        applied = apply(desk, import, Portions::of(rows)).await;
        if applied.is_err() || desk.is_closing() {
            break;
        }
    }
    drop(chunk);
    reading.await??;
    applied.map(|()| rows_done)
}

/// Applies rows, as many at a time as fit in one commit.
async fn apply(desk: &Desk, import: ImportId, mut portions: Portions) -> Result<(), Fault> {
    while let Some(rows) = portions.next() {
        match desk.ask(ImportRows { import, rows: rows.clone() }, import.0).await {
            Reply::TooLarge => portions.split(rows)?,
            Reply::Failed { why, .. } => {
                tracing::warn!(company = %desk.company, %import, %why, "rows wait");
                pause().await;
                portions.put_back(rows);
            }
            Reply::Accepted { .. } | Reply::Refused(_) => {}
        }
    }
    Ok(())
}
