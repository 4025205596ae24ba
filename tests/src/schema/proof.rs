//! Schemas as judges: each part compiled once; told ones closed, so that a key they do not name is seen.

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde_json::{Value, json};

/// The judges of one contract, by part.
pub(super) struct Proof {
    document: Value,
    judges: BTreeMap<String, Validator>,
}

impl Proof {
    pub(super) fn new() -> Self {
        Self { document: boarding_nats::schema::json_schema(), judges: BTreeMap::new() }
    }

    /// Why a value is not what the part says, if so.
    pub(super) fn objection(&mut self, part: &str, value: &Value) -> Option<String> {
        if !self.judges.contains_key(part) {
            let judge = self.judge(part);
            self.judges.insert(part.to_owned(), judge);
        }
        let errors: Vec<_> = self.judges[part]
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        (!errors.is_empty()).then(|| format!("{part}: {}\n{value}", errors.join("\n")))
    }

    #[track_caller]
    pub(super) fn holds(&mut self, part: &str, value: &Value) {
        if let Some(objection) = self.objection(part, value) {
            panic!("{objection}");
        }
    }

    #[track_caller]
    pub(super) fn objects(&mut self, part: &str, value: &Value) {
        assert!(self.objection(part, value).is_some(), "{part} takes {value}");
    }

    fn judge(&self, part: &str) -> Validator {
        let mut schema = boarding_nats::schema::part(&self.document, part)
            .unwrap_or_else(|| panic!("there is no part {part}"));
        close(&mut schema);
        jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
    }
}

/// Lets no key pass that is not named. Clients are to leave unknown keys alone; a test is to see them.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let combined = fields.contains_key("allOf");
            // What stands in `allOf` is closed as a whole.
            fields
                .iter_mut()
                .filter(|(key, _)| *key != "allOf")
                .for_each(|(_, inner)| close(inner));
            let is_object = fields.get("type") == Some(&json!("object"));
            let open = !fields.contains_key("additionalProperties");
            let named = is_object && open && fields.contains_key("properties");
            if combined || named {
                fields.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
