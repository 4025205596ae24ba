//! `WithdrawNumbers`: unused numbers go back to the organization above.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::numbers::NumberOwner;
use crate::company::{Company, NumberState};
use crate::decide::numbers::pool::{MAX_NUMBERS, at, find, in_use, not_available, read, spare};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal};

/// Unused numbers go back to the organization above their owner, or to the company's own stock; all or none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawNumbers {
    #[schemars(length(min = 1, max = MAX_NUMBERS))]
    pub numbers: Vec<Personal<String>>,
}

/// How many numbers went back.
#[derive(Debug, Serialize, JsonSchema)]
struct Withdrawn {
    withdrawn: usize,
}

impl Decide for WithdrawNumbers {
    const NEEDS: Option<Permission> = Some(Permission::Administer);
    const TAKES_NUMBERS: bool = true;

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Withdrawn::json_schema(generator)
    }

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let mut events = Vec::new();
        let mut taken: BTreeMap<&NumberOwner, u64> = BTreeMap::new();
        for (number, place) in read(company, &self.numbers)?.into_iter().zip(1..) {
            let known = find(company, number).map_err(|refusal| at(place, refusal))?;
            let Some(org_unit) = known.owner.as_deref() else { continue };
            match &known.state {
                NumberState::Available => {}
                NumberState::Assigned { .. } | NumberState::Registered { .. } => {
                    return Err(at(place, in_use(company, number)));
                }
                state => return Err(at(place, not_available(state))),
            }
            let taken = taken.entry(&known.owner).or_default();
            *taken += 1;
            if *taken > spare(company, &known.owner) {
                return Err(at(place, Code::NumberNoneAvailable.into()));
            }
            let unit = company.org_units.get(org_unit);
            let org_unit = unit.and_then(|unit| unit.parent.clone());
            events.push(Event::NumberWithdrawn { number: Personal(number), org_unit });
        }
        let result = json!(Withdrawn { withdrawn: events.len() });
        Ok(Decision::append(events).with_result(result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::numbers::pool::testing::{assigned, number, number_added, texts, unit};
    use crate::decide::testing::{given, user_created, who};

    fn withdraw(ns: &[u64]) -> WithdrawNumbers {
        WithdrawNumbers { numbers: texts(ns) }
    }

    fn withdrawn(n: u64, org_unit: Option<&str>) -> Event {
        Event::NumberWithdrawn {
            number: Personal(number(n)),
            org_unit: org_unit.map(str::to_owned),
        }
    }

    /// P18: only unused numbers go, each to the organization above its owner.
    #[test]
    fn only_unused_numbers_can_be_withdrawn() {
        let registered = Event::NumberRegistered { number: Personal(number(5)), user: who("bob") };
        let reserved = Event::NumberReserved { number: Personal(number(6)), tag: "VIP".to_owned() };
        let company = given([
            unit("EMEA", None),
            unit("Paris", Some("EMEA")),
            number_added(1, Some("Paris")),
            number_added(2, Some("EMEA")),
            number_added(3, None),
            number_added(4, Some("Paris")),
            number_added(5, Some("Paris")),
            number_added(6, Some("Paris")),
            user_created("ann"),
            user_created("bob"),
            assigned(4, "ann"),
            registered,
            reserved,
        ]);
        let result = company
            .when(withdraw(&[1, 2, 3]))
            .then([withdrawn(1, Some("EMEA")), withdrawn(2, None)]);
        assert_eq!(result, json!({"withdrawn": 2}));
        for (n, user) in [(4, "ann"), (5, "bob")] {
            let refusal = company.when(withdraw(&[1, n])).then_refused(Code::NumberInUse);
            assert_eq!(refusal.details, json!({"place": 2, "user": user}));
        }
        let refusal = company.when(withdraw(&[6])).then_refused(Code::NumberNotAvailable);
        assert_eq!(refusal.details, json!({"state": "reserved", "place": 1}));
        company.when(withdraw(&[9])).then_refused(Code::NumberNotInPool);
    }
}
