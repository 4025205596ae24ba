//! `AddUser`: one person, without a file.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision, MAX_TEXT_CHARS, TakenValues};
use crate::dialect::{is_unique, unique_values};
use crate::event::{Event, Permission, Person};
use crate::values::text::{exact, free};
use crate::values::{Code, Personal, Phone, Problem, Refusal, UserKey, links};

/// The attribute in which Office Chat and MangoApps keep the whole name.
const NAME_ATTRIBUTE: &str = "name";

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

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        TakenValues::json_schema(generator)
    }

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let user = taken("user", &self.user, exact, UserKey::MAX_CHARS)?;
        if company.users.created(&user).is_some() {
            return Err(Code::UserExists.into());
        }
        let person = self.person(company)?;
        check_references(company, self.org_unit.as_deref(), &self.roles)?;
        check_unique(company, &person)?;
        let result = TakenValues { warnings: warnings(&person) };
        let created = Event::UserCreated {
            user: Personal(UserKey::new(&user)),
            person: Personal(person),
            org_unit: self.org_unit.clone(),
            roles: distinct(&self.roles),
            active: true,
            row: None,
        };
        Ok(Decision::append(vec![created]).with_result(json!(result)))
    }
}

/// Names that are or hold a link: mails greet the person without them.
fn warnings(person: &Person) -> Vec<Problem> {
    let attribute = person.attributes.get(NAME_ATTRIBUTE);
    let names = [
        ("first_name", person.first_name.as_ref()),
        ("last_name", person.last_name.as_ref()),
        (NAME_ATTRIBUTE, attribute),
    ];
    let is_link = |name: Option<&String>| name.is_some_and(|name| links::holds_link(name));
    let warned = names.into_iter().filter(|(_, name)| is_link(*name));
    warned.map(|(field, _)| Problem::in_column(field, Code::NameLooksLikeLink)).collect()
}

impl AddUser {
    /// Every value as a file's cell would be taken, so that a list of people written out reads back as it was.
    fn person(&self, company: &Company) -> Result<Person, Refusal> {
        let text = |field: &str, text: &Option<String>, rule: Rule| {
            text.as_deref().map(|text| taken(field, text, rule, MAX_TEXT_CHARS)).transpose()
        };
        let email = text("email", &self.email, exact)?;
        if email.as_deref().is_some_and(|email| crate::values::email::check(email).is_err()) {
            return Err(Code::FieldInvalidEmail.into());
        }
        let phone = text("phone", &self.phone, exact)?;
        let phone = phone.map(|text| Phone::read(&text, company.settings.assume_plus));
        let mut attributes = BTreeMap::new();
        for (name, value) in &self.attributes {
            let name = taken("attributes", name, exact, MAX_TEXT_CHARS)?;
            let rule = if is_unique(&name) { exact } else { free };
            let value = taken("attributes", value, rule, MAX_TEXT_CHARS)?;
            attributes.insert(name, value);
        }
        Ok(Person {
            first_name: text("first_name", &self.first_name, free)?,
            last_name: text("last_name", &self.last_name, free)?,
            email,
            phone: phone.transpose()?.map(|reading| reading.phone),
            attributes,
        })
    }
}

/// How a text is held to what a cell of its kind is.
type Rule = fn(&str, usize) -> Result<String, Code>;

/// The text as it is kept, or the refusal that names its field.
fn taken(field: &str, text: &str, rule: Rule, max_chars: usize) -> Result<String, Refusal> {
    rule(text, max_chars).map_err(|code| {
        let details = match code {
            Code::FieldLength => json!({"field": field, "min": 1, "max": max_chars}),
            _ => json!({"field": field}),
        };
        Refusal::new(code).saying(field).with(details)
    })
}

/// Each role once, in the order they were given.
pub(crate) fn distinct(roles: &[String]) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    roles.iter().filter(|role| seen.insert(role.as_str())).cloned().collect()
}

