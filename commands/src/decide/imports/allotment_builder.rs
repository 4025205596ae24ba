//! Which row of a file gets which unique value, judged as if all rows were applied at once.
//!
//! A value that one row releases may be taken by another row, before or after it. Of two rows that take one value,
//! none gets an id, and the first one gets a phone. The problem of a row that does not get it names the other row.

use std::collections::{BTreeMap, HashMap, HashSet};

use boarding_csv::CellValue;

use crate::company::{Company, Placing, User, UserId, UserState, ValueMark};
use crate::decide::imports::rows::{Allotment, Rival, Rows, former_phones, phone_mark};
use crate::dialect::{self, unique_values};
use crate::event::{BlankMeans, Event, ImportOptions, Person, RowOutcome};
use crate::settings::ReferenceResolution;
use crate::user_file::{FileFacts, ParsedRow};
use crate::values::{ImportId, Phone, UserKey};
use supervision::{Supervised, Supervision, spread};

/// The values that the rows of a file take and release. Rows are added in the order of the file.
#[derive(Debug, Default)]
pub struct AllotmentBuilder {
    last_row: u64,
    supervision: Supervision,
    values: HashMap<ValueMark, Option<UserKey>>,
    takes: Vec<Take>,
    /// What rows would take that are invalid for another reason.
    invalid_takes: Vec<Take>,
    /// The rows whose users have their phone already.
    keeps: HashMap<ValueMark, Rival>,
    releases: HashMap<ValueMark, (u64, Part)>,
    /// The users that rows of the file archive.
    leaving: HashSet<UserId>,
}

/// A row whose user gets a value that the user does not have yet.
#[derive(Debug)]
struct Take {
    mark: ValueMark,
    row: u64,
    line: u64,
    part: Part,
    /// The other user who has the value.
    holder: Option<ValueHolder>,
}

impl Take {
    fn rival(&self) -> Rival {
        Rival { row: self.row, line: self.line }
    }
}

/// The user who has a value before the row.
#[derive(Debug, Clone, Copy)]
struct ValueHolder {
    id: UserId,
    is_archived: bool,
}

impl ValueHolder {
    fn new((id, user): (UserId, &User)) -> Self {
        Self { id, is_archived: user.state == UserState::Archived }
    }
}

/// The part of a row that is refused alone: an id refuses the row, a phone only the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Ids,
    Phone,
}

impl AllotmentBuilder {
    /// Whether the rows of such a file can take values from each other.
    fn is_needed(options: &ImportOptions) -> bool {
        has_ids(options) || options.add_to_corporate_phones
    }

    /// Whether the rows of this file take values from each other or from people of the company. If not, each row gets
    /// what it names, and the allotment is empty.
    pub fn is_needed_for(company: &Company, options: &ImportOptions, facts: &FileFacts) -> bool {
        let is_taken = |phone: &Phone| company.phones.contains_key(phone);
        let has_none = company.phones.is_empty();
        let is_apart =
            |phones: &[Phone]| !has_ids(options) && (has_none || !phones.iter().any(is_taken));
        Self::is_needed(options) && !facts.phones_apart().is_some_and(is_apart)
    }

    /// The values that all rows of a file get.
    pub(crate) fn allot_all(
        company: &Company,
        import: ImportId,
        options: &ImportOptions,
        placing: Option<&Placing>,
        rows: &[ParsedRow],
    ) -> Allotment {
        let mut builder = Self::default();
        if Self::is_needed(options) {
            builder.add_rows(company, import, options, placing, rows);
        }
        builder.allot()
    }

    /// Adds the next rows of an accepted file, as they would change the company.
    pub fn add(&mut self, company: &Company, import: ImportId, rows: &[ParsedRow]) {
        let Some(accepted) = company.imports.get(&import) else { return };
        self.add_rows(company, import, &accepted.options, accepted.placing.as_ref(), rows);
    }

