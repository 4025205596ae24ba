//! Tests of the undo of one row: what it compares, and which events it appends.

use super::*;
use crate::decide::imports::import_file::testing::{accepted, import_id};
use crate::decide::numbers::pool::testing::{account, number_added, unit};
use crate::decide::testing::{
    NOW, dispatched, given, phone, phone_added, run_id, run_started, user_created, who,
};
use crate::event::{Existing, Person, RowRef};

type Outcome = (u64, UndoOutcome, Option<Code>);

/// A company with an import, then these events.
fn company(events: impl IntoIterator<Item = Event>) -> Company {
    given([accepted(9, true, Existing::Update)].into_iter().chain(events)).0
}

/// The effect of a row on a user: the values after it are those that the company has.
fn effect(
    company: &Company,
    row: u64,
    key: &str,
    edit: impl FnOnce(&mut UserSnapshot),
) -> RowEffect {
    let user = UserKey::new(key);
    let after = UserSnapshot::of(company, &user);
    let mut before = after.clone();
    edit(&mut before);
    RowEffect { row, user, before, after, from_stock: false, taken: vec![], errored: None }
}

/// The events of one commit that undoes these rows.
fn undone(company: &Company, effects: &[RowEffect]) -> Vec<Event> {
    let import = &company.imports[&import_id()];
    let mut reversals = Reversals::new(company, import_id(), import, NOW);
    reversals.foresee(&effects.iter().collect::<Vec<_>>());
    effects.iter().for_each(|effect| reversals.undo(effect));
    reversals.events
}

