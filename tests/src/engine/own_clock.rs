//! What has expired by the clock of the question, without a tick that says so.

use serde_json::{Value, json};

use super::{EngineHarness, ok, people_rows};

/// The lifetime of a link to WhatsApp, in seconds.
const LINK_LIFETIME_SECONDS: i64 = 24 * 3600;

/// Asserts that no event says yet that a link has expired.
async fn assert_nothing_ticked(harness: &EngineHarness) {
    assert!(!harness.events().await.iter().any(|event| event == "InvitationExpired"));
}

/// Links expire at their time in each query that shows them, and a resend finds them then.
#[tokio::test]
async fn expired_links_show_before_any_tick() {
    let harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    harness.start_run().await;
    harness.settle().await;
    let shown = async || {
        let expired = harness.rows("invitations", json!({"state": "expired"})).await;
        let phones = harness.rows("phone_list", json!({})).await;
        let links: Vec<_> =
            phones.iter().map(|phone| phone["channels"]["whatsapp"].clone()).collect();
        (expired.len(), json!(links))
    };
    let preview = json!({"channel": "whatsapp", "filter": "expired", "mode": "preview"});
    harness.advance_clock(LINK_LIFETIME_SECONDS - 1);
    assert_eq!(shown().await, (0, json!(["invited", "invited"])));
    harness.advance_clock(2);
    assert_eq!(shown().await, (2, json!(["not_linked", "not_linked"])));
    let found = ok(&harness.submit("ResendInvitation", preview).await);
    assert_eq!(found["recipient_count"], 2);
    assert_nothing_ticked(&harness).await;
}

/// An account whose link has expired is not invited any more, also where accounts are filtered by their status.
#[tokio::test]
async fn account_with_an_expired_link_is_not_invited() {
    let harness = EngineHarness::meridian().await;
    let text = "email address or device,social_messaging,monitor_calls,monitor_sms\n\
        ann@meridian.example,No,off,off\n";
    let body = json!({
        "dialect": "multiline", "files": [{"name": "accounts.csv", "text": text}],
        "organization": "EMEA", "permission_group": "Traders", "action": "import_and_invite",
        "channel": "whatsapp",
    });
    ok(&harness.submit("ImportFile", body).await);
    harness.settle().await;
    let invited = async || harness.rows("accounts", json!({"status": "invited"})).await.len();
    assert_eq!(invited().await, 1);
    harness.advance_clock(LINK_LIFETIME_SECONDS + 1);
    assert_eq!(invited().await, 0);
    let account = harness.row("account", json!({"user": "ann@meridian.example"})).await;
    assert_eq!((&account["status"], &account["code"]), (&json!("not_invited"), &Value::Null));
    assert_nothing_ticked(&harness).await;
}
