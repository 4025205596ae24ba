//! The text of JSON values for people.

use serde_json::{Map, Value};

use crate::cli::words::shown_of;

/// The text of a field for people.
pub(in crate::cli) fn text_of_field(name: &str, value: &Value) -> String {
    match (name, value) {
        ("source", Value::Object(source)) => text_of_source(source),
        _ => text_of(value),
    }
}

/// The source of a run: `import 01J…`, `org units Sales, Europe`, `users ann, bob`, `resend expired`.
fn text_of_source(source: &Map<String, Value>) -> String {
    let Some((kind, given)) = source.iter().next() else { return String::new() };
    let list = |name: &str| given.get(name).map(text_of).unwrap_or_default();
    match kind.as_str() {
        "org_units" => {
            let deep = given.get("include_descendants") == Some(&Value::Bool(true));
            let below = if deep { " with sub-units" } else { "" };
            format!("org units {}{below}", list("org_units"))
        }
        "resend" => match given.get("filter") {
            Some(Value::String(filter)) => format!("resend {filter}"),
            _ => format!("resend {}", given.get("users").map(names).unwrap_or_default()),
        },
        "users" => format!("users {}", names(given)),
        "failed_of" => format!("{} people of run {}", list("outcomes"), list("run")),
        _ => format!("{kind} {}", text_of(given)),
    }
}

/// The first of many names, and how many more there are.
fn names(list: &Value) -> String {
    const SHOWN: usize = 5;
    let names = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let count = shown_of(names.len() as u64, SHOWN);
    let shown = names.iter().take(count).map(text_of).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(count) {
        0 => shown,
        more => format!("{shown} and {more} more (all with --json)"),
    }
}

/// The text of a JSON value for people. Null is `-`.
pub(in crate::cli) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(list) => list.iter().map(text_of).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => match (fields.get("code"), fields.get("message")) {
            (Some(code), Some(message)) => {
                let column = fields.get("column").and_then(Value::as_str);
                let place = column.map(|column| format!("{column}: ")).unwrap_or_default();
                format!("{place}{} [{}]", text_of(message), text_of(code))
            }
            _ => {
                let named =
                    |(name, value): (&String, &Value)| format!("{name}: {}", text_of(value));
                fields.iter().map(named).collect::<Vec<_>>().join(", ")
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_values_have_texts() {
        let problem =
            json!({"column": "email", "code": "field.required", "message": "Fill it in."});
        assert_eq!(text_of(&json!([problem])), "email: Fill it in. [field.required]");
        assert_eq!(text_of(&json!({"whatsapp": "invited"})), "whatsapp: invited");
        assert_eq!(text_of(&json!([null, 1, "a"])), "-, 1, a");
    }

    #[test]
    fn source_of_run_has_a_text() {
        let text = |source: Value| text_of_field("source", &source);
        assert_eq!(text(json!({"import": "01JD"})), "import 01JD");
        assert_eq!(text(json!({"users": ["ann", "bob"]})), "users ann, bob");
        let units = json!({"org_units": ["Sales"], "include_descendants": true});
        assert_eq!(text(json!({"org_units": units})), "org units Sales with sub-units");
        let resend = json!({"users": [], "filter": "expired"});
        assert_eq!(text(json!({"resend": resend})), "resend expired");
    }
}
