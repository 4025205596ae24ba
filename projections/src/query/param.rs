//! Query parameters: name, kind, aliases and JSON schema.

use boarding_commands::schema::AnyId;
use boarding_commands::values::{Code, Refusal};
use schemars::{JsonSchema as _, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::wire_enum::{WireEnum, wire_names};

/// A parameter of a query.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// The parameter's name on the wire.
    pub name: &'static str,
    pub required: bool,
    /// Other names that requests may use.
    aliases: &'static [&'static str],
    kind: ParamKind,
}

/// The entity that `latest` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newest {
    Run,
    Import,
    /// The newest import that has a batch operation report.
    Report,
    /// The newest archive of profile pictures.
    Pictures,
}

/// The values that a parameter accepts.
#[derive(Debug, Clone, Copy)]
enum ParamKind {
    Text,
    /// A text that matches this regular expression.
    Pattern(&'static str),
    /// A whole number from 1, also as text.
    Number,
    /// A ULID.
    Id,
    /// A ULID, or `latest` for the newest.
    IdOrLatest(Newest),
    /// At most this many texts: an array, or one text with commas.
    List(usize),
    /// One of these texts.
    OneOf(fn() -> Vec<&'static str>),
}

impl Param {
    /// Other names that requests may use.
    pub fn other_names(&self) -> &'static [&'static str] {
        self.aliases
    }

    const fn new(name: &'static str, kind: ParamKind) -> Self {
        Self { name, required: false, aliases: &[], kind }
    }

    /// Any text.
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, ParamKind::Text)
    }

    /// A text that matches a regular expression.
    pub const fn pattern(name: &'static str, pattern: &'static str) -> Self {
        Self::new(name, ParamKind::Pattern(pattern))
    }

    /// A whole number from 1, also as text.
    pub const fn number(name: &'static str) -> Self {
        Self::new(name, ParamKind::Number)
    }

    /// A ULID.
    pub const fn id(name: &'static str) -> Self {
        Self::new(name, ParamKind::Id)
    }

    /// A ULID or `latest`. The engine replaces `latest` by an id before the query runs.
    pub const fn id_or_latest(name: &'static str, newest: Newest) -> Self {
        Self::new(name, ParamKind::IdOrLatest(newest))
    }

    /// The entity that `latest` means in this parameter; none if the parameter does not accept
    /// `latest`.
    pub fn newest(&self) -> Option<Newest> {
        match self.kind {
            ParamKind::IdOrLatest(newest) => Some(newest),
            _ => None,
        }
    }

    /// At most `max` texts: an array, or one text with commas.
    pub const fn list(name: &'static str, max: usize) -> Self {
        Self::new(name, ParamKind::List(max))
    }

    /// The name of a variant of `E`.
    pub(crate) const fn one_of<E: WireEnum>(name: &'static str) -> Self {
        Self::new(name, ParamKind::OneOf(wire_names::<E>))
    }

    /// Makes the parameter required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Lets requests use other names for the parameter.
    #[must_use]
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Replaces aliases by the parameters' own names.
    ///
    /// # Errors
    /// `query.malformed` if a parameter is given under two names.
    pub fn replace_aliases(
        params: &[Self],
        mut given: Map<String, Value>,
    ) -> Result<Map<String, Value>, Refusal> {
        for param in params {
            for alias in param.aliases {
                let Some(value) = given.remove(*alias) else { continue };
                if given.insert(param.name.to_owned(), value).is_some() {
                    return Err(malformed(
                        alias,
                        &format!(
                            "it is another name of {}, which the request also has",
                            param.name
                        ),
                    ));
                }
            }
        }
        Ok(given)
    }

    /// The JSON schema of the values.
    ///
    /// An optional parameter also accepts null and, if it has no pattern, the empty text.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        let null = (!self.required).then_some("null");
        let text: Vec<_> = std::iter::once("string").chain(null).collect();
        let schema = match self.kind {
            ParamKind::Text if self.required => {
                return json_schema!({"type": text, "minLength": 1});
            }
            ParamKind::Text => return json_schema!({"type": text}),
            ParamKind::Pattern(pattern) => return json_schema!({"type": text, "pattern": pattern}),
            ParamKind::Number => json_schema!({"anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": "^[1-9][0-9]*$"},
            ]}),
            ParamKind::List(max) => json_schema!({"anyOf": [
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": max},
                {"type": "string", "minLength": 1, "description": "With commas between them."},
            ]}),
            ParamKind::Id => AnyId::json_schema(generator),
            ParamKind::IdOrLatest(_) => {
                let id = AnyId::json_schema(generator);
                json_schema!({"anyOf": [id, {"type": "string", "enum": ["latest"]}]})
            }
            ParamKind::OneOf(names) => json_schema!({"type": "string", "enum": names()}),
        };
        match null {
            None => schema,
            Some(_) => json_schema!({"anyOf": [schema, {"enum": [null, ""]}]}),
        }
    }
}

/// The refusal of a parameter that cannot be read. Its details name the parameter.
pub(super) fn malformed(parameter: &str, why: &str) -> Refusal {
    Refusal::new(Code::QueryMalformed)
        .saying(&format!("{parameter}: {why}"))
        .with(json!({ "parameter": parameter }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ML-12, ML-18: the requirements name some parameters differently.
    #[test]
    fn alias_is_replaced_but_refused_beside_its_name() {
        let params = [Param::list("accounts", 9).required().aliases(&["ids"]), Param::text("dest")];
        let replaced =
            |given: Value| Param::replace_aliases(&params, given.as_object().cloned().unwrap());
        let own = json!({"accounts": ["ann"], "dest": "EMEA", "colour": "red"});
        let given = json!({"ids": ["ann"], "dest": "EMEA", "colour": "red"});
        assert_eq!(replaced(given).map(Value::Object), Ok(own.clone()));
        assert_eq!(replaced(own.clone()).map(Value::Object), Ok(own));
        let twice = replaced(json!({"ids": ["ann"], "accounts": ["bob"]})).unwrap_err();
        assert_eq!(twice.details, json!({"parameter": "ids"}));
    }
}
