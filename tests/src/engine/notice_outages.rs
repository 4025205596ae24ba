//! Every kind of mail other than invitations waits for a mail server that is down, and is sent once when it is back.

use std::collections::BTreeSet;

use boarding_commands::decide::Authority;
use serde_json::{Value, json};

use super::mail_outages::{LONG, smtp};
use super::{EngineHarness, company_id, envelope, ok, people_rows};
use crate::support::mail_server::{MailServer, ReceivedMail, closed_port};
use crate::support::mail_text::{decoded, link_token};
use crate::support::wait::eventually;

const DAY: i64 = 24 * 3600;

/// The states of the mails by their kinds, sorted. A mail is `new` until its first attempt.
async fn states(harness: &EngineHarness) -> Vec<(String, String)> {
    let rows = harness.rows("notifications", json!({})).await;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let state = |row: &Value| match text(row, "state") {
        state if state == "waiting" && row["code"].is_null() => "new".to_owned(),
        state => state,
    };
    let mut states: Vec<_> = rows.iter().map(|row| (text(row, "kind"), state(row))).collect();
    states.sort();
    states
}

/// Waits until the mails have these kinds, each in this state.
async fn all_are(harness: &EngineHarness, state: &str, kinds: &[&str]) {
    let mut expected: Vec<_> =
        kinds.iter().map(|kind| ((*kind).to_owned(), state.to_owned())).collect();
    expected.sort();
    eventually(&format!("the mails are {state}: {kinds:?}"), async || {
        (states(harness).await == expected).then_some(())
    })
    .await;
}

/// The mails that wait are tried again when their time has come, also after a crash of the engine.
async fn server_is_back(harness: &mut EngineHarness, port: u16) -> MailServer {
    harness.crash().await;
    let server = MailServer::on(port, &[]);
    harness.advance_clock(3600);
    harness.open().await;
    server
}

/// The Message-ID of a mail.
fn message_id(mail: &ReceivedMail) -> String {
    let line = mail.data.lines().find_map(|line| line.strip_prefix("Message-ID: "));
    line.unwrap().to_owned()
}

/// Asserts that the server has got so many mails and none of them twice.
fn each_once(server: &MailServer, mails: usize) {
    let ids: BTreeSet<_> = server.received().iter().map(message_id).collect();
    assert_eq!((ids.len(), server.received().len()), (mails, mails));
}

/// An engine of MultiLine with every kind of mail switched on, and its mail server on this port.
async fn with_all_kinds(port: u16) -> EngineHarness {
    let mut harness = EngineHarness::meridian().await;
    let settings = json!({
        "designated_admin_emails": ["una@meridian.example"], "network_admin_email": "nils@meridian.example",
        "notify": {
            "run_started": true, "run_completed": true, "number_threshold": true,
            "invitations_exceed_numbers": true, "expired_digest": true,
        },
        "number_threshold_percent": 10, "number_overbooking": true, "relay_wait_minutes": 10_080,
    });
    ok(&harness.submit("SetCompanyConfig", settings).await);
    harness.transport = Some(smtp(port, LONG));
    harness.restart().await;
    harness
}

async fn submit_as_jane(harness: &EngineHarness, name: &str, body: Value) -> Value {
    let envelope = envelope(harness.engine().clock().id(), "jane@meridian.example", &body);
    ok(&harness.engine().submit(&company_id("acme"), name, envelope, Authority::All).await)
}

