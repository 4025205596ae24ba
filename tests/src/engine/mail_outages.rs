//! Runs through a bad hour of the mail server: they wait, go on, are given up, or end after the longest wait.

use std::sync::Arc;
use std::time::Duration;

use boarding_core::delivery::smtp::{SmtpTransport, Timeouts};
use serde_json::{Value, json};

use super::{EngineHarness, import_body, numbered_rows, ok, people_rows};
use crate::support::mail_server::{MailServer, closed_port};
use crate::support::wait::eventually;

/// Longer than a busy machine needs for one step.
pub(super) const LONG: Duration = Duration::from_secs(20);

pub(super) fn smtp(port: u16, connect: Duration) -> Arc<SmtpTransport> {
    let timeouts = Timeouts { connect, command: LONG, data: LONG };
    let url = format!("smtp://127.0.0.1:{port}?connections=4");
    Arc::new(SmtpTransport::with_timeouts(&url, timeouts).unwrap())
}

/// Waits until the run waits, and returns what it waits for.
pub(super) async fn waiting_for(harness: &EngineHarness, run: &str) -> Value {
    eventually("the run waits", async || {
        let row = harness.row("run", json!({"run": run})).await;
        Some(row["waiting_for"].clone()).filter(Value::is_object)
    })
    .await
}

pub(super) async fn counts(harness: &EngineHarness, run: &str) -> (Value, [u64; 3]) {
    let row = harness.row("run", json!({"run": run})).await;
    let counts = ["passed", "failed", "remaining"].map(|name| row[name].as_u64().unwrap());
    (row["state"].clone(), counts)
}

async fn claims(harness: &EngineHarness) -> usize {
    harness.events().await.iter().filter(|name| *name == "InviteDispatched").count()
}

async fn codes(harness: &EngineHarness, run: &str) -> Vec<Value> {
    let rows = harness.rows("integration_log", json!({"run": run})).await;
    rows.iter().map(|row| row["code"].clone()).collect()
}

/// A31: a run waits for a mail server that is down, uses up nobody's time, and goes on when the server is back.
#[tokio::test]
async fn run_waits_for_a_server_that_is_down() {
    let port = closed_port();
    let harness = EngineHarness::acme(Some(smtp(port, LONG))).await;
    harness.import(&people_rows(&["ok.ann", "ok.bob", "ok.cid"])).await;
    let run = harness.start_run().await;
    let waiting = waiting_for(&harness, &run).await;
    assert_eq!(
        (&waiting["what"], &waiting["since"]),
        (&json!("mail server"), &json!(harness.now()))
    );
    assert!(waiting["next_try"].as_str() > waiting["since"].as_str(), "{waiting}");
    assert!(waiting["last_words"].as_str().unwrap().contains("could not be used"), "{waiting}");
    assert_eq!(harness.rows("runs", json!({})).await[0]["waiting_for"]["what"], "mail server");
    assert_eq!(claims(&harness).await, 1, "the server is tried with one person");

    let server = MailServer::on(port, &[]);
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, (json!("completed"), [3, 0, 0]));
    assert_eq!(harness.row("run", json!({"run": run})).await["waiting_for"], Value::Null);
    assert_eq!(server.received().len(), 3);
}

/// A31: a server that answers every person with a temporary refusal makes the run wait, not the people fail.
#[tokio::test]
async fn run_waits_for_a_server_that_refuses_everybody() {
    for refusal in ["450", "421"] {
        let refusing = MailServer::start(&["--refuse", refusal]);
        let port = refusing.port;
        let harness = EngineHarness::acme(Some(smtp(port, LONG))).await;
        ok(&harness.submit("SetCompanyConfig", json!({"delivery_retry_minutes": 1})).await);
        harness.import(&people_rows(&["ok.ann", "ok.bob", "ok.cid"])).await;
        let run = harness.start_run().await;
        let waiting = waiting_for(&harness, &run).await;
        assert!(waiting["last_words"].as_str().unwrap().contains(refusal), "{waiting}");
        drop(refusing);
        let server = MailServer::on(port, &[]);
        harness.advance_clock(600);
        harness.settle().await;
        assert_eq!(counts(&harness, &run).await, (json!("completed"), [3, 0, 0]), "{refusal}");
        assert_eq!(server.received().len(), 3);
    }
}

/// A31: after the longest wait the rest fails, the run ends, and the next run has its turn.
#[tokio::test]
async fn run_ends_after_the_longest_wait() {
    let port = closed_port();
    let harness = EngineHarness::acme(Some(smtp(port, LONG))).await;
    ok(&harness.submit("SetCompanyConfig", json!({"relay_wait_minutes": 60})).await);
    harness.import(&people_rows(&["ok.ann", "ok.bob"])).await;
    let run = harness.start_run().await;
    waiting_for(&harness, &run).await;
    let next = harness.start_run().await;
    harness.advance_clock(3600);
    eventually("the run has ended", async || {
        (counts(&harness, &run).await.0 == "completed").then_some(())
    })
    .await;
    assert_eq!(counts(&harness, &run).await.1, [0, 2, 0]);
    assert_eq!(codes(&harness, &run).await, ["delivery.server_unavailable"; 2]);
    waiting_for(&harness, &next).await;
    let server = MailServer::on(port, &[]);
    harness.settle().await;
    assert_eq!(counts(&harness, &next).await, (json!("completed"), [2, 0, 0]));
    assert_eq!(server.received().len(), 2);
}

