//! The company's settings as they stand: the defaults and what was changed (query `config`; LX-05, LX-06).

use boarding_commands::commit::Fact;
use boarding_commands::event::Event;
use boarding_commands::settings::Settings;
use boarding_commands::values::CompanyId;
use serde_json::json;

use crate::ReadModel;
use crate::projection::{Projection, Projector, load};
use crate::query::{Answer, Asked, Query, QueryError, shape_of};
use crate::rows::{Rows, RowsError, Table};

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Config>()],
    queries: &[Query {
        name: "config",
        permission: None,
        params: &[],
        paged: false,
        row: shape_of::<Settings>,
        columns: None,
        answer: config,
    }],
};

/// One row a company.
#[derive(Debug)]
pub struct Config;

impl Projection for Config {
    const TABLE: Table = Table::Config;
    const VERSION: u32 = 3;
    type Row = Settings;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        matches!(fact.event, Event::CompanyConfigChanged { .. }).then(Vec::new)
    }

    fn evolve(row: Option<Settings>, fact: &Fact<'_>) -> Option<Settings> {
        let mut settings = row.unwrap_or_default();
        if let Event::CompanyConfigChanged { setting, value } = fact.event {
            // A setting that this program does not know any more is left out: history is not refused.
            let _ = settings.set(setting, value);
        }
        Some(settings)
    }
}

/// The company's settings as they stand.
///
/// # Errors
/// When the rows cannot be read.
pub fn settings(rows: &dyn Rows, company: &CompanyId) -> Result<Settings, RowsError> {
    Ok(load::<Config>(rows, company, &[])?.unwrap_or_default())
}

fn config(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    Ok(Answer::Row(json!(settings(rows, asked.company)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Story;
    use serde_json::Value;

    fn changed(setting: &str, value: Value) -> Event {
        Event::CompanyConfigChanged { setting: setting.to_owned(), value }
    }

    #[test]
    fn a_company_that_set_nothing_has_the_defaults() {
        let row = Story::of("acme").ask_row("config", &json!({}));
        assert_eq!(row, json!(Settings::default()));
    }

    /// LX-05, LX-06.
    #[test]
    fn changes_are_shown_in_their_places_and_unknown_ones_left_out() {
        let row = Story::of("acme")
            .then([changed("channels.whatsapp", json!(true))])
            .then([changed("bulk_integration_max_records", json!(7))])
            .then([changed("long_gone", json!(1)), changed("language", json!(3))])
            .ask_row("config", &json!({}));
        assert_eq!(row["channels"], json!({"whatsapp": true, "imessage": false}));
        assert_eq!(row["bulk_integration_max_records"], 7);
        assert_eq!(row["language"], "en");
        assert!(row.get("long_gone").is_none());
    }
}