/// A31: reports of imports and runs, alarms, and the administrator's link of Office Chat wait for their server. Each is
/// sent once when it is back, and its link works.
#[tokio::test]
async fn reports_alarms_and_links_wait_for_their_server() {
    let port = closed_port();
    let mut harness = with_all_kinds(port).await;
    let accounts = "email address or device,social_messaging,monitor_calls,monitor_sms\n\
        ok.ann@meridian.example,No,off,off\nok.bob@meridian.example,No,off,off\n";
    let body = json!({
        "dialect": "multiline", "files": [{"name": "accounts.csv", "text": accounts}],
        "organization": "EMEA", "permission_group": "Traders",
    });
    ok(&harness.submit("ImportFile", body).await);
    let people = "email/login\nok.cid@meridian.example\n";
    let body = json!({"dialect": "officechat", "files": [{"name": "people.csv", "text": people}]});
    ok(&harness.submit("ImportFile", body).await);
    // The company has no such user, so the run ends without the server.
    let run = json!({
        "source": {"users": ["unknown"]}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1,
    });
    submit_as_jane(&harness, "StartBulkIntegration", run).await;
    let number = harness.rows("number_suggestions", json!({"org_unit": "EMEA"})).await[0].clone();
    let body = json!({"number": number["number"], "user": "ok.ann@meridian.example"});
    ok(&harness.submit("AssignNumber", body).await);
    let kinds = [
        "batch_report",
        "batch_report",
        "import_completed",
        "import_completed",
        "number_threshold",
        "run_completed",
    ];
    all_are(&harness, "waiting", &kinds).await;
    let waiting = harness.rows("notifications", json!({"state": "waiting"})).await;
    assert!(waiting.iter().all(|row| row["code"] == "delivery.server_unavailable"), "{waiting:?}");

    let server = server_is_back(&mut harness, port).await;
    all_are(&harness, "sent", &kinds).await;
    each_once(&server, kinds.len());
    let mails = server.received();
    let mut people = Vec::new();
    for mail in mails.iter().filter(|mail| mail.to == ["nils@meridian.example"]) {
        let token = link_token(&decoded(&mail.data));
        let body = json!({"source": {"token": token}, "channel": "whatsapp", "mode": "preview"});
        let shown = ok(&harness.submit("StartBulkIntegration", body).await);
        people.push(shown["recipient_count"].as_u64().unwrap());
    }
    people.sort_unstable();
    assert_eq!(people, [1, 2]);
}

/// A31: the alarm of too few numbers waits for a server that refuses everybody for now.
#[tokio::test]
async fn number_alarm_waits_for_a_server_that_refuses() {
    let refusing = MailServer::start(&["--refuse", "450"]);
    let port = refusing.port;
    let mut harness = with_all_kinds(port).await;
    let off = json!({"notify.batch_report": false, "notify.number_threshold": false, "network_admin_email": null});
    ok(&harness.submit("SetCompanyConfig", off).await);
    let accounts = "email address or device,social_messaging,monitor_calls,monitor_sms\n\
        ok.ann@meridian.example,No,off,off\nok.bob@meridian.example,No,off,off\n";
    let body = json!({
        "dialect": "multiline", "files": [{"name": "accounts.csv", "text": accounts}],
        "organization": "EMEA", "permission_group": "Traders",
    });
    ok(&harness.submit("ImportFile", body).await);
    let free = harness.rows("numbers", json!({"org_unit": "EMEA", "state": "available"})).await;
    let free: Vec<_> = free.iter().map(|row| row["number"].clone()).collect();
    ok(&harness.submit("WithdrawNumbers", json!({"numbers": free})).await);
    let users = ["ok.ann@meridian.example", "ok.bob@meridian.example"];
    ok(&harness.submit("ResendInvitation", json!({"users": users, "channel": "whatsapp"})).await);
    let kinds = ["invitations_exceed_numbers"];
    all_are(&harness, "waiting", &kinds).await;
    drop(refusing);
    let server = server_is_back(&mut harness, port).await;
    all_are(&harness, "sent", &kinds).await;
    let of_una = server.received().into_iter().filter(|mail| mail.to == ["una@meridian.example"]);
    assert_eq!(of_una.count(), 1);
}

