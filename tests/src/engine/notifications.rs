//! Notification mails: recipients, settings, templates, no repeats after crashes.

use std::sync::Arc;

use boarding_commands::decide::Authority;
use boarding_core::delivery::Transport;
use boarding_core::delivery::outbox::Outbox;
use boarding_core::delivery::text_gateway::WithTextGateway;
use serde_json::{Value, json};

use super::held_outbox::HeldOutbox;
use super::held_transport::HeldTransport;
use super::{EngineHarness, company_id, envelope, import_body, numbered_rows, ok, people_rows};
use crate::support::mail_text::link_token;

const ADMINS: [&str; 2] = ["una@acme.example", "uwe@globex.example"];

async fn meridian(settings: Value) -> EngineHarness {
    let harness = EngineHarness::meridian().await;
    set(&harness, settings).await;
    harness
}

async fn set(harness: &EngineHarness, settings: Value) {
    ok(&harness.submit("SetCompanyConfig", settings).await);
}

fn admins() -> Value {
    json!({"designated_admin_emails": ADMINS})
}

/// The mails to this address.
fn mails_to(harness: &EngineHarness, email: &str) -> Vec<String> {
    let is_to = |mail: &String| {
        let header = mail.lines().find(|line| line.starts_with("To: ")).unwrap();
        header.trim_end_matches('>').ends_with(email)
    };
    harness.outbox().into_iter().filter(is_to).collect()
}

/// The number of events with each of these names.
async fn count<const N: usize>(harness: &EngineHarness, names: [&str; N]) -> [usize; N] {
    let (mut counts, mut cursor) = ([0; N], Value::Null);
    loop {
        let page = harness.json("history", json!({"limit": 500, "cursor": cursor})).await;
        for row in page["rows"].as_array().unwrap() {
            for (name, count) in names.iter().zip(&mut counts) {
                *count += usize::from(row["event"] == *name);
            }
        }
        cursor = page["next"].clone();
        if cursor.is_null() {
            return counts;
        }
    }
}

fn accounts(name: &str) -> Value {
    let text = "email address or device,social_messaging,monitor_calls,monitor_sms\n\
        ann@meridian.example,No,off,off\nbob@meridian.example,Maybe,off,off\ncid@meridian.example,No,off,off\n";
    json!({
        "dialect": "multiline", "files": [{"name": name, "text": text}],
        "organization": "EMEA", "permission_group": "Traders",
    })
}

/// ML-14: "if configured, designated administrators will receive notifications that includes the summary of
/// the batch operation". A preview sends none, and a restart repeats none.
#[tokio::test]
async fn designated_administrators_get_one_batch_summary() {
    let mut harness = meridian(admins()).await;
    let mut preview = accounts("a.csv");
    preview["mode"] = json!("preview");
    ok(&harness.submit("ImportFile", preview).await);
    harness.settle().await;
    assert!(harness.outbox().is_empty());
    let import =
        ok(&harness.submit("ImportFile", accounts("accounts.csv")).await)["import"].clone();
    harness.settle().await;
    harness.restart().await;
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 2);
    for admin in ADMINS {
        let [mail] = mails_to(&harness, admin).try_into().unwrap();
        for shown in
            ["accounts.csv", "Total: 3", "Success: 2", "Failed: 1", import.as_str().unwrap()]
        {
            assert!(mail.contains(shown), "{shown}: {mail}");
        }
    }
    let counts =
        count(&harness, ["NotificationRequested", "NotificationDispatched", "NotificationSent"]);
    assert_eq!(counts.await, [2, 2, 2]);
    // The import's history contains the addresses.
    let of_import = json!({"entity": format!("import:{}", import.as_str().unwrap())});
    let history = harness.rows("history", of_import).await;
    let requested = history.iter().filter(|row| row["event"] == "NotificationRequested");
    let addresses: Vec<_> = requested.map(|row| row["data"]["to"]["address"].clone()).collect();
    assert_eq!(addresses, ADMINS.map(Value::from));
}

