//! The rule for one row of a file: what becomes of the user, and of the phone.

mod accounts;
mod judge;

use std::collections::{HashMap, HashSet};

use boarding_csv::{CellValue, KnownNames};

use crate::company::holders::unique;
use crate::company::numbers::NumberOwner;
use crate::company::{Company, ImportState, Placing, User, UserId, UserState, ValueMark};
use crate::dialect::{self, Dialect};
use crate::event::{
    BlankMeans, Event, Existing, ImportOptions, Person, PhoneOutcome, RowOutcome, RowRef,
};
use crate::user_file::{ParsedRow, RowValues};
use crate::values::{Code, ImportId, Personal, Phone, Problem, UserKey};

/// Applies the rows of one commit. Remembers what earlier rows of the commit changed.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    company: &'a Company,
    id: ImportId,
    options: &'a ImportOptions,
    dialect: Option<&'static dyn Dialect>,
    /// The import, once it is accepted.
    accepted: Option<&'a ImportState>,
    seen: HashMap<String, u64>,
    created: HashSet<String>,
    phones: HashMap<Phone, String>,
    values: HashMap<ValueMark, UserKey>,
    /// Where the people of the file belong, if the command says so.
    placing: Option<&'a Placing>,
    /// Numbers given to rows of this commit, and whose each was.
    numbers: HashMap<Phone, NumberOwner>,
    /// By target organization: how many people who wait for a number were moved there by rows of this commit.
    moved: HashMap<NumberOwner, u64>,
    /// The company's org units, once a row names one that is none of them.
    near_units: Option<KnownNames<'a>>,
    pub(crate) events: Vec<Event>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(
        company: &'a Company,
        id: ImportId,
        options: &'a ImportOptions,
        accepted: Option<&'a ImportState>,
    ) -> Self {
        Self {
            company,
            id,
            options,
            dialect: dialect::find(&options.dialect),
            accepted,
            seen: HashMap::new(),
            created: HashSet::new(),
            phones: HashMap::new(),
            values: HashMap::new(),
            placing: accepted.and_then(|import| import.placing.as_ref()),
            numbers: HashMap::new(),
            moved: HashMap::new(),
            near_units: None,
            events: Vec::new(),
        }
    }

    /// Says where the people of a file belong that is only being accepted.
    pub(crate) fn placing(self, placing: Option<&'a Placing>) -> Self {
        Self { placing, ..self }
    }

    /// Applies the next row: exactly one event tells its outcome.
    pub(crate) fn apply(&mut self, row: &ParsedRow) {
        let row = &*self.placed(row);
        let row_ref = RowRef {
            import: self.id,
            row: row.row,
            line: row.line,
            phone: None,
            warnings: row.warnings.clone(),
        };
        let mut problems = row.problems.clone();
        let key = self.usable_key(&row.values, &mut problems);
        self.check_references(&row.values, &mut problems);
        self.check_address(&row.values, &mut problems);
        let Some(key) = key else {
            return self.refuse(None, row_ref, RowOutcome::Invalid, problems);
        };
        let folded = key.folded();
        let duplicate = self.duplicate(&folded);
        self.seen.entry(folded.clone()).or_insert(row.row);
        if let Some(problem) = duplicate
            && (problems.is_empty() || self.dialect.is_some_and(|one| one.existing_is_duplicate()))
        {
            return self.refuse(Some(key), row_ref, RowOutcome::Duplicate, vec![problem]);
        }
        problems.extend(self.check_unique(&row.values, &folded));
        if !problems.is_empty() {
            return self.refuse(Some(key), row_ref, RowOutcome::Invalid, problems);
        }
        match self.company.users.created(&folded) {
            None => self.create(&key, &folded, row, row_ref),
            Some((id, user)) => match self.refusal(id, user, row) {
                Some((outcome, problem)) => {
                    self.refuse(Some(key), row_ref, outcome, vec![problem]);
                }
                None => self.meet(&folded, user, row, row_ref),
            },
        }
    }

    /// The row of the file that named this key before, in this commit or an earlier one.
    fn first_row(&self, folded: &str) -> Option<u64> {
        let known = self.company.users.find(folded);
        let earlier = known.and_then(|(id, user)| self.accepted?.row_of(id, user)).map(u64::from);
        earlier.or_else(|| self.seen.get(folded).copied())
    }

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
            && roles.iter().any(|role| !self.company.roles.contains_key(role))
        {
            problems.push(self.in_column("role", Code::ReferenceRoleNotFound));
        }
        problems.extend(self.dialect.map(|one| one.check(values, self)).unwrap_or_default());
    }

    fn refuse(
        &mut self,
        user: Option<UserKey>,
        row: RowRef,
        outcome: RowOutcome,
        problems: Vec<Problem>,
    ) {
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
        let listed = self.judge_phone(values, folded, &mut row_ref);
        let user = Personal(key.clone());
        let person = Personal(merged(Person::default(), values, BlankMeans::Keep));
        self.note_values(key, &person);
        self.created.insert(folded.to_owned());
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
        self.list_phone(listed, &user, folded);
        if self.options.send_welcome_email {
            let (import, row) = (self.id, row_number(&self.events));
            self.events.push(Event::WelcomeEmailRequested { user, import, row });
        }
    }

    /// The reason why a row does not change an existing person, if there is one.
    fn refusal(
        &mut self,
        id: UserId,
        user: &User,
        row: &ParsedRow,
    ) -> Option<(RowOutcome, Problem)> {
        let leaves = row.values.archived;
        let skipped = match (user.state, self.options.existing) {
            (UserState::Archived, Existing::Update) if leaves => None,
            (UserState::Archived, _) => Some(Code::UserArchived),
            (_, Existing::Skip) => Some(Code::RowUserExists),
            (_, Existing::Update) => None,
        };
        match skipped {
            Some(code) => Some((RowOutcome::Skipped, Problem::new(code))),
            None if leaves => None,
            None => {
                let problem = self.move_problem(id, user, &row.values);
                problem.map(|problem| (RowOutcome::Invalid, problem))
            }
        }
    }

    /// A row of an existing person.
    fn meet(&mut self, folded: &str, user: &User, row: &ParsedRow, mut row_ref: RowRef) {
        if row.values.archived {
            return self.archive(user, row_ref);
        }
        self.warn_of_manager(&row.values, &mut row_ref);
        let listed = self.judge_phone(&row.values, folded, &mut row_ref);
        let who = Personal(user.key());
        let changes = Changes::of(user, &row.values, self.options.blank_means);
        let state = match (row.values.enabled, user.state) {
            (Some(true), UserState::Deactivated) => Some(RowOutcome::Activated),
            (Some(false), UserState::Active) => Some(RowOutcome::Deactivated),
            _ => None,
        };
        if !changes.changed.is_empty() {
            let Changes { person, org_unit, roles, changed } = changes;
            let row = state.is_none().then(|| row_ref.clone());
            self.note_values(&who.0, &person);
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
        self.list_phone(listed, &who, folded);
    }

    /// Later rows of the commit find whose these values are.
    fn note_values(&mut self, key: &UserKey, person: &Person) {
        let values = unique(person).map(|(name, value)| (ValueMark::of(name, value), key.clone()));
        self.values.extend(values);
    }

    /// A row whose person leaves. The row's outcome is `UserDeactivated`; the `UserArchived` after it is final.
    fn archive(&mut self, user: &User, row: RowRef) {
        let who = Personal(user.key());
        if user.state == UserState::Archived {
            return self.events.push(Event::RowUnchanged { user: who, row });
        }
        self.events.push(Event::UserDeactivated { user: who.clone(), row: Some(row) });
        self.events.push(Event::UserArchived { user: who });
    }

    /// Adds a warning for a manager that is neither in the company nor in the file.
    fn warn_of_manager(&self, values: &RowValues, row: &mut RowRef) {
        let Some(manager) = values.manager.as_ref().filter(|manager| !manager.in_file) else {
            return;
        };
        if self.company.users.created(manager.key.as_str()).is_none() {
            row.warnings.push(self.in_column("manager", Code::RowManagerNotFound));
        }
    }

    /// Tells what becomes of the row's phone; the number to list, if it is to be listed.
    fn judge_phone(&self, values: &RowValues, folded: &str, row: &mut RowRef) -> Option<Phone> {
        if !self.options.add_to_corporate_phones {
            return None;
        }
        let phone = match values.phone {
            CellValue::Value(Ok(phone)) => phone,
            CellValue::Value(Err(code)) => {
                // The outcome of the phone has the same information, so the warning is dropped.
                row.warnings.retain(|warning| warning.code != code);
                row.phone = Some(PhoneOutcome::Rejected(code));
                return None;
            }
            CellValue::Absent | CellValue::Blank => return None,
        };
        let listed =
            self.company.phones.get(&phone).and_then(|owner| self.company.users.get(*owner));
        let owner =
            self.phones.get(&phone).cloned().or_else(|| listed.map(|owner| owner.key().folded()));
        let (outcome, to_list) = match owner {
            Some(owner) if owner == folded => (PhoneOutcome::AlreadyPresent, None),
            Some(_) => (PhoneOutcome::Rejected(Code::PhoneAlreadyProvisioned), None),
            None => (PhoneOutcome::Added, Some(phone)),
        };
        row.phone = Some(outcome);
        to_list
    }

    fn list_phone(&mut self, phone: Option<Phone>, user: &Personal<UserKey>, folded: &str) {
        let Some(phone) = phone else { return };
        self.phones.insert(phone, folded.to_owned());
        let (user, import) = (user.clone(), Some(self.id));
        self.events.push(Event::CorporatePhoneAdded { phone: Personal(phone), user, import });
    }
}

