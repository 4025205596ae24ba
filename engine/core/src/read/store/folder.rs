//! The folder of the store: whether its content is known to be whole, and folders that were set aside.
//!
//! The mark names the folder by its place on the disk. A copy has another place, and its files may be of different moments.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The file that records a clean close, or the boot id of the machine while the store is open. Both with the folder's place.
const MARK: &str = "MARK";

/// The content of the mark after a clean close by an earlier program.
const CLOSED: &str = "closed";

/// The first words of the mark of an open store.
const OPEN: &str = "open since";

/// The file of the library with all pages.
const PAGES: &str = "db";

/// What is known of a folder before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// There is no store yet, or only the beginning of one.
    New,
    /// It is usable. After a clean close the last applied position is known.
    Trusted { position: Option<u64> },
    /// It was not closed, has lost pages since, or is a copy. Its content shows whether it is whole.
    Unverified,
    /// It has failed, or has no mark.
    Distrusted,
}

/// What is known of the store. If it was open, and the machine has not restarted since, everything that was written is
/// still in the memory of the kernel or on the disk.
pub(super) fn trust(folder: &Path) -> Trust {
    let Ok(pages) = fs::metadata(folder.join(PAGES)) else { return Trust::New };
    let mark = fs::read_to_string(folder.join(MARK)).unwrap_or_default();
    if mark == CLOSED || (!mark.is_empty() && mark == opened_here(folder)) {
        return Trust::Trusted { position: None };
    }
    let mut words = mark.strip_prefix(CLOSED).unwrap_or_default().split_whitespace();
    let mut number = || words.next()?.parse::<u64>().ok();
    let numbers = (number(), number());
    // An earlier program did not name the folder.
    let is_copy = words.next().is_some_and(|named| named != place(folder));
    match numbers {
        (Some(_), Some(_)) if is_copy => Trust::Unverified,
        (position @ Some(_), Some(bytes)) if pages.len() >= bytes => Trust::Trusted { position },
        (Some(_), Some(_)) => Trust::Unverified,
        _ if mark.starts_with(OPEN) => Trust::Unverified,
        _ => Trust::Distrusted,
    }
}

/// Marks the store as open.
pub(super) fn mark_open(folder: &Path) -> io::Result<()> {
    mark(folder, &opened_here(folder))
}

/// Marks the store as cleanly closed at this position.
pub(super) fn mark_closed(folder: &Path, position: u64) -> io::Result<()> {
    let bytes = fs::metadata(folder.join(PAGES))?.len();
    mark(folder, &format!("{CLOSED} {position} {bytes} {}", place(folder)))
}

/// Waits until the disk has all that was written. The library does not do it.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder.join(PAGES))?.sync_data()
}

/// Marks the store as not usable. It writes nothing, so it works on a full disk.
pub(super) fn mark_failed(folder: &Path) {
    let _ = fs::File::create(folder.join(MARK));
}

fn mark(folder: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::create(folder.join(MARK))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The mark of a store that was opened in this folder since the machine has started.
fn opened_here(folder: &Path) -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    format!("{OPEN} {} {}", id.trim(), place(folder))
}

/// The place of the folder on the disk. A copy has another one.
fn place(folder: &Path) -> String {
    let place = |it: fs::Metadata| format!("{}:{}", it.dev(), it.ino());
    fs::metadata(folder).map(place).unwrap_or_default()
}

/// Removes unfinished snapshot files: they are never needed, and opening fails with them.
pub(super) fn drop_half_written(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Creates the folder without content. A kill can leave the beginning of a store, which cannot be opened.
pub(super) fn make_empty(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Only the owner may read the folder, because it holds personal data.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Moves the folder to the next name `….set-aside-N`, so that an operator can examine it.
pub(super) fn set_aside(folder: &Path) -> io::Result<PathBuf> {
    let last = aside(folder)?.last().map_or(0, |(number, _)| *number);
    let mut name = folder.as_os_str().to_owned();
    name.push(format!("{ASIDE}{}", last + 1));
    let target = PathBuf::from(name);
    fs::rename(folder, &target)?;
    Ok(target)
}

/// Removes all folders that were set aside but the last one: each is large and holds personal data.
pub(super) fn remove_older_aside(folder: &Path) -> io::Result<()> {
    let mut all = aside(folder)?;
    all.pop();
    all.into_iter().try_for_each(|(_, path)| fs::remove_dir_all(path))
}

const ASIDE: &str = ".set-aside-";

/// The folders that were set aside, by their number.
fn aside(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let Some((parent, name)) = folder.parent().zip(folder.file_name()) else { return Ok(vec![]) };
    let prefix = format!("{}{ASIDE}", name.to_string_lossy());
    let mut all = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(&prefix)?.parse().ok());
        all.extend(number.map(|number| (number, entry.path())));
    }
    all.sort_unstable();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files of a copy may be of different moments, so its content must be checked.
    #[test]
    fn copied_store_is_checked_before_it_is_trusted() {
        let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (folder, copy) = (folder.path(), copy.path());
        let copy_files = || {
            for file in [PAGES, MARK] {
                fs::copy(folder.join(file), copy.join(file)).unwrap();
            }
        };
        fs::write(folder.join(PAGES), "pages").unwrap();
        mark_open(folder).unwrap();
        copy_files();
        assert_eq!(trust(folder), Trust::Trusted { position: None });
        assert_eq!(trust(copy), Trust::Unverified);
        mark_closed(folder, 7).unwrap();
        copy_files();
        assert_eq!(trust(folder), Trust::Trusted { position: Some(7) });
        assert_eq!(trust(copy), Trust::Unverified);
        // The mark of an earlier program names no folder.
        fs::write(copy.join(MARK), "closed 7 5").unwrap();
        assert_eq!(trust(copy), Trust::Trusted { position: Some(7) });
    }
}
