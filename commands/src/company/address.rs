//! Where messages to a person go: to an e-mail address, or as texts to the number of a device.

use super::run::AddressMark;
use super::state::Company;
use super::user_id::UserId;
use super::users::User;
use crate::values::Phone;

/// Where messages to a person go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Address<'a> {
    /// The e-mail address on record. It may be malformed.
    Mail(&'a str),
    /// The number of an account that is a device.
    Device(Phone),
}

/// Never shows the address: it belongs to a person.
impl std::fmt::Debug for Address<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mail(_) => "Mail(***)",
            Self::Device(_) => "Device(***)",
        })
    }
}

impl Address<'_> {
    pub(crate) fn mark(self) -> AddressMark {
        match self {
            Self::Mail(email) => AddressMark::of(email),
            Self::Device(number) => AddressMark::of_device(number),
        }
    }
}

impl Company {
    /// The address of a person; none if the person has no e-mail address and is no device.
    pub fn address<'a>(&self, id: UserId, user: &'a User) -> Option<Address<'a>> {
        let device = || self.device(id, user).map(Address::Device);
        user.email().map(Address::Mail).or_else(device)
    }

    /// The number of an account that is a device: it has a phone in place of an e-mail address.
    pub fn device(&self, id: UserId, user: &User) -> Option<Phone> {
        let is_device = user.email().is_none() && self.numbers.is_account(id);
        user.phone.filter(|_| is_device)
    }
}