/// The number of the row that the events are about: the last one that names a row.
fn row_number(events: &[Event]) -> u64 {
    events.iter().rev().find_map(|event| event.row().map(|(_, row)| row.row)).unwrap_or_default()
}

fn value<T: Clone>(given: &CellValue<T>) -> Option<T> {
    match given {
        CellValue::Value(value) => Some(value.clone()),
        CellValue::Absent | CellValue::Blank => None,
    }
}

/// What a row makes of a value that stands already.
fn over<T: Clone>(old: Option<T>, given: &CellValue<T>, blank_means: BlankMeans) -> Option<T> {
    match (given, blank_means) {
        (CellValue::Value(new), _) => Some(new.clone()),
        (CellValue::Blank, BlankMeans::Clear) => None,
        (CellValue::Absent | CellValue::Blank, _) => old,
    }
}

fn merged(old: Person, values: &RowValues, blank_means: BlankMeans) -> Person {
    let phone = match &values.phone {
        CellValue::Value(Ok(phone)) => CellValue::Value(*phone),
        CellValue::Value(Err(_)) | CellValue::Absent => CellValue::Absent,
        CellValue::Blank => CellValue::Blank,
    };
    let mut attributes = old.attributes;
    for (name, given) in &values.attributes {
        match over(attributes.remove(name), given, blank_means) {
            Some(value) => attributes.insert(name.clone(), value),
            None => None,
        };
    }
    Person {
        first_name: over(old.first_name, &values.first_name, blank_means),
        last_name: over(old.last_name, &values.last_name, blank_means),
        email: over(old.email, &values.email, blank_means),
        phone: over(old.phone, &phone, blank_means),
        attributes,
    }
}

