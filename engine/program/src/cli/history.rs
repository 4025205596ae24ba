//! `boarding history`: the events of one object or of the whole company.

use clap::Args;
use serde_json::json;

use super::columns;
use super::failure::CliResult;
use super::list::{self, Limit};
use super::session::Session;

/// Lists the events, the oldest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding history --company acme --json
  boarding history user:janeuser115 --company acme
  boarding history run:latest --company acme")]
pub(super) struct History {
    /// run:ID, user:KEY, import:ID or phone:E164; `latest` for an ID is the newest [default: all events of the company]
    entity: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

impl History {
    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let params = json!({"entity": self.entity});
        list::show(session, "history", params, self.limit, columns::HISTORY).await
    }
}
