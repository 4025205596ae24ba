//! A query's own parameters: their names and what each takes, for the asker's check and for the schema.

use boarding_commands::schema::AnyId;
use schemars::{JsonSchema as _, Schema, SchemaGenerator, json_schema};

use super::{Word, spellings};

/// A parameter of a query.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether there is no answer without it.
    pub required: bool,
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
    /// Any text.
    pub const fn text(name: &'static str) -> Self {
        Self { name, required: false, takes: Takes::Text }
    }

    /// A text that looks like this regular expression.
    pub const fn shaped(name: &'static str, pattern: &'static str) -> Self {
        Self { name, required: false, takes: Takes::Shaped(pattern) }
    }

    /// The id of something.
    pub const fn id(name: &'static str) -> Self {
        Self { name, required: false, takes: Takes::Id }
    }

    /// Several texts, so many at most.
    pub const fn list(name: &'static str, most: usize) -> Self {
        Self { name, required: false, takes: Takes::List(most) }
    }

    /// One of a list of words.
    pub(crate) const fn word<W: Word>(name: &'static str) -> Self {
        Self { name, required: false, takes: Takes::Word(spellings::<W>) }
    }

    /// The same, and it must be given.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
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
