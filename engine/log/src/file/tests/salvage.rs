//! Tests of damaged logs of several companies: the others go on, and none loses commits in silence.

use boarding_commands::values::Digest;
use proptest::prelude::*;

use super::super::frame::{self, FrameHeader};
use super::super::heads::HeadsFile;
use super::super::recover::Depth;
use super::*;
use crate::Certainty;
use crate::contract::sample::company;

/// The companies of the tests. Each has a commit in each round.
const COMPANIES: [&str; 3] = ["acme", "mira", "zeta"];

/// Appends rounds of commits, several companies in one frame at times, and returns the entries.
async fn fill_together(folder: &Path, segment_bytes: u64, rounds: usize) -> Vec<Entry> {
    let log = open(folder, segment_bytes).unwrap().log;
    for round in 0..rounds {
        let append = |name| log.append(vec![sample::next(&log, &company(name), 1 + round % 2)]);
        let [first, second, third] = COMPANIES.map(append);
        let (first, second, third) = tokio::join!(first, second, third);
        first.and(second).and(third).unwrap();
    }
    drain(&mut *log.read_all(1))
}

/// The commits of a company: version, position and hash of each. Bytes that were copied within a segment have other locations.
fn of(entries: &[Entry], name: &str) -> Vec<(u64, u64, Digest)> {
    let recorded = entries.iter().map(|entry| &entry.recorded);
    let own = recorded.filter(|recorded| recorded.commit.company.as_str() == name);
    own.map(|it| (it.commit.last_version(), it.position, it.hash)).collect()
}

/// Opens a damaged folder. A company that goes on has all its commits; another one has the first of them and is named. Returns
/// how many companies go on; none if the log is not opened.
#[track_caller]
fn assert_contained(folder: &Path, was: &[Entry], context: &str) -> Option<usize> {
    let log = match open(folder, 2_000) {
        Ok(Opened { torn: Some(_), .. }) => return None,
        Ok(opened) => opened.log,
        Err(error) => {
            assert!(
                error.is_damage() || matches!(error, OpenError::Newer { .. }),
                "{context}: {error}"
            );
            return None;
        }
    };
    let now = drain(&mut *log.read_all(1));
    let mut going_on = 0;
    for name in COMPANIES {
        let (was, now) = (of(was, name), of(&now, name));
        let read = of(&drain(&mut *log.read_company(&company(name), 1)), name);
        assert_eq!(read, now, "{context}: {name} is read in two ways");
        match log.damage(&company(name)) {
            None => {
                assert_eq!(now, was, "{context}: {name} lost commits in silence");
                going_on += 1;
            }
            Some(damage) => {
                assert_eq!(now, was[..now.len()], "{context}: {name}");
                let last = now.last().map_or(0, |(version, ..)| *version);
                assert_eq!(damage.version, last, "{context}: {name}");
                assert!(now.len() < was.len() || damage.certainty == Certainty::MayBeLost);
            }
        }
    }
    Some(going_on)
}

/// Each company that goes on gets a commit. It is there after two more openings.
async fn assert_goes_on(folder: &Path, context: &str) {
    let (mut heads, mut damaged) = (Vec::new(), Vec::new());
    for time in 0..3 {
        let log = open(folder, 2_000).unwrap().log;
        let found: Vec<_> = COMPANIES.map(|name| log.head(&company(name))).into();
        if time > 0 {
            assert_eq!((found, log.damaged_companies()), (heads, damaged), "{context}: {time}");
        }
        for name in COMPANIES {
            let commit = sample::next(&log, &company(name), 1);
            let is_damaged = log.damage(&company(name)).is_some();
            assert_eq!(log.append(vec![commit]).await.is_err(), is_damaged, "{context}: {name}");
        }
        heads = COMPANIES.map(|name| log.head(&company(name))).into();
        damaged = log.damaged_companies();
    }
}

