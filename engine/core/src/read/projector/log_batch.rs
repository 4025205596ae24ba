//! Reads commits of the log for one batch, and checks that rows and log belong together.

use boarding_log::{Entry, EventLog, ReadError, Reader};
use boarding_projections::projector::apply_batch;
use boarding_projections::projectors;
use boarding_projections::rows::Table;

use super::ProjectError;
use crate::limits::PROJECT_EVENTS_MAX;
use crate::read::store::view::View;
use crate::read::store::{Change, Store, command_key};

/// Checks that the rows belong to this log.
///
/// # Errors
/// When the rows are ahead of the log, or of another log.
pub(super) fn check_log(log: &dyn EventLog, store: &Store, seen: u64) -> Result<(), ProjectError> {
    if seen > log.end() {
        return Err(ProjectError::LogIsShorter { seen, end: log.end() });
    }
    check_same_log(log, store, seen)
}

/// Whether the log has the last applied commit at the same location.
fn check_same_log(log: &dyn EventLog, store: &Store, seen: u64) -> Result<(), ProjectError> {
    if seen == 0 {
        return Ok(());
    }
    let other = ProjectError::OtherLog { seen };
    let is_damaged = !log.damage_text().is_empty();
    let Some(Entry { location, recorded }) = log.read_all(seen).next()? else {
        return if is_damaged { Ok(()) } else { Err(other) };
    };
    let key = command_key(&recorded.commit.company, recorded.commit.command);
    let known = store.get_row(&key)?;
    // The last applied commit may be damaged, or of a company that lost an earlier one.
    if recorded.position > seen && is_damaged {
        return Ok(());
    }
    let is_same = recorded.last_position() == seen
        && known.is_some_and(|known| known.as_slice() == location.0.to_be_bytes());
    if is_same { Ok(()) } else { Err(other) }
}

/// Reads commits of about one batch up to this position. Commits before a fault are returned; the next call
/// meets the fault again.
pub(super) fn next_entries(reader: &mut dyn Reader, end: u64) -> Result<Vec<Entry>, ReadError> {
    let (mut entries, mut events) = (Vec::new(), 0);
    while events < PROJECT_EVENTS_MAX {
        match reader.next() {
            Ok(Some(entry)) if entry.recorded.position <= end => {
                events += entry.recorded.commit.span();
                entries.push(entry);
            }
            Err(error) if entries.is_empty() => return Err(error),
            _ => break,
        }
    }
    Ok(entries)
}

/// The changes of rows by these commits.
pub(super) fn stage(
    view: &View,
    entries: &[Entry],
    tables: &[Table],
) -> Result<Vec<Change>, ProjectError> {
    let projectors = projectors().filter(|one| tables.contains(&one.table));
    let events = entries.iter().flat_map(|entry| entry.recorded.events());
    let mut changes = Vec::new();
    apply_batch(projectors, events, view, &mut |table, company, key, row| {
        changes.push((view.key(table, company, key), row.map(Into::into)));
    })
    .map_err(ProjectError::Stopped)?;
    Ok(changes)
}
