//! Finds the versions of the events in a chain, without reading the log.
//!
//! What bounds the work: the events about the import or run as a whole, the events of the one recipient, a window of
//! the events about the user, and one lookup for each run of the company. The number of rows of the file and of
//! recipients of the run does not matter.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::RowOutcome;
use boarding_commands::values::{Code, CompanyId, ImportId, Refusal, RunId, UserKey};
use serde_json::{Value, json};

use super::explained::ExplainedEvent;
use super::explainer::{Explainer, ImportRows, InvitingRun};
use super::milestones;
use crate::history::{collect, versions_of_user};
use crate::projection::load;
use crate::query::{AnswerRow, QueryError};
use crate::rows::{Rows, RowsError};
use crate::tables::file_rows::{self, FileRow, FileRowProjection};
use crate::tables::runs::{RunOrderProjection, RunProjection, RunRow};
use crate::tables::{imports, recipients};

/// The most steps of an answer, as many as the rows of a page: at most this many events are read.
pub const STEPS_MAX: usize = 500;

/// The most events about the user before the row or the request of the run: more than an administrator reads.
const EARLIER_USER_EVENTS_MAX: usize = 50;

/// The most events about the user from the row or the request of the run on: the life of the link, of which few events
/// follow the outcome. A user that a file names each day gets about one event a day.
const LATER_USER_EVENTS_MAX: usize = 200;

/// The versions of the events of a chain, and how to explain these events.
#[derive(Debug)]
pub struct Chain {
    versions: Vec<u64>,
    explainer: Explainer,
}

impl Chain {
    /// The versions to read, oldest first, at most [`STEPS_MAX`]. Some of these events may not belong to the chain.
    pub fn versions(&self) -> &[u64] {
        &self.versions
    }

    /// The event as a row of the answer; none if the event does not belong to the chain. Needs the events in order.
    pub fn explain(&mut self, recorded: &RecordedEvent<'_>) -> Option<AnswerRow> {
        let step = self.explainer.step(recorded)?;
        let says = self.explainer.sentence(step, recorded);
        Some(AnswerRow::of(&ExplainedEvent::new(recorded, step, says)))
    }
}

/// The chain of a row. It goes on to each run of the import's people that lists the user of the row.
pub(super) fn of_row(
    rows: &dyn Rows,
    company: &CompanyId,
    id: ImportId,
    number: u64,
) -> Result<Chain, QueryError> {
    let import = imports::find(rows, company, id)?.ok_or_else(|| {
        let words =
            "The company has no import with this id; list the imports with the query imports.";
        not_found(json!({"import": id}), words)
    })?;
    let row = load::<FileRowProjection>(rows, company, &file_rows::key(id, number))?;
    let row = row.ok_or_else(|| {
        let total = import.counts.total;
        let words = format!(
            "The import has no outcome for row {number}; its rows are 1 to {total}, list them with the query import_rows."
        );
        not_found(json!({"row": number, "import": id}), &words)
    })?;
    let mut search = Search::new(rows, company);
    search.versions = milestones::of_import(rows, company, id)?;
    search.versions.push(row.version);
    let mut user = None;
    // The earlier row of the same user shows what happened to the user.
    if let Some(key) = row.key.as_ref().filter(|_| row.outcome != RowOutcome::Duplicate) {
        for run in runs_of_import(rows, company, id)? {
            search.add_recipient(&run, key)?;
        }
        // A refused row changed nothing, unless the user exists and was invited.
        if !was_refused(&row) || !search.runs.is_empty() {
            user = Some(key.0.clone());
        }
    }
    let imported = ImportRows { import: id, row: Some(number) };
    search.chain(user.as_ref(), Some(imported), row.version)
}

/// The chain of a recipient. If the run invites the people of an import, it starts with this import.
pub(super) fn of_recipient(
    rows: &dyn Rows,
    company: &CompanyId,
    id: RunId,
    user: &UserKey,
) -> Result<Chain, QueryError> {
    let run = load_run(rows, company, id)?.ok_or_else(|| {
        let words = "The company has no run with this id; list the runs with the query runs.";
        not_found(json!({"run": id}), words)
    })?;
    let mut search = Search::new(rows, company);
    let is_recipient = search.add_recipient(&run, user)?;
    if !is_recipient {
        let words = "The run has no recipient with this key; list its people with the query integration_log.";
        return Err(not_found(json!({"user": user.as_str(), "run": id}), words));
    }
    let imported = run.source.import().map(|import| ImportRows { import, row: None });
    if let Some(ImportRows { import, .. }) = imported {
        search.versions.extend(milestones::of_import(rows, company, import)?);
    }
    // The events of an import come before those of its run.
    let first = search.versions.iter().min().copied().unwrap_or_default();
    search.chain(Some(user), imported, first)
}

