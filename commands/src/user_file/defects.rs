//! The stable code of each defect that reading a CSV file can find.

use std::{fmt, io};

use boarding_csv::{Defect, DefectKind, ReadError};

use crate::values::{Code, Problem, Refusal};

/// Why a file as a whole could not be read.
#[derive(Debug)]
pub enum FileError {
    /// The file breaks a rule. The refusal is the answer to the client.
    Refused(Refusal),
    /// The store or the network failed. Reading again may succeed.
    Io(io::Error),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Io(_) => f.write_str("reading the file"),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<ReadError> for FileError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Defect(defect) => Self::Refused(refusal(defect)),
            ReadError::Io(error) => Self::Io(error),
        }
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The refusal of a file for a defect.
pub fn refusal(defect: Defect) -> Refusal {
    let Defect { kind, words, details, .. } = defect;
    let refusal = Refusal::new(code(kind)).with(details);
    match words {
        // The text of the code is for a warning, when the column is ignored.
        Some(words) if kind == DefectKind::UnknownColumns => Refusal {
            message: format!(
                "The file has columns that the dialect does not have; rename, map or remove them. ({words})"
            ),
            ..refusal
        },
        Some(words) => refusal.saying(&words),
        None => refusal,
    }
}

/// The problem or warning for a defect of a row or file.
pub(super) fn problem(defect: Defect) -> Problem {
    let Defect { kind, column, words, .. } = defect;
    let problem = Problem { column, ..Problem::new(code(kind)) };
    words.iter().fold(problem, |problem, words| problem.saying(words))
}

fn code(kind: DefectKind) -> Code {
    match kind {
        DefectKind::EmptyFile => Code::ImportEmptyFile,
        DefectKind::HeaderOnly => Code::ImportHeaderOnly,
        DefectKind::TooManyRows => Code::ImportTooManyRows,
        DefectKind::FileTooLarge => Code::ImportTooLarge,
        DefectKind::UnsupportedFileType => Code::ImportUnsupportedFileType,
        DefectKind::DamagedGzip => Code::ImportChecksumMismatch,
        DefectKind::DecompressionLimit => Code::ImportDecompressionLimit,
        DefectKind::MissingCompanionFile => Code::ImportMissingCompanionFile,
        DefectKind::UnexpectedFile => Code::ImportUnexpectedFile,
        DefectKind::InvalidEncoding => Code::CsvInvalidEncoding,
        DefectKind::Utf16WithoutBom => Code::CsvUtf16WithoutBom,
        DefectKind::NulByte => Code::CsvNulByte,
        DefectKind::MissingHeader => Code::CsvMissingHeader,
        DefectKind::MissingColumn => Code::CsvMissingColumn,
        DefectKind::DuplicateColumn => Code::CsvDuplicateColumn,
        DefectKind::ColumnNotChosen => Code::CsvColumnNotChosen,
        DefectKind::UnnamedColumnsIgnored => Code::CsvUnnamedColumnsIgnored,
        DefectKind::UnknownColumns | DefectKind::UnknownColumn => Code::CsvUnknownColumn,
        DefectKind::ColumnNotEnabled => Code::CsvColumnNotEnabled,
        DefectKind::WrongDelimiter => Code::CsvWrongDelimiter,
        DefectKind::UnterminatedQuote => Code::CsvUnterminatedQuote,
        DefectKind::RecordTooLarge => Code::CsvRecordTooLarge,
        DefectKind::TooManyColumns => Code::CsvTooManyColumns,
        DefectKind::FieldCountMismatch => Code::CsvFieldCountMismatch,
        DefectKind::FieldTooLarge => Code::CsvFieldTooLarge,
        DefectKind::StrayQuote => Code::CsvStrayQuote,
        DefectKind::QuoteInValue => Code::CsvQuoteInValue,
        DefectKind::NoteRowIgnored => Code::CsvNoteRowIgnored,
        DefectKind::RepeatedHeaderIgnored => Code::CsvRepeatedHeaderIgnored,
        DefectKind::BlankRowIgnored => Code::CsvBlankRowIgnored,
        DefectKind::QuotesNormalised => Code::CsvQuotesNormalised,
        DefectKind::BomRemoved => Code::CsvBomRemoved,
    }
}
