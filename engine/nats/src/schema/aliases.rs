//! Keys that may be given under other names: each name is a key of the schema.

use boarding_commands::schema::ALIASES;
use serde_json::{Map, Value, json};

/// Adds a key for each other name of a marked key. Of a required key, one of its names is required.
pub(super) fn add(schema: &mut Map<String, Value>) {
    let Some(Value::Object(keys)) = schema.get_mut("properties") else { return };
    let marked: Vec<(String, Vec<Value>)> = keys
        .iter_mut()
        .filter_map(|(name, key)| Some((name.clone(), remove(key.as_object_mut()?)?)))
        .collect();
    for (name, aliases) in &marked {
        let Some(Value::Object(mut key)) = keys.get(name).cloned() else { continue };
        key.insert("description".to_owned(), json!(format!("The same as `{name}`.")));
        for alias in aliases.iter().filter_map(Value::as_str) {
            keys.insert(alias.to_owned(), key.clone().into());
        }
    }
    for branches in ["oneOf", "anyOf"] {
        let branches = schema.get_mut(branches).and_then(Value::as_array_mut);
        for branch in branches.into_iter().flatten().filter_map(Value::as_object_mut) {
            require_one_of_each(branch, &marked);
        }
    }
    require_one_of_each(schema, &marked);
}

fn require_one_of_each(schema: &mut Map<String, Value>, marked: &[(String, Vec<Value>)]) {
    let Some(Value::Array(required)) = schema.get_mut("required") else { return };
    let mut one_of_each = Vec::new();
    for (name, aliases) in marked {
        if let Some(at) = required.iter().position(|one| one == name) {
            let names = std::iter::once(required.remove(at)).chain(aliases.iter().cloned());
            one_of_each.push(names.map(|name| json!({"required": [name]})).collect::<Vec<_>>());
        }
    }
    if required.is_empty() && !one_of_each.is_empty() {
        schema.remove("required");
    }
    match one_of_each.as_slice() {
        [] => {}
        [one] => drop(schema.insert("anyOf".to_owned(), json!(one))),
        many => {
            let all: Vec<Value> = many.iter().map(|any| json!({"anyOf": any})).collect();
            schema.insert("allOf".to_owned(), all.into());
        }
    }
}

/// Removes the mark. Answers have one name for each key.
pub(super) fn remove(key: &mut Map<String, Value>) -> Option<Vec<Value>> {
    match key.remove(ALIASES) {
        Some(Value::Array(aliases)) => Some(aliases),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_of_a_required_key_is_required() {
        let mut schema = json!({
            "properties": {"run": {"type": "string", "x-aliases": ["run_id"]}, "n": {}},
            "required": ["run", "n"],
        });
        add(schema.as_object_mut().unwrap());
        let run_id = json!({"type": "string", "description": "The same as `run`."});
        let expected = json!({
            "properties": {"run": {"type": "string"}, "run_id": run_id, "n": {}},
            "required": ["n"],
            "anyOf": [{"required": ["run"]}, {"required": ["run_id"]}],
        });
        assert_eq!(schema, expected);
    }
}
