//! The invitation's link, from the mail to the end: used once, killed by a resend, over after its time.

use boarding_commands::code::Code;
use serde_json::{Value, json};

use super::{Site, id, ok, people, refused};

const BASE: &str = "https://link.acme.example/link/";

/// The tokens of all links in the outbox, each once, in the order of the files.
fn tokens(site: &Site) -> Vec<String> {
    let mut found = Vec::new();
    for mail in site.outbox() {
        for rest in mail.split(BASE).skip(1) {
            let token: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
                .collect();
            if !found.contains(&token) {
                found.push(token);
            }
        }
    }
    found
}

async fn invited() -> Site {
    let site = Site::acme(None).await;
    site.import(&people(&["ann"])).await;
    site.run().await;
    site.settle().await;
    site
}

async fn link(site: &Site, token: &str) -> boarding_commands::envelope::Answer {
    site.ask("LinkCompleted", json!({"token": token})).await
}

async fn state(site: &Site) -> Value {
    site.rows("invitations", json!({})).await[0]["state"].clone()
}

/// LX-30: a button and the same link as text; the phone is masked; nothing of it is in the log.
#[tokio::test]
async fn lx_30_the_mail_has_the_button_and_the_copyable_link() {
    let site = invited().await;
    let mails = site.outbox();
    assert_eq!((mails.len(), tokens(&site).len()), (1, 1));
    let link = format!("{BASE}{}", tokens(&site)[0]);
    assert!(mails[0].contains("Link Your WhatsApp Account"), "{}", mails[0]);
    assert!(mails[0].contains(&format!("href=\"{link}\"")), "{}", mails[0]);
    assert!(mails[0].matches(&link).count() >= 3, "text, button and copyable link");
    assert!(mails[0].contains("********000") && !mails[0].contains("912345000"), "{}", mails[0]);
    for (path, bytes) in site.log_bytes() {
        let token = tokens(&site)[0].clone();
        assert!(
            !bytes.windows(token.len()).any(|part| part == token.as_bytes()),
            "{}",
            path.display()
        );
    }
}

/// LX-31: the link's end makes the channel linked; the link is good once.
#[tokio::test]
async fn lx_31_the_token_of_the_mail_links_once() {
    let mut site = invited().await;
    assert_eq!(site.rows("phone_list", json!({})).await[0]["channels"]["whatsapp"], "invited");
    let token = tokens(&site).remove(0);
    site.set_up("umbrella").await;
    let elsewhere = site.ask_in("umbrella", "LinkCompleted", json!({"token": token})).await;
    refused(&elsewhere, Code::InvitationNotFound);
    let mut forged = token.clone().into_bytes();
    forged[47] = if forged[47] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    refused(&link(&site, &forged).await, Code::InvitationNotFound);
    // The secret is the folder's: a link outlives the process.
    site.restart().await;
    ok(&link(&site, &token).await);
    assert_eq!(site.rows("phone_list", json!({})).await[0]["channels"]["whatsapp"], "linked");
    refused(&link(&site, &token).await, Code::InvitationAlreadyUsed);
    assert_eq!(state(&site).await, "linked");
}

/// P21: a resend kills the link before it.
#[tokio::test]
async fn p21_a_resend_kills_the_old_link() {
    let site = invited().await;
    let old = tokens(&site).remove(0);
    ok(&site.ask("ResendInvitation", json!({"channel": "whatsapp", "users": ["ann"]})).await);
    site.settle().await;
    let both = tokens(&site);
    assert_eq!(both.len(), 2);
    let new = both.into_iter().find(|token| *token != old).unwrap();
    refused(&link(&site, &old).await, Code::InvitationSuperseded);
    ok(&link(&site, &new).await);
    refused(&link(&site, &old).await, Code::InvitationSuperseded);
}

/// LX-30: the link is valid for 24 hours.
#[tokio::test]
async fn lx_30_a_link_is_over_after_its_time() {
    let site = invited().await;
    let token = tokens(&site).remove(0);
    site.pass(24 * 3600);
    refused(&link(&site, &token).await, Code::InvitationExpired);
    ok(&site.ask("Tick", json!({"now": site.now()})).await);
    assert_eq!(state(&site).await, "expired");
    refused(&link(&site, &token).await, Code::InvitationExpired);
    assert_eq!(site.events().await.iter().filter(|name| *name == "InvitationExpired").count(), 1);
    ok(&site.ask("ResendInvitation", json!({"channel": "whatsapp", "filter": "expired"})).await);
    site.settle().await;
    let new = tokens(&site).into_iter().find(|one| *one != token).unwrap();
    ok(&link(&site, &new).await);
}

