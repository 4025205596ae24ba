//! P14, P23: each data row has exactly one outcome, in the order of the file; undone, one more at most.

use std::collections::BTreeMap;

use boarding_commands::event::{Counts, Event, UndoCounts, UndoOutcome};
use boarding_commands::id::ImportId;

use super::super::broken::{Law, holds};

#[derive(Debug, Clone, Default)]
pub(super) struct Imports(BTreeMap<ImportId, Seen>);

#[derive(Debug, Clone)]
struct Seen {
    last_row: u64,
    counts: Counts,
    completed: bool,
    /// While it is being undone, and afterwards: the last row that has an outcome, and the counts.
    undo: Option<(u64, UndoCounts)>,
    undone: bool,
}

impl Imports {
    pub(super) fn note(&mut self, event: &Event) -> Law {
        match event {
            Event::ImportAccepted { import, total, warnings, .. } => {
                let counts =
                    Counts { total: *total, warnings: warnings.len() as u64, ..Counts::default() };
                let seen =
                    Seen { last_row: 0, counts, completed: false, undo: None, undone: false };
                holds!(
                    self.0.insert(*import, seen).is_none(),
                    "P10 import {import} was accepted twice"
                );
            }
            Event::ImportCompleted { import, counts } => {
                let Some(seen) = self.0.get_mut(import) else {
                    return Err("P14 an unknown import ends".to_owned());
                };
                holds!(!seen.completed, "P14 import {import} ends twice");
                holds!(
                    *counts == seen.counts,
                    "P14 import {import} tells {counts:?}, seen {:?}",
                    seen.counts
                );
                holds!(
                    seen.counts.done() == seen.counts.total,
                    "P14 import {import} ends with rows left"
                );
                seen.completed = true;
            }
            Event::ImportUndoStarted { import } => {
                let seen = self.0.get_mut(import).filter(|seen| seen.completed);
                let Some(seen) = seen else {
                    return Err("P23 an import is undone before its end".to_owned());
                };
                let before = seen.undo.replace((0, UndoCounts::default()));
                holds!(before.is_none(), "P23 import {import} is undone twice");
            }
            Event::RowUndone { import, row, outcome, code, .. } => {
                let Some(Seen { undo: Some((last, counts)), undone: false, counts: rows, .. }) =
                    self.0.get_mut(import)
                else {
                    return Err("P23 a row of an import that is not being undone".to_owned());
                };
                holds!(
                    *row > *last && *row <= rows.total,
                    "P23 row {row} is undone after row {last}"
                );
                let reversed = *outcome == UndoOutcome::Reversed;
                holds!(reversed == code.is_none(), "P23 a row is left as it is without a reason");
                *last = *row;
                counts.add(*outcome);
            }
            Event::ImportUndone { import, counts } => {
                let Some(Seen { undo: Some((_, told)), undone, counts: rows, .. }) =
                    self.0.get_mut(import)
                else {
                    return Err("P23 an undo ends that never began".to_owned());
                };
                holds!(counts == told, "P23 import {import} tells {counts:?}, seen {told:?}");
                let outcomes = counts.reversed + counts.kept + counts.errored;
                holds!(outcomes >= rows.created, "P23 a created person has no outcome");
                holds!(!std::mem::replace(undone, true), "P23 an undo ends twice");
            }
            _ => {}
        }
        let Some((outcome, row)) = event.row() else { return Ok(()) };
        let Some(seen) = self.0.get_mut(&row.import) else {
            return Err("P14 a row of an unknown import".to_owned());
        };
        holds!(!seen.completed, "P14 a row after the end of its import");
        holds!(row.row == seen.last_row + 1, "P14 row {} follows row {}", row.row, seen.last_row);
        seen.last_row = row.row;
        seen.counts.add(outcome, row);
        Ok(())
    }
}
