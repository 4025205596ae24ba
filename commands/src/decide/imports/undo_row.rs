//! The rule for undoing one row of an import: taken back whole, or left as it is with the reason.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use crate::company::numbers::NumberOwner;
use crate::company::{
    Company, ImportState, RowEffect, Undo, User, UserId, UserSnapshot, UserState,
};
use crate::decide::numbers::pool::{released, too_few, waits_once_restored};
use crate::event::{Event, UndoOutcome};
use crate::values::{Code, ImportId, Personal, Time};

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
        Self { company, id, import, at, not_undone, later_members, moved, events }
    }

    /// Undoes the next row. Exactly one event records its outcome.
    pub(crate) fn undo(&mut self, effect: &RowEffect) {
        let known = self.company.users.created(effect.user.as_str());
        let (outcome, code) = match known {
            None => (UndoOutcome::Errored, Some(effect.errored.unwrap_or(Code::UserNotFound))),
            Some(_) if effect.errored.is_some() => (UndoOutcome::Errored, effect.errored),
            Some((id, user)) => {
                let kept = self.touched_since(effect, id, user);
                match kept.map_or_else(
                    || self.no_number(effect, id),
                    |code| Some((UndoOutcome::Kept, code)),
                ) {
                    Some((outcome, code)) => (outcome, Some(code)),
                    None => {
                        self.reverse(effect, user);
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
        (now != effect.after).then_some(Code::RowChangedSince)
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

    fn reverse(&mut self, effect: &RowEffect, user: &User) {
        let who = Personal(user.key());
        let RowEffect { before, after, .. } = effect;
        for phone in after.listed.iter().filter(|phone| !before.listed.contains(phone)) {
            let (phone, user) = (Personal(*phone), who.clone());
            self.events.push(Event::CorporatePhoneRemoved { phone, user });
        }
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
