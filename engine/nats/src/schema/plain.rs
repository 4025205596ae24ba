//! Simplifies schemas for common tools: closed lists as `enum`, references alone, known formats.

use serde_json::{Map, Value, json};

/// Calls a function for each object in a value, inner objects first.
pub(super) fn each(value: &mut Value, with: &mut dyn FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(|inner| each(inner, with));
            with(fields);
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| each(inner, with)),
        _ => {}
    }
}

/// Rewrites a schema to equivalent keywords that most tools support.
pub(super) fn simplify(schema: &mut Value) {
    each(schema, &mut |schema| {
        words(schema);
        alone(schema);
        if schema.get("format").and_then(Value::as_str).is_some_and(|name| name != "date-time") {
            schema.remove("format");
        }
    });
}

/// Converts a `oneOf` of constants, as the derive generates it, to one `enum`. Descriptions are kept.
fn words(schema: &mut Map<String, Value>) {
    let Some(ways) = schema.get("oneOf").and_then(Value::as_array) else { return };
    let Some(words) = ways.iter().map(words_of).collect::<Option<Vec<_>>>() else { return };
    let mut said = schema.get("description").and_then(Value::as_str).unwrap_or("").to_owned();
    for (way, words) in ways.iter().zip(&words) {
        if let (Some(about), [word]) =
            (way.get("description").and_then(Value::as_str), words.as_slice())
        {
            said = format!("{said}\n- {word}: {about}").trim().to_owned();
        }
    }
    let words: Vec<_> = words.concat();
    schema.remove("oneOf");
    schema.insert("type".to_owned(), json!("string"));
    schema.insert("enum".to_owned(), json!(words));
    if !said.is_empty() {
        schema.insert("description".to_owned(), said.into());
    }
}

fn words_of(way: &Value) -> Option<Vec<String>> {
    if way.get("type")? != "string" {
        return None;
    }
    let words = match (way.get("const"), way.get("enum")) {
        (Some(word), None) => vec![word.clone()],
        (None, Some(Value::Array(words))) => words.clone(),
        _ => return None,
    };
    words.iter().map(|word| word.as_str().map(str::to_owned)).collect()
}

/// Wraps a reference in `allOf`, because some tools ignore keywords beside `$ref`.
fn alone(schema: &mut Map<String, Value>) {
    if schema.len() < 2 || !schema.contains_key("$ref") {
        return;
    }
    if let Some(to) = schema.remove("$ref") {
        schema.insert("allOf".to_owned(), json!([{"$ref": to}]));
    }
}

/// The definitions as components of an AsyncAPI or OpenAPI document.
pub(super) fn components(schemas: impl IntoIterator<Item = (String, Value)>) -> Value {
    let mut schemas: Value = schemas.into_iter().collect::<Map<_, _>>().into();
    each(&mut schemas, &mut |schema| {
        if let Some(Value::String(to)) = schema.get_mut("$ref") {
            *to = to.replace("#/$defs/", "#/components/schemas/");
        }
    });
    schemas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(schema: &Value, expected: &Value) {
        let mut plain = schema.clone();
        simplify(&mut plain);
        assert_eq!(&plain, expected);
    }

    #[test]
    fn constants_become_one_list_with_descriptions() {
        becomes(
            &json!({"description": "Which.", "oneOf": [
                {"type": "string", "enum": ["b", "c"]},
                {"type": "string", "const": "a", "description": "The first."},
            ]}),
            &json!({"type": "string", "enum": ["b", "c", "a"], "description": "Which.\n- a: The first."}),
        );
        let mixed = json!({"oneOf": [{"type": "string", "enum": ["b"]}, {"type": "object"}]});
        becomes(&mixed, &mixed);
    }

    #[test]
    fn a_reference_with_other_keywords_is_wrapped() {
        let bare = json!({"$ref": "#/$defs/a"});
        becomes(&bare, &bare);
        becomes(
            &json!({"$ref": "#/$defs/a", "description": "d"}),
            &json!({"allOf": [{"$ref": "#/$defs/a"}], "description": "d"}),
        );
    }

    #[test]
    fn formats_of_numbers_are_removed() {
        becomes(
            &json!({"type": "integer", "format": "uint8", "maximum": 255}),
            &json!({"type": "integer", "maximum": 255}),
        );
        let time = json!({"type": "string", "format": "date-time"});
        becomes(&time, &time);
    }
}
