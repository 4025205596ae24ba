//! Tests of who an import has invited, and of the mail that says so.

use serde_json::json;

use super::run_of;
use super::spec::{asked, auto, with_ann};
use crate::company::selection::SelectionVersion;
use crate::company::{ImportInvites, RunState};
use crate::decide::imports::import_file::testing::{import_id, row};
use crate::decide::outcome::MailOutcome;
use crate::decide::testing::{Given, NOW, channel_enabled, given, phone_added, user_created, who};
use crate::decide::{ClaimRecipients, ListRecipients, ReportRecipients, Tick};
use crate::event::{Channel, Event, MailKind, Source, Topic};
use crate::mail_kinds::{self, topic_facts};
use crate::template::{AppAddresses, MailTemplate, MailValues, TopicVariables, render};
use crate::user_file::ParsedRow;
use crate::values::{Code, Problem, Time};

/// The rows of a file that names Ann, who exists, and four new people. The last row is invalid.
fn rows() -> Vec<ParsedRow> {
    let mut invalid = row(6, "fay");
    invalid.problems.push(Problem::new(Code::FieldInvalidEmail));
    let keys = ["ann", "bob", "cid", "dan", "eve"];
    let valid = keys.into_iter().zip(1u64..).map(|(key, number)| row(number, key));
    valid.chain([invalid]).collect()
}

/// An import whose run has claimed its four recipients.
fn claimed() -> Given {
    let run = run_of(import_id());
    let company = given(with_ann()).after(asked(6, rows(), &auto()));
    let company = company.after(ListRecipients { run });
    let fence = company.0.lock.holder().unwrap().fence;
    company.after(ClaimRecipients { run, fence, most: 9, via: "outbox" })
}

/// The same import after its run: a mail was sent, two failed, and one person was skipped.
fn over() -> Given {
    let run = run_of(import_id());
    let company = claimed();
    let fence = company.0.lock.holder().unwrap().fence;
    let reports = vec![
        (who("bob"), 1, MailOutcome::SENT),
        (who("cid"), 1, MailOutcome::failed(Code::DeliveryRefused)),
        (who("dan"), 1, MailOutcome::uncertain("connection lost")),
        (who("eve"), 1, MailOutcome::skipped(Code::DeliverySuppressed)),
    ];
    company.after(ReportRecipients { run, fence, reports })
}

fn keys(company: &Given, invites: &ImportInvites) -> (Vec<String>, Vec<(String, Code)>) {
    let key = |id| company.0.users.get(id).unwrap().key().as_str().to_owned();
    let invited = invites.first_invited.iter().map(|id| key(*id)).collect();
    let others = invites.first_others.iter().map(|(id, code)| (key(*id), *code)).collect();
    (invited, others)
}

fn others(named: &[(&str, Code)]) -> Vec<(String, Code)> {
    named.iter().map(|(key, code)| ((*key).to_owned(), *code)).collect()
}

/// The failures come first, then the people who were left out. A row without a person counts nowhere.
#[test]
fn import_says_who_was_invited_and_why_others_were_not() {
    let company = over();
    assert_eq!(company.0.runs[&run_of(import_id())].state, RunState::Completed);
    let invites = company.0.import_invites(import_id(), 9).unwrap();
    assert_eq!((invites.invited, invites.failed, invites.not_invited), (1, 2, 2));
    assert_eq!((invites.with_reason, invites.can_invite), (4, true));
    let expected = others(&[
        ("cid", Code::DeliveryRefused),
        ("dan", Code::DeliveryUncertain),
        ("ann", Code::RowUserExists),
        ("eve", Code::DeliverySuppressed),
    ]);
    assert_eq!(keys(&company, &invites), (vec!["bob".to_owned()], expected));
}

#[test]
fn lists_of_people_end_at_their_limit() {
    let company = over();
    let invites = company.0.import_invites(import_id(), 1).unwrap();
    let expected = others(&[("cid", Code::DeliveryRefused)]);
    assert_eq!(keys(&company, &invites), (vec!["bob".to_owned()], expected));
    assert_eq!((invites.invited, invites.with_reason), (1, 4));
    let three = company.0.import_invites(import_id(), 3).unwrap();
    assert_eq!(keys(&company, &three).1.last(), Some(&("ann".to_owned(), Code::RowUserExists)));
    let none = company.0.import_invites(import_id(), 0).unwrap();
    assert!(none.first_invited.is_empty() && none.first_others.is_empty());
}

