//! Reports in any order, and links that must stay dead: what chance's histories found broken once.

use serde_json::json;

use crate::company::{AddressMark, Company};
use crate::decide::runs::recipients::{Transports, open_claims};
use crate::decide::testing::{NOW, a_running_run, device_account, given, run_id, run_started};
use crate::decide::{
    Authority, ClaimRecipients, EditAccount, InviteFailed, InviteSent, RecordDelivery,
    RevokeInvitation, Tick,
};
use crate::event::{Delivery, Event, OutboxId};
use crate::values::Code;

fn report(user: &str, permanent: bool) -> InviteFailed {
    InviteFailed {
        run: run_id(1),
        user: user.to_owned(),
        code: Code::DeliveryTemporaryFailure,
        detail: None,
        permanent,
        attempt: None,
        fence: None,
    }
}

fn claim() -> ClaimRecipients {
    ClaimRecipients { run: run_id(1), fence: a_running_run().len() as u64, most: 9, via: "outbox" }
}

/// P30: an external worker reports the last recipient first. The other recipients keep their turn.
#[test]
fn earlier_recipients_keep_their_turn_after_a_report() {
    let company = given(a_running_run()).after(report("bob", true));
    assert_eq!(company.when(claim()).names(), ["InviteDispatched"]);
}

/// A11: the claim of an attempt that failed is no live invitation: the retry is not skipped for it.
#[test]
fn a_retry_is_not_skipped_for_its_own_claim() {
    let skip = Event::CompanyConfigChanged {
        setting: "live_invitation".to_owned(),
        value: serde_json::json!("skip"),
    };
    let company = given(a_running_run().into_iter().chain([skip])).after(claim());
    let company = company.after(report("ann", false)).after(report("bob", false));
    let later = NOW.plus_seconds(company.0.settings.retry_backoff_seconds);
    let then = company.when_asked_by("engine", Authority::All, later, claim());
    assert_eq!(then.names(), ["InviteDispatched", "InviteDispatched"]);
}

/// P21: a link that was revoked while its mail waited is not used by the next attempt.
#[test]
fn retry_after_a_revocation_has_a_new_link() {
    let revoke = RevokeInvitation { user: "ann".to_owned(), channel: "whatsapp".to_owned() };
    let company = given(a_running_run()).after(claim()).after(report("ann", false)).after(revoke);
    let later = NOW.plus_seconds(company.0.settings.retry_backoff_seconds);
    let events = company.when_asked_by("engine", Authority::All, later, claim()).events();
    assert!(
        matches!(&events[..], [Event::InviteDispatched { generation: 2, attempt: 2, .. }]),
        "{events:?}"
    );
}

/// P21: a report does not restore a link that was revoked while the mail was in flight.
#[test]
fn revoked_link_stays_revoked_when_its_mail_arrives() {
    let revoke = RevokeInvitation { user: "ann".to_owned(), channel: "whatsapp".to_owned() };
    let sent = InviteSent {
        run: run_id(1),
        user: "ann".to_owned(),
        attempt: None,
        message_id: None,
        fence: None,
    };
    let company = given(a_running_run()).after(claim()).after(revoke.clone()).after(sent);
    company.when(revoke).then_refused(Code::InvitationRevoked);
}

/// P21: the link of a mail that may have arrived expires as any other.
#[test]
fn link_of_an_uncertain_mail_expires() {
    let mut uncertain = report("ann", true);
    uncertain.code = Code::DeliveryUncertain;
    let company = given(a_running_run()).after(claim()).after(uncertain);
    let end = NOW.plus_seconds(24 * 3600);
    let names = company.when(Tick { now: end }).names();
    assert_eq!(names, ["InviteFailed", "RunCompleted", "InvitationExpired"]);
}

/// P7: a late failure of an earlier attempt does not change a later attempt.
#[test]
fn late_failure_of_an_earlier_attempt_changes_nothing() {
    let company = given(a_running_run()).after(claim()).after(report("ann", false));
    let old = InviteFailed { attempt: Some(1), ..report("ann", false) };
    company.when(old.clone()).then([]);
    let later = NOW.plus_seconds(company.0.settings.retry_backoff_seconds);
    company.after_at(later, claim()).when(old).then([]);
}

