//! Repairs a damaged log: with the segments of a backup, and by turning back a flipped bit.
//!
//! Nothing is invented: the repaired log must pass all checks that an intact log passes, hashes and links included.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use boarding_commands::values::Digest;
use tempfile::TempDir;

use super::error::{OpenError, io_error};
use super::flipped_bit;
use super::frame::{FRAME_HEADER, FrameHeader, LogId, RECORD_HEADER, Record, SEGMENT_HEADER};
use super::heads::{self, HeadsFile};
use super::recover::list;
use super::salvage::{log_of_most, salvage};
use super::segment::{self, sync_folder};
use super::tail;
use super::verify;
use crate::codec::COMMIT_BYTES_MAX;
use crate::{CompanyDamage, DamagePlace};

/// The end of the names of damaged segments that were replaced.
const DAMAGED: &str = ".damaged";
/// The beginning of the name of the folder with the repaired log.
const SCRATCH: &str = ".boarding-repair-";
/// The most damaged copies of one segment that are kept.
const DAMAGED_COPIES_MAX: usize = 1_000;

/// How much of the damage is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mended {
    /// The log is intact again.
    All,
    /// Damage is left: these companies take no commands. The error is the first one that is left.
    Partly { left: Vec<CompanyDamage>, error: String },
}

/// A repair that was found and verified, and is not carried out yet.
#[derive(Debug)]
pub struct Repair {
    folder: PathBuf,
    /// The folder with the new segments.
    scratch: TempDir,
    /// The names of the segments that are replaced or added.
    pub segments: Vec<String>,
    pub mended: Mended,
}

/// Why a log cannot be repaired. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    #[error("the log is intact; there is nothing to repair")]
    Intact,
    #[error("the backup is of another log")]
    OtherLog,
    /// Both have an intact commit at one place, and they differ.
    #[error(
        "the backup has another history: segment {segment} differs at byte {offset} in a commit that is intact"
    )]
    OtherHistory { segment: String, offset: usize },
    #[error("the missing part was not found: {0}")]
    NotFound(OpenError),
    #[error(transparent)]
    Log(#[from] OpenError),
}

/// Finds how the log in a folder can be repaired. `source` is the log of a backup, or none. It changes no file of the log.
///
/// # Errors
/// When the log is intact, when nothing of the damage can be mended, or when files cannot be read or written.
pub fn find_repair(folder: &Path, source: Option<&Path>) -> Result<Repair, RepairError> {
    let error = match verify(folder) {
        Ok(_) => return Err(RepairError::Intact),
        Err(error) if error.is_damage() => error,
        Err(error) => return Err(error.into()),
    };
    let own = list(folder)?;
    let candidates = match source {
        Some(source) => list(source)?,
        None => Vec::new(),
    };
    let Some(log) = log_of_most(&own)?.or(log_of_most(&candidates)?) else {
        return Err(RepairError::NotFound(error));
    };
    if source.is_some() && log_of_most(&candidates)? != Some(log) {
        return Err(RepairError::OtherLog);
    }
    let scratch = scratch_of(folder)?;
    let mut segments = Vec::new();
    for (at, (first, path)) in candidates.iter().enumerate() {
        let name = segment::name(*first);
        let intact = fs::read(path).map_err(io_error("read segment", path))?;
        let is_whole = at + 1 < candidates.len();
        if let Some(bytes) = replaced(&folder.join(&name), &intact, is_whole, &log)? {
            write(&scratch.path().join(&name), &bytes)?;
            segments.push(name);
        }
    }
    for (first, path) in &own {
        let name = segment::name(*first);
        let current = scratch.path().join(&name);
        let is_replaced = segments.contains(&name);
        let bytes = if is_replaced { fs::read(&current) } else { fs::read(path) };
        let bytes = bytes.map_err(io_error("read segment", path))?;
        match flipped_bit::turn_back(&bytes, &log) {
            Some(bytes) => {
                write(&current, &bytes)?;
                if !is_replaced {
                    segments.push(name);
                }
            }
            None if is_replaced => {}
            None => link(path, &current)?,
        }
    }
    let named = folder.join(heads::NAME);
    if named.exists() {
        link(&named, &scratch.path().join(heads::NAME))?;
    }
    let mended = match verify(scratch.path()) {
        Ok(_) => Mended::All,
        Err(left) if left.is_damage() => match improvement(folder, scratch.path())? {
            Some(companies) => Mended::Partly { left: companies, error: crate::error_chain(&left) },
            None => return Err(RepairError::NotFound(left)),
        },
        Err(error) => return Err(error.into()),
    };
    check_own_commits(folder, scratch.path(), &log)?;
    check_links(scratch.path(), &log)?;
    segments.sort_unstable();
    Ok(Repair { folder: folder.to_owned(), scratch, segments, mended })
}

