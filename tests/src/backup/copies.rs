//! Plain copies of a folder in use open: the files of a copy are of different moments.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::disk::copy_folder;
use crate::support::program::Cli;
use crate::support::random::SeededRandom;

/// How many copies a test makes.
const COPIES: usize = 20;

/// The files of a folder and of the folders in it, relative to it.
fn files_of(folder: &Path, within: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder.join(within)).unwrap() {
        let entry = entry.unwrap();
        let path = within.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            files_of(folder, &path, all);
        } else {
            all.push(path);
        }
    }
}

/// Copies the files of a data folder one by one in any order, while commands change it.
fn copy_in_use(cli: &Cli, to: &Path, random: &mut SeededRandom, mut change: impl FnMut()) {
    let mut files = Vec::new();
    files_of(&cli.data(), Path::new(""), &mut files);
    let pauses = [random.below(files.len()), random.below(files.len())];
    for number in 0..files.len() {
        let file = files.swap_remove(random.below(files.len()));
        let target = to.join(&file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        // A file that was removed in the meantime is not in the copy. `fs::copy` keeps the mode.
        let _ = fs::copy(cli.data().join(&file), &target);
        if pauses.contains(&number) {
            change();
        }
    }
}

#[test]
fn plain_copies_of_a_folder_in_use_open() {
    let mut random = SeededRandom::from_environment();
    let cli = Cli::with_three_people();
    let (mut added, mut completed) = (0, 0);
    for number in 0..COPIES {
        let copy = cli.path().join(format!("copy-{number}"));
        let before = added;
        copy_in_use(&cli, &copy, &mut random, || {
            cli.run(&["users", "add", &format!("user{added}")]).expect_status(0);
            added += 1;
        });
        let data = copy.to_str().unwrap();
        let opened = cli.run(&["users", "--json", "--data", data]).expect_status(0);
        let users = opened.rows().len();
        assert!((3 + before..=3 + added).contains(&users), "{users} users, {before} to {added}");
        completed += usize::from(opened.stderr.contains("its log was completed from"));
        cli.run(&["audit", "verify", "--data", data]).expect_status(0);
        cli.run(&["audit", "replay", "--data", data]).expect_status(0);
    }
    assert!(completed > 0, "no copy had files of different moments");
}

/// The folder itself has lost its end. No other folder of this machine continues it.
#[test]
fn cut_original_and_its_copy_are_refused() {
    let cli = Cli::with_three_people();
    let log = cli.data().join("log/00000000000000000001.log");
    let earlier = fs::read(&log).unwrap();
    cli.run(&["users", "add", "dan"]).expect_status(0);
    fs::write(&log, earlier).unwrap();
    let copy = cli.path().join("copy");
    copy_in_use(&cli, &copy, &mut SeededRandom::new(1), || ());
    let refused = cli.run(&["users"]).expect_status(3);
    assert!(refused.stderr.contains("boarding restore"), "{}", refused.stderr);
    cli.run(&["users", "--data", copy.to_str().unwrap()]).expect_status(3);
}

/// A verification changes nothing, so it does not complete a copy.
#[test]
fn verification_of_an_incomplete_copy_says_what_to_type() {
    let cli = Cli::with_three_people();
    let copy = cli.path().join("copy");
    copy_folder(&cli.data(), &copy);
    cli.run(&["users", "add", "dan"]).expect_status(0);
    fs::copy(cli.data().join("log/heads"), copy.join("log/heads")).unwrap();
    let data = copy.to_str().unwrap();
    let refused = cli.run(&["audit", "verify", "--data", data]).expect_status(3);
    assert!(refused.stderr.contains("open the copy once (boarding users"), "{}", refused.stderr);
    let opened = cli.run(&["users", "--data", data]).expect_status(0);
    assert!(opened.stderr.contains("its log was completed from"), "{}", opened.stderr);
    assert_eq!(cli.rows(&["users", "--data", data]).len(), 4);
    cli.run(&["audit", "verify", "--data", data]).expect_status(0);
}

/// A folder that was moved away is no copy of the one that has taken its place.
#[test]
fn moved_folder_is_not_completed_from_its_successor() {
    let cli = Cli::with_three_people();
    cli.run(&["backup", "kept"]).expect_status(0);
    let log = cli.data().join("log/00000000000000000001.log");
    let earlier = fs::read(&log).unwrap();
    cli.run(&["users", "add", "lost"]).expect_status(0);
    fs::write(&log, &earlier).unwrap();
    fs::remove_file(cli.data().join("log/heads")).unwrap();
    fs::remove_dir_all(cli.data().join("derived")).unwrap();
    let moved = cli.path().join("moved");
    fs::rename(cli.data(), &moved).unwrap();
    let data = cli.data();
    cli.run(&["restore", "kept", "--data", data.to_str().unwrap()]).expect_status(0);
    for user in ["other1", "other2"] {
        cli.run(&["users", "add", user]).expect_status(0);
    }
    let refused = cli.run(&["users", "--data", moved.to_str().unwrap()]).expect_status(3);
    assert!(refused.stderr.contains("its end is missing"), "{refused:?}");
    assert!(fs::read(moved.join("log/00000000000000000001.log")).unwrap() == earlier, "changed");
}
