//! Given these events, when this command comes, then these events or this refusal.

use serde_json::Value;
use ulid::Ulid;

use super::{Authority, Command, Context, Decision, Facts, MailSetup};
use crate::company::Company;
use crate::event::{Channel, Event, Person, Source};
use crate::values::{
    Code, CommandId, CompanyId, InvitationId, Personal, Phone, Refusal, RunId, Time, UserKey,
};

/// The time at which specs ask: 2026-11-21T08:00:00Z.
pub const NOW: Time = Time(1_795_248_000_000);

/// A company with a history, and whether its mails leave by a mail server.
#[derive(Debug)]
pub struct Given(pub Company, bool);

/// The decision on a command.
#[derive(Debug)]
pub struct Then(pub Result<Decision, Refusal>);

/// A command, and the facts that the engine would find for it.
#[derive(Debug, Clone)]
pub struct Input {
    pub command: Command,
    pub facts: Facts,
}

impl<C: Into<Command>> From<C> for Input {
    fn from(command: C) -> Self {
        Self { command: command.into(), facts: Facts::None }
    }
}

impl From<&Self> for Command {
    fn from(command: &Self) -> Self {
        command.clone()
    }
}

/// A company after these events, all of them an hour old.
pub fn given(events: impl IntoIterator<Item = Event>) -> Given {
    let company = Company::new("acme".parse::<CompanyId>().unwrap());
    let events: Vec<_> = events.into_iter().collect();
    Given(company.after(Time(NOW.0 - 3_600_000), "jane@acme.example", &events), false)
}

impl Given {
    /// The same company on an engine that sends its mails by a mail server, and no text messages.
    pub fn by_mail_server(self) -> Self {
        Self(self.0, true)
    }

    #[track_caller]
    pub fn when(&self, input: impl Into<Input>) -> Then {
        self.when_asked_by("jane@acme.example", Authority::Granted, NOW, input)
    }

    /// The command as JSON, as it comes over the wire.
    #[track_caller]
    pub fn when_json(&self, name: &str, body: Value) -> Then {
        match Command::read(name, body) {
            Ok(command) => self.when(command),
            Err(refusal) => Then(Err(refusal)),
        }
    }

    /// A command of this NATS user in the name of this actor.
    #[track_caller]
    pub fn when_sent_by(
        &self,
        nats_user: Option<&str>,
        actor: &str,
        input: impl Into<Input>,
    ) -> Then {
        self.decide((actor, nats_user), Authority::Granted, NOW, input)
    }

    /// A command of the operator at the data folder.
    #[track_caller]
    pub fn when_locally(&self, input: impl Into<Input>) -> Then {
        self.when_asked_by("olga@local", Authority::All, NOW, input)
    }

    #[track_caller]
    pub fn when_asked_by(
        &self,
        actor: &str,
        authority: Authority,
        at: Time,
        input: impl Into<Input>,
    ) -> Then {
        self.decide((actor, None), authority, at, input)
    }

    fn decide(
        &self,
        (actor, authenticated): (&str, Option<&str>),
        authority: Authority,
        at: Time,
        input: impl Into<Input>,
    ) -> Then {
        let Input { command, facts } = input.into();
        // Only the engine may tell another time than its own.
        let authority = if command.name() == "Tick" { Authority::All } else { authority };
        let context = Context {
            id: CommandId(Ulid(7)),
            actor,
            authenticated,
            authority,
            at,
            facts: &facts,
            mail_setup: &MailSetup {
                has_link_page: false,
                by_mail_server: self.1,
                notifications_by_mail_server: self.1,
                link_secret: None,
                texts_via: (!self.1).then_some("outbox"),
                outbox: None,
                notifications_outbox: None,
                notifications_via: None,
                texts_outbox: None,
            },
        };
        Then(command.decide(&self.0, &context))
    }

    /// The company after the command's events.
    #[track_caller]
    pub fn after(self, input: impl Into<Input>) -> Self {
        self.after_at(NOW, input)
    }

    /// The company after the command's events at another time.
    #[track_caller]
    pub fn after_at(mut self, at: Time, input: impl Into<Input>) -> Self {
        let actor = "jane@acme.example";
        let then = self.when_asked_by(actor, Authority::Granted, at, input);
        self.append(at, actor, &then.events());
        self
    }

