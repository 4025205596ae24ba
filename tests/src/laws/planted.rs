//! Planted breaches: each law's check is seen to catch one, after a history that it finds nothing wrong with.

use std::collections::BTreeMap;

use boarding_commands::code::Code;
use boarding_commands::commit::{Commit, Recorded, SCHEMA};
use boarding_commands::digest::Digest;
use boarding_commands::event::{
    BlankMeans, Channel, Counts, Delivery, Event, Existing, FileRef, ImportOptions, Person,
    PictureFormat, RowOutcome, RowRef, Source, UndoCounts, UndoOutcome, Who,
};
use boarding_commands::id::{CommandId, ImportId, InvitationId, RunId, UserKey};
use boarding_commands::personal::Personal;
use boarding_commands::phone::Phone;
use boarding_commands::time::Time;
use serde_json::{Value, json};
use ulid::Ulid;

use super::broken::{Law, Secrets};
use super::mailer::{Claim, Fault, Mailer};
use super::steps;
use super::watch::{Origin, Watch};
use super::world::{Mode, World};
use crate::support::random::SeededRandom;

const START: i64 = 1_795_248_000_000;

/// A history as the watch is told it, commit by commit.
#[derive(Default)]
struct Tale {
    watch: Watch,
    version: u64,
}

impl Tale {
    fn tell(&mut self, events: Vec<Event>, origin: Origin) -> Law {
        let commit = Commit {
            company: "acme".parse().unwrap(),
            first_version: self.version + 1,
            command: CommandId(Ulid(u128::from(self.version))),
            body: Digest::default(),
            actor: Personal("jane".to_owned()),
            at: Time(START + i64::try_from(self.version).unwrap()),
            correlation: None,
            causation: None,
            traceparent: None,
            schema: SCHEMA,
            result: Value::Null,
            previous: Digest::default(),
            events,
        };
        let position = self.version + 1;
        self.version += commit.events.len() as u64;
        self.watch.note(&Recorded { position, hash: Digest::default(), commit }, origin)
    }

    /// What is as it should be.
    #[track_caller]
    fn well(mut self, events: Vec<Event>) -> Self {
        assert_eq!(self.tell(events, Origin::Claim), Ok(()));
        self
    }

    /// What breaks this law.
    #[track_caller]
    fn breaks(mut self, law: &str, events: Vec<Event>) {
        self.caught(law, events, Origin::Claim);
    }

    #[track_caller]
    fn caught(&mut self, law: &str, events: Vec<Event>, origin: Origin) {
        let told = self.tell(events, origin);
        let why = told.expect_err(&format!("{law} was broken and nobody noticed"));
        assert!(why.starts_with(&format!("{law} ")), "{law} was broken, and this was said: {why}");
    }
}

fn who(key: &str) -> Who {
    Personal(UserKey::new(key))
}

fn run(n: u128) -> RunId {
    RunId(Ulid(n))
}

fn import() -> ImportId {
    ImportId(Ulid(44))
}

fn phone(n: u64) -> Personal<Phone> {
    Phone::parse(&format!("+1212555{n:04}")).unwrap().into()
}

fn person(attributes: &[(&str, &str)]) -> Personal<Person> {
    let email = Some("ann@acme.example".to_owned());
    let attributes =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Personal(Person { email, attributes: attributes.collect(), ..Person::default() })
}

fn created_with(key: &str, person: Personal<Person>, row: Option<RowRef>) -> Event {
    let (user, org_unit) = (who(key), Some("EMEA".to_owned()));
    Event::UserCreated { user, person, org_unit, roles: vec![], active: true, row }
}

fn created(key: &str) -> Event {
    created_with(key, person(&[]), None)
}

fn listed(key: &str, n: u64) -> Event {
    Event::CorporatePhoneAdded { phone: phone(n), user: who(key), import: None }
}

fn requested(n: u128, total: u64) -> Event {
    let source = Source::Users(vec![]);
    Event::RunRequested {
        run: run(n),
        channel: Channel::Whatsapp,
        source,
        total,
        duplicates_removed: 0,
        not_before: None,
    }
}

