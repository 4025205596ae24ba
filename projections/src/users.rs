//! Users: who they are, where they belong and to what they are linked (queries `users`, `user`).

use std::collections::BTreeMap;

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, Person, Who};
use boarding_commands::values::{CompanyId, Personal, Phone, UserKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ReadModel;
use crate::invitations::Links;
use crate::projection::{Projection, Projector, load};
use crate::query::{
    Answer, Asked, Needle, Param, Query, QueryError, Spelled, not_found, page, shape_of, words,
};
use crate::rows::{Rows, RowsError, Table};
use crate::runs::RunChannels;
use crate::sheet::Column;

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Users>()],
    queries: &[
        Query {
            name: "users",
            permission: None,
            params: &[
                Param::text("search"),
                Param::text("org_unit"),
                Param::word::<UserState>("state"),
            ],
            paged: true,
            row: shape_of::<UserShown>,
            // The columns of `leapxpert`, so that the list can be imported as it is; `_state` is ignored then.
            columns: Some(&[
                Column { title: "username", field: "/user" },
                Column { title: "first_name", field: "/first_name" },
                Column { title: "last_name", field: "/last_name" },
                Column { title: "email", field: "/email" },
                Column { title: "phone_number", field: "/phone" },
                Column { title: "org_unit", field: "/org_unit" },
                Column { title: "role", field: "/roles" },
                Column { title: "_state", field: "/state" },
            ]),
            answer: users,
        },
        Query {
            name: "user",
            permission: None,
            params: &[Param::text("user").required()],
            paged: false,
            row: shape_of::<UserShown>,
            columns: None,
            answer: user,
        },
    ],
};

words! {
    /// Where a user stands.
    UserState {
        Active "active"
        Deactivated "deactivated"
        Archived "archived"
    }
}

/// A user of the company.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub user: Who,
    pub person: Personal<Person>,
    pub org_unit: Option<String>,
    pub roles: Vec<String>,
    pub state: UserState,
    /// Somebody taken out again stays as a row that no list shows, for its history.
    pub(crate) removed: bool,
    /// The versions of the user's creation and phones, for `history`: the two facts that each row of
    /// a first import makes. The others have keys of their own, so that this stays short.
    pub(crate) versions: Vec<u64>,
}

impl User {
    fn show(&self, links: &Links) -> Value {
        let Person { first_name, last_name, email, phone, attributes } = &*self.person;
        json!(UserShown {
            user: &self.user,
            first_name: first_name.as_deref().map(Personal),
            last_name: last_name.as_deref().map(Personal),
            email: email.as_deref().map(Personal),
            phone: phone.map(Personal),
            org_unit: self.org_unit.as_deref(),
            roles: &self.roles,
            state: Spelled(self.state),
            attributes: Personal(attributes),
            links,
        })
    }

    fn matches(&self, needle: &Needle) -> bool {
        needle.is_in(self.user.as_str())
            || needle.is_in(&self.person.full_name())
            || self.person.email.as_deref().is_some_and(|email| needle.is_in(email))
            || self.person.phone.is_some_and(|phone| needle.is_in_phone(phone))
    }
}

/// A user, where they belong and to what they are linked.
#[derive(Serialize, JsonSchema)]
struct UserShown<'a> {
    user: &'a Who,
    first_name: Option<Personal<&'a str>>,
    last_name: Option<Personal<&'a str>>,
    email: Option<Personal<&'a str>>,
    phone: Option<Personal<Phone>>,
    org_unit: Option<&'a str>,
    roles: &'a [String],
    state: Spelled<UserState>,
    /// The dialect's own columns, by their normalised names.
    attributes: Personal<&'a BTreeMap<String, String>>,
    links: &'a Links,
}

/// Users by folded key.
#[derive(Debug)]
pub struct Users;

