//! A query's own parameters: their names and what each takes, for the asker's check and for the schema.

use boarding_commands::schema::AnyId;
use boarding_commands::values::Refusal;
use schemars::{JsonSchema as _, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use super::asked::malformed;
use super::{Word, spellings};

/// A parameter of a query.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether there is no answer without it.
    pub required: bool,
    /// What else it may be called.
    aliases: &'static [&'static str],
    takes: Takes,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    Text,
    /// A text of this shape: a regular expression.
    Shaped(&'static str),
    /// A ULID.
    Id,
    /// Several texts: an array, or one text with commas between them; so many at most.
    List(usize),
    /// One of a list of words.
    Word(fn() -> Vec<&'static str>),
}

impl Param {
    const fn taking(name: &'static str, takes: Takes) -> Self {
        Self { name, required: false, aliases: &[], takes }
    }

    /// Any text.
    pub const fn text(name: &'static str) -> Self {
        Self::taking(name, Takes::Text)
    }

    /// A text that looks like this regular expression.
    pub const fn shaped(name: &'static str, pattern: &'static str) -> Self {
        Self::taking(name, Takes::Shaped(pattern))
    }

    /// The id of something.
    pub const fn id(name: &'static str) -> Self {
        Self::taking(name, Takes::Id)
    }

    /// Several texts, so many at most.
    pub const fn list(name: &'static str, most: usize) -> Self {
        Self::taking(name, Takes::List(most))
    }

    /// One of a list of words.
    pub(crate) const fn word<W: Word>(name: &'static str) -> Self {
        Self::taking(name, Takes::Word(spellings::<W>))
    }

    /// The same, and it must be given.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same, and it may be called so too.
    #[must_use]
    pub const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Parameters by their own names, whatever they were called.
    ///
    /// # Errors
    /// `query.malformed` where one is given under two names.
    pub fn own_names(
        params: &[Self],
        mut given: Map<String, Value>,
    ) -> Result<Map<String, Value>, Refusal> {
        for param in params {
            for alias in param.aliases {
                let Some(value) = given.remove(*alias) else { continue };
                if given.insert(param.name.to_owned(), value).is_some() {
                    return Err(malformed(
                        alias,
                        &format!("it is {} under another name", param.name),
                    ));
                }
            }
        }
        Ok(given)
    }

    /// What it takes. One that may be left out may also be null or, but for a shape, empty.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        let null = (!self.required).then_some("null");
        let text: Vec<_> = std::iter::once("string").chain(null).collect();
        let word = match self.takes {
            Takes::Text if self.required => return json_schema!({"type": text, "minLength": 1}),
            Takes::Text => return json_schema!({"type": text}),
            Takes::Shaped(pattern) => return json_schema!({"type": text, "pattern": pattern}),
            Takes::List(most) => json_schema!({"anyOf": [
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": most},
                {"type": "string", "minLength": 1, "description": "With commas between them."},
            ]}),
            Takes::Id => AnyId::json_schema(generator),
            Takes::Word(words) => json_schema!({"type": "string", "enum": words()}),
        };
        match null {
            None => word,
            Some(_) => json_schema!({"anyOf": [word, {"enum": [null, ""]}]}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// ML-12, ML-18: a parameter by the name of the requirements is the same parameter, but not twice.
    #[test]
    fn ml_18_an_alias_is_the_parameter_itself() {
        let params = [Param::list("accounts", 9).required().or(&["ids"]), Param::text("dest")];
        let named = |given: Value| Param::own_names(&params, given.as_object().cloned().unwrap());
        let own = json!({"accounts": ["ann"], "dest": "EMEA", "colour": "red"});
        let given = json!({"ids": ["ann"], "dest": "EMEA", "colour": "red"});
        assert_eq!(named(given).map(Value::Object), Ok(own.clone()));
        assert_eq!(named(own.clone()).map(Value::Object), Ok(own));
        let twice = named(json!({"ids": ["ann"], "accounts": ["bob"]})).unwrap_err();
        assert_eq!(twice.details, json!({"parameter": "ids"}));
    }
}
