//! Users with their data, organizational unit and links (queries `users`, `user`).

use std::collections::BTreeMap;

use boarding_commands::event::{Person, Who};
use boarding_commands::values::{Personal, Phone, fold};
use schemars::JsonSchema;
use serde::Serialize;

use crate::csv_export::{CsvLayout, ExportColumn};
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Param, Query, QueryError, QueryRequest, RowsAnswer, WireName, not_found,
    page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::Rows;
use crate::tables::accounts;
use crate::tables::links::{LinkEndCodes, Links};
use crate::tables::runs::RunChannels;
use crate::tables::users::{self, UserProjection, UserRow, UserStatus};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<UserProjection>()],
    queries: &[
        Query {
            name: "users",
            access: Access::AnyPermission,
            params: &[
                Param::text("search"),
                Param::text("org_unit"),
                Param::one_of::<UserStatus>("state"),
                Param::text("role"),
                Param::text("profile"),
                Param::text("supervisor"),
                Param::text("agent_id"),
                Param::text("pbx_id"),
            ],
            paged: true,
            row: schema_of::<UserShown>,
            // The columns of the dialect `leapxpert`, so that the list can be imported as it is. The
            // import ignores `_state`.
            csv: Some(CsvLayout::importable(&[
                ExportColumn { title: "username", field: "/user" },
                ExportColumn { title: "first_name", field: "/first_name" },
                ExportColumn { title: "last_name", field: "/last_name" },
                ExportColumn { title: "email", field: "/email" },
                ExportColumn { title: "phone_number", field: "/phone" },
                ExportColumn { title: "org_unit", field: "/org_unit" },
                ExportColumn { title: "role", field: "/roles" },
                ExportColumn { title: "_state", field: "/state" },
            ])),
            answer: users,
        },
        Query {
            name: "user",
            access: Access::AnyPermission,
            params: &[Param::text("user").required()],
            paged: false,
            row: schema_of::<UserShown>,
            csv: None,
            answer: user,
        },
    ],
};

impl UserRow {
    fn show(&self, links: &Links) -> AnswerRow {
        let Person { first_name, last_name, email, phone, attributes } = &*self.person;
        AnswerRow::of(&UserShown {
            user: &self.user,
            first_name: first_name.as_deref().map(Personal),
            last_name: last_name.as_deref().map(Personal),
            email: email.as_deref().map(Personal),
            phone: phone.map(Personal),
            org_unit: self.org_unit.as_deref(),
            roles: &self.roles,
            state: WireName(self.state),
            attributes: Personal(attributes),
            links,
            link_ends: links.ends(),
        })
    }
}

/// A user, their organizational unit and their links.
#[derive(Serialize, JsonSchema)]
struct UserShown<'a> {
    user: &'a Who,
    first_name: Option<Personal<&'a str>>,
    last_name: Option<Personal<&'a str>>,
    email: Option<Personal<&'a str>>,
    phone: Option<Personal<Phone>>,
    org_unit: Option<&'a str>,
    roles: &'a [String],
    state: WireName<UserStatus>,
    /// The dialect's own columns, by their normalised names.
    attributes: Personal<&'a BTreeMap<String, String>>,
    links: &'a Links,
    link_ends: LinkEndCodes<'a>,
}

fn users(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let search = request.search()?;
    let org_unit = request.name("org_unit")?;
    let state = request.one_of::<UserStatus>("state")?;
    let role = request.name("role")?;
    let attributes = attributes(request)?;
    let mut channels = RunChannels::new(rows, request.company);
    page::<UserProjection, _>(request, rows, &[], |_, user| {
        let has = |(name, wanted): &(&str, String)| {
            user.person.attributes.get(*name).is_some_and(|value| fold(value) == *wanted)
        };
        let wanted = !user.removed
            && search.as_ref().is_none_or(|needle| user.matches(needle))
            && org_unit.as_ref().is_none_or(|name| user.org_unit.as_ref() == Some(name))
            && state.is_none_or(|state| user.state == state)
            && role.as_ref().is_none_or(|role| user.roles.contains(role))
            && attributes.iter().all(has);
        if !wanted {
            return Ok([None]);
        }
        let folded = user.user.folded();
        let links = Links::load(rows, request.company, &folded, request.now, &mut channels)?;
        Ok([Some(user.show(&links))])
    })
}

/// The columns of OCM that the people must have, folded as the filter of `AssignRoles` compares them.
fn attributes(request: &QueryRequest<'_>) -> Result<Vec<(&'static str, String)>, QueryError> {
    let mut given = Vec::new();
    for name in ["profile", "supervisor", "agent_id", "pbx_id"] {
        given.extend(request.text(name)?.map(|wanted| (name, fold(wanted))));
    }
    Ok(given)
}

