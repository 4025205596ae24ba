//! Files whose rows take unique values from each other, in any order and in any commits.

use std::collections::BTreeMap;
use std::sync::Arc;

use boarding_csv::{CellValue, Limits};
use proptest::prelude::*;

use super::{Allotment, AllotmentBuilder};
use crate::company::{Company, Effects, UserSnapshot, UserState};
use crate::decide::imports::import_file::ImportMode;
use crate::decide::imports::import_file::testing::{accepted, import_id, row};
use crate::decide::testing::{Given, given, phone, phone_added, user_created, who};
use crate::decide::{ImportRows, UndoImport, UndoRows};
use crate::event::{Event, Existing, Person, PhoneOutcome, RowOutcome};
use crate::user_file::{ParsedRow, ReadOptions, facts, rows};
use crate::values::{Code, Personal, UserKey};

const NAMES: [&str; 6] = ["ann", "bob", "cid", "dee", "eve", "fay"];

/// A person with an employee id and a listed phone of the same number.
fn person(nth: usize) -> [Event; 2] {
    let Event::UserCreated { user, person, org_unit, roles, active, row } =
        user_created(NAMES[nth])
    else {
        panic!()
    };
    let attributes = BTreeMap::from([("employee_id".to_owned(), format!("E{nth}"))]);
    let person = Person { attributes, phone: Some(phone(nth as u64)), ..person.0 };
    let person = Personal(person);
    let Event::CorporatePhoneAdded { phone, user: owner, .. } = phone_added(NAMES[nth], nth as u64)
    else {
        panic!()
    };
    let listed = Event::CorporatePhoneAdded { phone, user: owner, import: Some(import_id()) };
    [Event::UserCreated { user, person, org_unit, roles, active, row }, listed]
}

/// An update of so many rows, with phones.
fn file(total: u64) -> Event {
    let mut file = accepted(total, true, Existing::Update);
    if let Event::ImportAccepted { options, .. } = &mut file {
        options.dialect = "mangoapps".to_owned();
    }
    file
}

fn company(total: u64) -> Given {
    given((0..4).flat_map(person).chain([file(total)]))
}

/// Rows that give each named person this id and this phone.
fn parsed(lines: &[(usize, Option<usize>, Option<u64>)]) -> Vec<ParsedRow> {
    let one = |(number, (nth, id, n)): (u64, &(usize, Option<usize>, Option<u64>))| {
        let mut parsed = row(number, NAMES[*nth]);
        if let Some(id) = id {
            let id = CellValue::Value(format!("E{id}"));
            parsed.values.attributes.insert("employee_id".to_owned(), id);
        }
        parsed.values.phone = n.map_or(CellValue::Absent, |n| CellValue::Value(Ok(phone(n))));
        parsed
    };
    (1..).zip(lines).map(one).collect()
}

/// Imports the rows in commits of so many, each with the whole file known, and returns all events.
fn imported(mut company: Given, rows: &[ParsedRow], per_commit: usize) -> (Given, Vec<Event>) {
    let mut all = Vec::new();
    for chunk in rows.chunks(per_commit) {
        // The values are collected anew for every commit, as after a restart.
        let mut builder = AllotmentBuilder::default();
        builder.add(&company.0, import_id(), rows);
        let allotment = Some(Arc::new(builder.allot()));
        let command = ImportRows { import: import_id(), rows: Arc::new(chunk.to_vec()), allotment };
        all.extend(company.when(command.clone()).events());
        company = company.after(command);
    }
    (company, all)
}

/// Each person's id, phone on record and listed phones.
fn people(company: &Company) -> Vec<String> {
    let one = |name: &&str| {
        let UserSnapshot { person, listed, .. } = UserSnapshot::of(company, &UserKey::new(name));
        let id = person.attributes.get("employee_id").cloned().unwrap_or_default();
        let phone = person.phone.map(|phone| phone.to_string()).unwrap_or_default();
        let listed: Vec<_> = listed.iter().map(ToString::to_string).collect();
        format!("{name} {id} {phone} {listed:?}")
    };
    NAMES.iter().map(one).collect()
}

/// The outcome of each person's row and of its phone.
fn outcomes(events: &[Event]) -> BTreeMap<String, (RowOutcome, Option<PhoneOutcome>)> {
    let one = |event: &Event| {
        let (outcome, row) = event.row()?;
        Some((event.subjects().user?.as_str().to_owned(), (outcome, row.phone)))
    };
    events.iter().filter_map(one).collect()
}

