//! Permission groups: row, projection, lookup.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::Event;
use boarding_commands::values::CompanyId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, load};
use crate::rows::{Rows, RowsError, Table};

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

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::PermissionGroupDefined { permission_group, .. } => {
                Some(permission_group.as_bytes().into())
            }
            _ => None,
        }
    }

    fn evolve(
        _: Option<PermissionGroupRow>,
        recorded: &RecordedEvent<'_>,
    ) -> Option<PermissionGroupRow> {
        match recorded.event {
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

/// The group of that exact name; none if the company has no such group.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    name: &str,
) -> Result<Option<PermissionGroupRow>, RowsError> {
    load::<PermissionGroupProjection>(rows, company, name.as_bytes())
}
