//! Each rule is broken by a history, and holds in the same history without its last event.

use boarding_commands::commit::{Commit, RecordedCommit, SCHEMA};
use boarding_commands::event::{Channel, Counts, Event, Person, Source, Who};
use boarding_commands::values::{
    Code, CommandId, Digest, ImportId, InvitationId, Personal, Phone, RunId, Time, UserKey,
};
use serde_json::json;

use super::{Rule, Rules};

/// A ULID that ends in this number.
fn id<T: serde::de::DeserializeOwned>(n: u8) -> T {
    serde_json::from_value(json!(format!("01JD00000000000000000000{n:02}"))).unwrap()
}

fn run(n: u8) -> RunId {
    id(n)
}

fn who(name: &str) -> Who {
    Personal(UserKey::new(name))
}

fn phone() -> Personal<Phone> {
    Personal(Phone::parse("+84923448071").unwrap())
}

fn requested(n: u8, total: u64) -> Event {
    Event::RunRequested {
        run: run(n),
        channel: Channel::Whatsapp,
        source: Source::Import(id::<ImportId>(9)),
        total,
        duplicates_removed: 0,
        not_before: None,
        list_version: None,
    }
}

fn created(name: &str) -> Event {
    Event::UserCreated {
        user: who(name),
        person: Personal(Person::default()),
        org_unit: None,
        roles: Vec::new(),
        active: true,
        row: None,
    }
}

fn claimed(n: u8, name: &str, attempt: u32) -> Event {
    Event::InviteDispatched {
        run: run(n),
        user: who(name),
        attempt,
        invitation: id::<InvitationId>(8),
        generation: 1,
        email: Personal(String::new()),
        message_id: String::new(),
        via: String::new(),
        template: None,
        sent_on: None,
        device: None,
    }
}

fn skipped(n: u8, name: &str) -> Event {
    Event::UserSkipped {
        run: run(n),
        user: who(name),
        code: Code::RecipientAlreadyLinked,
        detail: None,
    }
}

fn sent(n: u8, name: &str, attempt: u32) -> Event {
    Event::InviteSent {
        run: run(n),
        user: who(name),
        attempt,
        message_id: String::new(),
        expires_at: Time(2_000),
    }
}

fn completed(n: u8, skipped: u64) -> Event {
    Event::RunCompleted { run: run(n), passed: 0, skipped, failed: 0 }
}

/// A run with ann that has started.
fn started(n: u8) -> Vec<Event> {
    vec![
        requested(n, 1),
        Event::RecipientQueued { run: run(n), user: who("ann") },
        Event::RunQueued { run: run(n) },
        Event::RunStarted { run: run(n) },
    ]
}

fn observe(events: &[Event]) -> Result<(), Rule> {
    let mut rules = Rules::default();
    for (event, n) in events.iter().zip(1..) {
        let commit = Commit {
            company: "acme".parse().unwrap(),
            first_version: n,
            command: id::<CommandId>(7),
            body: Digest::default(),
            actor: Personal("ann".to_owned()),
            at: Time(1_000),
            correlation: None,
            causation: None,
            traceparent: None,
            schema: SCHEMA,
            result: json!(null),
            previous: Digest::default(),
            events: vec![event.clone()],
            authenticated: None,
        };
        let recorded = RecordedCommit { position: n, hash: Digest::default(), commit };
        rules.observe(&recorded).map_err(|broken| broken.rule)?;
    }
    Ok(())
}

fn then(mut events: Vec<Event>, more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    events.extend(more);
    events
}

#[test]
fn last_event_of_each_history_breaks_its_rule() {
    let queued = |n| vec![requested(n, 0), Event::RunQueued { run: run(n) }];
    let added = Event::CorporatePhoneAdded { phone: phone(), user: who("ann"), import: None };
    let number = Event::NumberAdded { number: phone(), org_unit: None };
    let assigned = |name| Event::NumberAssigned { number: phone(), user: who(name), import: None };
    let import = id::<ImportId>(6);
    let histories = [
        (Rule::RunOverlap, then(then(started(1), queued(2)), [Event::RunStarted { run: run(2) }])),
        (Rule::RunOrder, then(then(queued(1), queued(2)), [Event::RunStarted { run: run(2) }])),
        (Rule::RunState, vec![requested(1, 0), Event::RunStarted { run: run(1) }]),
        (Rule::RunState, vec![requested(1, 0), requested(1, 0)]),
        (Rule::RunState, then(started(1), [Event::RunWithdrawn { run: run(1) }])),
        (Rule::RecipientOutcome, then(started(1), [completed(1, 0)])),
        (Rule::RecipientOutcome, then(started(1), [skipped(1, "ann"), completed(1, 2)])),
        (Rule::RecipientOutcome, then(started(1), [skipped(1, "ann"), skipped(1, "ANN")])),
        (Rule::RecipientOutcome, then(started(1), [skipped(1, "bob")])),
        (Rule::RunState, then(started(1), [skipped(1, "ann"), completed(1, 1), skipped(1, "ann")])),
        (Rule::RecipientClaim, then(started(1), [claimed(1, "ann", 1), claimed(1, "ann", 2)])),
        (Rule::RecipientClaim, then(started(1), [sent(1, "ann", 1)])),
        (Rule::RecipientClaim, then(started(1), [claimed(1, "ann", 1), sent(1, "ann", 2)])),
        (Rule::ImportState, vec![Event::ImportCompleted { import, counts: Counts::default() }]),
        (Rule::ImportState, vec![Event::ImportUndoStarted { import }]),
        (Rule::UserState, vec![Event::UserArchived { user: who("ann") }]),
        (Rule::UserState, vec![created("ann"), created("Ann")]),
        (Rule::PhoneOwner, vec![created("ann"), added.clone(), added]),
        (Rule::NumberState, vec![number.clone(), number.clone()]),
        (Rule::NumberState, vec![number, assigned("ann"), assigned("bob")]),
    ];
    for (number, (rule, events)) in histories.iter().enumerate() {
        assert_eq!(observe(events), Err(*rule), "history {number}");
        assert_eq!(observe(&events[..events.len() - 1]), Ok(()), "history {number} before");
    }
}
