//! `boarding backup`: consistent while the folder is in use, incremental, and never spoiled by a later backup.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::{manifest, objects, restored};
use crate::nats::serve_process::ServeProcess;
use crate::support::disk::{SmallDisk, copy_folder};
use crate::support::paths::files_under;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};
use crate::support::wait::eventually;

#[test]
fn restored_folder_has_the_same_history_and_proofs() {
    let cli = Cli::with_three_people();
    cli.start(&["--import", "latest"]);
    let made = cli.json(&["backup", "backup"]);
    let verified = cli.json(&["audit", "verify"]);
    for name in ["position", "commits", "events", "log"] {
        assert_eq!(made[name], verified[name], "{name}");
    }
    let held = ["secret", "signing_key", "signed"].map(|name| made[name].clone());
    assert_eq!(held, [json!(true), json!(true), json!(true)]);
    let new = restored(&cli, "backup");
    for words in [
        &["audit", "verify"][..],
        &["users"],
        &["log", "latest"],
        &["history"],
        &["imports", "rows", "latest"],
        &["phones"],
    ] {
        let of_new = cli.rows(&[words, &["--data", &new]].concat());
        assert_eq!(of_new, cli.rows(words), "{words:?}");
        assert!(!of_new.is_empty(), "{words:?}");
    }
    assert_eq!(cli.json(&["audit", "replay", "--data", &new])["identical"], true);
    for path in ["secret", "audit/signing-key", "audit/public-keys", "FORMAT"] {
        let own = fs::read(cli.data().join(path)).unwrap();
        assert_eq!(fs::read(cli.path().join("new").join(path)).unwrap(), own, "{path}");
    }
    for folder in ["backup", "backup/objects", "new", "new/log"] {
        let mode = fs::metadata(cli.path().join(folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
}

/// Commands change the folder while each backup is made, and each backup is a moment of it.
#[test]
fn backups_of_a_folder_in_use_are_consistent() {
    let cli = Cli::with_three_people();
    let ends = AtomicBool::new(false);
    let mut positions = BTreeSet::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if ends.load(Ordering::Relaxed) {
                    break;
                }
                cli.run(&["users", "add", &format!("user{number}")]).expect_status(0);
            }
        });
        for number in 0..10 {
            let made = cli.json(&["backup", "backup"]);
            positions.insert(made["position"].as_u64().unwrap());
            let new = format!("new-{number}");
            let restored = cli.json(&["restore", "backup", "--data", &new]);
            assert_eq!(
                (&restored["restored"], &restored["position"]),
                (&json!(true), &made["position"])
            );
            let verified = cli.json(&["audit", "verify", "--data", &new]);
            assert_eq!(verified["position"], made["position"]);
            assert!(cli.rows(&["users", "--data", &new]).len() >= 3);
        }
        ends.store(true, Ordering::Relaxed);
    });
    assert!(positions.len() > 3, "the folder did not change: {positions:?}");
}

/// `serve` holds the lock of the folder.
#[test]
fn folder_of_a_serving_engine_is_backed_up() {
    let cli = Cli::with_three_people();
    let mut serving = ServeProcess::without_nats();
    copy_folder(&cli.data(), &serving.data());
    serving.restart(&["--http", "127.0.0.1:0"]);
    let data = serving.data();
    let data = data.to_str().unwrap();
    let refused = cli.run(&["users", "add", "dan", "--data", data]);
    assert_eq!(refused.status, 4, "the folder is not in use");
    let made = cli.json(&["backup", "backup", "--data", data]);
    assert!(serving.exit_status().is_none());
    let new = restored(&cli, "backup");
    assert_eq!(cli.json(&["audit", "verify", "--data", &new])["position"], made["position"]);
    assert_eq!(cli.rows(&["users", "--data", &new]).len(), 3);
}

#[test]
fn second_backup_copies_only_what_is_new() {
    let cli = Cli::with_three_people();
    let first = cli.json(&["backup", "backup"]);
    assert_eq!(first["kept"], json!({"files": 0, "bytes": 0}));
    let before = objects(&cli, "backup");
    let again = cli.json(&["backup", "backup"]);
    assert_eq!(again["copied"], json!({"files": 0, "bytes": 0}));
    assert_eq!(
        (&again["kept"]["files"], &again["kept"]["bytes"]),
        (&first["copied"]["files"], &first["bytes"])
    );
    assert_eq!(objects(&cli, "backup"), before);
    cli.run(&["users", "add", "dan"]).expect_status(0);
    let third = cli.json(&["backup", "backup"]);
    // The last segment and the checkpoints have grown; the imported file, the secret and the keys are as before.
    assert_eq!(third["copied"]["files"], 2);
    assert_eq!(third["events"].as_u64(), first["events"].as_u64().map(|events| events + 1));
    assert_eq!(objects(&cli, "backup").len(), before.len(), "older objects are removed");
    restored(&cli, "backup");
}

