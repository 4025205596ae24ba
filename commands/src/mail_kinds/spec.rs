//! Tests of notifications: their recipients and times.

use serde_json::{Value, json};

use crate::decide::imports::import_file::testing::{accepted, import_id, row};
use crate::decide::numbers::pool::testing::setting;
use crate::decide::outcome::MailOutcome;
use crate::decide::testing::{
    Given, NOW, Then, a_running_run, channel_enabled, given, run_id, run_queued, user_created, who,
};
use crate::decide::{
    Authority, ClaimNotification, ClaimRecipients, Command, ImportRows, ReportRecipients, Tick,
};
use crate::event::{Channel, Event, Existing, MailKind, MailTo, Topic};
use crate::values::{Code, Personal};

fn admins() -> Event {
    setting("designated_admin_emails", json!(["una@acme.example", "uwe@acme.example"]))
}

/// The last rows of a file of two, in a company with these settings.
fn finished(settings: Vec<Event>) -> (Given, ImportRows) {
    let company = given(settings.into_iter().chain([accepted(2, false, Existing::Skip)]));
    (company, ImportRows::alone(import_id(), vec![row(1, "ann"), row(2, "bob")]))
}

fn reports(then: &Then) -> Vec<(String, MailTo)> {
    let events = then.events().into_iter();
    let report = events.filter_map(|event| match event {
        Event::NotificationRequested { kind, key, to, about } => {
            assert_eq!((kind, about), (MailKind::BatchReport, Topic::Import(import_id())));
            Some((key, to))
        }
        _ => None,
    });
    report.collect()
}

/// ML-14: each designated administrator gets one mail about a completed batch. Without administrators, or with the
/// mail switched off, none is requested.
#[test]
fn each_designated_administrator_gets_a_mail_about_a_completed_batch() {
    let (company, rows) = finished(vec![admins()]);
    let to = |email: &str| MailTo::Address(Personal(email.to_owned()));
    let key = |n: u32| format!("batch_report.{}.{n}", import_id());
    let expected = [(key(1), to("una@acme.example")), (key(2), to("uwe@acme.example"))];
    assert_eq!(reports(&company.when(rows)), expected);
    let (company, rows) = finished(vec![]);
    assert!(reports(&company.when(rows)).is_empty());
    let off = setting("notify.batch_report", json!(false));
    let (company, rows) = finished(vec![admins(), off]);
    assert!(reports(&company.when(rows)).is_empty());
}

/// ML-14: the mails are requested after the last row and claimed once, except for addresses that bounced.
#[test]
fn batch_report_is_requested_at_the_end_and_claimed_once() {
    let (company, rows) = finished(vec![admins()]);
    let first = ImportRows { rows: rows.rows[..1].to_vec().into(), ..rows.clone() };
    assert!(reports(&company.when(first.clone())).is_empty());
    let mut company = company.after(first).after(rows);
    company.0.suppressed.insert(crate::company::AddressMark::of("UWE@acme.example"));
    let claim = || ClaimNotification { most: 9, via: "outbox" };
    let events = company.when(claim()).events();
    let [_, Event::NotificationDispatched { email, .. }, Event::NotificationFailed { code, .. }] =
        events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!((email.as_str(), *code), ("una@acme.example", Code::DeliverySuppressed));
    assert!(!company.after(claim()).when(claim()).0.unwrap().is_append());
}

/// A company with these settings, and these events behind it.
pub(super) fn company(settings: Value, events: impl IntoIterator<Item = Event>) -> Given {
    let Value::Object(settings) = settings else { panic!("settings are an object") };
    let set = settings.into_iter().map(|(name, value)| setting(&name, value));
    given(set.chain(events))
}

pub(super) fn requested_mails(then: &Then) -> Vec<(MailKind, String, MailTo, Topic)> {
    let events = then.events().into_iter();
    let mails = events.filter_map(|event| match event {
        Event::NotificationRequested { kind, key, to, about } => Some((kind, key, to, about)),
        _ => None,
    });
    mails.collect()
}

pub(super) fn kinds(then: &Then) -> Vec<MailKind> {
    requested_mails(then).into_iter().map(|(kind, ..)| kind).collect()
}

pub(super) fn tick(company: &Given, days: u64) -> Then {
    let now = NOW.plus_seconds(days * DAY_SECONDS);
    company.when_asked_by("engine", Authority::All, now, Tick { now })
}

pub(super) fn ticked(company: Given, days: u64) -> Given {
    let now = NOW.plus_seconds(days * DAY_SECONDS);
    company.after_at(now, Tick { now })
}

