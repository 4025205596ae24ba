//! Verbs that only read, on a data folder that another process uses or that cannot be written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::disk::{SmallDisk, copy_folder};
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue, output};

/// A verb of each kind of answer: a list, one row, events, a file, a plan, and one that reads an imported file.
const READING: [&str; 11] = [
    "users",
    "query user user=ann",
    "phones --json",
    "imports rows latest --csv",
    "imports failed-rows latest",
    "runs --json",
    "log latest",
    "history user:ann --json",
    "audit history user:ann",
    "config get channels.whatsapp",
    "template leapxpert --own",
];

/// Three people of a file with an invalid row, and a run for them.
fn history() -> Cli {
    let cli = Cli::with_three_people();
    cli.import(&cli.people("bad.csv", &[("dan", "12"), ("eve", "+84923448075")]));
    cli.start(&["--import", "latest"]);
    cli
}

/// What each verb prints on a folder, with a place for temporary files. Copies in that place are removed at the end.
fn answers(cli: &Cli, data: &Path) -> Vec<(i32, String)> {
    let place = tempfile::tempdir().unwrap();
    let answer = |verb: &&str| {
        let words: Vec<_> = verb.split(' ').collect();
        let mut command = cli.command(&words);
        let ended = output(command.env("BOARDING_DATA", data).env("TMPDIR", place.path()));
        let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
        assert!(left.is_empty(), "{verb} left {left:?}");
        (ended.status, ended.stdout)
    };
    READING.iter().map(answer).collect()
}

/// The bytes of all files in a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => _ = all.insert(path.clone(), std::fs::read(&path).unwrap()),
        }
    }
    all
}

/// A folder that an engine serves is read as it is at the moment. The engine is not disturbed, and goes on alone.
#[test]
fn folder_in_use_is_read_as_it_is_now() {
    let cli = history();
    let token = issue(&cli, "olga");
    let expected = answers(&cli, &cli.data());
    assert!(
        expected.iter().all(|(status, shown)| *status == 0 && !shown.is_empty()),
        "{expected:?}"
    );
    let engine = Engine::start(&cli, &[]);
    let before = files(&cli.data().join("log"));
    assert_eq!(answers(&cli, &cli.data()), expected);
    assert_eq!(files(&cli.data().join("log")), before);

    engine.run(&token, &["users", "add", "fay"]).expect_status(0);
    let users = cli.run(&["users"]).expect_status(0);
    assert!(users.stdout.contains("fay"), "{users:?}");
    let process = engine.process();
    assert!(users.stderr.contains(&format!("process {process} uses the data folder")), "{users:?}");
    let refused = cli.run(&["users", "add", "gus"]).expect_status(4);
    assert!(refused.stderr.contains("in use by process"), "{refused:?}");
    engine.run(&token, &["users", "add", "hal"]).expect_status(0);
    engine.stop();
    cli.run(&["audit", "verify"]).expect_status(0);
    assert_eq!(cli.rows(&["users"]).len(), 7);
}

/// A full disk and one that is mounted read-only hinder no reading verb, and nothing in the folder changes.
#[test]
fn folder_that_cannot_be_written_is_read() {
    let Some(disk) = SmallDisk::mount(32) else {
        println!("skipped: only root can mount a disk in memory");
        return;
    };
    let cli = history();
    let expected = answers(&cli, &cli.data());
    let data = disk.path().join("data");
    copy_folder(&cli.data(), &data);
    let before = files(&data);
    let many = Cli::with_many_people(1_500);
    let large = disk.path().join("large");
    copy_folder(&many.data(), &large);
    let ballast = disk.fill();
    assert_eq!(answers(&cli, &data), expected, "full disk");
    let shown = output(cli.command(&["users", "--csv"]).env("BOARDING_DATA", &large));
    assert_eq!((shown.status, shown.stdout.lines().count()), (0, 1_501), "{}", shown.stderr);
    std::fs::remove_file(ballast).unwrap();
    let remount = ["-o", "remount,ro"];
    assert!(Command::new("mount").args(remount).arg(disk.path()).status().unwrap().success());
    assert_eq!(answers(&cli, &data), expected, "read-only disk");
    let refused = output(cli.command(&["users", "add", "gus"]).env("BOARDING_DATA", &data));
    assert_eq!(refused.status, 4, "{refused:?}");
    let (now, lock) = (files(&data), data.join("LOCK"));
    let changed: Vec<_> =
        now.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes)).collect();
    assert!(changed.iter().all(|(path, _)| **path == lock), "{:?}", now.keys());
    assert_eq!(now.len(), before.len());
}
