//! The import worker: goes on with accepted files, from the row after the last one that has an outcome.

use std::io;

use boarding_commands::csv_file::{self, FileError, ParsedRow};
use boarding_commands::decide::ImportRows;
use boarding_commands::dialect;
use boarding_commands::event::ImportOptions;
use boarding_commands::id::ImportId;
use tokio::sync::mpsc;

use super::{Desk, pause};
use crate::config::{IMPORT_BYTES_PER_COMMAND, IMPORT_ROWS_PER_COMMAND};
use crate::files::Files;
use crate::hot::Reply;

/// How many chunks are read ahead of the company, in chunks: one is decided while the next is read.
const CHUNKS_AHEAD: usize = 2;

pub(super) async fn manage(desk: Desk) {
    let mut chores = desk.hot.chores();
    let mut stood = None;
    while let Some(import) = desk.until(&mut chores, |chores| chores.imports.first().copied()).await
    {
        let went = go_on(&desk, import).await.and_then(|rows_done| {
            // A file that was read to its end and leaves rows open would be read for ever.
            let place = Some((import, rows_done));
            let stands = std::mem::replace(&mut stood, place) == place;
            if stands { Err("its file gives no more rows".into()) } else { Ok(()) }
        });
        if let Err(error) = went {
            let error = crate::error_chain(&*error);
            tracing::error!(company = %desk.company, %import, %error, "an import cannot go on");
            // The file may come back; asking for it again and again would not bring it.
            desk.nap(&mut chores, u64::MAX).await;
        }
    }
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Where an import stands.
struct Place {
    sha256: String,
    options: ImportOptions,
    rows_done: u64,
}

/// Applies the rows to come; answers how many had an outcome when it began.
async fn go_on(desk: &Desk, import: ImportId) -> Result<u64, Fault> {
    let place = desk.hot.look(move |company| {
        let import = company.imports.get(&import)?;
        let sha256 = import.files.first()?.sha256.clone();
        Some(Place { sha256, options: import.options.clone(), rows_done: import.rows_done })
    });
    let Some(place) = place.await.flatten() else { return Ok(u64::MAX) };
    let rows_done = place.rows_done;
    let (chunks, mut chunk) = mpsc::channel(CHUNKS_AHEAD);
    let files = desk.core.files.clone();
    let reading = tokio::task::spawn_blocking(move || read(&files, &place, &chunks));
    while let Some(rows) = chunk.recv().await {
        apply(desk, import, rows).await;
        if desk.is_closing() {
            break;
        }
    }
    drop(chunk);
    reading.await??;
    Ok(rows_done)
}

/// Applies rows; in halves, if what they lead to does not fit in one commit.
async fn apply(desk: &Desk, import: ImportId, rows: Vec<ParsedRow>) {
    let mut waiting = vec![rows];
    while let Some(mut rows) = waiting.pop() {
        match desk.ask(ImportRows { import, rows: rows.clone() }, import.0).await {
            Reply::TooLarge if rows.len() > 1 => {
                let rest = rows.split_off(rows.len() / 2);
                waiting.extend([rest, rows]);
            }
            Reply::Failed { why, .. } => {
                tracing::warn!(company = %desk.company, %import, %why, "rows wait");
                pause().await;
                waiting.push(rows);
            }
            Reply::Accepted { .. } | Reply::Refused(_) | Reply::TooLarge => {}
        }
    }
}

/// Reads the file in chunks from the row after the last one done.
fn read(files: &Files, place: &Place, chunks: &mpsc::Sender<Vec<ParsedRow>>) -> Result<(), Fault> {
    let dialect =
        dialect::find(&place.options.dialect).ok_or("the dialect is not known any more")?;
    let file = io::BufReader::new(files.open(&place.sha256)?);
    let options = reading_options(&place.options);
    let rows =
        csv_file::rows(file, dialect, &options, &csv_file::Limits::default()).map_err(fault)?;
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    for row in rows {
        let row = row.map_err(fault)?;
        if row.row <= place.rows_done {
            continue;
        }
        bytes += row.cells.iter().map(String::len).sum::<usize>();
        chunk.push(row);
        if chunk.len() >= IMPORT_ROWS_PER_COMMAND || bytes >= IMPORT_BYTES_PER_COMMAND {
            bytes = 0;
            if chunks.blocking_send(std::mem::take(&mut chunk)).is_err() {
                return Ok(());
            }
        }
    }
    if !chunk.is_empty() {
        let _ = chunks.blocking_send(chunk);
    }
    Ok(())
}

/// How an accepted file is read: as it was when it was accepted.
pub(crate) fn reading_options(options: &ImportOptions) -> csv_file::Options {
    csv_file::Options {
        encoding: Some(options.encoding.clone()),
        delimiter: Some(options.delimiter),
        columns: options.columns.clone(),
        accept_gzip: true,
        assume_plus: options.assume_plus,
    }
}

fn fault(error: FileError) -> Fault {
    match error {
        FileError::Refused(refusal) => refusal.to_string().into(),
        FileError::Io(error) => error.into(),
    }
}
