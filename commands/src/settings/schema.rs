//! The settings in the contract's JSON Schema.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use super::Settings;
use super::allowed::{self, MAX_TEXT_CHARS};
use super::change::ALIASES;

/// The schema of an object that changes settings: by name, by path, or by the vendor's key.
pub(crate) fn change_schema() -> Schema {
    let flat = Settings::default().flat();
    let mut all = Map::new();
    for (path, today) in &flat {
        let setting = setting(path, today);
        if let Some((group, name)) = path.split_once('.') {
            let group = all.entry(group).or_insert_with(
                || json!({"type": "object", "properties": {}, "additionalProperties": false}),
            );
            if let Some(Value::Object(names)) = group.get_mut("properties") {
                names.insert(name.to_owned(), setting.clone());
            }
        }
        for (alias, _) in ALIASES.iter().filter(|(_, ours)| ours == path) {
            all.insert((*alias).to_owned(), setting.clone());
        }
        all.insert(path.clone(), setting);
    }
    json_schema!({
        "description": "Sets any of the company's settings by name.",
        "type": "object",
        "properties": all,
        "additionalProperties": false,
        "minProperties": 1,
    })
}

/// The schema of one setting with its default.
fn setting(path: &str, today: &Value) -> Value {
    let mut schema = match (allowed::words(path), today) {
        (Some(words), _) => json!({"type": "string", "enum": words}),
        (_, Value::Bool(_)) => json!({"type": "boolean"}),
        (_, Value::Number(_)) => {
            let range = allowed::range(path);
            json!({"type": "integer", "minimum": range.start(), "maximum": range.end()})
        }
        (_, Value::Array(_)) => {
            json!({"type": "array", "items": {"type": "string"}, "maxItems": allowed::most(path)})
        }
        (_, Value::Null) => {
            json!({"type": ["string", "null"], "minLength": 1, "maxLength": MAX_TEXT_CHARS})
        }
        _ => json!({"type": "string", "minLength": 1, "maxLength": MAX_TEXT_CHARS}),
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), format!("{today} until it is set.").into());
        schema.insert("examples".to_owned(), json!([today]));
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A setting accepts the example and each allowed word of its schema.
    #[test]
    fn settings_take_what_their_schemas_say() {
        let schema = change_schema();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap();
        let settings = Settings::default();
        for (name, schema) in properties {
            let listed =
                |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
            for value in listed("enum").chain(listed("examples")) {
                let asked = json!({name: value});
                assert!(settings.check(asked.as_object().unwrap()).is_ok(), "{name}: {value}");
            }
        }
        assert!(ALIASES.iter().all(|(name, _)| properties.contains_key(*name)));
        assert!(properties["channels"]["properties"]["whatsapp"].is_object());
    }

    #[test]
    fn schema_of_a_setting_has_its_type_and_bounds() {
        let schema = change_schema();
        let properties = &schema.as_value()["properties"];
        let words = json!(["by_dialect", "supersede", "skip"]);
        assert_eq!(properties["live_invitation"]["enum"], words);
        assert_eq!(properties["assume_plus"]["type"], "boolean");
        let bounds = ["type", "minimum", "maximum"];
        let number = bounds.map(|key| properties["reminder_max"][key].clone());
        assert_eq!(json!(number), json!(["integer", 1, 10]));
        assert_eq!(properties["crm_names"]["maxItems"], 500);
        assert_eq!(properties["company_name"]["type"], json!(["string", "null"]));
        assert_eq!(properties["language"]["type"], "string");
    }
}
