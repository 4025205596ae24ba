//! While one company, transport or kind of message waits, everything that leaves by another transport goes on.

use std::sync::Arc;

use boarding_commands::values::Code;
use boarding_core::delivery::mail::{Mail, Purpose};
use boarding_core::delivery::outbox::Outbox;
use boarding_core::delivery::text_gateway::WithTextGateway;
use boarding_core::delivery::{DeliveryFuture, Transport};
use serde_json::{Value, json};

use super::mail_outages::{LONG, counts, smtp, waiting_for};
use super::{EngineHarness, company_id, import_body, ok, people_rows, refused};
use crate::support::mail_server::{MailServer, closed_port};
use crate::support::paths::files_under;
use crate::support::wait::eventually;

/// A31: while the mail server refuses everybody of one company, a run of another company goes on. The next run of the
/// first company waits for its turn, and none of its people is tried or fails.
#[tokio::test]
async fn waiting_run_holds_up_no_company_and_burns_no_run() {
    let server = MailServer::start(&[]);
    let harness = EngineHarness::acme(Some(smtp(server.port, LONG))).await;
    harness.set_up("globex").await;
    harness.import(&people_rows(&["r450.ann", "r450.bob", "ok.cid"])).await;
    let invite = async |users: &[&str]| {
        let body = json!({"users": users, "channel": "whatsapp"});
        let run = ok(&harness.submit("ResendInvitation", body).await)["run"].clone();
        run.as_str().unwrap().to_owned()
    };
    let run = invite(&["r450_ann", "r450_bob"]).await;
    waiting_for(&harness, &run).await;
    let queued = &invite(&["ok_cid"]).await;

    harness.import_in("globex", &people_rows(&["ok.dan", "ok.eve"])).await;
    harness.start_run_in("globex").await;
    harness.engine().settle(&company_id("globex")).await;
    let other = harness.json_in("globex", "runs", json!({})).await["rows"][0].clone();
    assert_eq!((&other["state"], &other["passed"]), (&json!("completed"), &json!(2)));
    assert!(harness.row("run", json!({"run": run})).await["waiting_for"].is_object());
    assert_eq!(counts(&harness, queued).await, (json!("pending"), [0, 0, 1]));
    let log = harness.rows("integration_log", json!({"run": queued})).await;
    assert_eq!((&log[0]["status"], &log[0]["attempt"]), (&json!("queued"), &json!(0)));

    ok(&harness.submit("GiveUpRun", json!({"run": run})).await);
    harness.settle().await;
    assert_eq!(counts(&harness, queued).await, (json!("completed"), [1, 0, 0]));
    assert_eq!(server.received().len(), 3);
}

/// A31: runs of two companies wait for one mail server that is down, and both go on when it is back.
#[tokio::test]
async fn runs_of_all_companies_go_on_after_an_outage() {
    let port = closed_port();
    let harness = EngineHarness::acme(Some(smtp(port, LONG))).await;
    harness.set_up("globex").await;
    for company in ["acme", "globex"] {
        harness.import_in(company, &people_rows(&["ok.ann", "ok.bob"])).await;
        harness.start_run_in(company).await;
    }
    let run = async |company| harness.json_in(company, "runs", json!({})).await["rows"][0].clone();
    for company in ["acme", "globex"] {
        eventually("the run waits", async || {
            run(company).await["waiting_for"].is_object().then_some(())
        })
        .await;
    }
    let server = MailServer::on(port, &[]);
    for company in ["acme", "globex"] {
        harness.engine().settle(&company_id(company)).await;
        assert_eq!(run(company).await["passed"], 2, "{company}");
    }
    assert_eq!(server.received().len(), 4);
}

/// A31: only an administrator may give a run up. Who was sent to before the server went down stays invited.
#[tokio::test]
async fn run_is_given_up_by_administrators_only() {
    let server = MailServer::start(&["--mails", "1"]);
    let harness = EngineHarness::acme(Some(smtp(server.port, LONG))).await;
    harness.grant("jane", "bulk_integrate_users").await;
    harness.import(&people_rows(&["ok.ann", "ok.bob", "ok.cid"])).await;
    let run = harness.start_run().await;
    waiting_for(&harness, &run).await;
    let give_up = json!({"run": run});
    let answer = harness.submit_as("jane", "GiveUpRun", give_up.clone()).await;
    let details = refused(&answer, Code::AuthPermissionDenied);
    assert_eq!(details["permission"], "administer");
    assert!(harness.row("run", json!({"run": run})).await["waiting_for"].is_object());
    ok(&harness.submit_as("admin", "GiveUpRun", give_up).await);
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, (json!("completed"), [1, 2, 0]));
    assert_eq!(server.received().len(), 1);
}

