//! The queries of a session, and the plans of imports.

use boarding_commands::envelope::Envelope;
use boarding_core::limits::PREVIEW_ATTENTION_ROWS;
use boarding_projections::query::MAX_LIMIT_ROWS;
use serde_json::{Map, Value};

use super::{Backend, Session};
use crate::cli::failure::Failure;
use crate::cli::fields::{number, set, text};

pub(in crate::cli) use crate::cli::http_client::Answered;

/// What an import would do.
#[derive(Debug)]
pub(in crate::cli) struct Plan {
    /// The result of an accepted preview.
    pub result: Value,
    /// The first rows of each kind that needs attention.
    attention: Value,
}

impl Plan {
    fn of(mut result: Value) -> Self {
        let attention = result.as_object_mut().and_then(|fields| fields.remove("attention"));
        Self { result, attention: attention.unwrap_or_default() }
    }

    pub(in crate::cli) fn hash(&self) -> &str {
        text(&self.result, "plan_hash")
    }

    /// A count of rows with this name.
    pub(in crate::cli) fn count(&self, name: &str) -> u64 {
        self.result.get("counts").map_or(0, |counts| number(counts, name))
    }

    /// A list of the result, or an empty one.
    pub(in crate::cli) fn listed(&self, name: &str) -> &[Value] {
        list(&self.result, name)
    }

    /// The first rows of a kind that needs attention. The plan has one more than usually fits.
    pub(in crate::cli) fn attention(&self, kind: &str) -> &[Value] {
        list(&self.attention, kind)
    }

    /// The first rows with warnings, as many as usually fit.
    pub(in crate::cli) fn warned(&self) -> &[Value] {
        let warned = self.attention("warned");
        warned.get(..PREVIEW_ATTENTION_ROWS).unwrap_or(warned)
    }

    /// What the rows would lose, in words.
    pub(in crate::cli) fn losses(&self) -> &str {
        text(&self.attention, "losses")
    }

    /// How many rows change values of users.
    pub(in crate::cli) fn changed_rows(&self) -> u64 {
        number(&self.attention, "changed_rows")
    }

    /// Who would be invited; null if the import invites no people.
    pub(in crate::cli) fn invites(&self) -> Value {
        self.result.get("invites").cloned().unwrap_or_default()
    }

    /// Why no person would be invited, in words.
    pub(in crate::cli) fn not_invited(&self) -> Option<&str> {
        self.attention.get("not_invited").and_then(Value::as_str)
    }
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

impl Session<'_> {
    /// The plan of an `ImportFile` with this body.
    pub(in crate::cli) async fn preview(&self, body: Value) -> Result<Plan, Failure> {
        self.check_now()?;
        let envelope = Envelope::of(self.id.unwrap_or_else(|| self.new_id()), body);
        let result = match &self.backend {
            Backend::Folder(folder) => folder.preview(&self.company, envelope).await,
            Backend::Remote(remote) => remote.preview(&self.company, envelope).await,
        };
        result.map(Plan::of)
    }

    /// Sends a query, for the time of `--as-of` if it is given.
    pub(in crate::cli) async fn query(
        &self,
        name: &str,
        params: Value,
    ) -> Result<Answered, Failure> {
        let mut params = params;
        if let Some(as_of) = &self.as_of
            && params.get("as_of").is_none_or(Value::is_null)
        {
            set(&mut params, "as_of", as_of.as_str());
        }
        self.query_now(name, params).await
    }

    /// Sends a query about the current state, also with `--as-of`.
    pub(super) async fn query_now(&self, name: &str, params: Value) -> Result<Answered, Failure> {
        let mut params = match params {
            Value::Object(params) => params,
            _ => Map::new(),
        };
        params.retain(|_, value| !value.is_null());
        match &self.backend {
            Backend::Folder(folder) => folder.query(&self.company, name, params).await,
            Backend::Remote(remote) => remote.query(&self.company, name, params).await,
        }
    }

    /// The JSON answer of a query.
    pub(in crate::cli) async fn answer(&self, name: &str, params: Value) -> Result<Value, Failure> {
        Ok(self.query(name, params).await?.into_value())
    }

    /// The row of a one-row query.
    pub(in crate::cli) async fn row(&self, name: &str, params: Value) -> Result<Value, Failure> {
        let mut answer = self.answer(name, params).await?;
        Ok(answer.get_mut("row").map(Value::take).unwrap_or_default())
    }

    /// The CSV answer of a query.
    pub(in crate::cli) async fn csv(&self, name: &str, params: Value) -> Result<Vec<u8>, Failure> {
        match self.query(name, params).await? {
            Answered::File(bytes) => Ok(bytes),
            Answered::Json(answer) => Ok(answer.to_string().into_bytes()),
        }
    }

    /// Passes the rows of a query to `take`, page by page, up to a limit.
    pub(in crate::cli) async fn pages(
        &self,
        name: &str,
        params: Value,
        limit: Option<usize>,
        mut take: impl FnMut(Vec<Value>),
    ) -> Result<(), Failure> {
        let mut left = limit.unwrap_or(usize::MAX);
        let mut params = params;
        while left > 0 {
            set(&mut params, "limit", left.min(MAX_LIMIT_ROWS));
            let mut answer = self.answer(name, params.clone()).await?;
            let rows = match answer.get_mut("rows").map(Value::take) {
                Some(Value::Array(rows)) => rows,
                _ => Vec::new(),
            };
            left -= rows.len().min(left);
            take(rows);
            match answer.get("next") {
                Some(next) if !next.is_null() => set(&mut params, "cursor", next.clone()),
                _ => break,
            }
        }
        Ok(())
    }

    /// The rows of a query, up to a limit.
    pub(in crate::cli) async fn rows(
        &self,
        name: &str,
        params: Value,
        limit: Option<usize>,
    ) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        self.pages(name, params, limit, |rows| all.extend(rows)).await?;
        Ok(all)
    }
}
