//! The rules that the commands of the number pool share: reading, owners, assignment, release.

#[cfg(test)]
mod laws;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::company::numbers::{NumberOwner, pending, pending_once_restored};
use crate::company::{Company, Number, NumberState, Stock, User, UserId, UserState};
use crate::decide::rule::{Context, Decision};
use crate::event::Event;
use crate::values::{Code, InvitationId, Personal, Phone, Refusal, Time};

/// The most numbers that one command may name. Each becomes an event, and a commit has room for 1,600 of them.
pub const MAX_NUMBERS: usize = 1_000;

/// Reads numbers as people write them. Returns each number once, in their order.
///
/// # Errors
/// `envelope.malformed` for none or too many; `phone.*` with the place in the list, from 1.
pub(crate) fn read(company: &Company, texts: &[Personal<String>]) -> Result<Vec<Phone>, Refusal> {
    if texts.is_empty() || texts.len() > MAX_NUMBERS {
        let details = json!({"limit": MAX_NUMBERS, "actual": texts.len()});
        let refusal = Refusal::new(Code::EnvelopeMalformed);
        return Err(refusal.saying("numbers: name 1 to 1000 of them").with(details));
    }
    let mut numbers = Vec::with_capacity(texts.len());
    let mut named = BTreeSet::new();
    for (text, place) in texts.iter().zip(1..) {
        let number = read_one(company, text).map_err(|refusal| at(place, refusal))?;
        if named.insert(number) {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

/// Reads a number as people write it.
///
/// # Errors
/// `phone.*`.
pub(crate) fn read_one(company: &Company, text: &str) -> Result<Phone, Refusal> {
    Ok(Phone::read(text, company.settings.assume_plus)?.phone)
}

/// Adds the place of the refused number in its list, from 1. The number itself is personal data and is left out.
pub(crate) fn at(place: usize, refusal: Refusal) -> Refusal {
    let mut details = refusal.details.as_object().cloned().unwrap_or_default();
    details.insert("place".to_owned(), json!(place));
    refusal.with(details.into())
}

/// The state of a number in the pool.
///
/// # Errors
/// `number.not_in_pool`.
pub(crate) fn find(company: &Company, number: Phone) -> Result<&Number, Refusal> {
    company.numbers.get(number).ok_or_else(|| Code::NumberNotInPool.into())
}

/// Checks that the company has this org unit.
///
/// # Errors
/// `org_unit.not_found`, with the name.
pub(crate) fn check_org_unit(company: &Company, name: &str) -> Result<(), Refusal> {
    if company.org_units.contains_key(name) {
        return Ok(());
    }
    let refusal = Refusal::new(Code::OrgUnitNotFound).with(json!({"org_units": [name]}));
    Err(refusal.hinting(name, company.org_units.keys().map(String::as_str)))
}

/// Checks that the company has this group of user permissions.
///
/// # Errors
/// `permission_group.not_found`, with the name.
pub(crate) fn check_permission_group(company: &Company, name: &str) -> Result<(), Refusal> {
    if company.permission_groups.contains_key(name) {
        return Ok(());
    }
    let refusal = Refusal::new(Code::PermissionGroupNotFound);
    let known = company.permission_groups.keys().map(String::as_str);
    Err(refusal.hinting(name, known).with(json!({"permission_group": name})))
}

/// The refusal `number.not_available`, with the state of the number.
pub(crate) fn not_available(state: &NumberState) -> Refusal {
    let state = state.as_str();
    Refusal::new(Code::NumberNotAvailable).saying(state).with(json!({"state": state}))
}

/// The refusal `number.in_use`, which names the account and its number.
pub(crate) fn in_use(company: &Company, number: Phone) -> Refusal {
    let refusal = Refusal::new(Code::NumberInUse);
    let holder = company.numbers.get(number).and_then(|known| known.state.user());
    let Some(user) = holder.and_then(|id| company.users.get(id)) else { return refusal };
    let (who, number) = (user.key(), number.masked());
    let words = format!("{} has the number {number}; release it first.", who.as_str());
    refusal.worded(words).with(json!({"user": who}))
}

/// The owners above an organization, the nearest first and the company's own stock last.
pub(crate) fn above(company: &Company, org_unit: &str) -> Vec<NumberOwner> {
    let parent = |name: &str| company.org_units.get(name).and_then(|unit| unit.parent.as_deref());
    let chain = std::iter::successors(parent(org_unit), |name| parent(name));
    let mut owners: Vec<NumberOwner> =
        chain.map(|name| company.numbers.owner(Some(name))).collect();
    owners.push(None);
    owners
}

/// The number of unpromised numbers of an owner.
pub(crate) fn spare(company: &Company, owner: &NumberOwner) -> u64 {
    company.numbers.stock(owner).spare(company.settings.number_overbooking)
}

/// The refusal if an account may not have this number. `taken` numbers of its owner were assigned before in this commit.
///
/// A number of the company's own stock may be assigned, and is then allocated to the account's organization. As many
/// numbers as are promised to pending invitations of other accounts must stay.
pub(crate) fn why_not(
    company: &Company,
    number: Phone,
    tag: Option<&str>,
    org_unit: Option<&str>,
    user: Option<UserId>,
    taken: u64,
) -> Option<Refusal> {
    let Some(known) = company.numbers.get(number) else {
        return Some(Code::NumberNotInPool.into());
    };
    let is_free = match &known.state {
        NumberState::Available => true,
        NumberState::Reserved { tag: held } => tag == Some(held),
        NumberState::Assigned { .. }
        | NumberState::Registered { .. }
        | NumberState::Cooling { .. } => false,
    };
    if known.owner.is_some() && known.owner.as_deref() != org_unit {
        return Some(Code::NumberAllocatedToOtherOrg.into());
    }
    if leaver(company, known).is_some() {
        // No other account waits for this number, so no promise is broken.
        return None;
    }
    if !is_free {
        return Some(not_available(&known.state));
    }
    let same = known.owner.as_deref() == org_unit;
    let promised = same && user.is_some_and(|user| company.numbers.is_waiting(user));
    let left = spare(company, &known.owner) + u64::from(promised);
    (left <= taken).then(|| Code::NumberNoneAvailable.into())
}

/// The archived person who has the number. People archived before archiving released the number still have it.
fn leaver<'c>(company: &'c Company, number: &Number) -> Option<&'c User> {
    let user = company.users.get(number.state.user()?)?;
    (user.state == UserState::Archived).then_some(user)
}

/// The events that assign a number. A number of an archived person is released first. A number of the company's own
/// stock is first allocated to the organization.
pub(crate) fn assigned(
    company: &Company,
    number: Phone,
    org_unit: Option<&str>,
    event: Event,
) -> Vec<Event> {
    let known = company.numbers.get(number);
    let released = known.and_then(|known| leaver(company, known)).map(|user| {
        let (number, user) = (Personal(number), Personal(user.key()));
        Event::NumberReleased { number, user, cooling_until: None }
    });
    let owner = known.and_then(|known| known.owner.as_deref());
    let moved = org_unit.filter(|org_unit| owner != Some(org_unit));
    let moved = moved.map(|org_unit| Event::NumberAllocated {
        number: Personal(number),
        org_unit: org_unit.to_owned(),
    });
    released.into_iter().chain(moved).chain([event]).collect()
}

/// The most numbers that one commit makes available again after cooling.
pub(crate) const MAX_COOLED: usize = 500;

/// The events that make cooled numbers available again.
pub(crate) fn cooled(company: &Company, now: Time) -> Vec<Event> {
    let over = company.numbers.cooling().take_while(|(until, _)| *until <= now);
    over.take(MAX_COOLED)
        .map(|(_, number)| Event::NumberCooled { number: Personal(number) })
        .collect()
}

/// Decides as if a `Tick` came before: numbers whose cooling time is over are available. The commit begins with the
/// events that make them available.
pub(crate) fn with_cooled(
    company: &Company,
    context: &Context<'_>,
    rule: impl FnOnce(&Company) -> Result<Decision, Refusal>,
) -> Result<Decision, Refusal> {
    let cooled = cooled(company, context.at);
    if cooled.is_empty() {
        return rule(company);
    }
    let mut decision = rule(&company.after(context.at, context.actor, &cooled))?;
    if let Decision::Append { events, .. } = &mut decision {
        events.splice(0..0, cooled);
    }
    Ok(decision)
}

/// The release of a number, at a time.
pub(crate) fn released(company: &Company, number: Phone, user: &User, at: Time) -> Event {
    let rest = company.settings.number_cooling_seconds;
    let cooling_until = (rest > 0).then(|| at.plus_seconds(rest));
    Event::NumberReleased { number: Personal(number), user: Personal(user.key()), cooling_until }
}

/// Releases the number of a person who has not linked, when invitations end. It stays if the person has another
/// open invitation.
pub(crate) fn released_with(
    company: &Company,
    id: UserId,
    user: &User,
    ended: &BTreeSet<InvitationId>,
    at: Time,
) -> Option<Event> {
    let number = company.numbers.of(id)?;
    let state = &company.numbers.get(number)?.state;
    let has_other = pending(user).any(|invitation| !ended.contains(&invitation.id));
    let is_released = matches!(state, NumberState::Assigned { .. }) && !has_other;
    is_released.then(|| released(company, number, user, at))
}

/// Whether an archived person waits for a number again once restored.
pub(crate) fn waits_once_restored(company: &Company, id: UserId, user: &User) -> bool {
    let numbers = &company.numbers;
    let is_open = pending_once_restored(user).next().is_some();
    numbers.is_account(id) && numbers.of(id).is_none() && is_open
}

/// The numbers promised to invitations of one commit. Each owner must have enough for all of them.
#[derive(Debug, Default)]
pub(crate) struct Promises(BTreeMap<NumberOwner, u64>);

impl Promises {
    /// Promises an account a number of its organization, to be chosen when the account is activated. Nothing
    /// is promised to an account that has a number or a promise, or to a person without an account.
    ///
    /// # Errors
    /// `number.none_available`, as what a recipient fails with.
    pub(crate) fn make(&mut self, company: &Company, id: UserId) -> Result<(), Code> {
        let numbers = &company.numbers;
        if !numbers.is_account(id) || numbers.of(id).is_some() || numbers.is_waiting(id) {
            return Ok(());
        }
        let owner = company.users.get(id).and_then(|user| user.org_unit.clone());
        let made = self.0.entry(owner.clone()).or_default();
        let kept = if company.settings.number_overbooking { 0 } else { *made };
        if spare(company, &owner) <= kept {
            return Err(Code::NumberNoneAvailable);
        }
        *made += 1;
        Ok(())
    }
}

/// The vendor's message for accounts that cannot be moved.
pub const CANNOT_MOVE: &str = "Unable to move account(s). You do not have enough numbers available in the selected organization";

/// Why accounts cannot be moved into an organization with this stock, if so. `needed` is the number of pending
/// invitations without a number; all accounts move or none.
pub fn too_few(needed: u64, stock: Stock, overbooking: bool) -> Option<Refusal> {
    let available = stock.spare(overbooking);
    let details = json!({"needed": needed, "available": available});
    let code = Code::NumberInsufficientInDestination;
    (needed > available).then(|| Refusal { code, message: CANNOT_MOVE.to_owned(), details })
}

#[cfg(test)]
pub(crate) mod testing {
    use serde_json::Value;

    use crate::event::{Event, Person};
    use crate::values::{Personal, Phone};

    use crate::decide::testing::who;

    pub(crate) fn number(n: u64) -> Phone {
        Phone::parse(&format!("+1212555{n:04}")).unwrap()
    }

    pub(crate) fn texts(ns: &[u64]) -> Vec<Personal<String>> {
        ns.iter().map(|n| Personal(number(*n).to_string())).collect()
    }

    pub(crate) fn number_added(n: u64, org_unit: Option<&str>) -> Event {
        Event::NumberAdded { number: Personal(number(n)), org_unit: org_unit.map(str::to_owned) }
    }

    pub(crate) fn assigned(n: u64, user: &str) -> Event {
        Event::NumberAssigned { number: Personal(number(n)), user: who(user), import: None }
    }

    pub(crate) fn unit(name: &str, parent: Option<&str>) -> Event {
        let parent = parent.map(str::to_owned);
        Event::OrgUnitDefined {
            org_unit: name.to_owned(),
            parent,
            level: None,
            roles: vec![],
            default_permission_group: None,
        }
    }

    pub(crate) fn setting(name: &str, value: Value) -> Event {
        Event::CompanyConfigChanged { setting: name.to_owned(), value }
    }

    /// An active user of an organization.
    pub(crate) fn user_of(key: &str, org_unit: &str) -> Event {
        let email = Some(format!("{key}@acme.example"));
        Event::UserCreated {
            user: who(key),
            person: Personal(Person { email, ..Person::default() }),
            org_unit: Some(org_unit.to_owned()),
            roles: vec![],
            active: true,
            row: None,
        }
    }

    /// An account of an organization.
    pub(crate) fn account(key: &str, org_unit: &str) -> [Event; 2] {
        [user_of(key, org_unit), Event::AccountOpened { user: who(key), import: None }]
    }
}
