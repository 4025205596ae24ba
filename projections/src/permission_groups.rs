//! Permission groups for uploaded accounts (query `permission_groups`).

use boarding_commands::commit::Fact;
use boarding_commands::event::Event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::projection::{Projection, Projector};
use crate::query::{Access, Query, QueryError, QueryRequest, RowsAnswer, page, schema_of};
use crate::read_model::ReadModel;
use crate::rows::{Rows, Table};

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

/// A group of user permissions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PermissionGroupRow {
    pub permission_group: String,
    /// The permissions of its accounts, in the product's own words.
    pub permissions: Vec<String>,
}

/// Permission groups by exact name.
#[derive(Debug)]
pub(crate) struct PermissionGroupProjection;

impl Projection for PermissionGroupProjection {
    const TABLE: Table = Table::PermissionGroups;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = PermissionGroupRow;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::PermissionGroupDefined { permission_group, .. } => {
                Some(permission_group.as_bytes().into())
            }
            _ => None,
        }
    }

    fn evolve(_: Option<PermissionGroupRow>, fact: &Fact<'_>) -> Option<PermissionGroupRow> {
        match fact.event {
            Event::PermissionGroupDefined { permission_group, permissions } => {
                Some(PermissionGroupRow {
                    permission_group: permission_group.clone(),
                    permissions: permissions.clone(),
                })
            }
            _ => None,
        }
    }
}

fn permission_groups(
    request: &QueryRequest<'_>,
    rows: &dyn Rows,
) -> Result<RowsAnswer, QueryError> {
    page::<PermissionGroupProjection, _>(request, rows, &[], |_, group| Ok([Some(json!(group))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestCompany;

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