/// No two people have one id or one phone, and a listed phone is the one on record.
fn assert_laws(company: &Company) {
    let mut ids = BTreeMap::new();
    for name in NAMES {
        let Some((id, user)) = company.users.created(name) else { continue };
        let person = user.person();
        if let Some(held) = person.attributes.get("employee_id") {
            assert_eq!(ids.insert(held.clone(), name), None, "two people have {held}");
            assert_eq!(company.holder("employee_id", held).map(|(id, _)| id), Some(id));
        }
        assert!(user.listed().iter().all(|phone| company.phones.get(phone) == Some(&id)));
        assert!(user.listed().len() <= 1, "{name} has a number of the past on the list");
        if user.state != UserState::Archived {
            assert_eq!(user.listed().first().copied(), person.phone, "record and list of {name}");
        }
    }
}

/// A32: two people swap ids and phones, and a third takes over from a fourth, in one commit or in several.
#[test]
fn swaps_and_chains_work_in_any_commits() {
    let lines = [
        (0, Some(1), Some(1)),
        (1, Some(0), Some(0)),
        (2, Some(3), Some(3)),
        (3, Some(7), Some(7)),
        (4, Some(2), Some(2)),
    ];
    let rows = parsed(&lines);
    for per_commit in [5, 2, 1] {
        let (after, events) = imported(company(5), &rows, per_commit);
        let outcomes: Vec<_> = outcomes(&events).into_values().collect();
        let (updated, added) = (RowOutcome::Updated, Some(PhoneOutcome::Added));
        let mut expected = vec![(updated, added); 4];
        expected.push((RowOutcome::Created, added));
        assert_eq!(outcomes, expected, "{per_commit} rows a commit");
        assert_laws(&after.0);
        assert_eq!(after.0.holder("employee_id", "E2").unwrap().1.key().as_str(), "eve");
    }
}

/// A32: of two rows that take one id both are refused, and each names the other.
#[test]
fn rows_that_take_one_id_are_both_named() {
    let rows = parsed(&[(0, Some(9), None), (1, None, None), (2, Some(9), None)]);
    for per_commit in [3, 1] {
        let (_, events) = imported(company(3), &rows, per_commit);
        let words = |event: &Event| match event {
            Event::RowRefused { problems, .. } => {
                Some((problems[0].code, problems[0].message.clone()))
            }
            _ => None,
        };
        let refused: Vec<_> = events.iter().filter_map(words).collect();
        assert_eq!(refused.len(), 2, "{per_commit} rows a commit");
        for ((code, message), other) in refused.iter().zip(["row 3", "row 1"]) {
            assert_eq!(*code, Code::FieldNotUnique);
            assert!(
                message.contains(&format!("row of this file has the same value: {other}")),
                "{message}"
            );
        }
    }
}

/// A32, N63: of two rows with one phone the first gets it. The other one names it with its line, in any commits, and
/// also if the first row's user has the phone already.
#[test]
fn row_without_a_phone_names_the_row_that_got_it() {
    let known = parsed(&[(0, None, Some(0)), (1, None, Some(1)), (4, None, Some(0))]);
    let new = parsed(&[(0, None, Some(9)), (1, None, Some(1)), (4, None, Some(9))]);
    for (mut rows, first) in [(known, PhoneOutcome::AlreadyPresent), (new, PhoneOutcome::Added)] {
        rows.iter_mut().for_each(|row| row.line = row.row + 1);
        for per_commit in [3, 2, 1] {
            let (after, events) = imported(company(3), &rows, per_commit);
            let taken = PhoneOutcome::Rejected(Code::PhoneAlreadyProvisioned);
            let outcomes = outcomes(&events);
            let phones = [0, 4].map(|nth| outcomes[NAMES[nth]].1);
            assert_eq!(phones, [Some(first), Some(taken)], "{per_commit} rows a commit");
            let warnings = |name: &str| -> Vec<(Code, String)> {
                let of =
                    |event: &Event| event.subjects().user.is_some_and(|one| one.as_str() == name);
                let rows = events.iter().filter(|event| of(event)).filter_map(Event::row);
                let warnings = rows.flat_map(|(_, row)| row.warnings.clone());
                warnings.map(|one| (one.code, one.message)).collect()
            };
            let [(code, message)] = &warnings("eve")[..] else { panic!("{:?}", warnings("eve")) };
            assert_eq!(*code, Code::PhoneAlreadyProvisioned);
            assert!(message.contains("phone number: row 1, line 2;"), "{message}");
            assert_eq!((warnings("ann"), warnings("bob")), (vec![], vec![]));
            assert_laws(&after.0);
        }
    }
}

