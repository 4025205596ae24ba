//! What a change of the contract breaks: everything that a client of the committed version may rely on.
//!
//! Where something is asked, what was accepted stays accepted. Where something is told, nothing comes that
//! could not come before, but for new keys, and words beyond `x-known-values`.

mod keywords;
mod ways;

#[cfg(test)]
mod pairs;

use std::collections::BTreeSet;

use serde_json::Value;

use self::ways::Ways;

/// Who has to understand a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The engine: clients send it.
    Asked,
    /// Clients: the engine sends it.
    Told,
}

impl Side {
    /// The side of a part, by its name.
    fn of(part: &str) -> Self {
        let starts =
            ["answer.", "event.", "work", "headers.answer", "headers.event", "headers.work"];
        let ends = [".answer", ".result", ".row", "query.refused", "query.failed"];
        let is_told = starts.iter().any(|start| part.starts_with(start))
            || ends.iter().any(|end| part.ends_with(end));
        if is_told { Self::Told } else { Self::Asked }
    }
}

/// Two versions of a document, and what was found broken between them.
pub(super) struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    side: Side,
    /// Pairs of references that are being compared: what refers to itself is compared once.
    open: BTreeSet<(String, String)>,
}

/// Everything that the new JSON Schema breaks, each named by its place.
pub(super) fn broken(old: &Value, new: &Value) -> Vec<String> {
    broken_in(old, new, "/$defs")
}

/// Everything that the new AsyncAPI document breaks: subjects, operations, payloads, headers.
pub(super) fn broken_on_the_wire(old: &Value, new: &Value) -> Vec<String> {
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
    found.extend(broken_messages(old, new));
    found.extend(broken_in(old, new, "/components/schemas"));
    found
}

/// Messages by what they carry; one that is gone is missed where its channel is.
fn broken_messages(old: &Value, new: &Value) -> Vec<String> {
    let section = "/components/messages";
    let mut found = Vec::new();
    for (name, before) in fields(old.pointer(section)) {
        let Some(now) = new.pointer(section).and_then(|all| all.get(name)) else { continue };
        for what in ["headers", "payload"] {
            let place = format!("{section}/{name}/{what}");
            let mut comparison = Comparison::new(old, new, Side::of(name));
            found.extend(comparison.compare(&place, &before[what], &now[what]));
        }
    }
    found
}

/// Compares every part that stands in a section of both documents. Shared types are compared where they are used.
fn broken_in(old: &Value, new: &Value, section: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, before) in fields(old.pointer(section)) {
        if name.starts_with("asked.") || name.starts_with("told.") {
            continue;
        }
        let Some(now) = new.pointer(section).and_then(|all| all.get(name)) else {
            found.push(format!("{name}: it was removed"));
            continue;
        };
        let mut comparison = Comparison::new(old, new, Side::of(name));
        found.extend(comparison.compare(name, before, now));
    }
    found
}

fn fields(object: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    object.and_then(Value::as_object).into_iter().flatten()
}

impl<'a> Comparison<'a> {
    fn new(old: &'a Value, new: &'a Value, side: Side) -> Self {
        Self { old, new, side, open: BTreeSet::new() }
    }

    /// What the change from one schema to another breaks. A schema may be read in several ways: asked, each
    /// old way must be one of the new ones still; told, each new way must be one of the old ones already.
    fn compare(&mut self, place: &str, old: &Value, new: &Value) -> Vec<String> {
        let pair = (reference(old), reference(new));
        if let (Some(old), Some(new)) = &pair
            && !self.open.insert((old.clone(), new.clone()))
        {
            return Vec::new();
        }
        let found = self.compare_ways(place, old, new);
        if let (Some(old), Some(new)) = pair {
            self.open.remove(&(old, new));
        }
        found
    }

    fn compare_ways(&mut self, place: &str, old: &Value, new: &Value) -> Vec<String> {
        let (olds, news) = (Ways::of(self.old, old), Ways::of(self.new, new));
        let mut found = Vec::new();
        let kept = match self.side {
            Side::Asked => &olds,
            Side::Told => &news,
        };
        for way in kept.iter() {
            let candidates: Vec<_> = match self.side {
                Side::Asked => news.iter().map(|now| self.one_way(place, way, now)).collect(),
                Side::Told => olds.iter().map(|before| self.one_way(place, before, way)).collect(),
            };
            // The likest of the other ways is what it was meant to be.
            let likest = candidates.into_iter().min_by_key(Vec::len);
            found.extend(likest.unwrap_or_else(|| vec![format!("{place}: nothing is possible")]));
        }
        found.sort();
        found.dedup();
        found
    }
}

fn reference(schema: &Value) -> Option<String> {
    schema.get("$ref").and_then(Value::as_str).map(str::to_owned)
}
