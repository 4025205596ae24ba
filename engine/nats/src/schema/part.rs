//! Extracts one definition or channel from a schema document, with everything that it references.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The names of the parts: definitions of a JSON Schema, channels of an AsyncAPI document.
pub fn names(document: &Value) -> Vec<&str> {
    let parts = document.get("$defs").or_else(|| document.get("channels"));
    let parts = parts.and_then(Value::as_object).into_iter().flatten();
    parts.map(|(name, _)| name.as_str()).collect()
}

/// The part with this name; `None` if there is none. The name of a command also finds the channel of the command.
pub fn part(document: &Value, name: &str) -> Option<Value> {
    if let Some(all) = document.get("$defs") {
        return definition(document, all, name);
    }
    let channels = document.get("channels")?.as_object()?;
    let of_command = format!("command.{name}");
    [name, &of_command]
        .into_iter()
        .find(|name| channels.contains_key(*name))
        .map(|name| channel(document, name))
}

fn definition(document: &Value, all: &Value, name: &str) -> Option<Value> {
    let mut part = all.get(name)?.clone();
    let needed = reachable(document, &part);
    let needed: Map<_, _> = needed
        .iter()
        .filter_map(|pointer| {
            Some((pointer.strip_prefix("/$defs/")?.to_owned(), document.pointer(pointer)?.clone()))
        })
        .collect();
    let fields = part.as_object_mut()?;
    fields.insert("$schema".to_owned(), document.get("$schema")?.clone());
    if !needed.is_empty() {
        fields.insert("$defs".to_owned(), needed.into());
    }
    Some(part)
}

/// The document with the operations of this channel only, and what they reference.
fn channel(document: &Value, name: &str) -> Value {
    let reference = json!(format!("#/channels/{name}"));
    let operations = document.get("operations").and_then(Value::as_object).into_iter().flatten();
    let operations: Map<_, _> = operations
        .filter(|(_, operation)| operation.pointer("/channel/$ref") == Some(&reference))
        .map(|(name, operation)| (name.clone(), operation.clone()))
        .collect();
    let needed = reachable(document, &json!([operations, {"$ref": reference}]));
    let mut part = document.clone();
    for section in ["/channels", "/components/messages", "/components/schemas"] {
        if let Some(Value::Object(all)) = part.pointer_mut(section) {
            all.retain(|name, _| {
                let pointer = format!("{section}/{name}");
                let inner = format!("{pointer}/");
                needed.iter().any(|needed| *needed == pointer || needed.starts_with(&inner))
            });
        }
    }
    if let Some(fields) = part.as_object_mut() {
        fields.insert("operations".to_owned(), operations.into());
    }
    part
}

/// The JSON pointers of all values that a value references, directly or through others.
fn reachable(document: &Value, from: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut pending = vec![from];
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(fields) => {
                pending.extend(fields.values());
                let to = fields.get("$ref").and_then(Value::as_str);
                let Some(pointer) = to.and_then(|to| to.strip_prefix('#')) else { continue };
                // Each reference is followed once, because definitions may refer to each other in a circle.
                if found.insert(pointer.to_owned()) {
                    pending.extend(document.pointer(pointer));
                }
            }
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_exactly_its_references() {
        let document = json!({"$schema": "s", "$defs": {
            "a": {"items": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/b"}, "c": {},
        }});
        assert_eq!(
            part(&document, "a"),
            Some(
                json!({"$schema": "s", "items": {"$ref": "#/$defs/b"}, "$defs": {"b": {"$ref": "#/$defs/b"}}})
            )
        );
        assert_eq!(part(&document, "c"), Some(json!({"$schema": "s"})));
        assert_eq!(part(&document, "d"), None);
    }
}
