//! A query as it was asked: its company and its parameters, read one by one and refused by name.

use std::str::FromStr;

use boarding_commands::values::text::spelled;
use boarding_commands::values::{Code, CompanyId, Refusal, Time};
use serde_json::{Map, Value, json};

use super::page::{DEFAULT_LIMIT_ROWS, MAX_LIMIT_ROWS};
use super::{Needle, Query, Word};

/// A query's company and parameters; the names of the parameters have been checked.
#[derive(Debug)]
pub struct Asked<'a> {
    pub company: &'a CompanyId,
    /// When it is asked; none asks for what the facts alone say.
    pub now: Option<Time>,
    params: &'a Map<String, Value>,
}

impl<'a> Asked<'a> {
    /// Refuses parameters that the query does not take: never ignored, always named.
    pub(super) fn check(
        query: &Query,
        company: &'a CompanyId,
        params: &'a Map<String, Value>,
        now: Option<Time>,
    ) -> Result<Self, Refusal> {
        let of_pages = |name: &str| query.paged && matches!(name, "limit" | "cursor");
        match params.keys().find(|name| {
            !query.params.iter().any(|param| param.name == name.as_str()) && !of_pages(name)
        }) {
            Some(unknown) => {
                Err(malformed(unknown, &format!("{} takes no such parameter", query.name)))
            }
            None => Ok(Self { company, now, params }),
        }
    }

    /// A text, if it was given; null and the empty text count as not given.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.params.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(malformed(name, "expected a text")),
        }
    }

    /// The name of an org unit, if it was given, in the one form that names have.
    pub(crate) fn name(&self, name: &str) -> Result<Option<String>, Refusal> {
        Ok(self.text(name)?.map(spelled))
    }

    /// A text that must be given.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name)?.ok_or_else(|| malformed(name, "it is required"))
    }

    /// Several texts that must be given: at least one, and so many at most.
    pub(crate) fn list(&self, name: &str, most: usize) -> Result<Vec<&'a str>, Refusal> {
        let texts: Option<Vec<&str>> = match self.params.get(name) {
            Some(Value::String(text)) => Some(text.split(',').map(str::trim).collect()),
            Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let texts = texts.filter(|texts| (1..=most).contains(&texts.len()) && texts != &[""]);
        texts.ok_or_else(|| malformed(name, &format!("expected 1 to {most} texts")))
    }

    /// An id, if it was given.
    pub(crate) fn id<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Refusal> {
        let read = |text: &str| text.parse().map_err(|e| malformed(name, &format!("{e}")));
        self.text(name)?.map(read).transpose()
    }

    /// An id that must be given.
    pub(crate) fn required_id<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<T, Refusal> {
        self.required(name)?;
        self.id(name)?.ok_or_else(|| malformed(name, "it is required"))
    }

    /// One of the words of a list, if it was given.
    pub(crate) fn word<W: Word>(&self, name: &str) -> Result<Option<W>, Refusal> {
        let read = |text: &str| {
            W::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| {
                let words: Vec<_> = W::ALL.iter().map(|word| word.as_str()).collect();
                malformed(name, &format!("expected one of {}", words.join(", ")))
            })
        };
        self.text(name)?.map(read).transpose()
    }

    /// What `search` looks for, if it was given.
    pub(crate) fn search(&self) -> Result<Option<Needle>, Refusal> {
        Ok(self.text("search")?.and_then(Needle::of))
    }

    /// How many rows at most. A query string gives the number as a text.
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        let given = match self.params.get("limit") {
            None | Some(Value::Null) => return Ok(DEFAULT_LIMIT_ROWS),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        given
            .and_then(|limit| usize::try_from(limit).ok())
            .filter(|limit| (1..=MAX_LIMIT_ROWS).contains(limit))
            .ok_or_else(|| {
                malformed("limit", &format!("expected a number from 1 to {MAX_LIMIT_ROWS}"))
                    .with(json!({"parameter": "limit", "limit": MAX_LIMIT_ROWS}))
            })
    }
}

/// A parameter cannot be read; the refusal names it.
pub(crate) fn malformed(parameter: &str, why: &str) -> Refusal {
    Refusal::new(Code::QueryMalformed)
        .saying(&format!("{parameter}: {why}"))
        .with(json!({ "parameter": parameter }))
}
