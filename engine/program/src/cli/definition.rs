//! Options that change one value of a definition, and the words for what changed.

use std::collections::BTreeSet;

use boarding_commands::settings::Settings;
use boarding_commands::values::nearest;
use clap::Args;
use serde_json::{Value, json};

use super::columns::text_of;
use super::failure::{CliResult, Done, Failure};
use super::fields::text;
use super::labels::label;
use super::list::print_receipt;
use super::output::Out;
use super::session::{Accepted, Session};

/// The options that change the permissions of a role or of a group.
#[derive(Debug, Args)]
pub(super) struct PermissionOptions {
    /// Adds a permission; may be given several times
    #[arg(long = "permission", value_name = "NAME")]
    add: Vec<String>,
    /// Removes a permission; may be given several times
    #[arg(long = "remove-permission", value_name = "NAME")]
    remove: Vec<String>,
    /// Removes all permissions, before others are added
    #[arg(long, conflicts_with = "remove")]
    no_permissions: bool,
}

impl PermissionOptions {
    /// The permissions after the change.
    pub(super) fn applied(
        self,
        session: &Session<'_>,
        thing: &str,
        old: Vec<String>,
    ) -> Result<Vec<String>, Failure> {
        let Self { add, remove, no_permissions } = self;
        let change = ListChange { clear: no_permissions, add, remove };
        change.applied(session, thing, "permission", old)
    }
}

/// A change of a list of names. Names that are not given stay.
#[derive(Debug)]
pub(super) struct ListChange {
    pub clear: bool,
    pub add: Vec<String>,
    pub remove: Vec<String>,
}

impl ListChange {
    /// The list after the change. Fails if a name to remove is not in the list of the thing.
    pub(super) fn applied(
        self,
        session: &Session<'_>,
        thing: &str,
        kind: &str,
        old: Vec<String>,
    ) -> Result<Vec<String>, Failure> {
        // The repeat of a command under its id finds the names removed already.
        if session.given_id().is_none() {
            let unknown = self.remove.iter().find(|name| !old.contains(name));
            if let Some(name) = unknown {
                let near = nearest(name, old.iter().map(String::as_str));
                let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                let text = format!("{thing} has no {kind} {name}{near}");
                return Err(Failure::Usage(text));
            }
        }
        let mut list = if self.clear { Vec::new() } else { old };
        list.retain(|name| !self.remove.contains(name));
        for name in self.add {
            if !list.contains(&name) {
                list.push(name);
            }
        }
        Ok(list)
    }
}

/// The definition with this name as the engine spells it, or none. If `--id` repeats a command: as that command has left it. A change that is applied to
/// that gives the first body again, whatever was defined since.
pub(super) async fn defined(
    session: &Session<'_>,
    query: &str,
    key: &str,
    name: &str,
) -> Result<Option<Value>, Failure> {
    let rows =
        session.rows(query, json!({"as_of": repeated_position(session).await?}), None).await?;
    Ok(rows.into_iter().find(|row| text(row, key) == name))
}

/// The last position of the command with the id of `--id`, if it was accepted before.
pub(super) async fn repeated_position(session: &Session<'_>) -> Result<Option<u64>, Failure> {
    match session.given_id() {
        Some(id) => session.position_of(id).await,
        None => Ok(None),
    }
}

/// A list of names in the row of a definition; empty if there is no row.
pub(super) fn names_of(row: Option<&Value>, field: &str) -> Vec<String> {
    let list = row.and_then(|row| row.get(field)).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The words for the two ends of a command that changes values.
#[derive(Debug)]
pub(super) struct ChangeWords {
    pub done: String,
    pub unchanged: String,
}

impl ChangeWords {
    /// The words for a thing that is defined or changed.
    pub(super) fn of_definition(thing: &str, is_known: bool) -> Self {
        let done = if is_known { "changed" } else { "defined" };
        Self { done: format!("{thing} is {done}"), unchanged: format!("{thing} is unchanged") }
    }
}

/// Submits a command whose answer lists the changed values, and prints them with their old values.
pub(super) async fn submit_and_print_changes(
    session: &Session<'_>,
    command: &str,
    body: Value,
    words: &ChangeWords,
) -> CliResult {
    let accepted = session.submit(command, body).await?;
    session.settle().await?;
    print_changes(session.out, &accepted, words);
    Ok(Done::Completely)
}

/// Prints the changed values of an accepted command with their old values.
pub(super) fn print_changes(out: &Out, accepted: &Accepted, words: &ChangeWords) {
    if out.is_json() {
        out.document(&accepted.document);
        return;
    }
    let is_new = accepted.result.get("created") == Some(&Value::Bool(true));
    match accepted.result.get("changes").and_then(Value::as_array) {
        Some(changes) if changes.is_empty() && !is_new => out.line(&words.unchanged),
        Some(changes) => {
            out.line(&words.done);
            print_lines(out, changes, is_new);
        }
        // The first answer to a repeated command may be older than the list of changes.
        None => out.line(&words.done),
    }
    print_receipt(out, accepted);
}

/// Prints the fields that differ between two rows of a query. One of them may lack fields of the other.
pub(super) fn print_differences(out: &Out, old: &Value, new: &Value) {
    let mut changes = Vec::new();
    for field in names(old, new) {
        let (old, new) = (&old[field], &new[field]);
        if old.is_object() || new.is_object() {
            let fields = names(old, new).into_iter();
            changes.extend(fields.map(|name| (name, old[name].clone(), new[name].clone())));
        } else {
            changes.push((field, old.clone(), new.clone()));
        }
    }
    let changes = changes.into_iter().filter(|(_, old, new)| old != new);
    let changes: Vec<_> =
        changes.map(|(field, old, new)| json!({"field": field, "old": old, "new": new})).collect();
    print_lines(out, &changes, false);
}

/// The names of the fields of both, each once.
fn names<'a>(old: &'a Value, new: &'a Value) -> BTreeSet<&'a str> {
    let both = [old, new].into_iter().filter_map(Value::as_object);
    both.flat_map(|fields| fields.keys().map(String::as_str)).collect()
}

fn print_lines(out: &Out, changes: &[Value], is_new: bool) {
    changes.iter().for_each(|change| out.line(&format!("  {}", line(change, is_new))));
}

/// `parent: EMEA -> Europe`. A new thing has no old values.
fn line(change: &Value, is_new: bool) -> String {
    let value = |name: &str| {
        let text = change.get(name).map(text_of).unwrap_or_default();
        if text.is_empty() { "-".to_owned() } else { text }
    };
    let (name, new) = (text(change, "field"), value("new"));
    // A setting is typed under its own name.
    let is_setting = Settings::default().flat().iter().any(|(path, _)| path == name);
    let field = if is_setting { name.into() } else { label(name) };
    if is_new { format!("{field}: {new}") } else { format!("{field}: {} -> {new}", value("old")) }
}