impl Repair {
    /// The folder with the repaired log, until it is carried out.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// Carries the repair out. Each damaged segment is kept beside the new one. At each moment each name has the damaged or
    /// the new bytes, so an interrupted repair can be repeated.
    ///
    /// # Errors
    /// When files cannot be written.
    pub fn carry_out(self) -> Result<(), OpenError> {
        for name in &self.segments {
            let (new, path) = (self.scratch.path().join(name), self.folder.join(name));
            if path.exists() {
                keep_damaged(&path).map_err(io_error("keep the damaged segment", &path))?;
            }
            fs::rename(new, &path).map_err(io_error("replace segment", &path))?;
        }
        sync_folder(&self.folder).map_err(io_error("sync the folder", &self.folder))
    }
}

fn parent_of(folder: &Path) -> &Path {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// A folder for the repaired log, on the same disk as the log.
fn scratch_of(folder: &Path) -> Result<TempDir, OpenError> {
    let parent = parent_of(folder);
    let made = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(parent);
    made.map_err(io_error("make a folder in", parent))
}

/// The bytes that replace a segment: those of the backup, then what the segment has behind them, unless the backup has the whole
/// segment. None if the segment begins with the bytes of the backup.
fn replaced(
    path: &Path,
    intact: &[u8],
    is_whole: bool,
    log: &LogId,
) -> Result<Option<Vec<u8>>, RepairError> {
    let own = match fs::read(path) {
        Ok(own) => own,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(intact.to_owned())),
        Err(error) => return Err(io_error("read segment", path)(error).into()),
    };
    let mut at = SEGMENT_HEADER;
    while let Some(rest) = intact.get(at..)
        && let Some(header) = FrameHeader::parse(rest, log)
    {
        let end = at + header.total();
        let own_frame = own.get(at..).unwrap_or_default();
        let own_header = FrameHeader::parse(own_frame, log);
        let is_same_place = |it: &FrameHeader| it.first_position == header.first_position;
        let is_intact =
            own_header.filter(is_same_place).is_some_and(|it| it.payload(own_frame).is_some());
        if is_intact && own.get(at..end) != intact.get(at..end) {
            let segment = path.file_name().map(|name| name.to_string_lossy().into_owned());
            return Err(RepairError::OtherHistory {
                segment: segment.unwrap_or_default(),
                offset: at,
            });
        }
        at = end;
    }
    // The last segment of a backup may have unused bytes behind its frames, where the log has its later frames.
    let (intact, behind) = match is_whole {
        true => (intact, &[][..]),
        false => (intact.get(..at).unwrap_or(intact), own.get(at..).unwrap_or_default()),
    };
    Ok((!own.starts_with(intact)).then(|| [intact, behind].concat()))
}

/// Checks that the repaired log has every intact commit of the damaged one, at its position. Otherwise the backup has another
/// history.
fn check_own_commits(before: &Path, after: &Path, log: &LogId) -> Result<(), RepairError> {
    let read = |path: &Path| fs::read(path).map_err(io_error("read segment", path));
    let mut kept = HashSet::new();
    for (_, path) in list(after)? {
        kept.extend(intact_records(&read(&path)?, log).into_iter().map(|(_, commit)| commit));
    }
    for (first, path) in list(before)? {
        let own = intact_records(&read(&path)?, log);
        if let Some((offset, _)) = own.into_iter().find(|(_, commit)| !kept.contains(commit)) {
            return Err(RepairError::OtherHistory { segment: segment::name(first), offset });
        }
    }
    Ok(())
}