fn outcomes(events: &[Event]) -> Vec<Outcome> {
    let of = |event: &Event| match event {
        Event::RowUndone { row, outcome, code, .. } => Some((*row, *outcome, *code)),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(Event::name).collect()
}

fn reversed(row: u64) -> Outcome {
    (row, UndoOutcome::Reversed, None)
}

fn kept(row: u64, code: Code) -> Outcome {
    (row, UndoOutcome::Kept, Some(code))
}

fn archived(key: &str) -> Event {
    Event::UserArchived { user: who(key) }
}

fn named(key: &str, row: u64) -> Event {
    Event::RowUnchanged { user: who(key), row: RowRef::new(import_id(), row, row + 1) }
}

fn user_with(key: &str, edit: impl FnOnce(&mut Person)) -> Event {
    let mut event = user_created(key);
    if let Event::UserCreated { person, .. } = &mut event {
        edit(&mut person.0);
    }
    event
}

/// Ann, who has lost the phone 1 to Bob.
fn lost_phone(company: &Company) -> RowEffect {
    effect(company, 1, "ann", |before| before.listed = vec![phone(1)])
}

fn bob_has_the_phone() -> [Event; 3] {
    [user_created("ann"), user_created("bob"), phone_added("bob", 1)]
}

/// Ann's row archived her, and her phone on record is in use by Bob.
fn left_phone(company: &Company) -> RowEffect {
    effect(company, 1, "ann", |before| before.state = Some(UserState::Active))
}

/// Accounts in APAC with open invitations, and one number in EMEA.
fn waiting(keys: &[&str]) -> Vec<Event> {
    let mut events = vec![unit("EMEA", None), unit("APAC", None), number_added(1, Some("EMEA"))];
    events.extend(keys.iter().flat_map(|key| account(key, "APAC")));
    events.extend(run_started(run_id(1), keys));
    events.extend((1..).zip(keys).map(|(n, key)| dispatched(run_id(1), key, n, 1)));
    events
}

#[test]
fn undone_row_names_exactly_the_values_that_differ() {
    let person = |person| UserSnapshot { person, ..UserSnapshot::default() };
    let text = Some("x".to_owned());
    let attributes = [("title".to_owned(), "Head".to_owned())].into();
    let changed = [
        ("first_name", person(Person { first_name: text.clone(), ..Person::default() })),
        ("last_name", person(Person { last_name: text.clone(), ..Person::default() })),
        ("email", person(Person { email: text.clone(), ..Person::default() })),
        ("phone", person(Person { phone: Phone::parse("+84923448071").ok(), ..Person::default() })),
        ("org_unit", UserSnapshot { org_unit: text, ..UserSnapshot::default() }),
        ("roles", UserSnapshot { roles: vec!["Agent".to_owned()], ..UserSnapshot::default() }),
        ("attributes", person(Person { attributes, ..Person::default() })),
    ];
    for (name, after) in changed {
        assert_eq!(differing(&UserSnapshot::default(), &after), [name]);
        assert!(differing(&after, &after).is_empty());
    }
}

#[test]
fn user_that_a_row_archived_is_restored_only() {
    let company = company([user_created("ann"), archived("ann")]);
    let ann = effect(&company, 1, "ann", |before| before.state = Some(UserState::Active));
    assert_eq!(names(&undone(&company, &[ann])), ["UserRestored", "RowUndone"]);
}

#[test]
fn user_that_a_row_deactivated_is_activated() {
    let off = Event::UserDeactivated { user: who("ann"), row: None };
    let company = company([user_created("ann"), off]);
    let ann = effect(&company, 1, "ann", |before| before.state = Some(UserState::Active));
    assert_eq!(names(&undone(&company, &[ann])), ["UserActivated", "RowUndone"]);
}

#[test]
fn phone_taken_from_an_active_user_is_not_given_back() {
    let company = company([user_created("ann"), user_created("bob"), phone_added("ann", 1)]);
    let mut ann = effect(&company, 1, "ann", |before| before.listed = vec![]);
    let from = UserKey::new("bob");
    ann.taken = vec![crate::company::TakenPhone { phone: phone(1), from, by_hand: true }];
    assert_eq!(names(&undone(&company, &[ann])), ["CorporatePhoneRemoved", "RowUndone"]);
}

#[test]
fn phone_moves_back_once_between_two_rows() {
    let company = company(bob_has_the_phone());
    let bob = effect(&company, 1, "bob", |before| before.listed = vec![]);
    let ann = RowEffect { row: 2, ..lost_phone(&company) };
    let expected = ["CorporatePhoneRemoved", "RowUndone", "CorporatePhoneAdded", "RowUndone"];
    assert_eq!(names(&undone(&company, &[bob, ann])), expected);
}

/// A user outside of the import keeps the phone.
#[test]
fn phone_of_another_user_does_not_return() {
    let company = company(bob_has_the_phone());
    let events = undone(&company, &[lost_phone(&company)]);
    assert_eq!(outcomes(&events), [kept(1, Code::PhoneAlreadyProvisioned)]);
}

#[test]
fn phone_returns_from_the_row_of_a_later_commit() {
    let company = company(bob_has_the_phone().into_iter().chain([named("bob", 5)]));
    let events = undone(&company, &[lost_phone(&company)]);
    let expected = ["CorporatePhoneRemoved", "CorporatePhoneAdded", "RowUndone"];
    assert_eq!(names(&events), expected);
}

#[test]
fn phone_stays_with_a_row_that_is_kept() {
    let company = company(bob_has_the_phone().into_iter().chain([named("bob", 2)]));
    let mut bob = effect(&company, 2, "bob", |before| before.listed = vec![]);
    bob.after.person.first_name = Some("Bob".to_owned());
    let events = undone(&company, &[lost_phone(&company), bob]);
    let expected = [kept(1, Code::PhoneAlreadyProvisioned), kept(2, Code::RowChangedSince)];
    assert_eq!(outcomes(&events), expected);
}

/// An earlier commit of the undo has returned the value to its former user.
#[test]
fn returned_phone_does_not_count_as_a_change() {
    let company = company(bob_has_the_phone());
    let mut ann = effect(&company, 1, "ann", |_| {});
    ann.after.listed = vec![phone(1)];
    assert_eq!(outcomes(&undone(&company, &[ann])), [reversed(1)]);
}

#[test]
fn returned_id_does_not_count_as_a_change() {
    let id = ("employee_id".to_owned(), "E1".to_owned());
    let bob = user_with("bob", |person| drop(person.attributes.insert(id.0.clone(), id.1.clone())));
    let company = company([user_created("ann"), bob]);
    let mut ann = effect(&company, 1, "ann", |_| {});
    ann.after.person.attributes.insert(id.0, id.1);
    assert_eq!(outcomes(&undone(&company, &[ann])), [reversed(1)]);
}

#[test]
fn leaver_stays_archived_while_another_user_has_the_phone() {
    let ann = user_with("ann", |person| person.phone = Some(phone(1)));
    let company = company([ann, archived("ann"), user_created("bob"), phone_added("bob", 1)]);
    let events = undone(&company, &[left_phone(&company)]);
    assert_eq!(outcomes(&events), [kept(1, Code::PhoneAlreadyProvisioned)]);
}

#[test]
fn leaver_returns_if_the_phone_is_of_another_leaver() {
    let ann = user_with("ann", |person| person.phone = Some(phone(1)));
    let bob = [user_created("bob"), phone_added("bob", 1), archived("bob")];
    let company = company([ann, archived("ann")].into_iter().chain(bob));
    assert_eq!(outcomes(&undone(&company, &[left_phone(&company)])), [reversed(1)]);
}

/// Only an archived user must have the values back that others use.
#[test]
fn phone_of_another_user_does_not_keep_an_active_user() {
    let ann = user_with("ann", |person| person.phone = Some(phone(1)));
    let company = company([ann, user_created("bob"), phone_added("bob", 1)]);
    let ann = effect(&company, 1, "ann", |before| before.roles = vec!["Agent".to_owned()]);
    assert_eq!(outcomes(&undone(&company, &[ann])), [reversed(1)]);
}

#[test]
fn leaver_who_waited_needs_a_number_to_return() {
    let company = company(waiting(&["ann"]).into_iter().chain([archived("ann")]));
    let ann = effect(&company, 1, "ann", |before| before.state = Some(UserState::Active));
    let expected = (1, UndoOutcome::Errored, Some(Code::NumberInsufficientInDestination));
    assert_eq!(outcomes(&undone(&company, &[ann])), [expected]);
}

#[test]
fn user_who_was_archived_before_the_row_needs_no_number() {
    let company = company(waiting(&["ann"]).into_iter().chain([archived("ann")]));
    let ann = effect(&company, 1, "ann", |before| before.roles = vec!["Agent".to_owned()]);
    assert_eq!(outcomes(&undone(&company, &[ann])), [reversed(1)]);
}

#[test]
fn waiting_user_who_stays_in_the_organization_needs_no_number() {
    let company = company(waiting(&["ann"]));
    let ann = effect(&company, 1, "ann", |before| before.roles = vec!["Agent".to_owned()]);
    assert_eq!(outcomes(&undone(&company, &[ann])), [reversed(1)]);
}

#[test]
fn each_waiting_user_who_moves_back_needs_a_number() {
    let company = company(waiting(&["ann", "bob"]));
    let moved =
        |row, key| effect(&company, row, key, |before| before.org_unit = Some("EMEA".to_owned()));
    let errored = (2, UndoOutcome::Errored, Some(Code::NumberInsufficientInDestination));
    let events = undone(&company, &[moved(1, "ann"), moved(2, "bob")]);
    assert_eq!(outcomes(&events), [reversed(1), errored]);
}