    fn add_rows(
        &mut self,
        company: &Company,
        import: ImportId,
        options: &ImportOptions,
        placing: Option<&Placing>,
        rows: &[ParsedRow],
    ) {
        let mut rules = Rows::new(company, import, options, None).with_placing(placing);
        rules.seen = std::mem::take(&mut self.supervision.rows);
        rules.created = std::mem::take(&mut self.supervision.created);
        rules.values = std::mem::take(&mut self.values);
        let done = self.last_row;
        for row in rows.iter().filter(|row| row.row > done) {
            rules.events.clear();
            rules.apply(row);
            self.last_row = row.row;
            self.note(company, (import, options), row, &rules.events);
        }
        self.supervision.rows = std::mem::take(&mut rules.seen);
        self.supervision.created = std::mem::take(&mut rules.created);
        self.values = std::mem::take(&mut rules.values);
    }

    /// Notes what the row does to unique values, if it is applied.
    fn note(
        &mut self,
        company: &Company,
        (import, options): (ImportId, &ImportOptions),
        row: &ParsedRow,
        events: &[Event],
    ) {
        let mut after: Option<&Person> = None;
        let mut key = None;
        for event in events {
            match event {
                Event::RowRefused { user: Some(user), outcome: RowOutcome::Invalid, .. } => {
                    return self.note_invalid(company, row, user);
                }
                Event::RowRefused { .. } => return,
                Event::UserCreated { user, person, .. }
                | Event::UserUpdated { user, person, .. } => {
                    (key, after) = (Some(user), Some(&**person));
                }
                Event::RowUnchanged { user, .. }
                | Event::UserActivated { user, .. }
                | Event::UserDeactivated { user, .. } => key = Some(user),
                _ => {}
            }
        }
        let Some(key) = key else { return };
        let known = company.users.created(key.as_str());
        if row.values.archived {
            // Who was archived before the file has released all values. The rows of earlier commits are read again, so
            // a person may be archived by a row of this file.
            let left = company.imports.get(&import).map(|import| &import.left);
            let leaves = |(id, user): &(UserId, &User)| {
                user.state != UserState::Archived || left.is_some_and(|left| left.contains(id))
            };
            self.leaving.extend(known.filter(leaves).map(|(id, _)| id));
            return;
        }
        self.note_supervisor(company, row);
        let user = RowUser { company, row: row.row, line: row.line, known };
        if let Some(after) = after {
            self.note_ids(&user, after);
        }
        if options.add_to_corporate_phones {
            self.note_phone(&user, &row.values.phone.as_ref().map(|one| one.ok()), options);
        }
    }

    /// Notes that the row needs another row to create its supervisor.
    fn note_supervisor(&mut self, company: &Company, row: &ParsedRow) {
        if company.settings.reference_resolution != ReferenceResolution::TwoPass {
            return;
        }
        let Some(supervisor) = &row.values.supervisor else { return };
        if company.users.created(supervisor.key.as_str()).is_none() {
            let supervisor = supervisor.key.folded();
            self.supervision.supervised.push(Supervised { row: row.row, supervisor });
        }
    }

    /// A row that is invalid for another reason takes nothing. Its values are still judged, so that one report
    /// names all of its problems.
    fn note_invalid(&mut self, company: &Company, row: &ParsedRow, user: &UserKey) {
        if row.values.archived {
            return;
        }
        let own = company.users.created(user.as_str()).map(|(id, _)| id);
        let unique = row.values.attributes.iter().filter(|(name, _)| dialect::is_unique(name));
        for (name, cell) in unique {
            let CellValue::Value(value) = cell else { continue };
            let holder = company.holder(name, value).map(ValueHolder::new);
            if holder.is_none_or(|holder| Some(holder.id) != own) {
                let (mark, part) = (ValueMark::of(name, value), Part::Ids);
                self.invalid_takes.push(Take { mark, row: row.row, line: row.line, part, holder });
            }
        }
    }

