//! The rule for undoing one row of an import: taken back whole, or left as it is with the reason.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use crate::company::numbers::NumberOwner;
use crate::company::{
    Company, ImportState, RowEffect, Undo, User, UserId, UserSnapshot, UserState, ValueMark,
};
use crate::decide::imports::rows::{attributes_changed, phone_mark};
use crate::decide::numbers::pool::{released, too_few, waits_once_restored};
use crate::dialect::unique_values;
use crate::event::{Event, UndoOutcome};
use crate::values::{Code, ImportId, Personal, Phone, Time, UserKey};

/// Rows of one commit that are undone.
#[derive(Debug)]
pub(crate) struct Reversals<'a> {
    company: &'a Company,
    id: ImportId,
    import: &'a ImportState,
    at: Time,
    /// The other imports that were not undone, by ordinal.
    not_undone: HashSet<u32>,
    /// The people of the later ones among them, computed on demand.
    later_members: OnceCell<HashSet<UserId>>,
    /// Who waits for a number and goes back to another organization in this commit, by where to.
    moved: HashMap<NumberOwner, u64>,
    /// The last row of this commit.
    last_row: u64,
    /// Who gives values back in this commit.
    reversing: HashSet<UserId>,
    /// The corporate phones and ids that this commit has moved, each with its user now.
    placed: HashMap<ValueMark, UserId>,
    /// Whose rows this commit has reversed: `company` shows the values that they had before.
    reversed: HashSet<UserId>,
    pub(crate) events: Vec<Event>,
}

impl<'a> Reversals<'a> {
    pub(crate) fn new(
        company: &'a Company,
        id: ImportId,
        import: &'a ImportState,
        at: Time,
    ) -> Self {
        let not_undone = company.imports.values().filter(|one| one.undo == Undo::No);
        let not_undone = not_undone.map(|one| one.ordinal).collect();
        let (later_members, moved, events) = (OnceCell::new(), HashMap::new(), Vec::new());
        let (reversing, placed, reversed) = (HashSet::new(), HashMap::new(), HashSet::new());
        Self {
            company,
            id,
            import,
            at,
            not_undone,
            later_members,
            moved,
            last_row: 0,
            reversing,
            placed,
            reversed,
            events,
        }
    }

    /// Undoes the next row. Exactly one event records its outcome.
    pub(crate) fn undo(&mut self, effect: &RowEffect) {
        let known = self.company.users.created(effect.user.as_str());
        let (outcome, code) = match known {
            None => (UndoOutcome::Errored, Some(effect.errored.unwrap_or(Code::UserNotFound))),
            Some(_) if effect.errored.is_some() => (UndoOutcome::Errored, effect.errored),
            Some((id, user)) => {
                let kept =
                    self.touched_since(effect, id, user).or_else(|| self.taken_since(effect, id));
                match kept.map_or_else(
                    || self.no_number(effect, id),
                    |code| Some((UndoOutcome::Kept, code)),
                ) {
                    Some((outcome, code)) => (outcome, Some(code)),
                    None => {
                        self.reverse(effect, id, user);
                        (UndoOutcome::Reversed, None)
                    }
                }
            }
        };
        let user = Personal(effect.user.clone());
        self.events.push(Event::RowUndone {
            import: self.id,
            row: effect.row,
            user,
            outcome,
            code,
        });
    }

    /// What has happened to the person since the row, if anything has.
    fn touched_since(&self, effect: &RowEffect, id: UserId, user: &User) -> Option<Code> {
        if self.is_named_since(id, user) {
            return Some(Code::RowNamedSince);
        }
        let now = UserSnapshot::of(self.company, &effect.user);
        if now.contact != effect.after.contact {
            return Some(Code::RowInvitedSince);
        }
        let expected = self.without_returned(effect, &now, id);
        (now != expected).then_some(Code::RowChangedSince)
    }

    /// Whether a later import that is not undone names the person, even if it changed nothing.
    fn is_named_since(&self, id: UserId, user: &User) -> bool {
        let (ordinal, _) = user.seen;
        if ordinal == self.import.ordinal {
            return false;
        }
        self.not_undone.contains(&ordinal) || self.later_members().contains(&id)
    }

    fn later_members(&self) -> &HashSet<UserId> {
        self.later_members.get_or_init(|| {
            let later =
                |one: &&ImportState| one.ordinal > self.import.ordinal && one.undo == Undo::No;
            let members = self.company.imports.values().filter(later).flat_map(|one| &one.members);
            members.copied().collect()
        })
    }