/// A run for these people that has begun.
fn started(n: u128, keys: &[&str]) -> Vec<Event> {
    let run = run(n);
    let listed = keys.iter().map(|key| Event::RecipientQueued { run, user: who(key) });
    let begin = [requested(n, keys.len() as u64)].into_iter().chain(listed);
    begin.chain([Event::RunQueued { run }, Event::RunStarted { run }]).collect()
}

fn waiting(n: u128, keys: &[&str]) -> Vec<Event> {
    let mut events = started(n, keys);
    events.pop();
    events
}

fn invited(key: &str, attempt: u32, generation: u32) -> Event {
    Event::InviteDispatched {
        run: run(1),
        user: who(key),
        attempt,
        invitation: InvitationId(Ulid(key.bytes().map(u128::from).sum())),
        generation,
        email: Personal("ann@acme.example".to_owned()),
        message_id: format!("{key}-{attempt}"),
        via: "outbox".to_owned(),
        template: None,
    }
}

fn failed(key: &str) -> Event {
    let (code, detail) = (Code::DeliveryRefused, None);
    Event::InviteFailed { run: run(1), user: who(key), attempt: 1, code, detail }
}

fn completed(counts: [u64; 3]) -> Event {
    let [passed, skipped, failed] = counts;
    Event::RunCompleted { run: run(1), passed, skipped, failed }
}

/// Ann and Bob, whose numbers are listed.
fn people() -> Tale {
    Tale::default().well(vec![created("ann"), created("bob"), listed("ann", 1), listed("bob", 2)])
}

fn running() -> Tale {
    people().well(started(1, &["ann", "bob"]))
}

#[test]
fn p1_two_runs_at_once_are_noticed() {
    running().breaks("P1", vec![Event::RunStarted { run: run(1) }]);
    let both = running().well(waiting(2, &["ann"]));
    both.breaks("P1", vec![Event::RunStarted { run: run(2) }]);
}

#[test]
fn p2_a_run_before_its_turn_is_noticed() {
    let queue = running().well(waiting(2, &["ann"])).well(waiting(3, &["bob"]));
    let end =
        vec![failed("ann"), failed("bob"), completed([0, 0, 2]), Event::RunStarted { run: run(3) }];
    queue.breaks("P2", end);
}

#[test]
fn p3_a_lock_that_nobody_takes_is_noticed() {
    people().breaks("P3", waiting(1, &["ann"]));
    let end = vec![failed("ann"), failed("bob"), completed([0, 0, 2])];
    running().well(waiting(2, &["ann"])).breaks("P3", end);
}

#[test]
fn p4_an_outcome_too_many_or_too_early_is_noticed() {
    running().well(vec![failed("ann")]).breaks("P4", vec![failed("ann")]);
    running().breaks("P4", vec![failed("eve")]);
    running().well(vec![failed("ann")]).breaks("P4", vec![completed([0, 0, 1])]);
    let mut early = waiting(1, &["ann"]);
    early.push(failed("ann"));
    people().breaks("P4", early);
}

#[test]
fn p5_p6_p9_counts_times_and_totals_that_are_wrong_are_noticed() {
    running().breaks("P5", vec![failed("ann"), failed("bob"), completed([1, 0, 1])]);
    let mut long = waiting(1, &["ann"]);
    long.insert(2, Event::RecipientQueued { run: run(1), user: who("bob") });
    people().breaks("P5", long);
    let over = running().well(vec![failed("ann"), failed("bob"), completed([0, 0, 2])]);
    let shown =
        json!({"run": run(1), "total": 2, "passed": 0, "skipped": 0, "failed": 1, "remaining": 1});
    assert!(over.watch.runs.agree_with(&[shown]).unwrap_err().starts_with("P5 "));
    over.breaks("P6", vec![completed([0, 0, 2])]);
    people().breaks("P9", vec![requested(1, 101)]);
    people()
        .well(vec![Event::CompanyConfigChanged {
            setting: "bulk_integration_max_records".to_owned(),
            value: json!(1),
        }])
        .breaks("P9", vec![requested(1, 2)]);
}

#[test]
fn p7_a_claim_or_a_mail_too_many_is_noticed() {
    running().well(vec![invited("ann", 1, 1)]).breaks("P7", vec![invited("ann", 1, 1)]);
    let claim = Claim::of(&invited("ann", 1, 1), 7).unwrap();
    let mut mailer = Mailer::default();
    assert!(mailer.send(&claim, Fault::LostAnswer).is_ok());
    assert!(mailer.send(&claim, Fault::None).unwrap_err().starts_with("P7 "));
}

