//! Groups of user permissions, which accounts are uploaded into (query `permission_groups`; ML-04).

use boarding_commands::commit::Fact;
use boarding_commands::event::Event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ReadModel;
use crate::projection::{Projection, Projector};
use crate::query::{Answer, Asked, Query, QueryError, page, shape_of};
use crate::rows::{Rows, Table};

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<PermissionGroups>()],
    queries: &[Query {
        name: "permission_groups",
        permission: None,
        params: &[],
        paged: true,
        row: shape_of::<PermissionGroup>,
        columns: None,
        answer: permission_groups,
    }],
};

/// A group of user permissions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PermissionGroup {
    pub permission_group: String,
    /// What its accounts may do, in the product's own words.
    pub permissions: Vec<String>,
}

/// Groups by their exact names.
#[derive(Debug)]
pub struct PermissionGroups;

impl Projection for PermissionGroups {
    const TABLE: Table = Table::PermissionGroups;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = PermissionGroup;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::PermissionGroupDefined { permission_group, .. } => {
                Some(permission_group.as_bytes().into())
            }
            _ => None,
        }
    }

    fn evolve(_: Option<PermissionGroup>, fact: &Fact<'_>) -> Option<PermissionGroup> {
        match fact.event {
            Event::PermissionGroupDefined { permission_group, permissions } => {
                Some(PermissionGroup {
                    permission_group: permission_group.clone(),
                    permissions: permissions.clone(),
                })
            }
            _ => None,
        }
    }
}

fn permission_groups(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    page::<PermissionGroups, _>(asked, rows, &[], |_, group| Ok([Some(json!(group))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Story;

    /// ML-04: the groups to choose from, each as it was last defined.
    #[test]
    fn ml_04_a_group_is_shown_as_it_was_last_defined() {
        let defined = |name: &str, permissions: &[&str]| Event::PermissionGroupDefined {
            permission_group: name.to_owned(),
            permissions: permissions.iter().map(|&one| one.to_owned()).collect(),
        };
        let story = Story::of("acme")
            .then([defined("Traders", &["voice"])])
            .then([defined("Advisers", &[])])
            .then([defined("Traders", &["voice", "sms"])]);
        assert_eq!(
            story.ask("permission_groups", &json!({})),
            [
                json!({"permission_group": "Advisers", "permissions": []}),
                json!({"permission_group": "Traders", "permissions": ["voice", "sms"]}),
            ]
        );
    }
}
