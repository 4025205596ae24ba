//! What becomes of mails: at a real mail server, in the outbox, and across a crash between claim and report.

use std::sync::Arc;
use std::time::Duration;

use boarding_engine::channel::smtp::{SmtpChannel, Timeouts};
use serde_json::json;

use super::gate::Gate;
use super::{Site, file, id, ok, people};
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
    let site = Site::acme(Some(smtp(&sink))).await;
    site.import(&people(&["ok.ann", "archived", "linked", "r550.gone", "lost.zoe", "d554.spam"]))
        .await;
    ok(&site.ask("AddUser", json!({"user": "phoneless", "email": "ok@people.example"})).await);
    ok(&site.ask("AddUser", json!({"user": "mailless"})).await);
    ok(&site.ask("AddCorporatePhone", json!({"user": "mailless", "phone": "+84912999999"})).await);
    ok(&site.ask("ArchiveUser", json!({"user": "archived"})).await);
    ok(&site.ask("LinkCompleted", json!({"user": "linked", "channel": "whatsapp"})).await);
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
    let run = ok(&site.ask("StartBulkIntegration", body).await)["run"].clone();
    site.settle().await;
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
    let rows = site.rows("integration_log", json!({"run": run})).await;
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
    let row = site.row("run", json!({"run": run})).await;
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
    let mut site = Site::acme(Some(smtp(&sink))).await;
    ok(&site.ask("SetCompanyConfig", json!({"retry_backoff_seconds": 1, "max_attempts": 2})).await);
    site.import(&people(&["r451.busy", "ok.ann"])).await;
    let run = site.run().await;
    let deferred = async |site: &Site| {
        let hot = site.engine().hot(&id("acme")).await;
        hot.chores().wait_for(|chores| chores.retry_at.is_some()).await.unwrap();
    };
    deferred(&site).await;
    // The wait outlives the process.
    site.restart().await;
    deferred(&site).await;
    site.pass(2);
    site.settle().await;
    let row = &site.rows("integration_log", json!({"run": run, "status": "failed"})).await[0];
    assert_eq!((&row["username"], &row["attempt"]), (&json!("r451_busy"), &json!(2)), "{row}");
    let events = site.events().await;
    assert_eq!(events.iter().filter(|name| *name == "InviteDeferred").count(), 1);
    assert_eq!(events.iter().filter(|name| *name == "InviteDispatched").count(), 3);
    assert_eq!(sink.received().len(), 1);
}

/// P7: what may have arrived is never sent again, not by a restart and not by itself.
#[tokio::test]
async fn p7_a_mail_in_doubt_is_not_sent_again() {
    let sink = MailServer::start(&[]);
    let mut site = Site::acme(Some(smtp(&sink))).await;
    site.import(&people(&["lost.ann", "lost.bob"])).await;
    let run = site.run().await;
    site.settle().await;
    site.restart().await;
    site.settle().await;
    let rows = site.rows("integration_log", json!({"run": run})).await;
    assert!(rows.iter().all(|row| row["code"] == "delivery.uncertain"), "{rows:?}");
    assert_eq!(sink.received().len(), 2);
}

/// LX-14: a log-in mail to those whom this import created, and to nobody else.
#[tokio::test]
async fn lx_14_welcome_mails_go_to_created_users_once() {
    let mut site = Site::acme(None).await;
    ok(&site.ask("AddUser", json!({"user": "ann", "email": "ann@people.example"})).await);
    let mut body = file("people.csv", &people(&["ann", "bob", "cid", "not an address"]));
    body["send_welcome_email"] = json!(true);
    body["existing"] = json!("update");
    let command = site.engine().clock().id();
    ok(&site.ask_as("acme", command, "ImportFile", body.clone()).await);
    site.settle().await;
    assert_eq!(site.outbox().len(), 2);
    ok(&site.ask_as("acme", command, "ImportFile", body.clone()).await);
    ok(&site.ask("ImportFile", body).await);
    site.settle().await;
    site.restart().await;
    site.settle().await;
    let mails = site.outbox();
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
    let site = Site::acme(None).await;
    site.import(&people(&["ann"])).await;
    site.settle().await;
    assert!(site.outbox().is_empty());
}

/// LX-14, P7: a crash between claim and report; whoever may have got a mail gets no second one.
#[tokio::test]
async fn lx_14_a_crash_between_claim_and_report_sends_no_second_welcome_mail() {
    for deduplicates in [false, true] {
        let gate = Gate::shut(deduplicates);
        let mut site = Site::acme(Some(gate.clone())).await;
        let mut body = file("people.csv", &people(&["ann", "bob"]));
        body["send_welcome_email"] = json!(true);
        ok(&site.ask("ImportFile", body).await);
        gate.arrival(2).await;
        site.crash().await;
        gate.open();
        site.open().await;
        site.settle().await;
        let events = site.events().await;
        let count = |event: &str| events.iter().filter(|name| *name == event).count();
        let ids: std::collections::BTreeSet<_> =
            gate.mails().into_iter().map(|mail| mail.message_id).collect();
        assert_eq!(ids.len(), 2, "the same Message-IDs");
        if deduplicates {
            assert_eq!((gate.mails().len(), count("NotificationSent")), (4, 2));
        } else {
            assert_eq!((gate.mails().len(), count("NotificationFailed")), (2, 2));
        }
    }
}

/// Who waits for a company's chores waits for its welcome mails too, also for those on their way.
#[tokio::test]
async fn settling_waits_for_welcome_mails_on_their_way() {
    let gate = Gate::shut(false);
    let site = Site::acme(Some(gate.clone())).await;
    let mut body = file("people.csv", &people(&["ann"]));
    body["send_welcome_email"] = json!(true);
    ok(&site.ask("ImportFile", body).await);
    gate.arrival(1).await;
    assert!(!site.engine().hot(&id("acme")).await.chores().borrow().is_idle());
    gate.open();
    site.settle().await;
    assert_eq!(site.events().await.last().unwrap(), "NotificationSent");
}

/// An engine that is closed lets the mails arrive that are on their way, and begins no others.
#[tokio::test]
async fn closing_waits_for_mails_on_their_way() {
    let gate = Gate::shut(false);
    let mut site = Site::acme(Some(gate.clone())).await;
    let names: Vec<String> = (0..10).map(|n| format!("user{n}")).collect();
    site.import(&people(&names.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let run = site.run().await;
    gate.arrival(4).await;
    let closing = site.engine.take().unwrap().close();
    let open = async {
        tokio::task::yield_now().await;
        gate.let_through(4);
    };
    tokio::join!(closing, open);
    assert_eq!(gate.mails().len(), 4);
    gate.open();
    site.open().await;
    site.settle().await;
    let row = site.row("run", json!({"run": run})).await;
    assert_eq!((&row["passed"], &row["failed"]), (&json!(10), &json!(0)), "{row}");
    assert_eq!(gate.mails().len(), 10);
}
