//! A schema as the list of ways in which a value may fit it: references followed, alternatives multiplied out.

use serde_json::{Map, Value, json};

/// One way: keywords without references and alternatives, and with one type at most.
pub(super) type Way = Map<String, Value>;

/// Every way to fit a schema.
pub(super) struct Ways(Vec<Way>);

impl Ways {
    pub(super) fn of(document: &Value, schema: &Value) -> Self {
        let mut ways = vec![Way::new()];
        add(document, schema, &mut ways);
        Self(ways.into_iter().flat_map(by_type).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Way> {
        self.0.iter()
    }
}

/// Narrows every way by a schema.
fn add(document: &Value, schema: &Value, ways: &mut Vec<Way>) {
    let Value::Object(schema) = schema else {
        if schema == &Value::Bool(false) {
            ways.clear();
        }
        return;
    };
    let mut plain = schema.clone();
    if let Some(Value::String(to)) = plain.remove("$ref") {
        let target = to.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        add(document, target.unwrap_or_else(|| panic!("{to} leads nowhere")), ways);
    }
    let all = plain.remove("allOf");
    let alternatives: Vec<_> =
        ["oneOf", "anyOf"].iter().filter_map(|key| plain.remove(*key)).collect();
    ways.iter_mut().for_each(|way| merge(way, &plain));
    for part in all.iter().filter_map(Value::as_array).flatten() {
        add(document, part, ways);
    }
    for branches in alternatives.iter().filter_map(Value::as_array) {
        let before = std::mem::take(ways);
        for branch in branches {
            let mut narrowed = before.clone();
            add(document, branch, &mut narrowed);
            ways.append(&mut narrowed);
        }
    }
}

/// Both of them at once.
fn merge(way: &mut Way, more: &Map<String, Value>) {
    for (key, value) in more {
        match (key.as_str(), way.get_mut(key)) {
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
                way.insert(key.clone(), value.clone());
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

/// A way for each type that is named. Of null there is nothing more to say; words that are not of the type go.
fn by_type(mut way: Way) -> Vec<Way> {
    if let Some(word) = way.remove("const") {
        way.insert("enum".to_owned(), json!([word]));
    }
    let refuses_null = way.get("not") == Some(&json!({"type": "null"}));
    if refuses_null {
        way.remove("not");
    }
    let Some(of) = way.get("type").cloned() else { return vec![way] };
    let of = types(&of).into_iter().filter(|one| !(refuses_null && *one == "null"));
    let of_type = |one: &str| {
        let mut single = way.clone();
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
