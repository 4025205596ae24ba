//! The addresses of accounts: no two accounts share one.

use std::collections::HashMap;

use super::state::Company;
use super::user_id::UserId;
use super::users::{User, UserState};
use crate::values::{Phone, fold};

/// The address of an account, folded: its e-mail address, or the phone of its device. None if it has neither.
fn address(user: &User) -> Option<String> {
    let email = user.email().map(fold);
    email.or_else(|| user.phone.map(|phone| phone.to_string()))
}

impl Company {
    /// The account that has this address now, other than the named one. An archived account has released its address.
    ///
    /// It goes through all accounts.
    pub fn account_at(&self, address: &str, but: UserId) -> Option<&User> {
        let folded = fold(address);
        let mut others = self.accounts().filter(|(id, _)| *id != but);
        others.find(|(_, user)| self::address(user).as_ref() == Some(&folded)).map(|(_, user)| user)
    }

    /// The account that is meant: by its key, by the number of a device in any spelling, or by the address that it has
    /// now.
    pub fn account_meant(&self, given: &str) -> Option<(UserId, &User)> {
        let of_key =
            |key: &str| self.users.created(key).filter(|(id, _)| self.numbers.is_account(*id));
        let number = || Phone::parse(given).ok().map(|phone| phone.to_string());
        let of_address = || {
            let address = fold(&number().unwrap_or_else(|| given.to_owned()));
            self.accounts().find(|(_, user)| self::address(user).as_ref() == Some(&address))
        };
        of_key(given).or_else(|| of_key(&number()?)).or_else(of_address)
    }

    /// Another account that has the address of this account now.
    pub fn account_with_address_of(&self, id: UserId) -> Option<&User> {
        self.account_at(&address(self.users.get(id)?)?, id)
    }

    /// The accounts by their addresses, folded.
    pub fn account_addresses(&self) -> HashMap<String, UserId> {
        self.accounts().filter_map(|(id, user)| Some((address(user)?, id))).collect()
    }

    fn accounts(&self) -> impl Iterator<Item = (UserId, &User)> {
        let users = self.numbers.accounts().filter_map(|id| Some((id, self.users.get(id)?)));
        users.filter(|(_, user)| user.is_created() && user.state != UserState::Archived)
    }
}
