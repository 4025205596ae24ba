//! Roles and their permissions (query `roles`).

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::Event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::Projection;
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Query, QueryError, QueryRequest, RowsAnswer, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, Table};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<RoleProjection>()],
    queries: &[Query {
        name: "roles",
        access: Access::Everyone,
        params: &[],
        paged: true,
        row: schema_of::<RoleRow>,
        csv: None,
        answer: roles,
    }],
};

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RoleRow {
    pub role: String,
    pub permissions: Vec<String>,
}

/// Roles by exact name.
#[derive(Debug)]
pub(crate) struct RoleProjection;

impl Projection for RoleProjection {
    const TABLE: Table = Table::Roles;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = RoleRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::RoleDefined { role, .. } => Some(role.as_bytes().into()),
            _ => None,
        }
    }

    fn evolve(_: Option<RoleRow>, recorded: &RecordedEvent<'_>) -> Option<RoleRow> {
        match recorded.event {
            Event::RoleDefined { role, permissions } => {
                Some(RoleRow { role: role.clone(), permissions: permissions.clone() })
            }
            _ => None,
        }
    }
}

fn roles(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    page::<RoleProjection, _>(request, rows, &[], |_, role| Ok([Some(AnswerRow::of(&role))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestCompany;
    use serde_json::json;

    #[test]
    fn role_is_shown_as_last_defined() {
        let defined = |permissions: &[&str]| Event::RoleDefined {
            role: "Agent".to_owned(),
            permissions: permissions.iter().map(|&name| name.to_owned()).collect(),
        };
        let company = TestCompany::new("acme")
            .commit([defined(&[])])
            .commit([defined(&["bulk_integration"])]);
        assert_eq!(
            company.query("roles", &json!({})),
            [json!({"role": "Agent", "permissions": ["bulk_integration"]})]
        );
    }
}