/// ML-14: "if configured": without designated administrators, or with the setting off, no mail is sent.
#[tokio::test]
async fn no_batch_summary_unless_configured() {
    for settings in [
        json!({"notify": {"batch_report": true}}),
        json!({"designated_admin_emails": ADMINS, "notify.batch_report": false}),
    ] {
        let harness = meridian(settings).await;
        ok(&harness.submit("ImportFile", accounts("accounts.csv")).await);
        harness.settle().await;
        assert!(harness.outbox().is_empty());
        assert_eq!(count(&harness, ["ImportCompleted", "NotificationRequested"]).await, [1, 0]);
    }
}

/// ML-14: an import of several commits sends one summary per administrator, after its last row.
#[tokio::test]
async fn long_batch_sends_one_summary_at_its_end() {
    let mut harness = EngineHarness::acme(None).await;
    set(&harness, admins()).await;
    set(&harness, json!({"bulk_integration_max_records": 2_000})).await;
    ok(&harness.submit("ImportFile", import_body("people.csv", &numbered_rows(1_100))).await);
    harness.restart().await;
    harness.settle().await;
    let [mail] = mails_to(&harness, ADMINS[0]).try_into().unwrap();
    assert!(mail.contains("Total: 1100") && mail.contains("Success: 1100"), "{mail}");
    assert_eq!(count(&harness, ["ImportCompleted", "NotificationSent"]).await, [1, 2]);
}

/// ML-14, P7: after a crash between claim and report, a mail that may have arrived is not sent again.
#[tokio::test]
async fn crash_between_claim_and_report_repeats_no_notification() {
    for deduplicates in [false, true] {
        let transport = HeldTransport::new(deduplicates);
        let mut harness = EngineHarness::acme(Some(transport.clone())).await;
        set(&harness, admins()).await;
        ok(&harness.submit("ImportFile", import_body("people.csv", &people_rows(&["ann"]))).await);
        transport.wait_for_mails(2).await;
        harness.crash().await;
        transport.release_all();
        harness.open().await;
        harness.settle().await;
        let ids: std::collections::BTreeSet<_> =
            transport.mails().into_iter().map(|mail| mail.message_id).collect();
        assert_eq!(ids.len(), 2, "a repeated mail has another Message-ID");
        let sent =
            count(&harness, ["NotificationDispatched", "NotificationSent", "NotificationFailed"]);
        let expected = if deduplicates { (4, [2, 2, 0]) } else { (2, [2, 0, 2]) };
        assert_eq!((transport.mails().len(), sent.await), expected);
    }
}

/// ML-14, N56: a line break in a file name adds no mail header.
#[tokio::test]
async fn summary_uses_the_template_of_the_company() {
    let harness = meridian(admins()).await;
    let own = json!({
        "kind": "batch_report", "language": "en", "subject": "OWN {{ file_name }}",
        "text": "{{ success }} good, {{ failed }} bad", "html": "<p>{{ success }} {{ failed }}</p>",
    });
    ok(&harness.submit("SetTemplate", own).await);
    ok(&harness.submit("ImportFile", accounts("a\r\nBcc: all@acme.example\r\n.csv")).await);
    harness.settle().await;
    let [mail] = mails_to(&harness, ADMINS[0]).try_into().unwrap();
    assert!(mail.contains("Subject: OWN ") && mail.contains("2 good, 1 bad"), "{mail}");
    assert!(!mail.lines().any(|line| line.starts_with("Bcc:")), "{mail}");
}

/// Submits a command as an actor whose name is an address, so that she can be notified.
async fn submit_as_jane(harness: &EngineHarness, name: &str, body: Value) -> Value {
    let envelope = envelope(harness.engine().clock().id(), "jane@acme.example", &body);
    ok(&harness.engine().submit(&company_id("acme"), name, envelope, Authority::All).await)
}

fn run_body(user: &str) -> Value {
    json!({"source": {"users": [user]}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1})
}

