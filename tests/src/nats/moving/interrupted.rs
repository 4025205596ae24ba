//! A mover that is killed in the middle: the folder says where its log is, and the same move goes on.

use std::io::{BufRead as _, BufReader};

use boarding_core::clock::Clock;
use boarding_core::data_dir::DataDir;
use boarding_core::engine::{Engine, EngineError, LogChoice, Options};
use boarding_log::contract::drain;
use boarding_log::{Encoded, EventLog};
use futures_util::future::join_all;

use super::*;

/// So many that a move takes a while: each round has a commit of every company, and none has a neighbour
/// of its own company.
const ROUNDS: usize = 120;
const OF_COMPANIES: usize = 16;

async fn fill(data: &Path) {
    drop(DataDir::open(data).unwrap());
    let log = files(&data.join("log"));
    let companies: Vec<_> =
        (0..OF_COMPANIES).map(|n| sample::company(&format!("company-{n}"))).collect();
    for round in 0..ROUNDS {
        join_all(companies.iter().map(async |company| {
            let commit: Encoded = sample::next(&*log, company, round % 3);
            log.append(vec![commit]).await.unwrap();
        }))
        .await;
    }
}

/// Starts a move and kills it as soon as it says that it has moved something.
fn kill_in_the_middle(data: &Path, server: &Server, words: &[&str]) {
    let monitor = server.monitor_url();
    let mut mover = mover(data, &server.url(), &monitored(words, &monitor)).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(mover.stderr.take().unwrap()).read_line(&mut said).unwrap();
    mover.kill().unwrap();
    let status = mover.wait().unwrap();
    assert!(said.starts_with("moving "), "{said}");
    assert_eq!(status.code(), None, "it was done before it was killed");
}

fn all(log: &dyn EventLog) -> Vec<boarding_commands::values::Digest> {
    drain(&mut *log.read_all(1)).iter().map(|entry| entry.recorded.hash).collect()
}

fn open(data: &Path) -> Result<Engine, EngineError> {
    Engine::open(Options {
        data: data.to_owned(),
        log: LogChoice::Files,
        channel: None,
        adopt_runs: false,
        secret: None,
        clock: Clock::system(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_move_goes_on_and_loses_nothing_on_either_way() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let (data, fresh) = (folder.path().join("data"), folder.path().join("fresh"));
    fill(&data).await;
    let commits = ROUNDS * OF_COMPANIES;

    kill_in_the_middle(&data, &server, &TO);
    assert!(!data.join("MOVED").exists(), "the log is still here");
    let moved = moves(&data, &server, &TO).with(0).document;
    assert!(moved["found"].as_u64() > Some(0) && moved["moved"].as_u64() > Some(0), "{moved}");
    assert_eq!(moved["commits"], commits, "{moved}");

    kill_in_the_middle(&fresh, &server, &FROM);
    let error = open(&fresh).unwrap_err();
    assert!(matches!(error, EngineError::Moved { .. }), "half a log was opened: {error}");
    let back = moves(&fresh, &server, &FROM).with(0).document;
    assert!(back["found"].as_u64() > Some(0) && back["moved"].as_u64() > Some(0), "{back}");
    assert_eq!(all(&*files(&data.join("log"))), all(&*files(&fresh.join("log"))));
    assert!(!fresh.join("MOVED").exists());
}