#[test]
fn p8_a_mail_to_whom_none_may_go_is_noticed() {
    let archived = Event::UserArchived { user: who("ann") };
    running().well(vec![archived]).breaks("P8", vec![invited("ann", 1, 1)]);
    let linked =
        Event::UserLinked { user: who("ann"), channel: Channel::Whatsapp, invitation: None };
    running().well(vec![linked]).breaks("P8", vec![invited("ann", 1, 1)]);
    let unlisted = Event::CorporatePhoneRemoved { phone: phone(1), user: who("ann") };
    running().well(vec![unlisted]).breaks("P8", vec![invited("ann", 1, 1)]);
    Tale::default().well(started(1, &["eve"])).breaks("P8", vec![invited("eve", 1, 1)]);
    let bounced = Event::DeliveryRecorded {
        run: run(1),
        user: who("ann"),
        message_id: "ann-1".to_owned(),
        delivery: Delivery::BouncedHard,
        code: None,
    };
    // Both have one address in this tale.
    running().well(vec![invited("ann", 1, 1), bounced]).breaks("P8", vec![invited("bob", 1, 1)]);
}

fn accepted(dialect: &str, total: u64) -> Event {
    let options = ImportOptions {
        dialect: dialect.to_owned(),
        existing: Existing::Update,
        blank_means: BlankMeans::Keep,
        add_to_corporate_phones: true,
        send_welcome_email: false,
        assume_plus: false,
        encoding: "UTF-8".to_owned(),
        delimiter: ',',
        columns: BTreeMap::new(),
    };
    Event::ImportAccepted { import: import(), files: vec![], options, total, warnings: vec![] }
}

fn row(row: u64) -> RowRef {
    RowRef { import: import(), row, line: row + 1, phone: None, warnings: vec![] }
}

fn refused(n: u64) -> Event {
    let (outcome, problems) = (RowOutcome::Invalid, vec![]);
    Event::RowRefused { user: None, row: row(n), outcome, problems }
}

fn imported() -> Tale {
    let counts = Counts { total: 2, created: 1, invalid: 1, ..Counts::default() };
    let events = vec![
        accepted("leapxpert", 2),
        created_with("eve", person(&[]), Some(row(1))),
        refused(2),
        Event::ImportCompleted { import: import(), counts },
    ];
    people().well(events)
}

#[test]
fn p10_p14_a_row_too_many_too_few_or_out_of_place_is_noticed() {
    imported().breaks("P10", vec![accepted("leapxpert", 1)]);
    imported().breaks("P14", vec![refused(3)]);
    let open = || people().well(vec![accepted("leapxpert", 2), refused(1)]);
    open().breaks("P14", vec![refused(1)]);
    open().breaks("P14", vec![refused(3)]);
    let ended = |counts| vec![Event::ImportCompleted { import: import(), counts }];
    open().breaks("P14", ended(Counts { total: 2, created: 1, ..Counts::default() }));
    open().breaks("P14", ended(Counts { total: 2, invalid: 1, ..Counts::default() }));
    let archive = |inserted, invalid| Event::PicturesImported {
        import: import(),
        file: FileRef { name: "a.zip".to_owned(), sha256: String::new(), bytes: 0 },
        match_attribute: "agent_id".to_owned(),
        inserted,
        invalid,
    };
    let picture = || Event::PictureInserted {
        import: import(),
        number: 1,
        name: Personal("ann.png".to_owned()),
        user: who("ann"),
        sha256: String::new(),
        bytes: 1,
        format: PictureFormat::Png,
    };
    people().well(vec![archive(1, 0), picture()]).breaks("P10", vec![archive(0, 0)]);
    people().breaks("P14", vec![archive(1, 1), picture()]);
    people().breaks("P14", vec![archive(0, 1), picture()]);
}