/// `run_completed` notifies the actor who requested the run. `run_started` does so if the run had to wait.
#[tokio::test]
async fn requester_is_notified_of_run_start_and_end() {
    let transport = HeldTransport::new(false);
    let harness = EngineHarness::acme(Some(transport.clone())).await;
    set(&harness, json!({"notify": {"run_started": true, "run_completed": true}})).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    let first = submit_as_jane(&harness, "StartBulkIntegration", run_body("ann")).await;
    let second = submit_as_jane(&harness, "StartBulkIntegration", run_body("bob")).await;
    assert_eq!((&first["state"], &second["state"]), (&json!("running"), &json!("pending")));
    // An actor whose name is not an address gets no mail.
    ok(&harness.submit("StartBulkIntegration", run_body("ann")).await);
    transport.release_all();
    harness.settle().await;
    let mails = transport.mails();
    let notices: Vec<_> = mails.iter().filter(|mail| mail.to == "jane@acme.example").collect();
    let notice = |kind: &str, run: &Value| {
        let id = format!("{kind}.{}@acme.boarding.invalid", run["run"].as_str().unwrap());
        notices.iter().find(|mail| mail.message_id == id).unwrap_or_else(|| panic!("{id}"))
    };
    assert_eq!(notices.len(), 3);
    let completed = &notice("run_completed", &first).content;
    assert_eq!(completed.subject, "Your bulk invitation on WhatsApp is complete: 1 of 1 invited");
    assert!(completed.text.contains("Invited: 1\nSkipped: 0\nFailed: 0"), "{}", completed.text);
    let started = &notice("run_started", &second).content;
    assert_eq!(started.subject, "Your bulk invitation on WhatsApp has begun");
    notice("run_completed", &second);
}

/// Only notifications that the settings enable are sent.
#[tokio::test]
async fn disabled_notifications_are_not_sent() {
    let harness = meridian(admins()).await;
    set(&harness, json!({"notify.batch_report": false, "invitation_ttl_hours": {"whatsapp": 24}}))
        .await;
    ok(&harness.submit("ImportFile", accounts("accounts.csv")).await);
    let invite = json!({"users": ["ann@meridian.example"], "channel": "whatsapp"});
    submit_as_jane(&harness, "ResendInvitation", invite).await;
    harness.settle().await;
    harness.advance_clock(30 * 24 * 3600);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    harness.settle().await;
    assert_eq!(count(&harness, ["InvitationExpired", "NotificationRequested"]).await, [1, 0]);
    assert_eq!(harness.outbox().len(), 1);
}

/// Assigns each user the next suggested number of EMEA.
async fn assign(harness: &EngineHarness, users: &[&str]) {
    for user in users {
        let number =
            harness.rows("number_suggestions", json!({"org_unit": "EMEA", "limit": 1})).await;
        ok(&harness
            .submit("AssignNumber", json!({"number": number[0]["number"], "user": user}))
            .await);
    }
}

/// `number_threshold` notifies the administrators once each time the share in use reaches the threshold.
#[tokio::test]
async fn administrators_are_notified_of_each_number_threshold_crossing() {
    let mut harness = meridian(admins()).await;
    let on = json!({
        "notify": {"number_threshold": true, "batch_report": false}, "number_threshold_percent": 20,
    });
    set(&harness, on).await;
    ok(&harness.submit("ImportFile", accounts("accounts.csv")).await);
    assign(&harness, &["ann@meridian.example"]).await;
    harness.settle().await;
    assert!(harness.outbox().is_empty(), "a mail was sent below the threshold");
    assign(&harness, &["cid@meridian.example"]).await;
    wait_for_notifications(&harness, 2).await;
    let [mail] = mails_to(&harness, ADMINS[0]).try_into().unwrap();
    for shown in
        ["20 % of the numbers of EMEA are in use", "In use: 2", "Numbers: 10", "Threshold: 20"]
    {
        assert!(mail.contains(shown), "{shown}: {mail}");
    }
    harness.restart().await;
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 2);
    let used = harness.rows("numbers", json!({"state": "assigned"})).await;
    ok(&harness.submit("ReleaseNumber", json!({"number": used[0]["number"]})).await);
    let user = used[0]["user"].as_str().unwrap().to_owned();
    assign(&harness, &[&user]).await;
    wait_for_notifications(&harness, 4).await;
    assert_eq!(mails_to(&harness, ADMINS[1]).len(), 2);
}

/// Waits until exactly this many notifications were sent.
async fn wait_for_notifications(harness: &EngineHarness, mails: usize) {
    let actor = harness.engine().actor(&company_id("acme")).await;
    let mut pending_work = actor.pending_work();
    while count(harness, ["NotificationSent"]).await != [mails] {
        pending_work.changed().await.unwrap();
    }
}