#[test]
fn person_whose_link_ended_is_no_longer_invited() {
    let company = over();
    let end = NOW.plus_seconds(30 * 24 * 3600);
    let company = company.after_at(end, Tick { now: end });
    let invites = company.0.import_invites(import_id(), 9).unwrap();
    assert_eq!((invites.invited, invites.not_invited), (0, 3));
    let bob = &keys(&company, &invites).1;
    assert!(bob.contains(&("bob".to_owned(), Code::InvitationExpired)), "{bob:?}");
}

#[test]
fn linked_person_is_invited_by_any_channel() {
    let mut company = over();
    let linked = |key: &str| Event::UserLinked {
        user: who(key),
        channel: Channel::Whatsapp,
        invitation: None,
    };
    company.append(NOW, "jane@acme.example", &[linked("ann"), linked("dan")]);
    let invites = company.0.import_invites(import_id(), 9).unwrap();
    assert_eq!((invites.invited, invites.failed, invites.can_invite), (3, 1, true));
    company.append(NOW, "jane@acme.example", &["bob", "cid", "eve"].map(linked));
    let invites = company.0.import_invites(import_id(), 9).unwrap();
    assert_eq!((invites.invited, invites.failed, invites.can_invite), (5, 0, false));
}

#[test]
fn mail_about_an_import_waits_for_its_run() {
    let claimed = claimed();
    let left = |company: &Given| company.0.runs[&run_of(import_id())].remaining();
    assert_eq!((left(&claimed), left(&over())), (4, 0));
    assert!(claimed.0.import_run_is_open(import_id()));
    assert!(!over().0.import_run_is_open(import_id()));
    let admins = crate::decide::numbers::pool::testing::setting(
        "designated_admin_emails",
        json!(["una@acme.example"]),
    );
    let company = given(with_ann().into_iter().chain([admins]));
    let company = company.after(asked(6, rows(), &auto()));
    assert_eq!(mail_kinds::waiting(&company.0), 1);
    assert_eq!(mail_kinds::waiting(&given([channel_enabled()]).0), 0);
}

/// The text of a mail of this kind with these variables.
fn shown(kind: MailKind, about: &TopicVariables, text: &str) -> String {
    let values = MailValues {
        first_name: "",
        last_name: "",
        username: "",
        company_name: "Acme",
        channel: Channel::Whatsapp,
        masked_phone: "",
        link_url: "https://link.example/t",
        expires_hours: 1,
        expires_at: Time(0),
        app: AppAddresses::default(),
        about,
    };
    let (language, subject, html) = ("en".to_owned(), String::new(), String::new());
    let template = MailTemplate { language, subject, text: text.to_owned(), html };
    let mail = render(mail_kinds::of(kind).facts(), &template, &values).unwrap();
    mail.text.replace(['\u{2068}', '\u{2069}'], "")
}

#[test]
fn mail_about_an_import_shows_counts_and_people() {
    let facts = topic_facts(&over().0, &Topic::Import(import_id())).unwrap();
    let text = "{{ total }} {{ created }} {{ success }} {{ failed }} {{ invites }}: \
        {{ invited }} {{ invitation_failed }} {{ not_invited }} {{ first_invited | join(',') }} \
        {{ more_invited }} {{ not_reached | length }} {{ more_not_reached }}: \
        {{ invited_by_import }} {{ failed_by_import }} {{ not_invited_by_import }} {{ show_all }} {{ show_rows }}";
    let id = import_id();
    let expected = format!(
        "6 4 4 2 True: 1 2 2 bob 0 4 0: 1 2 2 boarding log {id} boarding imports rows {id}"
    );
    assert_eq!(shown(MailKind::BatchReport, &facts.variables, text), expected);
    assert!(topic_facts(&given([]).0, &Topic::Import(import_id())).is_none());
}

