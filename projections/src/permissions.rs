//! The permissions of each actor (query `permissions`).

use std::collections::BTreeSet;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, Permission};
use boarding_commands::values::{Personal, Time, fold};
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
    projectors: &[Projector::of::<PermissionProjection>()],
    queries: &[Query {
        name: "permissions",
        access: Access::Permission(Permission::Administer),
        params: &[],
        paged: true,
        row: schema_of::<PermissionRow>,
        csv: None,
        answer: permissions,
    }],
};

/// An actor with at least one permission, and the last grant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PermissionRow {
    pub actor: Personal<String>,
    pub permissions: BTreeSet<Permission>,
    pub granted_by: Personal<String>,
    pub granted_at: Time,
}

/// Permissions by actor; two spellings of one actor have one row.
#[derive(Debug)]
pub(crate) struct PermissionProjection;

impl Projection for PermissionProjection {
    const TABLE: Table = Table::Permissions;
    const VERSION: u32 = 1;
    type Row = PermissionRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::PermissionsGranted { actor, .. } | Event::PermissionsRevoked { actor, .. } => {
                Some(fold(actor).into_bytes())
            }
            _ => None,
        }
    }

    fn evolve(row: Option<PermissionRow>, recorded: &RecordedEvent<'_>) -> Option<PermissionRow> {
        match recorded.event {
            Event::PermissionsGranted { actor, permissions } => {
                let mut held = row.map(|row| row.permissions).unwrap_or_default();
                held.extend(permissions);
                Some(PermissionRow {
                    actor: actor.clone(),
                    permissions: held,
                    granted_by: recorded.commit.actor.clone(),
                    granted_at: recorded.commit.at,
                })
            }
            Event::PermissionsRevoked { permissions, .. } => {
                let mut row = row?;
                row.permissions.retain(|held| !permissions.contains(held));
                Some(row).filter(|row| !row.permissions.is_empty())
            }
            _ => row,
        }
    }
}

fn permissions(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    page::<PermissionProjection, _>(request, rows, &[], |_, row| Ok([Some(AnswerRow::of(&row))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCompany, at};
    use serde_json::json;

    fn granted(actor: &str, permissions: &[Permission]) -> Event {
        Event::PermissionsGranted {
            actor: actor.to_owned().into(),
            permissions: permissions.to_vec(),
        }
    }

    fn revoked(actor: &str, permissions: &[Permission]) -> Event {
        Event::PermissionsRevoked {
            actor: actor.to_owned().into(),
            permissions: permissions.to_vec(),
        }
    }

    /// A45: who holds what, since when and by whom. An actor without permissions is not listed.
    #[test]
    fn each_holder_is_listed_with_the_last_grant() {
        use Permission::{Accounts, Administer, BulkImportUsers};
        let company = TestCompany::new("acme")
            .commit([granted("Una@acme.example", &[Administer, BulkImportUsers])])
            .commit([granted("joe", &[Accounts])])
            .commit([granted("una@ACME.example", &[Accounts])])
            .commit([revoked("UNA@acme.example", &[BulkImportUsers]), revoked("joe", &[Accounts])]);
        assert_eq!(
            company.query("permissions", &json!({})),
            [json!({
                "actor": "una@ACME.example",
                "permissions": ["accounts", "administer"],
                "granted_by": "jane@acme.example",
                "granted_at": at(2),
            })]
        );
    }
}
