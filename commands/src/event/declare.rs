//! The macro that declares `Event` and its names, themes and subjects from one list.
//!
//! The log stores the fields of an event in order, without names. A new field is the last of its event. It has
//! `#[serde(default)]`, because older logs lack it, and `skip_serializing_if`, so that events without it keep their
//! stored form. Of two such fields, the last may be present only if the one before it is.

/// Declares `Event`, and for each theme an enum of its events with borrowed fields.
///
/// The list names the events of each theme. For each event it gives the name, the word `affects_imports` or
/// `neutral`, and the fields in stored order.
macro_rules! events {
    ($(
        $(#[$theme_doc:meta])*
        $theme:ident($view:ident) {
            $(
                $(#[$doc:meta])*
                $name:ident: $effect:ident {
                    $( $(#[$field_doc:meta])* $field:ident: $type:ty ),* $(,)?
                }
            )*
        }
    )*) => {
        /// A fact. Fields are stored in this order: add new ones at the end, with `#[serde(default)]`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub enum Event {
            $($(
                $(#[$doc])*
                $name { $( $(#[$field_doc])* $field: $type, )* },
            )*)*
        }

        $(
            $(#[$theme_doc])*
            #[derive(Debug, Clone, Copy)]
            pub enum $view<'e> {
                $(
                    $(#[$doc])*
                    $name { $( $field: &'e $type, )* },
                )*
            }
        )*

        /// An event, sorted by its theme.
        #[derive(Debug, Clone, Copy)]
        pub enum ByTheme<'e> {
            $( $(#[$theme_doc])* $theme($view<'e>), )*
        }

        impl Event {
            /// The names of all events, in the order of the list.
            pub const NAMES: &[&str] = &[$($(stringify!($name),)*)*];

            /// The event's name in the log and on the wire.
            pub fn name(&self) -> &'static str {
                match self {
                    $($( Self::$name { .. } => stringify!($name), )*)*
                }
            }

            /// The event within its theme. So a `match` can list all events of one theme without a catch-all arm.
            pub fn by_theme(&self) -> ByTheme<'_> {
                match self {
                    $($( Self::$name { $( $field, )* } => {
                        ByTheme::$theme($view::$name { $( $field, )* })
                    } )*)*
                }
            }

            /// Whether the event may change the outcomes of an import's rows. A plan or preview of an import is
            /// outdated after such an event.
            pub fn affects_imports(&self) -> bool {
                match self {
                    $($( Self::$name { .. } => $crate::event::declare::effect!($effect), )*)*
                }
            }

            /// The user, run, import, number and phone that the event is about.
            pub fn subjects(&self) -> Subjects<'_> {
                let mut found = Subjects::default();
                match self {
                    $($( Self::$name { $( $field, )* } => {
                        // Every field is visited; only fields that name a subject add it.
                        $( $field.subject(stringify!($field), &mut found); )*
                    } )*)*
                }
                found
            }
        }
    };
}

/// Translates the word in the list to the value of `Event::affects_imports`.
macro_rules! effect {
    (affects_imports) => {
        true
    };
    (neutral) => {
        false
    };
}

pub(super) use effect;
pub(super) use events;
