//! Reads the facts of a company from the log, by their versions.

use std::ops::RangeInclusive;

use boarding_commands::commit::Fact;
use boarding_commands::values::CompanyId;
use boarding_log::{EventLog, ReadError};

/// Adds the events of these versions. Returns whether it reached the last one.
pub(super) fn read_versions(
    log: &dyn EventLog,
    company: &CompanyId,
    versions: RangeInclusive<u64>,
    show: &mut dyn FnMut(&Fact<'_>) -> bool,
) -> Result<bool, ReadError> {
    let mut reader = log.read_company(company, *versions.start());
    while let Some(entry) = reader.next()? {
        if entry.recorded.commit.first_version > *versions.end() {
            break;
        }
        for fact in entry.recorded.facts().filter(|fact| versions.contains(&fact.version)) {
            if !show(&fact) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