/// Closed segments are neither read nor copied again, and what the backup has lost is copied again.
#[test]
fn closed_segments_are_not_read_again() {
    let cli = Cli::with_three_people();
    super::in_small_segments(&cli);
    let first = cli.json(&["backup", "backup"]);
    let files = files_under(&cli.data().join("log"));
    let closed =
        files.iter().filter(|path| path.extension().is_some_and(|it| it == "log")).min().unwrap();
    let intact = fs::read(closed).unwrap();
    let mut bytes = intact.clone();
    bytes[100] ^= 1;
    fs::write(closed, bytes).unwrap();
    let second = cli.json(&["backup", "backup"]);
    assert_eq!(second["position"], first["position"], "a closed segment was read again");
    let manifest: Value = manifest(&cli, "backup");
    let entry = manifest["files"].as_array().unwrap().iter().find(|entry| {
        entry["path"].as_str().unwrap().ends_with(closed.file_name().unwrap().to_str().unwrap())
    });
    let object = cli.path().join("backup/objects").join(entry.unwrap()["sha256"].as_str().unwrap());
    fs::remove_file(&object).unwrap();
    let refused = cli.run(&["backup", "backup"]).expect_status(3);
    assert!(refused.stderr.contains("audit verify"), "{}", refused.stderr);
    fs::write(closed, &intact).unwrap();
    let healed = cli.json(&["backup", "backup"]);
    assert_eq!(healed["copied"]["files"], 1);
    restored(&cli, "backup");
    // A missing closed segment is damage.
    fs::remove_file(closed).unwrap();
    cli.run(&["backup", "backup"]).expect_status(3);
}

#[test]
fn damaged_or_cut_log_is_not_backed_up() {
    let cli = Cli::with_three_people();
    let path = cli.data().join("log/00000000000000000001.log");
    let earlier = fs::read(&path).unwrap();
    cli.run(&["users", "add", "dan"]).expect_status(0);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &earlier).unwrap();
    let cut = cli.run(&["backup", "backup"]).expect_status(3);
    assert!(cut.stderr.contains("shorter"), "{}", cut.stderr);
    // Without the heads file only the checkpoint knows the end.
    fs::remove_file(cli.data().join("log/heads")).unwrap();
    let cut = cli.run(&["backup", "backup"]).expect_status(3);
    assert!(cut.stderr.contains("its end is missing"), "{}", cut.stderr);
    let mut bytes = whole.clone();
    bytes[1_000] ^= 4;
    fs::write(&path, bytes).unwrap();
    let damaged = cli.run(&["backup", "backup"]).expect_status(3);
    assert!(damaged.stderr.contains("at byte"), "{}", damaged.stderr);
    assert!(!cli.path().join("backup/manifest").exists());
    fs::write(&path, &whole).unwrap();
    cli.run(&["backup", "backup"]).expect_status(0);
    // The same damage before a second backup.
    let mut bytes = whole;
    bytes[1_000] ^= 4;
    fs::write(&path, bytes).unwrap();
    let damaged = cli.run(&["backup", "backup"]).expect_status(3);
    assert!(damaged.stderr.contains("at byte"), "{}", damaged.stderr);
}