/// The clock brings the expiry by itself, also to a company that nobody asks about.
#[tokio::test]
async fn a_link_expires_by_itself_after_a_restart() {
    let mut site = invited().await;
    site.crash().await;
    site.pass(25 * 3600);
    site.open().await;
    let hot = site.engine().hot(&id("acme")).await;
    hot.chores().wait_for(|chores| chores.tick_at.is_none()).await.unwrap();
    drop(hot);
    assert_eq!(state(&site).await, "expired");
}

/// ML-03: "the template in force when the invite is sent": each mail is of the wording that the history names.
#[tokio::test]
async fn ml_03_the_history_names_the_wording_of_every_invitation() {
    let site = Site::acme(None).await;
    ok(&site.ask("SetCompanyConfig", json!({"live_invitation": "supersede"})).await);
    site.import(&people(&["ann", "bob"])).await;
    let own = |words: &str| {
        json!({
            "kind": "channel_invitation", "language": "en", "subject": words,
            "text": "{{ link_url }}", "html": "{{ link_button }} {{ link_url }}",
        })
    };
    let mut seen = Vec::new();
    for words in [None, Some("FIRST WORDS"), Some("SECOND WORDS")] {
        if let Some(words) = words {
            ok(&site.ask("SetTemplate", own(words)).await);
        }
        let before = site.outbox().len();
        let run = site.run().await;
        site.settle().await;
        let words = words.unwrap_or("Link your WhatsApp account");
        let subject = format!("Subject: {words}\r\n");
        assert_eq!(site.outbox().len(), before + 2);
        assert_eq!(site.outbox().iter().filter(|mail| mail.contains(&subject)).count(), 2);
        let events = site.rows("history", json!({"entity": format!("run:{run}")})).await;
        let claims = events.iter().filter(|row| row["event"] == "InviteDispatched");
        seen.extend(claims.map(|claim| claim["data"]["template"].clone()));
    }
    let wording = |version: u64| json!({"language": "en", "version": version});
    assert_eq!(seen, [0, 0, 1, 1, 2, 2].map(wording));
    assert_eq!(site.rows("templates", json!({})).await[0]["version"], 2);
}

/// ML-03: across a crash, with another wording set in between, a mail is of the wording it was claimed with.
#[tokio::test]
async fn ml_03_a_mail_that_is_sent_after_a_crash_is_of_the_wording_it_was_claimed_with() {
    let gate = super::gate::Gate::shut(true);
    let mut site = Site::acme(Some(gate.clone())).await;
    site.import(&people(&["ann"])).await;
    let run = site.run().await;
    gate.arrival(1).await;
    let own = json!({
        "kind": "channel_invitation", "language": "en", "subject": "LATER WORDS",
        "text": "{{ link_url }}", "html": "{{ link_button }} {{ link_url }}",
    });
    ok(&site.ask("SetTemplate", own).await);
    site.crash().await;
    gate.open();
    site.open().await;
    site.settle().await;
    let subjects: Vec<_> = gate.mails().into_iter().map(|mail| mail.content.subject).collect();
    assert_eq!(subjects, ["Link your WhatsApp account", "Link your WhatsApp account"]);
    let row = site.rows("integration_log", json!({"run": run})).await.remove(0);
    assert_eq!(row["status"], "success");
    let events = site.rows("history", json!({"entity": format!("run:{run}")})).await;
    let claims = events.iter().filter(|row| row["event"] == "InviteDispatched");
    assert!(
        claims.clone().count() > 0
            && claims.clone().all(|row| row["data"]["template"]["version"] == 0)
    );
}

/// LX-30: the company's own wording, from the moment it is set.
#[tokio::test]
async fn lx_30_the_companys_own_template_is_used() {
    let site = Site::acme(None).await;
    site.import(&people(&["ann"])).await;
    let own = json!({
        "kind": "channel_invitation", "language": "en", "subject": "Acme bids you welcome",
        "text": "Hello {{ first_name }}, {{ link_url }}", "html": "<p>OWNWORDS {{ link_button }} {{ link_url }}</p>",
    });
    let mut bad = own.clone();
    bad["html"] = json!("<p>no link</p>");
    refused(&site.ask("SetTemplate", bad).await, Code::TemplateMissingRequiredVariable);
    ok(&site.ask("SetTemplate", own).await);
    site.run().await;
    site.settle().await;
    let mail = site.outbox().remove(0);
    assert!(mail.contains("Subject: Acme bids you welcome") && mail.contains("OWNWORDS"), "{mail}");
}
