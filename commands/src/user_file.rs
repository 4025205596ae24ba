//! A CSV file of users: each row's values in the words of the model, and its problems.
//!
//! Three passes read a file. [`scan`] finds every reason to refuse the whole file. [`created_keys`] finds the users
//! that the file creates, where rows refer to later rows. [`rows`] gives the rows.

mod cells;
mod created_keys;
mod defects;
mod dialect;
mod read;
mod row;

#[cfg(test)]
mod tests;

pub use cells::Cells;
pub use created_keys::CreatedKeys;
pub use defects::{FileError, refusal};
pub use dialect::{Dialect, ImportRules, Known, RunLimit};
pub(crate) use dialect::{quoted, template_line, user_format};
pub use read::{FileRows, FileSummary, ReadOptions, created_keys, rows, scan};
pub use row::{ParsedRow, RowValues, UserRef};
