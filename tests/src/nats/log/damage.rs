//! F9: The log detects messages that a server lost to a flipped bit. The server does not report them.

use std::fs;
use std::path::{Path, PathBuf};

use boarding_log::contract::{drain, sample};
use boarding_log::jetstream::Options;
use boarding_log::{AppendError, EventLog, ReadError};

use super::{check_chains, open, options_of};
use crate::support::nats::Server;
use crate::support::paths::files_under;
use crate::support::wait::eventually;

/// The number of offsets in the stream's file at which a bit is flipped, one after the other.
const OFFSETS: usize = 12;

/// A stopped server with a log of two companies, and the log's end.
async fn stopped_log(rounds: usize) -> (Server, u64) {
    let mut server = Server::start();
    let log = open(options_of(&server)).unwrap();
    for round in 0..rounds {
        for name in ["acme", "zeta"] {
            let commit = sample::next(&log, &sample::company(name), round % 3);
            log.append(vec![commit]).await.unwrap();
        }
    }
    server.kill();
    (server, log.end())
}

/// The largest file of messages.
fn block(folder: &Path) -> PathBuf {
    let mut found = files_under(folder);
    found.retain(|path| path.extension().is_some_and(|extension| extension == "blk"));
    found.into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Flips a bit at the offset `part / of` of the file.
fn flip(file: &Path, part: usize, of: usize) {
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.len() * part / of;
    bytes[at] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn flipped_bit_is_detected_when_the_log_is_opened() {
    let (mut server, end) = stopped_log(60).await;
    let backup = tempfile::tempdir().unwrap();
    copy(&server.store(), backup.path());
    server.restart();
    let before = check_chains(&open(options_of(&server)).unwrap());
    for part in 1..=OFFSETS {
        server.kill();
        fs::remove_dir_all(server.store()).unwrap();
        copy(backup.path(), &server.store());
        flip(&block(&server.store()), part, OFFSETS + 1);
        server.restart();
        let opened = open(Options { indexed_up_to: end, ..options_of(&server) });
        let error = opened.map(|log| drain(&mut *log.read_all(1)).len()).unwrap_err();
        assert!(error.is_damage(), "offset {part}: {}", boarding_log::error_chain(&error));
    }
    assert_eq!(before.len(), 120);
}

#[tokio::test]
async fn messages_lost_while_the_log_is_open_are_detected() {
    let mut server = Server::start();
    let log = open(options_of(&server)).unwrap();
    let (acme, zeta) = (sample::company("acme"), sample::company("zeta"));
    for round in 0..100 {
        for company in [&acme, &zeta] {
            log.append(vec![sample::next(&log, company, round % 3)]).await.unwrap();
        }
    }
    let (whole, own) = (check_chains(&log), drain(&mut *log.read_company(&acme, 1)));
    server.kill();
    flip(&block(&server.store()), 1, 2);
    server.restart();
    for (mut reader, before) in [(log.read_all(1), whole), (log.read_company(&acme, 1), own)] {
        let mut read = Vec::new();
        let error = loop {
            match reader.next() {
                Ok(entry) => read.push(entry.expect("the log does not end before the damage")),
                Err(error) if error.is_transient() => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ReadError::DamagedStream { .. }), "{error}");
        assert!(before.starts_with(&read) && read.len() < before.len());
    }
    let error = eventually("an append fails", async || {
        log.append(vec![sample::next(&log, &zeta, 1)]).await.err()
    })
    .await;
    assert!(matches!(error, AppendError::Damaged { .. }), "{error}");
}

/// F8: A power cut with a server that syncs late, or an old backup.
#[tokio::test]
async fn append_to_a_stream_that_lost_its_end_is_refused() {
    let mut server = Server::start();
    let log = open(options_of(&server)).unwrap();
    let (acme, zeta) = (sample::company("acme"), sample::company("zeta"));
    for company in [&acme, &zeta] {
        log.append(vec![sample::next(&log, company, 1)]).await.unwrap();
    }
    server.kill();
    let backup = tempfile::tempdir().unwrap();
    copy(&server.store(), backup.path());
    server.restart();
    log.append(vec![sample::next(&log, &acme, 1)]).await.unwrap();
    server.kill();
    fs::remove_dir_all(server.store()).unwrap();
    copy(backup.path(), &server.store());
    server.restart();
    // All messages of the company zeta are still there. The loss shows in the whole stream only.
    let error = log.append(vec![sample::next(&log, &zeta, 1)]).await.unwrap_err();
    assert!(matches!(error, AppendError::Damaged { .. }), "{error}");
    let error = log.append(vec![sample::next(&log, &acme, 1)]).await.unwrap_err();
    assert!(matches!(error, AppendError::Damaged { .. }), "{error}");
}
