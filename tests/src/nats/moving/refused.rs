//! What is not moved, why, and that nothing has changed then.

use boarding_core::clock::Clock;
use boarding_nats::ownership::Owners;

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
async fn logs_are_never_merged() {
    let server = Server::start();
    let (one, other) = (folder_of(&["acme"]).await, folder_of(&["globex", "acme"]).await);
    moves(one.path(), &server, &TO).with(0);
    let refused = moves(other.path(), &server, &TO).with(1);
    assert_eq!(refused.document["code"], "move.other_history");
    assert!(refused.said.contains("never merged"), "{}", refused.said);
    let refused = moves(other.path(), &server, &FROM).with(1);
    assert_eq!(refused.document["code"], "move.own_log");
    assert!(!other.path().join("MOVED").exists());
    assert_eq!(messages(&server).await, Some(1));

    // What was moved, and has gone on in the files all the same: neither is the other's beginning.
    append(one.path(), &["zeta"]).await;
    let refused = moves(one.path(), &server, &FROM).with(1);
    assert_eq!(refused.document["code"], "move.target_ahead");
    assert!(one.path().join("MOVED").exists());
}

/// The stream has gone on by itself: it is the newer one, and an old copy of the folder is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_does_not_move_behind_a_newer_one() {
    let server = Server::start();
    let folder = folder_of(&["acme"]).await;
    let copy_of = folder.path().with_extension("copy");
    copy(folder.path(), &copy_of);
    append(folder.path(), &["globex"]).await;
    moves(folder.path(), &server, &TO).with(0);
    let refused = moves(&copy_of, &server, &TO).with(1);
    assert_eq!(refused.document["code"], "move.target_ahead");
    std::fs::remove_dir_all(&copy_of).unwrap();
    // What is half here, or old, does not move on elsewhere.
    let elsewhere = Server::start();
    let refused = moves(folder.path(), &elsewhere, &TO).with(1);
    assert_eq!(refused.document["code"], "move.moved_already");
    assert_eq!(messages(&elsewhere).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_while_an_engine_works() {
    let server = Server::start();
    let folder = folder_of(&["acme"]).await;
    let serving = ServeProcess::start(&server);
    let refused = moves(folder.path(), &server, &TO).with(4);
    assert!(refused.said.contains("an engine serves"), "{}", refused.said);
    drop(serving);

    let client = async_nats::connect(server.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let me = Clock::system().id().0;
    let owners = Owners::join(&jetstream, me, 1).await.unwrap();
    for way in [TO, FROM] {
        let refused = moves(folder.path(), &server, &way).with(4);
        assert!(refused.said.contains(&me.to_string()), "{}", refused.said);
    }
    assert_eq!(messages(&server).await, None);
    drop(owners);

    let held = boarding_core::data_dir::DataDir::open(folder.path()).unwrap();
    // The engine did not say goodbye: its lease ends by itself.
    let refused = eventually("the engine's lease has ended", async || {
        let refused = moves(folder.path(), &server, &TO).with(4);
        (!refused.said.contains(&me.to_string())).then_some(refused)
    })
    .await;
    assert!(refused.said.contains("in use by process"), "{}", refused.said);
    drop(held);
    moves(folder.path(), &server, &TO).with(0);
}

/// Section 5: the exit status says whether it is the words, what is stored, or a server.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_cannot_be_says_why_by_its_status() {
    let server = Server::start();
    let folder = folder_of(&["acme"]).await;
    let (data, nowhere) = (folder.path(), folder.path().with_extension("nowhere"));
    let plain = |data: &Path, words: &[&str]| ended(mover(data, &server.url(), words));
    for words in [vec![], vec!["--to", "files"], vec!["--to", "jetstream", "--from", "jetstream"]] {
        plain(data, &words).with(2);
    }
    assert_eq!(
        mover(data, "", &TO).env_remove("BOARDING_NATS").output().unwrap().status.code(),
        Some(2)
    );
    let secret = "nats://engine:s3cret@127.0.0.1:1";
    let refused = ended(mover(data, secret, &TO)).with(4);
    assert!(!refused.said.contains("s3cret"), "{}", refused.said);
    // Nobody says whether the server keeps what it acknowledges.
    let refused = plain(data, &TO).with(4);
    assert!(refused.said.contains("monitoring address"), "{}", refused.said);
    moves(&nowhere, &server, &TO).with(4);
    let refused = moves(&nowhere, &server, &FROM).with(4);
    assert!(refused.said.contains("there is no log"), "{}", refused.said);
    assert!(!nowhere.exists(), "a folder was made for nothing");

    // A byte of the log is not what it was.
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
    moves(data, &server, &TO).with(3);
    std::fs::write(&segment, whole).unwrap();
    let moved = plain(data, &["--to", "jetstream", "--accept-unknown-sync", "--json"]).with(0);
    assert_eq!(moved.document["commits"], 1);
}
