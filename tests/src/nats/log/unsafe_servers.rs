//! Servers and streams that may lose what they acknowledged are refused by name, and nothing is appended.

use async_nats::jetstream::{
    self,
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use boarding_log::contract::sample;
use boarding_log::jetstream::{OpenError, Options};
use boarding_log::{EventLog, ReadError};

use super::{open, options, options_of, options_of_all};
use crate::support::nats::{Cluster, Server};
use crate::support::wait::eventually;

const SAFE: &str = "jetstream { store_dir: \"STORE\", sync_interval: always }";

/// The error of an opening, and that it says what to do.
fn refused(options: Options, remedy: &str) -> OpenError {
    let error = open(options).map(drop).unwrap_err();
    let text = boarding_log::error_chain(&error);
    assert!(text.contains(remedy), "{text}");
    error
}

/// F11: older servers could let two appends at one version win.
#[test]
fn a_server_that_is_too_old_is_refused_by_its_version() {
    let server = Server::too_old();
    let error = refused(options_of(&server), "use nats-server 2.12 or newer");
    assert!(matches!(error, OpenError::OldServer { version, .. } if version.starts_with("2.11.")));
    let unasked = Options { accept_unknown_sync: true, ..options(&server.url()) };
    assert!(matches!(refused(unasked, "2.12"), OpenError::OldServer { .. }));
}

/// F8: with the default, a loss of power takes acknowledged messages back, up to the whole stream.
#[test]
fn a_server_that_syncs_now_and_then_is_refused_even_if_not_knowing_is_accepted() {
    let server = Server::with("jetstream { store_dir: \"STORE\" }");
    let error = refused(options_of(&server), "sync_interval: always");
    assert!(matches!(error, OpenError::UnsafeSync { seconds: 120, .. }), "{error}");
    let accepted = Options { accept_unknown_sync: true, ..options_of(&server) };
    assert!(matches!(refused(accepted, "always"), OpenError::UnsafeSync { .. }));
}

#[test]
fn a_server_of_which_nothing_is_known_is_refused_unless_that_is_accepted() {
    let server = Server::start();
    let error = refused(options(&server.url()), "monitoring address");
    assert!(matches!(error, OpenError::UnknownSync { .. }), "{error}");
    let accepted = Options { accept_unknown_sync: true, ..options(&server.url()) };
    assert_eq!(open(accepted).unwrap().end(), 0);
    let wrong = Options { monitors: vec![server.url()], ..options(&server.url()) };
    assert!(matches!(refused(wrong, "http://"), OpenError::Monitor { .. }));
}

#[test]
fn a_server_without_jetstream_is_refused() {
    let server = Server::with("");
    let accepted = Options { accept_unknown_sync: true, ..options(&server.url()) };
    let error = refused(accepted, "add `jetstream {");
    assert!(matches!(error, OpenError::NoJetStream { .. }), "{error}");
    assert!(matches!(refused(options_of(&server), "jetstream {"), OpenError::NoJetStream { .. }));
}

#[test]
fn a_server_whose_messages_are_smaller_than_a_commit_is_refused() {
    let server = Server::with(&format!("max_payload: 256KB\n{SAFE}"));
    let error = refused(options_of(&server), "max_payload");
    assert!(matches!(error, OpenError::SmallMessages { .. }), "{error}");
}

/// A message larger than any batch is not needed: an append says how much it takes.
#[tokio::test]
async fn a_server_with_large_messages_takes_appends_of_the_logs_own_limit() {
    let server = Server::with(&format!("max_payload: 8MB\n{SAFE}"));
    let log = open(options_of(&server)).unwrap();
    assert_eq!(log.append_bytes_max(), boarding_log::APPEND_BYTES_MAX);
}

#[tokio::test]
async fn in_a_cluster_one_copy_and_servers_that_were_not_asked_are_refused() {
    let cluster = Cluster::start();
    let one = |accept_one_copy| Options {
        copies: Some(1),
        accept_one_copy,
        stream: "ONE".to_owned(),
        subjects: "one".to_owned(),
        ..options_of_all(&cluster)
    };
    let error = refused(one(false), "--replicas 3");
    assert!(matches!(error, OpenError::OneCopy { .. }), "{error}");
    assert_eq!(open(one(true)).unwrap().end(), 0);
    let mut some = options_of_all(&cluster);
    some.monitors.truncate(2);
    let error = refused(some, "monitoring address");
    assert!(matches!(error, OpenError::UnknownSync { .. }), "{error}");
}

fn safe() -> Config {
    Config {
        name: "BOARDING_LOG".to_owned(),
        subjects: vec!["boarding.log.v1.*".to_owned()],
        discard: DiscardPolicy::New,
        deny_delete: true,
        deny_purge: true,
        ..Config::default()
    }
}

/// F12: a stream may be told to drop messages, by whoever made it.
#[tokio::test]
async fn a_stream_that_drops_messages_or_may_is_refused_with_all_that_is_wrong() {
    let server = Server::start();
    let client = async_nats::connect(server.url()).await.unwrap();
    let jetstream = jetstream::new(client);
    let day = std::time::Duration::from_secs(86_400);
    let wrong = [
        ("max_msgs", Config { max_messages: 10, ..safe() }),
        ("max_bytes", Config { max_bytes: 10_000_000, ..safe() }),
        ("max_age", Config { max_age: day, ..safe() }),
        ("max_msgs_per_subject", Config { max_messages_per_subject: 1, ..safe() }),
        ("discards old", Config { discard: DiscardPolicy::Old, ..safe() }),
        ("deny_delete", Config { deny_delete: false, ..safe() }),
        ("deny_purge", Config { deny_purge: false, ..safe() }),
        ("not stored in files", Config { storage: StorageType::Memory, ..safe() }),
        ("retention", Config { retention: RetentionPolicy::Interest, ..safe() }),
        ("max_msg_size", Config { max_message_size: 1_000, ..safe() }),
        ("allow_msg_ttl", Config { allow_message_ttl: true, ..safe() }),
        ("no_ack", Config { no_ack: true, ..safe() }),
        ("subjects", Config { subjects: vec!["boarding.log.>".to_owned()], ..safe() }),
    ];
    for (what, config) in wrong {
        jetstream.create_stream(config).await.unwrap();
        let error = refused(options_of(&server), what);
        assert!(matches!(error, OpenError::Config { .. }), "{error}");
        jetstream.delete_stream("BOARDING_LOG").await.unwrap();
    }
    jetstream.create_stream(safe()).await.unwrap();
    assert_eq!(open(options_of(&server)).unwrap().end(), 0);
}

/// The stream that the log makes for itself denies what would shorten it.
#[tokio::test]
async fn the_stream_that_is_made_refuses_to_be_shortened() {
    let server = Server::start();
    let log = open(options_of(&server)).unwrap();
    let acme = sample::company("acme");
    log.append(vec![sample::next(&log, &acme, 1)]).await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let stream = jetstream::new(client).get_stream("BOARDING_LOG").await.unwrap();
    assert!(stream.purge().await.is_err());
    assert!(stream.delete_message(1).await.is_err());
}

/// A stream that was seen to be longer has lost its end, or is another one.
#[tokio::test]
async fn a_stream_that_ends_before_what_was_seen_is_refused() {
    let server = Server::start();
    let log = open(options_of(&server)).unwrap();
    let acme = sample::company("acme");
    let end = log.append(vec![sample::next(&log, &acme, 2)]).await.unwrap()[0].last_position;
    drop(log);
    let seen = |indexed_up_to| Options { indexed_up_to, ..options_of(&server) };
    assert_eq!(open(seen(end)).unwrap().end(), end);
    let error = refused(seen(end + 1), "restore it from a backup");
    assert!(matches!(error, OpenError::Behind { .. }) && error.is_damage(), "{error}");
    let other = Options { stream: "OTHER".to_owned(), subjects: "other".to_owned(), ..seen(end) };
    assert!(matches!(refused(other, "data folder"), OpenError::Behind { .. }));
}

/// What stands in the stream and is no append of ours is not passed over.
#[tokio::test]
async fn a_message_that_is_no_append_is_damage() {
    let server = Server::start();
    let log = open(options_of(&server)).unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let jetstream = jetstream::new(client);
    jetstream.publish("boarding.log.v1.acme", "hello".into()).await.unwrap().await.unwrap();
    let error = refused(options_of(&server), "restore");
    let OpenError::Read(ReadError::DamagedStream { sequence: 1, .. }) = error else {
        panic!("{error}")
    };
    // The log that is open notices it too, and takes no more.
    let (acme, zeta) = (sample::company("acme"), sample::company("zeta"));
    let commit = sample::next(&log, &zeta, 1);
    eventually("the open log has noticed", async || {
        let error = log.append(vec![sample::next(&log, &acme, 1)]).await.unwrap_err();
        matches!(error, boarding_log::AppendError::Damaged { .. }).then_some(())
    })
    .await;
    assert!(log.append(vec![commit]).await.is_err());
}
