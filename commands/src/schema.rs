//! How ids, times, phones, codes and settings look in the contract's machine-readable form: what no derive can know.
//!
//! Everything else derives `JsonSchema` where it is declared, so that the schema and what is read and
//! written are one thing. What is asked is described as it is read, what is told as it is written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::decide::SetCompanyConfig;
use crate::dialect;
use crate::event::{Channel, TemplateKind};
use crate::settings::{self, Settings};
use crate::values::{
    Code, CommandId, CompanyId, Digest, ImportId, InvitationId, Personal, Phone, RunId, Time,
    UserKey,
};

/// Where shared definitions stand in a document.
pub const DEFINITIONS: &str = "/$defs";

/// A generator of what is asked: as it is read, keys that may be left out and all.
pub fn asked() -> SchemaGenerator {
    settings_of().for_deserialize().into_generator()
}

/// A generator of what is told: as it is written, every key in its place.
pub fn told() -> SchemaGenerator {
    settings_of().for_serialize().into_generator()
}

fn settings_of() -> schemars::generate::SchemaSettings {
    schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = DEFINITIONS.into())
}

/// The answer of a command that has nothing to tell beyond that it was accepted.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub struct Nothing {}

/// Describes a type that is one word: in place, not by reference.
macro_rules! scalar {
    ($($name:ty, $title:literal: $schema:expr;)*) => {$(
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $title.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

/// A ULID of whatever it names.
#[derive(Debug, Clone, Copy)]
pub struct AnyId;
/// A channel, as askers spell it.
#[derive(Debug, Clone, Copy)]
pub struct ChannelName;
/// A mail that could be worded from the first.
#[derive(Debug, Clone, Copy)]
pub struct FirstMail;
/// A dialect's name.
#[derive(Debug, Clone, Copy)]
pub struct DialectName;

scalar! {
    CommandId, "CommandId": ulid("The id of a command: a ULID.");
    ImportId, "ImportId": ulid("The id of an import: a ULID.");
    RunId, "RunId": ulid("The id of a run: a ULID.");
    InvitationId, "InvitationId": ulid("The id of an invitation: a ULID.");
    AnyId, "Ulid": ulid("A ULID.");
    CompanyId, "CompanyId": json_schema!({"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"});
    UserKey, "UserKey": json_schema!({"type": "string"});
    Phone, "Phone": json_schema!({"type": "string", "pattern": "^\\+[1-9][0-9]{6,14}$"});
    Time, "Time": json_schema!({"type": "string", "format": "date-time"});
    Digest, "Digest": json_schema!({"type": "string", "pattern": "^[0-9a-f]{64}$"});
    ChannelName, "ChannelName": json_schema!({"type": "string", "enum": Channel::SPELLINGS});
    DialectName, "DialectName": json_schema!({"type": "string", "enum": dialects()});
    FirstMail, "FirstMail": json_schema!({"type": "string", "enum": ["channel_invitation", "welcome"]});
}

fn ulid(said: &str) -> Schema {
    json_schema!({"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$", "description": said})
}

fn dialects() -> Vec<&'static str> {
    dialect::ALL.iter().map(|dialect| dialect.name()).collect()
}

/// Said of a list of words that grows: the words known today. A reader takes any other as one that it
/// does not know yet.
pub const KNOWN_VALUES: &str = "x-known-values";

/// Said of a value that belongs to a person.
pub const PERSONAL: &str = "x-personal";

/// Asked, a code must be one of the list. Told, it may be one that was added later.
impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let codes: Vec<_> = Self::ALL.iter().map(|code| code.as_str()).collect();
        let said = "A stable code: machines branch on it.";
        if generator.contract().is_deserialize() {
            return json_schema!({"type": "string", "enum": codes, "description": said});
        }
        json_schema!({
            "type": "string",
            "pattern": "^[a-z0-9_]+(\\.[a-z0-9_]+)*$",
            KNOWN_VALUES: codes,
            "description": format!("{said} The list grows: take one you do not know as a plain no."),
        })
    }
}

/// Asked, a kind must be one of the list. Told, it may be one that was added later.
impl JsonSchema for TemplateKind {
    fn schema_name() -> Cow<'static, str> {
        "TemplateKind".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let kinds: Vec<_> = Self::ALL.iter().map(|kind| kind.as_str()).collect();
        let said = "The mails a company may word itself.";
        if generator.contract().is_deserialize() {
            return json_schema!({"type": "string", "enum": kinds, "description": said});
        }
        json_schema!({
            "type": "string",
            "pattern": "^[a-z0-9_]+$",
            KNOWN_VALUES: kinds,
            "description": format!("{said} The list grows."),
        })
    }
}

/// The value itself, marked as a person's.
impl<T: JsonSchema> JsonSchema for Personal<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert(PERSONAL.to_owned(), true.into());
        schema
    }
}

/// Any of the settings by name, as an object or by path; the vendor's keys too.
impl JsonSchema for SetCompanyConfig {
    fn schema_name() -> Cow<'static, str> {
        "SetCompanyConfig".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
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
            for (alias, _) in settings::ALIASES.iter().filter(|(_, ours)| ours == path) {
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
}

/// What one setting takes, and what it is when nobody set it.
fn setting(path: &str, today: &Value) -> Value {
    let mut schema = match (settings::words(path), today) {
        (Some(words), _) => json!({"type": "string", "enum": words}),
        (_, Value::Bool(_)) => json!({"type": "boolean"}),
        (_, Value::Number(_)) => {
            let range = settings::range(path);
            json!({"type": "integer", "minimum": range.start(), "maximum": range.end()})
        }
        (_, Value::Array(_)) => {
            json!({"type": "array", "items": {"type": "string"}, "maxItems": settings::most(path)})
        }
        (_, Value::Null) => {
            json!({"type": ["string", "null"], "minLength": 1, "maxLength": settings::MAX_TEXT_CHARS})
        }
        _ => json!({"type": "string", "minLength": 1, "maxLength": settings::MAX_TEXT_CHARS}),
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), format!("{today} until it is set.").into());
        schema.insert("examples".to_owned(), json!([today]));
    }
    schema
}

/// Says that exactly one of these groups of keys is given, and all of it. Null counts as not given.
pub(crate) fn exactly_one_of(schema: &mut Schema, groups: &[&[&str]]) {
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
    use super::*;

    /// LX-19: every spelling that the schema names is one that is read.
    #[test]
    fn lx_19_every_spelling_of_a_channel_is_read() {
        for spelling in Channel::SPELLINGS {
            assert!(Channel::read(spelling).is_some(), "{spelling}");
        }
        for channel in Channel::ALL {
            assert!(Channel::SPELLINGS.contains(&channel.as_str()));
        }
    }

    /// A setting takes what its schema says: its example and, where it names words, each of them.
    #[test]
    fn settings_take_what_their_schemas_say() {
        let schema = asked().root_schema_for::<SetCompanyConfig>();
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
        let vendors = properties.keys().filter(|name| name.starts_with("com.")).count();
        assert_eq!(vendors, settings::ALIASES.len());
        assert!(properties["channels"]["properties"]["whatsapp"].is_object());
    }

    /// A ULID in either case fits the pattern's alphabet, and so does what we write.
    #[test]
    fn an_id_is_read_in_either_case() {
        let id: CommandId = "01jd0000000000000000000abc".parse().unwrap();
        assert_eq!(id.to_string(), "01JD0000000000000000000ABC");
    }
}
