//! Tests of the checkers: each detects a violation after a history without violations.

mod history;

use boarding_commands::event::{
    Channel, Counts, Delivery, Event, FileRef, PictureFormat, UndoCounts, UndoOutcome, Unsupervised,
};
use boarding_commands::values::{Code, InvitationId, Personal};
use serde_json::json;
use ulid::Ulid;

use self::history::{
    CheckedHistory, accounts_with_numbers, completed_import, dispatched, import_accepted,
    import_id, invite_failed, number_assigned, person, phone, phone_added, queued_run, row_refused,
    row_undone, run_completed, run_id, run_requested, running_run, started_run, two_users, user,
    user_created, user_created_with,
};
use super::checkers::Origin;
use super::mailer::{ClaimedMail, MailFault, Mailer};
use super::simulator::{Mode, Simulator};
use super::steps;
use super::violation::Secrets;
use crate::support::random::SeededRandom;

/// P1.
#[test]
fn two_running_runs_are_detected() {
    running_run().violates("P1", vec![Event::RunStarted { run: run_id(1) }]);
    let both = running_run().accepts(queued_run(2, &["ann"]));
    both.violates("P1", vec![Event::RunStarted { run: run_id(2) }]);
}

/// P2.
#[test]
fn run_that_starts_before_its_turn_is_detected() {
    let queue = running_run().accepts(queued_run(2, &["ann"])).accepts(queued_run(3, &["bob"]));
    let end = vec![
        invite_failed("ann"),
        invite_failed("bob"),
        run_completed([0, 0, 2]),
        Event::RunStarted { run: run_id(3) },
    ];
    queue.violates("P2", end);
}

/// P3.
#[test]
fn waiting_run_with_free_lock_is_detected() {
    two_users().violates("P3", queued_run(1, &["ann"]));
    let end = vec![invite_failed("ann"), invite_failed("bob"), run_completed([0, 0, 2])];
    running_run().accepts(queued_run(2, &["ann"])).violates("P3", end);
}

/// P4.
#[test]
fn second_or_early_outcome_is_detected() {
    running_run().accepts(vec![invite_failed("ann")]).violates("P4", vec![invite_failed("ann")]);
    running_run().violates("P4", vec![invite_failed("eve")]);
    running_run()
        .accepts(vec![invite_failed("ann")])
        .violates("P4", vec![run_completed([0, 0, 1])]);
    let mut early = queued_run(1, &["ann"]);
    early.push(invite_failed("ann"));
    two_users().violates("P4", early);
}

/// P5, P6, P9.
#[test]
fn wrong_counts_times_and_totals_are_detected() {
    running_run()
        .violates("P5", vec![invite_failed("ann"), invite_failed("bob"), run_completed([1, 0, 1])]);
    let mut long = queued_run(1, &["ann"]);
    long.insert(2, Event::RecipientQueued { run: run_id(1), user: user("bob") });
    two_users().violates("P5", long);
    let ended = running_run().accepts(vec![
        invite_failed("ann"),
        invite_failed("bob"),
        run_completed([0, 0, 2]),
    ]);
    let shown = json!({"run": run_id(1), "total": 2, "passed": 0, "skipped": 0, "failed": 1, "remaining": 1});
    assert!(ended.checkers.runs.check_query(&[shown]).unwrap_err().starts_with("P5 "));
    ended.violates("P6", vec![run_completed([0, 0, 2])]);
    two_users().violates("P9", vec![run_requested(1, 101)]);
    two_users()
        .accepts(vec![Event::CompanyConfigChanged {
            setting: "bulk_integration_max_records".to_owned(),
            value: json!(1),
        }])
        .violates("P9", vec![run_requested(1, 2)]);
}

/// P7.
#[test]
fn second_claim_or_mail_is_detected() {
    running_run()
        .accepts(vec![dispatched("ann", 1, 1)])
        .violates("P7", vec![dispatched("ann", 1, 1)]);
    let claim = ClaimedMail::from_event(&dispatched("ann", 1, 1), 7).unwrap();
    let mut mailer = Mailer::default();
    assert!(mailer.send(&claim, MailFault::LostAnswer).is_ok());
    assert!(mailer.send(&claim, MailFault::None).unwrap_err().starts_with("P7 "));
}

/// P8.
#[test]
fn mail_to_ineligible_user_is_detected() {
    let archived = Event::UserArchived { user: user("ann") };
    running_run().accepts(vec![archived]).violates("P8", vec![dispatched("ann", 1, 1)]);
    let linked =
        Event::UserLinked { user: user("ann"), channel: Channel::Whatsapp, invitation: None };
    running_run().accepts(vec![linked]).violates("P8", vec![dispatched("ann", 1, 1)]);
    let unlisted = Event::CorporatePhoneRemoved { phone: phone(1), user: user("ann") };
    running_run().accepts(vec![unlisted]).violates("P8", vec![dispatched("ann", 1, 1)]);
    CheckedHistory::default()
        .accepts(started_run(1, &["eve"]))
        .violates("P8", vec![dispatched("eve", 1, 1)]);
    let bounced = Event::DeliveryRecorded {
        run: run_id(1),
        user: user("ann"),
        message_id: "ann-1".to_owned(),
        delivery: Delivery::BouncedHard,
        code: None,
    };
    // Ann and Bob have the same address here.
    running_run()
        .accepts(vec![dispatched("ann", 1, 1), bounced])
        .violates("P8", vec![dispatched("bob", 1, 1)]);
}