pub(super) const DAY_SECONDS: u64 = 24 * 3600;

/// The run of `a_running_run`, claimed and sent to both.
pub(super) fn sent(company: Given) -> Given {
    let run = run_id(1);
    let fence = company.0.lock.holder().unwrap().fence;
    let company = company.after(ClaimRecipients { run, fence, most: 9, via: "outbox" });
    let one = |key: &str| (who(key), 1, MailOutcome::SENT);
    company.after(ReportRecipients { run, fence, reports: vec![one("ann"), one("bob")] })
}

/// The requester is notified when a run completes and when a waiting
/// run starts, if the settings say so. A run that starts at once has no start notification.
#[test]
fn requester_is_notified_of_start_and_end_of_a_run() {
    let all = json!({"notify.run_started": true, "notify.run_completed": true});
    let second = || run_queued(run_id(2), &["zoe"]);
    let company = company(all, a_running_run().into_iter().chain(second()));
    let fence = company.0.lock.holder().unwrap().fence;
    let claim = ClaimRecipients { run: run_id(1), fence, most: 9, via: "outbox" };
    let company = company.after(claim);
    let sent = |key: &str| (who(key), 1, MailOutcome::SENT);
    let report =
        ReportRecipients { run: run_id(1), fence, reports: vec![sent("ann"), sent("bob")] };
    let then = company.when(report.clone());
    let expected = [
        "InviteSent",
        "InviteSent",
        "RunCompleted",
        "NotificationRequested",
        "RunStarted",
        "NotificationRequested",
    ];
    assert_eq!(then.names(), expected);
    let to = MailTo::Address(Personal("jane@acme.example".to_owned()));
    let completed = (MailKind::RunCompleted, format!("run_completed.{}", run_id(1)));
    let started = (MailKind::RunStarted, format!("run_started.{}", run_id(2)));
    let expected = [
        (completed.0, completed.1, to.clone(), Topic::Run(run_id(1))),
        (started.0, started.1, to, Topic::Run(run_id(2))),
    ];
    assert_eq!(requested_mails(&then), expected);
    let start = json!({"source": {"users": ["ann"]}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1});
    let idle =
        given([channel_enabled(), setting("notify.run_started", json!(true)), user_created("ann")]);
    let names = idle.when_json("StartBulkIntegration", start).names();
    assert!(
        names.contains(&"RunStarted") && !names.contains(&"NotificationRequested"),
        "{names:?}"
    );
    let silent = given(a_running_run().into_iter().chain(second()));
    let fence = silent.0.lock.holder().unwrap().fence;
    let silent = silent.after(ClaimRecipients { fence, ..claim });
    let then = silent.when(ReportRecipients { fence, ..report });
    assert!(then.names().contains(&"RunStarted") && requested_mails(&then).is_empty());
}

/// An actor without an address gets no notification; the start of a scheduled run is notified.
#[test]
fn actor_without_an_address_gets_no_notification() {
    let not_before = NOW.plus_seconds(DAY_SECONDS);
    let body = json!({"source": {"users": ["ann"]}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1, "not_before": not_before});
    let begun = |actor: &str| {
        let before =
            [channel_enabled(), setting("notify.run_started", json!(true)), user_created("ann")];
        let mut company = given(before);
        let command = Command::read("StartBulkIntegration", body.clone()).unwrap();
        let asked = company.when_asked_by(actor, Authority::All, NOW, &command);
        company.append(NOW, actor, &asked.events());
        kinds(&tick(&company, 1))
    };
    assert_eq!(begun("jane@acme.example"), [MailKind::RunStarted]);
    for no_address in ["jane", "engine", "jane@local", "jane@acme.example\r\nBcc: b@acme.example"] {
        assert!(begun(no_address).is_empty(), "{no_address}");
    }
}

/// OC-13: the actor of the import is notified of its run, although the engine applies the rows.
#[test]
fn importing_actor_is_notified_of_the_run() {
    let invites = Event::ImportInvitesRequested {
        import: import_id(),
        channel: Channel::Whatsapp,
        created_only: true,
    };
    let before = [channel_enabled(), accepted(1, false, Existing::Skip), invites];
    let mut company = given(before);
    let last = ImportRows::alone(import_id(), vec![row(1, "ann")]);
    let asked = company.when_asked_by("engine", Authority::All, NOW, last);
    company.append(NOW, "engine", &asked.events());
    let run = company.0.runs.values().next().unwrap();
    assert_eq!(run.starter.as_deref(), Some("jane@acme.example"));
}
