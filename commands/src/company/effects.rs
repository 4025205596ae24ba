//! What an import did to each person, told from its events: how the person stood before the row, and after it.

use std::collections::HashMap;

use super::fold::Observer;
use super::state::Company;
use super::users::UserState;
use crate::commit::Commit;
use crate::event::{Channel, Event, Person};
use crate::values::{Code, CompanyId, ImportId, Phone, UserKey};

/// How a person stands, as far as an import or what follows it changes that.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UserSnapshot {
    /// `None` for a person who does not exist.
    pub state: Option<UserState>,
    pub person: Person,
    pub org_unit: Option<String>,
    pub roles: Vec<String>,
    /// The corporate phones, in the order they were added.
    pub listed: Vec<Phone>,
    /// For each channel whether the person is linked, and how often an invitation was sent.
    pub contact: [(bool, u32); Channel::ALL.len()],
    /// The number of the pool.
    pub number: Option<Phone>,
    /// How often the person's picture was set or removed.
    pub pictures: u32,
}

/// Never shows who it is.
impl std::fmt::Debug for UserSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserSnapshot").field("state", &self.state).finish_non_exhaustive()
    }
}

impl UserSnapshot {
    pub fn of(company: &Company, key: &UserKey) -> Self {
        let Some((id, user)) = company.users.created(key.as_str()) else { return Self::default() };
        Self {
            state: Some(user.state),
            person: user.person(),
            org_unit: user.org_unit.as_deref().map(str::to_owned),
            roles: user.roles.iter().map(|role| role.to_string()).collect(),
            listed: user.listed().to_vec(),
            contact: Channel::ALL.map(|channel| {
                let link = user.link(channel);
                (link.linked, link.generation)
            }),
            number: company.numbers.of(id),
            pictures: company.pictures.get(&id).copied().unwrap_or_default(),
        }
    }
}

/// What a row did to its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowEffect {
    pub row: u64,
    pub user: UserKey,
    pub before: UserSnapshot,
    pub after: UserSnapshot,
    /// Whether the row's number came out of the company's own stock.
    pub from_stock: bool,
    /// The corporate phones that the row took from other people.
    pub taken: Vec<TakenPhone>,
    /// Why it cannot be reversed, where that is known before.
    pub errored: Option<Code>,
}

/// A corporate phone that a row took from a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPhone {
    pub phone: Phone,
    pub from: UserKey,
    /// Whether it was added by hand.
    pub by_hand: bool,
}

/// The effects of one import, as its company's commits are gone through from the first.
///
/// Nothing of what stood before a row is kept by the company or told by the row's event: history has it.
#[derive(Debug)]
pub struct Effects {
    import: ImportId,
    company: Company,
    over: bool,
    /// People who lost a value to a row before their own row came: their state before that, by folded key.
    released: HashMap<String, UserSnapshot>,
}

