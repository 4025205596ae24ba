//! `RemoveCorporatePhone`: takes a phone number off the list.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Phone, Refusal};

/// Takes a phone number off the list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveCorporatePhone {
    pub phone: Personal<String>,
}

impl Decide for RemoveCorporatePhone {
    const NEEDS: Option<Permission> = Some(Permission::BulkImportUsers);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let phone = Phone::read(&self.phone, company.settings.assume_plus)?.phone;
        let owner = company
            .phones
            .get(&phone)
            .and_then(|id| company.users.get(*id))
            .ok_or(Code::PhoneNotFound)?;
        let user = Personal(owner.key());
        Ok(Decision::append(vec![Event::CorporatePhoneRemoved { phone: Personal(phone), user }]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, phone, phone_added, user_created};

    #[test]
    fn a_listed_phone_is_removed_once() {
        let remove = || RemoveCorporatePhone { phone: Personal(phone(1).to_string()) };
        let company = given([user_created("ann"), phone_added("ann", 1)]);
        assert_eq!(company.when(remove()).names(), ["CorporatePhoneRemoved"]);
        let company = company.after(remove());
        company.when(remove()).then_refused(Code::PhoneNotFound);
        assert!(company.0.users.find("ann").unwrap().1.listed().is_empty());
    }
}
