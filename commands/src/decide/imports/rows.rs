//! Applies the rows of a file: each row creates or changes a user, or is refused.

mod accounts;
mod allotment;
mod changes;
mod judge;
mod losses;
mod phones;

pub(crate) use losses::needed_phone;

use std::collections::HashMap;

use boarding_csv::{CellValue, KnownNames};

use crate::company::numbers::NumberOwner;
use crate::company::{Company, ImportState, Placing, User, UserId, UserState, ValueMark};
use crate::dialect::{self, Dialect, unique_values};
use crate::event::{BlankMeans, Event, Existing, ImportOptions, Person, RowOutcome, RowRef};
use crate::user_file::{ParsedRow, RowValues};
use crate::values::{Code, ImportId, Personal, Phone, Problem, UserKey};
pub(in crate::decide::imports) use accounts::address_problem;
pub use allotment::Allotment;
pub(crate) use allotment::{Rival, former_phones, phone_mark};
pub(in crate::decide::imports) use changes::Changes;
pub(crate) use changes::attributes_changed;
use changes::{may_supervise, merged};

/// Applies the rows of one commit. It remembers what earlier rows of the commit change, because `company` is the state
/// before the commit.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    company: &'a Company,
    id: ImportId,
    options: &'a ImportOptions,
    dialect: Option<&'static dyn Dialect>,
    /// The import; none if this commit accepts it.
    accepted: Option<&'a ImportState>,
    /// The folded keys in the rows of this commit, each with its first row that was not invalid.
    pub(super) seen: HashMap<String, u64>,
    /// The folded keys of the users that this commit creates, each with whether the user may be a supervisor.
    pub(super) created: HashMap<String, bool>,
    /// The corporate phones that this commit adds or removes, each with its user, if it has one now.
    phones: HashMap<Phone, Option<UserKey>>,
    /// The unique values that this commit sets or releases, each with its user, if it has one now.
    pub(super) values: HashMap<ValueMark, Option<UserKey>>,
    /// Users who lost a value to a row of this commit and whose own row comes later, with the values left to them.
    stripped: HashMap<UserId, Person>,
    /// Which row gets which unique value. None while `allotment_builder` finds that out: then every value is free.
    allotment: Option<&'a Allotment>,
    /// The organization and permission group of all users of the file, if the command names them.
    placing: Option<&'a Placing>,
    /// The numbers of the pool that this commit assigns, each with the organization that owned it before.
    numbers: HashMap<Phone, NumberOwner>,
    /// How many users who wait for a number this commit moves to each organization.
    moved: HashMap<NumberOwner, u64>,
    /// The names of the org units, prepared for hints when a row names an unknown one.
    near_units: Option<KnownNames<'a>>,
    /// The names of the roles, likewise.
    near_roles: Option<KnownNames<'a>>,
    /// The column of the phones without which people cannot be invited.
    phone_column: Option<&'static str>,
    pub(crate) events: Vec<Event>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(
        company: &'a Company,
        id: ImportId,
        options: &'a ImportOptions,
        accepted: Option<&'a ImportState>,
    ) -> Self {
        let dialect = dialect::find(&options.dialect);
        Self {
            company,
            id,
            options,
            dialect,
            accepted,
            seen: HashMap::new(),
            created: HashMap::new(),
            phones: HashMap::new(),
            values: HashMap::new(),
            stripped: HashMap::new(),
            allotment: None,
            placing: accepted.and_then(|import| import.placing.as_ref()),
            numbers: HashMap::new(),
            moved: HashMap::new(),
            near_units: None,
            near_roles: None,
            phone_column: dialect.and_then(needed_phone),
            events: Vec::new(),
        }
    }

    /// Sets the placing of a file that this commit accepts: the company does not have it yet.
    pub(crate) fn with_placing(self, placing: Option<&'a Placing>) -> Self {
        Self { placing, ..self }
    }

    /// Gives each row the unique values that it gets.
    pub(crate) fn with_allotment(self, allotment: &'a Allotment) -> Self {
        Self { allotment: Some(allotment), ..self }
    }

    /// Applies the next row. Exactly one of its events records the outcome.
    pub(crate) fn apply(&mut self, row: &ParsedRow) {
        let row = &*self.placed(row);
        let row_ref = RowRef {
            warnings: row.warnings.clone(),
            lost: row.lost,
            ..RowRef::new(self.id, row.row, row.line)
        };
        let mut problems = row.problems.clone();
        let key = self.usable_key(&row.values, &mut problems);
        self.check_references(&row.values, &mut problems);
        self.check_address(&row.values, &mut problems);
        let Some(key) = key else {
            return self.refuse(None, row_ref, RowOutcome::Invalid, problems);
        };
        let folded = key.folded();
        let before = self.events.len();
        self.apply_keyed(key, &folded, row, row_ref, problems);
        let mut outcomes = self.events.iter().skip(before).filter_map(Event::row);
        // An invalid row takes no key: a later row may name the person validly.
        if outcomes.all(|(outcome, _)| outcome != RowOutcome::Invalid) {
            self.seen.entry(folded).or_insert(row.row);
        }
    }

    /// Applies a row whose key is usable.
    fn apply_keyed(
        &mut self,
        key: UserKey,
        folded: &str,
        row: &ParsedRow,
        row_ref: RowRef,
        mut problems: Vec<Problem>,
    ) {
        // A duplicate row with problems is invalid, not a duplicate. In dialects that never update users it is the other
        // way round.
        if let Some(problem) = self.duplicate(folded, row)
            && (problems.is_empty()
                || self.dialect.is_some_and(|dialect| dialect.existing_is_duplicate()))
        {
            return self.refuse(Some(key), row_ref, RowOutcome::Duplicate, vec![problem]);
        }
        let known = self.company.users.created(folded);
        // A row that leaves its user alone takes no value, so none of its values can be in conflict.
        let refusal = known.filter(|_| problems.is_empty());
        let refusal = refusal.and_then(|(id, user)| self.refusal(id, user, row));
        if let Some((outcome, problem)) = refusal {
            return self.refuse(Some(key), row_ref, outcome, vec![problem]);
        }
        problems.extend(self.check_unique(row, folded, problems.is_empty()));
        if !problems.is_empty() {
            return self.refuse(Some(key), row_ref, RowOutcome::Invalid, problems);
        }
        match known {
            None => self.create(&key, folded, row, row_ref),
            Some(known) => self.update(known, row, row_ref),
        }
    }

    /// The row of the file that took this key, in this commit or an earlier one. None if no row took it yet.
    fn taken_by(&self, folded: &str) -> Option<u64> {
        let known = self.company.users.find(folded);
        let earlier = known.and_then(|(id, user)| self.accepted?.key_row(id, user)).map(u64::from);
        earlier.or_else(|| self.seen.get(folded).copied())
    }

    /// Adds a problem for each reference to an org unit, role or person that the company does not have.
    fn check_references(&mut self, values: &RowValues, problems: &mut Vec<Problem>) {
        if let CellValue::Value(unit) = &values.org_unit
            && !self.company.org_units.contains_key(unit)
        {
            let units = &self.company.org_units;
            let known = self
                .near_units
                .get_or_insert_with(|| KnownNames::new(units.keys().map(String::as_str)));
            let near = known.find_similar(unit);
            let problem = self.in_column("org_unit", Code::ReferenceOrgUnitNotFound);
            problems.push(match near {
                Some(near) => problem.saying(&format!("did you mean {near}?")),
                None => problem,
            });
        }
        if let CellValue::Value(roles) = &values.roles
            && let Some(role) = roles.iter().find(|role| !self.company.roles.contains_key(*role))
        {
            let problem = self.in_column("role", Code::ReferenceRoleNotFound);
            let hint = self.role_hint(role);
            problems.push(hint.iter().fold(problem, |problem, hint| problem.saying(hint)));
        }
        problems
            .extend(self.dialect.map(|dialect| dialect.check(values, self)).unwrap_or_default());
    }

    fn refuse(
        &mut self,
        user: Option<UserKey>,
        row: RowRef,
        outcome: RowOutcome,
        problems: Vec<Problem>,
    ) {
        // The outcome says that the row was not applied, so the cells of the row are not counted as lost. Only a duplicate
        // counts, as one.
        let lost =
            problems.iter().filter(|one| one.code == Code::RowDuplicateInFile).count() as u64;
        let row = RowRef { lost, ..row };
        self.events.push(Event::RowRefused { user: user.map(Personal), row, outcome, problems });
    }

    fn create(&mut self, key: &UserKey, folded: &str, row: &ParsedRow, mut row_ref: RowRef) {
        let values = &row.values;
        if values.enabled == Some(false) || values.archived {
            let problems = vec![Problem::new(Code::RowDisabledNewUser)];
            return self.refuse(Some(key.clone()), row_ref, RowOutcome::Skipped, problems);
        }
        if let Some(problem) = self.number_problem(values) {
            return self.refuse(Some(key.clone()), row_ref, RowOutcome::Invalid, vec![problem]);
        }
        self.warn_of_manager(values, &mut row_ref);
        let phone_change = self.phone_change(values, None, &mut row_ref);
        self.note_phone_loss(values, None, &mut row_ref);
        let values = &*phone_change.recorded(values);
        let user = Personal(key.clone());
        let person = Personal(merged(Person::default(), values, BlankMeans::Keep));
        self.release_for(row.row, &person);
        self.remember_values(key, &Person::default(), &person);
        self.created.insert(
            folded.to_owned(),
            may_supervise(person.attributes.get("profile").map(String::as_str)),
        );
        let (org_unit, roles) = (value(&values.org_unit), value(&values.roles).unwrap_or_default());
        let row = Some(row_ref);
        self.events.push(Event::UserCreated {
            user: user.clone(),
            person,
            org_unit,
            roles,
            active: true,
            row,
        });
        self.open_account(&user, values);
        self.change_phones(phone_change, &user);
        if self.options.send_welcome_email {
            let (import, row) = (self.id, row_number(&self.events));
            self.events.push(Event::WelcomeEmailRequested { user, import, row });
        }
    }

    /// The outcome and the problem of a row that must not change its existing user. None if the row may be applied.
    fn refusal(
        &mut self,
        id: UserId,
        user: &User,
        row: &ParsedRow,
    ) -> Option<(RowOutcome, Problem)> {
        let archives = row.values.archived;
        let skipped = match (user.state, self.options.existing) {
            (UserState::Archived, Existing::Update) if archives => None,
            (UserState::Archived, _) => Some(Code::UserArchived),
            (_, Existing::Skip) => Some(Code::RowUserExists),
            (_, Existing::Update) => None,
        };
        match skipped {
            Some(code) => Some((RowOutcome::Skipped, Problem::new(code))),
            // The org unit of such a row is ignored, as all its values are.
            None if archives => None,
            None => {
                let problem = self.move_problem(id, user, &row.values);
                problem.map(|problem| (RowOutcome::Invalid, problem))
            }
        }
    }

    /// Applies a row to an existing user.
    fn update(&mut self, known: (UserId, &User), row: &ParsedRow, mut row_ref: RowRef) {
        let (_, user) = known;
        if row.values.archived {
            return self.archive(user, row_ref);
        }
        self.warn_of_manager(&row.values, &mut row_ref);
        let phone_change = self.phone_change(&row.values, Some(known), &mut row_ref);
        self.note_phone_loss(&row.values, Some(user), &mut row_ref);
        let who = Personal(user.key());
        let values = phone_change.recorded(&row.values);
        let changes = Changes::of(user, &values, self.options.blank_means);
        let state = match (row.values.enabled, user.state) {
            (Some(true), UserState::Deactivated) => Some(RowOutcome::Activated),
            (Some(false), UserState::Active) => Some(RowOutcome::Deactivated),
            _ => None,
        };
        if !changes.changed.is_empty() {
            let Changes { person, org_unit, roles, changed } = changes;
            // Only one event may record the outcome: the change of state, if there is one.
            self.release_for(row.row, &person);
            let row = state.is_none().then(|| row_ref.clone());
            self.remember_values(&who.0, &user.person(), &person);
            let person = Personal(person);
            self.events.push(Event::UserUpdated {
                user: who.clone(),
                person,
                org_unit,
                roles,
                changed,
                row,
            });
        } else if state.is_none() {
            self.events.push(Event::RowUnchanged { user: who.clone(), row: row_ref.clone() });
        }
        match state {
            Some(RowOutcome::Activated) => {
                self.events.push(Event::UserActivated { user: who.clone(), row: Some(row_ref) });
            }
            Some(_) => {
                self.events.push(Event::UserDeactivated { user: who.clone(), row: Some(row_ref) });
            }
            None => {}
        }
        self.change_phones(phone_change, &who);
    }

    /// Remembers the unique values that a user gets and releases, so that later rows of the commit find them.
    fn remember_values(&mut self, key: &UserKey, before: &Person, after: &Person) {
        let released = unique_values(before).map(|(name, value)| ValueMark::of(name, value));
        for mark in released {
            if self.values.get(&mark).is_none_or(|user| user.as_ref() == Some(key)) {
                self.values.insert(mark, None);
            }
        }
        let taken = unique_values(after);
        let taken = taken.map(|(name, value)| (ValueMark::of(name, value), Some(key.clone())));
        self.values.extend(taken);
    }

    /// Takes the values that the row gets from their present holders, so that no value ever has two.
    fn release_for(&mut self, row: u64, person: &Person) {
        let Some(allotment) = self.allotment else { return };
        for (name, value) in unique_values(person) {
            let mark = ValueMark::of(name, value);
            let Some((id, holder)) = self.company.holder(name, value) else { continue };
            if self.values.contains_key(&mark) || !allotment.is_move(row, mark, id) {
                continue;
            }
            self.values.insert(mark, None);
            let mut rest = self.stripped.get(&id).cloned().unwrap_or_else(|| holder.person());
            rest.attributes.remove(name);
            self.stripped.insert(id, rest.clone());
            self.events.push(attributes_changed(holder, rest));
        }
    }

    /// Archives the user of a row. The row reports `Deactivated`, because `RowOutcome` has no `Archived`.
    fn archive(&mut self, user: &User, row: RowRef) {
        let who = Personal(user.key());
        if user.state == UserState::Archived {
            return self.events.push(Event::RowUnchanged { user: who, row });
        }
        self.events.push(Event::UserDeactivated { user: who.clone(), row: Some(row) });
        self.events.push(Event::UserArchived { user: who });
        // The values stay on record, and other people may take them.
    }

    /// Adds a warning if the manager is not in the company and no row of the file creates the manager.
    fn warn_of_manager(&self, values: &RowValues, row: &mut RowRef) {
        let Some(manager) = values.manager.as_ref().filter(|manager| !manager.in_file) else {
            return;
        };
        if self.company.users.created(manager.key.as_str()).is_none() {
            row.warnings.push(self.in_column("manager", Code::RowManagerNotFound));
        }
    }
}

/// The number of the last row that has its outcome in these events.
fn row_number(events: &[Event]) -> u64 {
    events.iter().rev().find_map(|event| event.row().map(|(_, row)| row.row)).unwrap_or_default()
}

/// The value of a cell; none if the cell is absent or blank.
fn value<T: Clone>(cell: &CellValue<T>) -> Option<T> {
    match cell {
        CellValue::Value(value) => Some(value.clone()),
        CellValue::Absent | CellValue::Blank => None,
    }
}
