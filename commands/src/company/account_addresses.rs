//! The addresses of accounts: no two accounts share one.

use super::run::AddressMark;
use super::state::Company;
use super::user_id::UserId;
use super::users::{User, UserState};
use crate::values::{Phone, fold};

/// The address of an account, folded: its e-mail address, or the phone of its device. None if it has neither.
fn address(user: &User) -> Option<String> {
    let email = user.email().map(fold);
    email.or_else(|| user.phone.map(|phone| phone.to_string()))
}

/// The usual spelling of a phone number. None if the text is no number.
fn number(given: &str) -> Option<String> {
    Phone::parse(given).ok().map(|phone| phone.to_string())
}

impl Company {
    /// The account that has this address now, other than the named one. An archived account has released its address.
    pub fn account_at(&self, address: &str, but: UserId) -> Option<&User> {
        let mut others = self.accounts_at(address).filter(|(id, _)| *id != but);
        others.next().map(|(_, user)| user)
    }

    /// The account that is meant: by its key, by the number of a device in any spelling, or by the address that it has
    /// now.
    pub fn account_meant(&self, given: &str) -> Option<(UserId, &User)> {
        let found = self.user_meant(given);
        found.filter(|(id, _)| self.numbers.is_account(*id)).or_else(|| self.at_address(given))
    }

    /// The user that is meant: by the key, by a key that is a number in any spelling, or an account by the address that
    /// it has now. An archived account has released its address, so its key gives way to an account that has it now.
    pub fn user_meant(&self, given: &str) -> Option<(UserId, &User)> {
        let by_number = || self.users.created(&number(given)?);
        let of_key = self.users.created(given).or_else(by_number);
        let is_archived = |(_, user): &(UserId, &User)| user.state == UserState::Archived;
        of_key.filter(|one| !is_archived(one)).or_else(|| self.at_address(given)).or(of_key)
    }

    /// The account that has this address now, a number in any spelling.
    fn at_address(&self, given: &str) -> Option<(UserId, &User)> {
        self.accounts_at(&number(given).unwrap_or_else(|| given.to_owned())).next()
    }

    /// The key of the user that is meant. What is given, if there is no such user.
    pub(crate) fn key_meant(&self, given: &str) -> String {
        let known = self.user_meant(given);
        known.map_or_else(|| given.to_owned(), |(_, user)| user.key().as_str().to_owned())
    }

    /// Another account that has the address of this account now.
    pub fn account_with_address_of(&self, id: UserId) -> Option<&User> {
        self.account_at(&address(self.users.get(id)?)?, id)
    }

    /// The accounts that have this address now. There is one at most, but histories of older programs may have more.
    pub fn accounts_at(&self, address: &str) -> impl Iterator<Item = (UserId, &User)> {
        let folded = fold(address);
        let mark = AddressMark::of(&folded);
        let of_key = self.users.created(&folded).map(|(id, _)| id);
        let others = self.readdressed.range((mark, UserId(0))..);
        let others = others.take_while(move |(other, _)| *other == mark).map(|(_, id)| *id);
        let ids = others.chain(of_key);
        let accounts = ids.filter_map(|id| Some((id, self.account(id)?)));
        accounts.filter(move |(_, user)| self::address(user).as_ref() == Some(&folded))
    }

    /// The account, unless it is archived.
    fn account(&self, id: UserId) -> Option<&User> {
        let user = self.users.get(id).filter(|_| self.numbers.is_account(id))?;
        (user.is_created() && user.state != UserState::Archived).then_some(user)
    }

    /// Forgets the address of an account, before it may change.
    pub(super) fn forget_address(&mut self, id: UserId) {
        if let Some(mark) = self.other_address(id) {
            self.readdressed.remove(&(mark, id));
        }
    }

    /// Remembers the address of an account, if it is another one than its key.
    pub(super) fn remember_address(&mut self, id: UserId) {
        self.readdressed.extend(self.other_address(id).map(|mark| (mark, id)));
    }

    /// The mark of the address of an account, if it is another one than its key.
    fn other_address(&self, id: UserId) -> Option<AddressMark> {
        let user = self.users.get(id).filter(|_| self.numbers.is_account(id))?;
        let address = address(user).filter(|address| *address != user.key().folded())?;
        Some(AddressMark::of(&address))
    }
}

#[cfg(test)]
mod tests {
    use crate::decide::numbers::pool::testing::{account, unit};
    use crate::decide::testing::{given, who};
    use crate::event::{Event, Person};
    use crate::values::Personal;

    /// An account is found by the address that it has now, not by those that it had.
    #[test]
    fn account_is_found_by_its_present_address() {
        let moved = |email: &str| Event::UserUpdated {
            user: who("ann"),
            person: Personal(Person { email: Some(email.to_owned()), ..Person::default() }),
            org_unit: None,
            roles: vec![],
            changed: vec![],
            row: None,
        };
        let start: Vec<_> =
            std::iter::once(unit("EMEA", None)).chain(account("ann", "EMEA")).collect();
        let steps = [moved("Ann.Lee@acme.example"), moved("al@acme.example")];
        let company = given(start.iter().cloned().chain(steps)).0;
        let found = |address: &str| company.accounts_at(address).count();
        assert_eq!((found("AL@acme.example"), found("ann.lee@acme.example")), (1, 0));
        assert_eq!(company.readdressed.len(), 1);
        let archived = Event::UserArchived { user: who("ann") };
        let company = given(start.into_iter().chain([moved("al@acme.example"), archived])).0;
        assert_eq!(company.accounts_at("al@acme.example").count(), 0, "it released its address");
    }

    #[test]
    fn device_is_found_by_its_number_in_any_spelling() {
        use crate::decide::testing::device_account;
        let key = "+84923448071";
        let company = given(device_account(key)).0;
        for spelling in ["+84923448071", "+84 92 344 8071"] {
            assert_eq!(company.key_meant(spelling), key);
            assert!(company.account_meant(spelling).is_some(), "{spelling}");
            assert_eq!(company.accounts_at(key).count(), 1);
        }
        assert_eq!(company.key_meant("no number"), "no number");
    }

    /// An archived account has released its address.
    #[test]
    fn address_means_its_present_account_before_an_archived_key() {
        let mail_of = |key: &str, email: &str| Event::UserUpdated {
            user: who(key),
            person: Personal(Person { email: Some(email.to_owned()), ..Person::default() }),
            org_unit: None,
            roles: vec![],
            changed: vec![],
            row: None,
        };
        let address = "old@acme.example";
        let mut events = vec![unit("EMEA", None)];
        events.extend(account(address, "EMEA").into_iter().chain(account("bob", "EMEA")));
        let company = given(events.clone()).0;
        assert_eq!(company.key_meant(address), address);
        let archived = Event::UserArchived { user: who(address) };
        events.extend([archived, mail_of("bob", address)]);
        assert_eq!(given(events).0.key_meant(address), "bob");
    }
}
