//! Organizational units of the company (query `org_units`).

use boarding_commands::event::Permission;

use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Query, QueryError, QueryRequest, RowsAnswer, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::Rows;
use crate::tables::org_units::{OrgUnitProjection, OrgUnitRow};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<OrgUnitProjection>()],
    queries: &[Query {
        name: "org_units",
        access: Access::Permission(Permission::ViewOrgUnits),
        params: &[],
        paged: true,
        row: schema_of::<OrgUnitRow>,
        csv: None,
        answer: org_units,
    }],
};

fn org_units(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    page::<OrgUnitProjection, _>(request, rows, &[], |_, unit| Ok([Some(AnswerRow::of(&unit))]))
}

#[cfg(test)]
mod tests {
    use crate::testing::TestCompany;
    use boarding_commands::event::Event;
    use serde_json::json;

    fn defined(name: &str, parent: Option<&str>, roles: &[&str]) -> Event {
        Event::OrgUnitDefined {
            org_unit: name.to_owned(),
            parent: parent.map(str::to_owned),
            level: Some("team".to_owned()),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            default_permission_group: None,
        }
    }

    #[test]
    fn unit_is_shown_as_last_defined() {
        let company = TestCompany::new("acme")
            .commit([defined("Sales", None, &[])])
            .commit([defined("EMEA", Some("Sales"), &["Agent"])])
            .commit([defined("Sales", None, &["Lead"])]);
        assert_eq!(
            company.query("org_units", &json!({})),
            [
                json!({"org_unit": "EMEA", "parent": "Sales", "level": "team", "roles": ["Agent"], "default_permission_group": null}),
                json!({"org_unit": "Sales", "parent": null, "level": "team", "roles": ["Lead"], "default_permission_group": null}),
            ]
        );
    }
}
