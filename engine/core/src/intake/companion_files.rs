//! Companion files: the files of one import, the file of the people first.

use std::io::BufReader;

use boarding_commands::dialect::Dialect;
use boarding_commands::event::FileRef;
use boarding_commands::user_file::{FileError, refusal};
use boarding_commands::values::{Code, Problem, Refusal};
use boarding_csv::{Limits, Options, StartReader, assign_parts};
use serde_json::{Value, json};

use crate::files::Files;

/// The stored files in the order of the dialect, with warnings about the companion files.
///
/// # Errors
/// `import.*` for a missing or extra file or one that is not CSV, `csv.*` for an unreadable header.
pub(super) fn in_order(
    files: &Files,
    dialect: &dyn Dialect,
    kept: Vec<FileRef>,
    options: &Options,
) -> Result<(Vec<FileRef>, Vec<Problem>), Refusal> {
    if let Some(other) = kept.iter().find(|file| !is_csv_by_name(&file.name)) {
        let details = json!({"file": other.name});
        return Err(Refusal::new(Code::ImportUnsupportedFileType).with(details));
    }
    if dialect.format().parts.is_empty() {
        return only_one(kept).map(|kept| (kept, Vec::new()));
    }
    let limits = Limits::default();
    let starts = StartReader::new(dialect.format(), options, &limits).map_err(refusal)?;
    let mut file_starts = Vec::with_capacity(kept.len());
    for file in &kept {
        let start = starts.read(|| files.open(&file.sha256).map(BufReader::new));
        let start = start.map_err(|error| naming(unreadable(error.into()), &file.name))?;
        file_starts.push((file.name.as_str(), start));
    }
    let places = assign_parts(dialect.format(), &file_starts).map_err(refusal)?;
    let mut warnings = Vec::new();
    for (part, place) in dialect.format().parts.iter().zip(&places).skip(1) {
        let Some((_, start)) = file_starts.get(*place) else { continue };
        let said = [
            (start.part.is_none(), Code::OcmCompanionHeader),
            (start.has_rows, Code::OcmCompanionNotEmpty),
        ];
        let said = said.into_iter().filter(|(is_so, _)| *is_so);
        warnings.extend(said.map(|(_, code)| Problem::new(code).saying(part.name)));
    }
    let ordered = places.iter().filter_map(|place| kept.get(*place).cloned()).collect();
    Ok((ordered, warnings))
}

fn only_one(kept: Vec<FileRef>) -> Result<Vec<FileRef>, Refusal> {
    match kept.as_slice() {
        [_] => Ok(kept),
        [] => Err(Refusal::new(Code::ImportMissingCompanionFile).saying("files is empty")),
        [_, unexpected, ..] => {
            let details = json!({"file": unexpected.name});
            Err(Refusal::new(Code::ImportUnexpectedFile).saying("one file at a time").with(details))
        }
    }
}

/// Adds the name of the file to a refusal, if there are several files.
pub(super) fn naming(mut refusal: Refusal, name: &str) -> Refusal {
    if refusal.code == Code::Unavailable {
        return refusal;
    }
    let mut details = refusal.details.as_object().cloned().unwrap_or_default();
    details.insert("file".to_owned(), json!(name));
    refusal.details = Value::Object(details);
    refusal.saying(name)
}

/// Rejects a file name with another extension than CSV. A name without an extension is accepted.
fn is_csv_by_name(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((_, extension)) => ["csv", "gz"].iter().any(|one| extension.eq_ignore_ascii_case(one)),
        None => true,
    }
}

pub(super) fn unreadable(error: FileError) -> Refusal {
    match error {
        FileError::Refused(refusal) => refusal,
        FileError::Io(error) => Refusal::new(Code::Unavailable).saying(&error.to_string()),
    }
}
