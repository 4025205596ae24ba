//! The company's settings: projection and lookup.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::Event;
use boarding_commands::settings::Settings;
use boarding_commands::values::CompanyId;

use crate::projection::{Projection, load};
use crate::rows::{Rows, RowsError, Table};

/// One row for each company.
#[derive(Debug)]
pub(crate) struct SettingsProjection;

impl Projection for SettingsProjection {
    const TABLE: Table = Table::Config;
    const VERSION: u32 = 4;
    type Row = Settings;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        matches!(recorded.event, Event::CompanyConfigChanged { .. }).then(Vec::new)
    }

    fn evolve(row: Option<Settings>, recorded: &RecordedEvent<'_>) -> Option<Settings> {
        let mut settings = row.unwrap_or_default();
        if let Event::CompanyConfigChanged { setting, value } = recorded.event {
            // History is never refused: a setting that this version does not know is ignored.
            let _ = settings.set(setting, value);
        }
        Some(settings)
    }
}

/// The company's settings: its changes on top of the defaults.
///
/// # Errors
/// [`RowsError`] if the rows cannot be read.
pub fn settings(rows: &dyn Rows, company: &CompanyId) -> Result<Settings, RowsError> {
    Ok(load::<SettingsProjection>(rows, company, &[])?.unwrap_or_default())
}
