//! `boarding restore`: every damage is found before anything is written, and no log is replaced.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{manifest, objects};
use crate::support::disk::copy_folder;
use crate::support::mail_server::MailServer;
use crate::support::paths::files_under;
use crate::support::program::Cli;
use crate::support::random::SeededRandom;

/// A company with a backup, in several segments.
fn with_backup() -> Cli {
    let cli = Cli::with_three_people();
    super::in_small_segments(&cli);
    cli.run(&["backup", "backup"]).expect_status(0);
    cli
}

/// The document of a restore that must find damage and write nothing.
#[track_caller]
fn found(cli: &Cli, args: &[&str]) -> Value {
    let args = [&["restore", "backup", "--data", "new", "--json"], args].concat();
    let output = cli.run(&args).expect_status(3);
    assert!(!cli.path().join("new").exists(), "something was written");
    let document = output.json();
    assert_eq!(document["verified"], false);
    assert!(output.stderr.contains(document["message"].as_str().unwrap()), "{}", output.stderr);
    document
}

/// The path of the object of a file.
fn object(cli: &Cli, path: &str) -> PathBuf {
    let manifest = manifest(cli, "backup");
    let entry = manifest["files"].as_array().unwrap().iter().find(|entry| entry["path"] == path);
    cli.path().join("backup/objects").join(entry.unwrap()["sha256"].as_str().unwrap())
}

#[test]
fn changed_cut_and_missing_files_are_named() {
    let mut random = SeededRandom::from_environment();
    let cli = with_backup();
    let files = manifest(&cli, "backup")["files"].as_array().unwrap().clone();
    assert!(files.len() > 7, "{files:?}");
    for file in &files {
        let path = file["path"].as_str().unwrap();
        let object = object(&cli, path);
        let intact = fs::read(&object).unwrap();
        let mut flipped = intact.clone();
        flipped[random.below(intact.len())] ^= 1 << random.below(8);
        let longer = [&intact[..], b"x"].concat();
        for bytes in [Some(&flipped[..]), Some(&intact[..intact.len() - 1]), Some(&longer), None] {
            match bytes {
                Some(bytes) => fs::write(&object, bytes).unwrap(),
                None => fs::remove_file(&object).unwrap(),
            }
            let document = found(&cli, &[]);
            assert_eq!((&document["kind"], &document["file"]), (&json!("damage"), &json!(path)));
        }
        fs::write(&object, intact).unwrap();
    }
    // Two segments in each other's place.
    let segments: Vec<_> = files.iter().filter_map(|file| file["path"].as_str()).collect();
    let segments: Vec<_> = segments.into_iter().filter(|path| path.starts_with("log/")).collect();
    let [one, two] = [object(&cli, segments[0]), object(&cli, segments[1])];
    let bytes = [&one, &two].map(|path| fs::read(path).unwrap());
    fs::write(&one, &bytes[1]).unwrap();
    fs::write(&two, &bytes[0]).unwrap();
    assert_eq!(found(&cli, &[])["file"], segments[0]);
    fs::write(&one, &bytes[0]).unwrap();
    fs::write(&two, &bytes[1]).unwrap();
    cli.run(&["restore", "backup", "--data", "new"]).expect_status(0);
}

/// Every edit of the manifest is found: its signature, its form, or its files.
#[test]
fn edited_manifest_is_refused() {
    let mut random = SeededRandom::from_environment();
    let cli = with_backup();
    let path = cli.path().join("backup/manifest");
    let whole = fs::read(&path).unwrap();
    let line = whole.iter().position(|byte| *byte == b'\n').unwrap();
    let mut edits = vec![whole[..=line].to_vec(), whole[..line].to_vec(), Vec::new()];
    for _ in 0..30 {
        let mut bytes = whole.clone();
        bytes[random.below(line)] ^= 1;
        edits.push(bytes);
    }
    let text = String::from_utf8(whole.clone()).unwrap();
    let position = manifest(&cli, "backup")["position"].as_u64().unwrap();
    let other = text.replace(&format!("\"position\":{position}"), "\"position\":1");
    edits.push(other.into_bytes());
    edits.push(text.replace("\"path\":\"secret\"", "\"path\":\"../secret\"").into_bytes());
    for (number, bytes) in edits.into_iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        let document = found(&cli, &[]);
        assert_eq!(document["file"], "manifest", "edit {number}: {document}");
    }
    fs::write(&path, whole).unwrap();
    cli.run(&["restore", "backup", "--data", "new"]).expect_status(0);
}

