//! The data folder: locking, format check, interrupted writes, a log that lost its end.

use std::fs;
use std::io::Write as _;

use boarding_core::data_dir::DataDirError;
use boarding_core::engine::{Engine, EngineError};
use boarding_core::read::projector::ProjectError;
use serde_json::json;

use super::{EngineHarness, ok};
use crate::support::paths::files_under;

#[tokio::test]
async fn folder_in_use_is_refused_with_the_process_id() {
    let harness = EngineHarness::acme(None).await;
    let error = Engine::open(harness.options()).unwrap_err();
    assert!(matches!(error, EngineError::Folder(DataDirError::InUse { .. })), "{error}");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    ok(&harness.submit("AddUser", json!({"user": "ann"})).await);
}

/// The lock of the folder is released only after all tasks of a dropped engine have ended.
#[tokio::test]
async fn dropped_engine_releases_folder_and_read_models() {
    let mut harness = EngineHarness::acme(None).await;
    for _ in 0..5 {
        harness.restart().await;
        let found = harness.engine().opening_report();
        assert!(found.set_aside.is_none(), "{found:?}");
    }
}

#[tokio::test]
async fn folder_of_a_newer_format_is_refused() {
    let mut harness = EngineHarness::acme(None).await;
    harness.close().await;
    fs::write(harness.data().join("FORMAT"), "boarding data folder, format 2\n").unwrap();
    let error = Engine::open(harness.options()).unwrap_err();
    assert!(matches!(error, EngineError::Folder(DataDirError::Newer { found: 2, .. })), "{error}");
    assert!(error.to_string().contains("use a newer program"), "{error}");
}

/// The largest file of the log: its only segment.
fn log_segment(harness: &EngineHarness) -> std::path::PathBuf {
    files_under(&harness.data().join("log"))
        .into_iter()
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap()
}

/// An unacknowledged tail of the log is cut off once, and reported on that start only.
#[tokio::test]
async fn interrupted_write_is_cut_off_and_reported() {
    let mut harness = EngineHarness::acme(None).await;
    ok(&harness.submit("AddUser", json!({"user": "ann"})).await);
    harness.crash().await;
    let segment = log_segment(&harness);
    fs::OpenOptions::new().append(true).open(&segment).unwrap().write_all(&[1, 2, 3]).unwrap();
    harness.open().await;
    assert!(harness.engine().opening_report().torn_tail.is_some());
    assert_eq!(harness.rows("users", json!({})).await.len(), 1);
    harness.restart().await;
    assert!(harness.engine().opening_report().torn_tail.is_none(), "the tail was reported again");
}

/// Read models with a later position than the log show that the log has lost its end.
#[tokio::test]
async fn read_models_ahead_of_the_log_are_refused() {
    let mut harness = EngineHarness::acme(None).await;
    let short = harness.json("users", json!({})).await["position"].clone();
    harness.close().await;
    let (log, kept) = (harness.data().join("log"), harness.folder.path().join("kept"));
    copy_folder(&log, &kept);
    harness.open().await;
    ok(&harness.submit("AddUser", json!({"user": "ann"})).await);
    let long = harness.json("users", json!({})).await["position"].clone();
    harness.close().await;
    fs::remove_dir_all(&log).unwrap();
    copy_folder(&kept, &log);
    // The checkpoints would show it too.
    fs::remove_dir_all(harness.data().join("audit")).unwrap();
    let error = Engine::open(harness.options()).unwrap_err();
    assert!(matches!(error, EngineError::ReadModels(ProjectError::LogIsShorter { .. })), "{error}");
    assert!(error.is_damage());
    let text = error.to_string();
    assert!(
        text.contains(&format!("position {long}")) && text.contains(&format!("ends at {short}")),
        "{text}"
    );
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    for path in files_under(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
}
