//! Permission groups for uploaded accounts (query `permission_groups`).

use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Query, QueryError, QueryRequest, RowsAnswer, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::Rows;
use crate::tables::permission_groups::{PermissionGroupProjection, PermissionGroupRow};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<PermissionGroupProjection>()],
    queries: &[Query {
        name: "permission_groups",
        access: Access::Everyone,
        params: &[],
        paged: true,
        row: schema_of::<PermissionGroupRow>,
        csv: None,
        answer: permission_groups,
    }],
};

fn permission_groups(
    request: &QueryRequest<'_>,
    rows: &dyn Rows,
) -> Result<RowsAnswer, QueryError> {
    page::<PermissionGroupProjection, _>(request, rows, &[], |_, group| {
        Ok([Some(AnswerRow::of(&group))])
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::TestCompany;
    use boarding_commands::event::Event;
    use serde_json::json;

    /// ML-04.
    #[test]
    fn group_is_shown_as_last_defined() {
        let defined = |name: &str, permissions: &[&str]| Event::PermissionGroupDefined {
            permission_group: name.to_owned(),
            permissions: permissions.iter().map(|&one| one.to_owned()).collect(),
        };
        let company = TestCompany::new("acme")
            .commit([defined("Traders", &["voice"])])
            .commit([defined("Advisers", &[])])
            .commit([defined("Traders", &["voice", "sms"])]);
        assert_eq!(
            company.query("permission_groups", &json!({})),
            [
                json!({"permission_group": "Advisers", "permissions": []}),
                json!({"permission_group": "Traders", "permissions": ["voice", "sms"]}),
            ]
        );
    }
}