/// A user's values after a row, and the names of those that differ.
#[derive(Debug)]
struct Changes {
    person: Person,
    org_unit: Option<String>,
    roles: Vec<String>,
    changed: Vec<String>,
}

impl Changes {
    fn of(user: &User, values: &RowValues, blank_means: BlankMeans) -> Self {
        let old = user.person();
        let old_unit = user.org_unit.as_deref().map(str::to_owned);
        let old_roles: Vec<String> = user.roles.iter().map(|role| role.to_string()).collect();
        let person = merged(old.clone(), values, blank_means);
        let org_unit = over(old_unit.clone(), &values.org_unit, blank_means);
        let roles = over(Some(old_roles.clone()), &values.roles, blank_means).unwrap_or_default();
        let differs = [
            ("first_name", old.first_name != person.first_name),
            ("last_name", old.last_name != person.last_name),
            ("email", old.email != person.email),
            ("phone", old.phone != person.phone),
            ("org_unit", old_unit != org_unit),
            ("roles", old_roles != roles),
            ("attributes", old.attributes != person.attributes),
        ];
        let changed = differs
            .iter()
            .filter(|(_, differs)| *differs)
            .map(|(name, _)| (*name).to_owned())
            .collect();
        Self { person, org_unit, roles, changed }
    }
}