#[test]
fn mail_about_a_run_shows_its_counts_and_channel() {
    let run = run_of(import_id());
    let facts = topic_facts(&over().0, &Topic::Run(run)).unwrap();
    let text = "{{ run }} {{ total }} {{ passed }} {{ skipped }} {{ failed }}";
    let expected = format!("{run} 4 1 1 2");
    assert_eq!(shown(MailKind::RunCompleted, &facts.variables, text), expected);
    assert_eq!(facts.channel, Some(Channel::Whatsapp));
}

#[test]
fn mail_about_expired_invitations_counts_and_names_people() {
    let people = vec![who("ann"), who("bob")];
    let (since, until) = (Time(0), NOW);
    let about = Topic::Expired { since, until, whatsapp: 3, imessage: 2, people };
    let facts = topic_facts(&given([]).0, &about).unwrap();
    let text = "{{ count }} {{ whatsapp }} {{ imessage }} {{ more }} {{ people | join(',') }}";
    assert_eq!(shown(MailKind::ExpiredDigest, &facts.variables, text), "5 3 2 3 ann,bob");
}

#[test]
fn mail_about_numbers_shows_their_share_and_threshold() {
    let (org_unit, needed) = (Some("EMEA".to_owned()), 4);
    let about = Topic::Numbers { org_unit, total: 8, used: 6, available: 2, needed };
    let facts = topic_facts(&given([]).0, &about).unwrap();
    let text = "{{ org_unit }} {{ total }} {{ used }} {{ percent }} {{ threshold }} {{ available }} {{ needed }}";
    let threshold = given([]).0.settings.number_threshold_percent;
    let expected = format!("EMEA 8 6 75 {threshold} 2 4");
    assert_eq!(shown(MailKind::NumberThreshold, &facts.variables, text), expected);
}

#[test]
fn reminder_shows_the_channel_and_link_of_its_invitation() {
    let company = over();
    let bob = company.0.users.find("bob").unwrap().1;
    let channel = Channel::Whatsapp;
    let invitation = bob.link(channel).invitation.unwrap();
    let (id, generation) = (invitation.id, invitation.generation);
    let about = Topic::Invitation { channel, invitation: id, generation, reminder: 1 };
    let facts = topic_facts(&company.0, &about).unwrap();
    assert_eq!((facts.channel, facts.expires_at), (Some(channel), invitation.expires_at));
    assert_eq!(facts.link, Some(mail_kinds::LinkTarget::Invitation(id, generation)));
    assert_eq!(shown(MailKind::Reminder, &facts.variables, "{{ channel_name }}"), "WhatsApp");
}

#[test]
fn link_in_the_mail_about_an_import_is_its_newest() {
    let admin = crate::decide::numbers::pool::testing::setting(
        "network_admin_email",
        json!("admin@acme.example"),
    );
    let company = given([admin, channel_enabled(), user_created("ann"), phone_added("ann", 1)]);
    let company = company.after(asked(1, vec![row(1, "bob")], &json!({})));
    let facts = topic_facts(&company.0, &Topic::Import(import_id())).unwrap();
    let link = company.0.imports[&import_id()].link.as_ref().unwrap();
    let target = mail_kinds::LinkTarget::Import(import_id(), link.generation);
    assert_eq!((facts.link, facts.expires_at), (Some(target), Some(link.expires_at)));
}

/// The keys that each version lists for the import: stored runs keep their lists.
#[test]
fn each_version_lists_its_people_without_an_invitation() {
    let listed = |company: &Given, stored| {
        let version = SelectionVersion::of_event(Some(stored));
        let source = Source::Import(import_id());
        let selection = company.0.select(version, &source, Channel::Whatsapp, NOW);
        let keys = selection.picks.iter().map(|pick| company.0.key_of(pick).as_str().to_owned());
        keys.collect::<Vec<_>>()
    };
    let company = over();
    let end = NOW.plus_seconds(30 * 24 * 3600);
    let later = over().after_at(end, Tick { now: end });
    for stored in [3, 4, 5] {
        assert_eq!(listed(&company, stored), ["ann", "cid", "eve", "fay"], "{stored}");
    }
    assert_eq!(listed(&later, 3), ["ann", "cid", "eve", "fay"]);
    for stored in [4, 5] {
        let everybody = ["ann", "bob", "cid", "dan", "eve", "fay"];
        assert_eq!(listed(&later, stored), everybody, "{stored}");
    }
}