#[test]
fn p17_a_key_a_phone_or_an_id_that_two_people_have_is_noticed() {
    people().breaks("P17", vec![created("ANN ")]);
    people().breaks("P17", vec![listed("bob", 1)]);
    let agent = |key: &str, id: &str| created_with(key, person(&[("agent_id", id)]), None);
    people().well(vec![agent("eve", "a7")]).breaks("P17", vec![agent("zoe", "A7")]);
    let pbx = |key: &str| created_with(key, person(&[("pbx_id", "7")]), None);
    people().well(vec![agent("cid", "7"), pbx("eve")]).breaks("P17", vec![pbx("zoe")]);
    people().breaks("P17", vec![Event::UserArchived { user: who("eve") }]);
}

/// Accounts of EMEA, which has so many numbers.
fn accounts(numbers: u64) -> Tale {
    let open = |key: &str| Event::AccountOpened { user: who(key), import: None };
    let org_unit = || Some("EMEA".to_owned());
    let added =
        (1..=numbers).map(|n| Event::NumberAdded { number: phone(n), org_unit: org_unit() });
    people().well(vec![open("ann"), open("bob")]).well(added.collect())
}

fn assigned(n: u64, key: &str) -> Event {
    Event::NumberAssigned { number: phone(n), user: who(key), import: None }
}

#[test]
fn p18_a_number_in_two_states_or_hands_is_noticed() {
    let given = || accounts(2).well(vec![assigned(1, "ann")]);
    given().breaks("P18", vec![assigned(1, "bob")]);
    given().breaks("P18", vec![assigned(2, "ann")]);
    given().breaks("P18", vec![assigned(9, "bob")]);
    let org_unit = Some("EMEA".to_owned());
    given().breaks("P18", vec![Event::NumberAdded { number: phone(1), org_unit }]);
    given().breaks("P18", vec![Event::NumberWithdrawn { number: phone(1), org_unit: None }]);
    given().breaks("P18", vec![Event::NumberReserved { number: phone(1), tag: "VIP".to_owned() }]);
    given().breaks("P18", vec![Event::NumberRegistered { number: phone(1), user: who("bob") }]);
    let released =
        |key| Event::NumberReleased { number: phone(1), user: who(key), cooling_until: None };
    given().breaks("P18", vec![released("bob")]);
    given()
        .well(vec![released("ann")])
        .breaks("P18", vec![Event::NumberCooled { number: phone(1) }]);
    // The number of an account is of the organization that the account is of.
    let other = Event::NumberAllocated { number: phone(1), org_unit: "APAC".to_owned() };
    given().breaks("P18", vec![other]);
    let moved = Event::UserUpdated {
        user: who("ann"),
        person: person(&[]),
        org_unit: Some("APAC".to_owned()),
        roles: vec![],
        changed: vec![],
        row: None,
    };
    given().breaks("P18", vec![moved]);
    let shown = given().watch.numbers.agree_with(&[], &[]);
    assert!(shown.unwrap_err().starts_with("P18 "));
}

#[test]
fn p19_a_promise_too_many_is_noticed() {
    let promised = |numbers| accounts(numbers).well(started(1, &["ann", "bob"]));
    promised(0).breaks("P19", vec![invited("ann", 1, 1)]);
    promised(1).well(vec![invited("ann", 1, 1)]).breaks("P19", vec![invited("bob", 1, 1)]);
    // A number that is promised goes to nobody else.
    let eve = vec![created("eve"), invited("ann", 1, 1)];
    promised(1).well(eve).breaks("P19", vec![assigned(1, "eve")]);
    // One whose mail was surely not sent waits no more, nor does one who is on board.
    let linked =
        Event::UserLinked { user: who("ann"), channel: Channel::Whatsapp, invitation: None };
    promised(1).well(vec![invited("ann", 1, 1), failed("ann"), invited("bob", 1, 1)]);
    promised(1).well(vec![invited("ann", 1, 1), linked, invited("bob", 1, 1)]);
    let overbooking = Event::CompanyConfigChanged {
        setting: "number_overbooking".to_owned(),
        value: json!(true),
    };
    promised(1).well(vec![overbooking, invited("ann", 1, 1), invited("bob", 1, 1)]);
}