/// P29: one flipped bit stops at most the company of its commit, with a new, an older and no heads file.
#[tokio::test]
async fn one_flipped_bit_stops_no_company_that_lost_nothing() {
    let folder = memory_dir();
    fill_together(folder.path(), 2_000, 4).await;
    let older = fs::read(folder.path().join(heads::NAME)).unwrap();
    let was = fill_together(folder.path(), 2_000, 4).await;
    let newest = fs::read(folder.path().join(heads::NAME)).unwrap();
    let paths = segments(folder.path());
    assert!(paths.len() > 2, "{paths:?}");
    let (mut flips, mut going_on) = (0, 0);
    for heads in [Some(newest), Some(older), None] {
        match &heads {
            Some(bytes) => fs::write(folder.path().join(heads::NAME), bytes).unwrap(),
            None => remove_heads(folder.path()),
        }
        for path in &paths {
            let intact = fs::read(path).unwrap();
            for at in (0..tail::last_used(&intact)).step_by(13) {
                let mut bytes = intact.clone();
                bytes[at] ^= 1 << (at % 8);
                let copy = copy_of(folder.path());
                fs::write(copy.path().join(path.file_name().unwrap()), bytes).unwrap();
                let context = format!("byte {at} of {}, heads {}", path.display(), heads.is_some());
                let companies = assert_contained(copy.path(), &was, &context);
                assert!(
                    companies.is_some_and(|companies| companies >= 2),
                    "{context}: {companies:?}"
                );
                (flips, going_on) = (flips + 1, going_on + companies.unwrap_or(0));
                if at % 3 == 0 {
                    assert_goes_on(copy.path(), &context).await;
                }
            }
        }
    }
    eprintln!("{flips} flips, {going_on} companies of {} go on", 3 * flips);
}

/// Overwrites the frames with these numbers in the only segment, headers included, so that nothing tells their owners.
fn overwrite_frames(folder: &Path, numbers: std::ops::RangeInclusive<usize>) {
    let path = segments(folder).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let mut starts = vec![frame::SEGMENT_HEADER];
    while let Some(header) = FrameHeader::parse(&bytes[starts[starts.len() - 1]..], &log_id(&bytes))
    {
        starts.push(starts[starts.len() - 1] + header.total());
    }
    bytes[starts[*numbers.start()]..starts[numbers.end() + 1]].fill(0xee);
    fs::write(path, bytes).unwrap();
}

fn log_id(segment: &[u8]) -> LogId {
    frame::SegmentHeader::parse(segment).unwrap().log
}

/// How sure it is that each company lost commits; none for those that go on.
fn certainties(log: &FileLog) -> [Option<Certainty>; 3] {
    COMPANIES.map(|name| log.damage(&company(name)).map(|damage| damage.certainty))
}

/// Appends one frame of a commit of each of these companies.
async fn append_frame(log: &FileLog, names: &[&str]) {
    let commits = names.iter().map(|name| sample::next(log, &company(name), 1)).collect();
    log.append(commits).await.unwrap();
}

async fn takes_commits_of(log: &FileLog, name: &str) -> bool {
    log.append(vec![sample::next(log, &company(name), 1)]).await.is_ok()
}

/// If nothing tells whose commits are missing, every company without a later commit may have lost some, also one whose
/// commits may all be missing. What the heads file says at the end of the log settles it.
#[tokio::test]
async fn doubt_stops_every_company_without_a_later_commit() {
    let folder = memory_dir();
    let log = open(folder.path(), 1 << 20).unwrap().log;
    for names in [&["acme", "mira", "zeta"][..], &["acme"], &["mira"], &["zeta"]] {
        append_frame(&log, names).await;
    }
    drop(log);
    overwrite_frames(folder.path(), 1..=2);
    let without_heads = copy_of(folder.path());
    remove_heads(without_heads.path());

    let log = open(folder.path(), 1 << 20).unwrap().log;
    assert_eq!(certainties(&log), [Some(Certainty::Lost), Some(Certainty::Lost), None]);
    assert!(takes_commits_of(&log, "nova").await, "the heads file has no such company");

    for time in ["first", "second"] {
        let log = open(without_heads.path(), 1 << 20).unwrap().log;
        let doubt = Some(Certainty::MayBeLost);
        assert_eq!(certainties(&log), [doubt, doubt, None], "{time} opening");
        assert!(!takes_commits_of(&log, "nova").await, "all its commits may be missing");
        assert!(takes_commits_of(&log, "zeta").await, "{time} opening");
    }
}

/// A heads file tells nothing about damage after its own position.
#[tokio::test]
async fn heads_settle_no_damage_after_them() {
    let folder = memory_dir();
    let log = open(folder.path(), 1 << 20).unwrap().log;
    append_frame(&log, &["acme", "mira", "zeta"]).await;
    drop(log);
    let heads = fs::read(folder.path().join(heads::NAME)).unwrap();
    let log = open(folder.path(), 1 << 20).unwrap().log;
    for name in ["acme", "zeta"] {
        append_frame(&log, &[name]).await;
    }
    drop(log);
    fs::write(folder.path().join(heads::NAME), heads).unwrap();
    overwrite_frames(folder.path(), 1..=1);
    let log = open(folder.path(), 1 << 20).unwrap().log;
    let doubt = Some(Certainty::MayBeLost);
    assert_eq!(certainties(&log), [doubt, doubt, None]);
    assert!(!takes_commits_of(&log, "nova").await);
}

