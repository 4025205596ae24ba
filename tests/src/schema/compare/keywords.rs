//! What the keywords of one way say, before and after.

use serde_json::{Map, Value, json};

use super::ways::Way;
use super::{Comparison, Side};

/// What is only said to people.
const SAID: [&str; 7] =
    ["$schema", "$id", "default", "description", "examples", "title", "x-personal"];

/// Keywords that limit from below, and from above.
const LEAST: [&str; 4] = ["minimum", "minLength", "minItems", "minProperties"];
const MOST: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];

/// Keywords that limit in a way that can only be the same or not.
const SHAPE: [&str; 4] = ["pattern", "format", "contentMediaType", "not"];

/// Keywords that have a rule of their own below.
const JUDGED: [&str; 7] =
    ["type", "enum", "properties", "required", "additionalProperties", "items", "x-known-values"];

impl Comparison<'_> {
    /// What changed for the worse between one way and another.
    pub(super) fn one_way(&mut self, place: &str, old: &Way, new: &Way) -> Vec<String> {
        let mut found = Vec::new();
        let mut say = |what: &str| found.push(format!("{place}: {what}"));
        let (narrower, wider) = match self.side {
            Side::Asked => (true, false),
            Side::Told => (false, true),
        };
        if let Some(what) = type_change(old, new, self.side) {
            // Of another type the rest says nothing.
            return vec![format!("{place}: {what}")];
        }
        words(old, new, self.side, &mut say);
        for (keys, sign) in [(LEAST, 1.0), (MOST, -1.0)] {
            for key in keys {
                let limit =
                    |way: &Way| way.get(key).and_then(Value::as_f64).map(|limit| limit * sign);
                let change = limit(new)
                    .unwrap_or(f64::NEG_INFINITY)
                    .total_cmp(&limit(old).unwrap_or(f64::NEG_INFINITY));
                if narrower && change.is_gt() {
                    say(&format!("{key} was narrowed to {}", told(new.get(key))));
                } else if wider && change.is_lt() {
                    say(&format!("{key} was widened to {}", told(new.get(key))));
                }
            }
        }
        for key in SHAPE {
            let (before, now) = (old.get(key), new.get(key));
            let harmless = if narrower { now.is_none() } else { before.is_none() };
            if before != now && !harmless {
                say(&format!("{key} changed from {} to {}", told(before), told(now)));
            }
        }
        let known = |key: &str| {
            [&SAID[..], &LEAST, &MOST, &SHAPE, &JUDGED].iter().any(|all| all.contains(&key))
        };
        for key in old.keys().chain(new.keys()).filter(|key| !known(key)) {
            if old.get(key) != new.get(key) {
                say(&format!("{key} changed, which cannot be judged here"));
            }
        }
        found.extend(self.objects(place, old, new));
        found.extend(self.inner(&format!("{place}[]"), old.get("items"), new.get("items")));
        found
    }

    fn objects(&mut self, place: &str, old: &Way, new: &Way) -> Vec<String> {
        let mut found = Vec::new();
        let none = Map::new();
        let properties = |way: &Way| {
            way.get("properties")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_else(|| none.clone())
        };
        let (before, now) = (properties(old), properties(new));
        for (name, schema) in &before {
            let place = format!("{place}.{name}");
            match now.get(name) {
                Some(changed) => found.extend(self.compare(&place, schema, changed)),
                None => found.push(format!("{place}: the key was removed")),
            }
        }
        let closed = |way: &Way| way.get("additionalProperties") == Some(&json!(false));
        if self.side == Side::Told && closed(old) {
            let added = now.keys().filter(|name| !before.contains_key(*name));
            found.extend(
                added.map(|name| format!("{place}.{name}: it was said that there is no other key")),
            );
        }
        found.extend(required(place, old, new, self.side));
        match self.side {
            Side::Asked if closed(new) && !closed(old) => {
                found
                    .push(format!("{place}: keys that are not named were allowed and are refused"));
            }
            Side::Told if closed(old) && !closed(new) => {
                found.push(format!("{place}: it was said that there is no other key"));
            }
            _ => found.extend(self.inner(
                &format!("{place}.*"),
                old.get("additionalProperties"),
                new.get("additionalProperties"),
            )),
        }
        found
    }

    /// Schemas of what is inside; absent is anything.
    fn inner(&mut self, place: &str, old: Option<&Value>, new: Option<&Value>) -> Vec<String> {
        let anything = Value::Bool(true);
        match (old, new) {
            (None, None)
            | (Some(Value::Bool(_)), Some(Value::Bool(_)) | None)
            | (None, Some(Value::Bool(_))) => Vec::new(),
            (old, new) => self.compare(place, old.unwrap_or(&anything), new.unwrap_or(&anything)),
        }
    }
}

fn type_change(old: &Way, new: &Way, side: Side) -> Option<String> {
    let (before, now) = (old.get("type"), new.get("type"));
    let is_number = |one: Option<&Value>| one == Some(&json!("number"));
    let is_integer = |one: Option<&Value>| one == Some(&json!("integer"));
    let fits = match side {
        Side::Asked => now.is_none() || (is_integer(before) && is_number(now)),
        Side::Told => before.is_none() || (is_number(before) && is_integer(now)),
    };
    (before != now && !fits)
        .then(|| format!("its type changed from {} to {}", told(before), told(now)))
}

/// Closed lists of words, and the known words of an open one.
fn words(old: &Way, new: &Way, side: Side, say: &mut dyn FnMut(&str)) {
    let list = |way: &Way, key: &str| way.get(key).and_then(Value::as_array).cloned();
    let missing = |from: &[Value], all: &[Value]| -> Vec<String> {
        all.iter().filter(|word| !from.contains(word)).map(ToString::to_string).collect()
    };
    match (list(old, "enum"), list(new, "enum"), side) {
        (Some(before), Some(now), Side::Asked) => {
            missing(&now, &before)
                .iter()
                .for_each(|word| say(&format!("the value {word} is no longer accepted")));
        }
        (None, Some(_), Side::Asked) => say("it takes a list of values only"),
        (Some(before), Some(now), Side::Told) => {
            missing(&before, &now)
                .iter()
                .for_each(|word| say(&format!("the value {word} could not come before")));
        }
        (Some(_), None, Side::Told) => say("it was one of a list of values"),
        _ => {}
    }
    if side == Side::Told {
        let key = "x-known-values";
        let now = list(new, key).unwrap_or_default();
        let gone = missing(&now, &list(old, key).unwrap_or_default());
        gone.iter().for_each(|word| {
            say(&format!("the value {word} was removed: it keeps its spelling for ever"));
        });
    }
}

fn required(place: &str, old: &Way, new: &Way, side: Side) -> Vec<String> {
    let names = |way: &Way| -> Vec<String> {
        let names = way.get("required").and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (before, now) = (names(old), names(new));
    let (these, others, what) = match side {
        Side::Asked => (&now, &before, "the key may no longer be left out"),
        Side::Told => (&before, &now, "the key may now be absent"),
    };
    these
        .iter()
        .filter(|name| !others.contains(name))
        .map(|name| format!("{place}.{name}: {what}"))
        .collect()
}

fn told(value: Option<&Value>) -> String {
    value.map_or_else(|| "anything".to_owned(), ToString::to_string)
}
