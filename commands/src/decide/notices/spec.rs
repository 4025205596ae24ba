//! Who is told what and when, and who is not.

use serde_json::{Value, json};

use super::*;
use crate::decide::import_file::testing::{accepted, import_id, row};
use crate::decide::pool::testing::{account, assigned, number, number_added, setting, unit};
use crate::decide::recipients::Report;
use crate::decide::testing::{
    Given, NOW, Then, a_running_run, channel_enabled, given, run_id, run_queued, run_started,
    user_created, who,
};
use crate::decide::{
    Authority, ClaimNotification, ClaimRecipients, Command, ImportRows, ReportRecipients, Tick,
    next_turn,
};
use crate::event::{Channel, Delivery, Existing};
use crate::id::InvitationId;

fn admins() -> Event {
    setting("designated_admin_emails", json!(["una@acme.example", "uwe@acme.example"]))
}

/// The last rows of a file of two, in a company with these settings.
fn finished(settings: Vec<Event>) -> (Given, ImportRows) {
    let company = given(settings.into_iter().chain([accepted(2, false, Existing::Skip)]));
    (company, ImportRows { import: import_id(), rows: vec![row(1, "ann"), row(2, "bob")] })
}

fn reports(then: Then) -> Vec<(String, MailTo)> {
    let events = then.0.unwrap().events.into_iter();
    let report = events.filter_map(|event| match event {
        Event::NotificationRequested { kind, key, to, about } => {
            assert_eq!((kind, about), (TemplateKind::BatchReport, Topic::Import(import_id())));
            Some((key, to))
        }
        _ => None,
    });
    report.collect()
}

/// ML-14: each designated administrator is told of a finished batch, each by a mail of its own key;
/// where none is designated, or the mail is switched off, nobody is.
#[test]
fn ml_14_each_designated_administrator_is_told_of_a_finished_batch() {
    let (company, rows) = finished(vec![admins()]);
    let to = |email: &str| MailTo::Address(Personal(email.to_owned()));
    let key = |n: u32| format!("batch_report.{}.{n}", import_id());
    let expected = [(key(1), to("una@acme.example")), (key(2), to("uwe@acme.example"))];
    assert_eq!(reports(company.when(rows)), expected);
    let (company, rows) = finished(vec![]);
    assert!(reports(company.when(rows)).is_empty());
    let off = setting("notify.batch_report", json!(false));
    let (company, rows) = finished(vec![admins(), off]);
    assert!(reports(company.when(rows)).is_empty());
}

/// ML-14: while rows are left nobody is told; then each is claimed once, and nobody who bounced.
#[test]
fn ml_14_a_report_is_asked_for_at_the_end_and_claimed_once() {
    let (company, rows) = finished(vec![admins()]);
    let first = ImportRows { rows: rows.rows[..1].to_vec(), ..rows.clone() };
    assert!(reports(company.when(first.clone())).is_empty());
    let mut company = company.after(first).after(rows);
    company.0.suppressed.insert(crate::company::AddressMark::of("UWE@acme.example"));
    let claim = || ClaimNotification { most: 9 };
    let events = company.when(claim()).0.unwrap().events;
    let [Event::NotificationDispatched { email, .. }, Event::NotificationFailed { code, .. }] =
        events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!((email.as_str(), *code), ("una@acme.example", Code::DeliverySuppressed));
    assert!(!company.after(claim()).when(claim()).0.unwrap().recorded);
}

/// A company with these settings, and these events behind it.
fn company(settings: Value, events: impl IntoIterator<Item = Event>) -> Given {
    let settings = settings.as_object().unwrap().clone();
    let set = settings.into_iter().map(|(name, value)| setting(&name, value));
    given(set.chain(events))
}

fn told(then: Then) -> Vec<(TemplateKind, String, MailTo, Topic)> {
    let events = then.0.unwrap().events.into_iter();
    let told = events.filter_map(|event| match event {
        Event::NotificationRequested { kind, key, to, about } => Some((kind, key, to, about)),
        _ => None,
    });
    told.collect()
}

fn kinds(then: Then) -> Vec<TemplateKind> {
    told(then).into_iter().map(|(kind, ..)| kind).collect()
}

