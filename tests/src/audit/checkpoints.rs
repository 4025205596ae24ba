//! Checkpoints that were kept elsewhere show a cut end and a rewritten past. Keys are replaced and stay trusted.

use std::path::PathBuf;

use serde_json::json;

use super::verify::found;
use crate::support::disk::copy_folder;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};
use crate::support::wait::eventually;

/// Keeps the newest checkpoint in a file, and returns its path.
fn keep(cli: &Cli, name: &str) -> String {
    let note = cli.run(&["audit", "checkpoints", "--latest"]).expect_status(0).stdout;
    cli.file(name, &note)
}

/// A copy of the data folder as it is now.
fn copy(cli: &Cli, name: &str) -> PathBuf {
    let copy = cli.path().join(name);
    copy_folder(&cli.data(), &copy);
    copy
}

#[test]
fn cut_end_and_rewritten_past_are_found() {
    let cli = Cli::with_company();
    let earlier = copy(&cli, "earlier");
    let (earlier, old) = (earlier.to_str().unwrap(), keep(&cli, "old.note"));
    cli.run(&["users", "add", "ann"]).expect_status(0);
    let new = keep(&cli, "new.note");
    assert_eq!(cli.json(&["audit", "verify", "--checkpoint", &old])["verified"], true);
    // The whole folder was put back, with everything in it: only a kept checkpoint knows more.
    let kept = ["--checkpoint", &new, "--data", earlier];
    cli.run(&["audit", "verify", "--data", earlier]).expect_status(0);
    let cut = found(&cli, &kept);
    assert_eq!(cut["kind"], "checkpoint");
    assert!(cut["message"].as_str().unwrap().contains("its end is missing"), "{cut}");
    // The same log went on with another history.
    cli.run(&["users", "add", "zoe", "--data", earlier]).expect_status(0);
    let rewritten = found(&cli, &kept);
    assert_eq!(rewritten["kind"], "checkpoint");
    assert!(rewritten["message"].as_str().unwrap().contains("its past was changed"));
    cli.run(&["audit", "verify", "--checkpoint", &old, "--data", earlier]).expect_status(0);
}

/// Each end of a command is signed, so that a cut end shows without anything kept elsewhere.
#[test]
fn checkpoints_of_the_folder_show_a_cut_end() {
    let cli = Cli::with_company();
    let earlier = copy(&cli, "earlier");
    cli.run(&["users", "add", "ann"]).expect_status(0);
    let rows = cli.rows(&["audit", "checkpoints"]);
    let end = cli.json(&["audit", "verify"])["position"].clone();
    assert_eq!(rows.last().unwrap()["position"], end);
    std::fs::remove_dir_all(cli.data().join("log")).unwrap();
    copy_folder(&earlier.join("log"), &cli.data().join("log"));
    assert_eq!(found(&cli, &[])["kind"], "checkpoint");
}

/// While an engine serves, the position of answered commands is written each second. So a log without its end is not
/// opened, although it looks whole and nothing else names the lost commands.
#[tokio::test]
async fn log_without_its_answered_end_is_not_opened() {
    let cli = Cli::new();
    let token = issue(&cli, "olga@local");
    let earlier = copy(&cli, "earlier");
    let engine = Engine::start(&cli, &[]);
    engine.run(&token, &["users", "add", "ann"]).expect_status(0);
    let end = engine.run(&token, &["history", "--json"]).rows().pop().unwrap()["position"].clone();
    let noted = cli.data().join("audit/acknowledged");
    let is_noted = async || {
        let text = std::fs::read_to_string(&noted).unwrap_or_default();
        (text.lines().nth(2) == Some(&end.to_string())).then_some(())
    };
    eventually("the answered position is written", is_noted).await;
    drop(engine);
    std::fs::remove_dir_all(cli.data().join("log")).unwrap();
    std::fs::remove_dir_all(cli.data().join("derived")).unwrap();
    copy_folder(&earlier.join("log"), &cli.data().join("log"));
    let refused = cli.run(&["users"]).expect_status(3);
    assert!(refused.stderr.contains("its end is missing"), "{refused:?}");
    assert!(refused.stderr.contains(&format!("up to position {end}")), "{refused:?}");
    cli.run(&["users", "add", "bob"]).expect_status(3);
    std::fs::remove_file(&noted).unwrap();
    cli.run(&["users"]).expect_status(0);
}

#[test]
fn replaced_key_stays_trusted_through_the_old_one() {
    let cli = Cli::with_company();
    let first = cli.rows(&["audit", "keys"])[0]["key"].clone();
    let first = first.as_str().unwrap();
    let second = cli.json(&["audit", "replace-key"])["key"].clone();
    assert_ne!(second, json!(first));
    cli.run(&["users", "add", "ann"]).expect_status(0);
    let keys = cli.rows(&["audit", "keys"]);
    assert_eq!((keys.len(), &keys[1]["key"], &keys[1]["is_confirmed"]), (2, &second, &json!(true)));
    cli.run(&["audit", "verify", "--key", first]).expect_status(0);
    // A key of another log has signed nothing here.
    let other = Cli::with_company();
    let foreign = other.rows(&["audit", "keys"])[0]["key"].clone();
    let foreign = foreign.as_str().unwrap();
    let unsigned = found(&cli, &["--key", foreign]);
    assert_eq!(unsigned["kind"], "signature");
    // The new key has signed the whole log at once, and does not vouch for the old one.
    let second = second.as_str().unwrap();
    let verified = cli.json(&["audit", "verify", "--key", second]);
    assert_eq!(verified["signed_position"], verified["position"]);
    assert!(verified["unlinked_checkpoints"].as_u64().unwrap() > 0, "{verified}");
    let kept = keep(&other, "other.note");
    let foreign_note = found(&cli, &["--checkpoint", &kept]);
    assert_eq!(foreign_note["kind"], "signature");
    cli.run(&["audit", "verify", "--key", "nonsense"]).expect_status(2);
}