/// P10, P14.
#[test]
fn missing_repeated_or_misplaced_row_is_detected() {
    completed_import().violates("P10", vec![import_accepted("leapxpert", 1)]);
    completed_import().violates("P14", vec![row_refused(3)]);
    let open = || two_users().accepts(vec![import_accepted("leapxpert", 2), row_refused(1)]);
    open().violates("P14", vec![row_refused(1)]);
    open().violates("P14", vec![row_refused(3)]);
    let completed = |counts| vec![Event::ImportCompleted { import: import_id(), counts }];
    open().violates("P14", completed(Counts { total: 2, created: 1, ..Counts::default() }));
    open().violates("P14", completed(Counts { total: 2, invalid: 1, ..Counts::default() }));
    let archive = |inserted, invalid| Event::PicturesImported {
        import: import_id(),
        file: FileRef { name: "a.zip".to_owned(), sha256: String::new(), bytes: 0 },
        match_attribute: "agent_id".to_owned(),
        inserted,
        invalid,
    };
    let picture = || Event::PictureInserted {
        import: import_id(),
        number: 1,
        name: Personal("ann.png".to_owned()),
        user: user("ann"),
        sha256: String::new(),
        bytes: 1,
        format: PictureFormat::Png,
        replaced: None,
    };
    two_users().accepts(vec![archive(1, 0), picture()]).violates("P10", vec![archive(0, 0)]);
    two_users().violates("P14", vec![archive(1, 1), picture()]);
    two_users().violates("P14", vec![archive(0, 1), picture()]);
}

/// P17.
#[test]
fn key_phone_or_id_of_two_users_is_detected() {
    two_users().violates("P17", vec![user_created("ANN ")]);
    two_users().violates("P17", vec![phone_added("bob", 1)]);
    let agent = |key: &str, id: &str| user_created_with(key, person(&[("agent_id", id)]), None);
    two_users().accepts(vec![agent("eve", "a7")]).violates("P17", vec![agent("zoe", "A7")]);
    let pbx = |key: &str| user_created_with(key, person(&[("pbx_id", "7")]), None);
    two_users().accepts(vec![agent("cid", "7"), pbx("eve")]).violates("P17", vec![pbx("zoe")]);
    two_users().violates("P17", vec![Event::UserArchived { user: user("eve") }]);
}

/// P18.
#[test]
fn number_with_wrong_state_or_owner_is_detected() {
    let assigned = || accounts_with_numbers(2).accepts(vec![number_assigned(1, "ann")]);
    assigned().violates("P18", vec![number_assigned(1, "bob")]);
    assigned().violates("P18", vec![number_assigned(2, "ann")]);
    assigned().violates("P18", vec![number_assigned(9, "bob")]);
    let org_unit = Some("EMEA".to_owned());
    assigned().violates("P18", vec![Event::NumberAdded { number: phone(1), org_unit }]);
    assigned().violates("P18", vec![Event::NumberWithdrawn { number: phone(1), org_unit: None }]);
    assigned()
        .violates("P18", vec![Event::NumberReserved { number: phone(1), tag: "VIP".to_owned() }]);
    assigned()
        .violates("P18", vec![Event::NumberRegistered { number: phone(1), user: user("bob") }]);
    let released =
        |key| Event::NumberReleased { number: phone(1), user: user(key), cooling_until: None };
    assigned().violates("P18", vec![released("bob")]);
    assigned()
        .accepts(vec![released("ann")])
        .violates("P18", vec![Event::NumberCooled { number: phone(1) }]);
    // A number belongs to the organization of its account.
    let reallocated = Event::NumberAllocated { number: phone(1), org_unit: "APAC".to_owned() };
    assigned().violates("P18", vec![reallocated]);
    let moved = Event::UserUpdated {
        user: user("ann"),
        person: person(&[]),
        org_unit: Some("APAC".to_owned()),
        roles: vec![],
        changed: vec![],
        row: None,
    };
    assigned().violates("P18", vec![moved]);
    let shown = assigned().checkers.numbers.check_queries(&[], &[]);
    assert!(shown.unwrap_err().starts_with("P18 "));
}

