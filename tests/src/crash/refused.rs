//! Folders that are not opened: a log that fails its check, and one that somebody else has open.

use std::fs;
use std::path::PathBuf;

use boarding_core::clock::Clock;
use boarding_core::data_dir::DataDir;
use boarding_log::EventLog as _;
use boarding_log::codec::Encoded;
use boarding_log::file::{FileLog, Options};

use super::history::commits;
use super::place::{Place, copy_folder};
use crate::support::random::SeededRandom;

const PEOPLE: usize = 3_000;
/// Small segments, so that so many people fill several.
const SEGMENT_BYTES: u64 = 64 * 1024;
const FLIPS: usize = 4;

/// The same history in many segments, all but the last of them closed.
async fn in_small_segments(place: &Place) -> Vec<PathBuf> {
    let commits = commits(place);
    let folder = place.data().join("log");
    fs::remove_dir_all(&folder).unwrap();
    fs::remove_dir_all(place.data().join("derived")).unwrap();
    let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::new(Clock::system().now()) };
    let log = FileLog::open(&folder, options).unwrap().log;
    for commit in commits {
        log.append(vec![Encoded::of(commit).unwrap()]).await.unwrap();
    }
    drop(log);
    let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "log")).collect();
    segments.sort();
    segments
}

/// P29: one flipped bit anywhere in a closed segment ends with status 3 and says where it is; nothing is
/// changed by looking.
#[tokio::test]
async fn p29_a_flipped_bit_in_a_closed_segment_is_found_and_named() {
    let mut rng = SeededRandom::from_environment();
    let place = Place::with_people(PEOPLE);
    let segments = in_small_segments(&place).await;
    assert!(segments.len() > 3, "{} segments", segments.len());
    assert_eq!(place.lines(&["users"], 0).len(), PEOPLE);
    for _ in 0..FLIPS {
        let copy = place.copy();
        let closed = rng.below(segments.len() - 1);
        let name = segments[closed].file_name().unwrap().to_str().unwrap();
        let path = copy.data().join("log").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let written = bytes.iter().rposition(|&byte| byte != 0).unwrap() as u64;
        let at = rng.below(usize::try_from(written).unwrap());
        bytes[at] ^= 1 << rng.below(8);
        fs::write(&path, &bytes).unwrap();
        let ended = copy.call(&["users"]);
        println!("byte {at} of {name}: {} {}", ended.status, ended.complained.trim());
        assert_eq!(ended.status.code(), Some(3), "{ended:?}");
        assert!(ended.complained.contains(name), "{}", ended.complained);
        assert!(ended.complained.contains("at byte "), "{}", ended.complained);
        assert_eq!(fs::read(&path).unwrap(), bytes, "what is damaged is left alone");
    }
}

/// A closed segment that is gone is damage as well, not a shorter history.
#[tokio::test]
async fn p29_a_closed_segment_that_is_gone_is_found() {
    let place = Place::with_people(PEOPLE);
    let segments = in_small_segments(&place).await;
    for segment in [&segments[0], &segments[segments.len() / 2], &segments[segments.len() - 1]] {
        let copy = place.copy();
        fs::remove_file(copy.data().join("log").join(segment.file_name().unwrap())).unwrap();
        let ended = copy.call(&["users"]);
        assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    }
}

/// Two processes never write one folder; the second says who has it.
#[test]
fn a_folder_in_use_is_not_opened_twice() {
    let place = Place::of_a_company();
    let held = DataDir::open(place.data()).unwrap();
    let ended = place.call(&["runs", "list"]);
    assert_eq!(ended.status.code(), Some(4), "{ended:?}");
    let process = std::process::id().to_string();
    assert!(ended.complained.contains("in use"), "{}", ended.complained);
    assert!(ended.complained.contains(&process), "{}", ended.complained);
    drop(held);
    place.lines(&["runs", "list"], 0);
}

/// A copy of a folder that was killed in the middle of its work is a backup: it opens, and has the same.
#[test]
fn a_copy_of_a_folder_opens_like_the_folder() {
    let place = Place::with_people(10);
    let copy = Place::empty();
    copy_folder(&place.data(), &copy.data());
    assert_eq!(copy.lines(&["history"], 0), place.lines(&["history"], 0));
}
