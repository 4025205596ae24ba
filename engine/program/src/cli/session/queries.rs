//! The queries of a session.

use boarding_core::queries::QueryAnswer;
use boarding_projections::query::MAX_LIMIT_ROWS;
use serde_json::{Map, Value, json};

use super::Session;
use crate::cli::failure::Failure;
use crate::cli::fields::set;

impl Session<'_> {
    /// Sends a query, for the time of `--as-of` if it is given.
    pub(in crate::cli) async fn query(
        &self,
        name: &str,
        params: Value,
    ) -> Result<QueryAnswer, Failure> {
        let mut params = match params {
            Value::Object(params) => params,
            _ => Map::new(),
        };
        params.retain(|_, value| !value.is_null());
        if let Some(as_of) = &self.as_of {
            params.entry("as_of").or_insert_with(|| json!(as_of));
        }
        Ok(self.engine.query(&self.company, name, params, &self.caller).await?)
    }

    /// The JSON answer of a query.
    pub(in crate::cli) async fn answer(&self, name: &str, params: Value) -> Result<Value, Failure> {
        match self.query(name, params).await? {
            QueryAnswer::Json(answer) => Ok(answer.value()),
            QueryAnswer::Csv(bytes) => {
                Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
            }
        }
    }

    /// The row of a one-row query.
    pub(in crate::cli) async fn row(&self, name: &str, params: Value) -> Result<Value, Failure> {
        let mut answer = self.answer(name, params).await?;
        Ok(answer.get_mut("row").map(Value::take).unwrap_or_default())
    }

    /// The CSV answer of a query.
    pub(in crate::cli) async fn csv(&self, name: &str, params: Value) -> Result<Vec<u8>, Failure> {
        match self.query(name, params).await? {
            QueryAnswer::Csv(bytes) => Ok(bytes),
            QueryAnswer::Json(answer) => Ok(answer.into_text().into_bytes()),
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
