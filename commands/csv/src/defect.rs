//! Defects of a file, a row or a cell, and the error that ends reading.

use std::{fmt, io};

use serde_json::{Map, Value};

/// The kinds of defects. The caller maps each to a stable code and a text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefectKind {
    // The file as a whole is refused.
    EmptyFile,
    HeaderOnly,
    TooManyRows,
    FileTooLarge,
    UnsupportedFileType,
    DamagedGzip,
    DecompressionLimit,
    MissingCompanionFile,
    UnexpectedFile,
    InvalidEncoding,
    Utf16WithoutBom,
    NulByte,
    MissingHeader,
    MissingColumn,
    DuplicateColumn,
    /// The file has unknown columns, and the caller allows none.
    UnknownColumns,
    ColumnNotEnabled,
    WrongDelimiter,
    UnterminatedQuote,
    RecordTooLarge,
    TooManyColumns,

    // One row.
    FieldCountMismatch,
    FieldTooLarge,
    StrayQuote,
    QuoteInValue,

    // Warnings about the file.
    UnknownColumn,
    ColumnNotChosen,
    UnnamedColumnsIgnored,
    NoteRowIgnored,
    RepeatedHeaderIgnored,
    BlankRowIgnored,
    QuotesNormalised,
    BomRemoved,
}

/// One defect. It never repeats a cell's text, because that may be personal data.
#[derive(Debug, Clone, PartialEq)]
pub struct Defect {
    pub kind: DefectKind,
    /// The column's name in the format, else in the file. None if the whole row or file has the
    /// defect.
    pub column: Option<String>,
    /// Words that complete the kind's text: the limit, the line, a hint.
    pub words: Option<String>,
    /// The numbers and names behind the words: an object, or null.
    pub details: Value,
}

impl Defect {
    pub fn new(kind: DefectKind) -> Self {
        Self { kind, column: None, words: None, details: Value::Null }
    }

    #[must_use]
    pub(crate) fn in_column(self, column: &str) -> Self {
        Self { column: Some(column.to_owned()), ..self }
    }

    #[must_use]
    pub(crate) fn saying(self, words: &str) -> Self {
        Self { words: Some(words.to_owned()), ..self }
    }

    #[must_use]
    pub(crate) fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }

    /// A defect with words for people, and the same facts in `details` for programs.
    pub(crate) fn detailed(kind: DefectKind, words: &str, details: Value) -> Self {
        Self::new(kind).saying(words).with(details)
    }

    /// A limit is exceeded. `actual` is the number that was found, if it is known.
    pub(crate) fn over_limit(
        kind: DefectKind,
        limit: u64,
        unit: &str,
        actual: Option<u64>,
    ) -> Self {
        let mut details = Map::from_iter([("limit".to_owned(), limit.into())]);
        let words = match actual {
            Some(actual) => {
                details.insert("actual".to_owned(), actual.into());
                format!("{actual} {unit}; the limit is {limit}")
            }
            None => format!("the limit is {limit} {unit}"),
        };
        Self::detailed(kind, &words, Value::Object(details))
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)?;
        self.words.iter().try_for_each(|words| write!(f, " ({words})"))
    }
}

/// Why a file could not be read to its end.
#[derive(Debug)]
pub enum ReadError {
    /// The file breaks a rule. Reading again gives the same answer.
    Defect(Defect),
    /// The store or the network failed. Reading again may succeed.
    Io(io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defect(defect) => defect.fmt(f),
            Self::Io(_) => f.write_str("reading the file"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Defect(_) => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<Defect> for ReadError {
    fn from(defect: Defect) -> Self {
        Self::Defect(defect)
    }
}

impl From<DefectKind> for ReadError {
    fn from(kind: DefectKind) -> Self {
        Self::Defect(Defect::new(kind))
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The error for a defect with words and details.
pub(crate) fn refused(kind: DefectKind, words: &str, details: Value) -> ReadError {
    Defect::detailed(kind, words, details).into()
}

/// The error for an exceeded limit.
pub(crate) fn over_limit(
    kind: DefectKind,
    limit: u64,
    unit: &str,
    actual: Option<u64>,
) -> ReadError {
    Defect::over_limit(kind, limit, unit, actual).into()
}
