//! The index of the log in memory: heads, locations, segments. Rebuilt each time the log is opened.

use std::collections::{BTreeMap, HashMap};

use boarding_commands::values::{CommandId, CompanyId};

use super::frame::SEGMENT_HEADER;
use crate::commands::CommandIndex;
use crate::{Certainty, CompanyDamage, DamagePlace, Head, Location};

/// The distance between two indexed frames, in bytes. A read from a position skips at most this many
/// bytes and one frame. The marks of a segment of 64 MiB need 16 KiB of memory.
const MARK_EVERY_BYTES: u64 = 64 * 1024;

/// The index holds only durable commits. A commit needs 16 bytes, and 29 more while it is in
/// [`CommandIndex`].
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) streams: HashMap<CompanyId, Stream>,
    pub(super) segments: Vec<Segment>,
    pub(super) commands: CommandIndex,
    /// The index of the caller has the commands up to this position, so `commands` has only later ones.
    pub(super) commands_indexed_up_to: u64,
    /// The last position.
    pub(super) end: u64,
    pub(super) commits: u64,
    /// The companies that lost commits. Their later commits are not in the index, and readers skip them.
    pub(super) stopped: HashMap<CompanyId, CompanyDamage>,
    /// The first damaged bytes that hold no commit.
    pub(super) harmless: Option<DamagePlace>,
    /// The damaged frames by segment and offset.
    pub(super) damaged: BTreeMap<(u32, u64), DamagedRegion>,
    /// The damage that may have removed companies with all their commits.
    pub(super) may_lack_companies: Option<DamagePlace>,
}

/// A damaged frame, or damaged bytes between frames.
#[derive(Debug)]
pub(super) struct DamagedRegion {
    /// The offsets of its intact records.
    pub(super) records: Vec<u64>,
    /// The offset after it.
    pub(super) end: u64,
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) head: Head,
    /// The first version and the location of each commit, in order.
    pub(super) commits: Vec<(u64, Location)>,
}

/// The durable part of a segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) first_position: u64,
    /// The byte after its last frame.
    pub(super) end: u64,
    /// The positions and offsets of some frames, for [`Index::locate`].
    marks: Vec<(u64, u64)>,
}

impl Segment {
    pub(super) fn new(first_position: u64) -> Self {
        Self { first_position, end: SEGMENT_HEADER as u64, marks: Vec::new() }
    }

    /// Adds a frame at the end of the segment.
    pub(super) fn add_frame(&mut self, position: u64, offset: u64, end: u64) {
        if self.marks.last().is_none_or(|(_, mark)| offset - mark >= MARK_EVERY_BYTES) {
            self.marks.push((position, offset));
        }
        self.end = end;
    }
}

/// A commit to add to the index.
#[derive(Debug)]
pub(super) struct IndexEntry {
    pub(super) company: CompanyId,
    pub(super) command: CommandId,
    pub(super) first_version: u64,
    pub(super) head: Head,
    pub(super) position: u64,
    pub(super) last_position: u64,
    pub(super) location: Location,
}

impl Index {
    pub(super) fn head(&self, company: &CompanyId) -> Head {
        self.streams.get(company).map(|stream| stream.head).unwrap_or_default()
    }

    /// Whether the log has lost commits.
    pub(super) fn is_damaged(&self) -> bool {
        !self.stopped.is_empty()
            || !self.damaged.is_empty()
            || self.may_lack_companies.is_some()
            || self.harmless.is_some()
    }

    /// The damage that forbids to append to a company. A company that the log does not know may have been lost as a whole.
    pub(super) fn damage(&self, company: &CompanyId) -> Option<CompanyDamage> {
        if let Some(damage) = self.stopped.get(company) {
            return Some(damage.clone());
        }
        let place =
            self.may_lack_companies.as_ref().filter(|_| !self.streams.contains_key(company))?;
        Some(CompanyDamage {
            company: company.clone(),
            version: 0,
            place: place.clone(),
            certainty: Certainty::MayBeLost,
        })
    }

    pub(super) fn add(&mut self, entry: IndexEntry) {
        if entry.position > self.commands_indexed_up_to {
            self.commands.insert(&entry.company, entry.command, entry.position, entry.location);
        }
        let stream = self.streams.entry(entry.company).or_default();
        stream.head = entry.head;
        stream.commits.push((entry.first_version, entry.location));
        self.end = entry.last_position;
        self.commits += 1;
    }

    pub(super) fn forget_commands_up_to(&mut self, position: u64) {
        self.commands_indexed_up_to = self.commands_indexed_up_to.max(position);
        self.commands.forget_up_to(position);
    }

    /// The segment and offset of the last marked frame that is not after the position. A reader starts there and
    /// skips the frames before the position.
    pub(super) fn locate(&self, position: u64) -> (u32, u64) {
        let after = self.segments.partition_point(|segment| segment.first_position <= position);
        let ordinal = after.saturating_sub(1);
        let offset = self.segments.get(ordinal).and_then(|segment| {
            let after = segment.marks.partition_point(|(first, _)| *first <= position);
            segment.marks.get(after.checked_sub(1)?).map(|(_, offset)| *offset)
        });
        (to_ordinal(ordinal), offset.unwrap_or(SEGMENT_HEADER as u64))
    }

    /// The commit that holds the version, as an index of [`Stream::commits`].
    pub(super) fn locate_version(&self, company: &CompanyId, version: u64) -> usize {
        let Some(stream) = self.streams.get(company) else { return 0 };
        let commits = &stream.commits;
        let at = commits.partition_point(|(first, _)| *first < version);
        // If no commit begins at the version, the commit before holds it. A version after the head has no commit.
        let next = commits.get(at).map_or(stream.head.version + 1, |(first, _)| *first);
        at - usize::from(at > 0 && next > version)
    }

    /// The end of a segment, if it exists, and whether another segment follows.
    pub(super) fn segment_end(&self, ordinal: u32) -> Option<(u64, bool)> {
        let segment = self.segments.get(ordinal as usize)?;
        Some((segment.end, self.segments.len() > ordinal as usize + 1))
    }
}

/// The location of a record: the segment number in the upper 32 bits, the offset in the lower.
pub(super) fn location(ordinal: u32, offset: u64) -> Location {
    Location(u64::from(ordinal) << 32 | offset & u64::from(u32::MAX))
}

/// The segment number and the offset of a location.
pub(super) fn parts(location: Location) -> (u32, u64) {
    (
        to_ordinal(usize::try_from(location.0 >> 32).unwrap_or(usize::MAX)),
        location.0 & u64::from(u32::MAX),
    )
}

fn to_ordinal(ordinal: usize) -> u32 {
    u32::try_from(ordinal).unwrap_or(u32::MAX)
}
