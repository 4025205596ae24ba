//! `boarding pictures`: imports profile pictures and lists their outcomes.

use std::path::PathBuf;

use boarding_csv::same_name;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::columns;
use super::failure::{CliResult, Done, Failure};
use super::fields::{number, text};
use super::input;
use super::latest;
use super::list::{self, Limit};
use super::session::Session;
use super::watch;
use super::words::shown_of;
use verbs::Verb;

mod verbs;

/// Imports profile pictures from a zip archive; lists, shows, downloads and removes pictures
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  boarding pictures Archive.zip --company acme
  boarding pictures --company acme                       lists the archives, the newest first
  boarding pictures --rows latest --outcome invalid --company acme
  boarding pictures list --company acme
  boarding pictures download johndoe --company acme

A picture is a JPEG or PNG file below 5 MiB, named after the Agent ID of an existing user:
johndoe22.jpg or johndoe22.png. It replaces the user's earlier picture. An archive holds at most
10,000 pictures."
)]
pub(super) struct Pictures {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The zip archive; - reads the standard input [default: lists the archives]
    #[arg(value_name = "FILE", conflicts_with = "rows")]
    file: Option<PathBuf>,
    /// The attribute that the file names contain: agent_id
    #[arg(long = "match", value_name = "ATTRIBUTE", default_value = "agent_id", value_parser = attribute)]
    match_attribute: String,
    /// Lists the pictures of an archive: `latest`, or the id of its import
    #[arg(long, value_name = "latest|ID")]
    rows: Option<String>,
    /// Only pictures with this outcome
    #[arg(long, requires = "rows")]
    outcome: Option<Outcome>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Outcome {
    Inserted,
    Invalid,
}

impl Pictures {
    pub(super) fn check(&self) -> Result<(), Failure> {
        if let Some(verb) = &self.verb {
            return verb.check();
        }
        self.file.as_deref().map_or(Ok(()), |file| input::open(file).map(drop))
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        if let Some(verb) = self.verb {
            return verb.run(session).await;
        }
        let Some(file) = &self.file else {
            let Some(rows) = self.rows else {
                let archives = columns::ARCHIVES;
                return list::show(session, "picture_imports", json!({}), self.limit, archives)
                    .await;
            };
            let rows = latest::pictures(session, rows).await?;
            let outcome = self.outcome.map(|outcome| match outcome {
                Outcome::Inserted => "inserted",
                Outcome::Invalid => "invalid",
            });
            let params = json!({"import": rows, "outcome": outcome});
            return list::show(session, "picture_rows", params, self.limit, columns::PICTURES)
                .await;
        };
        let content = input::open(file)?;
        let stored = session.keep_file(&input::name_of(file, "zip"), content).await?;
        let body = json!({"file": stored.body, "match_attribute": self.match_attribute});
        let accepted = session.submit("ImportPictures", body).await;
        if matches!(accepted, Err(Failure::Refused { .. })) {
            session.discard_file(&stored.sha256);
        }
        let accepted = accepted?;
        let total = number(&accepted.result, "total");
        if text(&accepted.result, "state") == "processing" {
            session.out.note(&format!("{total} pictures: they are imported in several steps"));
        }
        session.settle().await?;
        let import = accepted.id("import");
        watch::check_blocked(session, &import).await?;
        let row = session.row("picture_import", json!({"import": import})).await?;
        let out = session.out;
        if out.is_json() {
            out.document(&row);
        } else {
            let count = |name: &str| number(&row, name);
            let (inserted, invalid) = (count("inserted"), count("invalid"));
            let name = text(&row, "file_name");
            out.line(&format!(
                "pictures {import} of {name}: {inserted} inserted, {invalid} invalid"
            ));
            if inserted + invalid == 0 {
                out.warn("the archive has no picture: put JPEG or PNG files into it");
            }
            let params = json!({"import": import, "outcome": "invalid"});
            if invalid > 0 {
                let shown = shown_of(invalid, SHOWN_ROWS);
                let rows = session.rows("picture_rows", params, Some(shown)).await?;
                out.table(columns::PICTURES, &rows);
                let rest = invalid.saturating_sub(rows.len() as u64);
                if rest > 0 {
                    out.line(&format!(
                        "… and {rest} more: boarding pictures --rows {import} --outcome invalid {}",
                        session.location_options()
                    ));
                }
            }
            let options = session.location_options();
            out.note(&format!("to list all pictures: boarding pictures --rows {import} {options}"));
            out.note(&list::receipt(&accepted));
        }
        Ok(Done::with_failures(number(&row, "invalid")))
    }
}

/// The attribute of the file names, as the product or the contract spells it.
fn attribute(text: &str) -> Result<String, String> {
    const AGENT_ID: &str = "agent_id";
    match same_name(text, AGENT_ID) {
        true => Ok(AGENT_ID.to_owned()),
        false => Err(format!("expected {AGENT_ID}")),
    }
}

/// How many invalid pictures are shown: they fit on a screen.
const SHOWN_ROWS: usize = 10;
