//! `boarding org-units` and `boarding permission-groups`: where people belong, and what accounts may do (LX-17, ML-04, ML-05).

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::columns::{ORG_UNITS, PERMISSION_GROUPS};
use super::failure::{Ending, Failure};
use super::list::{self, Limit, set};
use super::session::Session;

/// Organizational units: where people and numbers belong
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding org-units --company acme
  boarding org-units define EMEA --company acme
  boarding org-units define 'Fixed Income Desk' --parent EMEA --level team --role 'Account Manager' --company acme")]
pub(super) struct OrgUnits {
    #[command(subcommand)]
    verb: Option<UnitVerb>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum UnitVerb {
    /// Shows the units
    List(Limit),
    /// Defines a unit, or anew what it is
    Define {
        /// Its exact name
        name: String,
        /// The unit above
        #[arg(long, value_name = "NAME")]
        parent: Option<String>,
        /// Its level; `team` is the lowest, where agents are
        #[arg(long, value_name = "LEVEL")]
        level: Option<String>,
        /// A role that it includes; may be given several times
        #[arg(long = "role", value_name = "NAME")]
        roles: Vec<String>,
    },
}

/// Groups of user permissions, which accounts are uploaded into
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding permission-groups --company acme
  boarding permission-groups define Traders --permission voice --permission sms --company acme
  boarding import accounts.csv --dialect multiline --organization EMEA --permission-group Traders --company acme")]
pub(super) struct PermissionGroups {
    #[command(subcommand)]
    verb: Option<GroupVerb>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum GroupVerb {
    /// Shows the groups
    List(Limit),
    /// Defines a group, or anew what its accounts may do
    Define {
        /// Its exact name
        name: String,
        /// What its accounts may do, in the product's own words; may be given several times
        #[arg(long = "permission", value_name = "NAME")]
        permissions: Vec<String>,
    },
}

impl OrgUnits {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        match self.verb.unwrap_or(UnitVerb::List(self.limit)) {
            UnitVerb::List(limit) => {
                list::show(session, "org_units", json!({}), limit, ORG_UNITS).await
            }
            UnitVerb::Define { name, parent, level, roles } => {
                let done = format!("the org unit {name} is defined");
                let mut body = json!({"org_unit": name, "roles": roles});
                for (field, value) in [("parent", parent), ("level", level)] {
                    if let Some(value) = value {
                        set(&mut body, field, Value::String(value));
                    }
                }
                list::change(session, "DefineOrgUnit", body, &done).await
            }
        }
    }
}

impl PermissionGroups {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        match self.verb.unwrap_or(GroupVerb::List(self.limit)) {
            GroupVerb::List(limit) => {
                list::show(session, "permission_groups", json!({}), limit, PERMISSION_GROUPS).await
            }
            GroupVerb::Define { name, permissions } => {
                let done = format!("the group {name} is defined");
                let body = json!({"permission_group": name, "permissions": permissions});
                list::change(session, "DefinePermissionGroup", body, &done).await
            }
        }
    }
}