/// Whether the row changed nothing because of its own values.
fn was_refused(row: &FileRow) -> bool {
    matches!(row.outcome, RowOutcome::Duplicate | RowOutcome::Invalid)
}

/// Collects the versions of a chain.
struct Search<'a> {
    rows: &'a dyn Rows,
    company: &'a CompanyId,
    versions: Vec<u64>,
    runs: Vec<InvitingRun>,
}

impl<'a> Search<'a> {
    fn new(rows: &'a dyn Rows, company: &'a CompanyId) -> Self {
        Self { rows, company, versions: Vec::new(), runs: Vec::new() }
    }

    /// Adds the run and its events about the user. Returns whether the user is a recipient of the run.
    fn add_recipient(&mut self, run: &RunRow, user: &UserKey) -> Result<bool, RowsError> {
        let found = recipients::find(self.rows, self.company, run.run, &user.folded())?;
        let Some(recipient) = found else { return Ok(false) };
        self.versions.extend(milestones::of_run(self.rows, self.company, run.run)?);
        self.versions.extend(recipient.versions);
        self.runs.push(InvitingRun::of(run));
        Ok(true)
    }

    /// The chain of the collected versions, with the events about the user around the version `middle`.
    fn chain(
        self,
        user: Option<&UserKey>,
        imported: Option<ImportRows>,
        middle: u64,
    ) -> Result<Chain, QueryError> {
        let Self { rows, company, mut versions, runs } = self;
        let end = versions.iter().max().copied().unwrap_or_default();
        if let Some(user) = user {
            versions.extend(around(&versions_of_user(rows, company, &user.folded())?, middle));
        }
        versions.sort_unstable();
        versions.dedup();
        let explainer = Explainer::new(user, imported, runs, end);
        Ok(Chain { versions: without_middle(versions), explainer })
    }
}

/// The first version, which is that of the user's creation, and those nearest to `middle` on both sides.
fn around(versions: &[u64], middle: u64) -> impl Iterator<Item = u64> {
    let (before, after) = versions.split_at(versions.partition_point(|version| *version < middle));
    let near = before.len().saturating_sub(EARLIER_USER_EVENTS_MAX);
    let near = before.iter().skip(near).chain(after.iter().take(LATER_USER_EVENTS_MAX));
    before.first().into_iter().chain(near).copied()
}

/// Leaves out the middle of a chain that is too long. The start and the outcome stay.
fn without_middle(mut versions: Vec<u64>) -> Vec<u64> {
    if let Some(excess) = versions.len().checked_sub(STEPS_MAX) {
        let start = STEPS_MAX / 2;
        versions.drain(start..start + excess);
    }
    versions
}

/// The runs that invite the people of the import, oldest first.
fn runs_of_import(
    rows: &dyn Rows,
    company: &CompanyId,
    import: ImportId,
) -> Result<Vec<RunRow>, RowsError> {
    let mut ids = collect::<RunOrderProjection, _>(rows, company, &[], |_, run| Some(run))?;
    ids.reverse();
    let mut found = Vec::new();
    for id in ids {
        let run = load_run(rows, company, id)?;
        found.extend(run.filter(|run| run.source.import() == Some(import)));
    }
    Ok(found)
}

fn load_run(rows: &dyn Rows, company: &CompanyId, run: RunId) -> Result<Option<RunRow>, RowsError> {
    load::<RunProjection>(rows, company, &crate::tables::runs::key(run))
}

fn not_found(details: Value, words: &str) -> QueryError {
    Refusal::new(Code::QueryNotFound).worded(words.to_owned()).with(details).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_has_the_creation_and_the_nearest_events() {
        let versions: Vec<u64> = (1..=1_000).collect();
        let near: Vec<u64> = around(&versions, 500).collect();
        assert_eq!((near[0], near[1], near[51]), (1, 450, 500));
        assert_eq!((near.len(), near.last()), (251, Some(&699)));
        assert_eq!(around(&[], 7).count(), 0);
    }

    #[test]
    fn long_chain_keeps_its_start_and_its_end() {
        let kept = without_middle((1..=1_000).collect());
        assert_eq!((kept.len(), kept.first(), kept.last()), (STEPS_MAX, Some(&1), Some(&1_000)));
        assert_eq!(without_middle(vec![1, 2]), [1, 2]);
    }
}
