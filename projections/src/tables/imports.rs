//! Imports and their order: rows, projections, lookup.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Counts, Event, FileRef, Source, UndoCounts, Unsupervised};
use boarding_commands::values::{Code, CompanyId, ImportId, Personal, Problem, RunId, Time};
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, load, newest_first};
use crate::query::wire_enum;
use crate::rows::{Rows, RowsError, Table};

wire_enum! {
    /// The state of an import.
    ImportStatus {
        Processing "processing"
        Completed "completed"
        Undone "undone"
    }
}

/// An import and its counts. All rows of the file are counted here, so no query has to scan them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImportRow {
    pub import: ImportId,
    /// The first file, which contains the people.
    pub file: Option<FileRef>,
    pub dialect: String,
    pub state: ImportStatus,
    /// Updated with every row of the file.
    pub counts: Counts,
    /// The rows that archived their users, who are counted as deactivated too.
    pub archived: u64,
    /// The rows that changed nothing because their users existed.
    pub existing: u64,
    /// Updated with every undone row; none until an undo starts.
    pub undo: Option<UndoCounts>,
    /// The people that the undo left without a supervisor.
    pub unsupervised: Unsupervised,
    pub requested_by: Personal<String>,
    pub started_at: Time,
    pub ended_at: Option<Time>,
    /// The run that the import has requested.
    pub run: Option<RunId>,
    /// Why the requested run was refused.
    pub not_invited: Option<Problem>,
    /// The organization and permission group of all rows, if the command chose them.
    pub organization: Option<String>,
    pub permission_group: Option<String>,
}

/// Imports by id.
#[derive(Debug)]
pub(crate) struct ImportProjection;

impl Projection for ImportProjection {
    const TABLE: Table = Table::Imports;
    const VERSION: u32 = 7;
    type Row = ImportRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::ImportAccepted { import, .. }
            | Event::ImportCompleted { import, .. }
            | Event::ImportUndoStarted { import }
            | Event::RowUndone { import, .. }
            | Event::ImportUndone { import, .. }
            | Event::ImportUndoKept { import, .. }
            | Event::ImportInvitesRefused { import, .. }
            | Event::ImportPlaced { import, .. } => Some(key(*import).into()),
            Event::RunRequested { run, source, .. } => {
                requesting_import(*run, source).map(|id| key(id).into())
            }
            event => event.row().map(|(_, row)| key(row.import).into()),
        }
    }

    fn evolve(row: Option<ImportRow>, recorded: &RecordedEvent<'_>) -> Option<ImportRow> {
        if let Event::ImportAccepted { import, files, options, total, warnings, ignored } =
            recorded.event
        {
            return Some(ImportRow {
                import: *import,
                file: files.first().cloned(),
                dialect: options.dialect.clone(),
                state: ImportStatus::Processing,
                counts: Counts::of_file(*total, *ignored, warnings.len()),
                archived: 0,
                existing: 0,
                undo: None,
                unsupervised: Unsupervised::default(),
                requested_by: recorded.commit.actor.clone(),
                started_at: recorded.commit.at,
                ended_at: None,
                run: None,
                not_invited: None,
                organization: None,
                permission_group: None,
            });
        }
        let mut import = row?;
        if let Some((outcome, row)) = recorded.event.row() {
            import.counts.add(outcome, row);
            import.archived += u64::from(archives(recorded));
            import.existing += u64::from(names_existing(recorded));
        }
        match recorded.event {
            Event::ImportCompleted { counts, .. } => {
                import.counts = *counts;
                import.state = ImportStatus::Completed;
                import.ended_at = Some(recorded.commit.at);
            }
            Event::ImportUndoStarted { .. } => import.undo = Some(UndoCounts::default()),
            Event::RowUndone { outcome, .. } => {
                import.undo.get_or_insert_default().add(*outcome);
            }
            Event::ImportUndoKept { counts, .. } => import.undo = Some(*counts),
            Event::ImportUndone { counts, unsupervised, .. } => {
                import.undo = Some(*counts);
                import.unsupervised = unsupervised.clone();
                import.state = ImportStatus::Undone;
            }
            Event::RunRequested { run, .. } => import.run = Some(*run),
            Event::ImportInvitesRefused { problem, .. } => {
                import.not_invited = Some(problem.clone());
            }
            Event::ImportPlaced { organization, permission_group, .. } => {
                import.organization = Some(organization.clone());
                import.permission_group = Some(permission_group.clone());
            }
            _ => {}
        }
        Some(import)
    }
}

/// Import ids, newest first. Ids cannot give this order, because clients may choose them.
#[derive(Debug)]
pub(crate) struct ImportOrderProjection;

impl Projection for ImportOrderProjection {
    const TABLE: Table = Table::ImportOrder;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = ImportId;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        matches!(recorded.event, Event::ImportAccepted { .. })
            .then(|| newest_first(recorded.version))
    }

    fn evolve(_: Option<ImportId>, recorded: &RecordedEvent<'_>) -> Option<ImportId> {
        match recorded.event {
            Event::ImportAccepted { import, .. } => Some(*import),
            _ => None,
        }
    }
}

/// Whether the row of this event archives its user: the next event says so.
pub(crate) fn archives(recorded: &RecordedEvent<'_>) -> bool {
    let Event::UserDeactivated { user, row: Some(_) } = recorded.event else { return false };
    let next = following(recorded).next();
    matches!(next, Some(Event::UserArchived { user: archived }) if archived == user)
}

/// Whether the row of this event changed nothing because its user existed.
fn names_existing(recorded: &RecordedEvent<'_>) -> bool {
    let Event::RowRefused { problems, .. } = recorded.event else { return false };
    problems.iter().any(|problem| problem.code == Code::RowUserExists)
}

/// The events of the commit after this one.
pub(crate) fn following<'a>(recorded: &RecordedEvent<'a>) -> impl Iterator<Item = &'a Event> {
    let nth =
        usize::try_from(recorded.version - recorded.commit.first_version).unwrap_or(usize::MAX);
    recorded.commit.events.iter().skip(nth.saturating_add(1))
}

/// The import that has requested this run: such a run has the import's id.
fn requesting_import(run: RunId, source: &Source) -> Option<ImportId> {
    match source {
        Source::Import(import) => Some(*import).filter(|import| import.0 == run.0),
        Source::OrgUnits { .. }
        | Source::Users(_)
        | Source::Resend { .. }
        | Source::FailedOf { .. } => None,
    }
}

/// The key of an import's row, and the key prefix of the rows of its file.
pub(crate) fn key(import: ImportId) -> [u8; 16] {
    import.0.0.to_be_bytes()
}

/// The import of that id; none if the company has no such import.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    import: ImportId,
) -> Result<Option<ImportRow>, RowsError> {
    load::<ImportProjection>(rows, company, &key(import))
}
