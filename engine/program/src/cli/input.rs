//! Input files, or the standard input for `-`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::failure::Failure;

/// Opens a file for reading.
///
/// # Errors
/// A usage failure if the file is missing, unreadable or a folder.
pub(super) fn open(file: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let failed = |why: String| Failure::Usage(format!("cannot read {}: {why}", file.display()));
    let content = File::open(file).map_err(|error| failed(error.to_string()))?;
    let is_folder = content.metadata().is_ok_and(|metadata| metadata.is_dir());
    if is_folder {
        return Err(failed("it is a folder".to_owned()));
    }
    Ok(Box::new(content))
}

/// The name of a file, or `stdin.EXTENSION` for the standard input.
pub(super) fn name_of(file: &Path, extension: &str) -> String {
    match file.file_name() {
        Some(name) if name != "-" => name.to_string_lossy().into_owned(),
        _ => format!("stdin.{extension}"),
    }
}

/// The text of the standard input.
pub(super) fn standard_input() -> Result<String, Failure> {
    io::read_to_string(io::stdin())
        .map_err(|error| Failure::Usage(format!("cannot read the standard input: {error}")))
}
