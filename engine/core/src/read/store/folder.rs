//! The folder of the store: whether its content is known to be whole, and folders that were set aside.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The file that records a clean close, or the boot id of the machine while the store is open.
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
    /// It was not closed, or has lost pages since. Its content shows whether it is whole.
    Unverified,
    /// It has failed, or has no mark.
    Distrusted,
}

/// What is known of the store. If it was open, and the machine has not restarted since, everything that was written is
/// still in the memory of the kernel or on the disk.
pub(super) fn trust(folder: &Path) -> Trust {
    let Ok(pages) = fs::metadata(folder.join(PAGES)) else { return Trust::New };
    let mark = fs::read_to_string(folder.join(MARK)).unwrap_or_default();
    if mark == CLOSED || (!mark.is_empty() && mark == boot_id()) {
        return Trust::Trusted { position: None };
    }
    let mut numbers = mark.strip_prefix(CLOSED).unwrap_or_default().split_whitespace();
    let mut number = || numbers.next()?.parse::<u64>().ok();
    match (number(), number()) {
        (position @ Some(_), Some(bytes)) if pages.len() >= bytes => Trust::Trusted { position },
        (Some(_), Some(_)) => Trust::Unverified,
        _ if mark.starts_with(OPEN) => Trust::Unverified,
        _ => Trust::Distrusted,
    }
}

/// Marks the store as open.
pub(super) fn mark_open(folder: &Path) -> io::Result<()> {
    mark(folder, &boot_id())
}

/// Marks the store as cleanly closed at this position.
pub(super) fn mark_closed(folder: &Path, position: u64) -> io::Result<()> {
    let bytes = fs::metadata(folder.join(PAGES))?.len();
    mark(folder, &format!("{CLOSED} {position} {bytes}"))
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

fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    format!("{OPEN} {}", id.trim())
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
