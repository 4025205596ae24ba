//! Reminders and what expired: by time alone, and never for a link that is dead.

use serde_json::json;

use super::spec::{DAY_SECONDS, company, kinds, requested_mails, sent, tick, ticked};
use crate::decide::numbers::pool::testing::setting;
use crate::decide::testing::{Given, NOW, Then, a_running_run, given, run_id, run_started, who};
use crate::decide::{Authority, ClaimNotification, ClaimRecipients, Tick, next_tick_at};
use crate::event::{Channel, Delivery, Event, MailKind, MailTo, Topic};
use crate::values::{Code, InvitationId};

fn reminding(most: u64) -> Given {
    let settings = json!({
        "reminder_after_days": 2, "reminder_max": most, "invitation_ttl_hours.whatsapp": 24 * 9,
    });
    sent(company(settings, a_running_run()))
}

/// A reminder with the live link is sent every `reminder_after_days` days, at most `reminder_max` times.
#[test]
fn reminders_repeat_the_live_link_up_to_their_limit() {
    let mut company = reminding(2);
    for day in 0..9 {
        let expected = if matches!(day, 2 | 4) { 2 } else { 0 };
        let events = requested_mails(&tick(&company, day));
        assert_eq!(events.len(), expected, "day {day}");
        for (kind, key, to, about) in events {
            let MailTo::User(user) = &to else { panic!() };
            let invitation = company
                .0
                .users
                .find(user.as_str())
                .unwrap()
                .1
                .link(Channel::Whatsapp)
                .invitation
                .unwrap();
            assert_eq!((kind, invitation.generation), (MailKind::Reminder, 1));
            let reminder = u32::try_from(day / 2).unwrap();
            let (channel, generation) = (Channel::Whatsapp, 1);
            assert_eq!(
                about,
                Topic::Invitation { channel, invitation: invitation.id, generation, reminder }
            );
            assert_eq!(key, format!("reminder.{}.1.{reminder}", invitation.id));
        }
        company = ticked(company, day);
    }
    let expiry = next_tick_at(&company.0).unwrap();
    assert_eq!(expiry, NOW.plus_seconds(9 * DAY_SECONDS), "nothing but the links' end is left");
    assert!(kinds(&tick(&company, 9)).is_empty(), "there is no reminder of a link that has ended");
}

/// The time of the tick counts, not the clock: ticks ahead of the clock keep the settings' distances.
#[test]
fn reminders_and_digests_go_by_the_time_of_the_ticks() {
    let hour = |hour: u64| Tick { now: NOW.plus_seconds(3600 * hour) };
    let company = reminding(2).after(hour(49));
    assert_eq!(company.0.reminders.next(&company.0.settings), Some(hour(96).now));
    assert!(kinds(&company.when(hour(50))).is_empty() && kinds(&company.when(hour(95))).is_empty());
    assert_eq!(kinds(&company.when(hour(96))), [MailKind::Reminder; 2]);

    let settings =
        json!({"notify.expired_digest": true, "designated_admin_emails": ["una@acme.example"]});
    let company = self::company(settings, a_running_run());
    let company = sent(company).after(hour(25));
    assert!(kinds(&company.when(hour(26))).is_empty());
    assert_eq!(kinds(&company.when(hour(48))), [MailKind::ExpiredDigest]);
}

