//! The number pool: each number, whose it is and where it stands (queries `numbers`, `number_suggestions`; ML-15).

mod accounts;
mod moving;
mod owners;
mod tally;

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, Permission, Who};
use boarding_commands::values::{CompanyId, Personal, Phone, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ReadModel;
use crate::history::number_of;
use crate::projection::{Projection, Projector, load};
use crate::query::{Answer, Asked, Param, Query, QueryError, Spelled, page, shape_of, words};
use crate::rows::{Rows, RowsError, Table};

pub const MODEL: ReadModel = ReadModel {
    projectors: &[
        Projector::of::<Numbers>(),
        Projector::of::<owners::Owners>(),
        Projector::of::<accounts::Accounts>(),
    ],
    queries: &[
        Query {
            name: "numbers",
            permission: Some(Permission::Accounts),
            params: &[
                Param::text("search"),
                Param::text("org_unit"),
                Param::word::<NumberState>("state"),
            ],
            paged: true,
            row: shape_of::<NumberShown>,
            columns: None,
            answer: numbers,
        },
        Query {
            name: "number_suggestions",
            permission: None,
            params: &[
                Param::text("org_unit").or(&["org"]),
                // How short the list is to be, as for any page.
                Param::text("limit").or(&["n"]),
            ],
            paged: true,
            row: shape_of::<Suggestion>,
            columns: None,
            answer: suggestions,
        },
        owners::UTILISATION,
        moving::CAN_MOVE,
    ],
};

words! {
    /// Where a number stands.
    NumberState {
        Available "available"
        Reserved "reserved"
        Assigned "assigned"
        Registered "registered"
        Cooling "cooling"
    }
}

/// A number of the pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PooledNumber {
    pub number: Personal<Phone>,
    /// Whose it is; none is the company's own stock.
    pub org_unit: Option<String>,
    pub state: NumberState,
    pub tag: Option<String>,
    pub user: Option<Who>,
    pub cooling_until: Option<Time>,
    pub updated_at: Time,
    /// The versions of the facts about this number, for `history`.
    pub(crate) versions: Vec<u64>,
}

impl PooledNumber {
    /// In a new state, and nobody's unless it says so.
    fn set(&mut self, state: NumberState) {
        self.state = state;
        (self.tag, self.user, self.cooling_until) = (None, None, None);
    }

    /// As it stands by then: who has rested long enough is available, whether or not a fact says so yet.
    fn by(mut self, now: Option<Time>) -> Self {
        if self.cooling_until.is_some_and(|until| now.is_some_and(|now| until <= now)) {
            self.set(NumberState::Available);
        }
        self
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::NumberReserved { tag, .. } => {
                self.set(NumberState::Reserved);
                self.tag = Some(tag.clone());
            }
            Event::NumberUnreserved { .. } | Event::NumberCooled { .. } => {
                self.set(NumberState::Available);
            }
            Event::NumberAllocated { org_unit, .. } => self.org_unit = Some(org_unit.clone()),
            Event::NumberWithdrawn { org_unit, .. } => self.org_unit.clone_from(org_unit),
            Event::NumberAssigned { user, .. } => {
                self.set(NumberState::Assigned);
                self.user = Some(user.clone());
            }
            Event::NumberRegistered { user, .. } => {
                self.set(NumberState::Registered);
                self.user = Some(user.clone());
            }
            Event::NumberReleased { cooling_until, .. } => {
                let rests = cooling_until.is_some();
                self.set(if rests { NumberState::Cooling } else { NumberState::Available });
                self.cooling_until = *cooling_until;
            }
            _ => {}
        }
    }
}

/// Numbers in numerical order.
#[derive(Debug)]
pub struct Numbers;

impl Projection for Numbers {
    const TABLE: Table = Table::Numbers;
    const VERSION: u32 = 1;
    type Row = PooledNumber;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        number_of(fact.event).map(key)
    }

    fn evolve(row: Option<PooledNumber>, fact: &Fact<'_>) -> Option<PooledNumber> {
        let mut known = match (row, fact.event) {
            (Some(known), _) => known,
            (None, Event::NumberAdded { number, org_unit }) => PooledNumber {
                number: number.clone(),
                org_unit: org_unit.clone(),
                state: NumberState::Available,
                tag: None,
                user: None,
                cooling_until: None,
                updated_at: fact.commit.at,
                versions: Vec::with_capacity(1),
            },
            (None, _) => return None,
        };
        known.take(fact.event);
        known.updated_at = fact.commit.at;
        known.versions.push(fact.version);
        Some(known)
    }
}

fn key(number: Phone) -> Vec<u8> {
    number.number().to_be_bytes().into()
}

/// The number, if it is in the pool.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    number: Phone,
) -> Result<Option<PooledNumber>, RowsError> {
    load::<Numbers>(rows, company, &key(number))
}

/// A number of the pool, whose it is and where it stands.
#[derive(Serialize, JsonSchema)]
struct NumberShown<'a> {
    number: &'a Personal<Phone>,
    /// The organization that has it; null for the company's own stock.
    org_unit: Option<&'a str>,
    state: Spelled<NumberState>,
    /// What it is reserved for.
    tag: Option<&'a str>,
    /// The account that has it.
    user: Option<&'a Who>,
    cooling_until: Option<Time>,
    updated_at: Time,
}

