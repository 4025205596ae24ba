//! `boarding audit verify`: what is wrong is named with its place, and nothing is changed.

use std::fs;

use boarding_commands::commit::{Commit, SCHEMA};
use boarding_commands::event::{Channel, Event, Source};
use boarding_commands::values::{Digest, ImportId, Personal, RunId};
use boarding_core::clock::Clock;
use boarding_log::codec::Encoded;
use boarding_log::file::{FileLog, Options};
use boarding_log::{EventLog as _, Head};
use serde_json::{Value, json};

use crate::nats::serve_process::ServeProcess;
use crate::support::paths::files_under;
use crate::support::program::Cli;
use crate::support::random::SeededRandom;

const FLIPS: usize = 12;

/// The document of a verification that must fail.
#[track_caller]
pub(super) fn found(cli: &Cli, args: &[&str]) -> Value {
    let output = cli.run(&[&["audit", "verify", "--json"], args].concat()).expect_status(3);
    let document = output.json();
    assert_eq!(document["verified"], false);
    assert!(output.stderr.contains(document["message"].as_str().unwrap()), "{}", output.stderr);
    document
}

#[test]
fn whole_log_passes_and_its_head_is_named() {
    let cli = Cli::with_three_people();
    cli.start(&["--import", "latest"]);
    let last = cli.rows(&["history"]).pop().unwrap();
    let verified = cli.json(&["audit", "verify"]);
    for name in ["position", "version", "hash"] {
        assert_eq!(verified[name], last[name], "{verified}");
    }
    assert_eq!((&verified["companies"], &verified["unfinished_bytes"]), (&json!(1), &json!(0)));
    assert!(verified["checkpoints"].as_u64().unwrap() > 0, "{verified}");
    let text = cli.run(&["audit", "verify"]).expect_status(0).stdout;
    assert!(text.starts_with(&format!("verified: {} events in ", verified["events"])), "{text}");
    let history = cli.rows(&["audit", "history", "user:ann"]);
    assert_eq!(history, cli.rows(&["history", "user:ann"]));
    assert_eq!(cli.json(&["audit", "replay"])["identical"], true);
}

/// P29: each flipped bit is found, and the first bad commit is named to its byte.
#[test]
fn flipped_bit_is_named_to_its_byte() {
    let mut random = SeededRandom::from_environment();
    let cli = Cli::with_many_people(200);
    let path = cli.data().join("log/00000000000000000001.log");
    let whole = fs::read(&path).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    for _ in 0..FLIPS {
        let at = random.below(used);
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << random.below(8);
        fs::write(&path, &bytes).unwrap();
        let document = found(&cli, &[]);
        assert_eq!(document["kind"], "damage");
        assert_eq!(document["segment"], "00000000000000000001.log");
        let named = usize::try_from(document["byte"].as_u64().unwrap()).unwrap();
        assert!(named <= at, "byte {at}: {document}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "the file is unchanged");
    }
    // A byte inside a commit names its company, version and position.
    let mut bytes = whole;
    let at = bytes.windows(4).rposition(|window| window == b"acme").unwrap();
    bytes[at + 60] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let document = found(&cli, &[]);
    assert_eq!(document["company"], "acme");
    assert!(document["version"].is_u64() && document["position"].is_u64(), "{document}");
}

/// P1: the bytes and the chain are right, but two runs overlap.
#[tokio::test(flavor = "multi_thread")]
async fn illegal_history_is_named_by_its_rule() {
    let cli = Cli::new();
    let clock = Clock::system();
    let log = FileLog::open(&cli.data().join("log"), Options::new(clock.now())).unwrap().log;
    let run = |n: u128| RunId(ulid::Ulid(n));
    let requested = |n| Event::RunRequested {
        run: run(n),
        channel: Channel::Whatsapp,
        source: Source::Import(ImportId(ulid::Ulid(9))),
        total: 0,
        duplicates_removed: 0,
        not_before: None,
        list_version: None,
    };
    let start =
        |n| [requested(n), Event::RunQueued { run: run(n) }, Event::RunStarted { run: run(n) }];
    let mut head = Head::default();
    for n in [1, 2] {
        let encoded = Encoded::of(Commit {
            company: "acme".parse().unwrap(),
            first_version: head.version + 1,
            command: clock.id(),
            body: Digest::default(),
            actor: Personal("ann".to_owned()),
            at: clock.now(),
            correlation: None,
            causation: None,
            traceparent: None,
            schema: SCHEMA,
            result: Value::Null,
            previous: head.hash,
            events: start(n).to_vec(),
            authenticated: None,
        });
        let encoded = encoded.unwrap();
        head = Head { version: encoded.commit().last_version(), hash: encoded.hash() };
        log.append(vec![encoded]).await.unwrap();
    }
    drop(log);
    let document = found(&cli, &[]);
    let place = json!({"kind": document["kind"], "company": document["company"],
        "version": document["version"], "position": document["position"]});
    let expected = json!({"kind": "run_overlap", "company": "acme", "version": 4, "position": 4});
    assert_eq!(place, expected);
    assert!(document["message"].as_str().unwrap().contains(&run(2).to_string()), "{document}");
}

/// A log in use is verified and exported while it grows, and no file of it is written.
#[test]
fn folder_in_use_is_verified() {
    let mut process = ServeProcess::without_nats();
    let words = ["config", "set", "channels.whatsapp", "true", "--company", "acme", "--data"];
    let data = process.data().to_string_lossy().into_owned();
    let cli = Cli::new();
    cli.run(&[&words[..], &[&data]].concat()).expect_status(0);
    process.restart(&["--http", "127.0.0.1:0"]);
    let before: Vec<_> = files_under(&process.data().join("log"));
    let verified = cli.json(&["audit", "verify", "--data", &data]);
    assert_eq!(verified["verified"], true);
    let bundle = cli.path().join("acme.bundle");
    let bundle = bundle.to_str().unwrap();
    cli.run(&["audit", "export", bundle, "--data", &data]).expect_status(0);
    cli.run(&["audit", "verify-export", bundle]).expect_status(0);
    assert_eq!(files_under(&process.data().join("log")), before);
    // The engine still works and holds the folder.
    cli.run(&["audit", "replay", "--data", &data]).expect_status(4);
}

#[test]
fn folder_without_a_log_is_named() {
    let cli = Cli::new();
    for verb in ["verify", "replay", "checkpoints", "keys", "replace-key"] {
        let output = cli.run(&["audit", verb]).expect_status(2);
        assert!(output.stderr.contains("there is no data folder"), "{verb}: {}", output.stderr);
    }
    assert!(!cli.data().exists());
}
