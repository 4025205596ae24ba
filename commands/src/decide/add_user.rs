//! `AddUser`: one person, without a file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, Decide, Decision, check_text};
use crate::code::{Code, Refusal};
use crate::company::Company;
use crate::company::holders::unique;
use crate::event::{Event, Permission, Person};
use crate::id::UserKey;
use crate::personal::Personal;
use crate::phone::Phone;

/// One person, without a file.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddUser {
    pub user: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub org_unit: Option<String>,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

impl std::fmt::Debug for AddUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AddUser(***)")
    }
}

impl Decide for AddUser {
    const NEEDS: Option<Permission> = Some(Permission::Accounts);

    fn decide(&self, company: &Company, _: &Asked<'_, Self>) -> Result<Decision, Refusal> {
        check_text("user", &self.user)?;
        if self.user.trim().chars().count() > UserKey::MAX_CHARS {
            let details = json!({"field": "user", "min": 1, "max": UserKey::MAX_CHARS});
            return Err(Refusal::new(Code::FieldLength).saying("user").with(details));
        }
        if company.users.created(&self.user).is_some() {
            return Err(Code::UserExists.into());
        }
        let person = self.person(company)?;
        check_references(company, self.org_unit.as_deref(), &self.roles)?;
        check_unique(company, &person)?;
        Ok(Decision::of(vec![Event::UserCreated {
            user: Personal(UserKey::new(self.user.trim())),
            person: Personal(person),
            org_unit: self.org_unit.clone(),
            roles: distinct(&self.roles),
            active: true,
            row: None,
        }]))
    }
}

impl AddUser {
    fn person(&self, company: &Company) -> Result<Person, Refusal> {
        let named = [("first_name", &self.first_name), ("last_name", &self.last_name), ("email", &self.email)];
        for (field, text) in named {
            if let Some(text) = text {
                check_text(field, text)?;
            }
        }
        for (name, value) in &self.attributes {
            check_text("attributes", name)?;
            check_text("attributes", value)?;
        }
        if self.email.as_deref().is_some_and(|email| crate::csv_file::check_email(email.trim()).is_err()) {
            return Err(Code::FieldInvalidEmail.into());
        }
        let phone = self.phone.as_deref().map(|text| Phone::read(text, company.settings.assume_plus));
        let trimmed = |text: &Option<String>| text.as_deref().map(|text| text.trim().to_owned());
        Ok(Person {
            first_name: trimmed(&self.first_name),
            last_name: trimmed(&self.last_name),
            email: trimmed(&self.email),
            phone: phone.transpose()?.map(|reading| reading.phone),
            attributes: self.attributes.clone(),
        })
    }
}

/// Each role once, in the order they were given.
pub(super) fn distinct(roles: &[String]) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    roles.iter().filter(|role| seen.insert(role.as_str())).cloned().collect()
}

/// Refuses an org unit or a role that the company does not know.
///
/// # Errors
/// `reference.org_unit_not_found`, `reference.role_not_found`, naming it.
pub(super) fn check_references(company: &Company, org_unit: Option<&str>, roles: &[String]) -> Result<(), Refusal> {
    if let Some(unit) = org_unit
        && !company.org_units.contains_key(unit)
    {
        let details = json!({"org_unit": unit});
        return Err(Refusal::new(Code::ReferenceOrgUnitNotFound).with(details));
    }
    let unknown: Vec<_> = roles.iter().filter(|role| !company.roles.contains_key(*role)).collect();
    if !unknown.is_empty() {
        return Err(Refusal::new(Code::ReferenceRoleNotFound).with(json!({"roles": unknown})));
    }
    Ok(())
}

/// Refuses a value that somebody else has and no two people may share (P17).
fn check_unique(company: &Company, person: &Person) -> Result<(), Refusal> {
    let taken = unique(person).find(|(name, value)| company.holder(name, value).is_some());
    match taken {
        Some((name, _)) => Err(Refusal::new(Code::FieldNotUnique).saying(name).with(json!({"field": name}))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created};

    #[test]
    fn a_user_is_added_once() {
        let ann = json!({"user": "Ann", "email": "ann@acme.example", "phone": "+84 923 448 071"});
        assert_eq!(given([]).when_json("AddUser", ann.clone()).names(), ["UserCreated"]);
        given([user_created("ann")]).when_json("AddUser", ann).then_refused(Code::UserExists);
    }

    /// P25: a role is held once, so that a list of people written out reads back as it was.
    #[test]
    fn p25_a_role_named_twice_is_held_once() {
        let role = Event::RoleDefined { role: "Agent".to_owned(), permissions: vec![] };
        let body = json!({"user": "ann", "roles": ["Agent", "Agent"]});
        let decision = given([role]).when_json("AddUser", body).0.unwrap();
        assert!(matches!(&decision.events[..], [Event::UserCreated { roles, .. }] if roles == &["Agent"]));
    }

    /// P17: an Agent ID or PBX ID is nobody else's, however a person comes in.
    #[test]
    fn p17_a_value_that_somebody_has_is_refused() {
        let with_pbx = |user: &str, pbx: &str| json!({"user": user, "attributes": {"pbx_id": pbx}});
        let read = |body| crate::decide::Command::read("AddUser", body).unwrap();
        let company = given([]).after(read(with_pbx("ann", "7")));
        company.when_json("AddUser", with_pbx("bob", "7")).then_refused(Code::FieldNotUnique);
        assert_eq!(company.when_json("AddUser", with_pbx("bob", "8")).names(), ["UserCreated"]);
    }

    #[test]
    fn what_cannot_be_right_is_refused() {
        let cases = [
            (json!({"user": " "}), Code::FieldRequired),
            (json!({"user": "a\r\nBcc: x"}), Code::FieldControlCharacter),
            (json!({"user": "a", "email": "a@b"}), Code::FieldInvalidEmail),
            (json!({"user": "a", "phone": "12"}), Code::PhoneInvalid),
            (json!({"user": "a", "org_unit": "Nowhere"}), Code::ReferenceOrgUnitNotFound),
            (json!({"user": "a", "roles": ["King"]}), Code::ReferenceRoleNotFound),
            (json!({"user": "a", "surname": "b"}), Code::EnvelopeMalformed),
        ];
        for (body, code) in cases {
            given([]).when_json("AddUser", body).then_refused(code);
        }
    }
}