#[test]
fn p21_an_invitation_or_a_link_too_many_is_noticed() {
    let ann = InvitationId(Ulid("ann".bytes().map(u128::from).sum()));
    let linked = || Event::UserLinked {
        user: who("ann"),
        channel: Channel::Whatsapp,
        invitation: Some(ann),
    };
    let told = || running().well(vec![invited("ann", 1, 1)]);
    told().well(vec![linked()]).breaks("P21", vec![linked()]);
    told().well(vec![invited("ann", 2, 2)]).breaks("P21", vec![invited("ann", 3, 1)]);
    let ended = Event::InvitationRevoked {
        user: who("ann"),
        channel: Channel::Whatsapp,
        invitation: ann,
        generation: 1,
    };
    told().well(vec![ended.clone()]).breaks("P21", vec![ended.clone()]);
    told().well(vec![ended]).caught("P21", vec![linked()], Origin::Token(ann, 1));
    told().well(vec![invited("ann", 2, 2)]).caught("P21", vec![linked()], Origin::Token(ann, 1));
    told().caught("P21", vec![linked()], Origin::Token(InvitationId(Ulid(1)), 1));
}

fn undone(n: u64, outcome: UndoOutcome, code: Option<Code>) -> Event {
    Event::RowUndone { import: import(), row: n, user: who("eve"), outcome, code }
}

#[test]
fn p23_an_undo_that_does_too_much_or_too_little_is_noticed() {
    let started = || Event::ImportUndoStarted { import: import() };
    let ended = |reversed| Event::ImportUndone {
        import: import(),
        counts: UndoCounts { reversed, ..UndoCounts::default() },
    };
    let undoing = || imported().well(vec![started()]);
    let removed = || Event::UserRemoved { user: who("eve") };
    let reversed = || undone(1, UndoOutcome::Reversed, None);
    undoing().well(vec![removed(), reversed(), ended(1)]).breaks("P23", vec![started()]);
    undoing().breaks("P23", vec![started()]);
    undoing().breaks("P23", vec![ended(0)]);
    undoing().breaks("P23", vec![removed()]);
    undoing().breaks("P23", vec![reversed()]);
    undoing().breaks("P23", vec![undone(1, UndoOutcome::Kept, None)]);
    let kept = undone(1, UndoOutcome::Kept, Some(Code::RowChangedSince));
    undoing().breaks("P23", vec![removed(), kept.clone()]);
    undoing().well(vec![kept.clone()]).breaks("P23", vec![kept.clone()]);
    undoing().well(vec![kept]).breaks("P23", vec![ended(1)]);
    undoing().well(vec![listed("eve", 9)]).breaks("P23", vec![removed()]);
    imported().breaks("P23", vec![reversed()]);
}

/// P12, P13: a state or a history that is another than the log tells is noticed.
#[test]
fn p12_p13_a_state_that_the_log_does_not_tell_is_noticed() {
    let mode = Mode { deduplicates: true, only: None };
    let mut world = World::new(mode);
    let World { shared, tenants } = &mut world;
    steps::found(&mut tenants[0], shared).unwrap();
    assert_eq!(tenants[0].replayed(shared), Ok(()));
    tenants[0].snapshot = rmp_serde::to_vec(&tenants[0].company).ok();
    let before = tenants[0].company.clone();
    tenants[0].company.roles.clear();
    assert!(tenants[0].replayed(shared).unwrap_err().starts_with("P12 "));
    let spoilt = rmp_serde::to_vec(&tenants[0].company).ok();
    tenants[0].company = before;
    tenants[0].snapshot = spoilt;
    assert!(tenants[0].replayed(shared).unwrap_err().starts_with("P12 "));
    let other = super::ends::alone(&["another".to_owned()], mode, &[SeededRandom::new(1).next()]);
    assert!(other.unwrap_err().starts_with("P13 "));
}

/// P31: whoever reads a log reads no number and no address.
#[test]
fn p31_a_number_or_an_address_in_a_text_is_noticed() {
    let secrets = Secrets::of(&["+66 812 340 987"], &["ann@acme.example"]);
    assert_eq!(
        secrets.check("a log", "the mail to ***987 of run 01JD00000000000000000000"),
        Ok(())
    );
    for text in ["to +66812340987", "to Ann <ann@acme.example>", "8123409 was refused"] {
        assert!(secrets.check("a log", text).unwrap_err().starts_with("P31 "), "{text}");
    }
}
