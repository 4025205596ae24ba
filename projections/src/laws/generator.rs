//! Generates a valid history of one company from any list of bytes.

use boarding_commands::event::{
    Channel, Counts, Delivery, Event, PhoneOutcome, RowOutcome, RowRef, UndoCounts, UndoOutcome,
    Unsupervised,
};
use boarding_commands::values::{Code, Phone, Problem};

use crate::testing::{
    TestCompany, accepted, completed, created_by_row, dispatched, import, import_completed,
    invitation, person, queued, recipient, requested, row, run, sent, started, who,
};

/// The user keys. One key begins with another; the generator writes them in two spellings.
pub(super) const USERS: [&str; 5] = ["ann", "Anna", "bob", "cid", "dee"];
/// The phone numbers of the users.
pub(super) const PHONES: [&str; 3] = ["+84923448071", "+4930123456", "+14155550100"];

/// The state from which the next valid events are generated.
struct Generator {
    company: TestCompany,
    /// The users that are created and not removed.
    known: Vec<&'static str>,
    /// The user of each number.
    phones: [Option<&'static str>; PHONES.len()],
    imports: u128,
    runs: Vec<GeneratedRun>,
    /// The running run: its place in `runs`.
    holder: Option<usize>,
    /// The waiting runs: their places in `runs`.
    waiting: Vec<usize>,
}

struct GeneratedRun {
    number: u128,
    /// The recipients without an outcome, each with the number of attempts.
    left: Vec<(&'static str, u32)>,
    counts: [u64; 3],
    sent: Vec<&'static str>,
}

/// The company with the history that the bytes give.
pub(super) fn generate(id: &str, steps: &[u8]) -> TestCompany {
    let mut generator = Generator {
        company: TestCompany::new(id),
        known: Vec::new(),
        phones: [None; PHONES.len()],
        imports: 0,
        runs: Vec::new(),
        holder: None,
        waiting: Vec::new(),
    };
    for &step in steps {
        let events = generator.step(step);
        generator.company = generator.company.commit(events);
    }
    generator.company
}

impl Generator {
    fn step(&mut self, step: u8) -> Vec<Event> {
        let detail = usize::from(step / 12);
        match step % 12 {
            0 => self.import(detail),
            1 => self.person(USERS[detail % USERS.len()], detail),
            2 => self.phone(detail),
            3 | 4 => self.request(detail),
            5 => self.withdraw(),
            6 => self.after_the_mail(detail),
            7 if detail.is_multiple_of(2) => self.undo(detail),
            7 => vec![Event::RoleDefined { role: "Agent".to_owned(), permissions: vec![] }],
            _ => self.report(detail),
        }
    }

    fn import(&mut self, detail: usize) -> Vec<Event> {
        self.imports += 1;
        let n = self.imports;
        let mut counts = Counts { total: 3, ..Counts::default() };
        let mut events = vec![accepted(n, 3)];
        for (number, nth) in (1..4).zip(detail..) {
            let user = USERS[nth % USERS.len()];
            let row = RowRef { phone: Some(PhoneOutcome::Added), ..row(n, number) };
            events.push(match (self.known.contains(&user), nth % 3) {
                (false, 0) => Event::RowRefused {
                    user: Some(who(user)),
                    row,
                    outcome: RowOutcome::Invalid,
                    problems: vec![Problem::new(Code::FieldRequired)],
                },
                (false, _) => {
                    self.known.push(user);
                    created_by_row(user, Some(row))
                }
                (true, _) => Event::RowUnchanged { user: who(user), row },
            });
            if let Some((outcome, row)) = events.last().and_then(Event::row) {
                counts.add(outcome, row);
            }
        }
        events.push(import_completed(n, counts));
        events
    }

    /// Undoes the newest import: removes a user, and records one undone row.
    fn undo(&mut self, detail: usize) -> Vec<Event> {
        let Some(user) = self.known.pop().filter(|_| self.imports > 0) else { return vec![] };
        let (import, row) = (import(self.imports), 1 + detail as u64 % 3);
        let counts = UndoCounts { reversed: 1, ..UndoCounts::default() };
        let outcome = UndoOutcome::Reversed;
        vec![
            Event::ImportUndoStarted { import },
            Event::UserRemoved { user: who(user) },
            Event::RowUndone { import, row, user: who(user), outcome, code: None },
            Event::ImportUndone { import, counts, unsupervised: Unsupervised::default() },
        ]
    }

    fn person(&mut self, user: &'static str, detail: usize) -> Vec<Event> {
        let who = who(&user.to_uppercase());
        if !self.known.contains(&user) {
            self.known.push(user);
            return vec![created_by_row(user, None)];
        }
        vec![match detail % 4 {
            0 => Event::UserArchived { user: who },
            1 => Event::UserRestored { user: who },
            2 => Event::RolesAssigned { user: who, roles: vec!["Lead".to_owned()] },
            _ => Event::UserUpdated {
                user: who,
                person: person("new").into(),
                org_unit: None,
                roles: vec![],
                changed: vec![],
                row: None,
            },
        }]
    }