fn numbers(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let search = asked.search()?;
    let org_unit = asked.name("org_unit")?;
    let state = asked.word::<NumberState>("state")?;
    page::<Numbers, _>(asked, rows, &[], |_, known| {
        let known = known.by(asked.now);
        let wanted =
            search.as_ref().is_none_or(|needle| {
                needle.is_in_phone(*known.number)
                    || known.user.as_ref().is_some_and(|user| needle.is_in(user.as_str()))
                    || known.tag.as_ref().is_some_and(|tag| needle.is_in(tag))
            }) && org_unit.as_ref().is_none_or(|name| known.org_unit.as_ref() == Some(name))
                && state.is_none_or(|state| known.state == state);
        let shown = NumberShown {
            number: &known.number,
            org_unit: known.org_unit.as_deref(),
            state: Spelled(known.state),
            tag: known.tag.as_deref(),
            user: known.user.as_ref(),
            cooling_until: known.cooling_until,
            updated_at: known.updated_at,
        };
        Ok([wanted.then(|| json!(shown))])
    })
}

/// A number that an account may pick.
#[derive(Serialize, JsonSchema)]
struct Suggestion<'a> {
    number: &'a Personal<Phone>,
}

/// ML-15: the short list to pick from on activation, as short as `limit` says.
fn suggestions(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let org_unit = asked.name("org_unit")?;
    page::<Numbers, _>(asked, rows, &[], |_, known| {
        let known = known.by(asked.now);
        let fits = known.state == NumberState::Available && known.org_unit == org_unit;
        Ok([fits.then(|| json!(Suggestion { number: &known.number }))])
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
    use crate::testing::{Story, at, column, who};
    use serde_json::Value;

    fn state(story: &Story, n: u64) -> Value {
        let params = json!({"search": number(n).to_string()});
        story.ask("numbers", &params)[0]["state"].clone()
    }

    /// P18: a number is in one state, and the tag, user or time of an earlier one is gone.
    #[test]
    fn p18_a_number_shows_the_state_of_its_last_fact() {
        let story = Story::of("acme").then([added(1, None)]);
        assert_eq!(
            story.ask("numbers", &json!({})),
            [json!({"number": "+12125550001", "org_unit": null, "state": "available", "tag": null,
                "user": null, "cooling_until": null, "updated_at": at(0)})]
        );
        let story =
            story.then([Event::NumberReserved { number: number(1), tag: "VIP".to_owned() }]);
        let row = &story.ask("numbers", &json!({"search": "vip"}))[0];
        assert_eq!((&row["state"], &row["tag"]), (&json!("reserved"), &json!("VIP")));
        let allocated = Event::NumberAllocated { number: number(1), org_unit: "EMEA".to_owned() };
        let story = story.then([allocated, assigned(1, "ann")]);
        let row = &story.ask("numbers", &json!({"search": "ann"}))[0];
        assert_eq!((&row["state"], &row["tag"]), (&json!("assigned"), &Value::Null));
        assert_eq!((&row["user"], &row["org_unit"]), (&json!("ann"), &json!("EMEA")));
        let story = story.then([Event::NumberRegistered { number: number(1), user: who("ann") }]);
        assert_eq!(state(&story, 1), "registered");
        let cooling_until = Some(at(90));
        let story = story.then([Event::NumberReleased {
            number: number(1),
            user: who("ann"),
            cooling_until,
        }]);
        let row = &story.ask("numbers", &json!({}))[0];
        assert_eq!((&row["state"], &row["user"]), (&json!("cooling"), &Value::Null));
        assert_eq!(row["cooling_until"], json!(at(90)));
        let story = story.then([Event::NumberCooled { number: number(1) }]);
        let back = Event::NumberWithdrawn { number: number(1), org_unit: None };
        let row = &story.then([back]).ask("numbers", &json!({"state": "available"}))[0];
        assert_eq!((&row["org_unit"], &row["cooling_until"]), (&Value::Null, &Value::Null));
    }

    /// ML-15: the list to pick from is short, and of the account's organization.
    #[test]
    fn ml_15_available_numbers_of_the_organization_are_suggested() {
        let story = Story::of("acme").then((1..5).map(|n| added(n, Some("EMEA")))).then([
            added(5, None),
            added(6, Some("APAC")),
            assigned(2, "ann"),
        ]);
        let suggested = |params: Value| column(&story.ask("number_suggestions", &params), "number");
        let emea = suggested(json!({"org_unit": "EMEA", "limit": 2}));
        assert_eq!(emea, [json!("+12125550001"), json!("+12125550003")]);
        assert_eq!(suggested(json!({})), [json!("+12125550005")]);
        assert!(suggested(json!({"org_unit": "Nowhere"})).is_empty());
    }

    #[test]
    fn the_history_of_a_number_is_told_from_the_pool_too() {
        let story = Story::of("acme").then([added(1, None), added(2, None), assigned(1, "ann")]);
        let entity = crate::history::Entity::Phone(*number(1));
        let places = crate::history::places(&story.rows(), story.company(), &entity).unwrap();
        assert_eq!(places, [1..=1, 3..=3]);
    }
}
