//! `boarding config`: shows and changes the company's settings.

use boarding_commands::settings::Settings;
use boarding_commands::values::{Code, Refusal};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::common::Common;
use super::definition::{ChangeWords, ListChange, repeated_position, submit_and_print_changes};
use super::failure::{CliResult, Done, Failure};
use super::fields;
use super::output::Out;
use super::session::Session;
use boarding_commands::values::nearest;

/// Shows and changes the company's settings
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding config --company acme
  boarding config get bulk_integration_max_records --company acme
  boarding config set bulk_integration_max_records 500 --company acme
  boarding config unset bulk_integration_max_records --company acme
  boarding config set channels.whatsapp true company_name Acme --company acme")]
pub(super) struct Config {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows all settings, or one with its default and meaning
    Get {
        /// The setting's name, with a dot after its group: channels.whatsapp
        key: Option<String>,
    },
    /// Sets one or several settings, all of them or none; a list is replaced
    Set {
        /// A name and its value, in JSON or as text; then the next name and value …
        #[arg(required = true, num_args = 2.., value_names = ["KEY", "VALUE"])]
        #[arg(allow_negative_numbers = true)]
        pairs: Vec<String>,
    },
    /// Adds values to a setting that is a list
    Add {
        /// The setting's name
        key: String,
        /// The values to add
        #[arg(required = true, value_name = "VALUE")]
        values: Vec<String>,
    },
    /// Removes values from a setting that is a list
    Remove {
        /// The setting's name
        key: String,
        /// The values to remove
        #[arg(required = true, value_name = "VALUE")]
        values: Vec<String>,
    },
    /// Resets one or several settings to their defaults
    Unset {
        /// The names of settings or groups
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
}

impl Config {
    pub(super) fn check(&self) -> Result<(), Failure> {
        match &self.verb {
            Some(Verb::Set { pairs }) if pairs.len() % 2 == 1 => {
                let text =
                    "config set needs a value after each name; quote values that contain blanks";
                Err(Failure::Usage(text.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Prints the defaults if the verb shows settings and the data folder does not exist yet.
    pub(super) fn print_defaults(&self, common: &Common, out: &Out) -> Option<CliResult> {
        let key = match &self.verb {
            None => None,
            Some(Verb::Get { key }) => key.as_deref(),
            Some(_) => return None,
        };
        let data = common.data();
        if data.exists() {
            return None;
        }
        let data = data.display();
        out.remark(&format!("there is no data folder {data} yet; these are the defaults"));
        Some(print(out, &json!(Settings::default()), key))
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::Get { key: None }) {
            Verb::Get { key } => get(session, key.as_deref()).await,
            Verb::Unset { keys } => {
                let body = defaults(&keys)?;
                let names: Vec<_> = body.keys().cloned().collect();
                let words = ChangeWords {
                    done: format!("set to the default: {}", names.join(", ")),
                    unchanged: format!("has the default already: {}", names.join(", ")),
                };
                let body = Value::Object(body);
                submit_and_print_changes(session, "SetCompanyConfig", body, &words).await
            }
            Verb::Set { pairs } => {
                let mut body = Map::new();
                for pair in pairs.chunks(2) {
                    if let [key, value] = pair {
                        let name = Settings::meant(key);
                        if body.insert(name.clone(), fields::value(value)).is_some() {
                            return Err(Failure::Usage(format!("{name} is given twice")));
                        }
                    }
                }
                submit(session, body).await
            }
            Verb::Add { key, values } => change_list(session, &key, values, vec![]).await,
            Verb::Remove { key, values } => change_list(session, &key, vec![], values).await,
        }
    }
}

async fn submit(session: &Session<'_>, body: Map<String, Value>) -> CliResult {
    let names = body.keys().cloned().collect::<Vec<_>>().join(", ");
    let words =
        ChangeWords { done: format!("set: {names}"), unchanged: format!("unchanged: {names}") };
    submit_and_print_changes(session, "SetCompanyConfig", Value::Object(body), &words).await
}

/// Adds values to a setting that is a list, or removes some.
async fn change_list(
    session: &Session<'_>,
    key: &str,
    add: Vec<String>,
    remove: Vec<String>,
) -> CliResult {
    let name = Settings::meant(key);
    // The repeat of a command under its id starts from the list that this command has left, so it has the same body.
    let row = session.row("config", json!({"as_of": repeated_position(session).await?})).await?;
    let old = row.pointer(&format!("/{}", name.replace('.', "/"))).ok_or_else(|| unknown(key))?;
    let Value::Array(old) = old else {
        let text = format!("{name} is not a list; to set it: boarding config set {name} VALUE");
        return Err(Failure::Usage(text));
    };
    let old = old.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
    let change = ListChange { clear: false, add, remove };
    let list = change.applied(session, &format!("the setting {name}"), "value", old)?;
    submit(session, Map::from_iter([(name, json!(list))])).await
}

/// The defaults of these settings, by their paths.
fn defaults(keys: &[String]) -> Result<Map<String, Value>, Failure> {
    let all = Settings::default().flat();
    let mut body = Map::new();
    for key in keys {
        let name = Settings::meant(key);
        let is_named = |path: &str| {
            path.strip_prefix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let before = body.len();
        body.extend(all.iter().filter(|(path, _)| is_named(path)).cloned());
        if body.len() == before {
            return Err(unknown(key));
        }
    }
    Ok(body)
}

fn unknown(key: &str) -> Failure {
    let all = Settings::default().flat();
    let near = nearest(key, all.iter().map(|(path, _)| path.as_str()));
    let hint = near.map(|near| format!("{key}: did you mean {near}?"));
    let refusal = Refusal::new(Code::ConfigUnknownSetting);
    refusal.saying(hint.as_deref().unwrap_or(key)).with(json!({"setting": key})).into()
}

/// Prints what a setting means and its default, for people.
fn explain(out: &Out, name: &str) {
    let default = Settings::default().flat().into_iter().find(|(path, _)| path == name);
    if let Some((_, default)) = default {
        out.note(&format!("default: {default}"));
    }
    if let Some(meaning) = Settings::meaning(name) {
        out.note(&format!("meaning: {meaning}"));
    }
}

async fn get(session: &Session<'_>, key: Option<&str>) -> CliResult {
    if !session.companies().contains(&session.company) {
        let company = &session.company;
        session.out.remark(&format!(
            "this data folder has no company {company} yet; these are the defaults"
        ));
    }
    print(session.out, &session.row("config", json!({})).await?, key)
}

/// Prints a company's settings, or one with its default and meaning.
fn print(out: &Out, row: &Value, key: Option<&str>) -> CliResult {
    let Some(key) = key else {
        if out.is_json() {
            out.document(row);
        } else {
            out.fields(&flat(row));
        }
        return Ok(Done::Completely);
    };
    let name = Settings::meant(key);
    let value = row.pointer(&format!("/{}", name.replace('.', "/"))).ok_or_else(|| unknown(key))?;
    match value {
        Value::Object(_) if !out.is_json() => out.fields(value),
        Value::String(text) if !out.is_json() => out.line(text),
        _ => out.document(value),
    }
    explain(out, &name);
    Ok(Done::Completely)
}

/// The settings of groups under the names that `config set` uses.
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
