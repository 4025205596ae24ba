//! The number pool: each number with owner, state and user (queries `numbers`, `number_suggestions`).

mod accounts;
mod can_move;
mod counts;
mod utilisation;

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, Permission, Who};
use boarding_commands::id::CompanyId;
use boarding_commands::personal::Personal;
use boarding_commands::phone::Phone;
use boarding_commands::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::projection::{Projection, Projector, load};
use crate::query::{
    Needle, Param, Query, QueryAnswer, QueryError, QueryRequest, Wire, page, shape_of, wire_enum,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, RowsError, Table};
use crate::subject::number_of;

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[
        Projector::of::<NumberProjection>(),
        Projector::of::<utilisation::NumberOwnerProjection>(),
        Projector::of::<accounts::AccountProjection>(),
    ],
    queries: &[
        Query {
            name: "numbers",
            permission: Some(Permission::Accounts),
            params: &[
                Param::text("search"),
                Param::text("org_unit"),
                Param::one_of::<NumberStatus>("state"),
            ],
            paged: true,
            row: shape_of::<NumberShown>,
            csv: None,
            answer: numbers,
        },
        Query {
            name: "number_suggestions",
            permission: None,
            params: &[
                Param::text("org_unit").or(&["org"]),
                // Listed only for its alias `n`: every paged query takes `limit`.
                Param::text("limit").or(&["n"]),
            ],
            paged: true,
            row: shape_of::<Suggestion>,
            csv: None,
            answer: suggestions,
        },
        utilisation::UTILISATION,
        can_move::CAN_MOVE,
    ],
};

wire_enum! {
    /// The state of a number.
    NumberStatus {
        Available "available"
        Reserved "reserved"
        Assigned "assigned"
        Registered "registered"
        Cooling "cooling"
    }
}

/// A number of the pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NumberRow {
    pub number: Personal<Phone>,
    /// The owner; none is the company's own stock.
    pub org_unit: Option<String>,
    pub state: NumberStatus,
    pub tag: Option<String>,
    pub user: Option<Who>,
    pub cooling_until: Option<Time>,
    pub updated_at: Time,
    /// The versions of the events about this number, for `history`.
    pub versions: Vec<u64>,
}

impl NumberRow {
    /// Sets a state and clears the tag, the user and the cooling time of the state before.
    fn set(&mut self, state: NumberStatus) {
        self.state = state;
        (self.tag, self.user, self.cooling_until) = (None, None, None);
    }

    /// The number at a time: available once its cooling time is over, also before the event of it.
    fn at(mut self, now: Option<Time>) -> Self {
        if self.cooling_until.is_some_and(|until| now.is_some_and(|now| until <= now)) {
            self.set(NumberStatus::Available);
        }
        self
    }

    fn matches(&self, needle: &Needle) -> bool {
        needle.is_in_phone(*self.number)
            || self.user.as_ref().is_some_and(|user| needle.is_in(user.as_str()))
            || self.tag.as_ref().is_some_and(|tag| needle.is_in(tag))
    }

    fn show(&self) -> Value {
        json!(NumberShown {
            number: &self.number,
            org_unit: self.org_unit.as_deref(),
            state: Wire(self.state),
            tag: self.tag.as_deref(),
            user: self.user.as_ref(),
            cooling_until: self.cooling_until,
            updated_at: self.updated_at,
        })
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::NumberReserved { tag, .. } => {
                self.set(NumberStatus::Reserved);
                self.tag = Some(tag.clone());
            }
            Event::NumberUnreserved { .. } | Event::NumberCooled { .. } => {
                self.set(NumberStatus::Available);
            }
            Event::NumberAllocated { org_unit, .. } => self.org_unit = Some(org_unit.clone()),
            Event::NumberWithdrawn { org_unit, .. } => self.org_unit.clone_from(org_unit),
            Event::NumberAssigned { user, .. } => {
                self.set(NumberStatus::Assigned);
                self.user = Some(user.clone());
            }
            Event::NumberRegistered { user, .. } => {
                self.set(NumberStatus::Registered);
                self.user = Some(user.clone());
            }
            Event::NumberReleased { cooling_until, .. } => {
                let cools = cooling_until.is_some();
                self.set(if cools { NumberStatus::Cooling } else { NumberStatus::Available });
                self.cooling_until = *cooling_until;
            }
            _ => {}
        }
    }
}

