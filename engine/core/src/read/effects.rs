//! The effects of an import, read again from the log.

use std::ops::ControlFlow;

use boarding_commands::company::{Effects, RowEffect};
use boarding_commands::values::{CompanyId, ImportId};
use boarding_log::{EventLog, ReadError};

/// Reads the effects of an import from the log, and calls `each` with the changing rows of each commit. Stops when
/// `each` returns `Break`.
///
/// The call blocks, and replays the company up to the end of the import.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn read_effects(
    log: &dyn EventLog,
    company: CompanyId,
    import: ImportId,
    each: &mut dyn FnMut(Vec<RowEffect>) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let mut reader = log.read_company(&company, 1);
    let mut effects = Effects::new(company, import);
    while !effects.is_over()
        && let Some(entry) = reader.next()?
    {
        if each(effects.take(&entry.recorded.commit)).is_break() {
            break;
        }
    }
    Ok(())
}