    /// Appends a commit with these events.
    pub fn append(&mut self, at: Time, actor: &str, events: &[Event]) {
        self.0 = self.0.after(at, actor, events);
    }
}

impl Then {
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = Event>) -> Value {
        let decision = self.0.unwrap();
        assert_eq!(decision.events(), expected.into_iter().collect::<Vec<_>>());
        decision.result().clone()
    }

    #[track_caller]
    pub fn then_refused(self, code: Code) -> Refusal {
        let refusal = self.0.expect_err("it was accepted");
        assert_eq!(refusal.code, code, "{refusal}");
        refusal
    }

    #[track_caller]
    pub fn events(&self) -> Vec<Event> {
        self.0.as_ref().unwrap().events().to_vec()
    }

    #[track_caller]
    pub fn result(&self) -> Value {
        self.0.as_ref().unwrap().result().clone()
    }

    #[track_caller]
    pub fn names(&self) -> Vec<&'static str> {
        self.events().iter().map(Event::name).collect()
    }
}

pub fn who(key: &str) -> Personal<UserKey> {
    Personal(UserKey::new(key))
}

pub fn run_id(n: u128) -> RunId {
    RunId(Ulid(n))
}

pub fn phone(n: u64) -> Phone {
    Phone::parse(&format!("+8492344{n:04}")).unwrap()
}

/// An active user with an e-mail address.
pub fn user_created(key: &str) -> Event {
    Event::UserCreated {
        user: who(key),
        person: Personal(Person {
            email: Some(format!("{key}@acme.example")),
            ..Person::default()
        }),
        org_unit: None,
        roles: vec![],
        active: true,
        row: None,
    }
}

pub fn phone_added(key: &str, n: u64) -> Event {
    Event::CorporatePhoneAdded { phone: Personal(phone(n)), user: who(key), import: None }
}

/// The claim of a person's first attempt in the run.
pub fn dispatched(run: RunId, key: &str, invitation: u128, generation: u32) -> Event {
    Event::InviteDispatched {
        run,
        user: who(key),
        attempt: 1,
        invitation: InvitationId(Ulid(invitation)),
        generation,
        email: Personal(format!("{key}@acme.example")),
        message_id: "m".to_owned(),
        via: "outbox".to_owned(),
        template: None,
        sent_on: None,
        device: None,
    }
}

pub fn channel_enabled() -> Event {
    Event::CompanyConfigChanged {
        setting: "channels.whatsapp".to_owned(),
        value: Value::Bool(true),
    }
}

/// A run that was requested, listed, queued and started for these people.
pub fn run_started(run: RunId, keys: &[&str]) -> Vec<Event> {
    let mut events = run_queued(run, keys);
    events.push(Event::RunStarted { run });
    events
}

/// A run that waits for the lock.
pub fn run_queued(run: RunId, keys: &[&str]) -> Vec<Event> {
    let users = keys.iter().map(|key| who(key)).collect();
    let requested = Event::RunRequested {
        run,
        channel: Channel::Whatsapp,
        source: Source::Users(users),
        total: keys.len() as u64,
        duplicates_removed: 0,
        not_before: None,
        list_version: None,
    };
    let listed = keys.iter().map(|key| Event::RecipientQueued { run, user: who(key) });
    [requested].into_iter().chain(listed).chain([Event::RunQueued { run }]).collect()
}

/// Two people who can be invited, and a running run for both.
pub fn a_running_run() -> Vec<Event> {
    let mut events = vec![channel_enabled()];
    for (key, n) in [("ann", 1), ("bob", 2)] {
        events.extend([user_created(key), phone_added(key, n)]);
    }
    events.extend(run_started(run_id(1), &["ann", "bob"]));
    events
}

/// An account that is a device, with a number of its organization for it, and an enabled channel.
pub fn device_account(key: &str) -> Vec<Event> {
    use super::numbers::pool::testing::{number_added, unit};
    let person = Personal(Person { phone: Phone::parse(key).ok(), ..Person::default() });
    let (org_unit, roles, active, row) = (Some("EMEA".to_owned()), vec![], true, None);
    vec![
        unit("EMEA", None),
        number_added(1, Some("EMEA")),
        Event::UserCreated { user: who(key), person, org_unit, roles, active, row },
        Event::AccountOpened { user: who(key), import: None },
        channel_enabled(),
    ]
}