/// Checks that intact frames that follow each other belong together, also behind damage that is left. Otherwise those of the
/// backup are of another history.
fn check_links(folder: &Path, log: &LogId) -> Result<(), RepairError> {
    for (first, path) in list(folder)? {
        let bytes = fs::read(&path).map_err(io_error("read segment", &path))?;
        let (mut at, mut previous) = (SEGMENT_HEADER, None);
        while let Some(header) = bytes.get(at..).and_then(|rest| FrameHeader::parse(rest, log)) {
            if previous.is_some_and(|previous| previous != header.previous) {
                return Err(RepairError::OtherHistory {
                    segment: segment::name(first),
                    offset: at,
                });
            }
            previous = Some(header.checksum);
            at += header.total();
        }
    }
    Ok(())
}

/// The offsets of the intact records of a segment, each with its position and hash.
fn intact_records(bytes: &[u8], log: &LogId) -> Vec<(usize, (u64, Digest))> {
    let (mut records, mut at, end) = (Vec::new(), SEGMENT_HEADER, tail::last_used(bytes));
    while at < end {
        let rest = bytes.get(at..).unwrap_or_default();
        if FrameHeader::parse(rest, log).is_some() {
            at += FRAME_HEADER;
            continue;
        }
        let length = Record::total(rest).unwrap_or_default();
        let is_possible = (RECORD_HEADER + 1..=RECORD_HEADER + COMMIT_BYTES_MAX).contains(&length);
        match is_possible.then(|| Record::parse(rest)).flatten() {
            Some(record) => {
                records.push((at, (record.position, record.hash)));
                at += length;
            }
            None => at += 1,
        }
    }
    records
}

/// Removes what an interrupted repair has left beside the log in a folder. No other repair may work on it.
pub fn remove_left_repairs(folder: &Path) {
    for entry in fs::read_dir(parent_of(folder)).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(SCRATCH)) {
            // What cannot be removed now is removed by the next repair.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The companies that are still damaged after a repair, if it mends something.
fn improvement(before: &Path, after: &Path) -> Result<Option<Vec<CompanyDamage>>, OpenError> {
    let Some(new) = damage_of(after)? else { return Ok(None) };
    let Some(old) = damage_of(before)? else { return Ok(Some(new.0)) };
    let version = |of: &[CompanyDamage], one: &CompanyDamage| {
        of.iter().find(|it| it.company == one.company).map_or(u64::MAX, |it| it.version)
    };
    let is_worse = new.0.iter().any(|it| it.version < version(&old.0, it));
    let is_better = old.0.iter().any(|it| it.version < version(&new.0, it))
        || (old.1.is_some() && new.1.is_none());
    Ok((is_better && !is_worse).then_some(new.0))
}

type Damage = (Vec<CompanyDamage>, Option<DamagePlace>);

/// The damage of a log; none if it cannot be opened.
fn damage_of(folder: &Path) -> Result<Option<Damage>, OpenError> {
    let heads: HeadsFile = heads::read(folder).map_err(io_error("read the heads in", folder))?;
    let found = salvage(folder, &heads, u64::MAX)?;
    Ok(found.map(|found| {
        let mut companies: Vec<_> = found.index.stopped.into_values().collect();
        companies.sort_unstable_by(|one, other| one.company.cmp(&other.company));
        (companies, found.index.may_lack_companies)
    }))
}

fn link(from: &Path, to: &Path) -> Result<(), OpenError> {
    let from = fs::canonicalize(from).map_err(io_error("find", from))?;
    symlink(from, to).map_err(io_error("make the link", to))
}

/// Writes a file durably.
fn write(path: &Path, bytes: &[u8]) -> Result<(), OpenError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(io_error("write", path))
}

/// Gives the damaged segment a second name.
fn keep_damaged(path: &Path) -> io::Result<()> {
    for number in 1..DAMAGED_COPIES_MAX {
        let extension =
            if number == 1 { DAMAGED.to_owned() } else { format!("-{number}{DAMAGED}") };
        match fs::hard_link(path, path.with_extension(format!("log{extension}"))) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            done => return done,
        }
    }
    Err(io::Error::other(format!("{DAMAGED_COPIES_MAX} damaged copies exist; move them away")))
}