/// Damaged bytes that name one company may hold the commits of others too.
#[tokio::test]
async fn bytes_of_several_commits_stop_more_than_their_named_company() {
    let folder = memory_dir();
    let log = open(folder.path(), 1 << 20).unwrap().log;
    for names in [&["acme", "mira", "zeta"][..], &["acme", "mira"], &["zeta"]] {
        append_frame(&log, names).await;
    }
    drop(log);
    remove_heads(folder.path());
    let path = segments(folder.path()).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let total = |at: usize| FrameHeader::parse(&bytes[at..], &log_id(&bytes)).unwrap().total();
    let start = frame::SEGMENT_HEADER + total(frame::SEGMENT_HEADER);
    let end = start + total(start);
    // The header of the frame and the positions and checksums of its two records.
    let first = start + frame::FRAME_HEADER;
    let second = first + frame::Record::total(&bytes[first..end]).unwrap();
    bytes[start..first + 20].fill(0xee);
    bytes[second..end].fill(0xee);
    fs::write(path, bytes).unwrap();
    let log = open(folder.path(), 1 << 20).unwrap().log;
    let damages = COMPANIES.map(|name| log.damage(&company(name)).is_some());
    assert_eq!(damages, [true, true, false]);
}

/// A frame that is whole and at its place may still be another one than was written: the next frame names the right one.
#[tokio::test]
async fn replaced_frame_stops_the_company_it_hides() {
    let folder = memory_dir();
    let log = open(folder.path(), 1 << 20).unwrap().log;
    append_frame(&log, &["acme", "mira", "zeta"]).await;
    drop(log);
    let fork = copy_of(folder.path());
    let file = |of: &tempfile::TempDir| segments(of.path()).pop().unwrap();
    for (of, names) in [(&folder, ["acme", "zeta"]), (&fork, ["mira", "zeta"])] {
        let log = open(of.path(), 1 << 20).unwrap().log;
        for name in names {
            append_frame(&log, &[name]).await;
        }
        drop(log);
        remove_heads(of.path());
    }
    let (mut bytes, other) = (fs::read(file(&folder)).unwrap(), fs::read(file(&fork)).unwrap());
    let total = |at: usize| FrameHeader::parse(&bytes[at..], &log_id(&bytes)).unwrap().total();
    let start = frame::SEGMENT_HEADER + total(frame::SEGMENT_HEADER);
    let end = start + total(start);
    assert_ne!(bytes[start..end], other[start..end]);
    bytes[start..end].copy_from_slice(&other[start..end]);
    fs::write(file(&folder), bytes).unwrap();
    let log = open(folder.path(), 1 << 20).unwrap().log;
    let doubt = Some(Certainty::MayBeLost);
    assert_eq!(certainties(&log), [doubt, doubt, None]);
}

#[tokio::test]
async fn damaged_log_with_heads_of_another_is_refused() {
    let (folder, other) = (memory_dir(), memory_dir());
    fill_together(folder.path(), 1 << 20, 4).await;
    fill_together(other.path(), 1 << 20, 2).await;
    fs::copy(other.path().join(heads::NAME), folder.path().join(heads::NAME)).unwrap();
    overwrite_frames(folder.path(), 1..=1);
    assert!(open(folder.path(), 1 << 20).unwrap_err().is_damage());
}

/// Damage somewhere else does not hide that the last segment is missing.
#[tokio::test]
async fn missing_last_segment_is_found_beside_other_damage() {
    let folder = memory_dir();
    fill_together(folder.path(), 2_000, 6).await;
    let all = segments(folder.path());
    // The heads file of the moment when the last segment began.
    let log = open(folder.path(), 2_000).unwrap().log;
    let before = copy_of(folder.path());
    fs::remove_file(before.path().join(heads::NAME)).unwrap();
    fs::remove_file(before.path().join(all[all.len() - 1].file_name().unwrap())).unwrap();
    let index = recover::recover(before.path(), &HeadsFile::Missing, Depth::Frames, 0, None);
    let mut index = index.unwrap().unwrap().index;
    index.segments.push(index::Segment::new(index.end + 1));
    drop(log);
    fs::remove_file(&all[all.len() - 1]).unwrap();
    let id = log_id(&fs::read(&all[0]).unwrap());
    heads::write(folder.path(), &id, &index).unwrap();
    assert!(open(folder.path(), 2_000).unwrap_err().is_damage());
    let mut bytes = fs::read(&all[0]).unwrap();
    bytes[200] ^= 1;
    fs::write(&all[0], bytes).unwrap();
    assert!(open(folder.path(), 2_000).unwrap_err().is_damage());
}

