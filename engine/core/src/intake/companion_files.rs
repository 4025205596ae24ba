//! Companion files: finds which file of an import is which part, and puts the user file first.

use std::io::BufReader;

use boarding_commands::dialect::Dialect;
use boarding_commands::event::FileRef;
use boarding_commands::user_file::{FileError, refusal};
use boarding_commands::values::{Code, Problem, Refusal};
use boarding_csv::{Limits, Options, StartReader, assign_parts};
use serde_json::{Value, json};

use crate::files::Files;

/// Returns the stored files in the order of the dialect's parts, with warnings about the companion files.
///
/// # Errors
/// `import.*` if a file is missing, unexpected or not CSV; `csv.*` if a header cannot be read.
pub(super) fn in_order(
    files: &Files,
    dialect: &dyn Dialect,
    stored: Vec<FileRef>,
    options: &Options,
) -> Result<(Vec<FileRef>, Vec<Problem>), Refusal> {
    if let Some(other) = stored.iter().find(|file| !is_csv_by_name(&file.name)) {
        let details = json!({"file": other.name});
        return Err(Refusal::new(Code::ImportUnsupportedFileType).with(details));
    }
    if dialect.format().parts.is_empty() {
        return only_one(stored).map(|stored| (stored, Vec::new()));
    }
    let limits = Limits::default();
    let start_reader = StartReader::new(dialect.format(), options, &limits).map_err(refusal)?;
    let mut starts = Vec::with_capacity(stored.len());
    for file in &stored {
        let start = start_reader.read(|| files.open(&file.sha256).map(BufReader::new));
        let start = start.map_err(|error| with_file_name(unreadable(error.into()), &file.name))?;
        starts.push((file.name.as_str(), start));
    }
    let file_of_part = assign_parts(dialect.format(), &starts).map_err(refusal)?;
    let mut warnings = Vec::new();
    // The first part is the user file. Only companion files are ignored, so only they get these warnings.
    for (part, file) in dialect.format().parts.iter().zip(&file_of_part).skip(1) {
        let Some((_, start)) = starts.get(*file) else { continue };
        let checks = [
            (start.part.is_none(), Code::OcmCompanionHeader),
            (start.has_rows, Code::OcmCompanionNotEmpty),
        ];
        let found = checks.into_iter().filter(|(is_found, _)| *is_found);
        warnings.extend(found.map(|(_, code)| Problem::new(code).saying(part.name)));
    }
    let ordered = file_of_part.iter().filter_map(|file| stored.get(*file).cloned()).collect();
    Ok((ordered, warnings))
}

/// Returns the file of an import without companion files. Refuses no file, and more than one.
fn only_one(stored: Vec<FileRef>) -> Result<Vec<FileRef>, Refusal> {
    match stored.as_slice() {
        [_] => Ok(stored),
        [] => Err(Refusal::new(Code::ImportMissingCompanionFile).saying("`files` is empty")),
        [_, unexpected, ..] => {
            let details = json!({"file": unexpected.name});
            let refusal = Refusal::new(Code::ImportUnexpectedFile);
            Err(refusal.saying("import one file at a time").with(details))
        }
    }
}

/// Adds the name of the file to a refusal. A fault of the store concerns no particular file, so it stays as it is.
pub(super) fn with_file_name(mut refusal: Refusal, name: &str) -> Refusal {
    if refusal.code == Code::Unavailable {
        return refusal;
    }
    let mut details = refusal.details.as_object().cloned().unwrap_or_default();
    details.insert("file".to_owned(), json!(name));
    refusal.details = Value::Object(details);
    refusal.saying(name)
}

/// Whether a file name can be that of a CSV file: its extension is `csv` or `gz`, or it has none.
fn is_csv_by_name(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((_, extension)) => ["csv", "gz"].iter().any(|one| extension.eq_ignore_ascii_case(one)),
        None => true,
    }
}

/// The refusal of a file that cannot be read.
pub(super) fn unreadable(error: FileError) -> Refusal {
    match error {
        FileError::Refused(refusal) => refusal,
        FileError::Io(error) => Refusal::new(Code::Unavailable).saying(&error.to_string()),
    }
}
