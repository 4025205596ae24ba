//! A CSV file of users: each row's values in the words of the model, and its problems.
//!
//! Three passes read a file. [`scan`] finds every reason to refuse the whole file. [`facts`] finds what the
//! rows say about each other. [`rows`] gives the rows.

mod cells;
mod created_keys;
mod defects;
mod dialect;
mod file_facts;
mod header_words;
mod read;
mod row;
mod same_key;

#[cfg(test)]
mod tests;

pub use cells::Cells;
pub use defects::{FileError, refusal};
pub use dialect::{Dialect, ImportRules, Known, RunLimit};
pub(crate) use dialect::{quoted, template_line, user_format};
pub use file_facts::{FactCollector, FileFacts};
pub use read::{FileRows, FileSummary, ReadOptions, facts, facts_of, rows, scan};
pub use row::{ParsedRow, RowValues, UserRef};
pub use same_key::SameKey;