impl Projection for Users {
    const TABLE: Table = Table::Users;
    const VERSION: u32 = 2;
    type Row = User;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::UserCreated { user, .. }
            | Event::UserUpdated { user, .. }
            | Event::UserActivated { user, .. }
            | Event::UserDeactivated { user, .. }
            | Event::UserArchived { user }
            | Event::UserRestored { user }
            | Event::RolesAssigned { user, .. }
            | Event::RolesRemoved { user, .. }
            | Event::UserRemoved { user }
            | Event::CorporatePhoneAdded { user, .. }
            | Event::CorporatePhoneRemoved { user, .. } => Some(user.folded().into()),
            _ => None,
        }
    }

    fn evolve(row: Option<User>, fact: &Fact<'_>) -> Option<User> {
        if let Event::UserCreated { user, person, org_unit, roles, active, .. } = fact.event {
            let mut versions = row.map_or_else(|| Vec::with_capacity(1), |user| user.versions);
            versions.push(fact.version);
            return Some(User {
                user: user.clone(),
                person: person.clone(),
                org_unit: org_unit.clone(),
                roles: roles.clone(),
                state: if *active { UserState::Active } else { UserState::Deactivated },
                removed: false,
                versions,
            });
        }
        let mut user = row?;
        match fact.event {
            Event::UserUpdated { person, org_unit, roles, .. } => {
                user.person.clone_from(person);
                user.org_unit.clone_from(org_unit);
                user.roles.clone_from(roles);
            }
            Event::UserActivated { .. } | Event::UserRestored { .. } => {
                user.state = UserState::Active;
            }
            Event::UserDeactivated { .. } => user.state = UserState::Deactivated,
            Event::UserArchived { .. } => user.state = UserState::Archived,
            Event::RolesAssigned { roles, .. } => {
                let new: Vec<_> = roles.iter().filter(|role| !user.roles.contains(role)).collect();
                user.roles.extend(new.into_iter().cloned());
            }
            Event::RolesRemoved { roles, .. } => user.roles.retain(|role| !roles.contains(role)),
            Event::UserRemoved { .. } => {
                user.removed = true;
                user.versions.push(fact.version);
            }
            Event::CorporatePhoneAdded { .. } | Event::CorporatePhoneRemoved { .. } => {
                user.versions.push(fact.version);
            }
            _ => {}
        }
        Some(user)
    }
}

/// The user of that folded key, if there is one.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    folded: &str,
) -> Result<Option<User>, RowsError> {
    Ok(load::<Users>(rows, company, folded.as_bytes())?.filter(|user| !user.removed))
}

/// The versions that the row of this folded key keeps, whether there still is such a user or not.
pub(crate) fn versions(
    rows: &dyn Rows,
    company: &CompanyId,
    folded: &str,
) -> Result<Vec<u64>, RowsError> {
    let user = load::<Users>(rows, company, folded.as_bytes())?;
    Ok(user.map(|user| user.versions).unwrap_or_default())
}

fn users(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let search = asked.search()?;
    let org_unit = asked.name("org_unit")?;
    let state = asked.word::<UserState>("state")?;
    let mut channels = RunChannels::new(rows, asked.company);
    page::<Users, _>(asked, rows, &[], |_, user| {
        let wanted = !user.removed
            && search.as_ref().is_none_or(|needle| user.matches(needle))
            && org_unit.as_ref().is_none_or(|name| user.org_unit.as_ref() == Some(name))
            && state.is_none_or(|state| user.state == state);
        if !wanted {
            return Ok([None]);
        }
        let links = Links::of(rows, asked.company, &user.user.folded(), &mut channels)?;
        Ok([Some(user.show(&links))])
    })
}

