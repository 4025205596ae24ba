//! Compares the keywords of an old and a new alternative of a schema.

use serde_json::{Map, Value, json};

use super::alternatives::Alternative;
use super::{Comparison, Sender};

/// Keywords for people. A change of them breaks no program.
const ANNOTATIONS: [&str; 7] =
    ["$schema", "$id", "default", "description", "examples", "title", "x-personal"];

/// Keywords that are lower limits.
const LOWER_LIMITS: [&str; 4] = ["minimum", "minLength", "minItems", "minProperties"];
/// Keywords that are upper limits.
const UPPER_LIMITS: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];

/// Keywords that can only be compared for equality.
const CONSTRAINTS: [&str; 4] = ["pattern", "format", "contentMediaType", "not"];

/// Keywords that are compared by their own functions below.
const OTHERS: [&str; 7] =
    ["type", "enum", "properties", "required", "additionalProperties", "items", "x-known-values"];

impl Comparison<'_> {
    /// Lists what breaks when the old alternative becomes the new one, each with its path.
    pub(super) fn compare_alternative(
        &mut self,
        path: &str,
        old: &Alternative,
        new: &Alternative,
    ) -> Vec<String> {
        let mut found = Vec::new();
        let mut add = |what: &str| found.push(format!("{path}: {what}"));
        // The values that clients sent must stay valid. The engine must send no values that clients do not know.
        let (narrowing_breaks, widening_breaks) = match self.sender {
            Sender::Client => (true, false),
            Sender::Engine => (false, true),
        };
        if let Some(what) = type_change(old, new, self.sender) {
            // With another type the other keywords cannot be compared.
            return vec![format!("{path}: {what}")];
        }
        compare_values(old, new, self.sender, &mut add);
        for (keys, sign) in [(LOWER_LIMITS, 1.0), (UPPER_LIMITS, -1.0)] {
            for key in keys {
                let limit = |alternative: &Alternative| {
                    alternative.get(key).and_then(Value::as_f64).map(|limit| limit * sign)
                };
                let change = limit(new)
                    .unwrap_or(f64::NEG_INFINITY)
                    .total_cmp(&limit(old).unwrap_or(f64::NEG_INFINITY));
                if narrowing_breaks && change.is_gt() {
                    add(&format!("{key} was narrowed to {}", text_of(new.get(key))));
                } else if widening_breaks && change.is_lt() {
                    add(&format!("{key} was widened to {}", text_of(new.get(key))));
                }
            }
        }
        for key in CONSTRAINTS {
            let (before, now) = (old.get(key), new.get(key));
            let harmless = if narrowing_breaks { now.is_none() } else { before.is_none() };
            if before != now && !harmless {
                add(&format!("{key} changed from {} to {}", text_of(before), text_of(now)));
            }
        }
        let known = |key: &str| {
            [&ANNOTATIONS[..], &LOWER_LIMITS, &UPPER_LIMITS, &CONSTRAINTS, &OTHERS]
                .iter()
                .any(|all| all.contains(&key))
        };
        for key in old.keys().chain(new.keys()).filter(|key| !known(key)) {
            if old.get(key) != new.get(key) {
                add(&format!("{key} changed, which this test cannot compare"));
            }
        }
        found.extend(self.compare_objects(path, old, new));
        found.extend(self.compare_inner(&format!("{path}[]"), old.get("items"), new.get("items")));
        found
    }

    /// Compares the keys of objects: `properties`, `required` and `additionalProperties`.
    fn compare_objects(&mut self, path: &str, old: &Alternative, new: &Alternative) -> Vec<String> {
        let mut found = Vec::new();
        let none = Map::new();
        let properties = |alternative: &Alternative| {
            alternative
                .get("properties")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_else(|| none.clone())
        };
        let (before, now) = (properties(old), properties(new));
        for (name, schema) in &before {
            let path = format!("{path}.{name}");
            match now.get(name) {
                Some(changed) => found.extend(self.compare(&path, schema, changed)),
                None => found.push(format!("{path}: the key was removed")),
            }
        }
        let closed = |alternative: &Alternative| {
            alternative.get("additionalProperties") == Some(&json!(false))
        };
        if self.sender == Sender::Engine && closed(old) {
            let added = now.keys().filter(|name| !before.contains_key(*name));
            found.extend(
                added.map(|name| format!("{path}.{name}: unknown keys were excluded before")),
            );
        }
        found.extend(compare_required(path, old, new, self.sender));
        match self.sender {
            Sender::Client if closed(new) && !closed(old) => {
                found.push(format!("{path}: unknown keys were allowed and are refused"));
            }
            Sender::Engine if closed(old) && !closed(new) => {
                found.push(format!("{path}: unknown keys were excluded before"));
            }
            _ => found.extend(self.compare_inner(
                &format!("{path}.*"),
                old.get("additionalProperties"),
                new.get("additionalProperties"),
            )),
        }
        found
    }

    /// Compares the schemas of items or further properties. An absent schema accepts anything.
    fn compare_inner(
        &mut self,
        path: &str,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Vec<String> {
        let anything = Value::Bool(true);
        match (old, new) {
            (None, None)
            | (Some(Value::Bool(_)), Some(Value::Bool(_)) | None)
            | (None, Some(Value::Bool(_))) => Vec::new(),
            (old, new) => self.compare(path, old.unwrap_or(&anything), new.unwrap_or(&anything)),
        }
    }
}

