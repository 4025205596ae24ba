//! The law of links, as a property of any history of commands: a link works exactly as long as its reason (A36, A37).

use proptest::prelude::*;
use serde_json::json;

use crate::company::UserState;
use crate::decide::end_links::add_ends;
use crate::decide::outcome::MailOutcome;
use crate::decide::testing::{
    Given, Input, NOW, channel_enabled, given, phone, phone_added, run_id, who,
};
use crate::decide::{Authority, ClaimRecipients, Command, Facts, LinkCompleted, ReportRecipients};
use crate::event::{Channel, Event, Person};
use crate::values::{Code, InvitationId, Personal, Phone, Time};

const PEOPLE: [&str; 2] = ["ann", "bob"];
/// The steps are this far apart, so that links expire in the course of a history. In seconds.
const STEP_SECONDS: u64 = 3 * 3600;
const LINK_SECONDS: u64 = 24 * 3600;

/// What a link depends on, as the test reads it: independent of the product's rule.
#[derive(Debug, Clone, PartialEq)]
struct Reason {
    active: bool,
    email: Option<String>,
    phone: Option<Phone>,
    phone_is_listed: bool,
    enabled: bool,
}

/// A link that left in a mail, or may have left.
#[derive(Debug)]
struct SentLink {
    user: &'static str,
    id: InvitationId,
    generation: u32,
    /// The corporate phone that the mail names, and whether it was the one on record.
    named: (Option<Phone>, bool),
    reason: Reason,
    expires_at: Time,
    works: bool,
}

struct World {
    given: Given,
    now: Time,
    sent: Vec<SentLink>,
    runs: u128,
}

impl World {
    fn new() -> Self {
        let mut events = vec![channel_enabled()];
        for (key, n) in PEOPLE.into_iter().zip(1..) {
            let (email, phone) = (Some(format!("{key}@acme.example")), Some(phone(n)));
            let person = Personal(Person { email, phone, ..Person::default() });
            let (org_unit, roles, row) = (None, vec![], None);
            events.push(Event::UserCreated {
                user: who(key),
                person,
                org_unit,
                roles,
                active: true,
                row,
            });
            events.push(phone_added(key, n));
        }
        Self { given: given(events), now: NOW, sent: Vec::new(), runs: 0 }
    }

    /// The corporate phone that a mail would name now, and whether it is the one on record.
    fn named(&self, key: &str) -> (Option<Phone>, bool) {
        let (id, user) = self.given.0.users.find(key).unwrap();
        let phone = self.given.0.corporate_phone(id);
        (phone, phone == user.phone)
    }

    /// What a link that names this phone depends on now.
    fn reason(&self, key: &str, (phone, on_record): (Option<Phone>, bool)) -> Reason {
        let user = self.given.0.users.find(key).unwrap().1;
        Reason {
            active: user.state == UserState::Active,
            email: user.email().map(str::to_lowercase),
            phone: user.phone.filter(|_| on_record),
            phone_is_listed: phone.is_none_or(|phone| user.listed().contains(&phone)),
            enabled: self.given.0.settings.channels.whatsapp,
        }
    }

    fn ask(&mut self, command: impl Into<Command>) -> Vec<Event> {
        let then = self.given.when_asked_by(
            "engine",
            Authority::All,
            self.now,
            Input::from(command.into()),
        );
        let events = then.0.map(|decision| decision.into_events()).unwrap_or_default();
        self.given.append(self.now, "engine", &events);
        for event in &events {
            if let Event::InvitationRevoked { invitation, generation, .. } = event {
                let is_it =
                    |one: &&mut SentLink| (one.id, one.generation) == (*invitation, *generation);
                self.sent.iter_mut().filter(is_it).for_each(|one| one.works = false);
            }
        }
        events
    }

    fn ask_json(&mut self, name: &str, body: serde_json::Value) {
        if let Ok(command) = Command::read(name, body) {
            self.ask(command);
        }
    }

    /// Invites a person by a resend, and reports this outcome of the mail.
    fn invite(&mut self, key: &'static str, outcome: &MailOutcome) {
        self.runs += 1;
        let body = json!({"run": run_id(self.runs), "users": [key], "channel": "whatsapp"});
        self.ask_json("ResendInvitation", body);
        let Some(holder) = self.given.0.lock.holder() else { return };
        let (run, fence) = (holder.run, holder.fence);
        let claimed = self.ask(ClaimRecipients { run, fence, most: 9, via: "outbox" });
        let Some(Event::InviteDispatched { user, invitation, generation, attempt, .. }) =
            claimed.first().cloned()
        else {
            return;
        };
        let named = self.named(key);
        let reason = self.reason(key, named);
        let expires_at = self.now.plus_seconds(LINK_SECONDS);
        self.ask(ReportRecipients { run, fence, reports: vec![(user, attempt, outcome.clone())] });
        if *outcome == MailOutcome::SENT {
            self.sent.iter_mut().filter(|one| one.user == key).for_each(|one| one.works = false);
        }
        if matches!(outcome, MailOutcome::Failed { code, .. } if !code.leaves_delivery_open()) {
            // Nobody has a link whose mail was refused.
            return;
        }
        let works = true;
        let (user, id) = (key, invitation);
        self.sent.push(SentLink { user, id, generation, named, reason, expires_at, works });
    }