fn tick(company: &Given, days: u64) -> Then {
    let now = NOW.plus_seconds(days * DAY_SECONDS);
    company.when_asked_by("engine", Authority::All, now, &Tick { now }.into())
}

fn ticked(company: Given, days: u64) -> Given {
    let now = NOW.plus_seconds(days * DAY_SECONDS);
    company.after_at(now, Tick { now })
}

const DAY_SECONDS: u64 = 24 * 3600;

/// The run of `a_running_run`, claimed and sent to both.
fn sent(company: Given) -> Given {
    let run = run_id(1);
    let fence = company.0.lock.holder().unwrap().fence;
    let company = company.after(ClaimRecipients { run, fence, most: 9, via: "outbox" });
    let one = |key: &str| (who(key), 1, Report::Sent { message_id: None });
    company.after(ReportRecipients { run, fence, reports: vec![one("ann"), one("bob")] })
}

/// Catalogue 3.6, run_completed and run_started: whoever asked for a run is told what it came to, and that
/// one which had to wait has begun; each only where the company wants it, and one that starts at once is
/// not told of.
#[test]
fn whoever_asked_for_a_run_is_told_how_it_goes() {
    let all = json!({"notify.run_started": true, "notify.run_completed": true});
    let second = || run_queued(run_id(2), &["zoe"]);
    let company = company(all, a_running_run().into_iter().chain(second()));
    let fence = company.0.lock.holder().unwrap().fence;
    let claim = ClaimRecipients { run: run_id(1), fence, most: 9, via: "outbox" };
    let company = company.after(claim);
    let sent = |key: &str| (who(key), 1, Report::Sent { message_id: None });
    let report = ReportRecipients { run: run_id(1), fence, reports: vec![sent("ann"), sent("bob")] };
    let then = company.when(report.clone());
    let expected =
        ["InviteSent", "InviteSent", "RunCompleted", "NotificationRequested", "RunStarted", "NotificationRequested"];
    assert_eq!(then.names(), expected);
    let to = MailTo::Address(Personal("jane@acme.example".to_owned()));
    let completed = (TemplateKind::RunCompleted, format!("run_completed.{}", run_id(1)));
    let started = (TemplateKind::RunStarted, format!("run_started.{}", run_id(2)));
    let expected = [
        (completed.0, completed.1, to.clone(), Topic::Run(run_id(1))),
        (started.0, started.1, to, Topic::Run(run_id(2))),
    ];
    assert_eq!(told(then), expected);
    let start = json!({"source": {"users": ["ann"]}, "channel": "whatsapp", "mode": "confirmed"});
    let idle = given([
        channel_enabled(),
        setting("notify.run_started", json!(true)),
        user_created("ann"),
    ]);
    let names = idle.when_json("StartBulkIntegration", start).names();
    assert!(names.contains(&"RunStarted") && !names.contains(&"NotificationRequested"), "{names:?}");
    let silent = given(a_running_run().into_iter().chain(second())).after(claim);
    assert!(told(silent.when(report)).is_empty());
}

/// Catalogue 3.6: an actor who is no address is told nothing; a scheduled run that begins is told of.
#[test]
fn only_an_address_is_told_and_a_scheduled_run_is_told_of_when_it_begins() {
    let not_before = NOW.plus_seconds(DAY_SECONDS);
    let body = json!({"source": {"users": ["ann"]}, "channel": "whatsapp", "mode": "confirmed", "not_before": not_before});
    let begun = |actor: &str| {
        let before = [channel_enabled(), setting("notify.run_started", json!(true)), user_created("ann")];
        let mut company = given(before);
        let command = Command::read("StartBulkIntegration", body.clone()).unwrap();
        let asked = company.when_asked_by(actor, Authority::All, NOW, &command);
        company.0.take(NOW, actor, &asked.0.unwrap().events);
        kinds(tick(&company, 1))
    };
    assert_eq!(begun("jane@acme.example"), [TemplateKind::RunStarted]);
    for nobody in ["jane", "engine", "jane@local", "jane@acme.example\r\nBcc: b@acme.example"] {
        assert!(begun(nobody).is_empty(), "{nobody}");
    }
}

