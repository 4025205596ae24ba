//! Delivery of mails: outcomes at a real mail server, retries, welcome mails, crashes.

use std::sync::Arc;
use std::time::Duration;

use boarding_core::PendingWork;
use boarding_core::delivery::smtp::{SmtpTransport, Timeouts};
use serde_json::json;

use super::held_transport::HeldTransport;
use super::{EngineHarness, company_id, import_body, numbered_rows, ok, people_rows};
use crate::support::mail_server::MailServer;

fn smtp(sink: &MailServer) -> Arc<SmtpTransport> {
    let long = Duration::from_secs(20);
    let timeouts = Timeouts { connect: long, command: long, data: long };
    let url = format!("smtp://127.0.0.1:{}?connections=4", sink.port);
    Arc::new(SmtpTransport::with_timeouts(&url, timeouts).unwrap())
}

/// LX-22, LX-24, LX-25, LX-26, LX-27, LX-28, LX-29, P7: one run with every outcome.
#[tokio::test]
async fn every_outcome_is_in_the_log_with_its_reason() {
    let sink = MailServer::start(&[]);
    let harness = EngineHarness::acme(Some(smtp(&sink))).await;
    harness
        .import(&people_rows(&[
            "ok.ann",
            "archived",
            "linked",
            "r550.gone",
            "lost.zoe",
            "d554.spam",
        ]))
        .await;
    ok(&harness
        .submit("AddUser", json!({"user": "phoneless", "email": "ok@people.example"}))
        .await);
    ok(&harness.submit("AddUser", json!({"user": "mailless"})).await);
    ok(&harness
        .submit("AddCorporatePhone", json!({"user": "mailless", "phone": "+84912999999"}))
        .await);
    ok(&harness.submit("ArchiveUser", json!({"user": "archived"})).await);
    ok(&harness.submit("LinkCompleted", json!({"user": "linked", "channel": "whatsapp"})).await);
    let users = [
        "ok_ann",
        "archived",
        "linked",
        "r550_gone",
        "lost_zoe",
        "d554_spam",
        "phoneless",
        "mailless",
        "ghost",
    ];
    let body = json!({"source": {"users": users}, "channel": "WhatsApp Native", "mode": "confirmed", "expected_recipients": 9});
    let run = ok(&harness.submit("StartBulkIntegration", body).await)["run"].clone();
    harness.settle().await;
    let expected = [
        ("ok_ann", "success", ""),
        ("archived", "failed", "recipient.user_archived"),
        ("linked", "skipped", "recipient.already_linked"),
        ("r550_gone", "failed", "recipient.email_undeliverable"),
        ("lost_zoe", "failed", "delivery.uncertain"),
        ("d554_spam", "failed", "delivery.refused"),
        ("phoneless", "failed", "recipient.corporate_phone_missing"),
        ("mailless", "failed", "recipient.email_missing"),
        ("ghost", "failed", "recipient.user_not_created"),
    ];
    let rows = harness.rows("integration_log", json!({"run": run})).await;
    assert_eq!(rows.len(), expected.len());
    for (user, status, code) in expected {
        let row =
            rows.iter().find(|row| row["username"] == user).unwrap_or_else(|| panic!("{user}"));
        assert_eq!(
            (row["status"].as_str(), row["code"].as_str().unwrap_or_default()),
            (Some(status), code),
            "{row}"
        );
        let reason = row["reason"].as_str().unwrap_or_default();
        assert_eq!(status == "success", reason.is_empty() || reason == "-", "{row}");
    }
    let row = harness.row("run", json!({"run": run})).await;
    let counts = ["total", "passed", "skipped", "failed", "remaining"]
        .map(|name| row[name].as_u64().unwrap());
    assert_eq!(counts, [9, 1, 1, 7, 0]);
    let mut to: Vec<_> = sink.received().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["lost.zoe@people.example", "ok.ann@people.example"], "at most one mail each");
}

