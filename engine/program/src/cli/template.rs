//! `boarding template`: a dialect's header and an example row, to be filled in.

use std::path::PathBuf;

use boarding_commands::settings::Settings;
use clap::Args;
use serde_json::{Value, json};

use super::common::{Common, one_of_the_dialects};
use super::failure::{Done, Ending, Failure};
use super::output::Out;
use super::session::Session;
use boarding_core::read::queries;

/// A file to fill in: a dialect's columns with an example
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
    /// Which, where a dialect takes several files together [default: the one with the people]
    #[arg(long, value_name = "NAME")]
    file: Option<String>,
    /// With the columns that this company's settings allow its files
    #[arg(long)]
    own: bool,
    /// Writes into this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Template {
    pub(super) async fn run(self, common: &Common, out: &Out) -> Ending {
        let row = if self.own { self.own(common, out).await? } else { self.anybodys()? };
        if out.is_json() {
            out.document(&row);
        } else {
            let text = row.get("text").and_then(Value::as_str).unwrap_or_default();
            out.file(text.as_bytes(), self.output.as_deref())?;
        }
        Ok(Done::Well)
    }

    fn anybodys(&self) -> Result<Value, Failure> {
        Ok(queries::template_row(&self.dialect, self.file.as_deref(), &Settings::default())?)
    }

    /// As the company's settings have it.
    async fn own(&self, common: &Common, out: &Out) -> Result<Value, Failure> {
        let session = Session::open(common, out).await?;
        let params = json!({"dialect": self.dialect, "file": self.file});
        let row = session.row("template", params).await;
        session.close().await;
        row
    }
}
