//! The caller's options for a file, and the limits of every file.

use std::collections::BTreeMap;

/// The most data rows of one file, unless the caller or the format allows fewer. Larger companies send several files.
pub const ROWS_MAX: u64 = 1_000_000;

/// What the caller says about a file, where the file does not show it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The encoding's WHATWG label, such as `windows-1252`; UTF-8 if none. A byte order mark has
    /// precedence.
    pub encoding: Option<String>,
    /// The delimiter. If none, the first line of the file may name it (`sep=;`), else it is a
    /// comma.
    pub delimiter: Option<char>,
    /// The mapping of columns: a column's name in the file → the format's name of the column.
    pub columns: BTreeMap<String, String>,
    /// Whether gzip files are unpacked. Otherwise they are refused.
    pub accept_gzip: bool,
    /// Whether an unknown column refuses the file. Otherwise it is ignored with a warning.
    pub known_columns_only: bool,
    /// Names of the format's columns that the caller does not allow in this file.
    pub withheld: Vec<String>,
}

/// The limits of reading. They bound the memory for any input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The whole file, in bytes, compressed or not. A million rows of 250 bytes fit.
    pub file_bytes: u64,
    /// One record, in decoded bytes. The limit stops an open quote before it reads the rest of the file.
    pub record_bytes: usize,
    /// One value, in bytes. Names, addresses and lists of roles are far shorter. A larger value
    /// makes only its row invalid.
    pub field_bytes: usize,
    /// Named columns of the header, or fields of a row. The widest format has about twenty columns.
    pub columns: usize,
    /// Data rows of one file.
    pub rows: u64,
    /// How many times larger a gzip file may become. User lists become 5 to 20 times larger, gzip
    /// bombs 1000 times.
    pub decompression_ratio: u64,
    /// The unpacked size that is allowed at any ratio, in bytes. This size cannot fill the memory.
    pub decompression_free_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 256 * 1024 * 1024,
            record_bytes: 1024 * 1024,
            field_bytes: 64 * 1024,
            columns: 256,
            rows: ROWS_MAX,
            decompression_ratio: 100,
            decompression_free_bytes: 64 * 1024,
        }
    }
}
