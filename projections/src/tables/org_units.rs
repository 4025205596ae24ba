//! Organizational units: row, projection, lookup.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::Event;
use boarding_commands::values::CompanyId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, load};
use crate::rows::{Rows, RowsError, Table};

/// An organizational unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct OrgUnitRow {
    pub org_unit: String,
    pub parent: Option<String>,
    pub level: Option<String>,
    pub roles: Vec<String>,
    /// The permission group that accounts get when they are moved to the unit; null if each keeps its own.
    pub default_permission_group: Option<String>,
}

/// Organizational units by exact name.
#[derive(Debug)]
pub(crate) struct OrgUnitProjection;

impl Projection for OrgUnitProjection {
    const TABLE: Table = Table::OrgUnits;
    const VERSION: u32 = 2;
    const READS: bool = false;
    type Row = OrgUnitRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::OrgUnitDefined { org_unit, .. } => Some(org_unit.as_bytes().into()),
            _ => None,
        }
    }

    fn evolve(_: Option<OrgUnitRow>, recorded: &RecordedEvent<'_>) -> Option<OrgUnitRow> {
        match recorded.event {
            Event::OrgUnitDefined { org_unit, parent, level, roles, default_permission_group } => {
                Some(OrgUnitRow {
                    org_unit: org_unit.clone(),
                    parent: parent.clone(),
                    level: level.clone(),
                    roles: roles.clone(),
                    default_permission_group: default_permission_group.clone(),
                })
            }
            _ => None,
        }
    }
}

/// The unit of that exact name; none if the company has no such unit.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    name: &str,
) -> Result<Option<OrgUnitRow>, RowsError> {
    load::<OrgUnitProjection>(rows, company, name.as_bytes())
}
