//! `boarding org-units` and `boarding permission-groups`.

use boarding_commands::values::text::spelled;
use clap::{Args, Subcommand};
use serde_json::json;

use super::columns::{ORG_UNITS, PERMISSION_GROUPS};
use super::definition::{
    ChangeWords, ListChange, PermissionOptions, defined, names_of, submit_and_print_changes,
};
use super::failure::{CliResult, Failure};
use super::list::{self, Limit};
use super::near_names::Defines;
use super::session::Session;

/// Lists and defines org units, which people and numbers belong to
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding org-units --company acme
  boarding org-units define EMEA --company acme
  boarding org-units define APAC --default-permission-group Traders --company acme
  boarding org-units define 'Fixed Income Desk' --parent EMEA --level team --role 'Account Manager' --company acme
  boarding org-units define 'Fixed Income Desk' --no-parent --remove-role 'Account Manager' --company acme

What is not named of a defined unit stays as it is.")]
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
    Define(Box<DefineUnit>),
}

/// Defines an org unit, or changes what is named of a defined one
#[derive(Debug, Args)]
struct DefineUnit {
    /// Its exact name
    name: String,
    /// The parent unit, by its exact name
    #[arg(long, value_name = "NAME")]
    parent: Option<String>,
    /// Removes the parent
    #[arg(long, conflicts_with = "parent")]
    no_parent: bool,
    /// The level; `team` is the lowest, with the agents
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// Removes the level
    #[arg(long, conflicts_with = "level")]
    no_level: bool,
    /// Adds a role to the unit; may be given several times
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
    /// Removes a role from the unit; may be given several times
    #[arg(long = "remove-role", value_name = "NAME")]
    remove_roles: Vec<String>,
    /// Removes all roles, before others are added
    #[arg(long, conflicts_with = "remove_roles")]
    no_roles: bool,
    /// The permission group that accounts get when they are moved to the unit [default: each keeps its own]
    #[arg(long, value_name = "NAME")]
    default_permission_group: Option<String>,
    /// Removes the permission group for moved accounts
    #[arg(long, conflicts_with = "default_permission_group")]
    no_default_permission_group: bool,
}

/// Lists and defines permission groups, which imported accounts belong to
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding permission-groups --company acme
  boarding permission-groups define Traders --permission voice --permission sms --company acme
  boarding permission-groups define Traders --remove-permission sms --company acme
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
    /// Defines a permission group, or changes its permissions; the others stay
    Define {
        /// Its exact name
        name: String,
        #[command(flatten)]
        permissions: PermissionOptions,
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
            UnitVerb::Define(unit) => unit.run(session).await,
        }
    }
}

impl DefineUnit {
    /// Sends the whole definition: the present one with what is given.
    async fn run(self, session: &Session<'_>) -> CliResult {
        let name = spelled(&self.name);
        let thing = format!("the org unit {name}");
        let unit = defined(session, "org_units", "org_unit", &name).await?;
        let words = ChangeWords::of_definition(&thing, unit.is_some());
        let old_of = |field: &str| unit.as_ref()?.get(field)?.as_str().map(str::to_owned);
        let change = ListChange {
            clear: self.no_roles,
            add: self.roles.iter().map(|role| spelled(role)).collect(),
            remove: self.remove_roles.iter().map(|role| spelled(role)).collect(),
        };
        let value = |given: Option<String>, clear: bool, old: &str| {
            given.or_else(|| if clear { None } else { old_of(old) })
        };
        let group = value(
            self.default_permission_group,
            self.no_default_permission_group,
            "default_permission_group",
        );
        let body = json!({
            "org_unit": &name,
            "parent": value(self.parent, self.no_parent, "parent"),
            "level": value(self.level, self.no_level, "level"),
            "roles": change.applied(session, &thing, "role", names_of(unit.as_ref(), "roles"))?,
            "default_permission_group": group,
        });
        let near = Defines::OrgUnit.remark(session, &name).await?;
        let done = submit_and_print_changes(session, "DefineOrgUnit", body, &words).await?;
        near.iter().for_each(|near| session.out.remark(near));
        Ok(done)
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
                let name = spelled(&name);
                let thing = format!("the permission group {name}");
                let old = defined(session, "permission_groups", "permission_group", &name).await?;
                let words = ChangeWords::of_definition(&thing, old.is_some());
                let old = names_of(old.as_ref(), "permissions");
                let permissions = permissions.applied(session, &thing, old)?;
                let body = json!({"permission_group": &name, "permissions": permissions});
                let near = Defines::PermissionGroup.remark(session, &name).await?;
                let done = submit_and_print_changes(session, "DefinePermissionGroup", body, &words)
                    .await?;
                near.iter().for_each(|near| session.out.remark(near));
                Ok(done)
            }
        }
    }
}
