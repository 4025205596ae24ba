//! `boarding audit export`: a bundle passes both checkers, shows nothing of another company, and no edit goes unseen.

use std::fs;
use std::path::Path;
use std::process::Command;

use boarding_audit::{NoteKey, check_bundle};

use crate::support::disk::copy_folder;
use crate::support::paths::{fixture, test_venv};
use crate::support::program::Cli;
use crate::support::random::SeededRandom;

/// How many random edits are made. `BOARDING_EDITS` sets another number.
const EDITS: usize = 270;
/// The ways of an edit.
const WAYS: usize = 9;

/// A folder with two companies, whose bundles are exported.
struct Exporter(Cli);

impl Exporter {
    fn new() -> Self {
        let cli = Cli::with_three_people();
        cli.run(&["users", "add", "secret.person", "--company", "other-company"]).expect_status(0);
        cli.start(&["--import", "latest"]);
        Self(cli)
    }

    fn export(&self, name: &str, company: &str) -> String {
        let path = self.0.path().join(name).to_string_lossy().into_owned();
        self.0.run(&["audit", "export", &path, "--company", company]).expect_status(0);
        path
    }

    fn key(&self) -> String {
        self.0.rows(&["audit", "keys"])[0]["key"].as_str().unwrap().to_owned()
    }
}

/// Checks files with the checker in Python, in one process. Returns the status of each.
fn check_in_python(folder: &Path, names: &[String], key: &str) -> Vec<bool> {
    let script = "\
import sys
sys.path.insert(0, sys.argv[1])
import check_bundle as checker
for name in sys.stdin.read().split():
    try:
        with open(name, 'rb') as file:
            checker.check(file.read(), sys.argv[2])
        print('right')
    except Exception:
        print('wrong')
";
    let list = folder.join("names");
    fs::write(&list, names.join("\n")).unwrap();
    let mut python = Command::new(test_venv().join("bin/python"));
    python.args(["-c", script, &fixture("audit"), key]).current_dir(folder);
    let output = python.stdin(fs::File::open(list).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line == "right").collect()
}

#[test]
fn bundle_passes_both_checkers_and_shows_one_company() {
    let exporter = Exporter::new();
    let (cli, key) = (&exporter.0, exporter.key());
    let path = exporter.export("acme.bundle", "acme");
    let checked = cli.json(&["audit", "verify-export", &path, "--key", &key]);
    let verified = cli.json(&["audit", "verify"]);
    assert_eq!((&checked["version"], &checked["company"]), (&verified["version"], &"acme".into()));
    assert_eq!((&checked["key_was_given"], &checked["key"]), (&true.into(), &(&*key).into()));
    let unknown = cli.run(&["audit", "verify-export", &path]).expect_status(0);
    assert!(unknown.stderr.contains(&key), "{}", unknown.stderr);
    let mut python = Command::new(test_venv().join("bin/python"));
    let output = python.args([&fixture("audit/check_bundle.py"), &path, &key]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.starts_with("verified: company acme"), "{text}");
    let decoded = decoded_commits(&path);
    assert!(decoded.contains("ann@acme.example"));
    for mark in ["secret.person", "other-company"] {
        assert!(!decoded.contains(mark) && !fs::read_to_string(&path).unwrap().contains(mark));
    }
    let none = cli.run(&["audit", "export", "x", "--company", "unknown"]).expect_status(2);
    assert!(none.stderr.contains("company unknown has no event"), "{}", none.stderr);
    assert!(!cli.path().join("x").exists());
}

/// The bytes of all commits of a bundle, as text.
fn decoded_commits(path: &str) -> String {
    use base64::Engine as _;
    let text = fs::read_to_string(path).unwrap();
    let lines =
        text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let commits = lines.filter_map(|line| line["commit"].as_str().map(str::to_owned));
    let decode = |text: String| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    commits.map(|text| String::from_utf8_lossy(&decode(text)).into_owned()).collect()
}

