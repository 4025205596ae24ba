//! What an actor may do in a company, and in whose name a NATS user may send commands.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::schema::growing_list;

/// What an actor may do in a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    BulkIntegrateUsers,
    BulkImportUsers,
    ViewOrgUnits,
    Accounts,
    Administer,
    /// To report the outcomes of invitations, and deliveries: for workers.
    ReportInvitations,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 6] = [
        Self::BulkIntegrateUsers,
        Self::BulkImportUsers,
        Self::ViewOrgUnits,
        Self::Accounts,
        Self::Administer,
        Self::ReportInvitations,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::BulkIntegrateUsers => "bulk_integrate_users",
            Self::BulkImportUsers => "bulk_import_users",
            Self::ViewOrgUnits => "view_org_units",
            Self::Accounts => "accounts",
            Self::Administer => "administer",
            Self::ReportInvitations => "report_invitations",
        }
    }
}

/// A request must have a permission of the list. An answer may have one that was added later.
impl JsonSchema for Permission {
    fn schema_name() -> Cow<'static, str> {
        "Permission".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        growing_list(
            generator,
            &Self::ALL.map(Self::as_str),
            "^[a-z_]+$",
            "What an actor may do in a company.",
            "The list grows: show a permission that you do not know as it is.",
        )
    }
}

/// The actors that a NATS user may name beside those that it is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpeaksFor {
    /// Every actor of the company.
    Anyone,
}
