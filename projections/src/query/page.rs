//! Pages of rows, and the cursor at which the next page starts.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use boarding_commands::values::Refusal;

use super::param::malformed;
use super::{AnswerRow, QueryError, QueryRequest, RowsAnswer};
use crate::projection::{Projection, scan};
use crate::rows::{Rows, RowsError, Table};

/// Answers with one page of the stored rows under `prefix`, in key order.
///
/// `show` turns a stored row into the rows of the answer. For a row that the filters exclude it
/// returns `None` and does not omit it, because the cursor counts excluded rows too. The answer has
/// a cursor only if another row follows.
pub(crate) fn page<P: Projection, I>(
    request: &QueryRequest<'_>,
    rows: &dyn Rows,
    prefix: &[u8],
    mut show: impl FnMut(&[u8], P::Row) -> Result<I, RowsError>,
) -> Result<RowsAnswer, QueryError>
where
    I: IntoIterator<Item = Option<AnswerRow>>,
{
    let limit = request.limit()?;
    let start = PageCursor::read(request, P::TABLE, prefix)?;
    let mut page =
        PageBuilder { limit, rows: Vec::new(), last: PageCursor::default(), has_more: false };
    scan::<P>(rows, request.company, prefix, &start.key, |key, row| {
        let skipped = if key == start.key { start.shown } else { 0 };
        Ok(page.add(key, show(key, row)?, skipped))
    })?;
    let next = page.has_more.then(|| page.last.to_text(P::TABLE));
    Ok(RowsAnswer::Rows { rows: page.rows, next })
}

/// A page that is being filled.
struct PageBuilder {
    limit: usize,
    rows: Vec<AnswerRow>,
    last: PageCursor,
    /// Whether a row follows that does not fit.
    has_more: bool,
}

impl PageBuilder {
    fn add(
        &mut self,
        key: &[u8],
        shown: impl IntoIterator<Item = Option<AnswerRow>>,
        skipped: u8,
    ) -> ControlFlow<()> {
        // The cursor holds `n` in one byte. That is enough for the largest stored row: a queue of 100 runs.
        for (n, value) in (1..=u8::MAX).zip(shown) {
            let Some(value) = value.filter(|_| n > skipped) else { continue };
            if self.rows.len() == self.limit {
                self.has_more = true;
                return ControlFlow::Break(());
            }
            self.rows.push(value);
            if self.rows.len() == self.limit {
                self.last = PageCursor { key: key.to_vec(), shown: n };
            }
        }
        ControlFlow::Continue(())
    }
}

/// The end of a page: the last stored row, and how many of its rows the page has shown.
#[derive(Default)]
struct PageCursor {
    key: Vec<u8>,
    shown: u8,
}

impl PageCursor {
    /// The request's cursor; the start of the table if it has none.
    fn read(request: &QueryRequest<'_>, table: Table, prefix: &[u8]) -> Result<Self, Refusal> {
        let Some(text) = request.text("cursor")? else { return Ok(Self::default()) };
        let bytes = unhex(text);
        match bytes.as_deref() {
            Some([id, shown, key @ ..]) if *id == table.id() && key.starts_with(prefix) => {
                Ok(Self { key: key.to_vec(), shown: *shown })
            }
            _ => Err(malformed("cursor", "expected `next` of the previous page of the same query")),
        }
    }

    fn to_text(&self, table: Table) -> String {
        let bytes = [table.id(), self.shown].into_iter().chain(self.key.iter().copied());
        bytes.fold(String::with_capacity(2 * self.key.len() + 4), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let pair = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{TestCompany, created, query_page};
    use serde_json::{Value, json};

    fn names(rows: &[Value]) -> Vec<&str> {
        rows.iter().map(|row| row["user"].as_str().unwrap()).collect()
    }

    #[test]
    fn pages_have_no_gap_and_the_last_has_no_cursor() {
        let people = ["ann", "bob", "cid", "dee", "eve"];
        let company = TestCompany::new("acme").commit(people.map(created));
        let rows = company.rows();
        let (first, next) = query_page(&rows, "users", &json!({"limit": 2}));
        assert_eq!(names(&first), ["ann", "bob"]);
        let (second, next) = query_page(&rows, "users", &json!({"limit": "2", "cursor": next}));
        assert_eq!(names(&second), ["cid", "dee"]);
        let (third, next) = query_page(&rows, "users", &json!({"limit": 2, "cursor": next}));
        assert_eq!((names(&third), next), (vec!["eve"], None));
        let (all, next) = query_page(&rows, "users", &json!({"limit": 5, "cursor": null}));
        assert_eq!((all.len(), next), (5, None));
    }

    #[test]
    fn page_continues_after_rows_were_added() {
        let company = TestCompany::new("acme").commit(["bob", "dee", "eve"].map(created));
        let (_, next) = query_page(&company.rows(), "users", &json!({"limit": 1}));
        let company = company.commit(["ann", "cid"].map(created));
        let (rows, _) = query_page(&company.rows(), "users", &json!({"cursor": next}));
        assert_eq!(names(&rows), ["cid", "dee", "eve"]);
    }
}
