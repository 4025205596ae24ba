//! `boarding doctor`: each part of a data folder, what is wrong with it, and what to do.

use std::fs;

use serde_json::{Value, json};

use crate::support::program::Cli;
use crate::support::running_engine::Engine;

const PARTS: [&str; 9] = [
    "disk",
    "log",
    "signing",
    "read_models",
    "commands",
    "snapshots",
    "files",
    "link_secret",
    "mail_settings",
];

/// The document of an examination that ends with this status, and the state of a part in it.
#[track_caller]
fn examined(cli: &Cli, status: i32, part: &str) -> (Value, Value) {
    let document = cli.run(&["doctor", "--json"]).expect_status(status).json();
    let parts = document["parts"].as_array().unwrap();
    let part = parts.iter().find(|one| one["part"] == part).unwrap_or(&Value::Null).clone();
    (document, part)
}

#[test]
fn every_part_of_a_whole_folder_is_ok() {
    let cli = Cli::with_three_people();
    cli.start(&["--import", "latest"]);
    let events = cli.rows(&["history"]).len();
    let (document, log) = examined(&cli, 0, "log");
    assert_eq!((&document["state"], &document["not_examined"]), (&json!("ok"), &Value::Null));
    let parts = document["parts"].as_array().unwrap();
    assert!(parts.iter().map(|part| &part["part"]).eq(PARTS.iter()), "{document}");
    assert!(parts.iter().all(|part| part["state"] == "ok" && part["summary"] != ""), "{document}");
    assert!(log["summary"].as_str().unwrap().contains(&format!("{events} events")), "{log}");
    let text = cli.run(&["doctor"]).expect_status(0).stdout;
    assert!(text.lines().count() == PARTS.len() && text.contains("read models"), "{text}");
    assert_eq!(cli.rows(&["history"]).len(), events, "the doctor appends nothing");
}

#[test]
fn damaged_log_is_named_and_nothing_else_is_examined() {
    let cli = Cli::with_three_people();
    let path = cli.data().join("log/00000000000000000001.log");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(4).rposition(|window| window == b"acme").unwrap();
    bytes[at + 60] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (document, log) = examined(&cli, 3, "log");
    let finding = &log["findings"][0];
    assert_eq!((&log["state"], &finding["company"]), (&json!("fault"), &json!("acme")));
    assert!(finding["remedy"].as_str().unwrap().contains("boarding restore"), "{finding}");
    assert!(document["not_examined"].as_str().unwrap().contains("is not right"));
    assert_eq!(document["parts"].as_array().unwrap().len(), 3);
}

#[test]
fn lost_file_and_changed_file_are_named() {
    let cli = Cli::with_three_people();
    let [file] = fs::read_dir(cli.data().join("files"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let whole = fs::read(&file).unwrap();
    fs::write(&file, b"other").unwrap();
    let (_, files) = examined(&cli, 3, "files");
    let message = files["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("three.csv") && message.contains("is not what it was"), "{files}");
    fs::remove_file(&file).unwrap();
    let (_, files) = examined(&cli, 3, "files");
    assert!(files["findings"][0]["message"].as_str().unwrap().contains("is missing"), "{files}");
    fs::write(&file, whole).unwrap();
    examined(&cli, 0, "files");
    let stray = file.with_file_name("0".repeat(64));
    fs::write(stray, b"x").unwrap();
    let (_, files) = examined(&cli, 0, "files");
    assert_eq!(files["state"], "warning", "{files}");
}

#[test]
fn lost_link_secret_and_placeholders_are_named() {
    let cli = Cli::with_three_people();
    cli.start(&["--import", "latest"]);
    cli.run(&["config", "unset", "link_base_url"]).expect_status(0);
    let (document, settings) = examined(&cli, 0, "mail_settings");
    assert_eq!((&document["state"], &settings["state"]), (&json!("warning"), &json!("warning")));
    let remedy = settings["findings"][0]["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("boarding config set link_base_url "), "{remedy}");
    let folder = format!("--data {}", cli.data().display());
    let told = cli.run(&["doctor", "--data", cli.data().to_str().unwrap()]).expect_status(0);
    assert!(told.stdout.contains(&folder), "{told:?}");
    cli.run(&["config", "set", "link_base_url", "http://127.0.0.1:8080/i/"]).expect_status(0);
    let (_, settings) = examined(&cli, 0, "mail_settings");
    assert!(
        settings["findings"][0]["message"].as_str().unwrap().contains("do not reach"),
        "{settings}"
    );
    fs::remove_file(cli.data().join("secret")).unwrap();
    let (_, secret) = examined(&cli, 3, "link_secret");
    assert!(secret["findings"][0]["remedy"].as_str().unwrap().contains("put back"), "{secret}");
}

#[test]
fn lost_signing_key_and_open_secret_are_named() {
    let cli = Cli::with_three_people();
    let key = cli.data().join("audit/signing-key");
    let aside = cli.path().join("signing-key");
    fs::rename(&key, &aside).unwrap();
    for _ in 0..2 {
        let (document, signing) = examined(&cli, 0, "signing");
        assert_eq!(signing["state"], "warning", "{signing}");
        assert!(document["not_examined"].is_string(), "{document}");
    }
    fs::rename(aside, key).unwrap();
    fs::write(cli.data().join("secret"), b"abc").unwrap();
    let (_, folder) = examined(&cli, 3, "data_folder");
    assert!(folder["findings"][0]["message"].as_str().unwrap().contains("secret"), "{folder}");
}

/// P12: derived data that is wrong is made again from the log, and only then.
#[test]
fn damaged_snapshot_is_made_again_by_rebuild() {
    let cli = Cli::with_three_people();
    let snapshots = cli.data().join("derived/companies");
    fs::create_dir_all(&snapshots).unwrap();
    fs::write(snapshots.join("acme.snapshot"), b"BRDGSNAPx").unwrap();
    let (_, part) = examined(&cli, 3, "snapshots");
    assert!(part["findings"][0]["remedy"].as_str().unwrap().contains("--rebuild"), "{part}");
    let rebuilt = cli.run(&["doctor", "--rebuild"]).expect_status(0);
    assert!(rebuilt.stdout.contains("because of: snapshots"), "{rebuilt:?}");
    let again = cli.run(&["doctor", "--rebuild"]).expect_status(0);
    assert!(!again.stdout.contains("again from the log"), "{again:?}");
    assert_eq!(cli.rows(&["users"]).len(), 3);
}

#[test]
fn log_of_a_folder_in_use_is_examined() {
    let cli = Cli::with_three_people();
    let engine = Engine::start(&cli, &[]);
    let (document, log) = examined(&cli, 0, "log");
    assert_eq!(log["state"], "ok");
    let told = document["not_examined"].as_str().unwrap();
    assert!(told.contains(&format!("process {}", engine.process())), "{told}");
    assert_eq!(document["parts"].as_array().unwrap().len(), 3);
    let undone = cli.run(&["doctor", "--rebuild"]).expect_status(4);
    assert!(undone.stderr.contains("nothing was made again"), "{undone:?}");
}