/// A backup that was killed leaves the earlier one whole, and the next one removes what it has left.
#[test]
fn interrupted_backup_leaves_the_earlier_one_whole() {
    let cli = Cli::with_three_people();
    let first = cli.json(&["backup", "backup"]);
    let kept = cli.path().join("kept");
    copy_folder(&cli.path().join("backup"), &kept);
    cli.run(&["users", "add", "dan"]).expect_status(0);
    // The state before the manifest is renamed: all new objects are there.
    cli.run(&["backup", "backup"]).expect_status(0);
    let interrupted = cli.path().join("backup");
    for path in files_under(&kept) {
        let target = interrupted.join(path.strip_prefix(&kept).unwrap());
        fs::copy(path, target).unwrap();
    }
    fs::write(interrupted.join("manifest.unfinished"), "{\"backup\":1,").unwrap();
    fs::write(interrupted.join("objects/.unfinished-next"), "half").unwrap();
    let restored = cli.json(&["restore", "backup", "--data", "old"]);
    assert_eq!(restored["position"], first["position"]);
    let next = cli.json(&["backup", "backup"]);
    assert!(next["position"].as_u64() > first["position"].as_u64());
    assert_eq!(objects(&cli, "backup").len(), super::digests(&cli, "backup").len());
    super::restored(&cli, "backup");
}

