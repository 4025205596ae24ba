//! The mails of an outbox, and the links in them.

use std::path::{Path, PathBuf};

/// Every mail below a folder, the oldest first, decoded enough to be searched.
pub(super) fn all_under(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    find(folder, &mut files);
    // A file's name begins with the id of what it was sent for, and ids rise with time.
    files.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
    files
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .map(|mail| decoded(&mail))
        .collect()
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { find(&path, found) } else { found.push(path) }
    }
}

/// Quoted-printable undone: its soft line ends, and the characters that links hold.
fn decoded(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=3D", "=")
}

/// The header that says whom a mail is for.
pub(super) fn to(mail: &str) -> &str {
    mail.lines().find(|line| line.starts_with("To: ")).unwrap_or_default()
}

/// The token of the link in a mail.
pub(super) fn token(mail: &str) -> String {
    let link = mail.split("/link/").nth(1).unwrap_or_else(|| panic!("no link: {mail}"));
    link.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}
