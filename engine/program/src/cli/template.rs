//! `boarding template`: prints a dialect's columns with an example row.

use std::path::PathBuf;

use boarding_commands::settings::Settings;
use clap::Args;
use serde_json::{Value, json};

use super::common::{Common, one_of_the_dialects};
use super::failure::{CliResult, Done, Failure};
use super::output::Out;
use super::session::Session;
use boarding_core::queries;

/// Prints a file to fill in: a dialect's columns with an example
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding template leapxpert
  boarding template leapxpert -o people.csv
  boarding template officechat
  boarding template mangoapps
  boarding template multiline --own --company acme -o accounts.csv
  boarding template ocm -o userdetails.csv
  boarding template ocm --file featuredetails -o featuredetails.csv
  boarding template ocm --file channelcountdetails -o channelcountdetails.csv")]
pub(super) struct Template {
    #[arg(help = one_of_the_dialects())]
    dialect: String,
    /// The file, for a dialect with several files [default: the file of users]
    #[arg(long, value_name = "NAME")]
    file: Option<String>,
    /// Prints the columns that the company's settings allow
    #[arg(long)]
    own: bool,
    /// Writes into this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Template {
    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        let row = if self.own { self.own(common, out).await? } else { self.default_row()? };
        if !self.own && self.depends_on_settings() {
            out.note(
                "these are the columns of the default settings; --own prints those of the company",
            );
        }
        if out.is_json() {
            out.document(&row);
        } else {
            let text = row.get("text").and_then(Value::as_str).unwrap_or_default();
            out.file(text.as_bytes(), self.output.as_deref())?;
        }
        Ok(Done::Completely)
    }

    /// Whether the template depends on a company.
    pub(super) fn needs_place(&self) -> bool {
        self.own
    }

    /// The template with default settings.
    fn default_row(&self) -> Result<Value, Failure> {
        Ok(queries::template_row(&self.dialect, self.file.as_deref(), &Settings::default())?)
    }

    /// Whether some settings add columns to the template.
    fn depends_on_settings(&self) -> bool {
        let all = Settings { social_messaging: true, ..Settings::default() };
        let text = |settings: &Settings| {
            queries::template_row(&self.dialect, self.file.as_deref(), settings).ok()
        };
        text(&all) != text(&Settings::default())
    }

    /// The template with the company's settings.
    async fn own(&self, common: &Common, out: &Out) -> Result<Value, Failure> {
        if common.given_url().is_none() {
            common.check_data_exists()?;
        }
        let session = Session::open_to_read(common, out).await?;
        let params = json!({"dialect": self.dialect, "file": self.file});
        let row = session.row("template", params).await;
        session.close().await;
        row
    }
}
