//! Tests of notifications about the number pool: each crossing of the threshold is notified once.

use serde_json::{Value, json};

use super::spec::{company, requested_mails, tick, ticked};
use crate::decide::numbers::pool::testing::{
    account, assigned, number, number_added, setting, unit,
};
use crate::decide::testing::{NOW, channel_enabled, given, run_id, run_started, who};
use crate::decide::{ClaimRecipients, next_tick_at};
use crate::event::{Event, MailKind, Topic};
use crate::values::Personal;

/// An organization with this many numbers, the first of them assigned.
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

/// Each time the share of numbers in use crosses the threshold, each administrator is
/// notified once. Below it, when off, or without administrators, no mail is requested.
#[test]
fn number_threshold_is_notified_once_per_crossing() {
    assert!(!tick(&company(alarmed(80), pool(10, 7)), 0).0.unwrap().is_append());
    assert!(!tick(&given(pool(10, 10)), 0).0.unwrap().is_append());
    let without_admins = company(json!({"notify.number_threshold": true}), pool(10, 10));
    assert_eq!(
        (next_tick_at(&without_admins.0), tick(&without_admins, 0).0.unwrap().is_append()),
        (None, false)
    );
    let over = company(alarmed(80), pool(10, 8));
    assert!(next_tick_at(&over.0).is_some_and(|next| next <= NOW));
    let events = requested_mails(&tick(&over, 0));
    assert_eq!(events.len(), 2);
    let about = Topic::Numbers {
        org_unit: Some("EMEA".to_owned()),
        total: 10,
        used: 8,
        available: 2,
        needed: 0,
    };
    assert!(events.iter().all(|mail| mail.0 == MailKind::NumberThreshold && mail.3 == about));
    assert_ne!(events[0].1, events[1].1, "each mail has another key");
    let first = events[0].1.clone();
    // Told: not again, however much more are used; down and up again: once more.
    let over = ticked(over, 0);
    assert_eq!(next_tick_at(&over.0), None);
    let [created, opened] = account("user9", "EMEA");
    let mut over = over;
    over.append(NOW, "jane", &[created, opened, assigned(9, "user9")]);
    assert!(!tick(&over, 0).0.unwrap().is_append());
    let release = |n: u64| Event::NumberReleased {
        number: Personal(number(n)),
        user: who(&format!("user{n}")),
        cooling_until: None,
    };
    over.append(NOW, "jane", &[release(8), release(9)]);
    assert!(!tick(&over, 0).0.unwrap().is_append());
    over.append(NOW, "jane", &[assigned(8, "user8")]);
    let again = requested_mails(&tick(&over, 0));
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|mail| mail.1 != first));
    // A threshold that is lowered is a crossing, too.
    let lowered = company(
        alarmed(80),
        pool(10, 5).into_iter().chain([setting("number_threshold_percent", json!(50))]),
    );
    assert_eq!(requested_mails(&tick(&lowered, 0)).len(), 2);
}

/// A number that is allocated and assigned in one commit is not a separate crossing.
#[test]
fn number_threshold_is_looked_at_once_a_commit() {
    let over = company(alarmed(80), pool(5, 4).into_iter().chain([number_added(9, None)]));
    let mut over = ticked(over, 0);
    let given = Event::NumberAllocated { number: Personal(number(9)), org_unit: "EMEA".to_owned() };
    let [created, opened] = account("una", "EMEA");
    over.append(NOW, "jane", &[created, opened, given, assigned(9, "una")]);
    assert!(!tick(&over, 0).0.unwrap().is_append(), "4 of 5, and then 5 of 6");
}

/// The administrators are notified when pending invitations need more numbers than are available.
#[test]
fn shortage_of_numbers_is_notified_once() {
    let settings = json!({
        "designated_admin_emails": ["una@acme.example"], "notify.invitations_exceed_numbers": true,
        "number_overbooking": true,
    });
    let people = ["ann", "bob"];
    let mut events = vec![channel_enabled(), unit("EMEA", None), number_added(1, Some("EMEA"))];
    events.extend(people.iter().flat_map(|key| account(key, "EMEA")));
    events.extend(run_started(run_id(1), &people));
    let company = company(settings, events);
    assert!(!tick(&company, 0).0.unwrap().is_append());
    let fence = company.0.lock.holder().unwrap().fence;
    let company = company.after(ClaimRecipients { run: run_id(1), fence, most: 9, via: "outbox" });
    let events = requested_mails(&tick(&company, 0));
    let about = Topic::Numbers {
        org_unit: Some("EMEA".to_owned()),
        total: 1,
        used: 0,
        available: 1,
        needed: 2,
    };
    let shown: Vec<_> = events.iter().map(|mail| (mail.0, &mail.3)).collect();
    assert_eq!(shown, [(MailKind::InvitationsExceedNumbers, &about)]);
    assert!(!tick(&ticked(company, 0), 0).0.unwrap().is_append());
}