/// What ends an invitation, and its events.
type End = (&'static str, fn(InvitationId) -> Vec<Event>);

/// The id of Ann's invitation.
fn invitation(company: &Given) -> InvitationId {
    company.0.users.find("ann").unwrap().1.link(Channel::Whatsapp).invitation.unwrap().id
}

fn bounced(delivery: Delivery) -> Event {
    Event::DeliveryRecorded {
        run: run_id(1),
        user: who("ann"),
        message_id: "m".to_owned(),
        delivery,
        code: None,
    }
}

/// No reminder is sent after link, revoke, bounce, supersede or expiry.
#[test]
fn reminders_are_not_sent_for_links_that_are_dead() {
    let ends: [End; 4] = [
        ("link", |id| {
            vec![Event::UserLinked {
                user: who("ann"),
                channel: Channel::Whatsapp,
                invitation: Some(id),
            }]
        }),
        ("revoke", |id| {
            vec![Event::InvitationRevoked {
                user: who("ann"),
                channel: Channel::Whatsapp,
                invitation: id,
                generation: 1,
            }]
        }),
        ("expiry", |id| {
            vec![Event::InvitationExpired {
                user: who("ann"),
                channel: Channel::Whatsapp,
                invitation: id,
                generation: 1,
            }]
        }),
        ("supersede", |_| run_started(run_id(2), &["ann"])),
    ];
    let bob = |then: Then| {
        let events = requested_mails(&then);
        assert_eq!(events.len(), 1, "only Bob is reminded");
        assert_eq!(events[0].2, MailTo::User(who("bob")));
    };
    for (what, end) in ends {
        let mut company = reminding(1);
        let id = invitation(&company);
        company.append(NOW, "jane", &end(id));
        if what == "supersede" {
            let fence = company.0.lock.holder().unwrap().fence;
            let claim = ClaimRecipients { run: run_id(2), fence, most: 9, via: "outbox" };
            company = company.after(claim);
        }
        bob(tick(&company, 2));
    }
    for delivery in [Delivery::BouncedHard, Delivery::BouncedSoft] {
        let mut company = reminding(1);
        company.append(NOW, "jane", &[bounced(delivery)]);
        bob(tick(&company, 2));
    }
}

/// A reminder is not sent if its link dies between the request and the claim.
#[test]
fn reminder_is_not_sent_when_its_link_dies_first() {
    let (channel, generation) = (Channel::Whatsapp, 1);
    let after = |end: Vec<Event>| {
        let mut company = ticked(reminding(1), 2);
        company.append(NOW, "jane", &end);
        let at = NOW.plus_seconds(2 * DAY_SECONDS);
        let claim = ClaimNotification { most: 9, via: "outbox" }.into();
        let events = company.when_asked_by("engine", Authority::All, at, &claim).events();
        events
            .iter()
            .filter_map(|event| match event {
                Event::NotificationFailed { code, .. } => Some(*code),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let id = invitation(&reminding(1));
    let revoked =
        Event::InvitationRevoked { user: who("ann"), channel, invitation: id, generation };
    assert_eq!(after(vec![]), []);
    assert_eq!(after(vec![revoked]), [Code::InvitationRevoked]);
    assert_eq!(after(vec![bounced(Delivery::BouncedHard)]), [Code::DeliverySuppressed]);
    assert_eq!(
        after(vec![Event::UserArchived { user: who("ann") }]),
        [Code::RecipientUserArchived]
    );
    let linked = Event::UserLinked { user: who("ann"), channel, invitation: Some(id) };
    assert_eq!(after(vec![linked]), [Code::RecipientAlreadyLinked]);
}

/// Reminders that are switched on count from the mails that went out before, and off means never.
#[test]
fn reminders_are_off_unless_a_company_wants_them() {
    let ttl = json!({"invitation_ttl_hours.whatsapp": 24 * 9});
    let mut company = sent(company(ttl, a_running_run()));
    assert!(kinds(&tick(&company, 5)).is_empty());
    company.append(NOW, "jane", &[setting("reminder_after_days", json!(3))]);
    assert_eq!(kinds(&tick(&company, 3)), [MailKind::Reminder; 2]);
    company.append(NOW, "jane", &[setting("reminder_after_days", json!(0))]);
    assert!(kinds(&tick(&company, 5)).is_empty());
    assert_eq!(next_tick_at(&company.0), Some(NOW.plus_seconds(9 * DAY_SECONDS)));
}

/// The invitations that expired in a day are in one mail to each administrator.
#[test]
fn expired_digest_is_requested_after_a_day() {
    let settings =
        json!({"notify.expired_digest": true, "designated_admin_emails": ["una@acme.example"]});
    let company = ticked(sent(company(settings, a_running_run())), 1);
    assert_eq!(company.0.expired.as_ref().unwrap().whatsapp, 2);
    assert_eq!(next_tick_at(&company.0), Some(NOW.plus_seconds(2 * DAY_SECONDS)));
    let events = requested_mails(&tick(&company, 2));
    let [(MailKind::ExpiredDigest, key, _, about)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert!(key.starts_with("expired_digest.") && key.ends_with(".1"), "{key}");
    let (since, until) = (NOW.plus_seconds(DAY_SECONDS), NOW.plus_seconds(2 * DAY_SECONDS));
    let people = vec![who("ann"), who("bob")];
    assert_eq!(*about, Topic::Expired { since, until, whatsapp: 2, imessage: 0, people });
    let company = ticked(company, 2);
    assert_eq!((next_tick_at(&company.0), company.0.expired.is_none()), (None, true));
    // Switched off, nothing is gathered.
    let silent = ticked(sent(given(a_running_run())), 1);
    assert_eq!((silent.0.expired, next_tick_at(&company.0)), (None, None));
}

/// A44: a device is reminded by a text message with the same link.
#[test]
fn device_is_reminded_by_text() {
    let number = crate::values::Phone::parse("+84923448071").unwrap();
    let settings = [
        setting("reminder_after_days", json!(2)),
        setting("invitation_ttl_hours.whatsapp", json!(24 * 9)),
    ];
    let run = run_started(run_id(1), &["+84923448071"]);
    let device = crate::decide::testing::device_account("+84923448071");
    let events: Vec<Event> = device.into_iter().chain(settings).chain(run).collect();
    let fence = events.len() as u64;
    let claim = ClaimRecipients { run: run_id(1), fence, most: 9, via: "outbox" };
    let company = given(events).after(claim);
    let reports = vec![(who("+84923448071"), 1, crate::decide::outcome::MailOutcome::SENT)];
    let report = crate::decide::ReportRecipients { run: run_id(1), fence, reports };
    let company = ticked(company.after(report), 2);
    let claimed = company.when(ClaimNotification { most: 9, via: "outbox" }).events();
    let [_, Event::NotificationDispatched { email, device, .. }] = claimed.as_slice() else {
        panic!("{claimed:?}")
    };
    assert_eq!((email.as_str(), device.as_deref()), ("", Some(&number)));
    let without = company.by_mail_server();
    let failed = without.when(ClaimNotification { most: 9, via: "smtp" }).events();
    assert!(
        matches!(
            &failed[..],
            [Event::NotificationFailed { code: Code::DeliveryNoTextGateway, .. }]
        ),
        "{failed:?}"
    );
}
