//! How long an invitation link works, and which answers say why the link ended.

use std::sync::Arc;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::values::Code;
use boarding_core::delivery::TransportAnswer;
use serde_json::{Value, json};

use super::held_transport::HeldTransport;
use super::{EngineHarness, ok, people_rows, refused};
use crate::support::mail_text::link_token;

/// An engine that has invited Ann, and the token of her link.
async fn invited() -> (EngineHarness, String) {
    let harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    invite_ann(&harness).await;
    let token = link_token(&harness.outbox()[0]);
    (harness, token)
}

async fn invite_ann(harness: &EngineHarness) {
    ok(&harness.submit("ResendInvitation", json!({"channel": "whatsapp", "users": ["ann"]})).await);
    harness.settle().await;
}

/// Invites Ann again through a transport that gives this answer to every mail. Returns the token of the new link.
async fn invite_again(harness: &mut EngineHarness, answer: TransportAnswer) -> String {
    let transport = HeldTransport::answering(false, answer);
    transport.release_all();
    harness.transport = Some(Arc::clone(&transport) as _);
    harness.restart().await;
    invite_ann(harness).await;
    link_token(&transport.mails()[0].content.text)
}

async fn follow(harness: &EngineHarness, token: &str) -> boarding_commands::envelope::Answer {
    harness.submit("LinkCompleted", json!({"token": token})).await
}

/// The generation, state and code of Ann's invitation.
async fn shown_invitation(harness: &EngineHarness) -> Value {
    let row = harness.rows("invitations", json!({"user": "ann"})).await.remove(0);
    json!([row["generation"], row["state"], row["code"]])
}

/// A36: a mail that was refused leaves the older link alive; the next sent mail ends it.
#[tokio::test]
async fn failed_mail_leaves_the_older_link_alive() {
    let (mut harness, first) = invited().await;
    let refusal = TransportAnswer::Outcome(MailOutcome::failed(Code::DeliveryRefused));
    invite_again(&mut harness, refusal).await;
    assert_eq!(shown_invitation(&harness).await, json!([1, "sent", null]));
    assert_eq!(harness.rows("phone_list", json!({})).await[0]["channels"]["whatsapp"], "invited");
    let third = invite_again(&mut harness, TransportAnswer::SENT).await;
    refused(&follow(&harness, &first).await, Code::InvitationSuperseded);
    assert_eq!(shown_invitation(&harness).await, json!([3, "sent", null]));
    ok(&follow(&harness, &third).await);
}

/// A36: a mail whose delivery is uncertain leaves both links alive, until one is used.
#[tokio::test]
async fn uncertain_mail_leaves_both_links_alive() {
    for used in [0, 1] {
        let (mut harness, first) = invited().await;
        let uncertain = TransportAnswer::Outcome(MailOutcome::failed(Code::DeliveryUncertain));
        let links = [first, invite_again(&mut harness, uncertain).await];
        ok(&follow(&harness, &links[used]).await);
        for link in &links {
            refused(&follow(&harness, link).await, Code::InvitationAlreadyUsed);
        }
    }
}

/// A37: a link ends when its person becomes inactive, or when its phone, address or channel changes. The answer, the
/// person's row and the history say why.
#[tokio::test]
async fn link_ends_after_a_change_and_says_why() {
    let phone = "+84912345000";
    let update = |email: &str, phone: &str| {
        let row = format!("ann,Ann,Doe,{email},{phone},,\n");
        let mut body = super::import_body("people.csv", &row);
        body["existing"] = json!("update");
        ("ImportFile", body)
    };
    let ends = [
        ("DeactivateUser", json!({"user": "ann"}), Code::InvitationUserInactive),
        ("ArchiveUser", json!({"user": "ann"}), Code::InvitationUserInactive),
        ("RemoveCorporatePhone", json!({"phone": phone}), Code::InvitationPhoneChanged),
        ("SetCompanyConfig", json!({"channels.whatsapp": false}), Code::InvitationChannelDisabled),
    ];
    let (address, body) = update("ann.lee@people.example", phone);
    let (number, other) = update("ann@people.example", "+84912345999");
    let imports = [
        (address, body, Code::InvitationAddressChanged),
        (number, other, Code::InvitationPhoneChanged),
    ];
    for (command, body, code) in ends.into_iter().chain(imports) {
        let (harness, token) = invited().await;
        ok(&harness.submit(command, body).await);
        harness.settle().await;
        refused(&follow(&harness, &token).await, code);
        assert_eq!(shown_invitation(&harness).await, json!([1, "revoked", code]), "{command}");
        let user = harness.row("user", json!({"user": "ann"})).await;
        assert_eq!(user["link_ends"]["whatsapp"], json!(code), "{command}");
        let history = harness.rows("history", json!({"entity": "user:ann"})).await;
        let ended = history.iter().find(|row| row["event"] == "InvitationEnded").unwrap();
        assert_eq!(ended["data"]["code"], json!(code), "{command}");
        // An ended link does not work again, even if the change is reversed.
        for again in [
            ("ReactivateUser", json!({"user": "ann"})),
            ("RestoreUser", json!({"user": "ann"})),
            ("AddCorporatePhone", json!({"user": "ann", "phone": phone})),
            ("SetCompanyConfig", json!({"channels.whatsapp": true})),
        ] {
            harness.submit(again.0, again.1).await;
        }
        refused(&follow(&harness, &token).await, code);
    }
}
