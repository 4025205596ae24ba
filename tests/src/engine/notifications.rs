//! Mails beside invitations and welcome mails: who is told what, once, and only where a company wants it.

use boarding_commands::decide::Authority;
use serde_json::{Value, json};

use super::held_channel::HeldChannel;
use super::{EngineHarness, company_id, envelope, import_body, ok, people_rows};

const ADMINS: [&str; 2] = ["una@acme.example", "uwe@globex.example"];

/// The company of `fixtures/company/multiline.json`.
async fn meridian(settings: Value) -> EngineHarness {
    let harness = EngineHarness::new(None).await;
    let commands = include_str!("../../../fixtures/company/multiline.json");
    for command in serde_json::from_str::<Vec<Value>>(commands).unwrap() {
        ok(&harness.submit(command["command"].as_str().unwrap(), command["body"].clone()).await);
    }
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
fn to(harness: &EngineHarness, email: &str) -> Vec<String> {
    let is_to = |mail: &String| {
        let header = mail.lines().find(|line| line.starts_with("To: ")).unwrap();
        header.trim_end_matches('>').ends_with(email)
    };
    harness.outbox().into_iter().filter(is_to).collect()
}

/// How many events of these names there are.
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
/// the batch operation": each of them, once, also across a crash; nobody for a preview.
#[tokio::test]
async fn ml_14_the_designated_administrators_get_the_summary_of_a_batch() {
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
        let [mail] = to(&harness, admin).try_into().unwrap();
        for shown in
            ["accounts.csv", "Total: 3", "Success: 2", "Failed: 1", import.as_str().unwrap()]
        {
            assert!(mail.contains(shown), "{shown}: {mail}");
        }
    }
    let counts =
        count(&harness, ["NotificationRequested", "NotificationDispatched", "NotificationSent"]);
    assert_eq!(counts.await, [2, 2, 2]);
    // Whom the mail is for is told with the import's own history.
    let of_import = json!({"entity": format!("import:{}", import.as_str().unwrap())});
    let told = harness.rows("history", of_import).await;
    let told: Vec<_> = told.iter().filter(|row| row["event"] == "NotificationRequested").collect();
    let addresses: Vec<_> = told.iter().map(|row| row["data"]["to"]["address"].clone()).collect();
    assert_eq!(addresses, ADMINS.map(Value::from));
}

