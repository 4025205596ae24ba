//! `boarding permissions`: lists who may do what, and grants and revokes permissions.

use clap::{Args, Subcommand};
use serde_json::json;

use super::columns::PERMISSIONS;
use super::failure::{CliResult, Failure};
use super::list::{self, Limit};
use super::session::Session;

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
            Verb::Revoke(change) => change.submit(session, "RevokePermissions", "has lost").await,
        }
    }
}

impl Change {
    async fn submit(self, session: &Session<'_>, command: &str, verb: &str) -> CliResult {
        let done = format!("{} {verb} {}", self.actor, self.permissions.join(", "));
        let body = json!({"actor": self.actor, "permissions": self.permissions});
        list::submit_and_print(session, command, body, &done).await
    }
}
