//! The mails of an outbox folder.

use std::path::Path;

use crate::support::mail_text::decoded;
use crate::support::paths::files_under;

/// The decoded text of every mail below a folder, oldest first.
pub(super) fn mails_under(folder: &Path) -> Vec<String> {
    let mut files = files_under(folder);
    // File names start with an id, and ids increase with time.
    files.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
    files
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .map(|mail| decoded(&mail))
        .collect()
}

/// The `To` header of a mail.
pub(super) fn to_header(mail: &str) -> &str {
    mail.lines().find(|line| line.starts_with("To: ")).unwrap_or_default()
}
