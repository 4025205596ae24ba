//! Validates values by the parts of the contract. Unknown keys are errors.

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde_json::{Value, json};

/// The contract, with a compiled validator for each part that was used.
pub(crate) struct SchemaValidator {
    document: Value,
    validators: BTreeMap<String, Validator>,
}

impl SchemaValidator {
    pub(crate) fn new() -> Self {
        Self::of(boarding_nats::schema::json_schema())
    }

    pub(crate) fn of(document: Value) -> Self {
        Self { document, validators: BTreeMap::new() }
    }

    /// Whether the contract has this part.
    pub(crate) fn has(&self, part: &str) -> bool {
        self.document["$defs"].get(part).is_some()
    }

    /// Why a value is invalid by a part, or nothing if the value is valid.
    pub(crate) fn error(&mut self, part: &str, value: &Value) -> Option<String> {
        if !self.validators.contains_key(part) {
            let validator = self.compile(part);
            self.validators.insert(part.to_owned(), validator);
        }
        let errors: Vec<_> = self.validators[part]
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        (!errors.is_empty()).then(|| format!("{part}: {}\n{value}", errors.join("\n")))
    }

    #[track_caller]
    pub(crate) fn assert_valid(&mut self, part: &str, value: &Value) {
        if let Some(error) = self.error(part, value) {
            panic!("{error}");
        }
    }

    #[track_caller]
    pub(crate) fn assert_invalid(&mut self, part: &str, value: &Value) {
        assert!(self.error(part, value).is_some(), "{part} accepts {value}");
    }

    fn compile(&self, part: &str) -> Validator {
        let mut schema = boarding_nats::schema::part(&self.document, part)
            .unwrap_or_else(|| panic!("there is no part {part}"));
        close(&mut schema);
        jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
    }
}

/// Forbids keys that the schema does not name. Clients must ignore unknown keys, but a test must find them.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let combined = fields.contains_key("allOf");
            // The parts of `allOf` are closed as a whole, by `unevaluatedProperties` beside them.
            fields
                .iter_mut()
                .filter(|(key, _)| *key != "allOf")
                .for_each(|(_, inner)| close(inner));
            let is_object = fields.get("type") == Some(&json!("object"));
            let allows_more = !fields.contains_key("additionalProperties");
            let is_closed = is_object && allows_more && fields.contains_key("properties");
            if combined || is_closed {
                fields.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
