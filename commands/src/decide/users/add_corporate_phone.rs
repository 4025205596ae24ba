//! `AddCorporatePhone`: lists a phone number for a user; also how a number that an import refused is mended.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::company::{Company, User, UserState};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Phone, Refusal};

/// Lists a phone number for a user; also how a number that an import refused is mended.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddCorporatePhone {
    pub phone: Personal<String>,
    /// The company's key for the user: user name, login, LAN ID.
    #[serde(alias = "username", alias = "user_id")]
    #[schemars(extend("x-aliases" = ["username", "user_id"]))]
    pub user: String,
}

impl Decide for AddCorporatePhone {
    const NEEDS: Option<Permission> = Some(Permission::BulkImportUsers);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let phone = Phone::read(&self.phone, company.settings.assume_plus)?.phone;
        let (id, user) = company.user_meant(&self.user).ok_or(Code::UserNotFound)?;
        if user.state == UserState::Archived {
            return Err(Code::UserArchived.into());
        }
        match company.phones.get(&phone) {
            Some(owner) if *owner == id => Ok(Decision::append(vec![])),
            Some(owner) => {
                let Some(owner) = company.users.get(*owner) else {
                    return Err(Code::PhoneAlreadyProvisioned.into());
                };
                if owner.state != UserState::Archived {
                    let details = json!({"to": owner.key()});
                    return Err(Refusal::new(Code::PhoneAlreadyProvisioned).with(details));
                }
                // An archived person has released the phone.
                let owner = Personal(owner.key());
                let removed = Event::CorporatePhoneRemoved { phone: Personal(phone), user: owner };
                Ok(Decision::append(vec![removed, added(phone, user)]))
            }
            None => Ok(Decision::append(vec![added(phone, user)])),
        }
    }
}

fn added(phone: Phone, user: &User) -> Event {
    let (phone, user) = (Personal(phone), Personal(user.key()));
    Event::CorporatePhoneAdded { phone, user, import: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, phone, phone_added, user_created, who};

    fn add(n: u64, user: &str) -> AddCorporatePhone {
        AddCorporatePhone { phone: Personal(phone(n).to_string()), user: user.to_owned() }
    }

    /// LX-12: a phone that the import did not add can be added later.
    #[test]
    fn phone_is_added_to_the_list_of_its_user() {
        given([user_created("ann")]).when(add(1, "Ann")).then([phone_added("ann", 1)]);
    }

    /// N64: the same pair again is accepted and changes nothing.
    #[test]
    fn same_phone_of_the_same_user_changes_nothing() {
        given([user_created("ann"), phone_added("ann", 1)]).when(add(1, "ann")).then([]);
    }

    /// P17: a phone belongs to one user.
    #[test]
    fn phone_of_another_user_is_rejected() {
        let company = given([user_created("ann"), user_created("bob"), phone_added("ann", 1)]);
        let refusal = company.when(add(1, "bob")).then_refused(Code::PhoneAlreadyProvisioned);
        assert_eq!(refusal.details, json!({"to": "ann"}));
        assert!(!refusal.message.contains("8492344"), "P31: no phone in a refusal");
    }

    #[test]
    fn the_user_must_be_there() {
        given([]).when(add(1, "ann")).then_refused(Code::UserNotFound);
        let archived = Event::UserArchived { user: who("ann") };
        given([user_created("ann"), archived]).when(add(1, "ann")).then_refused(Code::UserArchived);
    }
}
