//! P14, P23: each row and picture of an import has one outcome, and one more if it is undone.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::event::{Counts, Event, RowOutcome, RowRef, UndoCounts, UndoOutcome, Who};
use boarding_commands::values::{Code, ImportId};

use super::super::violation::{CheckResult, ensure};

#[derive(Debug, Clone, Default)]
pub(super) struct ImportChecker {
    imports: BTreeMap<ImportId, ImportState>,
    /// The archive of the current commit, and its inserted and invalid pictures that have no event yet.
    open_pictures: Option<(ImportId, [u64; 2])>,
    archives: BTreeSet<ImportId>,
    /// The users that the current commit has removed so far and whose rows are not undone yet.
    removed: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct ImportState {
    last_row: u64,
    counts: Counts,
    completed: bool,
    /// The rows that created a user and that no undo has reached yet.
    created: BTreeSet<u64>,
    /// As `created`, at the start of the undo.
    created_before: BTreeSet<u64>,
    /// Since the start of an undo: the last undone row, and the counts.
    undo: Option<(u64, UndoCounts)>,
    undone: bool,
}

impl ImportChecker {
    pub(super) fn observe(&mut self, event: &Event) -> CheckResult {
        match event {
            Event::ImportAccepted { import, total, warnings, .. } => {
                self.accepted(*import, *total, warnings.len() as u64)?;
            }
            Event::ImportCompleted { import, counts } => self.completed(*import, counts)?,
            Event::ImportUndoStarted { import } => self.undo_started(*import)?,
            Event::RowUndone { import, row, user, outcome, code } => {
                self.row_undone(*import, *row, user, *outcome, *code)?;
            }
            Event::ImportUndone { import, counts, .. } => self.undo_completed(*import, counts)?,
            Event::ImportUndoKept { import, counts } => self.undo_kept(*import, counts)?,
            Event::UserRemoved { user } => {
                self.removed.insert(user.folded());
            }
            Event::PicturesImported { import, inserted, invalid, .. } => {
                ensure!(self.archives.insert(*import), "P10 archive {import} was imported twice");
                self.open_pictures = Some((*import, [*inserted, *invalid]));
            }
            Event::PictureInserted { import, .. } => self.picture(*import, 0)?,
            Event::PictureRefused { import, .. } => self.picture(*import, 1)?,
            _ => {}
        }
        event.row().map_or(Ok(()), |(outcome, row)| self.row(outcome, row))
    }

    fn accepted(&mut self, import: ImportId, total: u64, warnings: u64) -> CheckResult {
        let state = ImportState {
            last_row: 0,
            counts: Counts { total, warnings, ..Counts::default() },
            completed: false,
            created: BTreeSet::new(),
            created_before: BTreeSet::new(),
            undo: None,
            undone: false,
        };
        let before = self.imports.insert(import, state);
        ensure!(before.is_none(), "P10 import {import} was accepted twice");
        Ok(())
    }

    fn completed(&mut self, import: ImportId, counts: &Counts) -> CheckResult {
        let Some(state) = self.imports.get_mut(&import) else {
            return Err("P14 an unknown import was completed".to_owned());
        };
        ensure!(!state.completed, "P14 import {import} was completed twice");
        ensure!(
            *counts == state.counts,
            "P14 import {import} counts {counts:?}, the checker {:?}",
            state.counts
        );
        ensure!(
            state.counts.done() == state.counts.total,
            "P14 import {import} was completed before its last row"
        );
        state.completed = true;
        Ok(())
    }

    fn undo_started(&mut self, import: ImportId) -> CheckResult {
        let state = self.imports.get_mut(&import).filter(|state| state.completed);
        let Some(state) = state else {
            return Err("P23 an undo started before its import was completed".to_owned());
        };
        state.created_before.clone_from(&state.created);
        let before = state.undo.replace((0, UndoCounts::default()));
        ensure!(before.is_none(), "P23 import {import} is undone twice");
        Ok(())
    }

    fn row_undone(
        &mut self,
        import: ImportId,
        row: u64,
        user: &Who,
        outcome: UndoOutcome,
        code: Option<Code>,
    ) -> CheckResult {
        let removed = self.removed.remove(&user.folded());
        let Some(ImportState {
            undo: Some((last, undo_counts)),
            undone: false,
            counts,
            created,
            ..
        }) = self.imports.get_mut(&import)
        else {
            return Err("P23 a row was undone, but its import is not being undone".to_owned());
        };
        ensure!(row > *last && row <= counts.total, "P23 row {row} is undone after row {last}");
        let reversed = outcome == UndoOutcome::Reversed;
        ensure!(reversed == code.is_none(), "P23 a row was kept without a code");
        ensure!(
            removed == (created.remove(&row) && reversed),
            "P23 row {row} is {outcome:?}, user removed: {removed}"
        );
        *last = row;
        undo_counts.add(outcome);
        Ok(())
    }

    fn undo_completed(&mut self, import: ImportId, counts: &UndoCounts) -> CheckResult {
        let Some(ImportState { undo: Some((_, counted)), undone, created, .. }) =
            self.imports.get_mut(&import)
        else {
            return Err("P23 an undo was completed that never started".to_owned());
        };
        ensure!(
            counts == counted,
            "P23 import {import} counts {counts:?}, the checker {counted:?}"
        );
        ensure!(created.is_empty(), "P23 rows that created users have no undo outcome");
        ensure!(!std::mem::replace(undone, true), "P23 an undo was completed twice");
        Ok(())
    }

    /// An undo that has reversed nothing leaves the import as it was: it may be undone later.
    fn undo_kept(&mut self, import: ImportId, counts: &UndoCounts) -> CheckResult {
        self.undo_completed(import, counts)?;
        ensure!(counts.reversed == 0, "P23 import {import} is kept, but rows are reversed");
        if let Some(state) = self.imports.get_mut(&import) {
            (state.undo, state.undone) = (None, false);
            state.created.clone_from(&state.created_before);
        }
        Ok(())
    }

    fn row(&mut self, outcome: RowOutcome, row: &RowRef) -> CheckResult {
        let Some(state) = self.imports.get_mut(&row.import) else {
            return Err("P14 a row of an unknown import".to_owned());
        };
        ensure!(!state.completed, "P14 a row after its import was completed");
        let expected = state.last_row + 1;
        ensure!(row.row == expected, "P14 row {} follows row {}", row.row, state.last_row);
        state.last_row = row.row;
        state.counts.add(outcome, row);
        if outcome == RowOutcome::Created {
            state.created.insert(row.row);
        }
        Ok(())
    }

    fn picture(&mut self, import: ImportId, outcome: usize) -> CheckResult {
        let archive = self.open_pictures.as_mut().filter(|(archive, _)| *archive == import);
        let left = archive.and_then(|(_, counts)| counts[outcome].checked_sub(1));
        let (Some(left), Some((_, counts))) = (left, &mut self.open_pictures) else {
            return Err("P14 a picture that its archive does not count".to_owned());
        };
        counts[outcome] = left;
        Ok(())
    }

    /// Checks at the end of each commit that all of its pictures and removed users have their events.
    pub(super) fn end_commit(&mut self) -> CheckResult {
        let left = self.open_pictures.take().map_or([0; 2], |(_, left)| left);
        ensure!(left == [0; 2], "P14 an archive counts {left:?} pictures without an event");
        ensure!(self.removed.is_empty(), "P23 a user was removed without an undone row");
        Ok(())
    }
}
