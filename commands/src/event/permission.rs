//! What an actor may do in a company, and for whom a NATS user may speak.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an actor may do in a company.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    BulkIntegrateUsers,
    BulkImportUsers,
    ViewOrgUnits,
    Accounts,
    Administer,
}

impl Permission {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BulkIntegrateUsers => "bulk_integrate_users",
            Self::BulkImportUsers => "bulk_import_users",
            Self::ViewOrgUnits => "view_org_units",
            Self::Accounts => "accounts",
            Self::Administer => "administer",
        }
    }
}

/// For whom a NATS user may speak beside the actors that it is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpeaksFor {
    /// Every actor of the company.
    Anyone,
}