/// The body of an import that invites an account with an address and a device.
fn account_and_device() -> Value {
    let text = "email address or device,social_messaging,monitor_calls,monitor_sms\n\
        ok.ann@meridian.example,No,off,off\n+84923448071,No,off,off\n";
    json!({
        "dialect": "multiline", "files": [{"name": "accounts.csv", "text": text}], "organization": "EMEA",
        "permission_group": "Traders", "action": "import_and_invite", "channel": "whatsapp",
    })
}

/// An engine of MultiLine whose mails leave by a mail server on this port, and whose texts are files in a folder.
async fn with_texts(port: u16, texts: &std::path::Path) -> EngineHarness {
    let mut harness = EngineHarness::meridian().await;
    let settings = json!({
        "link_base_url": "https://meridian.example/link", "mail_from": "on@meridian.example",
        "reminder_after_days": 1, "invitation_ttl_hours": {"whatsapp": 96}, "relay_wait_minutes": 4320,
    });
    ok(&harness.submit("SetCompanyConfig", settings).await);
    let texts = Arc::new(Outbox::open(texts).unwrap());
    harness.transport = Some(Arc::new(WithTextGateway::new(smtp(port, LONG), texts)));
    harness.restart().await;
    harness
}

fn texts_in(folder: &std::path::Path) -> usize {
    let is_text = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "txt");
    files_under(folder).iter().filter(|path| is_text(path)).count()
}

/// A31, A44: texts to devices are sent while the mails of their run wait, and once. Reminders by text too.
#[tokio::test]
async fn texts_go_on_while_the_mail_server_is_down() {
    let (port, folder) = (closed_port(), tempfile::tempdir().unwrap());
    let harness = with_texts(port, folder.path()).await;
    let run = ok(&harness.submit("ImportFile", account_and_device()).await)["run"].clone();
    let run = run.as_str().unwrap();
    waiting_for(&harness, run).await;
    let sent = async |status: &str, expected: usize| {
        eventually("the people have this status", async || {
            let log = harness.rows("integration_log", json!({"run": run, "status": status})).await;
            (log.len() == expected).then_some(log)
        })
        .await
    };
    assert_eq!(sent("success", 1).await[0]["username"], "+84923448071");
    assert_eq!(texts_in(folder.path()), 1);

    harness.advance_clock(24 * 3600);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    eventually("the device is reminded", async || (texts_in(folder.path()) == 2).then_some(()))
        .await;
    assert!(harness.row("run", json!({"run": run})).await["waiting_for"].is_object());

    let server = MailServer::on(port, &[]);
    harness.settle().await;
    assert_eq!(counts(&harness, run).await, (json!("completed"), [2, 0, 0]));
    assert_eq!((server.received().len(), texts_in(folder.path())), (1, 2));
}

/// Makes a folder of texts unusable by a file in its place, or usable again.
fn set_usable(folder: &std::path::Path, is_usable: bool) {
    let aside = folder.with_extension("aside");
    if is_usable {
        std::fs::remove_file(folder).unwrap();
        std::fs::rename(&aside, folder).unwrap();
    } else {
        std::fs::rename(folder, &aside).unwrap();
        std::fs::write(folder, "").unwrap();
    }
}

/// A31, A44: mails of a run go on while its texts cannot be sent. With only texts left, the run waits for them, and an
/// administrator may give it up.
#[tokio::test]
async fn run_of_texts_alone_waits_and_is_given_up() {
    let (server, parent) = (MailServer::start(&[]), tempfile::tempdir().unwrap());
    let folder = parent.path().join("texts");
    let harness = with_texts(server.port, &folder).await;
    set_usable(&folder, false);
    let run = ok(&harness.submit("ImportFile", account_and_device()).await)["run"].clone();
    let run = run.as_str().unwrap();
    let waiting = waiting_for(&harness, run).await;
    assert_eq!(counts(&harness, run).await.1, [1, 0, 1], "{waiting}");
    assert_eq!(server.received().len(), 1);
    ok(&harness.submit("GiveUpRun", json!({"run": run})).await);
    harness.settle().await;
    assert_eq!(counts(&harness, run).await, (json!("completed"), [1, 1, 0]));
    set_usable(&folder, true);
    assert_eq!(texts_in(&folder), 0);
}

