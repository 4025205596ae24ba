//! `boarding permissions`: lists who may do what, and grants and revokes permissions.

use boarding_commands::event::Permission;
use boarding_commands::values::{Code, Refusal, fold, nearest};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::columns::PERMISSIONS;
use super::definition::{ChangeWords, submit_and_print_changes};
use super::failure::{CliResult, Failure};
use super::fields::text;
use super::list::{self, Limit};
use super::session::Session;
use super::words::did_you_mean;

/// Lists who may do what, and grants and revokes permissions
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding permissions --company acme
  boarding permissions grant una@acme.example administer bulk_import_users --company acme
  boarding permissions revoke joe@acme.example bulk_import_users --company acme

The permissions: bulk_integrate_users, bulk_import_users, view_org_units, accounts, administer, report_invitations
(for workers outside the engine). Everybody may do everything until the first grant, which must include administer. The
last administrator cannot lose it.")]
pub(super) struct Permissions {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the actors with their permissions
    #[command(after_help = "Example:\n  boarding permissions list --company acme")]
    List(Limit),
    /// Grants permissions to an actor
    #[command(
        after_help = "Example:\n  boarding permissions grant una@acme.example administer --company acme"
    )]
    Grant(Change),
    /// Revokes permissions of an actor
    #[command(
        after_help = "Example:\n  boarding permissions revoke joe@acme.example accounts --company acme"
    )]
    Revoke(Change),
}

#[derive(Debug, Args)]
struct Change {
    /// The actor: the name that clients send over NATS. Grants do not limit this command line
    #[arg(id = "who", value_name = "ACTOR")]
    actor: String,
    /// bulk_integrate_users, bulk_import_users, view_org_units, accounts, administer, report_invitations
    #[arg(required = true, value_name = "PERMISSION")]
    permissions: Vec<String>,
}

impl Permissions {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::List(self.limit)) {
            Verb::List(limit) => {
                list::show(session, "permissions", json!({}), limit, PERMISSIONS).await
            }
            Verb::Grant(change) => change.submit(session, "GrantPermissions", "is granted").await,
            Verb::Revoke(change) => {
                change.check_has_any(session).await?;
                change.submit(session, "RevokePermissions", "has lost").await
            }
        }
    }
}

impl Change {
    async fn submit(self, session: &Session<'_>, command: &str, verb: &str) -> CliResult {
        self.check_names()?;
        let words = ChangeWords {
            done: format!("{} {verb} {}", self.actor, self.permissions.join(", ")),
            unchanged: format!("the permissions of {} are unchanged", self.actor),
        };
        let body = json!({"actor": self.actor, "permissions": self.permissions});
        submit_and_print_changes(session, command, body, &words).await
    }

    /// Refuses an unknown permission, with the one that is near to it.
    fn check_names(&self) -> Result<(), Failure> {
        let known = Permission::ALL.map(Permission::as_str);
        let Some(name) = self.permissions.iter().find(|name| !known.contains(&name.as_str()))
        else {
            return Ok(());
        };
        let near = did_you_mean(nearest(name, known));
        let known = known.join(", ");
        let words = format!("There is no permission {name}{near}; the permissions are {known}.");
        Err(Refusal::new(Code::EnvelopeMalformed).worded(words).into())
    }

    /// Refuses an actor who has no permissions, which may be a typing error. The repeat of a command under its id finds
    /// them revoked.
    async fn check_has_any(&self, session: &Session<'_>) -> Result<(), Failure> {
        if session.given_id().is_some() {
            return Ok(());
        }
        let actor = fold(&self.actor);
        let mut holds_any = false;
        let compare = |rows: Vec<Value>| {
            holds_any |= rows.iter().any(|row| fold(text(row, "actor")) == actor);
        };
        session.pages("permissions", json!({}), None, compare).await?;
        if holds_any {
            return Ok(());
        }
        let words = format!("{} has no permissions, so nothing was changed.", self.actor);
        let refusal = Refusal::new(Code::QueryNotFound).worded(words);
        Err(refusal.with(json!({"actor": self.actor})).into())
    }
}
