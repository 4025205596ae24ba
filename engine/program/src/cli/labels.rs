//! The words of tables and details: one word for one thing, whatever the contract calls it.

use std::borrow::Cow;

/// The words of fields whose names in the contract say something else or too little.
const LABELS: &[(&str, &str)] = &[
    ("passed", "invited"),
    ("deactivated", "deactivated or archived"),
    ("phones_failed", "phones rejected"),
    ("lost", "lost values"),
    ("link_ends", "why the last link ended"),
    ("not_invited", "why nobody was invited"),
    ("sha256", "SHA-256"),
];

/// The word for a field: `requested by` for `requested_by`.
pub(super) fn label(field: &str) -> Cow<'_, str> {
    let known = LABELS.iter().find(|(name, _)| *name == field);
    known.map_or_else(|| field.replace('_', " ").into(), |(_, word)| (*word).into())
}
