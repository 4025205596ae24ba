//! What becomes of mails: at a real mail server, in the outbox, and across a crash between claim and report.

use std::sync::Arc;
use std::time::Duration;

use boarding_core::delivery::smtp::{SmtpChannel, Timeouts};
use serde_json::json;

use super::held_channel::HeldChannel;
use super::{EngineHarness, company_id, import_body, ok, people_rows};
use crate::support::mail_server::MailServer;

fn smtp(sink: &MailServer) -> Arc<SmtpChannel> {
    let long = Duration::from_secs(20);
    let timeouts = Timeouts { connect: long, command: long, data: long };
    let url = format!("smtp://127.0.0.1:{}?connections=4", sink.port);
    Arc::new(SmtpChannel::with_timeouts(&url, timeouts).unwrap())
}

/// LX-26 to LX-29, LX-22, LX-24, LX-25, LX-27, P7: every outcome in one run, each with code and reason.
#[tokio::test]
async fn lx_22_to_lx_29_every_outcome_is_in_the_log_with_its_reason() {
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
    let body =
        json!({"source": {"users": users}, "channel": "WhatsApp Native", "mode": "confirmed"});
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

/// LX-27: a temporary refusal is tried again, no more often than the setting says.
#[tokio::test]
async fn lx_27_a_temporary_refusal_is_tried_again_and_then_fails() {
    let sink = MailServer::start(&[]);
    let mut harness = EngineHarness::acme(Some(smtp(&sink))).await;
    ok(&harness
        .submit("SetCompanyConfig", json!({"retry_backoff_seconds": 1, "max_attempts": 2}))
        .await);
    harness.import(&people_rows(&["r451.busy", "ok.ann"])).await;
    let run = harness.start_run().await;
    let deferred = async |harness: &EngineHarness| {
        let hot = harness.engine().hot(&company_id("acme")).await;
        hot.chores().wait_for(|chores| chores.retry_at.is_some()).await.unwrap();
    };
    deferred(&harness).await;
    // The wait outlives the process.
    harness.restart().await;
    deferred(&harness).await;
    harness.advance_clock(2);
    harness.settle().await;
    let row = &harness.rows("integration_log", json!({"run": run, "status": "failed"})).await[0];
    assert_eq!((&row["username"], &row["attempt"]), (&json!("r451_busy"), &json!(2)), "{row}");
    let events = harness.events().await;
    assert_eq!(events.iter().filter(|name| *name == "InviteDeferred").count(), 1);
    assert_eq!(events.iter().filter(|name| *name == "InviteDispatched").count(), 3);
    assert_eq!(sink.received().len(), 1);
}

/// P7: what may have arrived is never sent again, not by a restart and not by itself.
#[tokio::test]
async fn p7_a_mail_in_doubt_is_not_sent_again() {
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

/// LX-14: a log-in mail to those whom this import created, and to nobody else.
#[tokio::test]
async fn lx_14_welcome_mails_go_to_created_users_once() {
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

/// LX-14: none is asked for unless the option is on.
#[tokio::test]
async fn lx_14_no_welcome_mail_unless_asked_for() {
    let harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann"])).await;
    harness.settle().await;
    assert!(harness.outbox().is_empty());
}

/// LX-14, P7: a crash between claim and report; whoever may have got a mail gets no second one.
#[tokio::test]
async fn lx_14_a_crash_between_claim_and_report_sends_no_second_welcome_mail() {
    for deduplicates in [false, true] {
        let channel = HeldChannel::new(deduplicates);
        let mut harness = EngineHarness::acme(Some(channel.clone())).await;
        let mut body = import_body("people.csv", &people_rows(&["ann", "bob"]));
        body["send_welcome_email"] = json!(true);
        ok(&harness.submit("ImportFile", body).await);
        channel.wait_for_mails(2).await;
        harness.crash().await;
        channel.release_all();
        harness.open().await;
        harness.settle().await;
        let events = harness.events().await;
        let count = |event: &str| events.iter().filter(|name| *name == event).count();
        let ids: std::collections::BTreeSet<_> =
            channel.mails().into_iter().map(|mail| mail.message_id).collect();
        assert_eq!(ids.len(), 2, "the same Message-IDs");
        if deduplicates {
            assert_eq!((channel.mails().len(), count("NotificationSent")), (4, 2));
        } else {
            assert_eq!((channel.mails().len(), count("NotificationFailed")), (2, 2));
        }
    }
}

/// Who waits for a company's chores waits for its welcome mails too, also for those on their way.
#[tokio::test]
async fn settling_waits_for_welcome_mails_on_their_way() {
    let channel = HeldChannel::new(false);
    let harness = EngineHarness::acme(Some(channel.clone())).await;
    let mut body = import_body("people.csv", &people_rows(&["ann"]));
    body["send_welcome_email"] = json!(true);
    ok(&harness.submit("ImportFile", body).await);
    channel.wait_for_mails(1).await;
    assert!(!harness.engine().hot(&company_id("acme")).await.chores().borrow().is_idle());
    channel.release_all();
    harness.settle().await;
    assert_eq!(harness.events().await.last().unwrap(), "NotificationSent");
}

/// An engine that is closed lets the mails arrive that are on their way, and begins no others.
#[tokio::test]
async fn closing_waits_for_mails_on_their_way() {
    let channel = HeldChannel::new(false);
    let mut harness = EngineHarness::acme(Some(channel.clone())).await;
    let names: Vec<String> = (0..10).map(|n| format!("user{n}")).collect();
    harness.import(&people_rows(&names.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let run = harness.start_run().await;
    channel.wait_for_mails(4).await;
    let closing = harness.engine.take().unwrap().close();
    let open = async {
        tokio::task::yield_now().await;
        channel.release(4);
    };
    tokio::join!(closing, open);
    assert_eq!(channel.mails().len(), 4);
    channel.release_all();
    harness.open().await;
    harness.settle().await;
    let row = harness.row("run", json!({"run": run})).await;
    assert_eq!((&row["passed"], &row["failed"]), (&json!(10), &json!(0)), "{row}");
    assert_eq!(channel.mails().len(), 10);
}
