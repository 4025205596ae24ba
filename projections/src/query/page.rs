//! Pages: so many rows, and a cursor that says where the next page begins.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use boarding_commands::values::Refusal;
use serde_json::Value;

use super::asked::malformed;
use super::{Answer, Asked, QueryError};
use crate::projection::{Projection, decode};
use crate::rows::{Rows, RowsError, Table};

/// The rows of a page where none are named: a screen and a half of a table.
pub const DEFAULT_LIMIT_ROWS: usize = 50;
/// The most rows of a page: some 100 KiB of JSON, well below a NATS message of 1 MiB.
pub const MAX_LIMIT_ROWS: usize = 500;

/// Answers with one page of the stored rows under `prefix`, in the order of their keys.
///
/// `show` turns a stored row into the rows it is shown as, none in the place of each that the filters
/// keep out. The cursor of the next page is given only if a row follows, so the last page says so.
pub(crate) fn page<P: Projection, I>(
    asked: &Asked<'_>,
    rows: &dyn Rows,
    prefix: &[u8],
    mut show: impl FnMut(&[u8], P::Row) -> Result<I, RowsError>,
) -> Result<Answer, QueryError>
where
    I: IntoIterator<Item = Option<Value>>,
{
    let limit = asked.limit()?;
    let start = Cursor::of(asked, P::TABLE, prefix)?;
    let mut page = Filling { limit, rows: Vec::new(), last: Cursor::default(), full: false };
    let mut fault = None;
    rows.scan(P::TABLE, asked.company, prefix, &start.key, &mut |key, bytes| {
        let taken = if key == start.key { start.taken } else { 0 };
        match decode::<P>(bytes).and_then(|row| show(key, row)) {
            Ok(shown) => page.take(key, shown, taken),
            Err(error) => {
                fault = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    match fault {
        Some(error) => Err(error.into()),
        None => {
            let next = page.full.then(|| page.last.text(P::TABLE));
            Ok(Answer::Rows { rows: page.rows, next })
        }
    }
}

/// A page while it is filled.
struct Filling {
    limit: usize,
    rows: Vec<Value>,
    last: Cursor,
    /// Whether a row was found that no longer fits.
    full: bool,
}

impl Filling {
    fn take(
        &mut self,
        key: &[u8],
        shown: impl IntoIterator<Item = Option<Value>>,
        taken: u8,
    ) -> ControlFlow<()> {
        for (n, value) in (1..=u8::MAX).zip(shown) {
            let Some(value) = value.filter(|_| n > taken) else { continue };
            if self.rows.len() == self.limit {
                self.full = true;
                return ControlFlow::Break(());
            }
            self.rows.push(value);
            if self.rows.len() == self.limit {
                self.last = Cursor { key: key.to_vec(), taken: n };
            }
        }
        ControlFlow::Continue(())
    }
}

/// Where a page ended: how many of the rows shown for this key have been given.
#[derive(Default)]
struct Cursor {
    key: Vec<u8>,
    taken: u8,
}

impl Cursor {
    /// Reads the cursor that was given; the beginning of the table if none was.
    fn of(asked: &Asked<'_>, table: Table, prefix: &[u8]) -> Result<Self, Refusal> {
        let Some(text) = asked.text("cursor")? else { return Ok(Self::default()) };
        let bytes = unhex(text);
        match bytes.as_deref() {
            Some([id, taken, key @ ..]) if *id == table.id() && key.starts_with(prefix) => {
                Ok(Self { key: key.to_vec(), taken: *taken })
            }
            _ => Err(malformed("cursor", "expected the `next` of this query's page before")),
        }
    }

    fn text(&self, table: Table) -> String {
        let bytes = [table.id(), self.taken].into_iter().chain(self.key.iter().copied());
        bytes.fold(String::with_capacity(2 * self.key.len() + 4), |mut text, byte| {
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
    use super::*;
    use crate::testing::{Story, ask_page, created};
    use serde_json::json;

    fn names(rows: &[Value]) -> Vec<&str> {
        rows.iter().map(|row| row["user"].as_str().unwrap()).collect()
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat_and_the_last_says_so() {
        let people = ["ann", "bob", "cid", "dee", "eve"];
        let story = Story::of("acme").then(people.map(created));
        let rows = story.rows();
        let (first, next) = ask_page(&rows, "users", &json!({"limit": 2}));
        assert_eq!(names(&first), ["ann", "bob"]);
        let (second, next) = ask_page(&rows, "users", &json!({"limit": "2", "cursor": next}));
        assert_eq!(names(&second), ["cid", "dee"]);
        let (third, next) = ask_page(&rows, "users", &json!({"limit": 2, "cursor": next}));
        assert_eq!((names(&third), next), (vec!["eve"], None));
        let (all, next) = ask_page(&rows, "users", &json!({"limit": 5, "cursor": null}));
        assert_eq!((all.len(), next), (5, None));
    }

    #[test]
    fn a_page_goes_on_after_a_row_that_has_vanished_or_come_meanwhile() {
        let story = Story::of("acme").then(["bob", "dee", "eve"].map(created));
        let (_, next) = ask_page(&story.rows(), "users", &json!({"limit": 1}));
        let story = story.then(["ann", "cid"].map(created));
        let (rows, _) = ask_page(&story.rows(), "users", &json!({"cursor": next}));
        assert_eq!(names(&rows), ["cid", "dee", "eve"]);
    }
}
