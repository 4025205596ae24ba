//! Values of rows and events as people read them.

use serde_json::{Value as Json, json};

/// A value as people read it; empty if it is not set.
pub(super) fn shown(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The values of an object and of those inside it that are set, by their names. `join` stands between two names.
pub(super) fn flat(value: &Json, join: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect("", value, join, &mut found);
    found
}

fn collect(name: &str, value: &Json, join: &str, found: &mut Vec<(String, String)>) {
    let Json::Object(fields) = value else {
        found.push((name.to_owned(), shown(value)));
        return;
    };
    for (field, value) in fields {
        let name = if name.is_empty() { field.clone() } else { format!("{name}{join}{field}") };
        collect(&name, value, join, found);
    }
}

/// Events with their data as names and values. Values that are not set are left out.
pub(super) fn events<'e>(rows: impl Iterator<Item = &'e Json>) -> Vec<Json> {
    let event = |row: &Json| {
        let mut row = row.clone();
        if let Some(data) = row.get_mut("data") {
            let mut values = flat(data, " ");
            values.retain(|(_, value)| !value.is_empty());
            let named = values.into_iter().map(|(name, value)| (name.replace('_', " "), value));
            *data = json!(named.collect::<Vec<_>>());
        }
        row
    };
    rows.map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_inside_others_have_both_names() {
        let data = json!({"user": "ann", "person": {"first_name": "Ann", "email": null}, "roles": ["a", "b"]});
        let events = events([json!({"event": "UserCreated", "data": data})].iter());
        let expected = json!([["person first name", "Ann"], ["roles", "a, b"], ["user", "ann"]]);
        assert_eq!(events[0]["data"], expected);
    }
}