    fn note_ids(&mut self, user: &RowUser<'_>, after: &Person) {
        let before = user.known.map(|(_, user)| user.person()).unwrap_or_default();
        let marks = |person: &Person| -> BTreeMap<ValueMark, (String, String)> {
            let of = |(name, value): (&str, &str)| {
                (ValueMark::of(name, value), (name.to_owned(), value.to_owned()))
            };
            unique_values(person).map(of).collect()
        };
        let (before, after) = (marks(&before), marks(after));
        for (mark, (name, value)) in after.iter().filter(|(mark, _)| !before.contains_key(mark)) {
            let holder = user.company.holder(name, value).map(ValueHolder::new);
            self.take(user, *mark, Part::Ids, holder);
        }
        for mark in before.keys().filter(|mark| !after.contains_key(mark)) {
            self.releases.insert(*mark, (user.row, Part::Ids));
        }
    }

    fn note_phone(
        &mut self,
        user: &RowUser<'_>,
        phone: &CellValue<Option<Phone>>,
        options: &ImportOptions,
    ) {
        let listed = user.known.map(|(_, user)| user.listed()).unwrap_or_default();
        let new = match (phone, options.blank_means) {
            (CellValue::Value(Some(phone)), _) => Some(*phone),
            (CellValue::Blank, BlankMeans::Clear) => None,
            _ => return,
        };
        if let Some(phone) = new.filter(|phone| listed.contains(phone)) {
            self.keeps.insert(phone_mark(phone), Rival { row: user.row, line: user.line });
        } else if let Some(phone) = new {
            let holder = user.company.phones.get(&phone);
            let holder = holder.and_then(|id| Some((*id, user.company.users.get(*id)?)));
            self.take(user, phone_mark(phone), Part::Phone, holder.map(ValueHolder::new));
        }
        let former = former_phones(user.company, listed, new);
        let releases = former.map(|phone| (phone_mark(phone), (user.row, Part::Phone)));
        self.releases.extend(releases);
    }

    fn take(
        &mut self,
        user: &RowUser<'_>,
        mark: ValueMark,
        part: Part,
        holder: Option<ValueHolder>,
    ) {
        let own = user.known.map(|(id, _)| id);
        let holder = holder.filter(|holder| Some(holder.id) != own);
        let RowUser { row, line, .. } = *user;
        self.takes.push(Take { mark, row, line, part, holder });
    }

    /// Decides which row gets which value.
    pub fn allot(mut self) -> Allotment {
        let leaving = std::mem::take(&mut self.leaving);
        for take in self.takes.iter_mut().chain(&mut self.invalid_takes) {
            take.holder = take.holder.filter(|one| !one.is_archived || leaving.contains(&one.id));
        }
        let mut allotment = Allotment { leaving, ..Allotment::default() };
        // A row that fails for its supervisor takes no value from others.
        let dependents = self.supervision.dependents();
        let mut failed = spread(self.supervision.unsupervised(), |row, more| {
            more.extend(dependents.get(&row).into_iter().flatten());
        });
        let takes = std::mem::take(&mut self.takes);
        let (invalid, takes): (Vec<_>, Vec<_>) =
            takes.into_iter().partition(|take| failed.contains(&take.row));
        self.takes = takes;
        self.invalid_takes.extend(invalid.into_iter().filter(|take| take.part == Part::Ids));
        self.releases.retain(|_, (row, _)| !failed.contains(row));
        let mut by_mark: HashMap<ValueMark, Vec<&Take>> = HashMap::new();
        self.takes.iter().for_each(|take| by_mark.entry(take.mark).or_default().push(take));
        let mut refused = Vec::new();
        for takes in by_mark.values() {
            refused.extend(share(takes, &mut allotment));
        }
        // A value stays where it is, if nothing releases it.
        let stays = |take: &&Take| take.holder.is_some() && !self.releases.contains_key(&take.mark);
        refused.extend(self.takes.iter().filter(stays).map(|take| (take.row, take.part)));
        let refused = self.with_dependents(refused, &by_mark, &dependents);
        let rows = refused.iter().filter(|(_, part)| *part == Part::Ids).map(|(row, _)| *row);
        failed.extend(rows);
        allotment.absent = self.supervision.absent(&failed);
        for take in &self.takes {
            let is_refused = refused.contains(&(take.row, take.part));
            if let Some(holder) = take.holder.filter(|_| !is_refused) {
                allotment.moves.insert((take.row, take.mark), holder.id);
            }
        }
        for (mark, takes) in &by_mark {
            let Some(keeper) = self.keeps.get(mark) else { continue };
            allotment.contested.extend(takes.iter().map(|take| ((take.row, *mark), *keeper)));
        }
        self.judge_invalid_takes(&refused, &by_mark, &mut allotment);
        allotment
    }

