//! What a notice may show beside the names of people and company: the thing that it is about.

use std::collections::BTreeMap;

use minijinja::Value;

use super::render::one_line;
use crate::event::Counts;
use crate::id::ImportId;

/// What a mail is about.
#[derive(Debug, Clone, Copy, Default)]
pub enum About<'a> {
    /// The person it is to.
    #[default]
    Nothing,
    Import(ImportValues<'a>),
}

/// An import as a mail tells of it.
#[derive(Debug, Clone, Copy)]
pub struct ImportValues<'a> {
    pub import: ImportId,
    pub file_name: &'a str,
    pub counts: Counts,
}

impl About<'_> {
    /// The names that a template may use for it, with their values.
    pub(super) fn known(&self) -> BTreeMap<&'static str, Value> {
        match self {
            Self::Nothing => BTreeMap::new(),
            Self::Import(import) => import.known(),
        }
    }
}

impl ImportValues<'_> {
    fn known(&self) -> BTreeMap<&'static str, Value> {
        let counts = self.counts;
        let failed = counts.skipped + counts.duplicate + counts.invalid;
        BTreeMap::from([
            ("import", self.import.to_string().into()),
            ("file_name", Value::from(one_line(self.file_name))),
            ("total", counts.total.into()),
            // The product's own two words for the outcome of an account (ML-13).
            ("success", counts.total.saturating_sub(failed).into()),
            ("failed", failed.into()),
            ("created", counts.created.into()),
            ("updated", counts.updated.into()),
            ("unchanged", counts.unchanged.into()),
            ("activated", counts.activated.into()),
            ("deactivated", counts.deactivated.into()),
            ("skipped", counts.skipped.into()),
            ("duplicate", counts.duplicate.into()),
            ("invalid", counts.invalid.into()),
            ("warnings", counts.warnings.into()),
            ("phones_added", counts.phones_added.into()),
            ("phones_failed", counts.phones_failed.into()),
        ])
    }
}
