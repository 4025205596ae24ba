//! `boarding org-units` and `boarding permission-groups`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::columns::{ORG_UNITS, PERMISSION_GROUPS};
use super::failure::{CliResult, Failure};
use super::fields::set;
use super::list::{self, Limit};
use super::session::Session;

/// Lists and defines org units, which people and numbers belong to
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding org-units --company acme
  boarding org-units define EMEA --company acme
  boarding org-units define APAC --default-permission-group Traders --company acme
  boarding org-units define 'Fixed Income Desk' --parent EMEA --level team --role 'Account Manager' --company acme")]
pub(super) struct OrgUnits {
    #[command(subcommand)]
    verb: Option<UnitVerb>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum UnitVerb {
    /// Lists the org units
    List(Limit),
    /// Defines an org unit, or changes its definition
    Define {
        /// Its exact name
        name: String,
        /// The parent unit, by its exact name
        #[arg(long, value_name = "NAME")]
        parent: Option<String>,
        /// The level; `team` is the lowest, with the agents
        #[arg(long, value_name = "LEVEL")]
        level: Option<String>,
        /// A role of the unit; may be given several times
        #[arg(long = "role", value_name = "NAME")]
        roles: Vec<String>,
        /// The permission group that accounts get when they are moved to the unit [default: each keeps its own]
        #[arg(long, value_name = "NAME")]
        default_permission_group: Option<String>,
    },
}

/// Lists and defines permission groups, which imported accounts belong to
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
    /// Lists the permission groups
    List(Limit),
    /// Defines a permission group, or changes its permissions
    Define {
        /// Its exact name
        name: String,
        /// A permission of the group's accounts, by its name in the product; may be given several times
        #[arg(long = "permission", value_name = "NAME")]
        permissions: Vec<String>,
    },
}

impl OrgUnits {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(UnitVerb::List(self.limit)) {
            UnitVerb::List(limit) => {
                list::show(session, "org_units", json!({}), limit, ORG_UNITS).await
            }
            UnitVerb::Define { name, parent, level, roles, default_permission_group } => {
                let done = format!("the org unit {name} is defined");
                let mut body = json!({"org_unit": name, "roles": roles});
                let group = ("default_permission_group", default_permission_group);
                for (field, value) in [("parent", parent), ("level", level), group] {
                    if let Some(value) = value {
                        set(&mut body, field, Value::String(value));
                    }
                }
                list::submit_and_print(session, "DefineOrgUnit", body, &done).await
            }
        }
    }
}

impl PermissionGroups {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(GroupVerb::List(self.limit)) {
            GroupVerb::List(limit) => {
                list::show(session, "permission_groups", json!({}), limit, PERMISSION_GROUPS).await
            }
            GroupVerb::Define { name, permissions } => {
                let done = format!("the permission group {name} is defined");
                let body = json!({"permission_group": name, "permissions": permissions});
                list::submit_and_print(session, "DefinePermissionGroup", body, &done).await
            }
        }
    }
}