/// OC-13, catalogue 3.6: the run that an import asks for is its asker's, though the engine applies the rows.
#[test]
fn the_run_of_an_import_is_told_to_whoever_imported() {
    let invites = Event::ImportInvitesRequested { import: import_id(), channel: Channel::Whatsapp, created_only: true };
    let before = [channel_enabled(), accepted(1, false, Existing::Skip), invites];
    let mut company = given(before);
    let last = ImportRows { import: import_id(), rows: vec![row(1, "ann")] };
    let asked = company.when_asked_by("engine", Authority::All, NOW, &last.into());
    company.0.take(NOW, "engine", &asked.0.unwrap().events);
    let run = company.0.runs.values().next().unwrap();
    assert_eq!(run.starter.as_deref(), Some("jane@acme.example"));
}

/// An organization with so many numbers, of which the first are somebody's.
fn pool(total: u64, used: u64) -> Vec<Event> {
    let mut events = vec![unit("EMEA", None)];
    events.extend((1..=total).map(|n| number_added(n, Some("EMEA"))));
    events.extend((1..=used).flat_map(|n| {
        let key = format!("user{n}");
        let [created, opened] = account(&key, "EMEA");
        [created, opened, assigned(n, &key)]
    }));
    events
}

fn alarmed(percent: u64) -> Value {
    let admins = ["una@acme.example", "uwe@acme.example"];
    json!({"designated_admin_emails": admins, "notify.number_threshold": true, "number_threshold_percent": percent})
}

/// MOV, catalogue 3.6: each time the share of numbers in use crosses the threshold, each administrator is
/// told once; below it, switched off, or without administrators, nobody is.
#[test]
fn number_threshold_is_told_once_a_crossing() {
    assert!(!tick(&company(alarmed(80), pool(10, 7)), 0).0.unwrap().recorded);
    assert!(!tick(&given(pool(10, 10)), 0).0.unwrap().recorded);
    let nobody = company(json!({"notify.number_threshold": true}), pool(10, 10));
    assert_eq!((next_turn(&nobody.0), tick(&nobody, 0).0.unwrap().recorded), (None, false));
    let over = company(alarmed(80), pool(10, 8));
    assert!(next_turn(&over.0).is_some_and(|next| next <= NOW));
    let events = told(tick(&over, 0));
    assert_eq!(events.len(), 2);
    let about = Topic::Numbers { org_unit: Some("EMEA".to_owned()), total: 10, used: 8, available: 2, needed: 0 };
    assert!(events.iter().all(|told| told.0 == TemplateKind::NumberThreshold && told.3 == about));
    assert_ne!(events[0].1, events[1].1, "each mail has a key of its own");
    let first = events[0].1.clone();
    // Told: not again, however much more are used; down and up again: once more.
    let over = ticked(over, 0);
    assert_eq!(next_turn(&over.0), None);
    let [created, opened] = account("user9", "EMEA");
    let mut over = over;
    over.0.take(NOW, "jane", &[created, opened, assigned(9, "user9")]);
    assert!(!tick(&over, 0).0.unwrap().recorded);
    let release = |n: u64| Event::NumberReleased { number: Personal(number(n)), user: who(&format!("user{n}")), cooling_until: None };
    over.0.take(NOW, "jane", &[release(8), release(9)]);
    assert!(!tick(&over, 0).0.unwrap().recorded);
    over.0.take(NOW, "jane", &[assigned(8, "user8")]);
    let again = told(tick(&over, 0));
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|told| told.1 != first));
    // A threshold that is lowered is a crossing, too.
    let lowered = company(alarmed(80), pool(10, 5).into_iter().chain([setting("number_threshold_percent", json!(50))]));
    assert_eq!(told(tick(&lowered, 0)).len(), 2);
}

/// Catalogue 3.6: a number that is allocated and assigned in one commit is no crossing of its own.
#[test]
fn number_threshold_is_looked_at_once_a_commit() {
    let over = company(alarmed(80), pool(5, 4).into_iter().chain([number_added(9, None)]));
    let mut over = ticked(over, 0);
    let given = Event::NumberAllocated { number: Personal(number(9)), org_unit: "EMEA".to_owned() };
    let [created, opened] = account("una", "EMEA");
    over.0.take(NOW, "jane", &[created, opened, given, assigned(9, "una")]);
    assert!(!tick(&over, 0).0.unwrap().recorded, "4 of 5, and then 5 of 6");
}

