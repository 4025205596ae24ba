//! The engine on a log in JetStream: the same answers, whatever becomes of its folder, and beside another one.

use boarding_commands::envelope::Answer;
use boarding_core::engine::{EngineError, LogChoice};
use boarding_core::read::projector::ProjectError;
use boarding_log::jetstream;
use serde_json::{Value, json};

use super::{EngineHarness, company_id, ok, people_rows};
use crate::support::nats::Server;
use crate::support::wait::eventually;

fn on(server: &Server) -> LogChoice {
    let connect = boarding_log::connect::Server { url: server.url(), ..Default::default() };
    let monitors = vec![server.monitor_url()];
    LogChoice::JetStream(jetstream::Options { monitors, ..jetstream::Options::new(connect) })
}

async fn acme_on(server: &Server) -> EngineHarness {
    let harness = EngineHarness::with_log(on(server), None).await;
    harness.set_up("acme").await;
    harness
}

/// What queries answer: the rows of every list, and the history.
async fn answers(harness: &EngineHarness) -> Vec<Value> {
    let mut all = Vec::new();
    for name in ["users", "phone_list", "imports", "runs", "invitations", "org_units", "roles"] {
        all.push(harness.json(name, json!({"limit": 500})).await);
    }
    all.push(harness.json("history", json!({"limit": 500})).await);
    all
}

/// P12: the read models are made of the log alone, wherever it is.
#[tokio::test(flavor = "multi_thread")]
async fn p12_an_import_and_a_run_are_the_same_after_the_derived_folder_is_gone() {
    let server = Server::start();
    let mut harness = acme_on(&server).await;
    let names: Vec<String> = (0..40).map(|n| format!("user{n}")).collect();
    harness.import(&people_rows(&names.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let run = harness.start_run().await;
    harness.settle().await;
    let row = harness.row("run", json!({"run": run})).await;
    assert_eq!((row["total"].as_u64(), row["passed"].as_u64()), (Some(40), Some(40)));
    assert_eq!(harness.outbox().len(), 40);
    let before = answers(&harness).await;
    assert!(before[0]["position"].as_u64() < Some(1 << 53));

    // A crash, and then the loss of everything that is derived.
    harness.restart().await;
    assert_eq!(answers(&harness).await, before);
    harness.close().await;
    std::fs::remove_dir_all(harness.data().join("derived")).unwrap();
    harness.open().await;
    assert_eq!(answers(&harness).await, before);
    assert_eq!(harness.log_bytes(), [], "the log is not in the folder");
    harness.settle().await;
    let engine = harness.engine.take().unwrap();
    let verified = tokio::task::spawn_blocking(move || engine.verify_read_models()).await.unwrap();
    assert!(verified.unwrap().events >= 120);
    assert_eq!(harness.outbox().len(), 40, "nobody was written to twice");
}

/// An earlier moment is asked by position, and positions of the stream have gaps.
#[tokio::test(flavor = "multi_thread")]
async fn a_company_is_shown_as_it_was_at_any_position() {
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

/// P10: two engines work for one company at once. Every command is answered as if there were one, and a
/// repeat at the other engine is the first answer again.
#[tokio::test(flavor = "multi_thread")]
async fn p10_commands_that_another_engine_overtook_are_decided_again() {
    let server = Server::start();
    let one = acme_on(&server).await;
    let two = EngineHarness::with_log(on(&server), None).await;
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
    eventually("both have seen everything", async || {
        let position = async |harness: &EngineHarness| {
            harness.json("users", json!({})).await["position"].clone()
        };
        (position(&one).await == position(&two).await).then_some(())
    })
    .await;
    assert_eq!(answers(&one).await, answers(&two).await);
    assert_eq!(one.engine().companies(), [company]);
}

/// A folder belongs to one log.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_not_opened_with_another_log_than_its_own() {
    let (server, other) = (Server::start(), Server::start());
    let mut files = EngineHarness::acme(None).await;
    files.close().await;
    files.log = on(&server);
    let error = files.try_open().await.unwrap_err();
    assert!(matches!(error, EngineError::HasItsOwnLog { .. }), "{error}");

    let mut harness = acme_on(&server).await;
    harness.settle().await;
    harness.close().await;
    harness.log = on(&other);
    let error = harness.try_open().await.unwrap_err();
    assert!(matches!(error, EngineError::JetStream(_)) && error.is_damage(), "{error}");

    // Another stream that has grown as long is still another one.
    let mut stranger = acme_on(&other).await;
    stranger.settle().await;
    stranger.close().await;
    harness.log = on(&other);
    let error = harness.try_open().await.unwrap_err();
    assert!(matches!(error, EngineError::Projections(ProjectError::OtherLog { .. })), "{error}");

    // Opening it with files makes some.
    harness.log = LogChoice::Files;
    let error = harness.try_open().await.unwrap_err();
    assert!(
        matches!(error, EngineError::Projections(ProjectError::LogIsShorter { .. })),
        "{error}"
    );
}

/// While the server is away commands fail and may be sent again; when it is back everything goes on, the
/// read models too.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_goes_on_when_its_server_is_back() {
    let mut server = Server::start();
    let mut harness = acme_on(&server).await;
    harness.import(&people_rows(&["ann"])).await;
    server.kill();
    let asking = async {
        ok(&harness.submit("DefineRole", json!({"role": "New", "permissions": []})).await)
    };
    let restarting = async { server.restart() };
    tokio::join!(asking, restarting);
    harness.import(&people_rows(&["ann", "bob"])).await;
    assert_eq!(harness.rows("users", json!({})).await.len(), 2);
    harness.restart().await;
    assert_eq!(harness.rows("users", json!({})).await.len(), 2);
}