/// Numbers of the pool in numerical order.
#[derive(Debug)]
pub(crate) struct NumberProjection;

impl Projection for NumberProjection {
    const TABLE: Table = Table::Numbers;
    const VERSION: u32 = 1;
    type Row = NumberRow;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        number_of(fact.event).map(key)
    }

    fn evolve(row: Option<NumberRow>, fact: &Fact<'_>) -> Option<NumberRow> {
        let mut known = match (row, fact.event) {
            (Some(known), _) => known,
            (None, Event::NumberAdded { number, org_unit }) => NumberRow {
                number: number.clone(),
                org_unit: org_unit.clone(),
                state: NumberStatus::Available,
                tag: None,
                user: None,
                cooling_until: None,
                updated_at: fact.commit.at,
                versions: Vec::with_capacity(1),
            },
            (None, _) => return None,
        };
        known.apply(fact.event);
        known.updated_at = fact.commit.at;
        known.versions.push(fact.version);
        Some(known)
    }
}

fn key(number: Phone) -> Vec<u8> {
    number.number().to_be_bytes().into()
}

/// The number; none if the pool does not have it.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    number: Phone,
) -> Result<Option<NumberRow>, RowsError> {
    load::<NumberProjection>(rows, company, &key(number))
}

/// A number of the pool, whose it is and where it stands.
#[derive(Serialize, JsonSchema)]
struct NumberShown<'a> {
    number: &'a Personal<Phone>,
    /// The organization that has it; null for the company's own stock.
    org_unit: Option<&'a str>,
    state: Wire<NumberStatus>,
    /// What it is reserved for.
    tag: Option<&'a str>,
    /// The account that has it.
    user: Option<&'a Who>,
    cooling_until: Option<Time>,
    updated_at: Time,
}

fn numbers(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<QueryAnswer, QueryError> {
    let search = request.search()?;
    let org_unit = request.name("org_unit")?;
    let state = request.one_of::<NumberStatus>("state")?;
    page::<NumberProjection, _>(request, rows, &[], |_, number| {
        let number = number.at(request.now);
        let wanted = search.as_ref().is_none_or(|needle| number.matches(needle))
            && org_unit.as_ref().is_none_or(|name| number.org_unit.as_ref() == Some(name))
            && state.is_none_or(|state| number.state == state);
        Ok([wanted.then(|| number.show())])
    })
}

/// A number that an account may pick.
#[derive(Serialize, JsonSchema)]
struct Suggestion<'a> {
    number: &'a Personal<Phone>,
}

