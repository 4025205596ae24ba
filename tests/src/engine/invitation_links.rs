//! Invitation links and their mails: use, resend, expiry, templates.

use boarding_commands::values::Code;
use serde_json::{Value, json};

use super::{EngineHarness, company_id, ok, people_rows, refused};
use crate::support::mail_text::link_tokens;

const BASE: &str = "https://link.acme.example/link/";

/// The distinct tokens of all links in the outbox, in the order of the files.
fn tokens(harness: &EngineHarness) -> Vec<String> {
    let mut found = Vec::new();
    for mail in harness.outbox() {
        for token in link_tokens(&mail) {
            if !found.contains(&token) {
                found.push(token);
            }
        }
    }
    found
}

/// An engine that has invited Ann.
async fn invited() -> EngineHarness {
    let harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann"])).await;
    harness.start_run().await;
    harness.settle().await;
    harness
}

async fn follow_link(harness: &EngineHarness, token: &str) -> boarding_commands::envelope::Answer {
    harness.submit("LinkCompleted", json!({"token": token})).await
}

/// The state of the first invitation.
async fn state(harness: &EngineHarness) -> Value {
    harness.rows("invitations", json!({})).await[0]["state"].clone()
}

/// LX-30: the mail has a button and the same link as text. The phone is masked, and the token is not in the log.
#[tokio::test]
async fn mail_has_button_and_copyable_link() {
    let harness = invited().await;
    let mails = harness.outbox();
    assert_eq!((mails.len(), tokens(&harness).len()), (1, 1));
    let link = format!("{BASE}{}", tokens(&harness)[0]);
    assert!(mails[0].contains("Link Your WhatsApp Account"), "{}", mails[0]);
    assert!(mails[0].contains(&format!("href=\"{link}\"")), "{}", mails[0]);
    assert!(
        mails[0].matches(&link).count() >= 3,
        "the link is missing as text, button or copyable link"
    );
    assert!(mails[0].contains("********000") && !mails[0].contains("912345000"), "{}", mails[0]);
    for (path, bytes) in harness.log_bytes() {
        let token = tokens(&harness)[0].clone();
        assert!(
            !bytes.windows(token.len()).any(|part| part == token.as_bytes()),
            "{}",
            path.display()
        );
    }
}

/// LX-31.
#[tokio::test]
async fn token_of_the_mail_links_once() {
    let mut harness = invited().await;
    assert_eq!(harness.rows("phone_list", json!({})).await[0]["channels"]["whatsapp"], "invited");
    let token = tokens(&harness).remove(0);
    harness.set_up("umbrella").await;
    let other_company =
        harness.submit_to("umbrella", "LinkCompleted", json!({"token": token})).await;
    refused(&other_company, Code::InvitationNotFound);
    let mut forged = token.clone().into_bytes();
    forged[47] = if forged[47] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    refused(&follow_link(&harness, &forged).await, Code::InvitationNotFound);
    // The secret is stored in the data folder, so links stay valid after a restart.
    harness.restart().await;
    ok(&follow_link(&harness, &token).await);
    assert_eq!(harness.rows("phone_list", json!({})).await[0]["channels"]["whatsapp"], "linked");
    refused(&follow_link(&harness, &token).await, Code::InvitationAlreadyUsed);
    assert_eq!(state(&harness).await, "linked");
}

/// P21.
#[tokio::test]
async fn resend_invalidates_the_old_link() {
    let harness = invited().await;
    let old = tokens(&harness).remove(0);
    ok(&harness.submit("ResendInvitation", json!({"channel": "whatsapp", "users": ["ann"]})).await);
    harness.settle().await;
    let both = tokens(&harness);
    assert_eq!(both.len(), 2);
    let new = both.into_iter().find(|token| *token != old).unwrap();
    refused(&follow_link(&harness, &old).await, Code::InvitationSuperseded);
    ok(&follow_link(&harness, &new).await);
    refused(&follow_link(&harness, &old).await, Code::InvitationSuperseded);
}

/// LX-30: a link is valid for 24 hours.
#[tokio::test]
async fn link_expires_after_24_hours() {
    let harness = invited().await;
    let token = tokens(&harness).remove(0);
    harness.advance_clock(24 * 3600);
    refused(&follow_link(&harness, &token).await, Code::InvitationExpired);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    assert_eq!(state(&harness).await, "expired");
    refused(&follow_link(&harness, &token).await, Code::InvitationExpired);
    assert_eq!(
        harness.events().await.iter().filter(|name| *name == "InvitationExpired").count(),
        1
    );
    ok(&harness
        .submit("ResendInvitation", json!({"channel": "whatsapp", "filter": "expired"}))
        .await);
    harness.settle().await;
    let new = tokens(&harness).into_iter().find(|one| *one != token).unwrap();
    ok(&follow_link(&harness, &new).await);
}

