//! The engine on a JetStream log: rebuilds, two engines, wrong logs, server restarts.

use boarding_commands::envelope::Answer;
use boarding_core::engine::{EngineError, LogChoice};
use boarding_core::read::projector::ProjectError;
use boarding_log::jetstream;
use serde_json::{Value, json};

use super::{EngineHarness, company_id, numbered_rows, ok, people_rows};
use crate::support::nats::Server;
use crate::support::wait::eventually;

fn log_on(server: &Server) -> LogChoice {
    let connect = boarding_log::connect::ServerAddress { url: server.url(), ..Default::default() };
    let monitors = vec![server.monitor_url()];
    LogChoice::JetStream(jetstream::Options { monitors, ..jetstream::Options::new(connect) })
}

/// An engine with the company `acme` on this server.
async fn acme_on(server: &Server) -> EngineHarness {
    let harness = EngineHarness::with_log(log_on(server), None).await;
    harness.set_up("acme").await;
    harness
}

/// The answers of all list queries and of the history.
async fn answers(harness: &EngineHarness) -> Vec<Value> {
    let mut all = Vec::new();
    for name in ["users", "phone_list", "imports", "runs", "invitations", "org_units", "roles"] {
        all.push(harness.json(name, json!({"limit": 500})).await);
    }
    all.push(harness.json("history", json!({"limit": 500})).await);
    all
}

/// P12: an import and a run are unchanged after a restart and after the derived folder was deleted.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_the_same_after_derived_folder_is_deleted() {
    let server = Server::start();
    let mut harness = acme_on(&server).await;
    harness.import(&numbered_rows(40)).await;
    let run = harness.start_run().await;
    harness.settle().await;
    let row = harness.row("run", json!({"run": run})).await;
    assert_eq!((row["total"].as_u64(), row["passed"].as_u64()), (Some(40), Some(40)));
    assert_eq!(harness.outbox().len(), 40);
    let before = answers(&harness).await;
    assert!(before[0]["position"].as_u64() < Some(1 << 53));

    harness.restart().await;
    assert_eq!(answers(&harness).await, before);
    harness.close().await;
    std::fs::remove_dir_all(harness.data().join("derived")).unwrap();
    harness.open().await;
    assert_eq!(answers(&harness).await, before);
    assert_eq!(harness.log_bytes(), [], "the folder contains log files");
    harness.settle().await;
    let engine = harness.engine.take().unwrap();
    let verified = tokio::task::spawn_blocking(move || engine.verify_read_models()).await.unwrap();
    assert!(verified.unwrap().events >= 120);
    assert_eq!(harness.outbox().len(), 40, "a user got a second mail");
}

/// `as_of` takes a position. Positions in the stream have gaps.
#[tokio::test(flavor = "multi_thread")]
async fn query_as_of_a_position_gives_the_state_there() {
    let server = Server::start();
    let harness = acme_on(&server).await;
    let first = harness.import(&people_rows(&["ann", "bob"])).await;
    let position = harness.json("users", json!({})).await["position"].as_u64().unwrap();
    harness.import(&people_rows(&["ann", "bob", "cid"])).await;
    for as_of in [position, position + 1] {
        let rows = harness.rows("users", json!({"as_of": as_of})).await;
        assert_eq!(rows.len(), 2, "{first} as of {as_of}");
    }
    assert_eq!(harness.rows("users", json!({})).await.len(), 3);
}

/// P10: two engines accept commands of one company at once. A repeat at the other engine gets the first answer.
#[tokio::test(flavor = "multi_thread")]
async fn conflicting_commands_of_two_engines_are_decided_again() {
    let server = Server::start();
    let one = acme_on(&server).await;
    let two = EngineHarness::with_log(log_on(&server), None).await;
    let company = company_id("acme");
    for round in 0..25 {
        let define = |who: &str| json!({"role": format!("{who} {round}"), "permissions": []});
        let (left, right) = tokio::join!(
            one.submit("DefineRole", define("left")),
            two.submit("DefineRole", define("right"))
        );
        ok(&left);
        ok(&right);
        let command = two.engine().clock().id();
        let body = json!({"role": format!("both {round}"), "permissions": []});
        let first = one.submit_with_id("acme", command, "DefineRole", body.clone()).await;
        let again = eventually("the other engine knows the command", async || {
            let again = two.submit_with_id("acme", command, "DefineRole", body.clone()).await;
            matches!(again, Answer::Accepted { duplicate: true, .. }).then_some(again)
        });
        let (Answer::Accepted { version, .. }, Answer::Accepted { version: same, .. }) =
            (&first, &again.await)
        else {
            panic!("{first:?}")
        };
        assert_eq!(version, same);
    }
    eventually("both engines have the same position", async || {
        let position = async |harness: &EngineHarness| {
            harness.json("users", json!({})).await["position"].clone()
        };
        (position(&one).await == position(&two).await).then_some(())
    })
    .await;
    assert_eq!(answers(&one).await, answers(&two).await);
    assert_eq!(one.engine().companies(), [company]);
}

/// A data folder belongs to one log.
#[tokio::test(flavor = "multi_thread")]
async fn folder_with_another_log_is_refused() {
    let (server, other) = (Server::start(), Server::start());
    let mut files = EngineHarness::acme(None).await;
    files.close().await;
    files.log = log_on(&server);
    let error = files.try_open().await.unwrap_err();
    assert!(matches!(error, EngineError::HasItsOwnLog { .. }), "{error}");

    let mut harness = acme_on(&server).await;
    harness.settle().await;
    harness.close().await;
    harness.log = log_on(&other);
    let error = harness.try_open().await.unwrap_err();
    assert!(matches!(error, EngineError::JetStream(_)) && error.is_damage(), "{error}");

    // A foreign stream is refused also if it is as long as the folder's own.
    let mut foreign = acme_on(&other).await;
    foreign.settle().await;
    foreign.close().await;
    harness.log = log_on(&other);
    let error = harness.try_open().await.unwrap_err();
    assert!(matches!(error, EngineError::ReadModels(ProjectError::OtherLog { .. })), "{error}");

    // Opening the folder with a file log creates an empty log, which is shorter.
    harness.log = LogChoice::Files;
    let error = harness.try_open().await.unwrap_err();
    assert!(matches!(error, EngineError::ReadModels(ProjectError::LogIsShorter { .. })), "{error}");
}

/// Commands and read models continue after a restart of the server.
#[tokio::test(flavor = "multi_thread")]
async fn engine_continues_after_server_restart() {
    let mut server = Server::start();
    let mut harness = acme_on(&server).await;
    harness.import(&people_rows(&["ann"])).await;
    server.kill();
    let submitting = async {
        ok(&harness.submit("DefineRole", json!({"role": "New", "permissions": []})).await)
    };
    let restarting = async { server.restart() };
    tokio::join!(submitting, restarting);
    harness.import(&people_rows(&["ann", "bob"])).await;
    assert_eq!(harness.rows("users", json!({})).await.len(), 2);
    harness.restart().await;
    assert_eq!(harness.rows("users", json!({})).await.len(), 2);
}