/// ML-14: "if configured": where no administrator is designated nobody is told, nor where it is switched off.
#[tokio::test]
async fn ml_14_nobody_is_told_of_a_batch_unless_configured() {
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

/// ML-14: a batch of any product, of more rows than one commit holds: told once, when its last row is applied.
#[tokio::test]
async fn ml_14_a_long_batch_is_told_once_at_its_end() {
    let mut harness = EngineHarness::acme(None).await;
    set(&harness, admins()).await;
    set(&harness, json!({"bulk_integration_max_records": 2_000})).await;
    let names: Vec<String> = (0..1_100).map(|n| format!("user{n}")).collect();
    let rows = people_rows(&names.iter().map(String::as_str).collect::<Vec<_>>());
    ok(&harness.submit("ImportFile", import_body("people.csv", &rows)).await);
    harness.restart().await;
    harness.settle().await;
    let [mail] = to(&harness, ADMINS[0]).try_into().unwrap();
    assert!(mail.contains("Total: 1100") && mail.contains("Success: 1100"), "{mail}");
    assert_eq!(count(&harness, ["ImportCompleted", "NotificationSent"]).await, [1, 2]);
}

/// ML-14, P7: a crash between claim and report: what may have arrived is not sent a second time.
#[tokio::test]
async fn ml_14_a_crash_between_claim_and_report_tells_nobody_twice() {
    for deduplicates in [false, true] {
        let channel = HeldChannel::new(deduplicates);
        let mut harness = EngineHarness::acme(Some(channel.clone())).await;
        set(&harness, admins()).await;
        ok(&harness.submit("ImportFile", import_body("people.csv", &people_rows(&["ann"]))).await);
        channel.wait_for_mails(2).await;
        harness.crash().await;
        channel.release_all();
        harness.open().await;
        harness.settle().await;
        let ids: std::collections::BTreeSet<_> =
            channel.mails().into_iter().map(|mail| mail.message_id).collect();
        assert_eq!(ids.len(), 2, "the same Message-IDs");
        let sent =
            count(&harness, ["NotificationDispatched", "NotificationSent", "NotificationFailed"]);
        let expected = if deduplicates { (4, [2, 2, 0]) } else { (2, [2, 0, 2]) };
        assert_eq!((channel.mails().len(), sent.await), expected);
    }
}

/// ML-14, N56: the company words the report itself; a file's name with a line break makes no header.
#[tokio::test]
async fn ml_14_the_report_is_worded_by_the_company() {
    let harness = meridian(admins()).await;
    let own = json!({
        "kind": "batch_report", "language": "en", "subject": "OWN {{ file_name }}",
        "text": "{{ success }} good, {{ failed }} bad", "html": "<p>{{ success }} {{ failed }}</p>",
    });
    ok(&harness.submit("SetTemplate", own).await);
    ok(&harness.submit("ImportFile", accounts("a\r\nBcc: all@acme.example\r\n.csv")).await);
    harness.settle().await;
    let [mail] = to(&harness, ADMINS[0]).try_into().unwrap();
    assert!(mail.contains("Subject: OWN ") && mail.contains("2 good, 1 bad"), "{mail}");
    assert!(!mail.lines().any(|line| line.starts_with("Bcc:")), "{mail}");
}

/// Asks as somebody with an address, who can be told what came of it.
async fn as_jane(harness: &EngineHarness, name: &str, body: Value) -> Value {
    let asked = envelope(harness.engine().clock().id(), "jane@acme.example", &body);
    ok(&harness.engine().submit(&company_id("acme"), name, asked, Authority::All).await)
}

fn start(user: &str) -> Value {
    json!({"source": {"users": [user]}, "channel": "whatsapp", "mode": "confirmed"})
}

/// Catalogue 3.6, run_started and run_completed: who asked for a run is told that it has begun, if it had to
/// wait, and what it came to.
#[tokio::test]
async fn run_started_and_run_completed_are_told_to_the_starter() {
    let channel = HeldChannel::new(false);
    let harness = EngineHarness::acme(Some(channel.clone())).await;
    set(&harness, json!({"notify": {"run_started": true, "run_completed": true}})).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    let first = as_jane(&harness, "StartBulkIntegration", start("ann")).await;
    let second = as_jane(&harness, "StartBulkIntegration", start("bob")).await;
    assert_eq!((&first["state"], &second["state"]), (&json!("running"), &json!("pending")));
    // An operator without an address is told nothing.
    ok(&harness.submit("StartBulkIntegration", start("ann")).await);
    channel.release_all();
    harness.settle().await;
    let mails = channel.mails();
    let told: Vec<_> = mails.iter().filter(|mail| mail.to == "jane@acme.example").collect();
    let of = |kind: &str, run: &Value| {
        let id = format!("{kind}.{}@acme.boarding.invalid", run["run"].as_str().unwrap());
        told.iter().find(|mail| mail.message_id == id).unwrap_or_else(|| panic!("{id}"))
    };
    assert_eq!(told.len(), 3);
    let completed = &of("run_completed", &first).content;
    assert_eq!(completed.subject, "Your bulk invitation on WhatsApp is complete: 1 of 1 invited");
    assert!(completed.text.contains("Passed: 1\nSkipped: 0\nFailed: 0"), "{}", completed.text);
    let started = &of("run_started", &second).content;
    assert_eq!(started.subject, "Your bulk invitation on WhatsApp has begun");
    of("run_completed", &second);
}

/// Catalogue 3.6: but for what is asked for in the settings, nobody is told anything.
#[tokio::test]
async fn nothing_is_told_unless_it_is_switched_on() {
    let harness = meridian(admins()).await;
    set(&harness, json!({"notify.batch_report": false, "invitation_ttl_hours": {"whatsapp": 24}}))
        .await;
    ok(&harness.submit("ImportFile", accounts("accounts.csv")).await);
    let invite = json!({"users": ["ann@meridian.example"], "channel": "whatsapp"});
    as_jane(&harness, "ResendInvitation", invite).await;
    harness.settle().await;
    harness.advance_clock(30 * 24 * 3600);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    harness.settle().await;
    assert_eq!(count(&harness, ["InvitationExpired", "NotificationRequested"]).await, [1, 0]);
    assert_eq!(harness.outbox().len(), 1);
}

/// Numbers of EMEA in the fixture's company, by what becomes of them.
async fn assign(harness: &EngineHarness, users: &[&str]) {
    for user in users {
        let number =
            harness.rows("number_suggestions", json!({"org_unit": "EMEA", "limit": 1})).await;
        ok(&harness
            .submit("AssignNumber", json!({"number": number[0]["number"], "user": user}))
            .await);
    }
}

/// MOV, number_threshold: the administrators are told when the share in use crosses the threshold, once a
/// crossing; it comes by itself, with the commit that crosses it.
#[tokio::test]
async fn number_threshold_is_told_to_the_administrators_once_a_crossing() {
    let mut harness = meridian(admins()).await;
    let on = json!({
        "notify": {"number_threshold": true, "batch_report": false}, "number_threshold_percent": 20,
    });
    set(&harness, on).await;
    ok(&harness.submit("ImportFile", accounts("accounts.csv")).await);
    assign(&harness, &["ann@meridian.example"]).await;
    harness.settle().await;
    assert!(harness.outbox().is_empty(), "one of ten");
    assign(&harness, &["cid@meridian.example"]).await;
    arrived(&harness, 2).await;
    let [mail] = to(&harness, ADMINS[0]).try_into().unwrap();
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
    arrived(&harness, 4).await;
    assert_eq!(to(&harness, ADMINS[1]).len(), 2);
}

/// Waits until so many mails that are no invitations were sent.
async fn arrived(harness: &EngineHarness, mails: usize) {
    let hot = harness.engine().hot(&company_id("acme")).await;
    let mut chores = hot.chores();
    while count(harness, ["NotificationSent"]).await != [mails] {
        chores.changed().await.unwrap();
    }
}

/// MOV, invitations_exceed_numbers: "Threshold exceeded for invitations".
#[tokio::test]
async fn invitations_exceed_numbers_is_told_to_the_administrators() {
    let harness = meridian(admins()).await;
    let on = json!({
        "notify": {"invitations_exceed_numbers": true, "batch_report": false}, "number_overbooking": true,
    });
    set(&harness, on).await;
    ok(&harness.submit("ImportFile", accounts("accounts.csv")).await);
    // All but one of EMEA's numbers go back.
    let free = harness.rows("numbers", json!({"org_unit": "EMEA", "state": "available"})).await;
    let free: Vec<_> = free.iter().map(|row| row["number"].clone()).collect();
    ok(&harness.submit("WithdrawNumbers", json!({"numbers": free})).await);
    let left = harness.rows("number_utilisation", json!({"org_unit": "EMEA"})).await[0].clone();
    assert_eq!((&left["available"], &left["reserved"]), (&json!(0), &json!(1)));
    let users = ["ann@meridian.example", "cid@meridian.example"];
    ok(&harness.submit("ResendInvitation", json!({"users": users, "channel": "whatsapp"})).await);
    arrived(&harness, 2).await;
    for admin in ADMINS {
        let [mail] = to(&harness, admin).try_into().unwrap();
        assert!(mail.contains("Subject: Threshold exceeded for invitations: EMEA"), "{mail}");
        assert!(
            mail.contains("Numbers needed: 2") && mail.contains("Numbers available: 1"),
            "{mail}"
        );
    }
}

/// The link in a mail's text.
fn link(mail: &str) -> String {
    let base = "https://link.acme.example/link/";
    let token = mail.split(base).nth(1).unwrap();
    token.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}

/// Catalogue 3.6, reminder: after n days, at most k; the same live link, which still works; P7, P21: no other
/// invitation, and none for whoever has linked.
#[tokio::test]
async fn a_reminder_repeats_the_same_link_and_is_no_second_invitation() {
    let mut harness = EngineHarness::acme(None).await;
    let on = json!({
        "reminder_after_days": 3, "reminder_max": 1, "invitation_ttl_hours": {"whatsapp": 24 * 10},
    });
    set(&harness, on).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    let run = harness.start_run().await;
    harness.settle().await;
    let first = to(&harness, "ann@people.example").remove(0);
    ok(&harness.submit("LinkCompleted", json!({"user": "bob", "channel": "whatsapp"})).await);
    harness.crash().await;
    harness.advance_clock(3 * 24 * 3600);
    harness.open().await;
    arrived(&harness, 1).await;
    harness.advance_clock(4 * 24 * 3600);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    harness.restart().await;
    harness.settle().await;
    assert_eq!(
        (to(&harness, "ann@people.example").len(), to(&harness, "bob@people.example").len()),
        (2, 1)
    );
    let mails = to(&harness, "ann@people.example");
    let reminder = mails.iter().find(|mail| **mail != first).unwrap();
    assert!(reminder.contains("Subject: Reminder: link your WhatsApp account"), "{reminder}");
    assert!(
        reminder.contains("Dear First Last,") && reminder.contains("********000"),
        "{reminder}"
    );
    assert_eq!(link(reminder), link(&first));
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
    ok(&harness.submit("LinkCompleted", json!({"token": link(reminder)})).await);
    harness.advance_clock(3 * 24 * 3600);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 3);
}