/// A backup of a fork fits where the log is damaged, but lacks a later commit that is intact.
#[tokio::test]
async fn repair_loses_no_intact_commit() {
    let folder = memory_dir();
    let log = open(folder.path(), 1 << 20).unwrap().log;
    append_frame(&log, &["acme", "mira", "zeta"]).await;
    drop(log);
    let fork = copy_of(folder.path());
    for (of, frames) in
        [(&folder, [&["acme"][..], &["zeta"]]), (&fork, [&["acme", "mira"], &["mira"]])]
    {
        let log = open(of.path(), 1 << 20).unwrap().log;
        for names in frames {
            append_frame(&log, names).await;
        }
        drop(log);
        remove_heads(of.path());
    }
    overwrite_frames(folder.path(), 1..=1);
    let refused = find_repair(folder.path(), Some(fork.path()));
    assert!(matches!(refused, Err(RepairError::OtherHistory { .. })), "{refused:?}");
}

/// The segment of an earlier backup is a beginning of the log's segment. What came later stays.
#[tokio::test]
async fn mended_segment_keeps_what_came_after_the_backup() {
    let folder = memory_dir();
    fill_together(folder.path(), 1 << 20, 4).await;
    let backup = copy_of(folder.path());
    let was = fill_together(folder.path(), 1 << 20, 3).await;
    overwrite_frames(folder.path(), 1..=2);
    let repair = find_repair(folder.path(), Some(backup.path())).unwrap();
    assert_eq!(repair.mended, Mended::All);
    repair.carry_out().unwrap();
    assert_eq!(drain(&mut *open(folder.path(), 1 << 20).unwrap().log.read_all(1)), was);
}

/// A way to damage the files of a log.
#[derive(Debug, Clone)]
enum Harm {
    /// Random bytes from an offset on.
    Overwritten(Vec<u8>),
    Zeroed(usize),
    /// Bytes of another place of the same segment.
    Repeated(usize, usize),
    Truncated,
    Removed,
    Swapped(usize),
}

impl Harm {
    /// Damages the segment of a folder at an offset. Returns whether its bytes have changed.
    fn apply(&self, paths: &[PathBuf], segment: usize, at: usize) -> bool {
        let path = &paths[segment];
        let intact = fs::read(path).unwrap();
        let used = tail::last_used(&intact);
        let (at, mut bytes) = (at % used, intact.clone());
        match self {
            Self::Overwritten(with) => {
                let end = used.min(at + with.len());
                bytes[at..end].copy_from_slice(&with[..end - at]);
            }
            Self::Zeroed(length) => bytes[at..used.min(at + length)].fill(0),
            Self::Repeated(from, length) => {
                let from = from % used;
                let end = used.min(at + length).min(at + used - from);
                bytes.copy_within(from..from + end - at, at);
            }
            Self::Truncated => bytes.truncate(at),
            Self::Removed => {
                fs::remove_file(path).unwrap();
                return true;
            }
            Self::Swapped(other) => {
                let other = &paths[other % paths.len()];
                fs::copy(other, path).unwrap();
                fs::write(other, &intact).unwrap();
                return other != path;
            }
        }
        fs::write(path, &bytes).unwrap();
        bytes != intact
    }
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..200).prop_map(Harm::Overwritten),
        (1..1_500_usize).prop_map(Harm::Zeroed),
        (any::<usize>(), 1..600_usize).prop_map(|(from, length)| Harm::Repeated(from, length)),
        Just(Harm::Truncated),
        Just(Harm::Removed),
        any::<usize>().prop_map(Harm::Swapped),
    ]
}