/// A bundle whose bytes were edited in one of these ways.
fn edited(
    random: &mut SeededRandom,
    way: usize,
    whole: &[u8],
    older: &[u8],
    fork: &[u8],
) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> =
        whole.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let others = |bytes: &[u8]| -> Vec<Vec<u8>> {
        bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    let commits = lines.iter().filter(|line| line.starts_with(b"{\"position\"")).count();
    let one = 1 + random.below(commits);
    match way {
        0 => {
            let mut bytes = whole.to_vec();
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
            return bytes;
        }
        1 => drop(lines.remove(one)),
        2 => {
            let line = lines[1 + random.below(commits)].clone();
            lines.insert(one, line);
        }
        3 => {
            let other = 1 + (one + random.below(commits - 1)) % commits;
            lines.swap(one, other);
        }
        4 => return whole[..random.below(whole.len())].to_vec(),
        // The commits of a history that went another way, under these proofs; then the other way round.
        5 => {
            let fork = others(fork);
            let end = fork.iter().filter(|line| line.starts_with(b"{\"position\"")).count();
            let rest = lines.split_off(1 + commits);
            lines.truncate(1);
            lines.extend(fork[1..=end].iter().cloned());
            lines.extend(rest);
        }
        // The proof of an older bundle.
        6 => {
            let proof = others(older).into_iter().find(|line| line.starts_with(b"{\"version\""));
            lines[1 + commits] = proof.unwrap();
        }
        // The note of an older bundle.
        7 => {
            let older = others(older);
            let at = |lines: &[Vec<u8>]| {
                lines.iter().position(|line| line == b"boarding.bundle/1\n").unwrap()
            };
            lines.truncate(at(&lines));
            lines.extend(older[at(&older)..].iter().cloned());
        }
        // A signature twice.
        8 => lines.push(lines[lines.len() - 1].clone()),
        _ => unreachable!(),
    }
    lines.concat()
}

/// Every edit, deletion, insertion, reordering, truncation, fork and older head is found by both checkers.
#[test]
fn edits_of_a_bundle_are_found_by_both_checkers() {
    let mut random = SeededRandom::from_environment();
    let edits = std::env::var("BOARDING_EDITS").map_or(EDITS, |text| text.parse().unwrap());
    let exporter = Exporter::new();
    let (cli, key) = (&exporter.0, exporter.key());
    let older = fs::read(exporter.export("older.bundle", "acme")).unwrap();
    let other = cli.path().join("other");
    copy_folder(&cli.data(), &other);
    cli.run(&["users", "add", "dan"]).expect_status(0);
    let whole = fs::read(exporter.export("acme.bundle", "acme")).unwrap();
    let (data, fork) = (other.to_str().unwrap(), cli.path().join("fork.bundle"));
    cli.run(&["users", "add", "eve", "--data", data]).expect_status(0);
    cli.run(&["audit", "export", fork.to_str().unwrap(), "--data", data]).expect_status(0);
    let fork = fs::read(fork).unwrap();
    let trusted: NoteKey = key.parse().unwrap();
    let mut names = vec!["acme.bundle".to_owned()];
    assert!(check_bundle(&mut &*whole, Some(&trusted), None).is_ok());
    for n in 0..edits {
        let bytes = edited(&mut random, n % WAYS, &whole, &older, &fork);
        if bytes == whole {
            continue;
        }
        let checked = check_bundle(&mut &*bytes, Some(&trusted), None);
        assert!(checked.is_err(), "edit {n} in way {} is not found", n % WAYS);
        names.push(format!("edit-{n}.bundle"));
        fs::write(cli.path().join(names.last().unwrap()), bytes).unwrap();
    }
    let checked = check_in_python(cli.path(), &names, &key);
    assert_eq!(checked.len(), names.len());
    assert!(checked[0], "the whole bundle is right");
    let missed: Vec<_> = names.iter().zip(&checked).skip(1).filter(|(_, right)| **right).collect();
    assert!(missed.is_empty(), "not found in Python: {missed:?}");
}

