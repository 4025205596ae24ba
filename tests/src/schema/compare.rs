//! Finds changes of the contract that break clients of the committed version.
//!
//! A request that was valid must stay valid. An answer or event must stay valid by the old schema, except for new
//! keys and for values beyond `x-known-values`.

mod alternatives;
mod keywords;

#[cfg(test)]
mod examples;

use std::collections::BTreeSet;

use serde_json::Value;

use self::alternatives::Alternatives;

/// Who sends a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Engine,
}

impl Sender {
    /// The sender of a part, by the part's name.
    fn of(part: &str) -> Self {
        let starts =
            ["answer.", "event.", "work", "headers.answer", "headers.event", "headers.work"];
        let ends = [".answer", ".result", ".row", "query.refused", "query.failed"];
        let is_by_engine = starts.iter().any(|start| part.starts_with(start))
            || ends.iter().any(|end| part.ends_with(end));
        if is_by_engine { Self::Engine } else { Self::Client }
    }
}

/// A comparison of two versions of a document.
pub(super) struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    sender: Sender,
    /// Pairs of references whose comparison has begun, so that recursive schemas are compared once.
    in_progress: BTreeSet<(String, String)>,
}

/// What the new JSON Schema breaks, each with its path.
pub(super) fn schema_breaks(old: &Value, new: &Value) -> Vec<String> {
    breaks_in_section(old, new, "/$defs")
}

/// What the new AsyncAPI document breaks: subjects, operations, payloads, headers.
pub(super) fn asyncapi_breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (section, what) in [("/channels", "address"), ("/operations", "action")] {
        for (name, before) in fields(old.pointer(section)) {
            match new.pointer(section).and_then(|all| all.get(name)) {
                None => found.push(format!("{section}/{name}: it was removed")),
                Some(now) if now.get(what) != before.get(what) => {
                    found.push(format!("{section}/{name}: its {what} changed"));
                }
                Some(_) => {}
            }
        }
    }
    found.extend(message_breaks(old, new));
    found.extend(breaks_in_section(old, new, "/components/schemas"));
    found
}

/// What changed messages break. A removed message shows as a removed channel.
fn message_breaks(old: &Value, new: &Value) -> Vec<String> {
    let section = "/components/messages";
    let mut found = Vec::new();
    for (name, before) in fields(old.pointer(section)) {
        let Some(now) = new.pointer(section).and_then(|all| all.get(name)) else { continue };
        for what in ["headers", "payload"] {
            let path = format!("{section}/{name}/{what}");
            let mut comparison = Comparison::new(old, new, Sender::of(name));
            found.extend(comparison.compare(&path, &before[what], &now[what]));
        }
    }
    found
}

/// Compares each part of a section. Shared types are compared where other parts use them.
fn breaks_in_section(old: &Value, new: &Value, section: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, before) in fields(old.pointer(section)) {
        if name.starts_with("asked.") || name.starts_with("told.") {
            continue;
        }
        let Some(now) = new.pointer(section).and_then(|all| all.get(name)) else {
            found.push(format!("{name}: it was removed"));
            continue;
        };
        let mut comparison = Comparison::new(old, new, Sender::of(name));
        found.extend(comparison.compare(name, before, now));
    }
    found
}

fn fields(object: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    object.and_then(Value::as_object).into_iter().flatten()
}

impl<'a> Comparison<'a> {
    fn new(old: &'a Value, new: &'a Value, sender: Sender) -> Self {
        Self { old, new, sender, in_progress: BTreeSet::new() }
    }

    /// What the change from one schema to another breaks. A schema may have alternatives. In a request each old
    /// alternative must fit a new one; in an answer each new alternative must fit an old one.
    fn compare(&mut self, path: &str, old: &Value, new: &Value) -> Vec<String> {
        let pair = (reference(old), reference(new));
        if let (Some(old), Some(new)) = &pair
            && !self.in_progress.insert((old.clone(), new.clone()))
        {
            return Vec::new();
        }
        let found = self.compare_alternatives(path, old, new);
        if let (Some(old), Some(new)) = pair {
            self.in_progress.remove(&(old, new));
        }
        found
    }

    fn compare_alternatives(&mut self, path: &str, old: &Value, new: &Value) -> Vec<String> {
        let (olds, news) = (Alternatives::of(self.old, old), Alternatives::of(self.new, new));
        let mut found = Vec::new();
        let checked = match self.sender {
            Sender::Client => &olds,
            Sender::Engine => &news,
        };
        for alternative in checked.iter() {
            let candidates: Vec<_> = match self.sender {
                Sender::Client => news
                    .iter()
                    .map(|now| self.compare_alternative(path, alternative, now))
                    .collect(),
                Sender::Engine => olds
                    .iter()
                    .map(|before| self.compare_alternative(path, before, alternative))
                    .collect(),
            };
            // The alternative with the fewest differences is the counterpart.
            let closest = candidates.into_iter().min_by_key(Vec::len);
            found.extend(closest.unwrap_or_else(|| vec![format!("{path}: no value is valid")]));
        }
        found.sort();
        found.dedup();
        found
    }
}

fn reference(schema: &Value) -> Option<String> {
    schema.get("$ref").and_then(Value::as_str).map(str::to_owned)
}