/// P19.
#[test]
fn more_invitations_than_free_numbers_are_detected() {
    let invited_run =
        |numbers| accounts_with_numbers(numbers).accepts(started_run(1, &["ann", "bob"]));
    invited_run(0).violates("P19", vec![dispatched("ann", 1, 1)]);
    invited_run(1)
        .accepts(vec![dispatched("ann", 1, 1)])
        .violates("P19", vec![dispatched("bob", 1, 1)]);
    // A pending invitation needs the number, so no other account may get it.
    let eve = vec![user_created("eve"), dispatched("ann", 1, 1)];
    invited_run(1).accepts(eve).violates("P19", vec![number_assigned(1, "eve")]);
    // A failed mail or a link ends the wait for a number.
    let linked =
        Event::UserLinked { user: user("ann"), channel: Channel::Whatsapp, invitation: None };
    invited_run(1).accepts(vec![
        dispatched("ann", 1, 1),
        invite_failed("ann"),
        dispatched("bob", 1, 1),
    ]);
    invited_run(1).accepts(vec![dispatched("ann", 1, 1), linked, dispatched("bob", 1, 1)]);
    let overbooking = Event::CompanyConfigChanged {
        setting: "number_overbooking".to_owned(),
        value: json!(true),
    };
    invited_run(1).accepts(vec![overbooking, dispatched("ann", 1, 1), dispatched("bob", 1, 1)]);
}

/// P21.
#[test]
fn second_invitation_or_dead_link_is_detected() {
    let ann = InvitationId(Ulid("ann".bytes().map(u128::from).sum()));
    let linked = || Event::UserLinked {
        user: user("ann"),
        channel: Channel::Whatsapp,
        invitation: Some(ann),
    };
    let invited = || running_run().accepts(vec![dispatched("ann", 1, 1)]);
    invited().accepts(vec![linked()]).violates("P21", vec![linked()]);
    invited().accepts(vec![dispatched("ann", 2, 2)]).violates("P21", vec![dispatched("ann", 3, 1)]);
    let ended = Event::InvitationRevoked {
        user: user("ann"),
        channel: Channel::Whatsapp,
        invitation: ann,
        generation: 1,
    };
    invited().accepts(vec![ended.clone()]).violates("P21", vec![ended.clone()]);
    invited().accepts(vec![ended]).violates_from("P21", vec![linked()], Origin::Token(ann, 1));
    invited().accepts(vec![dispatched("ann", 2, 2)]).violates_from(
        "P21",
        vec![linked()],
        Origin::Token(ann, 1),
    );
    invited().violates_from("P21", vec![linked()], Origin::Token(InvitationId(Ulid(1)), 1));
}

/// P23.
#[test]
fn incomplete_or_excessive_undo_is_detected() {
    let started = || Event::ImportUndoStarted { import: import_id() };
    let ended = |reversed| Event::ImportUndone {
        import: import_id(),
        counts: UndoCounts { reversed, ..UndoCounts::default() },
        unsupervised: Unsupervised::default(),
    };
    let undoing = || completed_import().accepts(vec![started()]);
    let removed = || Event::UserRemoved { user: user("eve") };
    let reversed = || row_undone(1, UndoOutcome::Reversed, None);
    undoing().accepts(vec![removed(), reversed(), ended(1)]).violates("P23", vec![started()]);
    undoing().violates("P23", vec![started()]);
    undoing().violates("P23", vec![ended(0)]);
    undoing().violates("P23", vec![removed()]);
    undoing().violates("P23", vec![reversed()]);
    undoing().violates("P23", vec![row_undone(1, UndoOutcome::Kept, None)]);
    let kept = row_undone(1, UndoOutcome::Kept, Some(Code::RowChangedSince));
    undoing().violates("P23", vec![removed(), kept.clone()]);
    undoing().accepts(vec![kept.clone()]).violates("P23", vec![kept.clone()]);
    undoing().accepts(vec![kept]).violates("P23", vec![ended(1)]);
    undoing().accepts(vec![phone_added("eve", 9)]).violates("P23", vec![removed()]);
    completed_import().violates("P23", vec![reversed()]);
}

/// P12, P13: the checks of replay and isolation detect a wrong state and a wrong history.
#[test]
fn state_that_differs_from_the_log_is_detected() {
    let mode = Mode { deduplicates: true, only: None };
    let mut simulator = Simulator::new(mode);
    let Simulator { env, companies } = &mut simulator;
    steps::set_up(&mut companies[0], env).unwrap();
    assert_eq!(companies[0].check_replay(env), Ok(()));
    companies[0].snapshot = rmp_serde::to_vec(&companies[0].state).ok();
    let before = companies[0].state.clone();
    companies[0].state.roles.clear();
    assert!(companies[0].check_replay(env).unwrap_err().starts_with("P12 "));
    let wrong = rmp_serde::to_vec(&companies[0].state).ok();
    companies[0].state = before;
    companies[0].snapshot = wrong;
    assert!(companies[0].check_replay(env).unwrap_err().starts_with("P12 "));
    let other = super::final_checks::check_isolation(
        &["another".to_owned()],
        mode,
        &[SeededRandom::new(1).next()],
    );
    assert!(other.unwrap_err().starts_with("P13 "));
}

/// P31.
#[test]
fn phone_number_or_address_in_text_is_detected() {
    let secrets = Secrets::of(&["+66 812 340 987"], &["ann@acme.example"]);
    assert_eq!(
        secrets.check("a log", "the mail to ***987 of run 01JD00000000000000000000"),
        Ok(())
    );
    for text in ["to +66812340987", "to Ann <ann@acme.example>", "8123409 was refused"] {
        assert!(secrets.check("a log", text).unwrap_err().starts_with("P31 "), "{text}");
    }
}
