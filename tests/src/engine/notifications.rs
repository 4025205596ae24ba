//! Mails beside invitations and welcome mails: who is told what, once, and only where a company wants it.

use serde_json::{Value, json};

use super::gate::Gate;
use super::{Site, file, ok, people};

const ADMINS: [&str; 2] = ["una@acme.example", "uwe@globex.example"];

/// The company of `fixtures/company/multiline.json`.
async fn meridian(settings: Value) -> Site {
    let site = Site::with(None).await;
    let commands = include_str!("../../../fixtures/company/multiline.json");
    for command in serde_json::from_str::<Vec<Value>>(commands).unwrap() {
        ok(&site.ask(command["command"].as_str().unwrap(), command["body"].clone()).await);
    }
    set(&site, settings).await;
    site
}

async fn set(site: &Site, settings: Value) {
    ok(&site.ask("SetCompanyConfig", settings).await);
}

fn admins() -> Value {
    json!({"designated_admin_emails": ADMINS})
}

/// The mails to this address.
fn to(site: &Site, email: &str) -> Vec<String> {
    let is_to = |mail: &String| {
        let header = mail.lines().find(|line| line.starts_with("To: ")).unwrap();
        header.trim_end_matches('>').ends_with(email)
    };
    site.outbox().into_iter().filter(is_to).collect()
}

/// How many events of these names there are.
async fn count<const N: usize>(site: &Site, names: [&str; N]) -> [usize; N] {
    let (mut counts, mut cursor) = ([0; N], Value::Null);
    loop {
        let page = site.json("history", json!({"limit": 500, "cursor": cursor})).await;
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
    let mut site = meridian(admins()).await;
    let mut preview = accounts("a.csv");
    preview["mode"] = json!("preview");
    ok(&site.ask("ImportFile", preview).await);
    site.settle().await;
    assert!(site.outbox().is_empty());
    let import = ok(&site.ask("ImportFile", accounts("accounts.csv")).await)["import"].clone();
    site.settle().await;
    site.restart().await;
    site.settle().await;
    assert_eq!(site.outbox().len(), 2);
    for admin in ADMINS {
        let [mail] = to(&site, admin).try_into().unwrap();
        for shown in ["accounts.csv", "Total: 3", "Success: 2", "Failed: 1", import.as_str().unwrap()] {
            assert!(mail.contains(shown), "{shown}: {mail}");
        }
    }
    let counts = count(&site, ["NotificationRequested", "NotificationDispatched", "NotificationSent"]);
    assert_eq!(counts.await, [2, 2, 2]);
    // Whom the mail is for is told with the import's own history.
    let of_import = json!({"entity": format!("import:{}", import.as_str().unwrap())});
    let told = site.rows("history", of_import).await;
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
        let site = meridian(settings).await;
        ok(&site.ask("ImportFile", accounts("accounts.csv")).await);
        site.settle().await;
        assert!(site.outbox().is_empty());
        assert_eq!(count(&site, ["ImportCompleted", "NotificationRequested"]).await, [1, 0]);
    }
}

/// ML-14: a batch of any product, of more rows than one commit holds: told once, when its last row is applied.
#[tokio::test]
async fn ml_14_a_long_batch_is_told_once_at_its_end() {
    let mut site = Site::acme(None).await;
    set(&site, admins()).await;
    set(&site, json!({"bulk_integration_max_records": 2_000})).await;
    let names: Vec<String> = (0..1_100).map(|n| format!("user{n}")).collect();
    let rows = people(&names.iter().map(String::as_str).collect::<Vec<_>>());
    ok(&site.ask("ImportFile", file("people.csv", &rows)).await);
    site.restart().await;
    site.settle().await;
    let [mail] = to(&site, ADMINS[0]).try_into().unwrap();
    assert!(mail.contains("Total: 1100") && mail.contains("Success: 1100"), "{mail}");
    assert_eq!(count(&site, ["ImportCompleted", "NotificationSent"]).await, [1, 2]);
}

/// ML-14, P7: a crash between claim and report: what may have arrived is not sent a second time.
#[tokio::test]
async fn ml_14_a_crash_between_claim_and_report_tells_nobody_twice() {
    for deduplicates in [false, true] {
        let gate = Gate::shut(deduplicates);
        let mut site = Site::acme(Some(gate.clone())).await;
        set(&site, admins()).await;
        ok(&site.ask("ImportFile", file("people.csv", &people(&["ann"]))).await);
        gate.arrival(2).await;
        site.crash().await;
        gate.open();
        site.open().await;
        site.settle().await;
        let ids: std::collections::BTreeSet<_> =
            gate.mails().into_iter().map(|mail| mail.message_id).collect();
        assert_eq!(ids.len(), 2, "the same Message-IDs");
        let sent = count(&site, ["NotificationDispatched", "NotificationSent", "NotificationFailed"]);
        let expected = if deduplicates { (4, [2, 2, 0]) } else { (2, [2, 0, 2]) };
        assert_eq!((gate.mails().len(), sent.await), expected);
    }
}

/// ML-14, N56: the company words the report itself; a file's name with a line break makes no header.
#[tokio::test]
async fn ml_14_the_report_is_worded_by_the_company() {
    let site = meridian(admins()).await;
    let own = json!({
        "kind": "batch_report", "language": "en", "subject": "OWN {{ file_name }}",
        "text": "{{ success }} good, {{ failed }} bad", "html": "<p>{{ success }} {{ failed }}</p>",
    });
    ok(&site.ask("SetTemplate", own).await);
    ok(&site.ask("ImportFile", accounts("a\r\nBcc: all@acme.example\r\n.csv")).await);
    site.settle().await;
    let [mail] = to(&site, ADMINS[0]).try_into().unwrap();
    assert!(mail.contains("Subject: OWN ") && mail.contains("2 good, 1 bad"), "{mail}");
    assert!(!mail.lines().any(|line| line.starts_with("Bcc:")), "{mail}");
}