/// What an event is to the import.
enum EventRole<'a> {
    /// It tells the outcome of a row.
    Row(u64, &'a UserKey),
    /// It changes the values of a person; the next event has the row.
    Values(&'a UserKey),
    /// It takes a corporate phone off the list: of the person of the row told before, or of another person.
    Unlisting(&'a UserKey, TakenPhone),
    /// It gives a number to the person of the row told before: a corporate phone, or one of the pool.
    Phone(&'a UserKey),
    /// It archives a person: the one of the row, if the previous event has it.
    Leaving(&'a UserKey),
    /// It takes a number out of the company's own stock for that person's organization.
    Stock,
    End,
    Other,
}

impl Effects {
    pub fn new(company: CompanyId, import: ImportId) -> Self {
        Self { import, company: Company::new(company), over: false, released: HashMap::new() }
    }

    /// Whether all rows were seen.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Folds the company's next commit; returns the rows in it that changed something, in their order.
    pub fn take(&mut self, commit: &Commit) -> Vec<RowEffect> {
        let mut walk = Walk::new(self.import, &mut self.released);
        self.company.apply_observed(commit, &mut walk);
        self.over |= walk.over;
        let mut rows = walk.rows;
        rows.retain(|row| row.before != row.after);
        rows
    }
}

/// The rows of the import that were found in one commit.
struct Walk<'c, 'r> {
    import: ImportId,
    released: &'r mut HashMap<String, UserSnapshot>,
    rows: Vec<RowEffect>,
    /// What the next event is to the import, and how its person stood before.
    next: (EventRole<'c>, UserSnapshot),
    /// The people whose values the last events changed, and how each stood before.
    values: Vec<(&'c UserKey, UserSnapshot)>,
    /// The person of the row that the last event told.
    row_user: Option<&'c UserKey>,
    over: bool,
}

impl<'c> Observer<'c> for Walk<'c, '_> {
    fn before(&mut self, company: &Company, event: &'c Event) {
        let part = self.part(company, event);
        let before = match &part {
            EventRole::Row(_, user) | EventRole::Values(user) | EventRole::Unlisting(user, _) => {
                UserSnapshot::of(company, user)
            }
            EventRole::Phone(_)
            | EventRole::Leaving(_)
            | EventRole::Stock
            | EventRole::End
            | EventRole::Other => UserSnapshot::default(),
        };
        self.next = (part, before);
    }

    fn after(&mut self, company: &Company, _: &'c Event) {
        let (part, before) =
            std::mem::replace(&mut self.next, (EventRole::Other, UserSnapshot::default()));
        let (earlier, previous_row_user) = (std::mem::take(&mut self.values), self.row_user.take());
        match part {
            EventRole::Row(row, user) => {
                self.row_user = Some(user);
                for (key, before) in earlier {
                    self.released.entry(key.folded()).or_insert(before);
                }
                let before = self.released.remove(&user.folded()).unwrap_or(before);
                let after = UserSnapshot::of(company, user);
                let (user, from_stock, taken) = (user.clone(), false, Vec::new());
                let errored = None;
                self.rows.push(RowEffect { row, user, before, after, from_stock, taken, errored });
            }
            EventRole::Values(user) => {
                self.values = earlier;
                self.values.push((user, before));
            }
            EventRole::Unlisting(user, taken) => match self.rows.last_mut() {
                Some(last) if last.user.folded() == user.folded() => {
                    last.after = UserSnapshot::of(company, user);
                }
                Some(last) => {
                    last.taken.push(taken);
                    self.released.entry(user.folded()).or_insert(before);
                }
                None => {}
            },
            EventRole::Phone(user) => {
                if let Some(last) = self.rows.last_mut() {
                    last.after = UserSnapshot::of(company, user);
                }
            }
            EventRole::Leaving(user) => {
                let of_row =
                    previous_row_user.is_some_and(|previous| previous.folded() == user.folded());
                if let Some(last) = self.rows.last_mut().filter(|_| of_row) {
                    last.after = UserSnapshot::of(company, user);
                }
            }
            EventRole::Stock => {
                if let Some(last) = self.rows.last_mut() {
                    last.from_stock = true;
                }
            }
            EventRole::End => self.over = true,
            EventRole::Other => {}
        }
    }
}

impl<'c, 'r> Walk<'c, 'r> {
    fn new(import: ImportId, released: &'r mut HashMap<String, UserSnapshot>) -> Self {
        let next = (EventRole::Other, UserSnapshot::default());
        let (rows, values) = (Vec::new(), Vec::new());
        Self { import, released, rows, next, values, row_user: None, over: false }
    }

    fn part(&self, company: &Company, event: &'c Event) -> EventRole<'c> {
        let row = event.row().filter(|(_, row)| row.import == self.import);
        match event {
            Event::UserUpdated { user, row: None, .. } => EventRole::Values(user),
            Event::UserCreated { user, .. }
            | Event::UserUpdated { user, .. }
            | Event::UserActivated { user, .. }
            | Event::UserDeactivated { user, .. }
            | Event::RowUnchanged { user, .. } => {
                row.map_or(EventRole::Other, |(_, row)| EventRole::Row(row.row, user))
            }
            Event::CorporatePhoneAdded { user, import: Some(import), .. }
            | Event::NumberAssigned { user, import: Some(import), .. }
                if *import == self.import =>
            {
                EventRole::Phone(user)
            }
            Event::CorporatePhoneRemoved { user, phone } => {
                let (phone, from) = (**phone, user.0.clone());
                let by_hand = company.by_hand.contains(&phone);
                EventRole::Unlisting(user, TakenPhone { phone, from, by_hand })
            }
            Event::UserArchived { user } => EventRole::Leaving(user),
            Event::NumberAllocated { .. } => EventRole::Stock,
            Event::ImportCompleted { import, .. } if *import == self.import => EventRole::End,
            _ => EventRole::Other,
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::commit::SCHEMA;
    use crate::decide::testing::NOW;
    use crate::values::{CommandId, Digest, Personal};
    use ulid::Ulid;

    /// A company's first commit.
    pub(crate) fn commit(events: Vec<Event>) -> Commit {
        Commit {
            company: "acme".parse().unwrap(),
            first_version: 1,
            command: CommandId(Ulid(1)),
            body: Digest::default(),
            actor: Personal("jane@acme.example".to_owned()),
            at: NOW,
            correlation: None,
            causation: None,
            traceparent: None,
            schema: SCHEMA,
            result: serde_json::Value::Null,
            previous: Digest::default(),
            events,
            authenticated: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::commit;
    use super::*;
    use crate::decide::imports::import_file::testing::{accepted, import_id};
    use crate::decide::testing::{phone, phone_added, user_created, who};
    use crate::event::{Existing, RowRef};
    use crate::values::Personal;

    fn row(row: u64) -> RowRef {
        RowRef::new(import_id(), row, row + 1)
    }

    fn updated(user: &str, name: &str, row: Option<RowRef>) -> Event {
        Event::UserUpdated {
            user: who(user),
            person: Personal(Person { first_name: Some(name.to_owned()), ..Person::default() }),
            org_unit: None,
            roles: vec![],
            changed: vec!["first_name".to_owned()],
            row,
        }
    }

    fn created(user: &str, at: u64) -> Event {
        let Event::UserCreated { user, person, org_unit, roles, active, .. } = user_created(user)
        else {
            panic!()
        };
        Event::UserCreated { user, person, org_unit, roles, active, row: Some(row(at)) }
    }

    fn listed(user: &str, n: u64) -> Event {
        Event::CorporatePhoneAdded {
            phone: Personal(phone(n)),
            user: who(user),
            import: Some(import_id()),
        }
    }

    fn effects() -> Effects {
        Effects::new("acme".parse().unwrap(), import_id())
    }

    /// P23: the state before each row is found, and rows without a change are left out.
    #[test]
    fn each_changed_row_has_the_state_before_it() {
        let mut effects = effects();
        let known = ["bob", "cid", "dee"].map(user_created).into_iter();
        let off = Event::UserDeactivated { user: who("cid"), row: None };
        let before = known.chain([off, phone_added("bob", 7)]).collect();
        assert!(effects.take(&commit(before)).is_empty());
        let rows = effects.take(&commit(vec![
            accepted(5, true, Existing::Update),
            created("ann", 1),
            listed("ann", 1),
            updated("bob", "Bob", Some(row(2))),
            updated("cid", "Cid", None),
            Event::UserActivated { user: who("cid"), row: Some(row(3)) },
            Event::RowUnchanged { user: who("dee"), row: row(4) },
            listed("dee", 4),
            Event::RowUnchanged { user: who("bob"), row: row(5) },
        ]));
        assert!(!effects.is_over());
        let numbers: Vec<_> = rows.iter().map(|effect| effect.row).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!((rows[0].before.state, rows[0].after.state), (None, Some(UserState::Active)));
        assert_eq!(rows[0].after.listed, [phone(1)]);
        assert_eq!(rows[1].before.person.email.as_deref(), Some("bob@acme.example"));
        assert_eq!(
            (&rows[1].after.person.email, &rows[1].after.listed[..]),
            (&None, &[phone(7)][..])
        );
        let states = (rows[2].before.state, rows[2].after.state);
        assert_eq!(states, (Some(UserState::Deactivated), Some(UserState::Active)));
        assert_eq!(rows[2].before.person.email.as_deref(), Some("cid@acme.example"));
        assert_eq!((rows[3].before.listed.len(), rows[3].after.listed.len()), (0, 1));
    }

    /// P23: rows in several commits, with other changes in between, have the right state before each.
    #[test]
    fn changes_of_other_commands_are_not_effects_of_the_import() {
        let mut effects = effects();
        let first = vec![accepted(2, true, Existing::Update), created("ann", 1)];
        assert_eq!(effects.take(&commit(first)).len(), 1);
        assert!(effects.take(&commit(vec![user_created("bob"), phone_added("ann", 9)])).is_empty());
        let rows = effects.take(&commit(vec![
            updated("bob", "Bob", Some(row(2))),
            Event::ImportCompleted { import: import_id(), counts: crate::event::Counts::default() },
        ]));
        assert_eq!(rows[0].before.person.email.as_deref(), Some("bob@acme.example"));
        assert!(effects.is_over());
    }
}
