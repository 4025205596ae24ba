//! Organizational units as the company defined them (query `org_units`; LX-03, LX-17).

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ReadModel;
use crate::projection::{Projection, Projector};
use crate::query::{Answer, Asked, Query, QueryError, page, shape_of};
use crate::rows::{Rows, Table};

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<OrgUnits>()],
    queries: &[Query {
        name: "org_units",
        permission: Some(Permission::ViewOrgUnits),
        params: &[],
        paged: true,
        row: shape_of::<OrgUnit>,
        columns: None,
        answer: org_units,
    }],
};

/// An organizational unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrgUnit {
    pub org_unit: String,
    pub parent: Option<String>,
    pub level: Option<String>,
    pub roles: Vec<String>,
}

/// Units by their exact names.
#[derive(Debug)]
pub struct OrgUnits;

impl Projection for OrgUnits {
    const TABLE: Table = Table::OrgUnits;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = OrgUnit;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::OrgUnitDefined { org_unit, .. } => Some(org_unit.as_bytes().into()),
            _ => None,
        }
    }

    fn evolve(_: Option<OrgUnit>, fact: &Fact<'_>) -> Option<OrgUnit> {
        match fact.event {
            Event::OrgUnitDefined { org_unit, parent, level, roles } => Some(OrgUnit {
                org_unit: org_unit.clone(),
                parent: parent.clone(),
                level: level.clone(),
                roles: roles.clone(),
            }),
            _ => None,
        }
    }
}

fn org_units(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    page::<OrgUnits, _>(asked, rows, &[], |_, unit| Ok([Some(json!(unit))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Story;

    fn defined(name: &str, parent: Option<&str>, roles: &[&str]) -> Event {
        Event::OrgUnitDefined {
            org_unit: name.to_owned(),
            parent: parent.map(str::to_owned),
            level: Some("team".to_owned()),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
        }
    }

    #[test]
    fn a_unit_is_shown_as_it_was_last_defined() {
        let story = Story::of("acme")
            .then([defined("Sales", None, &[])])
            .then([defined("EMEA", Some("Sales"), &["Agent"])])
            .then([defined("Sales", None, &["Lead"])]);
        assert_eq!(
            story.ask("org_units", &json!({})),
            [
                json!({"org_unit": "EMEA", "parent": "Sales", "level": "team", "roles": ["Agent"]}),
                json!({"org_unit": "Sales", "parent": null, "level": "team", "roles": ["Lead"]}),
            ]
        );
    }
}
