//! Splits the rows of an accepted file into portions that fit in one commit.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use boarding_commands::company::{Company, ImportState};
use boarding_commands::decide::imports::AllotmentBuilder;
use boarding_commands::dialect::{self, Dialect};
use boarding_commands::event::ImportOptions;
use boarding_commands::user_file::{self, FileError, FileFacts, FileRows, ParsedRow, ReadOptions};
use boarding_commands::values::Code;
use boarding_csv::{Limits, Options};

use crate::files::{Files, with_next_step};
use crate::limits::{IMPORT_BYTES_PER_COMMAND, IMPORT_ROWS_PER_COMMAND};

/// The rows that one of the two readers of a file takes before it leaves as many to the other.
const PART_ROWS: u64 = 256;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where an import continues.
#[derive(Debug)]
pub(crate) struct ResumePoint {
    sha256: String,
    pub(crate) options: ImportOptions,
    pub(crate) rows_done: u64,
}

impl ResumePoint {
    pub(crate) fn of(import: &ImportState) -> Option<Self> {
        let sha256 = import.files.first()?.sha256.clone();
        Some(Self { sha256, options: import.options.clone(), rows_done: import.rows_done })
    }
}

/// An accepted file. What its rows say about each other is found once, for all who read them.
pub(crate) struct AcceptedFile {
    files: Files,
    sha256: String,
    dialect: &'static dyn Dialect,
    import_options: ImportOptions,
    options: ReadOptions,
    rows_done: u64,
    facts: Arc<FileFacts>,
}

impl AcceptedFile {
    /// Opens the file, and finds what its rows say about each other.
    ///
    /// # Errors
    /// When the file is missing or unreadable, or its dialect is unknown.
    pub(crate) fn open(files: &Files, resume_point: &ResumePoint) -> Result<Self, BoxError> {
        let ResumePoint { sha256, options: import_options, rows_done } = resume_point;
        let dialect = dialect::find(&import_options.dialect)
            .ok_or("the dialect is unknown to this version of the program")?;
        let whole = files.open_whole(sha256).map_err(|error| with_next_step(&error))?;
        let open = || files.open(sha256).map(BufReader::<File>::new);
        let (options, limits) = (reading_options(import_options), Limits::default());
        // The facts come from the whole file, also from applied rows: later rows may refer to those people.
        let facts = {
            let (whole, again) = (BufReader::new(whole), open()?);
            let of = |input, part| {
                user_file::facts_of(input, dialect, &options, &limits, |row| {
                    row / PART_ROWS % 2 == part
                })
            };
            // Nothing else of the import can go on until the facts are known, so two threads find them.
            std::thread::scope(|scope| {
                let others = scope.spawn(|| of(again, 1));
                let facts = of(whole, 0).map_err(fault)?;
                let others = others.join().map_err(|_| "reading the file failed")?;
                Ok::<_, BoxError>(facts.with(others.map_err(fault)?).finish())
            })?
        };
        Ok(Self {
            files: files.clone(),
            sha256: sha256.clone(),
            dialect,
            import_options: import_options.clone(),
            options,
            rows_done: *rows_done,
            facts: Arc::new(facts),
        })
    }

    /// Whether it must be found which row gets which unique value.
    pub(crate) fn needs_allotment(&self, company: &Company) -> bool {
        AllotmentBuilder::is_needed_for(company, &self.import_options, &self.facts)
    }

    /// The rows after the last applied one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn rest(&self) -> Result<FileChunks, BoxError> {
        Ok(FileChunks { rows: Box::new(self.rows()?), rows_done: self.rows_done })
    }

    /// The rows from the first one, also those that are applied already. Not all of their warnings are looked for.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn all_without_warnings(&self) -> Result<FileChunks, BoxError> {
        Ok(FileChunks { rows: Box::new(self.rows()?.without_warnings()), rows_done: 0 })
    }

    fn rows(&self) -> Result<FileRows<'static, BufReader<File>>, BoxError> {
        let input = BufReader::new(self.files.open(&self.sha256)?);
        let rows = user_file::rows(input, self.dialect, &self.options, &Limits::default());
        Ok(rows.map_err(fault)?.with_facts(Arc::clone(&self.facts)))
    }
}

/// Rows of a file, in chunks.
pub(crate) struct FileChunks {
    rows: Box<dyn Iterator<Item = Result<ParsedRow, FileError>> + Send>,
    /// These first rows are left out.
    rows_done: u64,
}