    fn follow(&mut self, which: usize) {
        let Some(SentLink { id, generation, user, .. }) = self.sent.get(which) else { return };
        let (token, facts) = (follow(), Facts::Invitation(*id, *generation));
        let user = *user;
        let then = self.given.when_asked_by(
            "link",
            Authority::Granted,
            self.now,
            Input { command: token, facts },
        );
        if let Ok(decision) = then.0 {
            self.given.append(self.now, "link", decision.events());
            self.sent.iter_mut().filter(|one| one.user == user).for_each(|one| one.works = false);
        }
    }

    /// Links a person without a link, as an administrator does.
    fn link_by_hand(&mut self, key: &str) {
        let body = json!({"user": key, "channel": "whatsapp"});
        let command = Command::read("LinkCompleted", body).unwrap();
        if !self.ask(command).is_empty() {
            self.sent.iter_mut().filter(|one| one.user == key).for_each(|one| one.works = false);
        }
    }

    /// Changes the address and the phone of a person, as a row of a file does.
    fn update(&mut self, key: &str, to: &str, phone: Option<Phone>) {
        let user = self.given.0.users.find(key).unwrap().1;
        let mut person = user.person();
        person.email = Some(to.to_owned());
        person.phone = phone;
        let (org_unit, roles, changed, row) = (None, vec![], vec![], None);
        let (user, person) = (who(key), Personal(person));
        let mut events = vec![Event::UserUpdated { user, person, org_unit, roles, changed, row }];
        add_ends(&self.given.0, &mut events, self.now);
        self.given.append(self.now, "engine", &events);
    }

    fn step(&mut self, step: u8, detail: u8) {
        let key = PEOPLE[usize::from(detail) % PEOPLE.len()];
        let own = phone(u64::from(detail) % 2 + 1);
        let number = phone(u64::from(detail / 2) % 3 + 1).to_string();
        match step % 15 {
            0..=2 => self.invite(key, &MailOutcome::SENT),
            3 => self.invite(key, &MailOutcome::failed(Code::DeliveryRefused)),
            4 => self.invite(key, &MailOutcome::failed(Code::DeliveryUncertain)),
            5 => self.ask_json("DeactivateUser", json!({"user": key})),
            6 => self.ask_json("ReactivateUser", json!({"user": key})),
            7 => self.ask_json("ArchiveUser", json!({"user": key})),
            8 => self.ask_json("RestoreUser", json!({"user": key})),
            9 => self.ask_json("RemoveCorporatePhone", json!({"phone": number})),
            10 => self.ask_json("AddCorporatePhone", json!({"phone": number, "user": key})),
            11 => {
                let local = if detail.is_multiple_of(3) { "new" } else { key };
                let on_record = if detail.is_multiple_of(5) { phone(3) } else { own };
                self.update(key, &format!("{local}@acme.example"), Some(on_record));
            }
            12 => {
                let on = !detail.is_multiple_of(4);
                self.ask_json("SetCompanyConfig", json!({"channels.whatsapp": on}));
            }
            13 => self.link_by_hand(key),
            _ if detail.is_multiple_of(5) => {
                self.ask_json("UnlinkUser", json!({"user": key, "channel": "whatsapp"}));
            }
            _ if detail.is_multiple_of(3) => {
                self.ask_json("RevokeInvitation", json!({"user": key, "channel": "whatsapp"}));
            }
            _ => self.follow(usize::from(detail / 3)),
        }
        self.lose();
        self.now = self.now.plus_seconds(u64::from(detail % 2) * STEP_SECONDS);
        if detail.is_multiple_of(7) {
            let now = self.now;
            self.ask_json("Tick", json!({"now": now}));
        }
        self.lose();
    }

    /// The links whose reason is gone have ended for good.
    fn lose(&mut self) {
        let is_lost = |one: &SentLink| {
            one.expires_at <= self.now || self.reason(one.user, one.named) != one.reason
        };
        let lost: Vec<bool> = self.sent.iter().map(is_lost).collect();
        for (one, lost) in self.sent.iter_mut().zip(lost) {
            one.works &= !lost;
        }
    }

    fn check(&self) {
        for one in &self.sent {
            let (command, facts) = (follow(), Facts::Invitation(one.id, one.generation));
            let then = self.given.when_asked_by(
                "link",
                Authority::Granted,
                self.now,
                Input { command, facts },
            );
            let answer = then.0.map(|_| ()).map_err(|refusal| refusal.code);
            assert_eq!(answer.is_ok(), one.works, "{one:?}: {answer:?}");
            let named = answer.err().is_none_or(|code| code.as_str().starts_with("invitation."));
            assert!(named, "{one:?}: {answer:?}");
        }
        let open = self.given.0.link_ends.on(Channel::Whatsapp).count();
        assert!(open >= self.sent.iter().filter(|one| one.works).count());
    }
}

fn follow() -> Command {
    LinkCompleted { token: Some(Personal("token".to_owned())), user: None, channel: None }.into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// A36, A37: whatever the commands before, a link works exactly as long as its reason, and the answer says why.
    #[test]
    fn link_works_exactly_as_long_as_its_reason(
        steps in prop::collection::vec((any::<u8>(), any::<u8>()), 1..60)
    ) {
        let mut world = World::new();
        for (step, detail) in steps {
            world.step(step, detail);
            world.check();
        }
    }
}