/// MOV: "Threshold exceeded for invitations", when pending invitations need more numbers than there are.
#[test]
fn invitations_exceed_numbers_is_told_once() {
    let settings = json!({
        "designated_admin_emails": ["una@acme.example"], "notify.invitations_exceed_numbers": true,
        "number_overbooking": true,
    });
    let people = ["ann", "bob"];
    let mut events = vec![channel_enabled(), unit("EMEA", None), number_added(1, Some("EMEA"))];
    events.extend(people.iter().flat_map(|key| account(key, "EMEA")));
    events.extend(run_started(run_id(1), &people));
    let company = company(settings, events);
    assert!(!tick(&company, 0).0.unwrap().recorded);
    let fence = company.0.lock.holder().unwrap().fence;
    let company = company.after(ClaimRecipients { run: run_id(1), fence, most: 9, via: "outbox" });
    let events = told(tick(&company, 0));
    let about = Topic::Numbers { org_unit: Some("EMEA".to_owned()), total: 1, used: 0, available: 1, needed: 2 };
    let shown: Vec<_> = events.iter().map(|told| (told.0, &told.3)).collect();
    assert_eq!(shown, [(TemplateKind::InvitationsExceedNumbers, &about)]);
    assert!(!tick(&ticked(company, 0), 0).0.unwrap().recorded);
}

fn reminding(most: u64) -> Given {
    let settings = json!({
        "reminder_after_days": 2, "reminder_max": most, "invitation_ttl_hours.whatsapp": 24 * 9,
    });
    sent(company(settings, a_running_run()))
}

/// Catalogue 3.6: after so many days, and at most so often, by the link that is out there already.
#[test]
fn reminders_repeat_the_live_link_after_days_and_at_most_so_often() {
    let mut company = reminding(2);
    for day in 0..9 {
        let expected = if matches!(day, 2 | 4) { 2 } else { 0 };
        let events = told(tick(&company, day));
        assert_eq!(events.len(), expected, "day {day}");
        for (kind, key, to, about) in events {
            let MailTo::User(user) = &to else { panic!() };
            let invitation = company.0.users.find(user.as_str()).unwrap().1.link(Channel::Whatsapp).invitation.unwrap();
            assert_eq!((kind, invitation.generation), (TemplateKind::Reminder, 1));
            let reminder = u32::try_from(day / 2).unwrap();
            let (channel, generation) = (Channel::Whatsapp, 1);
            assert_eq!(about, Topic::Invitation { channel, invitation: invitation.id, generation, reminder });
            assert_eq!(key, format!("reminder.{}.1.{reminder}", invitation.id));
        }
        company = ticked(company, day);
    }
    let expiry = next_turn(&company.0).unwrap();
    assert_eq!(expiry, NOW.plus_seconds(9 * DAY_SECONDS), "nothing but the links' end is left");
    assert!(kinds(tick(&company, 9)).is_empty(), "nobody is reminded of a link that has ended");
}

