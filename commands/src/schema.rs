//! Helpers for the contract as JSON Schema. A type that cannot derive its schema declares it beside itself.
//!
//! Requests are described as they are read, answers as they are written.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, json};

pub(crate) use schemars::json_schema;

/// The place of shared definitions in a document.
pub const DEFINITIONS: &str = "/$defs";

/// The key that lists today's words of a growing list. A reader must expect unknown words.
pub const KNOWN_VALUES: &str = "x-known-values";

/// The key that marks personal data.
pub const PERSONAL: &str = "x-personal";

/// The mark of a key that may be given under other names. schemars does not read serde's aliases.
pub const ALIASES: &str = "x-aliases";

/// A generator for requests: optional keys may be left out.
pub fn for_requests() -> SchemaGenerator {
    generator_settings().for_deserialize().into_generator()
}

/// A generator for answers: every key is present.
pub fn for_answers() -> SchemaGenerator {
    generator_settings().for_serialize().into_generator()
}

fn generator_settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = DEFINITIONS.into())
}

/// The result of a command that only reports that it was accepted.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub struct Nothing {}

/// Describes types of one JSON value in place, without a shared definition.
macro_rules! scalar {
    ($($name:ty, $title:literal: $schema:expr;)*) => {$(
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $title.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    )*};
}

pub(crate) use scalar;

/// Any id that is a ULID.
#[derive(Debug, Clone, Copy)]
pub struct AnyId;

scalar! {
    AnyId, "Ulid": ulid("A ULID.");
}

/// A ULID, with this description.
pub(crate) fn ulid(description: &str) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$",
        "description": description,
    })
}

/// A word of a list. A request must give a known word; an answer may give one that was added later.
pub(crate) fn growing_list(
    generator: &SchemaGenerator,
    words: &[&str],
    pattern: &str,
    description: &str,
    advice: &str,
) -> Schema {
    if generator.contract().is_deserialize() {
        return json_schema!({"type": "string", "enum": words, "description": description});
    }
    json_schema!({
        "type": "string",
        "pattern": pattern,
        KNOWN_VALUES: words,
        "description": format!("{description} {advice}"),
    })
}

/// Requires exactly one of these groups of keys, with each of its keys. Null counts as not given.
pub fn exactly_one_of(schema: &mut Schema, groups: &[&[&str]]) {
    let ways = groups.iter().map(|group| {
        let given = group.iter().map(|key| ((*key).to_owned(), json!({"not": {"type": "null"}})));
        let others = groups.iter().filter(|other| other != &group).flat_map(|other| other.iter());
        let absent = others.map(|key| ((*key).to_owned(), json!({"type": "null"})));
        json!({"required": group, "properties": given.chain(absent).collect::<Map<_, _>>()})
    });
    schema.insert("oneOf".to_owned(), ways.collect());
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::decide::StartBulkIntegration;
    use crate::event::{MailKind, Permission};
    use crate::values::{Code, Personal};

    fn defined<T: JsonSchema>(mut generator: SchemaGenerator, name: &str) -> Value {
        generator.subschema_for::<T>();
        generator.definitions().get(name).unwrap().clone()
    }

    #[test]
    fn request_gives_a_known_word_and_answer_any_word() {
        let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let permissions = Permission::ALL.map(Permission::as_str).to_vec();
        let kinds = MailKind::ALL.map(MailKind::as_str).to_vec();
        for (name, words, defined) in [
            ("Code", codes, defined::<Code> as fn(SchemaGenerator, &str) -> Value),
            ("Permission", permissions, defined::<Permission>),
            ("TemplateKind", kinds, defined::<MailKind>),
        ] {
            assert_eq!(defined(for_requests(), name)["enum"], json!(words));
            let answer = defined(for_answers(), name);
            assert_eq!(answer[KNOWN_VALUES], json!(words));
            assert!(answer.get("enum").is_none() && answer["pattern"].is_string());
        }
    }

    #[test]
    fn personal_value_is_described_as_its_value_and_marked() {
        let schema = Personal::<String>::json_schema(&mut for_requests());
        assert_eq!(schema.as_value(), &json!({"type": "string", PERSONAL: true}));
        assert!(Personal::<String>::inline_schema() && !Personal::<Code>::inline_schema());
        assert_eq!(Personal::<Code>::schema_name(), "Code");
    }

    #[test]
    fn ids_are_described_as_ulids() {
        let schema = AnyId::json_schema(&mut for_requests());
        assert_eq!(
            (&schema.as_value()["type"], &schema.as_value()["description"]),
            (&json!("string"), &json!("A ULID."))
        );
    }

    #[test]
    fn choice_allows_one_group_and_forbids_the_others() {
        let mut schema = Schema::default();
        exactly_one_of(&mut schema, &[&["token"], &["user", "channel"]]);
        let given = json!({"not": {"type": "null"}});
        let absent = json!({"type": "null"});
        let ways = json!([
            {"required": ["token"], "properties": {"token": given, "user": absent, "channel": absent}},
            {"required": ["user", "channel"], "properties": {"token": absent, "user": given, "channel": given}},
        ]);
        assert_eq!(schema.as_value()["oneOf"], ways);
        let source = defined::<StartBulkIntegration>(for_requests(), "SourceBody");
        assert_eq!(source["oneOf"].as_array().unwrap().len(), 5);
    }
}
