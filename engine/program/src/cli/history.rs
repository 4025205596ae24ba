//! `boarding history`: the events themselves, of one thing or of the whole company.

use clap::Args;
use serde_json::json;

use super::columns;
use super::failure::Ending;
use super::list::{self, Limit};
use super::session::Session;

/// The events themselves, the oldest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding history --company acme --json
  boarding history user:janeuser115 --company acme
  boarding history run:01JD0000000000000000000000 --company acme")]
pub(super) struct History {
    /// run:ID, user:KEY, import:ID or phone:E164; everything unless told
    entity: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

impl History {
    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        let params = json!({"entity": self.entity});
        list::show(session, "history", params, self.limit, columns::HISTORY).await
    }
}