    fn phone(&mut self, detail: usize) -> Vec<Event> {
        let nth = detail % PHONES.len();
        let phone = Phone::parse(PHONES[nth]).unwrap().into();
        if let Some(user) = self.phones[nth].take() {
            return vec![Event::CorporatePhoneRemoved { phone, user: who(user) }];
        }
        let Some(user) = self.known.get(detail % 5).copied() else { return vec![] };
        self.phones[nth] = Some(user);
        let by = (self.imports > 0).then(|| import(self.imports));
        vec![Event::CorporatePhoneAdded { phone, user: who(user), import: by }]
    }

    fn request(&mut self, detail: usize) -> Vec<Event> {
        let number = self.runs.len() as u128 + 1;
        let left: Vec<_> = USERS.iter().skip(detail % 4).map(|user| (*user, 0)).collect();
        let mut events = vec![requested(number, left.len() as u64)];
        events.extend(left.iter().map(|(user, _)| recipient(number, user)));
        events.push(queued(number));
        self.waiting.push(self.runs.len());
        self.runs.push(GeneratedRun { number, left, counts: [0; 3], sent: vec![] });
        events.extend(self.start_next());
        events
    }

    fn start_next(&mut self) -> Option<Event> {
        if self.holder.is_some() || self.waiting.is_empty() {
            return None;
        }
        let next = self.waiting.remove(0);
        self.holder = Some(next);
        Some(started(self.runs[next].number))
    }

    fn withdraw(&mut self) -> Vec<Event> {
        let withdrawn = self.waiting.pop();
        withdrawn
            .map(|nth| Event::RunWithdrawn { run: run(self.runs[nth].number) })
            .into_iter()
            .collect()
    }

    /// The next event about the last recipient without an outcome.
    fn report(&mut self, detail: usize) -> Vec<Event> {
        let Some(nth) = self.holder else { return vec![] };
        let GeneratedRun { number, left, counts, sent: done } = &mut self.runs[nth];
        let (number, generation) = (*number, u32::try_from(nth).unwrap() + 1);
        let Some((user, attempts)) = left.last_mut() else { return vec![] };
        let (user, attempt) = (*user, *attempts + 1);
        let (who, detail_text) = (who(user), Some("said so".to_owned()));
        let claim = dispatched(number, user, attempt, generation);
        if detail.is_multiple_of(4) && attempt < 3 {
            *attempts = attempt;
            let code = Code::DeliveryTemporaryFailure;
            let (run, retry_at) = (run(number), crate::testing::at(1));
            let deferred = Event::InviteDeferred {
                run,
                user: who,
                attempt,
                code,
                detail: detail_text,
                retry_at,
            };
            return vec![claim, deferred];
        }
        left.pop();
        let (outcome, mut events) = match detail % 4 {
            1 => (1, vec![skipped(number, user)]),
            2 => (2, vec![claim, failed(number, user, attempt)]),
            _ => (0, vec![claim, sent(number, user, attempt)]),
        };
        counts[outcome] += 1;
        if outcome == 0 {
            done.push(user);
        }
        if left.is_empty() {
            events.push(completed(number, counts[0], counts[1], counts[2]));
            self.holder = None;
            events.extend(self.start_next());
        }
        events
    }

    fn after_the_mail(&mut self, detail: usize) -> Vec<Event> {
        let of_run = |run: &GeneratedRun| Some((run.number, *run.sent.get(detail % 2)?));
        let Some((number, user)) = self.runs.iter().rev().find_map(of_run) else { return vec![] };
        let (channel, id) = (Channel::Whatsapp, invitation(user));
        let who = who(&user.to_uppercase());
        vec![match detail % 5 {
            0 => Event::UserLinked { user: who, channel, invitation: Some(id) },
            1 => Event::UserUnlinked { user: who, channel },
            2 => Event::InvitationExpired { user: who, channel, invitation: id, generation: 1 },
            nth => Event::DeliveryRecorded {
                run: run(number),
                user: who,
                message_id: String::new(),
                delivery: if nth == 3 { Delivery::Delivered } else { Delivery::BouncedHard },
                code: None,
            },
        }]
    }
}

fn skipped(number: u128, user: &str) -> Event {
    let code = Code::RecipientAlreadyLinked;
    Event::UserSkipped { run: run(number), user: who(user), code, detail: None }
}

fn failed(number: u128, user: &str, attempt: u32) -> Event {
    let code = Code::RecipientEmailUndeliverable;
    Event::InviteFailed { run: run(number), user: who(user), attempt, code, detail: None }
}