fn user(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let key = UserKey::new(asked.required("user")?).folded();
    let user = find(rows, asked.company, &key)?.ok_or_else(|| not_found("user", &key))?;
    let mut channels = RunChannels::new(rows, asked.company);
    let links = Links::of(rows, asked.company, &key, &mut channels)?;
    Ok(Answer::Row(user.show(&links)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Story, column, created, person, who};
    use boarding_commands::values::Phone;
    use std::collections::BTreeMap;

    fn ann() -> Value {
        json!({"user": "Ann"})
    }

    #[test]
    fn a_user_is_found_by_any_spelling_and_shows_what_is_known() {
        let story = Story::of("acme").then([created("Ann")]);
        assert_eq!(
            story.ask_row("user", &json!({"user": " aNN "})),
            json!({"user": "Ann", "first_name": "ANN", "last_name": "Hudson",
                "email": "Ann@acme.example", "phone": null, "org_unit": "Sales", "roles": ["Agent"],
                "state": "active", "attributes": {},
                "links": {"whatsapp": "not_linked", "imessage": "not_linked"}})
        );
        assert_eq!(story.refused("user", &json!({"user": "bob"})), "query.not_found");
    }

    #[test]
    fn an_update_replaces_the_values_and_keeps_the_state_and_the_spelling() {
        let updated = Event::UserUpdated {
            user: who("ANN"),
            person: Person {
                phone: Some(Phone::parse("+84923448071").unwrap()),
                attributes: BTreeMap::from([("department".to_owned(), "Desk 4".to_owned())]),
                ..person("anna")
            }
            .into(),
            org_unit: None,
            roles: vec![],
            changed: vec!["phone".to_owned()],
            row: None,
        };
        let archived = Event::UserArchived { user: who("ann") };
        let row =
            Story::of("acme").then([created("Ann"), archived, updated]).ask_row("user", &ann());
        assert_eq!((&row["user"], &row["state"]), (&json!("Ann"), &json!("archived")));
        assert_eq!((&row["first_name"], &row["phone"]), (&json!("ANNA"), &json!("+84923448071")));
        assert_eq!((&row["org_unit"], &row["roles"]), (&json!(null), &json!([])));
        assert_eq!(row["attributes"], json!({"department": "Desk 4"}));
    }

    #[test]
    fn the_state_follows_the_life_of_the_user() {
        let steps = [
            (Event::UserDeactivated { user: who("ann"), row: None }, "deactivated"),
            (Event::UserActivated { user: who("ann"), row: None }, "active"),
            (Event::UserArchived { user: who("ann") }, "archived"),
            (Event::UserRestored { user: who("ann") }, "active"),
        ];
        let mut story = Story::of("acme").then([created("Ann")]);
        for (event, state) in steps {
            story = story.then([event]);
            assert_eq!(story.ask_row("user", &ann())["state"], state);
        }
    }

    /// P23: somebody taken out is nowhere to be seen, and comes back as somebody new.
    #[test]
    fn p23_whoever_was_removed_is_gone_until_created_again() {
        let removed = Event::UserRemoved { user: who("ann") };
        let story = Story::of("acme").then([created("Ann"), created("bob"), removed]);
        assert_eq!(column(&story.ask("users", &json!({})), "user"), [json!("bob")]);
        assert_eq!(story.refused("user", &ann()), "query.not_found");
        let again = story.then([created("Ann")]);
        assert_eq!(again.ask_row("user", &ann())["state"], "active");
        let entity: crate::history::Entity = "user:ann".parse().unwrap();
        let places = crate::history::places(&again.rows(), again.company(), &entity).unwrap();
        assert_eq!(places, [1..=1, 3..=3, 4..=4]);
    }

    #[test]
    fn roles_are_added_once_and_removed() {
        let roles = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let story = Story::of("acme")
            .then([created("Ann")])
            .then([Event::RolesAssigned { user: who("ann"), roles: roles(["Agent", "Lead"]) }]);
        assert_eq!(story.ask_row("user", &ann())["roles"], json!(["Agent", "Lead"]));
        let removed = Event::RolesRemoved { user: who("ann"), roles: roles(["Agent", "None"]) };
        assert_eq!(story.then([removed]).ask_row("user", &ann())["roles"], json!(["Lead"]));
    }

    #[test]
    fn users_are_searched_and_filtered_in_the_order_of_their_keys() {
        let story = Story::of("acme")
            .then([created("cid"), created("Ann"), created("bob")])
            .then([Event::UserArchived { user: who("bob") }]);
        let keys = |params: Value| column(&story.ask("users", &params), "user");
        assert_eq!(keys(json!({})), [json!("Ann"), json!("bob"), json!("cid")]);
        assert_eq!(keys(json!({"search": "HUDSON"})).len(), 3);
        assert_eq!(keys(json!({"search": "bob@"})), [json!("bob")]);
        assert_eq!(keys(json!({"state": "archived"})), [json!("bob")]);
        assert_eq!(keys(json!({"org_unit": "sales"})), Vec::<Value>::new());
        // OCM-09: a name means the same with a blank at its end.
        assert_eq!(keys(json!({"org_unit": "Sales ", "state": "active"})).len(), 2);
    }

    /// P31: what a log line of ours could show of a row.
    #[test]
    fn p31_debug_never_shows_who_it_is() {
        let story = Story::of("acme").then([created("Ann")]);
        let user = find(&story.rows(), story.company(), "ann").unwrap().unwrap();
        let shown = format!("{user:?}");
        assert!(!shown.contains("Ann") && !shown.contains("Hudson"), "{shown}");
    }
}