/// A thief of a replaced key, and a person without any key, make bundles that no known key allows.
#[test]
fn bundle_of_a_foreign_or_replaced_key_is_refused() {
    let exporter = Exporter::new();
    let (cli, first) = (&exporter.0, exporter.key());
    let stolen = fs::read(cli.data().join("audit/signing-key")).unwrap();
    let thief = cli.path().join("thief");
    cli.run(&["audit", "replace-key"]).expect_status(0);
    let second = cli.rows(&["audit", "keys"])[1]["key"].as_str().unwrap().to_owned();
    copy_folder(&cli.data(), &thief);
    fs::write(thief.join("audit/signing-key"), &stolen).unwrap();
    let data = thief.to_str().unwrap();
    let forged = cli.path().join("forged.bundle");
    let forged = forged.to_str().unwrap();
    // The program itself refuses a key that is not the last one, so its record is cut off.
    let records = thief.join("audit/public-keys");
    let text = fs::read_to_string(&records).unwrap();
    let end = text.match_indices("boarding.key/1").nth(1).unwrap().0;
    fs::write(&records, &text[..end]).unwrap();
    cli.run(&["users", "add", "eve", "--data", data]).expect_status(0);
    cli.run(&["audit", "export", forged, "--data", data]).expect_status(0);
    let names = ["forged.bundle".to_owned()];
    cli.run(&["audit", "verify-export", forged, "--key", &second]).expect_status(3);
    assert_eq!(check_in_python(cli.path(), &names, &second), [false]);
    // The thief has left out the record of the new key, so a person who knows only the old key cannot see the theft.
    let bundle = fs::read_to_string(forged).unwrap();
    assert!(bundle.contains(&first) && !bundle.contains(&second));
    // Both known keys allow the bundle of the new key, and a key of another log does not.
    let other = Cli::with_company();
    let foreign = other.rows(&["audit", "keys"])[0]["key"].as_str().unwrap().to_owned();
    let own = exporter.export("acme.bundle", "acme");
    cli.run(&["audit", "verify-export", &own, "--key", &first]).expect_status(0);
    cli.run(&["audit", "verify-export", &own, "--key", &second]).expect_status(0);
    cli.run(&["audit", "verify-export", &own, "--key", &foreign]).expect_status(3);
    let names = ["acme.bundle".to_owned()];
    for (key, is_right) in [(&first, true), (&second, true), (&foreign, false)] {
        assert_eq!(check_in_python(cli.path(), &names, key), [is_right]);
    }
}

/// A bundle of a shorter or forked history is whole in itself: a kept checkpoint shows it.
#[test]
fn kept_checkpoint_shows_an_older_or_forked_bundle() {
    let exporter = Exporter::new();
    let cli = &exporter.0;
    let older = exporter.export("older.bundle", "acme");
    let other = cli.path().join("other");
    copy_folder(&cli.data(), &other);
    cli.run(&["users", "add", "dan"]).expect_status(0);
    let note = cli.run(&["audit", "checkpoints", "--latest"]).expect_status(0).stdout;
    let kept = cli.file("kept.note", &note);
    let (data, fork) = (other.to_str().unwrap(), cli.path().join("fork.bundle"));
    cli.run(&["users", "add", "eve", "--data", data]).expect_status(0);
    cli.run(&["audit", "export", fork.to_str().unwrap(), "--data", data]).expect_status(0);
    let own = exporter.export("acme.bundle", "acme");
    for (bundle, status, words) in [
        (own.as_str(), 0, ""),
        (&older, 3, "before the checkpoint that you kept"),
        (fork.to_str().unwrap(), 3, "the log has a fork"),
    ] {
        cli.run(&["audit", "verify-export", bundle]).expect_status(0);
        let checked = cli.run(&["audit", "verify-export", bundle, "--checkpoint", &kept]);
        let checked = checked.expect_status(status);
        assert!(checked.stderr.contains(words), "{}", checked.stderr);
    }
}
