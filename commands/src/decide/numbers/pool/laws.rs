//! The laws of the number pool, as properties of any history of commands (P18, P19, P20).

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::testing::{account, number, setting, unit, user_of};
use crate::company::numbers::{NumberOwner, pending};
use crate::company::{NumberState, Stock};
use crate::decide::testing::{Given, NOW, channel_enabled, given};
use crate::decide::{Authority, ClaimRecipients, Command};
use crate::event::Event;
use crate::values::{Phone, Time};

const UNITS: [&str; 3] = ["EMEA", "Paris", "APAC"];
const PEOPLE: [(&str, &str); 5] =
    [("ann", "EMEA"), ("bob", "EMEA"), ("cid", "Paris"), ("dan", "Paris"), ("eve", "APAC")];
const NUMBERS: u64 = 9;

/// A company, and what its pool must hold.
struct World {
    given: Given,
    now: Time,
    added: BTreeSet<Phone>,
    /// How often each command was accepted and led to something.
    done: BTreeMap<String, usize>,
}

impl World {
    fn new(overbooking: bool) -> Self {
        let mut events = vec![
            channel_enabled(),
            unit("EMEA", None),
            unit("Paris", Some("EMEA")),
            unit("APAC", None),
            user_of("zoe", "EMEA"),
            setting("number_overbooking", json!(overbooking)),
        ];
        events.extend(PEOPLE.iter().flat_map(|(key, org_unit)| account(key, org_unit)));
        Self { given: given(events), now: NOW, added: BTreeSet::new(), done: BTreeMap::new() }
    }

    fn step(&mut self, step: u8, detail: u8) {
        let n = number(u64::from(detail) % NUMBERS).to_string();
        let one = number(u64::from(detail / 16) % NUMBERS).to_string();
        let org_unit = UNITS[usize::from(detail) % UNITS.len()];
        let person = PEOPLE[usize::from(detail) % PEOPLE.len()].0;
        let other = PEOPLE[usize::from(detail / 16) % PEOPLE.len()].0;
        let nowhere: Option<&str> = None;
        let unit = if detail.is_multiple_of(2) { Some(org_unit) } else { nowhere };
        match step % 20 {
            0 => self.ask("AddNumbers", &json!({"numbers": [n, one], "org_unit": unit})),
            1 => self.ask("ReserveNumber", &json!({"number": n, "tag": "VIP"})),
            2 => self.ask("UnreserveNumber", &json!({"number": n})),
            3 => self.ask(
                "AllocateNumbers",
                &json!({"org_unit": org_unit, "quantity": 1 + detail / 128}),
            ),
            4 => self.ask("AllocateNumbers", &json!({"org_unit": org_unit, "numbers": [n, one]})),
            5 => self.ask("WithdrawNumbers", &json!({"numbers": [n, one]})),
            6 => self.ask("AssignNumber", &json!({"number": n, "user": other, "tag": "VIP"})),
            7 => self.ask("AssignNumber", &json!({"number": n, "user": "zoe"})),
            8 => self.ask("ReleaseNumber", &json!({"number": n})),
            9 => self.ask(
                "MovePendingInvitations",
                &json!({"accounts": [person, other], "dest": org_unit}),
            ),
            10 => self.ask("LinkCompleted", &json!({"user": person, "channel": "whatsapp"})),
            11 => self.ask("UnlinkUser", &json!({"user": person, "channel": "whatsapp"})),
            12 => self.ask("RevokeInvitation", &json!({"user": person, "channel": "whatsapp"})),
            13 => self.ask(
                "SetCompanyConfig",
                &json!({"number_cooling_seconds": 40 * u64::from(detail % 2)}),
            ),
            14 => {
                self.now = self.now.plus_seconds(if detail < 20 { 25 * 3600 } else { 30 });
                self.ask("Tick", &json!({"now": self.now}));
            }
            15 => {
                let run = ulid::Ulid::from_parts(self.given.0.version, u128::from(detail));
                let users: Vec<_> =
                    PEOPLE.iter().skip(usize::from(detail) % 4).map(|(key, _)| key).collect();
                self.ask(
                    "ResendInvitation",
                    &json!({"run": run, "users": users, "channel": "whatsapp"}),
                );
            }
            16 => self.claim(),
            17 => self.ask("ArchiveUser", &json!({"user": person})),
            18 => self.ask("RestoreUser", &json!({"user": person})),
            _ => self.report(detail),
        }
    }

    fn ask(&mut self, name: &str, body: &Value) {
        let command = Command::read(name, body.clone()).unwrap();
        self.take(name, body, &command);
    }

    fn claim(&mut self) {
        let Some(holder) = self.given.0.lock.holder() else { return };
        let command =
            ClaimRecipients { run: holder.run, fence: holder.fence, most: 3, via: "outbox" };
        self.take("ClaimRecipients", &Value::Null, &command.into());
    }