/// `invitations_exceed_numbers`: "Threshold exceeded for invitations".
#[tokio::test]
async fn administrators_are_notified_when_invitations_exceed_numbers() {
    let harness = meridian(admins()).await;
    let on = json!({
        "notify": {"invitations_exceed_numbers": true, "batch_report": false}, "number_overbooking": true,
    });
    set(&harness, on).await;
    ok(&harness.submit("ImportFile", accounts("accounts.csv")).await);
    // Withdraws all numbers of EMEA but the reserved one.
    let free = harness.rows("numbers", json!({"org_unit": "EMEA", "state": "available"})).await;
    let free: Vec<_> = free.iter().map(|row| row["number"].clone()).collect();
    ok(&harness.submit("WithdrawNumbers", json!({"numbers": free})).await);
    let left = harness.rows("number_utilisation", json!({"org_unit": "EMEA"})).await[0].clone();
    assert_eq!((&left["available"], &left["reserved"]), (&json!(0), &json!(1)));
    let users = ["ann@meridian.example", "cid@meridian.example"];
    ok(&harness.submit("ResendInvitation", json!({"users": users, "channel": "whatsapp"})).await);
    wait_for_notifications(&harness, 2).await;
    for admin in ADMINS {
        let [mail] = mails_to(&harness, admin).try_into().unwrap();
        assert!(mail.contains("Subject: Threshold exceeded for invitations: EMEA"), "{mail}");
        assert!(
            mail.contains("Numbers needed: 2") && mail.contains("Numbers available: 1"),
            "{mail}"
        );
    }
}

/// P7, P21: a reminder contains the same link, which still works, and starts no new invitation. Linked users get
/// no reminder, others at most `reminder_max`.
#[tokio::test]
async fn reminder_repeats_the_link_of_the_invitation() {
    let mut harness = EngineHarness::acme(None).await;
    let on = json!({
        "reminder_after_days": 3, "reminder_max": 1, "invitation_ttl_hours": {"whatsapp": 24 * 10},
    });
    set(&harness, on).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    let run = harness.start_run().await;
    harness.settle().await;
    let first = mails_to(&harness, "ann@people.example").remove(0);
    ok(&harness.submit("LinkCompleted", json!({"user": "bob", "channel": "whatsapp"})).await);
    harness.crash().await;
    harness.advance_clock(3 * 24 * 3600);
    harness.open().await;
    wait_for_notifications(&harness, 1).await;
    harness.advance_clock(4 * 24 * 3600);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    harness.restart().await;
    harness.settle().await;
    assert_eq!(
        (
            mails_to(&harness, "ann@people.example").len(),
            mails_to(&harness, "bob@people.example").len()
        ),
        (2, 1)
    );
    let mails = mails_to(&harness, "ann@people.example");
    let reminder = mails.iter().find(|mail| **mail != first).unwrap();
    assert!(reminder.contains("Subject: Reminder: link your WhatsApp account"), "{reminder}");
    assert!(
        reminder.contains("Dear First Last,") && reminder.contains("********000"),
        "{reminder}"
    );
    assert_eq!(link_token(reminder), link_token(&first));
    assert_eq!(
        count(&harness, ["InviteDispatched", "InviteSent", "NotificationSent"]).await,
        [2, 2, 1]
    );
    let rows = harness.rows("invitations", json!({"user": "ann"})).await;
    assert_eq!(
        (rows.len(), &rows[0]["generation"], &rows[0]["state"]),
        (1, &json!(1), &json!("sent"))
    );
    assert_eq!(harness.row("run", json!({"run": run})).await["passed"], 2);
    ok(&harness.submit("LinkCompleted", json!({"token": link_token(reminder)})).await);
    harness.advance_clock(3 * 24 * 3600);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 3);
}

