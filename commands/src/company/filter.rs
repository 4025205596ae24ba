//! Filters of people: the same people as in the query `users`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::state::Company;
use super::user_id::UserId;
use super::users::{User, UserState};
use crate::search::Needle;
use crate::values::{Code, Refusal, fold};

/// People by what is known of them: all that is given must fit, and something must be given.
#[derive(Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct UserFilter {
    /// A part of the key, the name, the e-mail address or the phone number.
    pub search: Option<String>,
    pub org_unit: Option<String>,
    pub state: Option<CreatedState>,
    /// People who have this role.
    pub role: Option<String>,
    /// OCM's columns: people whose value is this one, in any case.
    pub profile: Option<String>,
    pub supervisor: Option<String>,
    pub agent_id: Option<String>,
    pub pbx_id: Option<String>,
}

impl UserFilter {
    /// The attributes that are given, with their names.
    fn attributes(&self) -> impl Iterator<Item = (&'static str, String)> {
        let all = [
            ("profile", &self.profile),
            ("supervisor", &self.supervisor),
            ("agent_id", &self.agent_id),
            ("pbx_id", &self.pbx_id),
        ];
        all.into_iter().filter_map(|(name, given)| Some((name, fold(given.as_deref()?))))
    }
}

/// Where a person stands who was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CreatedState {
    Active,
    Deactivated,
    Archived,
}

impl From<CreatedState> for UserState {
    fn from(state: CreatedState) -> Self {
        match state {
            CreatedState::Active => Self::Active,
            CreatedState::Deactivated => Self::Deactivated,
            CreatedState::Archived => Self::Archived,
        }
    }
}

/// Never shows what is searched for: it may be a person.
impl std::fmt::Debug for UserFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserFilter").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Company {
    /// The people a filter means, in the order they became known.
    ///
    /// # Errors
    /// `envelope.malformed` for a filter that says nothing, `org_unit.not_found`.
    pub fn filtered(&self, filter: &UserFilter) -> Result<Vec<(UserId, &User)>, Refusal> {
        let UserFilter { search, org_unit, state, role, .. } = filter;
        let needle = search.as_deref().and_then(Needle::of);
        let attributes: Vec<_> = filter.attributes().collect();
        let others = org_unit.is_none() && state.is_none() && role.is_none();
        if needle.is_none() && others && attributes.is_empty() {
            let words = "filter: give search, org_unit, state, role, profile, supervisor, agent_id or pbx_id";
            return Err(Refusal::new(Code::EnvelopeMalformed).saying(words));
        }
        if let Some(unit) = org_unit
            && !self.org_units.contains_key(unit)
        {
            let refusal = Refusal::new(Code::OrgUnitNotFound).with(json!({"org_units": [unit]}));
            return Err(refusal.hinting(unit, self.org_units.keys().map(String::as_str)));
        }
        if let Some(role) = role
            && !self.roles.contains_key(role)
        {
            let refusal = Refusal::new(Code::ReferenceRoleNotFound).with(json!({"roles": [role]}));
            return Err(refusal.hinting(role, self.roles.keys().map(String::as_str)));
        }
        let fits = |(_, user): &(UserId, &User)| {
            user.is_created()
                && state.is_none_or(|state| user.state == UserState::from(state))
                && org_unit.as_ref().is_none_or(|unit| user.org_unit.as_deref() == Some(unit))
                && role.as_ref().is_none_or(|role| user.roles.iter().any(|one| **one == **role))
                && needle.as_ref().is_none_or(|needle| matches(user, needle))
                && (attributes.is_empty() || has_attributes(user, &attributes))
        };
        Ok(self.users.iter().filter(fits).collect())
    }
}

fn has_attributes(user: &User, attributes: &[(&str, String)]) -> bool {
    attributes
        .iter()
        .all(|(name, given)| user.attribute(name).is_some_and(|value| fold(value) == *given))
}

fn matches(user: &User, needle: &Needle) -> bool {
    let person = user.person();
    needle.is_in(user.key().as_str())
        || needle.is_in(&person.full_name())
        || person.email.as_deref().is_some_and(|email| needle.is_in(email))
        || person.phone.is_some_and(|phone| needle.is_in_phone(phone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created, who};
    use crate::event::Event;

    /// OCM-21: search, org unit and state combined; people who were never created do not match.
    #[test]
    fn people_match_a_filter_when_all_conditions_hold() {
        let unit = Event::OrgUnitDefined {
            org_unit: "Team A".to_owned(),
            parent: None,
            level: None,
            roles: vec![],
            default_permission_group: None,
        };
        let mut member = user_created("anna");
        if let Event::UserCreated { org_unit, .. } = &mut member {
            *org_unit = Some("Team A".to_owned());
        }
        let archived = Event::UserArchived { user: who("bob") };
        let company = given([unit, user_created("ann"), member, user_created("bob"), archived]).0;
        let keys = |body: serde_json::Value| {
            let filter: UserFilter = serde_json::from_value(body).unwrap();
            let users = company.filtered(&filter);
            users.map(|users| {
                users.iter().map(|(_, user)| user.key().as_str().to_owned()).collect::<Vec<_>>()
            })
        };
        assert_eq!(keys(json!({"search": "ANN"})).unwrap(), ["ann", "anna"]);
        assert_eq!(keys(json!({"search": "bob@acme"})).unwrap(), ["bob"]);
        assert_eq!(keys(json!({"search": "ann", "org_unit": "Team A"})).unwrap(), ["anna"]);
        assert_eq!(keys(json!({"state": "archived"})).unwrap(), ["bob"]);
        assert_eq!(
            keys(json!({"state": "archived", "search": "ann"})).unwrap(),
            Vec::<String>::new()
        );
        assert_eq!(keys(json!({"supervisor": "BOSS"})).unwrap(), Vec::<String>::new());
        assert_eq!(keys(json!({"role": "King"})).unwrap_err().code, Code::ReferenceRoleNotFound);
        assert_eq!(keys(json!({})).unwrap_err().code, Code::EnvelopeMalformed);
        assert_eq!(keys(json!({"search": " "})).unwrap_err().code, Code::EnvelopeMalformed);
        assert_eq!(keys(json!({"org_unit": "team a"})).unwrap_err().code, Code::OrgUnitNotFound);
    }

    #[test]
    fn people_match_a_filter_by_attribute_role_and_phone() {
        use crate::event::Person;
        use crate::values::{Personal, Phone};
        let role = Event::RoleDefined { role: "Lead".to_owned(), permissions: vec![] };
        let created = |key: &str, profile: &str, role: &str| Event::UserCreated {
            user: who(key),
            person: Personal(Person {
                phone: Phone::parse("+84923448071").ok().filter(|_| key == "ann"),
                attributes: [("profile".to_owned(), profile.to_owned())].into(),
                ..Person::default()
            }),
            org_unit: None,
            roles: vec![role.to_owned()],
            active: true,
            row: None,
        };
        let company = given([role, created("ann", "Trader", "Lead"), created("bob", "Sales", "x")]);
        let keys = |body: serde_json::Value| {
            let filter: UserFilter = serde_json::from_value(body).unwrap();
            let users = company.0.filtered(&filter).unwrap();
            users.iter().map(|(_, user)| user.key().as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(keys(json!({"profile": "TRADER"})), ["ann"]);
        assert_eq!(keys(json!({"role": "Lead"})), ["ann"]);
        assert_eq!(keys(json!({"search": "3448071"})), ["ann"]);
        assert_eq!(keys(json!({"profile": "sales", "role": "Lead"})), Vec::<String>::new());
    }
}
