//! Reads untrusted CSV text: records, cells and their defects, within limits.
//!
//! ```text
//! source ──► text ──► record ──► header, row
//! unpacked   decoded  quotes     cells matched to
//! bytes      lines    repaired   the format's columns
//! ```
//! The crate knows no user and no company. A [`FileFormat`] names the columns; the caller decides what a cell means.
//! A reader holds one record in memory at a time, for any input.

mod characters;
mod column;
mod column_names;
mod companions;
mod decoration;
mod defect;
mod delimiter;
mod encodings;
mod file_name;
mod format;
mod formula_guard;
mod header;
mod lines;
mod lists;
mod names;
mod near_names;
mod options;
mod preamble;
mod quotes;
mod reader;
mod record;
mod row;
mod shape;
mod signature;
mod source;
mod text;

#[cfg(test)]
mod tests;

pub use characters::{
    composed, has_control, has_invisible, is_control, is_invisible, trim, without_invisible,
};
pub use column::{Column, HeaderWords};
pub use companions::{FileStart, StartReader, assign_parts};
pub use defect::{Defect, DefectKind, ReadError};
pub use encodings::looks_double_encoded;
pub use file_name::clean_name;
pub use format::{FileFormat, FilePart, NoteRows, QuoteRule};
pub use formula_guard::{escaped, guarded};
pub use lists::{joined_list, list_items};
pub use names::{KnownNames, nearest, same_name};
pub use near_names::NearNames;
pub use options::{Limits, Options, ROWS_MAX};
pub use quotes::{is_typographic, normalise};
pub use reader::{Reader, Scan, scan};
pub use row::{CellValue, Row};
pub use shape::RowDefects;