/// P7: after a crash between claim and report no second reminder is sent. A reminder whose link was revoked
/// is not repeated either.
#[tokio::test]
async fn crash_between_claim_and_report_repeats_no_reminder() {
    for (deduplicates, revoked, mails) in [(false, false, 1), (true, false, 2), (true, true, 1)] {
        let transport = HeldTransport::new(deduplicates);
        let mut harness = EngineHarness::acme(Some(transport.clone())).await;
        set(&harness, json!({"reminder_after_days": 1, "invitation_ttl_hours": {"whatsapp": 72}}))
            .await;
        harness.import(&people_rows(&["ann"])).await;
        harness.start_run().await;
        transport.release(1);
        harness.settle().await;
        harness.advance_clock(24 * 3600);
        ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
        transport.wait_for_mails(2).await;
        if revoked {
            ok(&harness
                .submit("RevokeInvitation", json!({"user": "ann", "channel": "whatsapp"}))
                .await);
        }
        harness.crash().await;
        transport.release_all();
        harness.open().await;
        harness.settle().await;
        let all = transport.mails();
        let reminders: Vec<_> =
            all.iter().filter(|mail| mail.message_id.starts_with("reminder.")).collect();
        assert_eq!(reminders.len(), mails, "{deduplicates} {revoked}");
        assert!(reminders.iter().all(|mail| mail.message_id == reminders[0].message_id));
        let expected = if mails == 2 { [1, 0] } else { [0, 1] };
        let counts = count(&harness, ["NotificationSent", "NotificationFailed"]).await;
        assert_eq!(counts, expected, "{deduplicates} {revoked}");
    }
}

/// A44, P7: after a crash a text reminder goes on only through the gateway that got it. Another gateway does not know
/// whether it was sent.
#[tokio::test]
async fn other_gateway_sends_no_second_text_reminder() {
    for (same_gateway, expected) in [(true, [1, 0]), (false, [0, 1])] {
        let folder = tempfile::tempdir().unwrap();
        let mails = HeldTransport::new(false);
        mails.release_all();
        let with = |texts: Arc<dyn Transport>| -> Option<Arc<dyn Transport>> {
            Some(Arc::new(WithTextGateway::new(mails.clone(), texts)))
        };
        let texts = || Arc::new(Outbox::open(folder.path()).unwrap());
        let mut harness = EngineHarness::meridian().await;
        let on = json!({"reminder_after_days": 1, "invitation_ttl_hours": {"whatsapp": 72}});
        set(&harness, on).await;
        harness.transport = with(texts());
        harness.restart().await;
        let mut import = accounts("devices.csv");
        import["files"][0]["text"] = json!(
            "email address or device,social_messaging,monitor_calls,monitor_sms\n+84923448071,No,off,off\n"
        );
        ok(&harness.submit("ImportFile", import).await);
        harness.start_run().await;
        harness.settle().await;
        harness.crash().await;
        let held = HeldOutbox::open(folder.path());
        harness.transport = with(held.clone());
        harness.open().await;
        harness.advance_clock(24 * 3600);
        ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
        held.wait_for_mails(1).await;
        harness.crash().await;
        let other = HeldTransport::new(true);
        other.release_all();
        harness.transport = with(if same_gateway { texts() } else { other.clone() });
        harness.open().await;
        harness.settle().await;
        assert_eq!(other.mails().len(), 0, "a second text was sent");
        let counts = count(&harness, ["NotificationSent", "NotificationFailed"]).await;
        assert_eq!(counts, expected, "{same_gateway}");
        let reminders = std::fs::read_dir(folder.path().join("acme/notices")).unwrap();
        assert_eq!(reminders.count(), 1);
    }
}

/// `expired_digest`: each administrator gets one mail per day with expired invitations.
#[tokio::test]
async fn administrators_get_a_digest_of_expired_invitations() {
    let mut harness = EngineHarness::acme(None).await;
    set(&harness, admins()).await;
    set(&harness, json!({"notify": {"expired_digest": true, "batch_report": false}})).await;
    harness.import(&people_rows(&["ann", "bob", "cid"])).await;
    harness.start_run().await;
    harness.settle().await;
    ok(&harness.submit("LinkCompleted", json!({"user": "cid", "channel": "whatsapp"})).await);
    harness.advance_clock(24 * 3600);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 3, "the digest was sent too early");
    harness.crash().await;
    harness.advance_clock(24 * 3600);
    harness.open().await;
    wait_for_notifications(&harness, 2).await;
    let [mail] = mails_to(&harness, ADMINS[1]).try_into().unwrap();
    for shown in
        ["2 invitation(s) expired", "Expired: 2", "WhatsApp: 2", "iMessage: 0", "ann", "bob"]
    {
        assert!(mail.contains(shown), "{shown}: {mail}");
    }
    assert!(!mail.contains("cid"), "{mail}");
    harness.advance_clock(5 * 24 * 3600);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 5);
}