/// The engine's own tick records the expiry, without a command or query for the company.
#[tokio::test]
async fn link_expires_without_a_command_after_restart() {
    let mut harness = invited().await;
    harness.crash().await;
    harness.advance_clock(25 * 3600);
    harness.open().await;
    let actor = harness.engine().actor(&company_id("acme")).await;
    actor.pending_work().wait_for(|pending| pending.tick_at.is_none()).await.unwrap();
    drop(actor);
    assert_eq!(state(&harness).await, "expired");
}

/// ML-03: "the template in force when the invite is sent".
#[tokio::test]
async fn history_names_the_template_of_every_invitation() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"live_invitation": "supersede"})).await);
    harness.import(&people_rows(&["ann", "bob"])).await;
    let template = |subject: &str| {
        json!({
            "kind": "channel_invitation", "language": "en", "subject": subject,
            "text": "{{ link_url }}", "html": "{{ link_button }} {{ link_url }}",
        })
    };
    let mut seen = Vec::new();
    for subject in [None, Some("FIRST WORDS"), Some("SECOND WORDS")] {
        if let Some(subject) = subject {
            ok(&harness.submit("SetTemplate", template(subject)).await);
        }
        let before = harness.outbox().len();
        let run = harness.start_run().await;
        harness.settle().await;
        let subject = subject.unwrap_or("Link your WhatsApp account");
        let subject = format!("Subject: {subject}\r\n");
        assert_eq!(harness.outbox().len(), before + 2);
        assert_eq!(harness.outbox().iter().filter(|mail| mail.contains(&subject)).count(), 2);
        let events = harness.rows("history", json!({"entity": format!("run:{run}")})).await;
        let claims = events.iter().filter(|row| row["event"] == "InviteDispatched");
        seen.extend(claims.map(|claim| claim["data"]["template"].clone()));
    }
    let expected = |version: u64| json!({"language": "en", "version": version});
    assert_eq!(seen, [0, 0, 1, 1, 2, 2].map(expected));
    assert_eq!(harness.rows("templates", json!({})).await[0]["version"], 2);
}

/// ML-03: a mail that is repeated after a crash uses the template of its claim, not a newer one.
#[tokio::test]
async fn mail_after_crash_uses_the_template_of_its_claim() {
    let transport = super::held_transport::HeldTransport::new(true);
    let mut harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.import(&people_rows(&["ann"])).await;
    let run = harness.start_run().await;
    transport.wait_for_mails(1).await;
    let own = json!({
        "kind": "channel_invitation", "language": "en", "subject": "LATER WORDS",
        "text": "{{ link_url }}", "html": "{{ link_button }} {{ link_url }}",
    });
    ok(&harness.submit("SetTemplate", own).await);
    harness.crash().await;
    transport.release_all();
    harness.open().await;
    harness.settle().await;
    let subjects: Vec<_> = transport.mails().into_iter().map(|mail| mail.content.subject).collect();
    assert_eq!(subjects, ["Link your WhatsApp account", "Link your WhatsApp account"]);
    let row = harness.rows("integration_log", json!({"run": run})).await.remove(0);
    assert_eq!(row["status"], "success");
    let events = harness.rows("history", json!({"entity": format!("run:{run}")})).await;
    let claims = events.iter().filter(|row| row["event"] == "InviteDispatched");
    assert!(
        claims.clone().count() > 0
            && claims.clone().all(|row| row["data"]["template"]["version"] == 0)
    );
}

/// LX-30.
#[tokio::test]
async fn template_of_the_company_is_used() {
    let harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann"])).await;
    let own = json!({
        "kind": "channel_invitation", "language": "en", "subject": "Acme bids you welcome",
        "text": "Hello {{ first_name }}, {{ link_url }}", "html": "<p>OWNWORDS {{ link_button }} {{ link_url }}</p>",
    });
    let mut bad = own.clone();
    bad["html"] = json!("<p>no link</p>");
    refused(&harness.submit("SetTemplate", bad).await, Code::TemplateMissingRequiredVariable);
    ok(&harness.submit("SetTemplate", own).await);
    harness.start_run().await;
    harness.settle().await;
    let mail = harness.outbox().remove(0);
    assert!(mail.contains("Subject: Acme bids you welcome") && mail.contains("OWNWORDS"), "{mail}");
}