fn user(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let key = accounts::user_key_of(rows, request.company, request.required("user")?)?;
    let user = users::find(rows, request.company, &key)?.ok_or_else(|| not_found("user", &key))?;
    let mut channels = RunChannels::new(rows, request.company);
    let links = Links::load(rows, request.company, &key, request.now, &mut channels)?;
    Ok(RowsAnswer::Row(user.show(&links)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCompany, column, created, person, who};
    use boarding_commands::event::Event;
    use boarding_commands::values::Phone;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn ann() -> Value {
        json!({"user": "Ann"})
    }

    #[test]
    fn user_is_found_by_any_spelling_of_the_key() {
        let company = TestCompany::new("acme").commit([created("Ann")]);
        assert_eq!(
            company.query_row("user", &json!({"user": " aNN "})),
            json!({"user": "Ann", "first_name": "ANN", "last_name": "Hudson",
                "email": "Ann@acme.example", "phone": null, "org_unit": "Sales", "roles": ["Agent"],
                "state": "active", "attributes": {},
                "links": {"whatsapp": "not_linked", "imessage": "not_linked"},
                "link_ends": {"whatsapp": null, "imessage": null}})
        );
        assert_eq!(company.refusal("user", &json!({"user": "bob"})), "query.not_found");
    }

    #[test]
    fn update_replaces_values_and_keeps_state_and_key_spelling() {
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
        let row = TestCompany::new("acme")
            .commit([created("Ann"), archived, updated])
            .query_row("user", &ann());
        assert_eq!((&row["user"], &row["state"]), (&json!("Ann"), &json!("archived")));
        assert_eq!((&row["first_name"], &row["phone"]), (&json!("ANNA"), &json!("+84923448071")));
        assert_eq!((&row["org_unit"], &row["roles"]), (&json!(null), &json!([])));
        assert_eq!(row["attributes"], json!({"department": "Desk 4"}));
    }

    #[test]
    fn state_follows_the_events_of_the_user() {
        let steps = [
            (Event::UserDeactivated { user: who("ann"), row: None }, "deactivated"),
            (Event::UserActivated { user: who("ann"), row: None }, "active"),
            (Event::UserArchived { user: who("ann") }, "archived"),
            (Event::UserRestored { user: who("ann") }, "active"),
        ];
        let mut company = TestCompany::new("acme").commit([created("Ann")]);
        for (event, state) in steps {
            company = company.commit([event]);
            assert_eq!(company.query_row("user", &ann())["state"], state);
        }
    }

    /// P23: no list shows a removed user; a new creation starts a new user.
    #[test]
    fn removed_user_is_hidden_until_created_again() {
        let removed = Event::UserRemoved { user: who("ann") };
        let company = TestCompany::new("acme").commit([created("Ann"), created("bob"), removed]);
        assert_eq!(column(&company.query("users", &json!({})), "user"), [json!("bob")]);
        assert_eq!(company.refusal("user", &ann()), "query.not_found");
        let again = company.commit([created("Ann")]);
        assert_eq!(again.query_row("user", &ann())["state"], "active");
        let entity: crate::history::Entity = "user:ann".parse().unwrap();
        let versions = crate::history::versions(&again.rows(), again.id(), &entity).unwrap();
        assert_eq!(versions, [1..=1, 3..=3, 4..=4]);
    }

    #[test]
    fn roles_are_added_once_and_removed() {
        let roles = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let company = TestCompany::new("acme")
            .commit([created("Ann")])
            .commit([Event::RolesAssigned { user: who("ann"), roles: roles(["Agent", "Lead"]) }]);
        assert_eq!(company.query_row("user", &ann())["roles"], json!(["Agent", "Lead"]));
        let removed = Event::RolesRemoved { user: who("ann"), roles: roles(["Agent", "None"]) };
        assert_eq!(company.commit([removed]).query_row("user", &ann())["roles"], json!(["Lead"]));
    }

    #[test]
    fn users_are_searched_and_filtered_in_key_order() {
        let company = TestCompany::new("acme")
            .commit([created("cid"), created("Ann"), created("bob")])
            .commit([Event::UserArchived { user: who("bob") }]);
        let keys = |params: Value| column(&company.query("users", &params), "user");
        assert_eq!(keys(json!({})), [json!("Ann"), json!("bob"), json!("cid")]);
        assert_eq!(keys(json!({"search": "HUDSON"})).len(), 3);
        assert_eq!(keys(json!({"search": "bob@"})), [json!("bob")]);
        assert_eq!(keys(json!({"state": "archived"})), [json!("bob")]);
        assert_eq!(keys(json!({"org_unit": "sales"})), Vec::<Value>::new());
        // OCM-09: a blank at the end of a name is ignored.
        assert_eq!(keys(json!({"org_unit": "Sales ", "state": "active"})).len(), 2);
    }
}
