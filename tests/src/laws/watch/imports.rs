//! P14: each data row has exactly one outcome, in the order of the file.

use std::collections::BTreeMap;

use boarding_commands::event::{Counts, Event};
use boarding_commands::id::ImportId;

use super::super::broken::{Law, holds};

#[derive(Debug, Clone, Default)]
pub(super) struct Imports(BTreeMap<ImportId, Seen>);

#[derive(Debug, Clone)]
struct Seen {
    last_row: u64,
    counts: Counts,
    completed: bool,
}

impl Imports {
    pub(super) fn note(&mut self, event: &Event) -> Law {
        match event {
            Event::ImportAccepted { import, total, warnings, .. } => {
                let counts =
                    Counts { total: *total, warnings: warnings.len() as u64, ..Counts::default() };
                let seen = Seen { last_row: 0, counts, completed: false };
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
