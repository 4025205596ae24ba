//! Reads events of a company from the log, by their versions.

use std::ops::RangeInclusive;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::values::CompanyId;
use boarding_log::{EventLog, ReadError};

/// Adds the events of these versions. Returns whether it reached the last one.
pub(super) fn read_versions(
    log: &dyn EventLog,
    company: &CompanyId,
    versions: RangeInclusive<u64>,
    show: &mut dyn FnMut(&RecordedEvent<'_>) -> bool,
) -> Result<bool, ReadError> {
    let mut reader = log.read_company(company, *versions.start());
    while let Some(entry) = reader.next()? {
        if entry.recorded.commit.first_version > *versions.end() {
            break;
        }
        for recorded in
            entry.recorded.events().filter(|recorded| versions.contains(&recorded.version))
        {
            if !show(&recorded) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
