//! Runs: one at a time per company, queue, schedule, reports, large runs.

use std::sync::Arc;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::envelope::Answer;
use boarding_commands::values::Code;
use boarding_core::delivery::null::NullTransport;
use serde_json::{Value, json};

use super::held_transport::HeldTransport;
use super::{EngineHarness, company_id, numbered_rows, ok, people_rows, refused};

/// State and queue place of each run, newest first.
async fn states(harness: &EngineHarness) -> Vec<(String, Value)> {
    let rows = harness.rows("runs", json!({})).await;
    rows.iter()
        .map(|row| (row["state"].as_str().unwrap().to_owned(), row["queue_place"].clone()))
        .collect()
}

/// LX-33, LX-34: the second run waits at place 1 and starts in the commit that completes the first.
#[tokio::test]
async fn second_run_starts_in_the_commit_that_ends_the_first() {
    let transport = HeldTransport::new(false);
    let harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    harness.start_run().await;
    transport.wait_for_mails(2).await;
    let second = json!({"source": {"users": ["ann"]}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1});
    let result = ok(&harness.submit("StartBulkIntegration", second).await);
    assert_eq!((&result["state"], &result["queue_place"]), (&json!("pending"), &json!(1)));
    assert_eq!(
        states(&harness).await,
        [("pending".into(), json!(1)), ("running".into(), Value::Null)]
    );
    let queue = harness.rows("queue", json!({})).await;
    let holders: Vec<_> =
        queue.iter().map(|row| (row["holder"].clone(), row["place"].clone())).collect();
    assert_eq!(holders.len(), 2);
    assert_eq!(holders.iter().filter(|(holder, _)| *holder == json!(true)).count(), 1);
    transport.release_all();
    harness.settle().await;
    assert_eq!(
        states(&harness).await,
        [("completed".into(), Value::Null), ("completed".into(), Value::Null)]
    );
    let history = harness.rows("history", json!({"limit": 500})).await;
    let events =
        |event: &str| history.iter().filter(|row| row["event"] == event).collect::<Vec<_>>();
    assert_eq!(events("RunCompleted")[0]["hash"], events("RunStarted")[1]["hash"], "one commit");
    for row in harness.rows("runs", json!({})).await {
        assert!(row["started_at"].is_string() && row["ended_at"].is_string(), "{row}");
    }
}

/// LX-35.
#[tokio::test]
async fn run_of_one_company_does_not_block_another() {
    let transport = HeldTransport::new(false);
    let harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.set_up("umbrella").await;
    harness.import(&people_rows(&["ann"])).await;
    harness.import_in("umbrella", &people_rows(&["ann"])).await;
    harness.start_run().await;
    transport.wait_for_mails(1).await;
    let result = ok(&harness
        .submit_to(
            "umbrella",
            "StartBulkIntegration",
            json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1}),
        )
        .await);
    assert_eq!(result["state"], "running");
    transport.wait_for_mails(2).await;
    let companies: Vec<_> = transport.mails().iter().map(|mail| mail.company.to_string()).collect();
    assert_eq!(companies, ["acme", "umbrella"]);
    transport.release_all();
    harness.settle().await;
    harness.engine().settle(&company_id("umbrella")).await;
}

/// LX-32: a started run cannot be stopped.
#[tokio::test]
async fn only_a_waiting_run_can_be_withdrawn() {
    let transport = HeldTransport::new(false);
    let harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.import(&people_rows(&["ann"])).await;
    let first = harness.start_run().await;
    let second = harness.start_run().await;
    transport.wait_for_mails(1).await;
    let before = harness.log_bytes();
    refused(&harness.submit("CancelRun", json!({"run": first})).await, Code::RunCannotBeStopped);
    assert_eq!(harness.log_bytes(), before);
    ok(&harness.submit("CancelRun", json!({"run": second})).await);
    transport.release_all();
    harness.settle().await;
    refused(&harness.submit("CancelRun", json!({"run": first})).await, Code::RunCannotBeStopped);
    assert_eq!(
        states(&harness).await,
        [("withdrawn".into(), Value::Null), ("completed".into(), Value::Null)]
    );
    assert_eq!(transport.mails().len(), 1);
}

