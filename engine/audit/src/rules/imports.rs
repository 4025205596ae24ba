//! Rules of imports: each row has one outcome, in the order of the file, and one more if the import is undone.

use std::collections::HashMap;

use boarding_commands::event::{Counts, Event, RowOutcome, RowRef, UndoCounts, UndoOutcome};
use boarding_commands::values::ImportId;

use super::rule::{Rule, RuleBreak, RuleResult, require};

#[derive(Debug, Default)]
pub(super) struct ImportRules(HashMap<ImportId, Import>);

#[derive(Debug)]
struct Import {
    last_row: u64,
    counts: Counts,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Open,
    Completed,
    /// The last row that was undone, and the counts so far.
    Undoing(u64, UndoCounts),
    Undone,
}

impl ImportRules {
    pub(super) fn observe(&mut self, event: &Event) -> RuleResult {
        match event {
            Event::ImportAccepted { import, total, warnings, ignored, .. } => {
                self.accepted(*import, Counts::of_file(*total, *ignored, warnings.len()))?;
            }
            Event::ImportCompleted { import, counts } => self.completed(*import, counts)?,
            Event::ImportUndoStarted { import } => {
                let started = Stage::Undoing(0, UndoCounts::default());
                let before = std::mem::replace(&mut self.import(*import)?.stage, started);
                require(before == Stage::Completed, Rule::ImportState, || {
                    format!("the undo of import {import} starts, but the import is not completed")
                })?;
            }
            Event::RowUndone { import, row, outcome, .. } => {
                self.row_undone(*import, *row, *outcome)?;
            }
            Event::ImportUndone { import, counts, .. } => {
                self.undo_ended(*import, counts, Stage::Undone)?;
            }
            Event::ImportUndoKept { import, counts } => {
                self.undo_ended(*import, counts, Stage::Completed)?;
            }
            _ => {}
        }
        event.row().map_or(Ok(()), |(outcome, row)| self.row(outcome, row))
    }

    fn import(&mut self, import: ImportId) -> Result<&mut Import, RuleBreak> {
        self.0.get_mut(&import).ok_or_else(|| RuleBreak {
            rule: Rule::ImportState,
            what: format!("import {import} was never accepted"),
        })
    }

    fn accepted(&mut self, id: ImportId, counts: Counts) -> RuleResult {
        let import = Import { last_row: 0, counts, stage: Stage::Open };
        let before = self.0.insert(id, import);
        require(before.is_none(), Rule::ImportState, || format!("import {id} is accepted twice"))
    }

    fn row(&mut self, outcome: RowOutcome, row: &RowRef) -> RuleResult {
        let id = row.import;
        let import = self.import(id)?;
        require(import.stage == Stage::Open, Rule::ImportRows, || {
            format!("row {} of import {id} has an outcome after the end of the import", row.row)
        })?;
        require(row.row == import.last_row + 1, Rule::ImportRows, || {
            format!("row {} of import {id} follows row {}", row.row, import.last_row)
        })?;
        import.last_row = row.row;
        import.counts.add(outcome, row);
        Ok(())
    }

    fn completed(&mut self, id: ImportId, counts: &Counts) -> RuleResult {
        let import = self.import(id)?;
        require(import.stage == Stage::Open, Rule::ImportState, || {
            format!("import {id} is completed twice")
        })?;
        let is_whole = *counts == import.counts && counts.done() == counts.total;
        require(is_whole, Rule::ImportRows, || {
            let counted = &import.counts;
            format!(
                "import {id} is completed with {}; its rows have {}",
                text(counts),
                text(counted)
            )
        })?;
        import.stage = Stage::Completed;
        Ok(())
    }

    fn row_undone(&mut self, id: ImportId, row: u64, outcome: UndoOutcome) -> RuleResult {
        let import = self.import(id)?;
        let Stage::Undoing(last, counts) = &mut import.stage else {
            let what = format!("row {row} of import {id} is undone, but no undo was started");
            return Err(RuleBreak { rule: Rule::ImportState, what });
        };
        let is_next = row > *last && row <= import.counts.total;
        let before = std::mem::replace(last, row);
        counts.add(outcome);
        require(is_next, Rule::ImportRows, || {
            format!("row {row} of import {id} is undone after row {before}")
        })
    }

    fn undo_ended(&mut self, id: ImportId, counts: &UndoCounts, stage: Stage) -> RuleResult {
        let import = self.import(id)?;
        let before = std::mem::replace(&mut import.stage, stage);
        let Stage::Undoing(_, counted) = before else {
            let what = format!("the undo of import {id} ends and was not started");
            return Err(RuleBreak { rule: Rule::ImportState, what });
        };
        require(*counts == counted, Rule::ImportRows, || {
            format!(
                "the undo of import {id} ends with {}; its rows have {}",
                text(counts),
                text(&counted)
            )
        })
    }
}

fn text(counts: &impl serde::Serialize) -> String {
    serde_json::to_string(counts).unwrap_or_default()
}