/// A32: the user who keeps a value is named, also if the row that was to release it is refused.
#[test]
fn value_that_is_not_released_stays_with_its_holder() {
    let mut rows = parsed(&[(0, Some(1), Some(1)), (1, Some(8), Some(8))]);
    rows[1].problems.push(crate::values::Problem::new(Code::CsvStrayQuote));
    for per_commit in [2, 1] {
        let (after, events) = imported(company(2), &rows, per_commit);
        let Some(Event::RowRefused { problems, .. }) = events.first() else { panic!("{events:?}") };
        assert!(problems[0].message.contains("bob has it"), "{}", problems[0].message);
        assert_eq!(people(&after.0), people(&company(2).0));
    }
}

/// A41, A32: values of a person who left before the file are free, also if a row of the file names the person.
#[test]
fn values_of_an_archived_person_are_taken_in_any_commits() {
    let archived = Event::UserArchived { user: Personal(UserKey::new("ann")) };
    let rows = parsed(&[(0, Some(0), Some(0)), (4, Some(0), Some(0))]);
    for per_commit in [2, 1] {
        let company = given(person(0).into_iter().chain([archived.clone(), file(2)]));
        let (after, events) = imported(company, &rows, per_commit);
        let outcomes: Vec<_> = outcomes(&events).into_values().collect();
        let added = (RowOutcome::Created, Some(PhoneOutcome::Added));
        assert_eq!(outcomes, [(RowOutcome::Skipped, None), added], "{per_commit} rows a commit");
        assert_eq!(after.0.keeper("employee_id", "E0").unwrap().1.key().as_str(), "eve");
        let (eve, _) = after.0.users.created("eve").unwrap();
        assert_eq!(after.0.phones.get(&phone(0)), Some(&eve));
    }
}

/// A41, A32: values of a person who left before the file are free, also if a row of the file says so once more.
#[test]
fn repeated_leaver_keeps_no_values() {
    let archived = Event::UserArchived { user: who("ann") };
    let mut lines = parsed(&[(0, None, None), (4, Some(0), Some(0))]);
    lines[0].values.archived = true;
    for order in [[0, 1], [1, 0]] {
        let mut rows: Vec<_> = order.iter().map(|at| lines[*at].clone()).collect();
        (1..).zip(&mut rows).for_each(|(number, row)| row.row = number);
        for per_commit in [2, 1] {
            let company = given(person(0).into_iter().chain([archived.clone(), file(2)]));
            let (after, events) = imported(company, &rows, per_commit);
            let outcomes = outcomes(&events);
            let added = Some(PhoneOutcome::Added);
            assert_eq!(outcomes["eve"], (RowOutcome::Created, added), "{order:?}, {per_commit}");
            assert_eq!(outcomes["ann"], (RowOutcome::Unchanged, None), "{order:?}, {per_commit}");
            assert_eq!(after.0.keeper("employee_id", "E0").unwrap().1.key().as_str(), "eve");
        }
    }
}

/// A33: a new number replaces the former one on the list; a number that was added by hand stays, with a warning.
#[test]
fn list_follows_the_file_except_for_numbers_added_by_hand() {
    let by_hand = phone_added("ann", 50);
    let company = given(person(0).into_iter().chain([by_hand, file(1)]));
    let (after, events) = imported(company, &parsed(&[(0, None, Some(60))]), 1);
    let listed = after.0.users.created("ann").unwrap().1.listed().to_vec();
    assert_eq!(listed, [phone(50), phone(60)]);
    let warned = events.iter().filter_map(Event::row).flat_map(|(_, row)| row.warnings.clone());
    assert_eq!(warned.map(|one| one.code).collect::<Vec<_>>(), [Code::PhoneKept]);
}

