//! The log refuses servers and streams that may lose acknowledged messages.

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

/// Opens a log, which must fail, and returns the error. Asserts that its text contains the remedy.
fn refused(options: Options, remedy: &str) -> OpenError {
    let error = open(options).map(drop).unwrap_err();
    let text = boarding_log::error_chain(&error);
    assert!(text.contains(remedy), "{text}");
    error
}

/// F11: Older servers may accept two appends at one version.
#[test]
fn server_of_an_old_version_is_refused() {
    let server = Server::too_old();
    let error = refused(options_of(&server), "use nats-server 2.12 or newer");
    assert!(matches!(error, OpenError::OldServer { version, .. } if version.starts_with("2.11.")));
    let without_monitor = Options { accept_unknown_sync: true, ..options(&server.url()) };
    assert!(matches!(refused(without_monitor, "2.12"), OpenError::OldServer { .. }));
}

/// F8: With the default `sync_interval`, a power cut can lose acknowledged messages, up to the whole stream. The
/// option for unknown settings does not change the refusal.
#[test]
fn server_that_syncs_rarely_is_refused() {
    let server = Server::with("jetstream { store_dir: \"STORE\" }");
    let error = refused(options_of(&server), "sync_interval: always");
    assert!(matches!(error, OpenError::UnsafeSync { seconds: 120, .. }), "{error}");
    let accepted = Options { accept_unknown_sync: true, ..options_of(&server) };
    assert!(matches!(refused(accepted, "always"), OpenError::UnsafeSync { .. }));
}

#[test]
fn server_with_unknown_settings_is_refused_unless_accepted() {
    let server = Server::start();
    let error = refused(options(&server.url()), "monitoring address");
    assert!(matches!(error, OpenError::UnknownSync { .. }), "{error}");
    let accepted = Options { accept_unknown_sync: true, ..options(&server.url()) };
    assert_eq!(open(accepted).unwrap().end(), 0);
    let wrong = Options { monitors: vec![server.url()], ..options(&server.url()) };
    assert!(matches!(refused(wrong, "http://"), OpenError::Monitor { .. }));
}

#[test]
fn server_without_jetstream_is_refused() {
    let server = Server::with("");
    let accepted = Options { accept_unknown_sync: true, ..options(&server.url()) };
    let error = refused(accepted, "add `jetstream {");
    assert!(matches!(error, OpenError::NoJetStream { .. }), "{error}");
    assert!(matches!(refused(options_of(&server), "jetstream {"), OpenError::NoJetStream { .. }));
}

#[test]
fn server_whose_messages_are_smaller_than_a_commit_is_refused() {
    let server = Server::with(&format!("max_payload: 256KB\n{SAFE}"));
    let error = refused(options_of(&server), "max_payload");
    assert!(matches!(error, OpenError::SmallMessages { .. }), "{error}");
}

#[tokio::test]
async fn append_limit_does_not_grow_with_the_servers_messages() {
    let server = Server::with(&format!("max_payload: 8MB\n{SAFE}"));
    let log = open(options_of(&server)).unwrap();
    assert_eq!(log.append_bytes_max(), boarding_log::APPEND_BYTES_MAX);
}

#[tokio::test]
async fn cluster_with_one_copy_or_unknown_servers_is_refused() {
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

/// F12: The error names each setting of an existing stream that allows losing messages.
#[tokio::test]
async fn stream_that_may_drop_messages_is_refused() {
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
    // A slow server removes the files of a deleted stream a moment later, and creates no stream of its name until then.
    let create = async |config: Config| {
        eventually("the stream is created", async || {
            jetstream.create_stream(config.clone()).await.ok()
        })
        .await
    };
    for (what, config) in wrong {
        create(config).await;
        let error = refused(options_of(&server), what);
        assert!(matches!(error, OpenError::Config { .. }), "{error}");
        jetstream.delete_stream("BOARDING_LOG").await.unwrap();
    }
    create(safe()).await;
    assert_eq!(open(options_of(&server)).unwrap().end(), 0);
}

#[tokio::test]
async fn created_stream_denies_purge_and_delete() {
    let server = Server::start();
    let log = open(options_of(&server)).unwrap();
    let acme = sample::company("acme");
    log.append(vec![sample::next(&log, &acme, 1)]).await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let stream = jetstream::new(client).get_stream("BOARDING_LOG").await.unwrap();
    assert!(stream.purge().await.is_err());
    assert!(stream.delete_message(1).await.is_err());
}

/// A stream shorter than the index has lost its end, or is another stream.
#[tokio::test]
async fn stream_shorter_than_the_index_is_refused() {
    let server = Server::start();
    let log = open(options_of(&server)).unwrap();
    let acme = sample::company("acme");
    let end = log.append(vec![sample::next(&log, &acme, 2)]).await.unwrap()[0].last_position;
    drop(log);
    let indexed = |indexed_up_to| Options { indexed_up_to, ..options_of(&server) };
    assert_eq!(open(indexed(end)).unwrap().end(), end);
    let error = refused(indexed(end + 1), "restore it from a backup");
    assert!(matches!(error, OpenError::Behind { .. }) && error.is_damage(), "{error}");
    let other =
        Options { stream: "OTHER".to_owned(), subjects: "other".to_owned(), ..indexed(end) };
    assert!(matches!(refused(other, "data folder"), OpenError::Behind { .. }));
}

/// A message in the stream that is not a commit is damage, for an opening log and for an open one.
#[tokio::test]
async fn message_that_is_not_a_commit_is_damage() {
    let server = Server::start();
    let log = open(options_of(&server)).unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let jetstream = jetstream::new(client);
    jetstream.publish("boarding.log.v1.acme", "hello".into()).await.unwrap().await.unwrap();
    let error = refused(options_of(&server), "restore");
    let OpenError::Read(ReadError::DamagedStream { sequence: 1, .. }) = error else {
        panic!("{error}")
    };
    // The open log detects the message too, and refuses appends.
    let (acme, zeta) = (sample::company("acme"), sample::company("zeta"));
    let commit = sample::next(&log, &zeta, 1);
    eventually("the open log refuses appends", async || {
        let error = log.append(vec![sample::next(&log, &acme, 1)]).await.unwrap_err();
        matches!(error, boarding_log::AppendError::Damaged { .. }).then_some(())
    })
    .await;
    assert!(log.append(vec![commit]).await.is_err());
}