/// Catalogue 3.6: never after link, revoke, bounce, supersede or expiry.
#[test]
fn reminders_are_not_sent_for_links_that_are_dead() {
    let invitation = |company: &Given| {
        company.0.users.find("ann").unwrap().1.link(Channel::Whatsapp).invitation.unwrap()
    };
    let (channel, generation) = (Channel::Whatsapp, 1);
    let bounced = |delivery| Event::DeliveryRecorded {
        run: run_id(1),
        user: who("ann"),
        message_id: "m".to_owned(),
        delivery,
        code: None,
    };
    let ends: [(&str, fn(InvitationId) -> Vec<Event>); 4] = [
        ("link", |id| vec![Event::UserLinked { user: who("ann"), channel: Channel::Whatsapp, invitation: Some(id) }]),
        ("revoke", |id| vec![Event::InvitationRevoked { user: who("ann"), channel: Channel::Whatsapp, invitation: id, generation: 1 }]),
        ("expiry", |id| vec![Event::InvitationExpired { user: who("ann"), channel: Channel::Whatsapp, invitation: id, generation: 1 }]),
        ("supersede", |_| run_started(run_id(2), &["ann"])),
    ];
    let bob = |then: Then| {
        let events = told(then);
        assert_eq!(events.len(), 1, "only Bob is reminded");
        assert_eq!(events[0].2, MailTo::User(who("bob")));
    };
    for (what, end) in ends {
        let mut company = reminding(1);
        let id = invitation(&company).id;
        company.0.take(NOW, "jane", &end(id));
        if what == "supersede" {
            let fence = company.0.lock.holder().unwrap().fence;
            let claim = ClaimRecipients { run: run_id(2), fence, most: 9, via: "outbox" };
            company = company.after(claim);
        }
        bob(tick(&company, 2));
    }
    for delivery in [Delivery::BouncedHard, Delivery::BouncedSoft] {
        let mut company = reminding(1);
        company.0.take(NOW, "jane", &[bounced(delivery)]);
        bob(tick(&company, 2));
    }
    // Asked for, and dead before it is claimed: it is not sent.
    let after = |end: Vec<Event>| {
        let mut company = ticked(reminding(1), 2);
        company.0.take(NOW, "jane", &end);
        let at = NOW.plus_seconds(2 * DAY_SECONDS);
        let claim = ClaimNotification { most: 9 }.into();
        let events = company.when_asked_by("engine", Authority::All, at, &claim).0.unwrap().events;
        events
            .iter()
            .filter_map(|event| match event {
                Event::NotificationFailed { code, .. } => Some(*code),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let id = invitation(&reminding(1)).id;
    let revoked = Event::InvitationRevoked { user: who("ann"), channel, invitation: id, generation };
    assert_eq!(after(vec![]), []);
    assert_eq!(after(vec![revoked]), [Code::InvitationRevoked]);
    assert_eq!(after(vec![bounced(Delivery::BouncedHard)]), [Code::DeliverySuppressed]);
    assert_eq!(after(vec![Event::UserArchived { user: who("ann") }]), [Code::RecipientUserArchived]);
    let linked = Event::UserLinked { user: who("ann"), channel, invitation: Some(id) };
    assert_eq!(after(vec![linked]), [Code::RecipientAlreadyLinked]);
}

/// Reminders that are switched on count from the mails that went out before, and off means never.
#[test]
fn reminders_are_off_unless_a_company_wants_them() {
    let ttl = json!({"invitation_ttl_hours.whatsapp": 24 * 9});
    let mut company = sent(company(ttl, a_running_run()));
    assert!(kinds(tick(&company, 5)).is_empty());
    company.0.take(NOW, "jane", &[setting("reminder_after_days", json!(3))]);
    assert_eq!(kinds(tick(&company, 3)), [TemplateKind::Reminder; 2]);
    company.0.take(NOW, "jane", &[setting("reminder_after_days", json!(0))]);
    assert!(kinds(tick(&company, 5)).is_empty());
    assert_eq!(next_turn(&company.0), Some(NOW.plus_seconds(9 * DAY_SECONDS)));
}

/// Catalogue 3.6: what expired in a day is told of once, in one mail to each administrator.
#[test]
fn expired_digest_is_told_once_it_was_gathered_for_a_day() {
    let settings = json!({"notify.expired_digest": true, "designated_admin_emails": ["una@acme.example"]});
    let company = ticked(sent(company(settings, a_running_run())), 1);
    assert_eq!(company.0.expired.as_ref().unwrap().whatsapp, 2);
    assert_eq!(next_turn(&company.0), Some(NOW.plus_seconds(2 * DAY_SECONDS)));
    let events = told(tick(&company, 2));
    let [(TemplateKind::ExpiredDigest, key, _, about)] = events.as_slice() else { panic!("{events:?}") };
    assert!(key.starts_with("expired_digest.") && key.ends_with(".1"), "{key}");
    let (since, until) = (NOW.plus_seconds(DAY_SECONDS), NOW.plus_seconds(2 * DAY_SECONDS));
    let people = vec![who("ann"), who("bob")];
    assert_eq!(*about, Topic::Expired { since, until, whatsapp: 2, imessage: 0, people });
    let company = ticked(company, 2);
    assert_eq!((next_turn(&company.0), company.0.expired.is_none()), (None, true));
    // Switched off, nothing is gathered.
    let silent = ticked(sent(given(a_running_run())), 1);
    assert_eq!((silent.0.expired, next_turn(&company.0)), (None, None));
}