/// A32: a person that a row archives keeps id and phone from the other rows of the file, before and after it.
#[test]
fn leaver_keeps_values_from_rows_of_the_same_file() {
    let mut lines = parsed(&[(0, None, None), (4, Some(0), None), (5, None, Some(0))]);
    lines[0].values.archived = true;
    for order in [[0, 1, 2], [1, 2, 0]] {
        let mut rows: Vec<_> = order.iter().map(|at| lines[*at].clone()).collect();
        (1..).zip(&mut rows).for_each(|(number, row)| row.row = number);
        for per_commit in [3, 1] {
            let (after, events) = imported(company(3), &rows, per_commit);
            let outcomes = outcomes(&events);
            let taken = Some(PhoneOutcome::Rejected(Code::PhoneAlreadyProvisioned));
            assert_eq!(outcomes["eve"].0, RowOutcome::Invalid, "{order:?}, {per_commit}");
            assert_eq!(outcomes["fay"], (RowOutcome::Created, taken), "{order:?}, {per_commit}");
            let state = after.0.users.created("ann").unwrap().1.state;
            assert_eq!(state, UserState::Archived);
        }
    }
}

/// A32: a row that is invalid for another reason names its taken id too, in any order.
#[test]
fn invalid_row_names_its_taken_id_in_any_order() {
    let mut rows = parsed(&[(4, Some(1), None), (1, Some(8), None), (5, Some(2), None)]);
    rows[0].problems.push(crate::values::Problem::new(Code::CsvStrayQuote));
    rows[2].problems.push(crate::values::Problem::new(Code::CsvStrayQuote));
    for per_commit in [3, 1] {
        let (_, events) = imported(company(3), &rows, per_commit);
        let codes = |event: &Event| match event {
            Event::RowRefused { problems, .. } => {
                Some(problems.iter().map(|one| one.code).collect::<Vec<_>>())
            }
            _ => None,
        };
        let refused: Vec<_> = events.iter().filter_map(codes).collect();
        let (quote, taken) = (Code::CsvStrayQuote, Code::FieldNotUnique);
        assert_eq!(refused, [vec![quote], vec![quote, taken]], "bob's row releases E1");
    }
}

/// The company before a file of these rows, and after the undo of the file.
fn undone(start: Vec<Event>, rows: Vec<ParsedRow>) -> (Given, Given) {
    let before = given(start.clone());
    let events = before.when(ImportRows::alone(import_id(), rows)).events();
    let all: Vec<_> = start.into_iter().chain(events).collect();
    let mut effects = Effects::new("acme".parse().unwrap(), import_id());
    let effects = effects.take(&crate::company::effects::testing::commit(all.clone()));
    let undo = UndoImport { import: import_id(), mode: ImportMode::Commit };
    let undone = given(all).after(undo);
    (before, undone.after(UndoRows { import: import_id(), rows: effects, last: true }))
}

/// A32, P23: an undo gives the swapped values back.
#[test]
fn undo_gives_swapped_values_back() {
    let rows = parsed(&[(0, Some(1), Some(1)), (1, Some(0), Some(0))]);
    let (before, after) = undone((0..4).flat_map(person).chain([file(2)]).collect(), rows);
    assert_eq!(people(&after.0), people(&before.0));
    assert_laws(&after.0);
}

/// A41, P23: an undo gives a phone back to the archived person who had it before the row took it.
#[test]
fn undo_gives_phones_back_to_archived_people() {
    let archived = Event::UserArchived { user: who("ann") };
    let by_hand = phone_added("ann", 50);
    let start = person(0).into_iter().chain([by_hand, archived, file(2)]).collect();
    let rows = parsed(&[(4, Some(0), Some(0)), (5, None, Some(50))]);
    let (before, after) = undone(start, rows);
    assert_eq!(people(&after.0), people(&before.0));
    assert_eq!(after.0.by_hand, before.0.by_hand);
    assert_eq!(after.0.phones.len(), 2);
}

type Line = (usize, Option<usize>, Option<u64>);

