//! Migrations that are killed: the data folder names the place of its log, and a repeat completes the migration.

use std::io::{BufRead as _, BufReader};

use boarding_core::clock::Clock;
use boarding_core::data_dir::DataDir;
use boarding_core::engine::{Engine, EngineError, LogChoice, Options};
use boarding_log::contract::drain;
use boarding_log::{Encoded, EventLog};
use futures_util::future::join_all;

use super::*;

/// Enough rounds that a migration can be killed before its end. Each round has one commit of each company, so
/// that two neighbouring commits never belong to one company.
const ROUNDS: usize = 120;
const COMPANY_COUNT: usize = 16;

async fn fill(data: &Path) {
    drop(DataDir::open(data).unwrap());
    let log = files(&data.join("log"));
    let companies: Vec<_> =
        (0..COMPANY_COUNT).map(|n| sample::company(&format!("company-{n}"))).collect();
    for round in 0..ROUNDS {
        join_all(companies.iter().map(async |company| {
            let commit: Encoded = sample::next(&*log, company, round % 3);
            log.append(vec![commit]).await.unwrap();
        }))
        .await;
    }
}

/// Starts a migration and kills it when it prints its first progress line.
fn kill_in_the_middle(data: &Path, server: &Server, words: &[&str]) {
    let monitor = server.monitor_url();
    let mut child =
        move_command(data, &server.url(), &with_monitor(words, &monitor)).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(line.starts_with("moving "), "{line}");
    assert_eq!(status.code(), None, "the migration was done before it was killed");
}

fn all(log: &dyn EventLog) -> Vec<boarding_commands::values::Digest> {
    drain(&mut *log.read_all(1)).iter().map(|entry| entry.recorded.hash).collect()
}

fn open(data: &Path) -> Result<Engine, EngineError> {
    Engine::open(Options {
        data: data.to_owned(),
        log: LogChoice::Files,
        transport: None,
        texts: None,
        adopt_runs: false,
        carries_runs: true,
        link_page: None,
        secret: None,
        clock: Clock::system(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_migration_can_be_repeated_in_both_directions() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let (data, fresh) = (folder.path().join("data"), folder.path().join("fresh"));
    fill(&data).await;
    let commits = ROUNDS * COMPANY_COUNT;

    kill_in_the_middle(&data, &server, &TO);
    assert!(!data.join("MOVED").exists(), "the folder is marked as moved");
    let moved = run_move(&data, &server, &TO).expect_status(0).document;
    assert!(moved["found"].as_u64() > Some(0) && moved["moved"].as_u64() > Some(0), "{moved}");
    assert_eq!(moved["commits"], commits, "{moved}");

    kill_in_the_middle(&fresh, &server, &FROM);
    let error = open(&fresh).unwrap_err();
    assert!(matches!(error, EngineError::Moved { .. }), "an incomplete log was opened: {error}");
    let back = run_move(&fresh, &server, &FROM).expect_status(0).document;
    assert!(back["found"].as_u64() > Some(0) && back["moved"].as_u64() > Some(0), "{back}");
    assert_eq!(all(&*files(&data.join("log"))), all(&*files(&fresh.join("log"))));
    assert!(!fresh.join("MOVED").exists());
}
