//! Data folders that the program refuses to open: damaged, or in use.

use std::fs;
use std::path::PathBuf;

use boarding_core::clock::Clock;
use boarding_core::data_dir::DataDir;
use boarding_log::EventLog as _;
use boarding_log::codec::Encoded;
use boarding_log::file::{FileLog, Options};

use super::history::commits;
use super::sample_folder::SampleFolder;
use crate::support::disk::copy_folder;
use crate::support::random::SeededRandom;

const PEOPLE: usize = 2_000;
/// A small size, so that the sample company fills several segments.
const SEGMENT_BYTES: u64 = 64 * 1024;
const FLIPS: usize = 4;

/// Rewrites the log into many segments, of which all but the last are closed, and returns their paths.
async fn in_small_segments(folder: &SampleFolder) -> Vec<PathBuf> {
    let commits = commits(folder);
    let log_folder = folder.data().join("log");
    fs::remove_dir_all(&log_folder).unwrap();
    fs::remove_dir_all(folder.data().join("derived")).unwrap();
    let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::new(Clock::system().now()) };
    let log = FileLog::open(&log_folder, options).unwrap().log;
    for commit in commits {
        log.append(vec![Encoded::of(commit).unwrap()]).await.unwrap();
    }
    drop(log);
    let entries = fs::read_dir(&log_folder).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    segments.sort();
    segments
}

/// P29: After one flipped bit in a closed segment the program ends with status 3, names the file and the byte,
/// and does not change the file.
#[tokio::test]
async fn flipped_bit_in_a_closed_segment_is_reported() {
    let mut rng = SeededRandom::from_environment();
    let folder = SampleFolder::with_people(PEOPLE);
    let segments = in_small_segments(&folder).await;
    assert!(segments.len() > 3, "{} segments", segments.len());
    assert_eq!(folder.lines(&["users"], 0).len(), PEOPLE);
    for _ in 0..FLIPS {
        let copy = folder.copy();
        let closed = rng.below(segments.len() - 1);
        let name = segments[closed].file_name().unwrap().to_str().unwrap();
        let path = copy.data().join("log").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let written = bytes.iter().rposition(|&byte| byte != 0).unwrap() as u64;
        let at = rng.below(usize::try_from(written).unwrap());
        bytes[at] ^= 1 << rng.below(8);
        fs::write(&path, &bytes).unwrap();
        let output = copy.run(&["users"]);
        println!("byte {at} of {name}: {} {}", output.status, output.stderr.trim());
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        assert!(output.stderr.contains(name), "{}", output.stderr);
        assert!(output.stderr.contains("at byte "), "{}", output.stderr);
        assert_eq!(fs::read(&path).unwrap(), bytes, "the damaged file is unchanged");
    }
}

/// P29: A missing closed segment is damage, not a shorter history.
#[tokio::test]
async fn missing_closed_segment_is_reported() {
    let folder = SampleFolder::with_people(PEOPLE);
    let segments = in_small_segments(&folder).await;
    for segment in [&segments[0], &segments[segments.len() / 2], &segments[segments.len() - 1]] {
        let copy = folder.copy();
        fs::remove_file(copy.data().join("log").join(segment.file_name().unwrap())).unwrap();
        let output = copy.run(&["users"]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    }
}

/// Two processes never write to one folder. The second process names the first.
#[test]
fn folder_in_use_is_not_opened() {
    let folder = SampleFolder::with_company();
    let held = DataDir::open(folder.data()).unwrap();
    let output = folder.run(&["runs", "resume"]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let process = std::process::id().to_string();
    assert!(output.stderr.contains("in use"), "{}", output.stderr);
    assert!(output.stderr.contains(&process), "{}", output.stderr);
    drop(held);
    folder.lines(&["runs", "list"], 0);
}

/// A copy of a data folder is a backup: it opens and has the same history.
#[test]
fn copied_folder_has_the_same_history() {
    let folder = SampleFolder::with_people(10);
    let copy = SampleFolder::empty();
    copy_folder(&folder.data(), &copy.data());
    assert_eq!(copy.lines(&["history"], 0), folder.lines(&["history"], 0));
}
