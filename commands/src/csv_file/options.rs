//! What the asker says about a file, and the limits every file is held to.

use std::collections::BTreeMap;

use crate::settings::IMPORT_ROWS_MAX;

/// What the asker says about a file, where it does not speak for itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The encoding by its WHATWG label, such as `windows-1252`; UTF-8 unless given. A byte order mark wins.
    pub encoding: Option<String>,
    /// The delimiter; a comma unless given.
    pub delimiter: Option<char>,
    /// The file's name of a column, and the dialect's name of the column it is to be read as.
    pub columns: BTreeMap<String, String>,
    /// Whether gzip-compressed files are taken (N79).
    pub accept_gzip: bool,
    /// Whether a phone number without a plus sign is read as if it had one (N58).
    pub assume_plus: bool,
    /// Whether a column that is not known refuses the file, instead of being passed over.
    pub known_columns_only: bool,
    /// Columns of the dialect that the company's files may not have.
    pub withheld: Vec<String>,
}

/// The bounds within which a file is read: they keep memory small whatever the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The whole file, in bytes, compressed or not. A million rows of 250 bytes fit.
    pub file_bytes: u64,
    /// One record, in bytes as decoded. A quote left open is noticed here instead of eating the file.
    pub record_bytes: usize,
    /// One value, in bytes. No name, address or list of roles comes near; the row is refused, not the file.
    pub field_bytes: usize,
    /// Columns of the header or of any row. The widest dialect has about twenty.
    pub columns: usize,
    /// Data rows of one file. Larger companies send several files.
    pub rows: u64,
    /// How many times larger a gzip file may become. Rosters pack 5 to 20 times; bombs 1000 times.
    pub decompression_ratio: u64,
    /// What a gzip file may become whatever its ratio, in bytes: so little harms nobody.
    pub decompression_free_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 256 * 1024 * 1024,
            record_bytes: 1024 * 1024,
            field_bytes: 64 * 1024,
            columns: 256,
            rows: IMPORT_ROWS_MAX,
            decompression_ratio: 100,
            decompression_free_bytes: 64 * 1024,
        }
    }
}