    /// The outcome of the mail to the first claimed recipient.
    fn report(&mut self, detail: u8) {
        let Some(holder) = self.given.0.lock.holder() else { return };
        let run = &self.given.0.runs[&holder.run];
        let Some((place, _)) = run.in_flight.first_key_value() else { return };
        let user = self.given.0.users.get(run.recipients[*place as usize].user).unwrap().key();
        let (run, user) = (holder.run, user.as_str().to_owned());
        if detail.is_multiple_of(4) {
            let body =
                json!({"run": run, "user": user, "code": "delivery.refused", "permanent": true});
            return self.ask("InviteFailed", &body);
        }
        self.ask("InviteSent", &json!({"run": run, "user": user}));
    }

    fn take(&mut self, name: &str, body: &Value, command: &Command) {
        let then = self.given.when_asked_by("jane", Authority::All, self.now, command);
        let Ok(decision) = then.0 else { return };
        if !decision.events().is_empty() {
            *self.done.entry(name.to_owned()).or_default() += 1;
        }
        for event in decision.events() {
            self.unused_only(event);
            if let Event::NumberAdded { number, .. } = event {
                self.added.insert(**number);
            }
            self.given.append(self.now, "jane", std::slice::from_ref(event));
        }
        if name == "MovePendingInvitations" {
            let there = |key: &Value| {
                let user = self.given.0.users.created(key.as_str().unwrap()).unwrap().1;
                user.org_unit.as_deref() == body["dest"].as_str()
            };
            assert!(body["accounts"].as_array().unwrap().iter().all(there), "P20 only some moved");
        }
        self.holds();
    }

    /// P18: a number in use is never withdrawn and never assigned to another person.
    fn unused_only(&self, event: &Event) {
        let state = |number: Phone| self.given.0.numbers.get(number).map(|known| &known.state);
        match event {
            Event::NumberWithdrawn { number, .. } => {
                assert_eq!(state(**number), Some(&NumberState::Available), "P18 withdrawn in use");
            }
            Event::NumberAssigned { number, .. } => {
                let free = matches!(
                    state(**number),
                    Some(NumberState::Available | NumberState::Reserved { .. })
                );
                assert!(free, "P18 a number on two accounts");
            }
            _ => {}
        }
    }

    fn holds(&self) {
        let company = &self.given.0;
        let pool: BTreeSet<_> = company.numbers.iter().map(|(number, _)| number).collect();
        assert_eq!(pool, self.added, "P18 the pool is what was added");
        let mut stocks: BTreeMap<NumberOwner, Stock> = BTreeMap::new();
        let mut held = BTreeSet::new();
        for (number, known) in company.numbers.iter() {
            let stock = stocks.entry(known.owner.clone()).or_default();
            stock.total += 1;
            stock.used += u64::from(known.state.user().is_some());
            stock.available += u64::from(known.state == NumberState::Available);
            stock.reserved += u64::from(matches!(known.state, NumberState::Reserved { .. }));
            if let Some(user) = known.state.user() {
                assert!(held.insert(user), "P18 two numbers on one account");
                assert_eq!(company.numbers.of(user), Some(number), "P18 the index is another");
                let user = company.users.get(user).unwrap();
                assert_eq!(known.owner, user.org_unit, "P18 the number is another organization's");
            }
        }
        for (id, user) in company.users.iter() {
            let waits = company.numbers.is_account(id)
                && company.numbers.of(id).is_none()
                && pending(user).next().is_some();
            assert_eq!(
                company.numbers.is_waiting(id),
                waits,
                "P19 who waits is not who is counted"
            );
            stocks.entry(user.org_unit.clone()).or_default().waiting += u64::from(waits);
        }
        for (owner, counted) in stocks {
            assert_eq!(company.numbers.stock(&owner), counted, "P18 the counts are others");
            let covered = counted.waiting <= counted.free() || company.settings.number_overbooking;
            assert!(covered, "P19 {owner:?} promised more than it has: {counted:?}");
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<(u8, u8)>> {
    proptest::collection::vec(any::<(u8, u8)>(), 1..160)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// P18, P19, P20: the laws hold after every command of any history.
    #[test]
    fn pool_keeps_its_laws_after_every_command(steps in steps()) {
        let mut world = World::new(false);
        steps.into_iter().for_each(|(step, detail)| world.step(step, detail));
    }

    /// P18, P20: the laws hold with overbooking too.
    #[test]
    fn pool_keeps_its_laws_with_overbooking(steps in steps()) {
        let mut world = World::new(true);
        steps.into_iter().for_each(|(step, detail)| world.step(step, detail));
    }
}

/// The histories would prove nothing if they never came to what the laws are about.
#[test]
fn the_histories_come_to_every_command() {
    let mut world = World::new(false);
    let mut random: u64 = 7;
    for _ in 0..14_000 {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let [.., step, detail] = (random >> 33).to_be_bytes();
        world.step(step, detail);
    }
    for name in [
        "AddNumbers",
        "ReserveNumber",
        "UnreserveNumber",
        "AllocateNumbers",
        "WithdrawNumbers",
        "AssignNumber",
        "ReleaseNumber",
        "MovePendingInvitations",
        "LinkCompleted",
        "RevokeInvitation",
        "ArchiveUser",
        "RestoreUser",
        "ClaimRecipients",
        "InviteSent",
        "Tick",
    ] {
        assert!(world.done.get(name).is_some_and(|times| *times > 2), "{name}: {:?}", world.done);
    }
}
