//! A code as text: shown, stored and in the schema.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Code;
use crate::schema::growing_list;

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::find(&text).ok_or_else(|| D::Error::custom("there is no such code"))
    }
}

/// A request must have a code of the list. An answer may have a code that was added later.
impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let codes: Vec<_> = Self::ALL.iter().map(|code| code.as_str()).collect();
        growing_list(
            generator,
            &codes,
            "^[a-z0-9_]+(\\.[a-z0-9_]+)*$",
            "A stable code: machines branch on it.",
            "The list grows: treat a code that you do not know as a plain refusal.",
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::values::Refusal;

    #[test]
    fn code_is_shown_and_read_in_its_spelling() {
        let code = Code::FieldRequired;
        assert_eq!(
            (code.to_string(), json!(code)),
            ("field.required".to_owned(), json!("field.required"))
        );
        assert_eq!(serde_json::from_value::<Code>(json!("field.required")).unwrap(), code);
        assert!(serde_json::from_value::<Code>(json!("field.unknown")).is_err());
        let refusal = Refusal::new(code);
        assert_eq!(refusal.to_string(), format!("field.required: {}", code.text()));
    }
}
