//! Roles and what they permit (query `roles`; LX-18).

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
    projectors: &[Projector::of::<Roles>()],
    queries: &[Query {
        name: "roles",
        permission: None,
        params: &[],
        paged: true,
        row: shape_of::<Role>,
        columns: None,
        answer: roles,
    }],
};

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Role {
    pub role: String,
    pub permissions: Vec<String>,
}

/// Roles by their exact names.
#[derive(Debug)]
pub struct Roles;

impl Projection for Roles {
    const TABLE: Table = Table::Roles;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = Role;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::RoleDefined { role, .. } => Some(role.as_bytes().into()),
            _ => None,
        }
    }

    fn evolve(_: Option<Role>, fact: &Fact<'_>) -> Option<Role> {
        match fact.event {
            Event::RoleDefined { role, permissions } => {
                Some(Role { role: role.clone(), permissions: permissions.clone() })
            }
            _ => None,
        }
    }
}

fn roles(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    page::<Roles, _>(asked, rows, &[], |_, role| Ok([Some(json!(role))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Story;

    #[test]
    fn a_role_is_shown_as_it_was_last_defined() {
        let defined = |permissions: &[&str]| Event::RoleDefined {
            role: "Agent".to_owned(),
            permissions: permissions.iter().map(|&name| name.to_owned()).collect(),
        };
        let story = Story::of("acme").then([defined(&[])]).then([defined(&["bulk_integration"])]);
        assert_eq!(
            story.ask("roles", &json!({})),
            [json!({"role": "Agent", "permissions": ["bulk_integration"]})]
        );
    }
}
