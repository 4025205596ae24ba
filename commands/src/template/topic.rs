//! The variables of the thing that a mail is about: an import, a run, numbers, expired invitations.

use std::collections::BTreeMap;

use minijinja::Value;

use super::text::{one_line, shown_time};
use crate::event::Counts;
use crate::values::{ImportId, RunId, Time};

/// The values of the thing that a mail is about.
#[derive(Debug, Clone, Copy, Default)]
pub enum TopicValues<'a> {
    /// Nothing but the person.
    #[default]
    Nothing,
    Import(ImportValues<'a>),
    Run(RunValues),
    Numbers(NumberValues<'a>),
    Expired(ExpiredValues<'a>),
}

/// An import, for a mail.
#[derive(Debug, Clone, Copy)]
pub struct ImportValues<'a> {
    pub import: ImportId,
    pub file_name: &'a str,
    pub counts: Counts,
}

impl TopicValues<'_> {
    /// The variables and their values.
    pub(super) fn known(&self) -> BTreeMap<&'static str, Value> {
        match self {
            Self::Nothing => BTreeMap::new(),
            Self::Import(import) => import.known(),
            Self::Run(run) => run.known(),
            Self::Numbers(numbers) => numbers.known(),
            Self::Expired(expired) => expired.known(),
        }
    }
}

/// A run, for a mail.
#[derive(Debug, Clone, Copy)]
pub struct RunValues {
    pub run: RunId,
    pub total: u64,
    pub passed: u64,
    pub skipped: u64,
    pub failed: u64,
}

impl RunValues {
    fn known(&self) -> BTreeMap<&'static str, Value> {
        BTreeMap::from([
            ("run", self.run.to_string().into()),
            ("total", self.total.into()),
            ("passed", self.passed.into()),
            ("skipped", self.skipped.into()),
            ("failed", self.failed.into()),
        ])
    }
}

/// An organization's numbers, for a mail.
#[derive(Debug, Clone, Copy)]
pub struct NumberValues<'a> {
    /// Empty for the company's own stock.
    pub org_unit: &'a str,
    pub total: u64,
    pub used: u64,
    pub available: u64,
    pub needed: u64,
    /// In percent.
    pub threshold: u64,
}

impl NumberValues<'_> {
    fn known(&self) -> BTreeMap<&'static str, Value> {
        BTreeMap::from([
            ("org_unit", one_line(self.org_unit).into()),
            ("total", self.total.into()),
            ("used", self.used.into()),
            ("percent", (100 * self.used).checked_div(self.total).unwrap_or(0).into()),
            ("threshold", self.threshold.into()),
            ("available", self.available.into()),
            ("needed", self.needed.into()),
        ])
    }
}

/// Expired invitations, for a mail.
#[derive(Debug, Clone, Copy)]
pub struct ExpiredValues<'a> {
    pub since: Time,
    pub until: Time,
    pub whatsapp: u64,
    pub imessage: u64,
    /// The user names of the first people.
    pub people: &'a [String],
}

impl ExpiredValues<'_> {
    fn known(&self) -> BTreeMap<&'static str, Value> {
        let count = self.whatsapp + self.imessage;
        let people: Vec<Value> = self.people.iter().map(|user| one_line(user).into()).collect();
        BTreeMap::from([
            ("since", shown_time(self.since).into()),
            ("until", shown_time(self.until).into()),
            ("count", count.into()),
            ("whatsapp", self.whatsapp.into()),
            ("imessage", self.imessage.into()),
            ("more", count.saturating_sub(people.len() as u64).into()),
            ("people", people.into()),
        ])
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
            // MultiLine's two words for the outcome of an account.
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
