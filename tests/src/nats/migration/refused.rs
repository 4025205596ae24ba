//! Migrations that are refused and change nothing.

use boarding_core::clock::Clock;
use boarding_nats::ownership::CompanyOwners;

use super::super::serve_process::ServeProcess;
use super::*;
use crate::support::wait::eventually;

/// A data folder with one commit of each of these companies.
async fn folder_of(companies: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    append(folder.path(), companies).await;
    folder
}

async fn append(data: &Path, companies: &[&str]) {
    drop(boarding_core::data_dir::DataDir::open(data).unwrap());
    let log = files(&data.join("log"));
    for company in companies {
        log.append(vec![sample::next(&*log, &sample::company(company), 2)]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn different_logs_are_never_merged() {
    let server = Server::start();
    let (one, other) = (folder_of(&["acme"]).await, folder_of(&["globex", "acme"]).await);
    run_move(one.path(), &server, &TO).expect_status(0);
    let refused = run_move(other.path(), &server, &TO).expect_status(1);
    assert_eq!(refused.document["code"], "move.other_history");
    assert!(refused.stderr.contains("never merged"), "{}", refused.stderr);
    let refused = run_move(other.path(), &server, &FROM).expect_status(1);
    assert_eq!(refused.document["code"], "move.own_log");
    assert!(!other.path().join("MOVED").exists());
    assert_eq!(messages(&server).await, Some(1));

    // The folder got commits after its migration, so that neither log is a prefix of the other.
    append(one.path(), &["zeta"]).await;
    let refused = run_move(one.path(), &server, &FROM).expect_status(1);
    assert_eq!(refused.document["code"], "move.target_ahead");
    assert!(one.path().join("MOVED").exists());
}

/// The stream is newer than an old copy of the folder.
#[tokio::test(flavor = "multi_thread")]
async fn old_copy_of_a_log_replaces_no_newer_one() {
    let server = Server::start();
    let folder = folder_of(&["acme"]).await;
    let copy_of = folder.path().with_extension("copy");
    copy(folder.path(), &copy_of);
    append(folder.path(), &["globex"]).await;
    run_move(folder.path(), &server, &TO).expect_status(0);
    let refused = run_move(&copy_of, &server, &TO).expect_status(1);
    assert_eq!(refused.document["code"], "move.target_ahead");
    std::fs::remove_dir_all(&copy_of).unwrap();
    // A folder whose log was moved does not migrate to another server.
    let other_server = Server::start();
    let refused = run_move(folder.path(), &other_server, &TO).expect_status(1);
    assert_eq!(refused.document["code"], "move.moved_already");
    assert_eq!(messages(&other_server).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn migration_is_refused_while_an_engine_runs() {
    let server = Server::start();
    let folder = folder_of(&["acme"]).await;
    let serving = ServeProcess::start(&server);
    let refused = run_move(folder.path(), &server, &TO).expect_status(4);
    assert!(refused.stderr.contains("an engine serves"), "{}", refused.stderr);
    drop(serving);

    let client = async_nats::connect(server.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let me = Clock::system().id().0;
    let owners = CompanyOwners::join(&jetstream, me, 1).await.unwrap();
    for direction in [TO, FROM] {
        let refused = run_move(folder.path(), &server, &direction).expect_status(4);
        assert!(refused.stderr.contains(&me.to_string()), "{}", refused.stderr);
    }
    assert_eq!(messages(&server).await, None);
    drop(owners);

    let held = boarding_core::data_dir::DataDir::open(folder.path()).unwrap();
    // The engine did not release its lease, which expires later.
    let mut pause = tokio::time::interval(Duration::from_millis(500));
    let refused = eventually("the engine's lease has expired", async || {
        pause.tick().await;
        let refused = run_move(folder.path(), &server, &TO).expect_status(4);
        (!refused.stderr.contains(&me.to_string())).then_some(refused)
    })
    .await;
    assert!(refused.stderr.contains("in use by process"), "{}", refused.stderr);
    drop(held);
    run_move(folder.path(), &server, &TO).expect_status(0);
}

/// The exit status tells wrong arguments, damage, and unavailable servers apart.
#[tokio::test(flavor = "multi_thread")]
async fn failed_migration_ends_with_the_status_of_its_cause() {
    let server = Server::start();
    let folder = folder_of(&["acme"]).await;
    let (data, missing) = (folder.path(), folder.path().with_extension("nowhere"));
    let plain = |data: &Path, words: &[&str]| run(move_command(data, &server.url(), words));
    for words in [vec![], vec!["--to", "files"], vec!["--to", "jetstream", "--from", "jetstream"]] {
        plain(data, &words).expect_status(2);
    }
    assert_eq!(
        move_command(data, "", &TO).env_remove("BOARDING_NATS").output().unwrap().status.code(),
        Some(2)
    );
    let secret = "nats://engine:s3cret@127.0.0.1:1";
    let refused = run(move_command(data, secret, &TO)).expect_status(4);
    assert!(!refused.stderr.contains("s3cret"), "{}", refused.stderr);
    // Without the monitoring address the server's sync settings are unknown.
    let refused = plain(data, &TO).expect_status(4);
    assert!(refused.stderr.contains("monitoring address"), "{}", refused.stderr);
    run_move(&missing, &server, &TO).expect_status(4);
    let refused = run_move(&missing, &server, &FROM).expect_status(4);
    assert!(refused.stderr.contains("there is no log"), "{}", refused.stderr);
    assert!(!missing.exists(), "a folder was created");

    // One byte of the log is changed.
    let mut segments = std::fs::read_dir(data.join("log")).unwrap();
    let segment = segments.find_map(|entry| {
        let path = entry.unwrap().path();
        path.extension().is_some_and(|kind| kind == "log").then_some(path)
    });
    let segment = segment.unwrap();
    let whole = std::fs::read(&segment).unwrap();
    let text = b"person-1@acme";
    let at = whole.windows(text.len()).position(|bytes| bytes == text).unwrap();
    let mut damaged = whole.clone();
    damaged[at] ^= 1;
    std::fs::write(&segment, damaged).unwrap();
    run_move(data, &server, &TO).expect_status(3);
    std::fs::write(&segment, whole).unwrap();
    let moved =
        plain(data, &["--to", "jetstream", "--accept-unknown-sync", "--json"]).expect_status(0);
    assert_eq!(moved.document["commits"], 1);
}
