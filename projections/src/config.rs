//! The company's settings, with the defaults of unchanged ones (query `config`).

use boarding_commands::settings::Settings;

use crate::projector::Projector;
use crate::query::{Access, AnswerRow, Query, QueryError, QueryRequest, RowsAnswer, schema_of};
use crate::read_model::ReadModel;
use crate::rows::Rows;
use crate::tables::settings::{SettingsProjection, settings};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<SettingsProjection>()],
    queries: &[Query {
        name: "config",
        access: Access::AnyPermission,
        params: &[],
        paged: false,
        row: schema_of::<Settings>,
        csv: None,
        answer: config,
    }],
};

fn config(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    Ok(RowsAnswer::Row(AnswerRow::of(&settings(rows, request.company)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestCompany;
    use boarding_commands::event::Event;
    use serde_json::{Value, json};

    fn changed(setting: &str, value: Value) -> Event {
        Event::CompanyConfigChanged { setting: setting.to_owned(), value }
    }

    #[test]
    fn company_without_changes_has_the_defaults() {
        let row = TestCompany::new("acme").query_row("config", &json!({}));
        assert_eq!(row, json!(Settings::default()));
    }

    /// LX-05, LX-06.
    #[test]
    fn known_changes_are_shown_and_unknown_ones_ignored() {
        let row = TestCompany::new("acme")
            .commit([changed("channels.whatsapp", json!(true))])
            .commit([changed("bulk_integration_max_records", json!(7))])
            .commit([changed("removed_setting", json!(1)), changed("language", json!(3))])
            .query_row("config", &json!({}));
        assert_eq!(row["channels"], json!({"whatsapp": true, "imessage": false}));
        assert_eq!(row["bulk_integration_max_records"], 7);
        assert_eq!(row["language"], "en");
        assert!(row.get("removed_setting").is_none());
    }
}
