//! The request of a query: the company and the parameters, which are checked when read.

use std::str::FromStr;

use boarding_commands::values::text::spelled;
use boarding_commands::values::{CompanyId, Refusal, Time};
use serde_json::{Map, Value, json};

use super::param::{Param, malformed};
use super::wire_enum::{WireEnum, wire_names};
use boarding_commands::search::Needle;

/// The rows of a page without `limit`: about one and a half screens of a table.
pub const DEFAULT_LIMIT_ROWS: usize = 50;
/// The maximum rows of a page: about 100 KiB of JSON, well below the 1 MiB of a NATS message.
pub const MAX_LIMIT_ROWS: usize = 500;

/// The company and parameters of one query.
#[derive(Debug)]
pub struct QueryRequest<'a> {
    pub company: &'a CompanyId,
    /// The time for which the query is answered. If none, the answer shows only what events have recorded.
    pub now: Option<Time>,
    /// The parameters of the query.
    own: &'a [Param],
    params: &'a Map<String, Value>,
}

impl<'a> QueryRequest<'a> {
    pub(super) fn new(
        company: &'a CompanyId,
        now: Option<Time>,
        own: &'a [Param],
        params: &'a Map<String, Value>,
    ) -> Self {
        Self { company, now, own, params }
    }

    /// Refuses parameters that are neither the query's own nor, for a paged query, `limit` and `cursor`.
    ///
    /// # Errors
    /// `query.malformed` names the first such parameter.
    pub(super) fn check_names(&self, query: &str, paged: bool) -> Result<(), Refusal> {
        let own = self.own;
        let is_paging = |name: &str| paged && matches!(name, "limit" | "cursor");
        let is_own = |name: &str| own.iter().any(|param| param.name == name);
        match self.params.keys().find(|name| !is_own(name) && !is_paging(name)) {
            Some(unknown) => {
                let paging = if paged { &["limit", "cursor"][..] } else { &[] };
                let known = own.iter().map(|param| param.name).chain(paging.iter().copied());
                let words = format!("the query {query} has no such parameter");
                Err(malformed(unknown, &words).hinting(unknown, known))
            }
            None => Ok(()),
        }
    }

    /// A text; none if it is missing, null or empty.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.params.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(malformed(name, "expected a text")),
        }
    }

    /// The name of an org unit, a role or a permission group, normalised in the same way as by imports and commands; none
    /// if it is missing.
    pub(crate) fn name(&self, name: &str) -> Result<Option<String>, Refusal> {
        Ok(self.text(name)?.map(spelled))
    }

    /// A required text.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name)?.ok_or_else(|| malformed(name, "it is required"))
    }

    /// A required list of 1 to `most` texts: an array, or one text with the items separated by commas.
    pub(crate) fn list(&self, name: &str, most: usize) -> Result<Vec<&'a str>, Refusal> {
        let texts: Option<Vec<&str>> = match self.params.get(name) {
            Some(Value::String(text)) => Some(text.split(',').map(str::trim).collect()),
            Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let texts = texts.filter(|texts| (1..=most).contains(&texts.len()) && texts != &[""]);
        texts.ok_or_else(|| malformed(name, &format!("expected 1 to {most} texts")))
    }

    /// An id; none if it is missing, null or empty.
    pub(crate) fn id<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Refusal> {
        // The engine replaces `latest` before, so a wrong id may be a mistyped word.
        let takes_latest =
            self.own.iter().any(|param| param.name == name && param.newest().is_some());
        let latest = if takes_latest { ", or latest for the newest" } else { "" };
        let read = |text: &str| text.parse().map_err(|e| malformed(name, &format!("{e}{latest}")));
        self.text(name)?.map(read).transpose()
    }

    /// A required id.
    pub(crate) fn required_id<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<T, Refusal> {
        self.id(name)?.ok_or_else(|| malformed(name, "it is required"))
    }

    /// A variant of an enum by its name on the wire; none if it is missing, null or empty.
    pub(crate) fn one_of<E: WireEnum>(&self, name: &str) -> Result<Option<E>, Refusal> {
        let read = |text: &str| {
            E::all().find(|variant| variant.as_str() == text).ok_or_else(|| {
                let known = wire_names::<E>();
                malformed(name, &format!("expected one of {}", known.join(", ")))
                    .hinting(text, known)
            })
        };
        self.text(name)?.map(read).transpose()
    }

    /// The parameter `search`, prepared for matching; none if it is missing or blank.
    pub(crate) fn search(&self) -> Result<Option<Needle>, Refusal> {
        Ok(self.text("search")?.and_then(Needle::of))
    }

    /// The maximum number of rows. A text is accepted too, because URLs carry only texts.
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
