//! The query `history`: events from the log, located by the rows.

use boarding_commands::commit::Fact;
use boarding_commands::values::{CompanyId, Refusal};
use boarding_projections::history;
use boarding_projections::query;
use boarding_projections::rows::Rows;
use serde_json::{Value, json};

use super::{QueryFailure, entity_of, malformed, unavailable};
use crate::context::EngineContext;

impl EngineContext {
    /// Events, oldest first, of one entity or of the whole company.
    pub(super) fn history(
        &self,
        company: &CompanyId,
        rows: &dyn Rows,
        position: u64,
        params: &Value,
    ) -> Result<Value, QueryFailure> {
        let page = Page::of(params)?;
        let entity = entity_of(params)?;
        let mut shown = Vec::new();
        let mut next = None;
        let mut show = |fact: &Fact<'_>| {
            let belongs = entity.as_ref().is_none_or(|entity| entity.concerns(fact.event));
            if fact.version < page.from || fact.position > position || !belongs {
                return true;
            }
            if shown.len() == page.limit {
                next = Some(fact.version.to_string());
                return false;
            }
            shown.push(history::event_json(fact));
            true
        };
        let failed = |error| unavailable(&error);
        match &entity {
            None => self
                .read_versions(company, page.from..=u64::MAX, &mut show)
                .map(|_| ())
                .map_err(failed)?,
            Some(entity) => {
                let ranges = history::versions(rows, company, entity)
                    .map_err(|error| unavailable(&error))?;
                for versions in ranges.into_iter().filter(|versions| *versions.end() >= page.from) {
                    if !self.read_versions(company, versions, &mut show).map_err(failed)? {
                        break;
                    }
                }
            }
        }
        Ok(json!({"position": position, "rows": shown, "next": next}))
    }

    /// Adds the events of these versions. Returns whether it reached the last one.
    pub(super) fn read_versions(
        &self,
        company: &CompanyId,
        versions: std::ops::RangeInclusive<u64>,
        show: &mut dyn FnMut(&Fact<'_>) -> bool,
    ) -> Result<bool, boarding_log::ReadError> {
        let mut reader = self.log.read_company(company, *versions.start());
        while let Some(entry) = reader.next()? {
            if entry.recorded.commit.first_version > *versions.end() {
                break;
            }
            for fact in entry.recorded.facts().filter(|fact| versions.contains(&fact.version)) {
                if !show(&fact) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// A page of the history: cursors are versions.
struct Page {
    from: u64,
    limit: usize,
}

impl Page {
    fn of(params: &Value) -> Result<Self, Refusal> {
        let malformed = |name: &str| malformed(name, "expected a whole number in its range");
        let number = |name: &str, unset: u64| match params.get(name) {
            None | Some(Value::Null) => Ok(unset),
            Some(value) => value
                .as_u64()
                .or_else(|| value.as_str()?.parse().ok())
                .ok_or_else(|| malformed(name)),
        };
        let limit = number("limit", query::DEFAULT_LIMIT_ROWS as u64)?;
        let limit =
            usize::try_from(limit).ok().filter(|limit| (1..=query::MAX_LIMIT_ROWS).contains(limit));
        Ok(Self { from: number("cursor", 1)?, limit: limit.ok_or_else(|| malformed("limit"))? })
    }
}