    /// A waiting person moves back only if a number is available there.
    fn no_number(&mut self, effect: &RowEffect, id: UserId) -> Option<(UndoOutcome, Code)> {
        let RowEffect { before, after, .. } = effect;
        let numbers = &self.company.numbers;
        let goes_back = before.state.is_some() && before.org_unit != after.org_unit;
        let comes_back = before.state.is_some() && before.state != after.state;
        let waits_again = || {
            let user = self.company.users.get(id)?;
            Some(comes_back && waits_once_restored(self.company, id, user))
        };
        let waits = if after.state == Some(UserState::Archived) {
            waits_again().unwrap_or(false)
        } else {
            goes_back && numbers.is_waiting(id)
        };
        if !waits {
            return None;
        }
        let owner = numbers.owner(before.org_unit.as_deref());
        let stock = numbers.stock(&owner);
        let overbooking = self.company.settings.number_overbooking;
        let moved = self.moved.entry(owner).or_default();
        let needed = if overbooking { 1 } else { *moved + 1 };
        if too_few(needed, stock, overbooking).is_some() {
            return Some((UndoOutcome::Errored, Code::NumberInsufficientInDestination));
        }
        *moved += 1;
        None
    }

    fn reverse(&mut self, effect: &RowEffect, id: UserId, user: &User) {
        let who = Personal(user.key());
        let RowEffect { before, after, .. } = effect;
        for phone in after.listed.iter().filter(|phone| !before.listed.contains(phone)) {
            let is_own = self.company.phones.get(phone) == Some(&id);
            if is_own && !self.placed.contains_key(&phone_mark(*phone)) {
                let (number, user) = (Personal(*phone), who.clone());
                self.events.push(Event::CorporatePhoneRemoved { phone: number, user });
                self.return_phone(effect, *phone);
            }
        }
        self.take_back(effect, id, &who);
        self.reversed.insert(id);
        self.give_back_number(effect, user);
        if before.state.is_none() {
            return self.events.push(Event::UserRemoved { user: who });
        }
        let changed = differing(before, after);
        if !changed.is_empty() {
            let UserSnapshot { person, org_unit, roles, .. } = before.clone();
            let (user, person) = (who.clone(), Personal(person));
            self.events.push(Event::UserUpdated {
                user,
                person,
                org_unit,
                roles,
                changed,
                row: None,
            });
        }
        let mut stands = after.state;
        if stands == Some(UserState::Archived) && before.state != stands {
            self.events.push(Event::UserRestored { user: who.clone() });
            stands = Some(UserState::Active);
        }
        if before.state != stands {
            self.events.push(match before.state {
                Some(UserState::Active) => Event::UserActivated { user: who, row: None },
                _ => Event::UserDeactivated { user: who, row: None },
            });
        }
    }

    /// Gives a phone back to the archived person that the row took it from. A person whose own row is reversed gets it
    /// by that.
    fn return_phone(&mut self, effect: &RowEffect, phone: Phone) {
        let Some(taken) = effect.taken.iter().find(|taken| taken.phone == phone) else { return };
        let known = self.company.users.created(taken.from.as_str());
        let Some((id, user)) = known else { return };
        if user.state == UserState::Archived && !self.reversing.contains(&id) {
            self.placed.insert(phone_mark(phone), id);
            let (phone, user) = (Personal(phone), Personal(user.key()));
            let import = (!taken.by_hand).then_some(self.id);
            self.events.push(Event::CorporatePhoneAdded { phone, user, import });
        }
    }

    /// The state after the row, without the values that an undone row has taken back since.
    fn without_returned(&self, effect: &RowEffect, now: &UserSnapshot, id: UserId) -> UserSnapshot {
        let mut expected = effect.after.clone();
        let is_others = |holder: Option<UserId>| holder.is_some_and(|holder| holder != id);
        expected.listed.retain(|phone| {
            now.listed.contains(phone) || !is_others(self.company.phones.get(phone).copied())
        });
        let gone: Vec<String> = unique_values(&effect.after.person)
            .filter(|(name, _)| !now.person.attributes.contains_key(*name))
            .filter(|(name, value)| {
                is_others(self.company.holder(name, value).map(|(holder, _)| holder))
            })
            .map(|(name, _)| name.to_owned())
            .collect();
        gone.iter().for_each(|name| drop(expected.person.attributes.remove(name)));
        expected
    }

    /// Whether a later commit of this undo comes to the user's row.
    fn comes_later(&self, id: UserId) -> bool {
        let user = self.company.users.get(id);
        let row = user.and_then(|user| self.import.row_of(id, user));
        row.is_some_and(|row| u64::from(row) > self.last_row)
    }

    /// Notes which of these rows will be reversed: their users give back what they took from each other.
    pub(crate) fn foresee(&mut self, effects: &[&RowEffect]) {
        self.last_row = effects.iter().map(|effect| effect.row).max().unwrap_or_default();
        let known = |effect: &&RowEffect| self.company.users.created(effect.user.as_str());
        let untouched = |effect: &&RowEffect| {
            let (id, user) = known(effect)?;
            self.touched_since(effect, id, user).is_none().then_some(id)
        };
        self.reversing = effects.iter().filter_map(untouched).collect();
        loop {
            let kept = |effect: &&RowEffect| {
                let (id, _) = known(effect)?;
                self.taken_since(effect, id).map(|_| id)
            };
            let kept: HashSet<_> = effects.iter().filter_map(kept).collect();
            let before = self.reversing.len();
            self.reversing = self.reversing.difference(&kept).copied().collect();
            if self.reversing.len() == before {
                return;
            }
        }
    }