/// A31, A44: while a mail of the run waits for its next try, texts that cannot be sent wait for theirs too. Each try is
/// two commits, so tries without a pause would fill the log.
#[tokio::test]
async fn texts_that_fail_are_not_tried_without_a_pause() {
    let (server, parent) = (MailServer::start(&[]), tempfile::tempdir().unwrap());
    let folder = parent.path().join("texts");
    let harness = with_texts(server.port, &folder).await;
    set_usable(&folder, false);
    let mut body = account_and_device();
    let text = body["files"][0]["text"].as_str().unwrap().replace("ok.ann", "r450.ann");
    body["files"][0]["text"] = json!(text);
    let run = ok(&harness.submit("ImportFile", body).await)["run"].clone();
    let tried = async || {
        let log = harness.rows("integration_log", json!({"run": run})).await;
        log.iter().all(|row| row["attempt"].as_u64() >= Some(1)).then_some(())
    };
    eventually("both were tried", tried).await;
    for _ in 0..200 {
        harness.row("run", json!({"run": run})).await;
    }
    let claims = harness.events().await;
    let claims = claims.iter().filter(|name| *name == "InviteDispatched").count();
    assert!(claims <= 4, "{claims} claims of two people");
}

/// Sends invitations by one transport and other mails by another, as an engine with workers for invitations does.
#[derive(Debug)]
struct Divided {
    invitations: Arc<dyn Transport>,
    notifications: Arc<dyn Transport>,
}

impl Transport for Divided {
    fn name(&self) -> &'static str {
        self.invitations.name()
    }

    fn deduplicates(&self) -> bool {
        false
    }

    fn for_notifications(&self) -> Option<&dyn Transport> {
        Some(&*self.notifications)
    }

    fn ready(&self) -> boarding_core::delivery::ReadyFuture<'_> {
        self.invitations.ready()
    }

    fn in_flight(&self) -> usize {
        self.invitations.in_flight()
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        match mails.first().map(|mail| mail.purpose) {
            Some(Purpose::Run(_)) => self.invitations.send_batch(mails),
            _ => self.notifications.send_batch(mails),
        }
    }
}

/// A31: invitations and other mails do not wait for each other's transport.
#[tokio::test]
async fn other_mails_and_invitations_do_not_wait_for_each_other() {
    for invitations_wait in [true, false] {
        let (server, closed) = (MailServer::start(&[]), closed_port());
        let ports = if invitations_wait { [closed, server.port] } else { [server.port, closed] };
        let [invitations, notifications] = ports.map(|port| smtp(port, LONG));
        let harness =
            EngineHarness::acme(Some(Arc::new(Divided { invitations, notifications }))).await;
        let mut body = import_body("people.csv", &people_rows(&["ok.ann", "ok.bob"]));
        body["send_welcome_email"] = json!(true);
        ok(&harness.submit("ImportFile", body).await);
        let run = harness.start_run().await;
        let welcome = async || {
            let rows = harness.rows("notifications", json!({})).await;
            rows.iter().map(|row| row["state"].clone()).collect::<Vec<_>>()
        };
        let (invited, welcomed) = if invitations_wait { (0, "sent") } else { (2, "waiting") };
        eventually("the mails are as expected", async || {
            let passed = counts(&harness, &run).await.1[0];
            (welcome().await == [welcomed; 2] && passed == invited).then_some(())
        })
        .await;
        assert_eq!(server.received().len(), 2);
        let claims = harness.events().await;
        let claims = claims.iter().filter(|name| *name == "NotificationDispatched").count();
        assert_eq!(claims, if invitations_wait { 2 } else { 0 }, "mails that wait are not claimed");
        if invitations_wait {
            waiting_for(&harness, &run).await;
        }
    }
}
