//! `boarding config`: the company's settings (LX-05, LX-06).

use boarding_commands::values::{Code, Refusal};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::failure::{Done, Ending, Failure};
use super::list;
use super::session::Session;

/// The company's settings
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding config --company acme
  boarding config get bulk_integration_max_records --company acme
  boarding config set bulk_integration_max_records 500 --company acme
  boarding config set channels.whatsapp true company_name 'Acme International' --company acme")]
pub(super) struct Config {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows all settings, or one
    Get {
        /// Its name; a dot leads into a group: channels.whatsapp
        key: Option<String>,
    },
    /// Sets one setting or several, all at once or none
    Set {
        /// A name and its value, JSON or text; then the next name …
        #[arg(required = true, num_args = 2.., value_names = ["KEY", "VALUE"])]
        #[arg(allow_negative_numbers = true)]
        pairs: Vec<String>,
    },
}

impl Config {
    pub(super) fn check(&self) -> Result<(), Failure> {
        match &self.verb {
            Some(Verb::Set { pairs }) if pairs.len() % 2 == 1 => {
                let text = "config set takes names and values by turns; quote a value with blanks";
                Err(Failure::Usage(text.to_owned()))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        match self.verb.unwrap_or(Verb::Get { key: None }) {
            Verb::Get { key } => get(session, key.as_deref()).await,
            Verb::Set { pairs } => {
                let mut body = Map::new();
                for pair in pairs.chunks(2) {
                    if let [key, value] = pair {
                        body.insert(key.clone(), list::value(value));
                    }
                }
                let names: Vec<_> = body.keys().cloned().collect();
                let done = format!("set: {}", names.join(", "));
                list::change(session, "SetCompanyConfig", Value::Object(body), &done).await
            }
        }
    }
}

async fn get(session: &Session<'_>, key: Option<&str>) -> Ending {
    let out = session.out;
    let row = session.row("config", json!({})).await?;
    let Some(key) = key else {
        if out.is_json() {
            out.document(&row);
        } else {
            out.fields(&flat(&row));
        }
        return Ok(Done::Well);
    };
    let value = row
        .pointer(&format!("/{}", key.replace('.', "/")))
        .ok_or_else(|| Refusal::new(Code::ConfigUnknownSetting).with(json!({"setting": key})))?;
    match value {
        Value::Object(_) if !out.is_json() => out.fields(value),
        Value::String(text) if !out.is_json() => out.line(text),
        _ => out.document(value),
    }
    Ok(Done::Well)
}

/// Groups as single settings, under the names that `set` takes.
fn flat(row: &Value) -> Value {
    let mut flat = Map::new();
    for (name, value) in row.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(group) => {
                flat.extend(group.iter().map(|(key, one)| (format!("{name}.{key}"), one.clone())));
            }
            None => drop(flat.insert(name.clone(), value.clone())),
        }
    }
    Value::Object(flat)
}