/// The numbers that an account may pick on activation, at most `limit`.
fn suggestions(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<QueryAnswer, QueryError> {
    let org_unit = request.name("org_unit")?;
    page::<NumberProjection, _>(request, rows, &[], |_, number| {
        let number = number.at(request.now);
        let fits = number.state == NumberStatus::Available && number.org_unit == org_unit;
        Ok([fits.then(|| json!(Suggestion { number: &number.number }))])
    })
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::testing::who;

    pub(crate) fn number(n: u64) -> Personal<Phone> {
        Phone::parse(&format!("+1212555{n:04}")).unwrap().into()
    }

    pub(crate) fn added(n: u64, org_unit: Option<&str>) -> Event {
        Event::NumberAdded { number: number(n), org_unit: org_unit.map(str::to_owned) }
    }

    pub(crate) fn assigned(n: u64, user: &str) -> Event {
        Event::NumberAssigned { number: number(n), user: who(user), import: None }
    }

    pub(crate) fn opened(user: &str) -> Event {
        Event::AccountOpened { user: who(user), import: None }
    }

    pub(crate) fn unit(name: &str, parent: Option<&str>) -> Event {
        let parent = parent.map(str::to_owned);
        Event::OrgUnitDefined { org_unit: name.to_owned(), parent, level: None, roles: vec![] }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{added, assigned, number};
    use super::*;
    use crate::testing::{TestCompany, at, column, who};
    use serde_json::Value;

    fn state(company: &TestCompany, n: u64) -> Value {
        let params = json!({"search": number(n).to_string()});
        company.query("numbers", &params)[0]["state"].clone()
    }

    /// P18: the tag, user or time of an earlier state is gone.
    #[test]
    fn number_shows_the_state_of_its_last_event() {
        let company = TestCompany::new("acme").commit([added(1, None)]);
        assert_eq!(
            company.query("numbers", &json!({})),
            [json!({"number": "+12125550001", "org_unit": null, "state": "available", "tag": null,
                "user": null, "cooling_until": null, "updated_at": at(0)})]
        );
        let company =
            company.commit([Event::NumberReserved { number: number(1), tag: "VIP".to_owned() }]);
        let row = &company.query("numbers", &json!({"search": "vip"}))[0];
        assert_eq!((&row["state"], &row["tag"]), (&json!("reserved"), &json!("VIP")));
        let allocated = Event::NumberAllocated { number: number(1), org_unit: "EMEA".to_owned() };
        let company = company.commit([allocated, assigned(1, "ann")]);
        let row = &company.query("numbers", &json!({"search": "ann"}))[0];
        assert_eq!((&row["state"], &row["tag"]), (&json!("assigned"), &Value::Null));
        assert_eq!((&row["user"], &row["org_unit"]), (&json!("ann"), &json!("EMEA")));
        let company =
            company.commit([Event::NumberRegistered { number: number(1), user: who("ann") }]);
        assert_eq!(state(&company, 1), "registered");
        let cooling_until = Some(at(90));
        let company = company.commit([Event::NumberReleased {
            number: number(1),
            user: who("ann"),
            cooling_until,
        }]);
        let row = &company.query("numbers", &json!({}))[0];
        assert_eq!((&row["state"], &row["user"]), (&json!("cooling"), &Value::Null));
        assert_eq!(row["cooling_until"], json!(at(90)));
        let company = company.commit([Event::NumberCooled { number: number(1) }]);
        let back = Event::NumberWithdrawn { number: number(1), org_unit: None };
        let row = &company.commit([back]).query("numbers", &json!({"state": "available"}))[0];
        assert_eq!((&row["org_unit"], &row["cooling_until"]), (&Value::Null, &Value::Null));
    }

    /// ML-15.
    #[test]
    fn available_numbers_of_the_organization_are_suggested() {
        let company = TestCompany::new("acme")
            .commit((1..5).map(|n| added(n, Some("EMEA"))))
            .commit([added(5, None), added(6, Some("APAC")), assigned(2, "ann")]);
        let suggested =
            |params: Value| column(&company.query("number_suggestions", &params), "number");
        let emea = suggested(json!({"org_unit": "EMEA", "limit": 2}));
        assert_eq!(emea, [json!("+12125550001"), json!("+12125550003")]);
        assert_eq!(suggested(json!({})), [json!("+12125550005")]);
        assert!(suggested(json!({"org_unit": "Nowhere"})).is_empty());
    }

    #[test]
    fn history_of_a_number_includes_the_pool_events() {
        let company =
            TestCompany::new("acme").commit([added(1, None), added(2, None), assigned(1, "ann")]);
        let entity = crate::history::Entity::Phone(*number(1));
        let versions = crate::history::versions(&company.rows(), company.id(), &entity).unwrap();
        assert_eq!(versions, [1..=1, 3..=3]);
    }
}