/// LX-27: a temporary rejection is retried, at most `max_attempts` times in total.
#[tokio::test]
async fn temporary_rejection_is_retried_and_then_fails() {
    let sink = MailServer::start(&[]);
    let mut harness = EngineHarness::acme(Some(smtp(&sink))).await;
    ok(&harness
        .submit("SetCompanyConfig", json!({"retry_backoff_seconds": 1, "max_attempts": 2}))
        .await);
    harness.import(&people_rows(&["r451.busy", "ok.ann"])).await;
    let run = harness.start_run().await;
    let wait_for_retry = async |harness: &EngineHarness| {
        let actor = harness.engine().actor(&company_id("acme")).await;
        let only_she = |pending: &PendingWork| pending.retry_at.is_some() && pending.remaining == 1;
        actor.pending_work().wait_for(only_she).await.unwrap();
    };
    wait_for_retry(&harness).await;
    // The retry is scheduled also after a restart.
    harness.restart().await;
    wait_for_retry(&harness).await;
    harness.advance_clock(2);
    harness.settle().await;
    let row = &harness.rows("integration_log", json!({"run": run, "status": "failed"})).await[0];
    assert_eq!((&row["username"], &row["attempt"]), (&json!("r451_busy"), &json!(2)), "{row}");
    let events = harness.events().await;
    assert_eq!(events.iter().filter(|name| *name == "InviteDeferred").count(), 1);
    assert_eq!(events.iter().filter(|name| *name == "InviteDispatched").count(), 3);
    assert_eq!(sink.received().len(), 1);
}

/// A31: a greylisted person is tried again until the mail is accepted. The others do not wait for this.
#[tokio::test]
async fn greylisted_person_is_invited_after_many_attempts() {
    let sink = MailServer::start(&[]);
    let mut harness = EngineHarness::acme(Some(smtp(&sink))).await;
    harness.import(&people_rows(&["g9.ann", "ok.bob"])).await;
    let run = harness.start_run().await;
    loop {
        let mut pending = harness.engine().actor(&company_id("acme")).await.pending_work();
        let now = harness.now();
        let next = pending
            .wait_for(|pending| {
                let only_she = pending.remaining == 1;
                pending.run.is_none() || (only_she && pending.retry_at.is_some_and(|at| at > now))
            })
            .await
            .map(|pending| pending.run);
        if next.unwrap().is_none() {
            break;
        }
        drop(pending);
        assert_eq!(sink.received().len(), 1, "bob does not wait for ann");
        harness.crash().await;
        harness.advance_clock(3600);
        harness.open().await;
    }
    harness.settle().await;
    let row = harness.row("run", json!({"run": run})).await;
    assert_eq!((&row["passed"], &row["failed"]), (&json!(2), &json!(0)), "{row}");
    let deferred = harness.events().await.into_iter().filter(|name| name == "InviteDeferred");
    assert!(deferred.count() > 3, "she is tried more than three times");
    assert_eq!(sink.received().len(), 2);
}

/// P7: the engine does not retry a mail that may have arrived, also not after a restart.
#[tokio::test]
async fn uncertain_mail_is_not_sent_again() {
    let sink = MailServer::start(&[]);
    let mut harness = EngineHarness::acme(Some(smtp(&sink))).await;
    harness.import(&people_rows(&["lost.ann", "lost.bob"])).await;
    let run = harness.start_run().await;
    harness.settle().await;
    harness.restart().await;
    harness.settle().await;
    let rows = harness.rows("integration_log", json!({"run": run})).await;
    assert!(rows.iter().all(|row| row["code"] == "delivery.uncertain"), "{rows:?}");
    assert_eq!(sink.received().len(), 2);
}