/// P2.
#[tokio::test]
async fn scheduled_run_starts_in_time_after_restart() {
    let mut harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann"])).await;
    let not_before = harness.now().plus_seconds(3600);
    let body = json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1, "not_before": not_before});
    let result = ok(&harness.submit("StartBulkIntegration", body).await);
    assert_eq!(result["state"], "scheduled");
    harness.restart().await;
    assert_eq!(states(&harness).await, [("scheduled".into(), Value::Null)]);
    harness.crash().await;
    harness.advance_clock(3600);
    harness.open().await;
    harness
        .engine()
        .actor(&company_id("acme"))
        .await
        .pending_work()
        .wait_for(|pending| pending.tick_at.is_none_or(|at| at.0 > harness.now().0))
        .await
        .unwrap();
    harness.settle().await;
    assert_eq!(states(&harness).await, [("completed".into(), Value::Null)]);
    assert_eq!(harness.outbox().len(), 1);
}

/// LX-05: a run sends nothing on a channel that was disabled after its confirmation.
#[tokio::test]
async fn scheduled_run_sends_nothing_on_a_disabled_channel() {
    let mut harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann"])).await;
    let not_before = harness.now().plus_seconds(3600);
    let body = json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1, "not_before": not_before});
    let run = ok(&harness.submit("StartBulkIntegration", body).await)["run"].clone();
    ok(&harness.submit("SetCompanyConfig", json!({"channels.whatsapp": false})).await);
    harness.crash().await;
    harness.advance_clock(3600);
    harness.open().await;
    let actor = harness.engine().actor(&company_id("acme")).await;
    actor.pending_work().wait_for(|pending| pending.tick_at.is_none()).await.unwrap();
    harness.settle().await;
    let row = &harness.rows("integration_log", json!({"run": run})).await[0];
    assert_eq!((&row["status"], &row["code"]), (&json!("failed"), &json!("channel.not_enabled")));
    assert!(harness.outbox().is_empty());
}

/// N85, A3: the engine checks each recipient at her claim, not at the start of the run. The total stays the same.
#[tokio::test]
async fn recipients_are_checked_at_their_claim() {
    let transport = HeldTransport::new(false);
    let harness = EngineHarness::acme(Some(transport.clone())).await;
    harness
        .import(&people_rows(&["a1", "a2", "a3", "a4", "archived", "linked", "phoneless", "fine"]))
        .await;
    let run = harness.start_run().await;
    transport.wait_for_mails(4).await;
    ok(&harness.submit("ArchiveUser", json!({"user": "archived"})).await);
    ok(&harness.submit("LinkCompleted", json!({"user": "linked", "channel": "whatsapp"})).await);
    let phone =
        harness.rows("phone_list", json!({"search": "phoneless"})).await[0]["phone"].clone();
    ok(&harness.submit("RemoveCorporatePhone", json!({"phone": phone})).await);
    transport.release_all();
    harness.settle().await;
    let row = harness.row("run", json!({"run": run})).await;
    let counts = ["total", "passed", "skipped", "failed", "remaining"]
        .map(|name| row[name].as_u64().unwrap());
    assert_eq!(counts, [8, 5, 1, 2, 0], "{row}");
    let code = async |user: &str| {
        let rows = harness.rows("integration_log", json!({"run": run, "search": user})).await;
        (rows[0]["status"].clone(), rows[0]["code"].clone())
    };
    assert_eq!(code("archived").await, (json!("failed"), json!("recipient.user_archived")));
    assert_eq!(code("linked").await, (json!("skipped"), json!("recipient.already_linked")));
    assert_eq!(
        code("phoneless").await,
        (json!("failed"), json!("recipient.corporate_phone_missing"))
    );
}

/// N86, N87: reports for a wrong run, user, company or time are refused and change nothing.
#[tokio::test]
async fn misplaced_report_changes_nothing() {
    let transport = HeldTransport::new(false);
    let harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.set_up("umbrella").await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    let first = harness.start_run().await;
    let second = harness.start_run().await;
    transport.wait_for_mails(2).await;
    let before = harness.log_bytes();
    let sent = |run: &str, user: &str| json!({"run": run, "user": user});
    refused(&harness.submit("InviteSent", sent(&second, "ann")).await, Code::RunNotRunning);
    refused(&harness.submit("InviteSent", sent(&first, "nobody")).await, Code::RecipientUnknown);
    let other_company = harness.submit_to("umbrella", "InviteSent", sent(&first, "ann")).await;
    refused(&other_company, Code::RunNotFound);
    assert_eq!(harness.log_bytes(), before);
    ok(&harness.submit("InviteSent", sent(&first, "ann")).await);
    let before = harness.log_bytes();
    refused(
        &harness.submit("InviteSent", sent(&first, "ann")).await,
        Code::RecipientAlreadyTerminal,
    );
    let skip = json!({"run": first, "user": "ann", "code": "recipient.already_linked"});
    refused(&harness.submit("UserSkipped", skip.clone()).await, Code::RecipientAlreadyTerminal);
    assert_eq!(harness.log_bytes(), before);
    transport.release_all();
    harness.settle().await;
    let before = harness.log_bytes();
    let late = harness.submit("InviteSent", sent(&first, "bob")).await;
    assert!(matches!(late, Answer::Refused { .. }), "{late:?}");
    refused(&harness.submit("UserSkipped", skip).await, Code::RecipientAlreadyTerminal);
    assert_eq!(harness.log_bytes(), before);
    for run in [first, second] {
        let row = harness.row("run", json!({"run": run})).await;
        assert_eq!((&row["total"], &row["passed"]), (&json!(2), &json!(2)));
    }
}