/// A31, LX-32: an administrator ends a run that waits. A run that sends cannot be stopped.
#[tokio::test]
async fn waiting_run_is_given_up() {
    let harness = EngineHarness::acme(Some(smtp(closed_port(), LONG))).await;
    harness.import(&people_rows(&["ok.ann", "ok.bob"])).await;
    let run = harness.start_run().await;
    waiting_for(&harness, &run).await;
    ok(&harness.submit("GiveUpRun", json!({"run": run})).await);
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, (json!("completed"), [0, 2, 0]));
    assert_eq!(codes(&harness, &run).await, ["run.given_up"; 2]);
    let answer = json!(harness.submit("GiveUpRun", json!({"run": run})).await);
    assert_eq!(answer["code"], "run.already_completed", "{answer}");
}

/// A31: a silent server costs one timeout and not one for each person.
#[tokio::test]
async fn silent_server_costs_one_timeout() {
    let silent = MailServer::start(&["--greeting", "silent"]);
    let connect = Duration::from_millis(300);
    let harness = EngineHarness::acme(Some(smtp(silent.port, connect))).await;
    harness.import(&numbered_rows(50)).await;
    let run = harness.start_run().await;
    let waiting = waiting_for(&harness, &run).await;
    assert!(waiting["last_words"].as_str().unwrap().contains("no answer"), "{waiting}");
    assert_eq!(claims(&harness).await, 1, "the server is tried with one person");
}

/// A31: a server that accepts only so many mails a second gets no more, and nobody fails.
#[tokio::test]
async fn server_with_a_rate_limit_gets_all_mails() {
    let limited = MailServer::start(&["--per-second", "20"]);
    let harness = EngineHarness::acme(Some(smtp(limited.port, LONG))).await;
    ok(&harness.submit("SetCompanyConfig", json!({"retry_backoff_seconds": 1})).await);
    harness.import(&numbered_rows(60)).await;
    let run = harness.start_run().await;
    eventually("the run has ended", async || {
        harness.advance_clock(1);
        (counts(&harness, &run).await.0 == "completed").then_some(())
    })
    .await;
    assert_eq!(counts(&harness, &run).await.1, [60, 0, 0]);
    assert_eq!(limited.received().len(), 60);
}

/// A31: an outbox that cannot be written is waited for like a mail server.
#[tokio::test]
async fn run_waits_for_an_outbox_that_cannot_be_written() {
    let harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    let unfinished = harness.data().join("outbox/.unfinished");
    std::fs::remove_dir_all(&unfinished).unwrap();
    std::fs::write(&unfinished, "no folder").unwrap();
    let run = harness.start_run().await;
    let waiting = waiting_for(&harness, &run).await;
    assert_eq!(waiting["what"], "outbox");
    std::fs::remove_file(&unfinished).unwrap();
    std::fs::create_dir(&unfinished).unwrap();
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, (json!("completed"), [2, 0, 0]));
    assert_eq!(harness.outbox().len(), 2);
}

/// The states of the mails other than invitations.
async fn states(harness: &EngineHarness) -> Vec<Value> {
    let rows = harness.rows("notifications", json!({})).await;
    rows.iter().map(|row| row["state"].clone()).collect()
}

async fn import_with_welcome_mails(harness: &EngineHarness, people: &[&str]) {
    let mut body = import_body("people.csv", &people_rows(people));
    body["send_welcome_email"] = json!(true);
    ok(&harness.submit("ImportFile", body).await);
    harness.settle().await;
}

/// A31: welcome mails wait for a mail server that is down, and each is sent once when it is back.
#[tokio::test]
async fn welcome_mails_wait_for_a_server_that_is_down() {
    let port = closed_port();
    let mut harness = EngineHarness::acme(Some(smtp(port, LONG))).await;
    import_with_welcome_mails(&harness, &["ok.ann", "ok.bob", "ok.cid"]).await;
    let rows = harness.rows("notifications", json!({"state": "waiting"})).await;
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["code"], "delivery.server_unavailable");
    assert!(rows[0]["reason"].as_str().unwrap().contains("could not be used"), "{rows:?}");
    harness.restart().await;
    let server = MailServer::on(port, &[]);
    harness.advance_clock(3600);
    harness.restart().await;
    eventually("all are sent", async || (states(&harness).await == ["sent"; 3]).then_some(()))
        .await;
    assert_eq!(server.received().len(), 3);
}

/// A31: a mail that failed is sent again by request, once.
#[tokio::test]
async fn failed_mails_are_sent_again_by_request() {
    let refusing = MailServer::start(&["--refuse", "554"]);
    let port = refusing.port;
    let harness = EngineHarness::acme(Some(smtp(port, LONG))).await;
    import_with_welcome_mails(&harness, &["ok.ann", "ok.bob"]).await;
    assert_eq!(states(&harness).await, ["failed"; 2]);
    drop(refusing);
    let server = MailServer::on(port, &[]);
    let key = harness.rows("notifications", json!({})).await[0]["key"].clone();
    let one = ok(&harness.submit("ResendNotifications", json!({"keys": [key]})).await);
    assert_eq!(one, json!({"queued": 1, "left": 0, "next": null}));
    harness.settle().await;
    assert_eq!(states(&harness).await, ["sent", "failed"]);
    let again = json!(harness.submit("ResendNotifications", json!({"keys": [key]})).await);
    assert_eq!(again["code"], "notification.not_resendable", "{again}");
    ok(&harness.submit("ResendNotifications", json!({"state": "failed"})).await);
    harness.settle().await;
    assert_eq!(states(&harness).await, ["sent"; 2]);
    assert_eq!(server.received().len(), 2);
}
