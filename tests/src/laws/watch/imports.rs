//! P14, P23: each data row has exactly one outcome, in the order of the file; undone, one more at most; so has
//! each picture of an archive.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::event::{Counts, Event, RowOutcome, UndoCounts, UndoOutcome};
use boarding_commands::id::ImportId;

use super::super::broken::{Law, holds};

#[derive(Debug, Clone, Default)]
pub(super) struct Imports {
    known: BTreeMap<ImportId, Seen>,
    /// What the archive of this commit tells, less the pictures that were seen.
    pictures: Option<(ImportId, [u64; 2])>,
    archives: BTreeSet<ImportId>,
    /// Whom this commit has removed.
    removed: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Seen {
    last_row: u64,
    counts: Counts,
    completed: bool,
    /// The rows that created somebody, until they have an outcome of the undo.
    created: BTreeSet<u64>,
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
                let seen = Seen {
                    last_row: 0,
                    counts,
                    completed: false,
                    created: BTreeSet::new(),
                    undo: None,
                    undone: false,
                };
                holds!(
                    self.known.insert(*import, seen).is_none(),
                    "P10 import {import} was accepted twice"
                );
            }
            Event::ImportCompleted { import, counts } => {
                let Some(seen) = self.known.get_mut(import) else {
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
                let seen = self.known.get_mut(import).filter(|seen| seen.completed);
                let Some(seen) = seen else {
                    return Err("P23 an import is undone before its end".to_owned());
                };
                let before = seen.undo.replace((0, UndoCounts::default()));
                holds!(before.is_none(), "P23 import {import} is undone twice");
            }
            Event::RowUndone { import, row, user, outcome, code } => {
                let gone = self.removed.remove(&user.folded());
                let Some(Seen {
                    undo: Some((last, counts)),
                    undone: false,
                    counts: rows,
                    created,
                    ..
                }) = self.known.get_mut(import)
                else {
                    return Err("P23 a row of an import that is not being undone".to_owned());
                };
                holds!(
                    *row > *last && *row <= rows.total,
                    "P23 row {row} is undone after row {last}"
                );
                let reversed = *outcome == UndoOutcome::Reversed;
                holds!(reversed == code.is_none(), "P23 a row is left as it is without a reason");
                holds!(
                    gone == (created.remove(row) && reversed),
                    "P23 row {row} is {outcome:?}, and its person was removed: {gone}"
                );
                *last = *row;
                counts.add(*outcome);
            }
            Event::ImportUndone { import, counts } => {
                let Some(Seen { undo: Some((_, told)), undone, created, .. }) =
                    self.known.get_mut(import)
                else {
                    return Err("P23 an undo ends that never began".to_owned());
                };
                holds!(counts == told, "P23 import {import} tells {counts:?}, seen {told:?}");
                holds!(created.is_empty(), "P23 people who were created have no outcome");
                holds!(!std::mem::replace(undone, true), "P23 an undo ends twice");
            }
            Event::UserRemoved { user } => {
                self.removed.insert(user.folded());
            }
            Event::PicturesImported { import, inserted, invalid, .. } => {
                holds!(self.archives.insert(*import), "P10 archive {import} was imported twice");
                self.pictures = Some((*import, [*inserted, *invalid]));
            }
            Event::PictureInserted { import, .. } => self.picture(*import, 0)?,
            Event::PictureRefused { import, .. } => self.picture(*import, 1)?,
            _ => {}
        }
        let Some((outcome, row)) = event.row() else { return Ok(()) };
        let Some(seen) = self.known.get_mut(&row.import) else {
            return Err("P14 a row of an unknown import".to_owned());
        };
        holds!(!seen.completed, "P14 a row after the end of its import");
        holds!(row.row == seen.last_row + 1, "P14 row {} follows row {}", row.row, seen.last_row);
        seen.last_row = row.row;
        seen.counts.add(outcome, row);
        if outcome == RowOutcome::Created {
            seen.created.insert(row.row);
        }
        Ok(())
    }

    fn picture(&mut self, import: ImportId, outcome: usize) -> Law {
        let told = self.pictures.as_mut().filter(|(told, _)| *told == import);
        let left = told.and_then(|(_, counts)| counts[outcome].checked_sub(1));
        let (Some(left), Some((_, counts))) = (left, &mut self.pictures) else {
            return Err("P14 a picture that its archive does not count".to_owned());
        };
        counts[outcome] = left;
        Ok(())
    }

    /// After every complete commit.
    pub(super) fn settled(&mut self) -> Law {
        let left = self.pictures.take().map_or([0; 2], |(_, left)| left);
        holds!(left == [0; 2], "P14 an archive counts {left:?} pictures that are not there");
        holds!(self.removed.is_empty(), "P23 somebody is removed whose row is not undone");
        Ok(())
    }
}
