//! Finds the versions of the events in a chain, without reading the log.
//!
//! What bounds the work: the events about the import or run as a whole, the events of the one recipient, a window of
//! the changes of the user, and one lookup for each run of the company. Rows that changed nothing, the number of rows of
//! the file and of recipients of the run do not matter.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{RowOutcome, Source};
use boarding_commands::values::{Code, CompanyId, ImportId, Refusal, RunId, UserKey};
use serde_json::{Value, json};

use super::explained::ExplainedEvent;
use super::explainer::{Explainer, ImportRows, InvitingRun};
use super::milestones;
use crate::history::{collect, events_of_user};
use crate::projection::load;
use crate::query::{AnswerRow, QueryError};
use crate::rows::{Rows, RowsError};
use crate::tables::file_rows::{self, FileRow, FileRowProjection};
use crate::tables::runs::{RunOrderProjection, RunProjection, RunRow};
use crate::tables::{imports, recipients};

/// The most steps of an answer, as many as the rows of a page: at most this many events are read.
pub const STEPS_MAX: usize = 500;

/// The most changes of the user before the row or the import: more than an administrator reads.
const EARLIER_CHANGES_MAX: usize = 50;

/// The most changes of the user after that: those until the outcome, and the life of the link.
const LATER_CHANGES_MAX: usize = 200;

/// How many events about the user after the acceptance of an import are looked through for rows that changed nothing. The
/// rows of a file follow its acceptance at once.
const ROW_EVENTS_MAX: usize = 20;

/// How many retries of a run are followed back to the first run.
const RETRIES_MAX: usize = 10;

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
    let mut source = run.source;
    for _ in 0..RETRIES_MAX {
        let Source::FailedOf { run: earlier, .. } = source else { break };
        let Some(earlier) = load_run(rows, company, earlier)? else { break };
        search.add_recipient(&earlier, user)?;
        source = earlier.source;
    }
    let imported = source.import().map(|import| ImportRows { import, row: None });
    if let Some(ImportRows { import, .. }) = imported {
        search.versions.extend(milestones::of_import(rows, company, import)?);
    }
    // The events of an import come before those of its run, and its acceptance comes first.
    let first = search.versions.iter().min().copied().unwrap_or_default();
    search.chain(Some(user), imported, first)
}

/// Whether the row was refused because of its values or its key.
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

    /// The chain of the collected versions, with the changes of the user around the version `middle`.
    fn chain(
        self,
        user: Option<&UserKey>,
        imported: Option<ImportRows>,
        middle: u64,
    ) -> Result<Chain, QueryError> {
        let Self { rows, company, mut versions, runs } = self;
        versions.sort_unstable();
        versions.dedup();
        let end = versions.last().copied().unwrap_or_default();
        // The outcome is among these events, so the changes of the user get what they leave.
        let mut versions = without_middle(versions);
        if let Some(user) = user {
            let left = STEPS_MAX.saturating_sub(versions.len() + ROW_EVENTS_MAX);
            let events = events_of_user(rows, company, &user.folded())?;
            let changes = events.iter().filter(|(_, changes)| *changes);
            let changes: Vec<u64> = changes.map(|(version, _)| *version).collect();
            versions.extend(around(&changes, middle, left));
            if imported.is_some_and(|imported| imported.row.is_none()) {
                let after = events.iter().filter(|(version, _)| *version >= middle);
                let near = after.take(ROW_EVENTS_MAX.min(left));
                versions.extend(near.map(|(version, _)| *version));
            }
            versions.sort_unstable();
            versions.dedup();
        }
        let explainer = Explainer::new(user, imported, runs, end);
        Ok(Chain { versions, explainer })
    }
}

/// The versions nearest to `middle` on both sides, at most `most`.
fn around(versions: &[u64], middle: u64, most: usize) -> impl Iterator<Item = u64> {
    let (before, after) = versions.split_at(versions.partition_point(|version| *version < middle));
    let earlier = before.len().min(EARLIER_CHANGES_MAX).min(most);
    let later = LATER_CHANGES_MAX.min(most - earlier);
    let near = before.iter().skip(before.len() - earlier).chain(after.iter().take(later));
    near.copied()
}

/// Leaves out the middle of a chain that is too long. The start and the outcome stay.
fn without_middle(mut versions: Vec<u64>) -> Vec<u64> {
    if let Some(excess) = versions.len().checked_sub(STEPS_MAX) {
        let start = STEPS_MAX / 2;
        versions.drain(start..start + excess);
    }
    versions
}

/// The runs that invite the people of the import, and the retries of these runs, oldest first.
fn runs_of_import(
    rows: &dyn Rows,
    company: &CompanyId,
    import: ImportId,
) -> Result<Vec<RunRow>, RowsError> {
    let mut ids = collect::<RunOrderProjection, _>(rows, company, &[], |_, run| Some(run))?;
    ids.reverse();
    let mut found: Vec<RunRow> = Vec::new();
    for id in ids {
        let run = load_run(rows, company, id)?;
        found.extend(run.filter(|run| match run.source {
            // A retry comes after the run whose people it invites again.
            Source::FailedOf { run: earlier, .. } => found.iter().any(|one| one.run == earlier),
            _ => run.source.import() == Some(import),
        }));
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
    fn window_has_the_nearest_changes() {
        let versions: Vec<u64> = (1..=1_000).collect();
        let near: Vec<u64> = around(&versions, 500, 400).collect();
        assert_eq!((near.len(), near.first(), near.last()), (250, Some(&450), Some(&699)));
        let few: Vec<u64> = around(&versions, 500, 60).collect();
        assert_eq!((few.len(), few.first(), few.last()), (60, Some(&450), Some(&509)));
        assert_eq!(around(&versions, 500, 0).count(), 0);
        assert_eq!(around(&[], 7, 9).count(), 0);
    }

    #[test]
    fn long_chain_keeps_its_start_and_its_end() {
        let kept = without_middle((1..=1_000).collect());
        assert_eq!((kept.len(), kept.first(), kept.last()), (STEPS_MAX, Some(&1), Some(&1_000)));
        assert_eq!(without_middle(vec![1, 2]), [1, 2]);
    }
}
