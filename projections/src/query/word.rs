//! Closed lists of words: states and outcomes as the contract spells them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// One of a closed list, with its spelling on the wire.
pub(crate) trait Word: Copy + 'static {
    const ALL: &'static [Self];
    fn as_str(self) -> &'static str;
}

/// A word as the wire spells it; the stored form keeps the variant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spelled<W>(pub W);

impl<W: Word> Serialize for Spelled<W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<W: Word> JsonSchema for Spelled<W> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        std::any::type_name::<W>().into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": spellings::<W>()})
    }
}

/// Every word of a list.
pub(crate) fn spellings<W: Word>() -> Vec<&'static str> {
    W::ALL.iter().map(|word| word.as_str()).collect()
}

/// Declares an enum and its spellings in one place.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $word:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($variant),* }

        impl $crate::query::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),*];
            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    };
}

pub(crate) use words;
