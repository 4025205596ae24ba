//! `boarding template`: a dialect's header and an example row, to be filled in.

use std::path::PathBuf;

use boarding_commands::settings::Settings;
use clap::Args;

use super::common::one_of_the_dialects;
use super::failure::{Done, Ending};
use super::output::Out;
use crate::queries;

/// A file to fill in: a dialect's columns with an example
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding template leapxpert
  boarding template leapxpert -o people.csv
  boarding template ocm -o userdetails.csv
  boarding template ocm --file featuredetails -o featuredetails.csv")]
pub(super) struct Template {
    #[arg(help = one_of_the_dialects())]
    dialect: String,
    /// Which, where a dialect takes several files together [default: the one with the people]
    #[arg(long, value_name = "NAME")]
    file: Option<String>,
    /// Writes into this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Template {
    pub(super) fn run(self, out: &Out) -> Ending {
        let settings = Settings::default();
        let row = queries::template_row(&self.dialect, self.file.as_deref(), &settings)?;
        if out.is_json() {
            out.document(&row);
        } else {
            let text = row.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
            out.file(text.as_bytes(), self.output.as_deref())?;
        }
        Ok(Done::Well)
    }
}
