//! The heads file: the head of every company beside the log, to detect a truncated log.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use boarding_commands::values::CompanyId;

use super::frame::LogId;
use super::index::Index;
use super::segment::sync_folder;

/// The file's name in the log's folder.
pub(super) const NAME: &str = "heads";
const FIRST_LINE: &str = "boarding heads 1";

/// The state of the log when the heads file was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heads {
    log: String,
    pub(super) end: u64,
    pub(super) segments: usize,
    /// Each company's version and hash, as text.
    companies: HashMap<String, String>,
}

/// The content of the heads file.
#[derive(Debug)]
pub(super) enum HeadsFile {
    Missing,
    Heads(Heads),
    /// The file is damaged: the log is opened without this check.
    Damaged,
}

impl Heads {
    /// How the log differs from this file, if it does. Call it when the log has been read exactly up to
    /// [`Heads::end`].
    pub(super) fn differs(&self, log: &LogId, index: &Index) -> Option<String> {
        if self.log != hex(log) {
            return Some("the heads file belongs to another log".to_owned());
        }
        if self.companies.len() != index.streams.len() {
            let (then, now) = (self.companies.len(), index.streams.len());
            return Some(format!("the heads file names {then} companies and the log has {now}"));
        }
        index.streams.iter().find_map(|(company, stream)| {
            let now = head_text(stream.head.version, &stream.head.hash.to_string());
            let then = self.companies.get(company.as_str()).map_or("unknown", String::as_str);
            (then != now).then(|| {
                format!("company {company}: the heads file says {then}, the log has {now}")
            })
        })
    }
}

impl Heads {
    /// Whether this file belongs to the log.
    pub(super) fn is_of(&self, log: &LogId) -> bool {
        self.log == hex(log)
    }

    /// The companies whose last commit is not the one that this file names.
    pub(super) fn differing(&self, index: &Index) -> Vec<CompanyId> {
        let named = self.companies.keys().filter_map(|company| company.parse().ok());
        let mut all: Vec<CompanyId> = named.chain(index.streams.keys().cloned()).collect();
        all.sort_unstable();
        all.dedup();
        let differs = |company: &CompanyId| {
            let head = index.head(company);
            let now = head_text(head.version, &head.hash.to_string());
            self.companies.get(company.as_str()) != Some(&now)
        };
        all.into_iter().filter(differs).collect()
    }
}

/// Writes the heads file.
pub(super) fn write(folder: &Path, log: &LogId, index: &Index) -> io::Result<()> {
    let mut text = format!("{FIRST_LINE}\nlog {}\nend {}\n", hex(log), index.end);
    let _ = writeln!(text, "segments {}", index.segments.len());
    let mut companies: Vec<(&CompanyId, _)> = index.streams.iter().collect();
    companies.sort_unstable_by_key(|(company, _)| *company);
    for (company, stream) in companies {
        let head = head_text(stream.head.version, &stream.head.hash.to_string());
        let _ = writeln!(text, "{company} {head}");
    }
    let _ = writeln!(text, "crc32c {:08x}", crc32c::crc32c(text.as_bytes()));
    // Sync before rename: after a loss of power the name must never point to a file without content.
    let (path, unfinished) = (folder.join(NAME), folder.join("heads.tmp"));
    let mut file = File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    sync_folder(folder)
}

/// Reads the heads file.
pub(super) fn read(folder: &Path) -> io::Result<HeadsFile> {
    match fs::read(folder.join(NAME)) {
        Ok(bytes) => Ok(parse(&bytes).map_or(HeadsFile::Damaged, HeadsFile::Heads)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HeadsFile::Missing),
        Err(error) => Err(error),
    }
}

/// Renames a damaged heads file and returns its new path.
pub(super) fn set_aside(folder: &Path) -> io::Result<PathBuf> {
    let aside = folder.join("heads.damaged");
    fs::rename(folder.join(NAME), &aside)?;
    sync_folder(folder)?;
    Ok(aside)
}

fn parse(bytes: &[u8]) -> Option<Heads> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (body, sum) = text.split_at_checked(text.rfind("crc32c ")?)?;
    if sum != format!("crc32c {:08x}\n", crc32c::crc32c(body.as_bytes())) {
        return None;
    }
    let mut lines = body.lines();
    if lines.next()? != FIRST_LINE {
        return None;
    }
    let log = lines.next()?.strip_prefix("log ")?.to_owned();
    let end = lines.next()?.strip_prefix("end ")?.parse().ok()?;
    let segments = lines.next()?.strip_prefix("segments ")?.parse().ok()?;
    let companies = lines
        .map(|line| line.split_once(' ').map(|(name, head)| (name.to_owned(), head.to_owned())))
        .collect::<Option<_>>()?;
    Some(Heads { log, end, segments, companies })
}

fn head_text(version: u64, hash: &str) -> String {
    format!("{version} {hash}")
}

fn hex(log: &LogId) -> String {
    log.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