/// P7: a crash between a reminder's claim and its report sends no second one; and where its link was revoked
/// meanwhile, none at all.
#[tokio::test]
async fn p7_a_crash_between_a_reminders_claim_and_its_report_sends_no_second_one() {
    for (deduplicates, revoked, mails) in [(false, false, 1), (true, false, 2), (true, true, 1)] {
        let channel = HeldChannel::new(deduplicates);
        let mut harness = EngineHarness::acme(Some(channel.clone())).await;
        set(&harness, json!({"reminder_after_days": 1, "invitation_ttl_hours": {"whatsapp": 72}}))
            .await;
        harness.import(&people_rows(&["ann"])).await;
        harness.start_run().await;
        channel.release(1);
        harness.settle().await;
        harness.advance_clock(24 * 3600);
        ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
        channel.wait_for_mails(2).await;
        if revoked {
            ok(&harness
                .submit("RevokeInvitation", json!({"user": "ann", "channel": "whatsapp"}))
                .await);
        }
        harness.crash().await;
        channel.release_all();
        harness.open().await;
        harness.settle().await;
        let all = channel.mails();
        let reminders: Vec<_> =
            all.iter().filter(|mail| mail.message_id.starts_with("reminder.")).collect();
        assert_eq!(reminders.len(), mails, "{deduplicates} {revoked}");
        assert!(reminders.iter().all(|mail| mail.message_id == reminders[0].message_id));
        let expected = if mails == 2 { [1, 0] } else { [0, 1] };
        let counts = count(&harness, ["NotificationSent", "NotificationFailed"]).await;
        assert_eq!(counts, expected, "{deduplicates} {revoked}");
    }
}

/// Catalogue 3.6, expired digest: one mail to each administrator, decided by time alone.
#[tokio::test]
async fn expired_digest_is_told_to_the_administrators() {
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
    assert_eq!(harness.outbox().len(), 3, "it is gathered for a day");
    harness.crash().await;
    harness.advance_clock(24 * 3600);
    harness.open().await;
    arrived(&harness, 2).await;
    let [mail] = to(&harness, ADMINS[1]).try_into().unwrap();
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
