//! Tests of the mail to the administrator (OC-14): one per import, with a link that works once.

use serde_json::json;

use super::spec::{asked, auto, import, with_ann};
use super::*;
use crate::decide::imports::import_file::testing::{import_id, row};
use crate::decide::testing::{Given as Before, Input, given};
use crate::decide::{Command, Facts};
use crate::event::Permission;
use crate::values::{Code, Personal};

fn admin() -> Event {
    let setting = "network_admin_email".to_owned();
    Event::CompanyConfigChanged { setting, value: json!("admin@acme.example") }
}

/// OC-14, A15: the network administrator gets a mail for every import, whether it invites people or not.
#[test]
fn network_admin_gets_a_mail_for_every_import() {
    for (extra, invites) in [(json!({}), false), (auto(), true)] {
        let before = with_ann().into_iter().chain([admin()]);
        let then = import(before, vec![row(1, "bob")], &extra);
        let names = then.names();
        assert_eq!(names.contains(&"RunRequested"), invites);
        let events = then.events();
        let mail = events.iter().find_map(|event| match event {
            Event::ImportNotificationRequested { import, email, expires_at, .. } => {
                Some((*import, email.as_str(), *expires_at))
            }
            _ => None,
        });
        let end = crate::decide::testing::NOW.plus_seconds(7 * 24 * 3600);
        assert_eq!(mail, Some((import_id(), "admin@acme.example", end)));
    }
    let names = import(with_ann(), vec![row(1, "bob")], &auto()).names();
    assert!(!names.contains(&"ImportNotificationRequested"), "without an address there is no mail");
}

/// OC-14: the mail is claimed once for the address, although no user has it.
#[test]
fn mail_to_the_network_admin_is_claimed_once() {
    let before = with_ann().into_iter().chain([admin()]);
    let company = given(before).after(asked(1, vec![row(1, "bob")], &json!({})));
    let claim = || crate::decide::ClaimNotification { most: 9, via: "outbox" };
    let events = company.when(claim()).events();
    let [_, Event::NotificationDispatched { key, email, .. }] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(*key, crate::event::import_completed_key(import_id(), 1));
    assert_eq!(email.as_str(), "admin@acme.example");
    assert!(!company.after(claim()).when(claim()).0.unwrap().is_append());
}

/// An import with a mail to the administrator, and a function that follows the link of the mail.
fn notified_import() -> (Before, impl Fn(&str) -> Input) {
    let before = with_ann().into_iter().chain([admin()]);
    let company = given(before).after(asked(2, vec![row(1, "ann"), row(2, "bob")], &json!({})));
    let follow = |mode: &str| {
        let body = json!({"source": {"token": "token"}, "channel": "whatsapp", "mode": mode});
        let command = Command::read("StartBulkIntegration", body).unwrap();
        Input { command, facts: Facts::Import(import_id(), 1) }
    };
    (company, follow)
}

/// OC-14, P21: following the link starts one run of the import's people. A preview does not use the link up.
#[test]
fn link_of_an_import_starts_one_run() {
    let (company, follow) = notified_import();
    let shown = company.when(follow("preview")).0.unwrap();
    assert_eq!((shown.is_append(), &shown.result()["recipient_count"]), (false, &json!(2)));
    let then = company.when(follow("confirmed"));
    let expected = [
        "RunRequested",
        "RecipientQueued",
        "RecipientQueued",
        "RunQueued",
        "RunStarted",
        "ImportLinkUsed",
    ];
    assert_eq!(then.names(), expected);
    let company = company.after(follow("confirmed"));
    company.when(follow("confirmed")).then_refused(Code::InvitationAlreadyUsed);
    company.when(follow("preview")).then_refused(Code::InvitationAlreadyUsed);
}

/// OC-14: the link expires, is valid for its own import only, and needs no permission.
#[test]
fn link_of_an_import_is_rejected_when_expired_or_foreign() {
    use crate::decide::Authority;
    use crate::decide::testing::NOW;
    let (mut company, follow) = notified_import();
    let late = follow("confirmed");
    let end = NOW.plus_seconds(7 * 24 * 3600);
    company
        .when_asked_by("link", Authority::Granted, end, late.clone())
        .then_refused(Code::InvitationExpired);
    let mut guess = follow("confirmed");
    guess.facts = Facts::None;
    company.when(guess).then_refused(Code::InvitationNotFound);
    let mut both = follow("confirmed");
    let Command::StartBulkIntegration(start) = &mut both.command else { panic!() };
    start.source.import = Some("latest".to_owned());
    company.when(both).then_refused(Code::EnvelopeMalformed);
    let actor = Personal("jane@acme.example".to_owned());
    let granted = Event::PermissionsGranted { actor, permissions: vec![Permission::Administer] };
    company.append(NOW, "jane@acme.example", &[granted]);
    assert!(company.when_asked_by("link", Authority::Granted, NOW, late).0.is_ok());
}

/// OC-14, P23: after an undo no mail is sent, and a link that was sent before invites no one.
#[test]
fn link_of_an_undone_import_invites_no_one() {
    let (company, follow) = notified_import();
    assert_eq!(company.0.notifications.len(), 1);
    let mode = crate::decide::imports::import_file::ImportMode::Commit;
    let company = company.after(crate::decide::UndoImport { import: import_id(), mode });
    assert!(company.0.notifications.is_empty());
    company.when(follow("confirmed")).then_refused(Code::ImportAlreadyUndone);
}