/// The next backup would sign what another program has put into the manifest.
#[test]
fn backup_with_an_edited_manifest_is_not_continued() {
    let cli = Cli::with_three_people();
    cli.run(&["backup", "backup"]).expect_status(0);
    let path = cli.path().join("backup/manifest");
    let whole = fs::read_to_string(&path).unwrap();
    let unsigned = format!("{}\n", whole.lines().next().unwrap());
    for text in [unsigned, whole.replace("\"events\":", "\"events\":1"), "x".to_owned()] {
        fs::write(&path, &text).unwrap();
        let refused = cli.run(&["backup", "backup", "--json"]).expect_status(3);
        assert_eq!(refused.json()["file"], "manifest");
        assert!(refused.stderr.contains("give another place"), "{}", refused.stderr);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    fs::write(&path, whole).unwrap();
    cli.run(&["backup", "backup"]).expect_status(0);
}

/// The disk of the backup gets full while a backup is made.
#[test]
fn failed_backup_leaves_the_earlier_one_whole() {
    let Some(disk) = SmallDisk::mount(1) else { return };
    let cli = Cli::with_three_people();
    let target = disk.path().join("backup");
    let target = target.to_str().unwrap();
    let first = cli.json(&["backup", target]);
    let ballast = disk.fill();
    cli.run(&["users", "add", "dan"]).expect_status(0);
    let failed = cli.run(&["backup", target]).expect_status(4);
    assert!(failed.stderr.contains("No space left"), "{}", failed.stderr);
    let restored = cli.json(&["restore", target, "--data", "old"]);
    assert_eq!(restored["position"], first["position"]);
    fs::remove_file(ballast).unwrap();
    let second = cli.json(&["backup", target]);
    assert!(second["position"].as_u64() > first["position"].as_u64());
}

#[test]
fn backup_without_secrets_says_so() {
    let cli = Cli::with_three_people();
    let made = cli.json(&["backup", "backup", "--without-secrets"]);
    let held = ["secret", "signing_key", "signed"].map(|name| made[name].clone());
    assert_eq!(held, [json!(false), json!(false), json!(true)]);
    let said = cli.run(&["restore", "backup", "--data", "new"]).expect_status(0);
    assert!(said.stdout.contains("secret of links: no; signing key: no"), "{}", said.stdout);
    assert!(said.stderr.contains("put the file secret"), "{}", said.stderr);
    assert!(!cli.path().join("new/secret").exists());
    let secret = fs::read(cli.data().join("secret")).unwrap();
    let seed = fs::read(cli.data().join("audit/signing-key")).unwrap();
    for object in files_under(&cli.path().join("backup")) {
        let bytes = fs::read(object).unwrap();
        assert!(bytes != secret && bytes != seed);
    }
    cli.run(&["users", "--data", "new"]).expect_status(0);
}

/// The target is a data folder, holds something else, or is of another, a newer or a forked log.
#[test]
fn wrong_targets_of_a_backup_are_refused() {
    let (cli, other) = (Cli::with_three_people(), Cli::with_company());
    let code = |args: &[&str]| cli.refused(&[&["backup"], args].concat())["code"].clone();
    let (own, foreign) = (cli.data(), other.data());
    for folder in [&own, &own.join("inside"), &foreign] {
        assert_eq!(code(&[folder.to_str().unwrap()]), "backup.data_folder");
    }
    fs::create_dir(cli.path().join("notes")).unwrap();
    cli.file("notes/list", "x");
    assert_eq!(code(&["notes"]), "backup.other_content");
    cli.run(&["backup", "backup"]).expect_status(0);
    assert_eq!(code(&["backup", "--data", foreign.to_str().unwrap()]), "backup.other_log");
    let earlier = cli.path().join("earlier");
    copy_folder(&cli.data(), &earlier);
    let earlier = earlier.to_str().unwrap();
    cli.run(&["users", "add", "dan"]).expect_status(0);
    let newest = cli.json(&["backup", "backup"])["position"].clone();
    assert_eq!(code(&["backup", "--data", earlier]), "backup.target_newer");
    for user in ["eve", "fay"] {
        cli.run(&["users", "add", user, "--data", earlier]).expect_status(0);
    }
    assert_eq!(code(&["backup", "--data", earlier]), "backup.other_history");
    assert_eq!(manifest(&cli, "backup")["position"], newest);
    cli.run(&["backup", "x", "--data", "missing"]).expect_status(2);
    assert!(!cli.path().join("x").exists() && !cli.path().join("missing").exists());
}

/// Other things in the place of a backup are never removed.
#[test]
fn other_objects_in_a_place_are_refused_and_stay() {
    let cli = Cli::with_three_people();
    let objects = cli.path().join("kept/objects");
    fs::create_dir_all(&objects).unwrap();
    let other = objects.join("thesis.txt");
    fs::write(&other, "x").unwrap();
    let refused = cli.run(&["backup", "kept"]).expect_status(1);
    assert!(refused.stderr.contains("backup.other_content"), "{refused:?}");
    assert!(refused.stderr.contains("thesis.txt"), "{refused:?}");
    assert!(other.exists() && !cli.path().join("kept/manifest").exists());
}

/// A repeated backup writes again what it has read, so that a damaged object does not stay.
#[test]
fn damaged_object_of_a_read_file_is_written_again() {
    let cli = Cli::with_three_people();
    cli.run(&["backup", "kept"]).expect_status(0);
    let files = manifest(&cli, "kept")["files"].as_array().unwrap().clone();
    let secret = files.iter().find(|file| file["path"] == "secret").unwrap();
    let object = cli.path().join("kept/objects").join(secret["sha256"].as_str().unwrap());
    fs::write(&object, [7; 32]).unwrap();
    cli.run(&["restore", "kept", "--data", "new", "--dry-run"]).expect_status(3);
    cli.run(&["backup", "kept"]).expect_status(0);
    cli.run(&["restore", "kept", "--data", "new", "--dry-run"]).expect_status(0);
    fs::remove_file(cli.data().join("secret")).unwrap();
    let data = cli.data();
    let lacks = cli.run(&["restore", "kept", "--data", data.to_str().unwrap()]).expect_status(1);
    assert!(lacks.stderr.contains("lacks secret"), "{lacks:?}");
}

/// A log without its end is not backed up, and its verification says so too.
#[tokio::test]
async fn log_without_its_answered_end_is_not_backed_up() {
    let cli = Cli::new();
    let token = issue(&cli, "olga@local");
    let earlier = cli.path().join("earlier");
    copy_folder(&cli.data().join("log"), &earlier);
    let engine = Engine::start(&cli, &[]);
    engine.run(&token, &["users", "add", "ann"]).expect_status(0);
    let noted = cli.data().join("audit/acknowledged");
    eventually("the answered position is written", async || noted.exists().then_some(())).await;
    drop(engine);
    fs::remove_dir_all(cli.data().join("log")).unwrap();
    fs::remove_dir_all(cli.data().join("derived")).unwrap();
    // The whole log is lost: no new one begins in silence.
    let refused = cli.run(&["users"]).expect_status(3);
    assert!(refused.stderr.contains("its end is missing"), "{refused:?}");
    fs::remove_dir_all(cli.data().join("log")).unwrap();
    copy_folder(&earlier, &cli.data().join("log"));
    for verb in [&["backup", "kept"][..], &["audit", "verify"]] {
        let refused = cli.run(verb).expect_status(3);
        assert!(refused.stderr.contains("its end is missing"), "{refused:?}");
    }
    // A damaged file keeps no log closed.
    fs::write(&noted, fs::read_to_string(&noted).unwrap().replace("\n2\n", "\n9\n")).unwrap();
    cli.run(&["backup", "kept"]).expect_status(0);
    fs::write(cli.data().join("FORMAT"), "boarding data folder, format 99\n").unwrap();
    let refused = cli.run(&["backup", "kept"]).expect_status(1);
    assert!(refused.stderr.contains("backup.newer_format"), "{refused:?}");
}
