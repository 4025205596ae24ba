//! A log whose damage is flipped bits: when they are turned back in memory, the log passes all checks. So it is known exactly
//! which commits are damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::super::error::{OpenError, io_error};
use super::super::flipped_bit;
use super::super::frame::{FRAME_HEADER, FrameHeader, LogId, Record, SEGMENT_HEADER};
use super::super::heads::Heads;
use super::super::index::{DamagedRegion, Index, location};
use super::super::recover::{Recovered, list, recover_mended};
use super::super::segment;
use crate::{Certainty, CompanyDamage, DamagePlace, Head, codec};

/// A segment with flipped bits, and the same with these turned back.
struct Flipped {
    damaged: Vec<u8>,
    mended: Vec<u8>,
}

/// Reads a log whose damage is flipped bits. Returns none if it has other damage. No file is changed.
///
/// # Errors
/// When a file cannot be read, or was written by a newer program.
pub(super) fn recover_flipped(
    folder: &Path,
    heads: Option<&Heads>,
    log: &LogId,
    commands_indexed_up_to: u64,
) -> Result<Option<Recovered>, OpenError> {
    let mut flipped = BTreeMap::new();
    for (ordinal, (_, path)) in (0..).zip(list(folder)?) {
        let damaged = fs::read(&path).map_err(io_error("read segment", &path))?;
        if let Some(mended) = flipped_bit::turn_back(&damaged, log) {
            flipped.insert(path, (ordinal, Flipped { damaged, mended }));
        }
    }
    let mut bytes_of = |path: &Path| match flipped.get(path) {
        Some((_, Flipped { mended, .. })) => Ok(mended.clone()),
        None => fs::read(path).map_err(io_error("read segment", path)),
    };
    let mut found = match recover_mended(folder, heads, commands_indexed_up_to, &mut bytes_of) {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(None),
        Err(error) if error.is_damage() => return Ok(None),
        Err(error) => return Err(error),
    };
    for (path, (ordinal, segment)) in &flipped {
        mark(&mut found.index, path, *ordinal, segment, log);
        if *path == found.last.path
            && let Some((start, frame)) = &mut found.last.frame
            && let Some(stored) = segment.damaged.get(*start..*start + frame.len())
        {
            // Opening writes the last frame again. It must stay as it is.
            *frame = stored.to_vec();
        }
    }
    Ok(Some(found))
}

/// Marks the damaged frames of a segment, and stops the companies of the damaged commits.
fn mark(index: &mut Index, path: &Path, ordinal: u32, segment: &Flipped, log: &LogId) {
    let differs =
        |from: usize, to: usize| segment.damaged.get(from..to) != segment.mended.get(from..to);
    let harmless = |at: usize, position: u64, what: &str| DamagePlace {
        segment: name_of(path),
        offset: at as u64,
        position,
        what: what.to_owned(),
    };
    if differs(0, SEGMENT_HEADER) {
        let first =
            index.segments.get(ordinal as usize).map_or(0, |segment| segment.first_position);
        let place = harmless(0, first, "checksum of the segment's header");
        index.harmless.get_or_insert(place);
    }
    let mut at = SEGMENT_HEADER;
    while let Some(rest) = segment.mended.get(at..)
        && let Some(header) = FrameHeader::parse(rest, log)
    {
        let end = at + header.total();
        if differs(at, end) {
            let (mut records, mut offset) = (Vec::new(), at + FRAME_HEADER);
            for _ in 0..header.commits {
                let rest = segment.mended.get(offset..).unwrap_or_default();
                let next = offset + Record::total(rest).unwrap_or(rest.len());
                match Record::trust(rest) {
                    Some(record) if differs(offset, next) => {
                        stop(index, path, ordinal, offset, &record);
                    }
                    _ => records.push(offset as u64),
                }
                offset = next;
            }
            if records.len() == header.commits as usize {
                let place = harmless(at, header.first_position, "checksum of a frame");
                index.harmless.get_or_insert(place);
            }
            index.damaged.insert((ordinal, at as u64), DamagedRegion { records, end: end as u64 });
        }
        at = end;
    }
}

/// Stops the company of a damaged commit before it.
fn stop(index: &mut Index, path: &Path, ordinal: u32, offset: usize, record: &Record<'_>) {
    let Ok(envelope) = codec::peek(record.commit) else { return };
    let Ok(company) = envelope.company_id() else { return };
    let version = envelope.first_version - 1;
    let damage = CompanyDamage {
        company: company.clone(),
        version,
        place: DamagePlace {
            segment: name_of(path),
            offset: offset as u64,
            position: record.position,
            what: "checksum of a commit".to_owned(),
        },
        certainty: Certainty::Lost,
    };
    // Segments and frames come in order, so the first damage of a company is the one that counts.
    if index.stopped.contains_key(&company) {
        return;
    }
    let place = location(ordinal, offset as u64);
    if let Some(stream) = index.streams.get_mut(&company) {
        let kept = stream.commits.iter().position(|(_, at)| *at == place).unwrap_or(0);
        stream.commits.truncate(kept);
        stream.head = Head { version, hash: envelope.previous };
        if kept == 0 {
            index.streams.remove(&company);
        }
    }
    index.stopped.insert(company, damage);
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().and_then(|name| name.to_str());
    let first = name.and_then(segment::position_of);
    first.map_or_else(String::new, segment::name)
}
