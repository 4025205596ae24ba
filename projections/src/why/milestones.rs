//! Where the events about an import or a run as a whole are, without the events about rows and recipients.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::Event;
use boarding_commands::values::{CompanyId, ImportId, RunId};

use crate::history::{Entity, collect, version_at_end};
use crate::projection::Projection;
use crate::rows::{Rows, RowsError, Table};
use crate::tables::{imports, runs};

/// Events about an import or a run as a whole, by its id and the version of the event.
///
/// An import of a million rows has about five of them, so `why` does not read its rows.
#[derive(Debug)]
pub(super) struct MilestoneProjection;

/// The first byte of a run's keys.
const RUN: u8 = b'r';
/// The first byte of an import's keys.
const IMPORT: u8 = b'i';

impl Projection for MilestoneProjection {
    const TABLE: Table = Table::Milestones;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = ();

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        if !is_milestone(recorded.event) {
            return None;
        }
        let prefix = match Entity::of_process(recorded.event)? {
            Entity::Run(run) => prefix(RUN, runs::key(run)),
            Entity::Import(import) => prefix(IMPORT, imports::key(import)),
            Entity::User(_) | Entity::Phone(_) => return None,
        };
        Some([prefix.as_slice(), &recorded.version.to_be_bytes()].concat())
    }

    fn evolve(_: Option<()>, _: &RecordedEvent<'_>) -> Option<()> {
        Some(())
    }
}

fn is_milestone(event: &Event) -> bool {
    matches!(
        event,
        Event::ImportAccepted { .. }
            | Event::ImportPlaced { .. }
            | Event::ImportCompleted { .. }
            | Event::ImportUndoStarted { .. }
            | Event::ImportUndone { .. }
            | Event::ImportUndoKept { .. }
            | Event::ImportInvitesRequested { .. }
            | Event::ImportInvitesRefused { .. }
            | Event::ImportNotificationRequested { .. }
            | Event::ImportLinkUsed { .. }
            | Event::RunRequested { .. }
            | Event::RunScheduled { .. }
            | Event::RunQueued { .. }
            | Event::RunStarted { .. }
            | Event::RunCompleted { .. }
            | Event::RunWithdrawn { .. }
            | Event::RunWaiting { .. }
            | Event::RunResumed { .. }
            | Event::RunGivenUp { .. }
    )
}

fn prefix(kind: u8, id: [u8; 16]) -> Vec<u8> {
    [&[kind], id.as_slice()].concat()
}

/// The versions of the events about the import as a whole, oldest first.
pub(super) fn of_import(
    rows: &dyn Rows,
    company: &CompanyId,
    import: ImportId,
) -> Result<Vec<u64>, RowsError> {
    versions(rows, company, &prefix(IMPORT, imports::key(import)))
}

/// The versions of the events about the run as a whole, oldest first.
pub(super) fn of_run(
    rows: &dyn Rows,
    company: &CompanyId,
    run: RunId,
) -> Result<Vec<u64>, RowsError> {
    versions(rows, company, &prefix(RUN, runs::key(run)))
}

fn versions(rows: &dyn Rows, company: &CompanyId, prefix: &[u8]) -> Result<Vec<u64>, RowsError> {
    collect::<MilestoneProjection, _>(rows, company, prefix, |key, ()| version_at_end(key))
}
