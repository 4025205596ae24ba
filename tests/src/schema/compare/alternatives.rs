//! A schema as a list of alternatives: references are resolved, and combinations are multiplied out.

use serde_json::{Map, Value, json};

/// Keywords without references and combinations, and with one type at most.
pub(super) type Alternative = Map<String, Value>;

/// All alternatives of a schema. A value is valid if it fits one of them.
pub(super) struct Alternatives(Vec<Alternative>);

impl Alternatives {
    pub(super) fn of(document: &Value, schema: &Value) -> Self {
        let mut alternatives = vec![Alternative::new()];
        add(document, schema, &mut alternatives);
        Self(alternatives.into_iter().flat_map(by_type).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Alternative> {
        self.0.iter()
    }
}

/// Restricts each alternative by a schema.
fn add(document: &Value, schema: &Value, alternatives: &mut Vec<Alternative>) {
    let Value::Object(schema) = schema else {
        if schema == &Value::Bool(false) {
            alternatives.clear();
        }
        return;
    };
    let mut plain = schema.clone();
    if let Some(Value::String(to)) = plain.remove("$ref") {
        let target = to.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        add(document, target.unwrap_or_else(|| panic!("{to} does not resolve")), alternatives);
    }
    let all = plain.remove("allOf");
    let combinations: Vec<_> =
        ["oneOf", "anyOf"].iter().filter_map(|key| plain.remove(*key)).collect();
    alternatives.iter_mut().for_each(|alternative| merge(alternative, &plain));
    for part in all.iter().filter_map(Value::as_array).flatten() {
        add(document, part, alternatives);
    }
    for branches in combinations.iter().filter_map(Value::as_array) {
        let before = std::mem::take(alternatives);
        for branch in branches {
            let mut narrowed = before.clone();
            add(document, branch, &mut narrowed);
            alternatives.append(&mut narrowed);
        }
    }
}

/// Adds the keywords of a schema to an alternative.
fn merge(alternative: &mut Alternative, more: &Map<String, Value>) {
    for (key, value) in more {
        match (key.as_str(), alternative.get_mut(key)) {
            ("properties", Some(Value::Object(known))) => {
                for (name, schema) in value.as_object().into_iter().flatten() {
                    let both = match known.remove(name) {
                        Some(before) => json!({"allOf": [before, schema]}),
                        None => schema.clone(),
                    };
                    known.insert(name.clone(), both);
                }
            }
            ("required", Some(Value::Array(known))) => {
                let names = value.as_array().into_iter().flatten();
                let new: Vec<_> = names.filter(|name| !known.contains(name)).cloned().collect();
                known.extend(new);
            }
            ("type", Some(known)) => *known = both_types(known, value),
            _ => {
                alternative.insert(key.clone(), value.clone());
            }
        }
    }
}

fn both_types(a: &Value, b: &Value) -> Value {
    let (a, b) = (types(a), types(b));
    a.into_iter().filter(|one| b.contains(one)).collect()
}

fn types(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// One alternative for each type. The alternative for null has no other keywords. Values of other types are removed
/// from `enum`.
fn by_type(mut alternative: Alternative) -> Vec<Alternative> {
    if let Some(word) = alternative.remove("const") {
        alternative.insert("enum".to_owned(), json!([word]));
    }
    let refuses_null = alternative.get("not") == Some(&json!({"type": "null"}));
    if refuses_null {
        alternative.remove("not");
    }
    let Some(of) = alternative.get("type").cloned() else { return vec![alternative] };
    let of = types(&of).into_iter().filter(|one| !(refuses_null && *one == "null"));
    let of_type = |one: &str| {
        let mut single = alternative.clone();
        if one == "null" {
            single.clear();
        }
        if let Some(Value::Array(words)) = single.get_mut("enum") {
            words.retain(|word| (one == "string") == word.is_string());
        }
        single.insert("type".to_owned(), one.into());
        single
    };
    of.map(of_type).collect()
}