    /// Finds what the rows that are invalid for another reason would not get.
    fn judge_invalid_takes(
        &self,
        refused: &HashSet<(u64, Part)>,
        by_mark: &HashMap<ValueMark, Vec<&Take>>,
        allotment: &mut Allotment,
    ) {
        for take in &self.invalid_takes {
            let takes = by_mark.get(&take.mark).into_iter().flatten();
            let takes = takes.filter(|take| !refused.contains(&(take.row, take.part)));
            let is_released = self.releases.get(&take.mark).is_some_and(|by| !refused.contains(by));
            if let Some(rival) = takes.min_by_key(|take| take.row).map(|take| take.rival()) {
                allotment.contested.insert((take.row, take.mark), rival);
            } else if let Some(holder) = take.holder.filter(|_| !is_released) {
                allotment.kept.insert((take.row, take.mark), holder.id);
            }
        }
    }

    /// The refused parts, and the parts that need a value that a refused part would have released, or a supervisor that it
    /// would have created.
    fn with_dependents(
        &self,
        refused: Vec<(u64, Part)>,
        by_mark: &HashMap<ValueMark, Vec<&Take>>,
        dependents: &HashMap<u64, Vec<u64>>,
    ) -> HashSet<(u64, Part)> {
        let mut released: HashMap<(u64, Part), Vec<ValueMark>> = HashMap::new();
        for (mark, by) in &self.releases {
            released.entry(*by).or_default().push(*mark);
        }
        spread(refused, |(row, part), more| {
            if part == Part::Ids {
                // The row is not applied at all.
                more.push((row, Part::Phone));
                let supervised = dependents.get(&row).into_iter().flatten();
                more.extend(supervised.map(|row| (*row, Part::Ids)));
            }
            let marks = released.get(&(row, part)).into_iter().flatten();
            let takes = marks.filter_map(|mark| by_mark.get(mark)).flatten();
            let needy = takes.filter(|take| take.holder.is_some());
            more.extend(needy.map(|take| (take.row, take.part)));
        })
    }
}

/// Whether people of this dialect have values that no two of them may share, beside the corporate phone.
fn has_ids(options: &ImportOptions) -> bool {
    dialect::find(&options.dialect).is_some_and(|one| !one.unique().is_empty())
}

/// The user of a row, and the state before the row.
struct RowUser<'a> {
    company: &'a Company,
    row: u64,
    line: u64,
    known: Option<(UserId, &'a User)>,
}

/// The parts of these rows that do not get the value that all of them take. Each row names another one.
fn share(takes: &[&Take], allotment: &mut Allotment) -> Vec<(u64, Part)> {
    let first = takes.iter().min_by_key(|take| take.row);
    let (Some(first), true) = (first, takes.len() > 1) else { return Vec::new() };
    let second = takes.iter().filter(|take| take.row != first.row).min_by_key(|take| take.row);
    let Some(second) = second else { return Vec::new() };
    let mut refused = Vec::new();
    for take in takes {
        let is_first = take.row == first.row;
        let rival = if is_first { second.rival() } else { first.rival() };
        if take.part == Part::Ids || !is_first {
            allotment.contested.insert((take.row, take.mark), rival);
            refused.push((take.row, take.part));
        }
    }
    refused
}

#[cfg(test)]
mod spec;
mod supervision;