/// P8: a bounce suppresses the address that the mail was sent to, not the person's new address.
#[test]
fn bounce_suppresses_the_address_of_the_mail() {
    let mended = Event::UserUpdated {
        user: crate::decide::testing::who("ann"),
        person: crate::values::Personal(crate::event::Person {
            email: Some("right@acme.example".to_owned()),
            ..Default::default()
        }),
        org_unit: None,
        roles: vec![],
        changed: vec!["email".to_owned()],
        row: None,
    };
    let sent = InviteSent {
        run: run_id(1),
        user: "ann".to_owned(),
        attempt: None,
        message_id: None,
        fence: None,
    };
    let mut company = given(a_running_run()).after(claim()).after(sent);
    company.append(NOW, "jane", &[mended]);
    let message_id = format!("{}.0@acme.boarding.invalid", run_id(1));
    let bounced = RecordDelivery { message_id, delivery: Delivery::BouncedHard, code: None };
    let company = company.after(bounced).0;
    assert!(company.is_suppressed(AddressMark::of("ann@acme.example")));
    assert!(!company.is_suppressed(AddressMark::of("right@acme.example")));
}

/// A44, P7: the open claim of a text goes on only through the text transport that it was handed to. Another one does not
/// know whether the text was sent.
#[test]
fn text_goes_on_only_through_its_own_transport() {
    let device = "+84923448071";
    let events: Vec<Event> =
        device_account(device).into_iter().chain(run_started(run_id(1), &[device])).collect();
    let claim = ClaimRecipients { fence: events.len() as u64, via: "smtp", ..claim() };
    let company = given(events).after(claim).0;
    let may_go_on = |mails, texts| {
        let open = open_claims(&company, run_id(1), Transports { mails, texts }, NOW);
        assert_eq!(open.len(), 1);
        open[0].may_go_on
    };
    // The engine of the claim had the outbox for texts.
    assert!(may_go_on("smtp", Some("outbox")) && may_go_on("nats", Some("outbox")));
    assert!(!may_go_on("smtp", Some("nats-text")) && !may_go_on("smtp", None));
}

fn outboxes_recorded(id: u32) -> Event {
    let outbox = Some(OutboxId(id));
    Event::RunOutboxesRecorded { run: run_id(1), mails: outbox, texts: outbox }
}

/// P7: two engines claimed in turn, because one did not know yet that it had lost the company. Each claim is looked up in
/// the outbox that got its mail: a mail that is missing in another outbox is not sent again.
#[test]
fn claims_of_two_engines_keep_their_outboxes() {
    let mut company = given(a_running_run());
    let claimed = company.when(claim()).events();
    assert_eq!(claimed.len(), 2, "{claimed:?}");
    for (id, claim) in [7, 8].into_iter().zip(claimed) {
        company.append(NOW, "engine", &[outboxes_recorded(id), claim]);
    }
    let open = open_claims(&company.0, run_id(1), Transports { mails: "outbox", texts: None }, NOW);
    let outboxes: Vec<_> = open.iter().map(|open| open.outbox).collect();
    assert_eq!(outboxes, [Some(OutboxId(7)), Some(OutboxId(8))]);
}

/// P7: a text was claimed, and the account got an e-mail address then. A missing file of a mail proves nothing.
#[test]
fn changed_address_makes_the_outbox_of_a_claim_unknown() {
    let device = "+84923448071";
    let events: Vec<Event> =
        device_account(device).into_iter().chain(run_started(run_id(1), &[device])).collect();
    let claim = ClaimRecipients { fence: events.len() as u64, via: "outbox", ..claim() };
    let mut company = given(events);
    let outbox = Some(OutboxId(7));
    let claimed = company.when(claim).events();
    company.append(NOW, "engine", &[&[outboxes_recorded(7)], &claimed[..]].concat());
    let known = |company: &Company| {
        let transports = Transports { mails: "outbox", texts: Some("outbox") };
        let open = open_claims(company, run_id(1), transports, NOW);
        (open[0].outbox, open[0].may_go_on)
    };
    assert_eq!(known(&company.0), (outbox, true));
    let edit: EditAccount =
        serde_json::from_value(json!({"account": device, "address": "ann@acme.example"})).unwrap();
    assert_eq!(known(&company.after(edit).0), (None, false));
}
