//! Template variables for the topic of a mail, with their values.

use std::collections::BTreeMap;

use minijinja::Value;

use super::text::{shown_time, unlinked, value};
use crate::values::Time;

/// Template variables for the topic of a mail. Texts have one line and no links, times are in UTC.
#[derive(Debug, Clone, Default)]
pub struct TopicVariables(BTreeMap<&'static str, Value>);

impl TopicVariables {
    #[must_use]
    pub fn text(self, name: &'static str, text: &str) -> Self {
        self.with(name, unlinked(text).into())
    }

    /// Adds an id. The engine made the id, so a mail shows it without escaping.
    #[must_use]
    pub fn id(self, name: &'static str, id: &impl ToString) -> Self {
        self.with(name, Value::from_safe_string(id.to_string()))
    }

    #[must_use]
    pub fn number(self, name: &'static str, number: u64) -> Self {
        self.with(name, number.into())
    }

    #[must_use]
    pub fn time(self, name: &'static str, time: Time) -> Self {
        self.with(name, Value::from_safe_string(shown_time(time)))
    }

    #[must_use]
    pub fn texts<'a>(self, name: &'static str, texts: impl Iterator<Item = &'a str>) -> Self {
        let texts: Vec<Value> = texts.map(|text| unlinked(text).into()).collect();
        self.with(name, texts.into())
    }

    /// Adds a list of people with reasons. Each item has the fields `person` and `reason`.
    #[must_use]
    pub fn people(
        self,
        name: &'static str,
        people: impl Iterator<Item = (String, String)>,
    ) -> Self {
        let shown = |(person, reason): (String, String)| {
            let fields = [("person", unlinked(&person)), ("reason", value(&reason))];
            Value::from(BTreeMap::from(fields))
        };
        self.with(name, people.map(shown).collect::<Vec<Value>>().into())
    }

    #[must_use]
    pub fn flag(self, name: &'static str, flag: bool) -> Self {
        self.with(name, flag.into())
    }

    fn with(mut self, name: &'static str, value: Value) -> Self {
        self.0.insert(name, value);
        self
    }

    /// The variables and their values.
    pub(super) fn known(&self) -> BTreeMap<&'static str, Value> {
        self.0.clone()
    }
}
