//! The second place: where the log stood, beside the log, so that a log cut off at a clean edge shows.

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

/// Where the log stood when the file was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heads {
    log: String,
    pub(super) end: u64,
    pub(super) segments: usize,
    /// Each company's version and hash, as text.
    companies: HashMap<String, String>,
}

/// What is found in the second place.
#[derive(Debug)]
pub(super) enum HeadsFile {
    Nothing,
    Heads(Heads),
    /// The file is not what was written; the log itself must do without.
    Damaged,
}

impl Heads {
    /// How the log differs from what is written here, if it does. Asked when the log has been read up
    /// to [`Heads::end`].
    pub(super) fn differs(&self, log: &LogId, index: &Index) -> Option<String> {
        if self.log != hex(log) {
            return Some("it is another log".to_owned());
        }
        if self.companies.len() != index.streams.len() {
            let (then, now) = (self.companies.len(), index.streams.len());
            return Some(format!("{then} companies are written there and the log has {now}"));
        }
        index.streams.iter().find_map(|(company, stream)| {
            let now = head_text(stream.head.version, &stream.head.hash.to_string());
            let then = self.companies.get(company.as_str()).map_or("unknown", String::as_str);
            (then != now).then(|| format!("company {company} was at {then} and is at {now}"))
        })
    }
}

/// Writes where the log stands: beside first, then in place.
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
    let (path, unfinished) = (folder.join(NAME), folder.join("heads.tmp"));
    let mut file = File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    sync_folder(folder)
}

/// Reads what was written last.
pub(super) fn read(folder: &Path) -> io::Result<HeadsFile> {
    match fs::read(folder.join(NAME)) {
        Ok(bytes) => Ok(parse(&bytes).map_or(HeadsFile::Damaged, HeadsFile::Heads)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HeadsFile::Nothing),
        Err(error) => Err(error),
    }
}

/// Puts a damaged file out of the way and answers where it is now.
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
