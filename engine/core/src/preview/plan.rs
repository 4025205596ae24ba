//! The plan of an import: its counts, its first rows, and the digest that identifies it.

use std::fmt;

use boarding_commands::event::Counts;
use boarding_commands::values::Problem;
use serde_json::{Value, json};

/// What a file would come to, were it imported into the company as it stands.
#[derive(Clone, PartialEq)]
pub struct ImportPlan {
    /// The digest of what would happen: a commit that names it does exactly that, or is refused.
    pub hash: String,
    pub counts: Counts,
    /// The first rows, as the query `import_rows` would show them.
    pub rows: Vec<Value>,
    /// The number of the first data row that `rows` leaves out; none if they are all there. It says that
    /// there is more, and where it begins: a command has no way to ask for the rows from there on, the
    /// import itself has (`import_rows`).
    pub next: Option<u64>,
    pub attention: Attention,
    /// What is worth saying about the file as a whole; they are among the counts' warnings.
    pub warnings: Vec<Problem>,
    /// Why nobody would be invited though somebody is to be.
    pub not_invited: Option<Problem>,
    /// The company's version that the plan was made at.
    pub(super) version: u64,
}

/// The first rows of each kind that somebody should look at, wherever they stand in the file.
#[derive(Clone, PartialEq, Default)]
pub struct Attention {
    pub invalid: Vec<Value>,
    pub duplicate: Vec<Value>,
    pub skipped: Vec<Value>,
    /// People who would come in without their number.
    pub phone_refused: Vec<Value>,
}

impl ImportPlan {
    /// The `result` of an accepted preview.
    pub fn result(&self) -> Value {
        let mut result = json!({
            "plan_hash": self.hash,
            "counts": self.counts,
            "rows": self.rows,
            "next": self.next,
        });
        if let (Some(problem), Some(fields)) = (&self.not_invited, result.as_object_mut()) {
            fields.insert("not_invited".to_owned(), json!(problem.code));
        }
        result
    }
}

/// Never shows the rows: they name people.
impl fmt::Debug for ImportPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hash, counts, version, .. } = self;
        f.debug_struct("Plan")
            .field("hash", hash)
            .field("counts", counts)
            .field("version", version)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Attention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attention(***)")
    }
}