/// Describes a change of the type, if the receiver of the values cannot handle it.
fn type_change(old: &Alternative, new: &Alternative, sender: Sender) -> Option<String> {
    let (before, now) = (old.get("type"), new.get("type"));
    let is_number = |one: Option<&Value>| one == Some(&json!("number"));
    let is_integer = |one: Option<&Value>| one == Some(&json!("integer"));
    let harmless = match sender {
        Sender::Client => now.is_none() || (is_integer(before) && is_number(now)),
        Sender::Engine => before.is_none() || (is_number(before) && is_integer(now)),
    };
    (before != now && !harmless)
        .then(|| format!("its type changed from {} to {}", text_of(before), text_of(now)))
}

/// Compares `enum`, and the known values of an open list.
fn compare_values(old: &Alternative, new: &Alternative, sender: Sender, add: &mut dyn FnMut(&str)) {
    let list = |alternative: &Alternative, key: &str| {
        alternative.get(key).and_then(Value::as_array).cloned()
    };
    let missing = |from: &[Value], all: &[Value]| -> Vec<String> {
        all.iter().filter(|word| !from.contains(word)).map(ToString::to_string).collect()
    };
    match (list(old, "enum"), list(new, "enum"), sender) {
        (Some(before), Some(now), Sender::Client) => {
            missing(&now, &before)
                .iter()
                .for_each(|word| add(&format!("the value {word} is no longer accepted")));
        }
        (None, Some(_), Sender::Client) => add("only listed values are accepted now"),
        (Some(before), Some(now), Sender::Engine) => {
            missing(&before, &now).iter().for_each(|word| add(&format!("the value {word} is new")));
        }
        (Some(_), None, Sender::Engine) => add("values outside the old list are possible now"),
        _ => {}
    }
    if sender == Sender::Engine {
        let key = "x-known-values";
        let now = list(new, key).unwrap_or_default();
        let gone = missing(&now, &list(old, key).unwrap_or_default());
        gone.iter().for_each(|word| {
            add(&format!("the value {word} was removed; values keep their spelling"));
        });
    }
}

/// Compares the keys that must be present.
fn compare_required(
    path: &str,
    old: &Alternative,
    new: &Alternative,
    sender: Sender,
) -> Vec<String> {
    let names = |alternative: &Alternative| -> Vec<String> {
        let names = alternative.get("required").and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (before, now) = (names(old), names(new));
    let (stricter, laxer, what) = match sender {
        Sender::Client => (&now, &before, "the key may no longer be left out"),
        Sender::Engine => (&before, &now, "the key may now be absent"),
    };
    stricter
        .iter()
        .filter(|name| !laxer.contains(name))
        .map(|name| format!("{path}.{name}: {what}"))
        .collect()
}

/// A value of a keyword as text. Without the keyword anything is valid.
fn text_of(value: Option<&Value>) -> String {
    value.map_or_else(|| "anything".to_owned(), ToString::to_string)
}