/// P29 for larger damage in any segment, after a clean close. The heads file is there, so a cut end is found too.
#[test]
fn larger_damage_stops_no_company_in_silence() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let folder = memory_dir();
    let was = runtime.block_on(fill_together(folder.path(), 2_000, 8));
    let opened = std::cell::Cell::new((0, 0));
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() };
    proptest!(config, |(harm in harm(), segment: prop::sample::Index, at: usize)| {
        let copy = copy_of(folder.path());
        let paths = segments(copy.path());
        if harm.apply(&paths, segment.index(paths.len()), at) {
            let context = format!("{harm:?}");
            let is_refused = open(copy.path(), 2_000).is_err();
            if assert_contained(copy.path(), &was, &context).is_some() {
                runtime.block_on(assert_goes_on(copy.path(), &context));
            }
            let (all, refused) = opened.get();
            opened.set((all + 1, refused + usize::from(is_refused)));
        }
    });
    let (all, refused) = opened.get();
    eprintln!("{refused} of {all} damaged logs are refused");
    assert!(refused * 2 < all, "{refused} of {all} are refused");
}

/// Every flipped bit is turned back without a backup, also in headers.
#[tokio::test]
async fn flipped_bit_is_turned_back() {
    let folder = memory_dir();
    let was = fill_together(folder.path(), 2_000, 5).await;
    for path in segments(folder.path()) {
        let intact = fs::read(&path).unwrap();
        for at in (0..tail::last_used(&intact)).step_by(13) {
            let mut bytes = intact.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, &bytes).unwrap();
            let repair = find_repair(folder.path(), None).unwrap();
            assert_eq!(repair.mended, Mended::All, "byte {at}");
            assert_eq!(fs::read(&path).unwrap(), bytes, "byte {at}: nothing is written before");
            repair.carry_out().unwrap();
            assert_eq!(fs::read(&path).unwrap()[..], intact[..], "byte {at}");
        }
    }
    assert!(matches!(find_repair(folder.path(), None), Err(RepairError::Intact)));
    assert_eq!(drain(&mut *open(folder.path(), 2_000).unwrap().log.read_all(1)), was);
}

/// After larger damage and more commits, the segments of an earlier backup mend the log, and nothing later is lost.
#[test]
fn backup_mends_larger_damage() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let folder = memory_dir();
    runtime.block_on(fill_together(folder.path(), 2_000, 6));
    let backup = copy_of(folder.path());
    let was = runtime.block_on(fill_together(folder.path(), 2_000, 3));
    let whole = segments(backup.path());
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() };
    proptest!(config, |(harm in harm(), segment: prop::sample::Index, at: usize)| {
        let copy = copy_of(folder.path());
        // The last segment of the backup goes on in the log.
        let paths: Vec<_> = segments(copy.path()).into_iter().take(whole.len() - 1).collect();
        if harm.apply(&paths, segment.index(paths.len()), at) {
            // Companies that are not damaged go on meanwhile.
            let more = open(copy.path(), 2_000).ok().map(|opened| runtime.block_on(async {
                let log = opened.log;
                let going_on = COMPANIES.map(company).into_iter();
                let Some(name) = going_on.clone().find(|it| log.damage(it).is_none()) else { return 0 };
                log.append(vec![sample::next(&log, &name, 1)]).await.unwrap();
                1
            }));
            let repair = find_repair(copy.path(), Some(backup.path())).unwrap();
            prop_assert_eq!(&repair.mended, &Mended::All);
            repair.carry_out().unwrap();
            let log = open(copy.path(), 2_000).unwrap().log;
            prop_assert!(log.heads().is_some());
            let now = drain(&mut *log.read_all(1));
            prop_assert!(now.starts_with(&was));
            prop_assert_eq!(now.len(), was.len() + more.unwrap_or(0));
        }
    });
}

#[tokio::test]
async fn backup_of_another_log_or_history_mends_nothing() {
    let (folder, other) = (memory_dir(), memory_dir());
    fill_together(folder.path(), 2_000, 6).await;
    fill_together(other.path(), 2_000, 6).await;
    let fork = copy_of(folder.path());
    fs::remove_file(fork.path().join(heads::NAME)).unwrap();
    let last = segments(fork.path()).pop().unwrap();
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..frame::SEGMENT_HEADER]).unwrap();
    fill(fork.path(), 2_000, 1).await;
    let path = segments(folder.path()).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let end = tail::last_used(&bytes);
    bytes[end - 60..end - 20].fill(0xee);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(find_repair(folder.path(), Some(other.path())), Err(RepairError::OtherLog)));
    let forked = find_repair(folder.path(), Some(fork.path()));
    assert!(matches!(forked, Err(RepairError::OtherHistory { .. })), "{forked:?}");
    assert!(matches!(find_repair(folder.path(), None), Err(RepairError::NotFound(_))));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}
