//! Reads a damaged log as far as it is certain, and finds the companies that lost commits.
//!
//! A company goes on only if the log proves that it lost nothing: turning back flipped bits shows which commits are damaged, or
//! the company has a commit after the damage that names the hash of the commit before, or the heads file names its last commit.

mod doubt;
mod exact;
mod frames;
mod state;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use boarding_commands::commit::SCHEMA;

use super::error::{OpenError, io_error};
use super::flipped_bit;
use super::frame::{LogId, NotASegment, Record, SegmentHeader};
use super::heads::{Heads, HeadsFile};
use super::index::{Index, IndexEntry, Segment, location};
use super::recover::{LastSegment, Recovered, list};
use super::segment;
use crate::codec::{self, DecodeError};
use crate::{Certainty, DamagePlace, Head};
use state::Salvage;

/// Reads a damaged log. Returns none if it is unknown where it ends, or whether it is one log.
///
/// # Errors
/// When a file cannot be read, or was written by a newer program.
pub(super) fn salvage(
    folder: &Path,
    heads_file: &HeadsFile,
    commands_indexed_up_to: u64,
) -> Result<Option<Recovered>, OpenError> {
    let heads = match heads_file {
        HeadsFile::Heads(heads) => Some(heads),
        HeadsFile::Missing | HeadsFile::Damaged => None,
    };
    let segments = list(folder)?;
    let Some(log) = log_of_most(&segments)? else { return Ok(None) };
    if let Some(found) = exact::recover_flipped(folder, heads, &log, commands_indexed_up_to)? {
        return Ok(Some(found));
    }
    let mut salvage = Salvage {
        heads,
        log,
        index: Index { commands_indexed_up_to, ..Index::default() },
        previous: Some(0),
        last: LastSegment::default(),
        last_is_usable: false,
        bad: None,
        first_bad: None,
        doubts: Vec::new(),
        last_positions: HashMap::new(),
        has_compared_heads: false,
    };
    for (at, (named, path)) in segments.iter().enumerate() {
        salvage.segment(*named, path, at + 1 == segments.len())?;
    }
    Ok(salvage.finish())
}

/// The log that most segments are of; none if no segment can be read. A flipped bit in a header hides it from no reader.
pub(super) fn log_of_most(segments: &[(u64, PathBuf)]) -> Result<Option<LogId>, OpenError> {
    let mut counts: HashMap<LogId, usize> = HashMap::new();
    for (named, path) in segments {
        let bytes = fs::read(path).map_err(io_error("read segment", path))?;
        match SegmentHeader::parse(&bytes) {
            Ok(header) => *counts.entry(header.log).or_default() += 1,
            Err(NotASegment::Damaged(_)) => {
                if let Some(log) = flipped_bit::log_of_header(&bytes) {
                    *counts.entry(log).or_default() += 1;
                }
            }
            Err(NotASegment::Newer(found)) => {
                return Err(OpenError::Newer { segment: segment::name(*named), found });
            }
        }
    }
    let most = counts.into_iter().max_by_key(|(log, count)| (*count, *log));
    Ok(most.map(|(log, _)| log))
}

impl Salvage<'_> {
    fn segment(&mut self, named: u64, path: &Path, is_last: bool) -> Result<(), OpenError> {
        let bytes = fs::read(path).map_err(io_error("read segment", path))?;
        let name = segment::name(named);
        let place = |what: &str| DamagePlace {
            segment: name.clone(),
            offset: 0,
            position: named,
            what: what.to_owned(),
        };
        self.last_is_usable = false;
        let expected = self.index.segments.len();
        match SegmentHeader::parse(&bytes) {
            Ok(header) if header.log != self.log => {
                self.found_bad(place("the segment is of another log"));
                return Ok(());
            }
            Ok(header)
                if header.first_position != named || (header.ordinal as usize) < expected =>
            {
                self.found_bad(place("the segment is not the one of its name"));
                return Ok(());
            }
            Ok(header) => {
                let missing = header.ordinal as usize - expected;
                if missing > 0 {
                    let what = format!("{missing} segments before it are missing");
                    self.found_bad(place(&what));
                    // Locations hold the number of a segment, so the missing ones keep their numbers.
                    self.index.segments.extend((0..missing).map(|_| Segment::new(named)));
                }
                let is_linked = self.previous.is_none_or(|previous| previous == header.previous);
                if !is_linked && named == self.index.end + 1 {
                    self.doubt_before(named, place("the segment before it ends in another way"));
                }
                self.continues_at(named, &place("positions are missing before it"));
                self.previous = Some(header.previous);
            }
            Err(_) => {
                self.found_bad(place("the header of the segment is damaged"));
                self.previous = None;
            }
        }
        self.index.segments.push(Segment::new(named));
        self.last = LastSegment { path: path.to_owned(), ..LastSegment::default() };
        self.last_is_usable = true;
        self.frames(&bytes, &name, is_last)
    }

    /// Adds a record whose checksum is right to the index. Returns whether it is a commit.
    fn record(&mut self, record: &Record<'_>, name: &str, at: usize) -> Result<bool, OpenError> {
        let Ok(envelope) = codec::peek(record.commit) else { return Ok(false) };
        if envelope.schema > SCHEMA {
            let spot = super::error::spot_of_record(&[], name, at);
            let source = DecodeError::Newer { found: envelope.schema };
            return Err(OpenError::Unreadable { spot, source });
        }
        let Ok(company) = envelope.company_id() else { return Ok(false) };
        let place = |what: &str| DamagePlace {
            segment: name.to_owned(),
            offset: at as u64,
            position: record.position,
            what: what.to_owned(),
        };
        self.continues_at(record.position, &place("positions are missing before it"));
        let last_position = record.position + envelope.span() - 1;
        let head = self.index.head(&company);
        if self.index.stopped.contains_key(&company) {
            self.index.end = last_position;
        } else if (envelope.first_version, envelope.previous) != (head.version + 1, head.hash) {
            let place =
                self.doubt_after(&company).unwrap_or_else(|| place("the hash chain is broken"));
            self.stop(&company, place, Certainty::Lost);
            self.index.end = last_position;
        } else {
            let segment = u32::try_from(self.index.segments.len() - 1).unwrap_or(u32::MAX);
            self.last_positions.insert(company.clone(), last_position);
            self.index.add(IndexEntry {
                company,
                command: envelope.command,
                first_version: envelope.first_version,
                head: Head { version: envelope.last_version(), hash: record.hash },
                position: record.position,
                last_position,
                location: location(segment, at as u64),
            });
        }
        self.compare_heads();
        Ok(true)
    }

    /// The result; none if it is unknown where the log ends.
    fn finish(mut self) -> Option<Recovered> {
        // Behind damaged bytes at the end, more commits may be missing than any other place names.
        if self.bad.is_some() {
            return None;
        }
        let is_other = |heads: &Heads| {
            heads.end > self.index.end
                || heads.segments > self.index.segments.len()
                || !heads.is_of(&self.log)
        };
        if self.heads.is_some_and(is_other) || !self.last_is_usable {
            return None;
        }
        self.stop_doubted();
        if self.index.stopped.is_empty() && self.index.may_lack_companies.is_none() {
            self.index.harmless = self.first_bad.take();
        }
        // A log that is refused although nothing is missing has another fault.
        if !self.index.is_damaged() {
            return None;
        }
        let Self { index, log, previous, last, .. } = self;
        Some(Recovered { index, log, previous: previous?, last })
    }
}