/// One line for each person.
fn any_lines() -> impl Strategy<Value = Vec<Line>> {
    let cell = || proptest::option::weighted(0.8, 0usize..7);
    let cells = proptest::collection::vec((cell(), cell()), NAMES.len());
    let lines = cells.prop_map(|cells| {
        let line = |(nth, (id, n)): (usize, (Option<usize>, Option<usize>))| {
            (nth, id, n.map(|n| n as u64))
        };
        cells.into_iter().enumerate().map(line).collect::<Vec<Line>>()
    });
    lines.prop_shuffle()
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    any_lines().prop_map(|lines| {
        // Of two rows with one phone the first gets it: there the order matters.
        let is_taken = |n: Option<u64>| lines.iter().filter(|line| line.2 == n).count() > 1;
        let alone = |&(nth, id, n): &Line| (nth, id, n.filter(|n| !is_taken(Some(*n))));
        lines.iter().map(alone).collect::<Vec<Line>>()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A32, A33, P17: the result depends neither on the order of the rows nor on the bounds of the commits.
    #[test]
    fn result_does_not_depend_on_order_or_commits(lines in lines(), per_commit in 1usize..7) {
        let mut sorted = lines.clone();
        sorted.sort_unstable();
        let (one, events) = imported(company(6), &parsed(&sorted), NAMES.len());
        let (other, in_parts) = imported(company(6), &parsed(&lines), per_commit);
        prop_assert_eq!(people(&one.0), people(&other.0));
        prop_assert_eq!(outcomes(&events), outcomes(&in_parts));
        assert_laws(&one.0);
        assert_laws(&other.0);
    }

    /// A32, N63: where rows have one phone, the order decides and the bounds of the commits do not.
    #[test]
    fn one_phone_of_several_rows_does_not_depend_on_commits(
        lines in any_lines(),
        per_commit in 1usize..7,
    ) {
        let (one, events) = imported(company(6), &parsed(&lines), NAMES.len());
        let (other, in_parts) = imported(company(6), &parsed(&lines), per_commit);
        prop_assert_eq!(people(&one.0), people(&other.0));
        prop_assert_eq!(outcomes(&events), outcomes(&in_parts));
        assert_laws(&one.0);
    }
}

/// A file of LeapXpert with these rows: a person and a phone. Returns whether it needs an allotment, and the allotment.
fn allotted(lines: &[(usize, Option<u64>)]) -> (bool, String) {
    let line = |(nth, n): &(usize, Option<u64>)| {
        let (name, phone) = (NAMES[*nth], n.map(|n| phone(n).to_string()).unwrap_or_default());
        format!("{name},A,B,{name}@x.example,{phone}\n")
    };
    let lines: String = lines.iter().map(line).collect();
    let text = format!("username,first_name,last_name,email,phone_number\n{lines}");
    let dialect = crate::dialect::find("leapxpert").unwrap();
    let (options, limits) = (ReadOptions::default(), Limits::default());
    let facts = facts(text.as_bytes(), dialect, &options, &limits).unwrap();
    let rows: Vec<_> = rows(text.as_bytes(), dialect, &options, &limits).unwrap().collect();
    let rows: Vec<ParsedRow> = rows.into_iter().map(Result::unwrap).collect();
    let company = given((0..2).flat_map(person).chain([accepted(6, true, Existing::Update)])).0;
    let options = &company.imports[&import_id()].options;
    let mut builder = AllotmentBuilder::default();
    builder.add(&company, import_id(), &rows);
    let is_needed = AllotmentBuilder::is_needed_for(&company, options, &facts);
    (is_needed, format!("{:?}", builder.allot()))
}

/// A32: of people 0 and 1 the company knows the phones 0 and 1.
#[test]
fn rows_apart_from_each_other_need_no_allotment() {
    let is_needed = |lines: &[(usize, Option<u64>)]| allotted(lines).0;
    assert!(!is_needed(&[(0, Some(5)), (2, Some(6)), (3, None), (4, None)]));
    assert!(is_needed(&[(2, Some(6)), (3, Some(6))]), "one phone in two rows");
    assert!(is_needed(&[(2, Some(1))]), "the phone of another person");
    assert!(is_needed(&[(1, Some(1))]), "the person's own phone");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn file_that_needs_no_allotment_has_an_empty_one(
        lines in proptest::collection::vec((0..NAMES.len(), proptest::option::of(0u64..9)), 1..6),
    ) {
        let (is_needed, allotment) = allotted(&lines);
        prop_assert!(is_needed || allotment == format!("{:?}", Allotment::default()), "{allotment}");
    }
}

/// A32: the field case: two people of a file of MangoApps swap their employee ids.
#[test]
fn field_case_of_swapped_employee_ids_works() {
    let read = |text: &str| -> Vec<ParsedRow> {
        let dialect = crate::dialect::find("mangoapps").unwrap();
        let (options, limits) = (ReadOptions::default(), Limits::default());
        rows(text.as_bytes(), dialect, &options, &limits).unwrap().map(Result::unwrap).collect()
    };
    let swap = read("email/login,employee id\nann,E1\nbob,E0\n");
    let (after, events) = imported(company(2), &swap, 1);
    assert!(events.iter().filter_map(Event::row).all(|(one, _)| one == RowOutcome::Updated));
    assert_eq!(after.0.holder("employee_id", "E1").unwrap().1.key().as_str(), "ann");
}