/// A person without the key can make a new manifest with right digests. The hashes of the log, or a known key, show it.
#[test]
fn forged_backup_is_refused_with_a_known_key() {
    let (cli, other) = (with_backup(), Cli::with_three_people());
    let key = |cli: &Cli| cli.rows(&["audit", "keys"])[0]["key"].as_str().unwrap().to_owned();
    let (known, foreign) = (key(&cli), key(&other));
    let checked = cli.json(&["restore", "backup", "--data", "new", "--key", &known, "--dry-run"]);
    assert_eq!(checked["key"], json!(known));
    assert_eq!(found(&cli, &["--key", &foreign])["file"], "manifest");
    cli.run(&["restore", "backup", "--data", "new", "--key", "nonsense"]).expect_status(2);
    // A whole backup of another log, signed by its own key.
    fs::remove_dir_all(cli.path().join("backup")).unwrap();
    let target = cli.path().join("backup");
    other.run(&["backup", target.to_str().unwrap()]).expect_status(0);
    assert_eq!(found(&cli, &["--key", &known])["file"], "manifest");
    cli.run(&["restore", "backup", "--data", "new"]).expect_status(0);
}

#[test]
fn dry_run_verifies_and_writes_nothing() {
    let cli = with_backup();
    let before = fs::read_dir(cli.path()).unwrap().count();
    let position = manifest(&cli, "backup")["position"].clone();
    let dry = cli.json(&["restore", "backup", "--data", "new", "--dry-run"]);
    let shown = ["verified", "restored", "dry_run", "position"].map(|name| dry[name].clone());
    assert_eq!(shown, [json!(true), json!(false), json!(true), position]);
    let said = cli.run(&["restore", "backup", "--data", "new", "--dry-run"]).expect_status(0);
    assert!(said.stdout.contains("would be restored into new"), "{}", said.stdout);
    assert_eq!(fs::read_dir(cli.path()).unwrap().count(), before);
    let of_backup = objects(&cli, "backup");
    let damaged = of_backup.iter().next().unwrap();
    fs::write(cli.path().join("backup/objects").join(damaged), "x").unwrap();
    found(&cli, &["--dry-run"]);
}

/// A log is never replaced: not by an older one, a newer one, another one, or one that went another way.
#[test]
fn target_with_another_log_is_refused() {
    let cli = with_backup();
    let restore = |data: &str| {
        let refused = cli.refused(&["restore", "backup", "--data", data]);
        let dry = cli.refused(&["restore", "backup", "--data", data, "--dry-run"]);
        assert_eq!(refused, dry);
        refused["code"].clone()
    };
    let copy = |name: &str| {
        copy_folder(&cli.data(), &cli.path().join(name));
        name.to_owned()
    };
    let (data, older) = (cli.data(), copy("older"));
    let data = data.to_str().unwrap();
    let same = cli.json(&["restore", "backup", "--data", data]);
    assert_eq!((&same["restored"], &same["verified"]), (&json!(false), &json!(true)));
    let fork = copy("fork");
    cli.run(&["users", "add", "dan"]).expect_status(0);
    let before = files_under(&cli.data()).len();
    assert_eq!(restore(data), "restore.target_newer");
    assert_eq!(files_under(&cli.data()).len(), before);
    cli.run(&["users", "add", "eve", "--data", &fork]).expect_status(0);
    cli.run(&["backup", "backup"]).expect_status(0);
    assert_eq!(restore(&older), "restore.target_older");
    assert_eq!(restore(&fork), "restore.other_history");
    let other = Cli::with_company();
    assert_eq!(restore(other.data().to_str().unwrap()), "restore.other_log");
    fs::create_dir(cli.path().join("notes")).unwrap();
    cli.file("notes/list", "x");
    assert_eq!(restore("notes"), "restore.not_empty");
    fs::create_dir(cli.path().join("empty")).unwrap();
    cli.run(&["restore", "backup", "--data", "empty"]).expect_status(0);
    assert_eq!(cli.refused(&["restore", "notes", "--data", "x"])["code"], "restore.no_backup");
}

/// A mail that was in flight at the time of the backup may have arrived, so the restored folder does not send it again.
#[test]
fn mail_in_flight_is_uncertain_after_a_restore() {
    let cli = Cli::with_three_people();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let words =
        ["runs", "start", "--channel", "whatsapp", "--user", "ann", "--yes", "--smtp", &url];
    let mut sending = cli.command(&words).spawn().unwrap();
    // A connection shows that the recipient is claimed.
    let _connection = silent.accept().unwrap();
    cli.run(&["backup", "backup"]).expect_status(0);
    sending.kill().unwrap();
    sending.wait().unwrap();
    let server = MailServer::start(&[]);
    let new = super::restored(&cli, "backup");
    let resumed = cli.run(&["runs", "resume", "--data", &new, "--smtp", &server.url()]);
    assert!(resumed.status == 0 || resumed.status == 5, "{resumed:?}");
    let rows = cli.rows(&["log", "latest", "--data", &new]);
    assert_eq!(
        (&rows[0]["username"], &rows[0]["code"]),
        (&json!("ann"), &json!("delivery.uncertain"))
    );
    assert_eq!(server.received().len(), 0);
}
