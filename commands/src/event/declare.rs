//! Builds everything that follows from the list of events: the enum, names, themes, what each is about.

/// Declares `Event` and the view of each theme.
///
/// The list names, for each theme, its events: the event's name, whether it affects the plans of imports, and its
/// fields in stored order.
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

        /// An event as the event of its theme.
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

            /// The event as one of its theme, so that a `match` can name every event of the theme.
            pub fn by_theme(&self) -> ByTheme<'_> {
                match self {
                    $($( Self::$name { $( $field, )* } => {
                        ByTheme::$theme($view::$name { $( $field, )* })
                    } )*)*
                }
            }

            /// Whether the event may change what the rows of an accepted import lead to. A preview of an import is
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
                        $( $field.subject(stringify!($field), &mut found); )*
                    } )*)*
                }
                found
            }
        }
    };
}

/// The word in the list for what an event does to the plans of imports.
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