/// A31: a mail that says that a waiting run has started waits for its server too.
#[tokio::test]
async fn mails_about_runs_wait_for_a_server_that_is_down() {
    let port = closed_port();
    let mut harness = with_all_kinds(port).await;
    let accounts = "email address or device,social_messaging,monitor_calls,monitor_sms\n\
        ok.ann@meridian.example,No,off,off\nok.bob@meridian.example,No,off,off\nok.cid@meridian.example,No,off,off\n";
    let off = json!({"notify.batch_report": false, "notify.number_threshold": false, "network_admin_email": null});
    ok(&harness.submit("SetCompanyConfig", off).await);
    let body = json!({
        "dialect": "multiline", "files": [{"name": "accounts.csv", "text": accounts}],
        "organization": "APAC", "permission_group": "Traders",
    });
    ok(&harness.submit("ImportFile", body).await);
    let users = ["ok.ann@meridian.example", "ok.bob@meridian.example", "ok.cid@meridian.example"];
    let invite = json!({"users": users, "channel": "whatsapp"});
    let first = submit_as_jane(&harness, "ResendInvitation", invite).await["run"].clone();
    let first = first.as_str().unwrap();
    super::mail_outages::waiting_for(&harness, first).await;
    let of_unknown = json!({
        "source": {"users": ["unknown"]}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1,
    });
    submit_as_jane(&harness, "StartBulkIntegration", of_unknown).await;
    ok(&harness.submit("GiveUpRun", json!({"run": first})).await);
    let kinds = ["run_completed", "run_completed", "run_started"];
    all_are(&harness, "waiting", &kinds).await;
    let server = server_is_back(&mut harness, port).await;
    all_are(&harness, "sent", &kinds).await;
    each_once(&server, kinds.len());
}

/// An engine that has invited Ann and Bob by a server on this port, which is down now.
async fn with_invited_people(settings: Value) -> (EngineHarness, u16) {
    let server = MailServer::start(&[]);
    let port = server.port;
    let harness = EngineHarness::acme(Some(smtp(port, LONG))).await;
    ok(&harness.submit("SetCompanyConfig", settings).await);
    harness.import(&people_rows(&["ok.ann", "ok.bob"])).await;
    harness.start_run().await;
    harness.settle().await;
    assert_eq!(server.received().len(), 2);
    (harness, port)
}

/// As `with_invited_people`, a day later: their reminders wait for the mail server. Returns its port.
async fn with_waiting_reminders() -> (EngineHarness, u16) {
    let settings = json!({
        "reminder_after_days": 1, "reminder_max": 1, "invitation_ttl_hours": {"whatsapp": 96},
    });
    let (harness, port) = with_invited_people(settings).await;
    harness.advance_clock(DAY);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    all_are(&harness, "waiting", &["reminder"; 2]).await;
    (harness, port)
}

/// A31: reminders wait for their server, and the link that they repeat works.
#[tokio::test]
async fn reminders_wait_for_a_server_that_is_down() {
    let (mut harness, port) = with_waiting_reminders().await;
    let server = server_is_back(&mut harness, port).await;
    all_are(&harness, "sent", &["reminder"; 2]).await;
    each_once(&server, 2);
    for mail in server.received() {
        let token = link_token(&decoded(&mail.data));
        ok(&harness.submit("LinkCompleted", json!({"token": token})).await);
    }
}

/// A31: a reminder that waited until its link was used is dropped, and the others are sent.
#[tokio::test]
async fn reminder_of_a_used_link_is_dropped_in_outage() {
    let (mut harness, port) = with_waiting_reminders().await;
    ok(&harness.submit("LinkCompleted", json!({"user": "ok_ann", "channel": "whatsapp"})).await);
    let server = server_is_back(&mut harness, port).await;
    eventually("one is sent", async || {
        let states: BTreeSet<_> = states(&harness).await.into_iter().map(|one| one.1).collect();
        (!["new", "waiting", "sending"].iter().any(|open| states.contains(*open))).then_some(())
    })
    .await;
    each_once(&server, 1);
    assert_eq!(server.received()[0].to, ["ok.bob@people.example"]);
}

/// A31: the digest of expired invitations waits for its server.
#[tokio::test]
async fn digest_waits_for_a_server_that_is_down() {
    let settings = json!({
        "designated_admin_emails": ["una@acme.example"], "invitation_ttl_hours": {"whatsapp": 24},
        "notify": {"expired_digest": true, "batch_report": false},
    });
    let (mut harness, port) = with_invited_people(settings).await;
    for _ in 0..2 {
        harness.advance_clock(DAY);
        ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    }
    all_are(&harness, "waiting", &["expired_digest"]).await;
    let server = server_is_back(&mut harness, port).await;
    all_are(&harness, "sent", &["expired_digest"]).await;
    each_once(&server, 1);
    assert!(decoded(&server.received()[0].data).contains("Expired: 2"));
}