/// Refuses an org unit or a role that the company does not know.
///
/// # Errors
/// `reference.org_unit_not_found`, `reference.role_not_found`, naming it.
pub(crate) fn check_references(
    company: &Company,
    org_unit: Option<&str>,
    roles: &[String],
) -> Result<(), Refusal> {
    if let Some(unit) = org_unit
        && !company.org_units.contains_key(unit)
    {
        let details = json!({"org_unit": unit});
        let refusal = Refusal::new(Code::ReferenceOrgUnitNotFound).with(details);
        return Err(refusal.hinting(unit, company.org_units.keys().map(String::as_str)));
    }
    let unknown: Vec<_> = roles.iter().filter(|role| !company.roles.contains_key(*role)).collect();
    if let Some(first) = unknown.first() {
        let refusal = Refusal::new(Code::ReferenceRoleNotFound).with(json!({"roles": unknown}));
        return Err(refusal.hinting(first, company.roles.keys().map(String::as_str)));
    }
    Ok(())
}

/// Rejects a unique value that another person has.
fn check_unique(company: &Company, person: &Person) -> Result<(), Refusal> {
    let taken = unique_values(person).find(|(name, value)| company.keeper(name, value).is_some());
    match taken {
        Some((name, _)) => {
            Err(Refusal::new(Code::FieldNotUnique).saying(name).with(json!({"field": name})))
        }
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

    /// N96: a name that is a link is taken with a warning.
    #[test]
    fn name_that_is_a_link_is_taken_with_a_warning() {
        let body = json!({"user": "ann", "first_name": "www.evil.example", "last_name": "Lee"});
        let decision = given([]).when_json("AddUser", body).0.unwrap();
        let warnings = &decision.result()["warnings"];
        assert_eq!(warnings[0]["code"], "name.looks_like_link");
        assert_eq!((&warnings[0]["column"], &warnings[1]), (&json!("first_name"), &json!(null)));
        assert!(decision.is_append());
        let plain = given([]).when_json("AddUser", json!({"user": "ann", "first_name": "Ann"}));
        assert_eq!(*plain.0.unwrap().result(), json!({}));
    }

    /// P25: a role is held once, so that exported people can be imported unchanged.
    #[test]
    fn role_named_twice_is_held_once() {
        let role = Event::RoleDefined { role: "Agent".to_owned(), permissions: vec![] };
        let body = json!({"user": "ann", "roles": ["Agent", "Agent"]});
        let decision = given([role]).when_json("AddUser", body).0.unwrap();
        assert!(
            matches!(decision.events(), [Event::UserCreated { roles, .. }] if roles == &["Agent"])
        );
    }

    /// P24, P25, N51: the values of a person added by command are normalised like those of a file.
    #[test]
    fn added_person_is_normalised_like_a_row() {
        let body = json!({
            "user": " Jose\u{301} ", "first_name": "Jo\u{200b}se\u{301} ", "last_name": "\u{a0}Smith",
            "email": " jose@acme.example ", "attributes": {"title": " Cle\u{301}rk ", "pbx_id": " 7 "},
        });
        let Event::UserCreated { user, person, .. } =
            given([]).when_json("AddUser", body).events().remove(0)
        else {
            panic!()
        };
        assert_eq!(user.as_str(), "José");
        assert_eq!(person.first_name.as_deref(), Some("José"));
        assert_eq!(person.last_name.as_deref(), Some("Smith"));
        assert_eq!(person.email.as_deref(), Some("jose@acme.example"));
        assert_eq!((&*person.attributes["title"], &*person.attributes["pbx_id"]), ("Clérk", "7"));
        let again = json!({"user": "jose\u{301}"});
        given([user_created("José")]).when_json("AddUser", again).then_refused(Code::UserExists);
    }

    /// P17: Agent ID and PBX ID are unique, for every way of adding a person.
    #[test]
    fn value_of_another_person_is_rejected() {
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
            (json!({"user": "a\u{200b}b"}), Code::FieldInvisibleCharacter),
            (json!({"user": "a".repeat(255)}), Code::FieldLength),
            (json!({"user": "a", "first_name": "\u{200b}"}), Code::FieldRequired),
            (json!({"user": "a", "last_name": "b\u{2028}c"}), Code::FieldControlCharacter),
            (json!({"user": "a", "phone": "+84923448071\u{200b}"}), Code::FieldInvisibleCharacter),
            (
                json!({"user": "a", "attributes": {"pbx_id": "7\u{200b}"}}),
                Code::FieldInvisibleCharacter,
            ),
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