/// LX-14: each user whom the import created gets one welcome mail. Other users get none.
#[tokio::test]
async fn created_users_get_one_welcome_mail() {
    let mut harness = EngineHarness::acme(None).await;
    ok(&harness.submit("AddUser", json!({"user": "ann", "email": "ann@people.example"})).await);
    let mut body =
        import_body("people.csv", &people_rows(&["ann", "bob", "cid", "not an address"]));
    body["send_welcome_email"] = json!(true);
    body["existing"] = json!("update");
    let command = harness.engine().clock().id();
    ok(&harness.submit_with_id("acme", command, "ImportFile", body.clone()).await);
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 2);
    ok(&harness.submit_with_id("acme", command, "ImportFile", body.clone()).await);
    ok(&harness.submit("ImportFile", body).await);
    harness.settle().await;
    harness.restart().await;
    harness.settle().await;
    let mails = harness.outbox();
    assert_eq!(mails.len(), 2);
    for who in ["bob", "cid"] {
        assert_eq!(
            mails
                .iter()
                .filter(|mail| mail.contains(&format!("To: \"First Last\" <{who}@people.example>")))
                .count(),
            1,
            "{mails:?}"
        );
    }
}

/// LX-14.
#[tokio::test]
async fn no_welcome_mail_without_the_option() {
    let harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann"])).await;
    harness.settle().await;
    assert!(harness.outbox().is_empty());
}

/// LX-14, P7: after a crash between claim and report, users get no second mail.
#[tokio::test]
async fn crash_between_claim_and_report_repeats_no_welcome_mail() {
    for deduplicates in [false, true] {
        let transport = HeldTransport::new(deduplicates);
        let mut harness = EngineHarness::acme(Some(transport.clone())).await;
        let mut body = import_body("people.csv", &people_rows(&["ann", "bob"]));
        body["send_welcome_email"] = json!(true);
        ok(&harness.submit("ImportFile", body).await);
        transport.wait_for_mails(2).await;
        harness.crash().await;
        transport.release_all();
        harness.open().await;
        harness.settle().await;
        let events = harness.events().await;
        let count = |event: &str| events.iter().filter(|name| *name == event).count();
        let ids: std::collections::BTreeSet<_> =
            transport.mails().into_iter().map(|mail| mail.message_id).collect();
        assert_eq!(ids.len(), 2, "a repeated mail has another Message-ID");
        if deduplicates {
            assert_eq!((transport.mails().len(), count("NotificationSent")), (4, 2));
        } else {
            assert_eq!((transport.mails().len(), count("NotificationFailed")), (2, 2));
        }
    }
}

/// `settle` waits for welcome mails, also for those that the transport has not answered yet.
#[tokio::test]
async fn settle_waits_for_welcome_mails_in_flight() {
    let transport = HeldTransport::new(false);
    let harness = EngineHarness::acme(Some(transport.clone())).await;
    let mut body = import_body("people.csv", &people_rows(&["ann"]));
    body["send_welcome_email"] = json!(true);
    ok(&harness.submit("ImportFile", body).await);
    transport.wait_for_mails(1).await;
    assert!(!harness.engine().actor(&company_id("acme")).await.pending_work().borrow().is_idle());
    transport.release_all();
    harness.settle().await;
    assert_eq!(harness.events().await.last().unwrap(), "NotificationSent");
}

/// `close` waits for the mails in flight and starts no others.
#[tokio::test]
async fn close_waits_for_mails_in_flight() {
    let transport = HeldTransport::new(false);
    let mut harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.import(&numbered_rows(10)).await;
    let run = harness.start_run().await;
    transport.wait_for_mails(4).await;
    let closing = harness.engine.take().unwrap().close();
    let release = async {
        tokio::task::yield_now().await;
        transport.release(4);
    };
    tokio::join!(closing, release);
    assert_eq!(transport.mails().len(), 4);
    transport.release_all();
    harness.open().await;
    harness.settle().await;
    let row = harness.row("run", json!({"run": run})).await;
    assert_eq!((&row["passed"], &row["failed"]), (&json!(10), &json!(0)), "{row}");
    assert_eq!(transport.mails().len(), 10);
}
