//! Copies, backups and restores of data folders.

mod backups;
mod buckets;
mod copies;
mod repairs;
mod restores;

use std::collections::BTreeSet;
use std::fs;

use boarding_core::clock::Clock;
use boarding_log::EventLog as _;
use boarding_log::codec::Encoded;
use boarding_log::file::{FileLog, Options};
use serde_json::Value;

use crate::support::program::Cli;

/// Restores a backup into the folder `new`, and returns its path.
#[track_caller]
fn restored(cli: &Cli, backup: &str) -> String {
    let restored = cli.json(&["restore", backup, "--data", "new"]);
    assert_eq!((&restored["verified"], &restored["restored"]), (&true.into(), &true.into()));
    cli.path().join("new").to_string_lossy().into_owned()
}

/// The names of the objects of a backup.
fn objects(cli: &Cli, backup: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(cli.path().join(backup).join("objects")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The first line of a manifest.
fn manifest(cli: &Cli, backup: &str) -> Value {
    let text = fs::read_to_string(cli.path().join(backup).join("manifest")).unwrap();
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

/// The digests that a manifest names.
fn digests(cli: &Cli, backup: &str) -> BTreeSet<String> {
    let manifest = manifest(cli, backup);
    let files = manifest["files"].as_array().unwrap().iter();
    files.map(|file| file["sha256"].as_str().unwrap().to_owned()).collect()
}

/// Writes the log again in many segments, of which all but the last are closed. It is another log then.
fn in_small_segments(cli: &Cli) {
    let folder = cli.data().join("log");
    let options = || Options { segment_bytes: 4_096, ..Options::new(Clock::system().now()) };
    let log = FileLog::open(&folder, options()).unwrap().log;
    let mut reader = log.read_all(1);
    let mut commits = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        commits.push(entry.recorded.commit);
    }
    drop((reader, log));
    for part in ["log", "derived", "audit"] {
        fs::remove_dir_all(cli.data().join(part)).unwrap();
    }
    let log = FileLog::open(&folder, options()).unwrap().log;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for commit in commits {
        runtime.block_on(log.append(vec![Encoded::of(commit).unwrap()])).unwrap();
    }
    drop(log);
    cli.run(&["users"]).expect_status(0);
}
