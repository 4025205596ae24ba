//! Enums whose variants have a fixed name in the contract: states and outcomes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// An enum with a name on the wire for each variant.
pub(crate) trait WireEnum: Copy + 'static {
    /// Every variant, in the order of the contract.
    fn all() -> impl Iterator<Item = Self>;
    /// The variant's name on the wire.
    fn as_str(self) -> &'static str;
}

/// Serializes an enum by its names on the wire. Stored rows use the names of the variants instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WireName<E>(pub E);

impl<E: WireEnum> Serialize for WireName<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<E: WireEnum> JsonSchema for WireName<E> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        std::any::type_name::<E>().into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": wire_names::<E>()})
    }
}

/// The names of all variants.
pub(crate) fn wire_names<E: WireEnum>() -> Vec<&'static str> {
    E::all().map(E::as_str).collect()
}

/// Declares an enum together with its names on the wire.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident $wire_name:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub(crate) enum $name { $($(#[$note])* $variant),* }

        impl $crate::query::WireEnum for $name {
            fn all() -> impl Iterator<Item = Self> {
                [$(Self::$variant),*].into_iter()
            }

            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire_name),* }
            }
        }
    };
}

pub(crate) use wire_enum;