impl Iterator for FileChunks {
    type Item = Result<Vec<ParsedRow>, BoxError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while chunk.len() < IMPORT_ROWS_PER_COMMAND && bytes < IMPORT_BYTES_PER_COMMAND {
            match self.rows.next() {
                Some(Ok(row)) if row.row <= self.rows_done => {}
                Some(Ok(row)) => {
                    bytes += row.cells.iter().map(String::len).sum::<usize>();
                    chunk.push(row);
                }
                Some(Err(error)) => return Some(Err(fault(error))),
                None => break,
            }
        }
        (!chunk.is_empty()).then_some(Ok(chunk))
    }
}

/// The options for reading an accepted file, as they were when it was accepted.
pub(crate) fn reading_options(options: &ImportOptions) -> ReadOptions {
    let csv = Options {
        encoding: Some(options.encoding.clone()),
        delimiter: Some(options.delimiter),
        columns: options.columns.clone(),
        accept_gzip: true,
        known_columns_only: false,
        // The columns were checked when the file was accepted.
        withheld: Vec::new(),
    };
    ReadOptions { csv, assume_plus: options.assume_plus }
}

fn fault(error: FileError) -> BoxError {
    match error {
        FileError::Refused(refusal) => refusal.to_string().into(),
        FileError::Io(error) => error.into(),
    }
}

/// Rows to apply, in the order of the file.
#[derive(Debug)]
pub(crate) struct Portions {
    /// A stack: the last portion is the next one.
    waiting: Vec<Vec<ParsedRow>>,
}

impl Portions {
    pub(crate) fn of(rows: Vec<ParsedRow>) -> Self {
        Self { waiting: vec![rows] }
    }

    /// The next portion to apply.
    pub(crate) fn next(&mut self) -> Option<Vec<ParsedRow>> {
        self.waiting.pop()
    }

    /// Returns rows that could not be applied now. They are the next portion again.
    pub(crate) fn put_back(&mut self, rows: Vec<ParsedRow>) {
        self.waiting.push(rows);
    }

    /// Splits rows whose events do not fit in one commit. A single row that does not fit becomes invalid, so that the
    /// rows after it are still applied.
    ///
    /// # Errors
    /// When even the refusal of one row does not fit in a commit. The import stops at this row. The limits of a row
    /// should prevent this.
    pub(crate) fn split(&mut self, mut rows: Vec<ParsedRow>) -> Result<(), BoxError> {
        if rows.len() > 1 {
            let rest = rows.split_off(rows.len() / 2);
            // The first half is pushed last, so it comes off the stack first.
            self.waiting.extend([rest, rows]);
            return Ok(());
        }
        // At most one row is left here.
        for row in rows {
            if row.problems.iter().any(|problem| problem.code == Code::CsvRecordTooLarge) {
                return Err(format!(
                    "row {} is too large: even the event of its refusal does not fit in a commit",
                    row.row
                )
                .into());
            }
            self.waiting.push(vec![row.as_too_large()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: u64) -> ParsedRow {
        let (problems, warnings) = (vec![], vec![]);
        let values = user_file::RowValues::default();
        ParsedRow {
            row,
            line: row + 1,
            cells: vec![],
            values,
            problems,
            warnings,
            lost: 0,
            same_key: vec![],
        }
    }

    fn numbers(rows: &[ParsedRow]) -> Vec<u64> {
        rows.iter().map(|row| row.row).collect()
    }

    /// P14: halves keep the order of the file. A row that does not fit alone becomes invalid. If the invalid row
    /// does not fit either, the split fails.
    #[test]
    fn split_rows_keep_their_order() {
        let mut portions = Portions::of((1..=3).map(row).collect());
        let all = portions.next().unwrap();
        portions.split(all).unwrap();
        let first = portions.next().unwrap();
        assert_eq!(numbers(&first), [1]);
        portions.split(first).unwrap();
        let refused = portions.next().unwrap();
        assert_eq!(numbers(&refused), [1]);
        assert_eq!(refused[0].problems[0].code, Code::CsvRecordTooLarge);
        let error = portions.split(refused).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 1 is too large: even the event of its refusal does not fit in a commit"
        );
        assert_eq!(numbers(&portions.next().unwrap()), [2, 3]);
        assert!(portions.next().is_none());
    }
}