/// LX-34: the list of recipients needs several commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_with_a_long_recipient_list_completes() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 5000})).await);
    harness.import(&numbered_rows(1_200)).await;
    let run = harness.start_run().await;
    harness.settle().await;
    let row = harness.row("run", json!({"run": run})).await;
    assert_eq!((&row["total"], &row["passed"]), (&json!(1200), &json!(1200)), "{row}");
    assert_eq!(harness.outbox().len(), 1200);
}

/// P4: reports with long details are appended in several commits, or without the details if one is too long.
#[tokio::test]
async fn outcomes_with_very_long_details_are_kept() {
    for (length, details_kept) in [(200_000, true), (300_000, false)] {
        let detail = "x".repeat(length);
        let answer = MailOutcome::Failed { code: Code::DeliveryRefused, detail: Some(detail) };
        let transport = HeldTransport::answering(false, answer.into());
        transport.release_all();
        let harness = EngineHarness::acme(Some(transport)).await;
        harness.import(&people_rows(&["ann", "bob", "cid", "dee"])).await;
        let run = harness.start_run().await;
        harness.settle().await;
        let row = harness.row("run", json!({"run": run})).await;
        assert_eq!((&row["state"], &row["failed"]), (&json!("completed"), &json!(4)));
        let failed = harness.rows("integration_log", json!({"run": run})).await;
        for row in failed {
            assert_eq!(row["code"], "delivery.refused");
            assert_eq!(row["reason"].as_str().unwrap().len() > length, details_kept);
        }
    }
}

/// P4: claims that do not fit in one commit are split, and the run completes.
#[tokio::test]
async fn recipients_with_very_long_keys_are_claimed_in_parts() {
    let harness = EngineHarness::acme(Some(Arc::new(NullTransport))).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 250})).await);
    let domain = format!("{0}.{0}.{0}.example", "d".repeat(57));
    let row = |n: usize| {
        let (key, local) = ("語".repeat(230), "l".repeat(60));
        format!("{key}{n:03},A,B,{local}{n:03}@{domain},+8491234{n:04},,\n")
    };
    let import = harness.import(&(0..250).map(row).collect::<String>()).await;
    let import = harness.row("import", json!({"import": import["import"]})).await;
    assert_eq!((&import["created"], &import["phones_added"]), (&json!(250), &json!(250)));
    let run = harness.start_run().await;
    harness.settle().await;
    let row = harness.row("run", json!({"run": run})).await;
    assert_eq!((&row["state"], &row["passed"]), (&json!("completed"), &json!(250)));
}

/// LX-20, A39: of two administrators who confirm one plan at the same moment, one starts the run. The other gets its id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_confirmed_by_two_at_once_starts_one_run() {
    let transport = HeldTransport::new(false);
    let harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    let unconfirmed =
        json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed"});
    let without = harness.submit("StartBulkIntegration", unconfirmed.clone()).await;
    assert_eq!(refused(&without, Code::FieldRequired), json!({"field": "plan_hash"}));
    let body = harness.as_shown("acme", unconfirmed).await;
    let confirm = || harness.submit("StartBulkIntegration", body.clone());
    let answers = tokio::join!(confirm(), confirm());
    let (accepted, other) = match &answers {
        (first @ Answer::Accepted { .. }, second) => (first, second),
        (first, second) => (second, first),
    };
    let run = ok(accepted)["run"].clone();
    assert_eq!(refused(other, Code::RunAlreadyConfirmed), json!({"run": run}));
    transport.release_all();
    harness.settle().await;
    assert_eq!((harness.rows("runs", json!({})).await.len(), transport.mails().len()), (1, 2));
}
