//! `boarding pictures`: an archive of profile pictures in, and what became of each (OCM-16 … OCM-20).

use std::path::PathBuf;

use boarding_csv::same_name;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::columns;
use super::failure::{Done, Ending, Failure};
use super::import::{name_of, open};
use super::list::{self, Limit, number, text};
use super::session::Session;

/// Imports profile pictures from a zip archive, and lists what became of each
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding pictures Archive.zip --company acme
  boarding pictures --rows 01JD0000000000000000000000 --outcome invalid --company acme

A picture is a JPEG or PNG file below 5 MiB, named after the Agent ID of a user who is there already:
johndoe22.jpg or johndoe22.png. It takes the place of the one that the user had.")]
pub(super) struct Pictures {
    /// The archive
    #[arg(value_name = "FILE", required_unless_present = "rows", conflicts_with = "rows")]
    file: Option<PathBuf>,
    /// What the pictures are named after: agent_id
    #[arg(long = "match", value_name = "ATTRIBUTE", default_value = "agent_id", value_parser = attribute)]
    match_attribute: String,
    /// Lists what became of the pictures of an archive that was imported, by its id
    #[arg(long, value_name = "ID")]
    rows: Option<String>,
    /// Only those
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
        self.file.as_deref().map_or(Ok(()), |file| open(file).map(drop))
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        let Some(file) = &self.file else {
            let outcome = self.outcome.map(|outcome| match outcome {
                Outcome::Inserted => "inserted",
                Outcome::Invalid => "invalid",
            });
            let params = json!({"import": self.rows, "outcome": outcome});
            return list::show(session, "picture_rows", params, self.limit, columns::PICTURES)
                .await;
        };
        let content = open(file)?;
        let keep = || session.engine.keep_file(&name_of(file, "zip"), content);
        let kept = tokio::task::block_in_place(keep)?;
        let named = json!({"name": kept.name, "sha256": kept.sha256});
        let body = json!({"file": named, "match_attribute": self.match_attribute});
        let accepted = session.submit("ImportPictures", body).await?;
        session.settle().await?;
        let import = accepted.id("import");
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
            let params = json!({"import": import, "outcome": "invalid"});
            if invalid > 0 {
                let rows = session.rows("picture_rows", params, Some(SHOWN_ROWS)).await?;
                out.table(columns::PICTURES, &rows);
            }
            out.note(&list::receipt(&accepted));
        }
        Ok(Done::losing(number(&row, "invalid")))
    }
}

/// What the names of pictures are, as the product writes it or as the command does.
fn attribute(text: &str) -> Result<String, String> {
    const AGENT_ID: &str = "agent_id";
    match same_name(text, AGENT_ID) {
        true => Ok(AGENT_ID.to_owned()),
        false => Err(format!("expected {AGENT_ID}")),
    }
}

/// How many refused pictures are shown at once, in pictures: what fits on a screen.
const SHOWN_ROWS: usize = 10;