    /// Why a value cannot return to the user: another user has it and keeps it.
    fn taken_since(&self, effect: &RowEffect, id: UserId) -> Option<Code> {
        let keeps = |holder: UserId| {
            holder != id && !self.reversing.contains(&holder) && !self.comes_later(holder)
        };
        let phone = |phone: &Phone| self.company.phones.get(phone).copied().is_some_and(keeps);
        if released_phones(effect).any(|one| phone(&one)) {
            return Some(Code::PhoneAlreadyProvisioned);
        }
        let holder = |name, value| self.company.holder(name, value).map(|(holder, _)| holder);
        let taken =
            released_ids(effect).any(|(name, value)| holder(name, value).is_some_and(keeps));
        if taken {
            return Some(Code::FieldNotUnique);
        }
        self.replaced(effect, id)
    }

    /// Why an archived user cannot come back: a user that this import does not name has taken a value or the phone.
    fn replaced(&self, effect: &RowEffect, id: UserId) -> Option<Code> {
        let archived = Some(UserState::Archived);
        let archives = effect.after.state == archived && effect.before.state != archived;
        let is_other = |(by, user): (UserId, &User)| {
            by != id && user.state != UserState::Archived && self.import.row_of(by, user).is_none()
        };
        let person = &effect.before.person;
        let mut holders =
            unique_values(person).filter_map(|(name, value)| self.company.holder(name, value));
        if archives && holders.any(is_other) {
            return Some(Code::FieldNotUnique);
        }
        let owner = person.phone.and_then(|phone| self.company.phones.get(&phone));
        let owner = owner.and_then(|by| Some((*by, self.company.users.get(*by)?)));
        (archives && owner.is_some_and(is_other)).then_some(Code::PhoneAlreadyProvisioned)
    }

    /// Whether the row of the phone's user, as `company` shows it, is reversed already.
    fn has_reversed(&self, phone: Phone) -> bool {
        self.company.phones.get(&phone).is_some_and(|id| self.reversed.contains(id))
    }

    /// Takes the values that return to the user from their present holders.
    fn take_back(&mut self, effect: &RowEffect, id: UserId, who: &Personal<UserKey>) {
        for phone in released_phones(effect) {
            let holder = self.company.phones.get(&phone).and_then(|id| self.company.users.get(*id));
            if let Some(holder) = holder.filter(|_| !self.has_reversed(phone)) {
                let user = Personal(holder.key());
                self.events.push(Event::CorporatePhoneRemoved { phone: Personal(phone), user });
            }
            self.placed.insert(phone_mark(phone), id);
            let (phone, user, import) = (Personal(phone), who.clone(), Some(self.id));
            self.events.push(Event::CorporatePhoneAdded { phone, user, import });
        }
        for (name, value) in released_ids(effect) {
            let mark = ValueMark::of(name, value);
            let Some((holder_id, holder)) = self.company.holder(name, value) else { continue };
            if holder_id == id
                || self.reversed.contains(&holder_id)
                || self.placed.insert(mark, id).is_some()
            {
                continue;
            }
            let mut person = holder.person();
            person
                .attributes
                .retain(|name, value| !self.placed.contains_key(&ValueMark::of(name, value)));
            self.events.push(attributes_changed(holder, person));
        }
    }

    /// Releases the number that the row assigned, and returns it to its origin.
    fn give_back_number(&mut self, effect: &RowEffect, user: &User) {
        let Some(number) = effect.after.number.filter(|_| effect.before.number.is_none()) else {
            return;
        };
        self.events.push(released(self.company, number, user, self.at));
        let owner = self.company.numbers.get(number).and_then(|known| known.owner.as_deref());
        if effect.from_stock && owner == effect.after.org_unit.as_deref() {
            let (number, org_unit) = (Personal(number), None);
            self.events.push(Event::NumberWithdrawn { number, org_unit });
        }
    }
}

/// The corporate phones that the row took off the list.
fn released_phones(effect: &RowEffect) -> impl Iterator<Item = Phone> {
    let RowEffect { before, after, .. } = effect;
    before.listed.iter().copied().filter(|phone| !after.listed.contains(phone))
}

/// The unique values that the row took from its user.
fn released_ids(effect: &RowEffect) -> impl Iterator<Item = (&str, &str)> {
    let after = &effect.after.person.attributes;
    let released =
        |(name, value): &(&str, &str)| after.get(*name).map(String::as_str) != Some(*value);
    unique_values(&effect.before.person).filter(released)
}

/// The names of the values that differ, as in `UserUpdated`.
fn differing(before: &UserSnapshot, after: &UserSnapshot) -> Vec<String> {
    let (old, new) = (&before.person, &after.person);
    let differs = [
        ("first_name", old.first_name != new.first_name),
        ("last_name", old.last_name != new.last_name),
        ("email", old.email != new.email),
        ("phone", old.phone != new.phone),
        ("org_unit", before.org_unit != after.org_unit),
        ("roles", before.roles != after.roles),
        ("attributes", old.attributes != new.attributes),
    ];
    let names = differs.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name);
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
