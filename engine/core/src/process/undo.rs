//! The undo worker: reads the effects of an import from the log and reverses them commit by commit.

use std::ops::ControlFlow;
use std::sync::Arc;

use boarding_commands::company::{Company, RowEffect, Undo};
use boarding_commands::decide::UndoRows;
use boarding_commands::values::{Code, ImportId};
use tokio::sync::mpsc;

use super::manager::{ManagerContext, pause};
use crate::import_portions::BoxError;
use crate::read::effects::read_effects;
use crate::reply::Reply;

/// The commits of the import that are read ahead: one is undone while the next is read.
const COMMITS_AHEAD: usize = 2;

pub(super) async fn manage(manager: ManagerContext) {
    let mut pending = manager.handle.pending_work();
    while let Some(import) =
        manager.until(&mut pending, |pending| pending.undoing.first().copied()).await
    {
        if let Err(error) = undo_rest(&manager, import).await {
            let error = boarding_log::error_chain(&*error);
            tracing::error!(company = %manager.company, %import, %error, "undo interrupted, retrying");
            pause().await;
        }
    }
}

/// Undoes the remaining rows, then ends the undo.
async fn undo_rest(manager: &ManagerContext, import: ImportId) -> Result<(), BoxError> {
    let place = manager.inspect(move |company| rows_done(company, import)).await.flatten();
    let Some(rows_done) = place else { return Ok(()) };
    let (found, mut effects) = mpsc::channel(COMMITS_AHEAD);
    let (context, company) = (Arc::clone(&manager.context), manager.company.clone());
    let reading = tokio::task::spawn_blocking(move || {
        read_effects(&*context.log, company, import, &mut |mut rows| {
            rows.retain(|effect| effect.row > rows_done);
            if rows.is_empty() || found.blocking_send(rows).is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })
    });
    while let Some(rows) = effects.recv().await {
        apply(manager, import, rows).await?;
        if manager.is_closing() {
            return Ok(());
        }
    }
    reading.await??;
    let last = UndoRows { import, rows: Vec::new(), last: true };
    if !matches!(manager.submit(last, import.0).await, Reply::Accepted { .. }) {
        pause().await;
    }
    Ok(())
}

/// The last undone row, while the import is being undone.
fn rows_done(company: &Company, import: ImportId) -> Option<u64> {
    match company.imports.get(&import)?.undo {
        Undo::Going { rows_done, .. } => Some(rows_done),
        Undo::No | Undo::Done => None,
    }
}

/// Undoes rows in portions that fit in one commit.
async fn apply(
    manager: &ManagerContext,
    import: ImportId,
    rows: Vec<RowEffect>,
) -> Result<(), BoxError> {
    // A stack: the last portion is next.
    let mut waiting = vec![rows];
    while let Some(rows) = waiting.pop() {
        match manager.submit(UndoRows { import, rows: rows.clone(), last: false }, import.0).await {
            Reply::TooLarge => waiting.extend(split(rows)?),
            Reply::Failed { why, .. } => {
                tracing::warn!(company = %manager.company, %import, %why, "append failed, retrying undo rows");
                pause().await;
                waiting.push(rows);
            }
            Reply::Accepted { .. } | Reply::Refused(_) => {}
        }
    }
    Ok(())
}

/// Splits rows whose events do not fit in one commit, the later half first. A single such row is marked as not
/// undoable.
fn split(mut rows: Vec<RowEffect>) -> Result<Vec<Vec<RowEffect>>, BoxError> {
    if rows.len() > 1 {
        let rest = rows.split_off(rows.len() / 2);
        return Ok(vec![rest, rows]);
    }
    for row in &mut rows {
        if row.errored.replace(Code::CsvRecordTooLarge).is_some() {
            return Err(format!(
                "row {} is too large: even the event of its refusal does not fit in a commit",
                row.row
            )
            .into());
        }
    }
    Ok(vec![rows])
}

#[cfg(test)]
mod tests {
    use super::*;
    use boarding_commands::company::UserSnapshot;
    use boarding_commands::values::UserKey;

    fn effect(row: u64) -> RowEffect {
        let (before, after) = (UserSnapshot::default(), UserSnapshot::default());
        RowEffect {
            row,
            user: UserKey::new("ann"),
            before,
            after,
            from_stock: false,
            taken: Vec::new(),
            errored: None,
        }
    }

    fn numbers(rows: &[RowEffect]) -> Vec<u64> {
        rows.iter().map(|row| row.row).collect()
    }

    /// P23: halves keep the order. A row that does not fit alone is marked and not retried without end.
    #[test]
    fn split_undo_rows_keep_their_order() {
        let halves = split((1..=3).map(effect).collect()).unwrap();
        assert_eq!((numbers(&halves[0]), numbers(&halves[1])), (vec![2, 3], vec![1]));
        let single = split(vec![effect(1)]).unwrap();
        assert_eq!(single[0][0].errored, Some(Code::CsvRecordTooLarge));
        let error = split(single[0].clone()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 1 is too large: even the event of its refusal does not fit in a commit"
        );
    }
}
