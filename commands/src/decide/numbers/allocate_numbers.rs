//! `AllocateNumbers`: gives available numbers of parent owners to an organization, by number or by quantity.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::numbers::NumberOwner;
use crate::company::{Company, NumberState};
use crate::decide::numbers::pool::{
    MAX_NUMBERS, above, at, check_org_unit, find, not_available, read, spare,
};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::schema::exactly_one_of;
use crate::values::{Code, Personal, Phone, Refusal};

/// Moves numbers from the organizations above to this one. If one cannot move, none moves.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = either_way)]
pub struct AllocateNumbers {
    #[serde(alias = "org")]
    #[schemars(extend("x-aliases" = ["org"]))]
    pub org_unit: String,
    /// Either this many numbers, from the nearest owner first and in numerical order …
    #[schemars(range(min = 1, max = MAX_NUMBERS))]
    #[serde(alias = "qty")]
    #[schemars(extend("x-aliases" = ["qty"]))]
    pub quantity: Option<u64>,
    /// … or these.
    #[schemars(length(min = 1, max = MAX_NUMBERS))]
    #[serde(alias = "list")]
    #[schemars(extend("x-aliases" = ["list"]))]
    pub numbers: Option<Vec<Personal<String>>>,
}

fn either_way(schema: &mut Schema) {
    exactly_one_of(schema, &[&["quantity"], &["numbers"]]);
}

/// How many numbers changed hands.
#[derive(Debug, Serialize, JsonSchema)]
struct Allocated {
    allocated: usize,
}

impl Decide for AllocateNumbers {
    const NEEDS: Option<Permission> = Some(Permission::Administer);
    const TAKES_NUMBERS: bool = true;

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Allocated::json_schema(generator)
    }

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        check_org_unit(company, &self.org_unit)?;
        let owners = above(company, &self.org_unit);
        let numbers = match (self.quantity, &self.numbers) {
            (Some(quantity), None) => some(company, &owners, quantity)?,
            (None, Some(texts)) => self.these(company, &owners, &read(company, texts)?)?,
            _ => {
                return Err(
                    Refusal::new(Code::EnvelopeMalformed).saying("give either quantity or numbers")
                );
            }
        };
        let allocated = numbers.iter().map(|number| Event::NumberAllocated {
            number: Personal(*number),
            org_unit: self.org_unit.clone(),
        });
        let events: Vec<_> = allocated.collect();
        let result = json!(Allocated { allocated: events.len() });
        Ok(Decision::append(events).with_result(result))
    }
}

/// The requested quantity of numbers, the nearest owner's first. Numbers that are promised to pending invitations are not given away.
fn some(company: &Company, owners: &[NumberOwner], quantity: u64) -> Result<Vec<Phone>, Refusal> {
    if quantity == 0 || quantity > MAX_NUMBERS as u64 {
        return Err(Refusal::new(Code::EnvelopeMalformed).saying("quantity: 1 to 1000"));
    }
    let mut found = Vec::new();
    for owner in owners {
        let left = usize::try_from(quantity).unwrap_or(MAX_NUMBERS) - found.len();
        let most = usize::try_from(spare(company, owner)).unwrap_or(usize::MAX).min(left);
        let available = company
            .numbers
            .iter()
            .filter(|(_, number)| number.owner == *owner && number.state == NumberState::Available);
        found.extend(available.map(|(number, _)| number).take(most));
    }
    if (found.len() as u64) < quantity {
        let details = json!({"needed": quantity, "available": found.len()});
        let words = format!(
            "The company's own stock and the organizations above have too few available numbers; add numbers first. (needed {quantity}, available {})",
            found.len()
        );
        return Err(Refusal::new(Code::NumberNoneAvailable).worded(words).with(details));
    }
    Ok(found)
}

impl AllocateNumbers {
    fn these(
        &self,
        company: &Company,
        owners: &[NumberOwner],
        named: &[Phone],
    ) -> Result<Vec<Phone>, Refusal> {
        let mut numbers = Vec::new();
        let mut taken: BTreeMap<&NumberOwner, u64> = BTreeMap::new();
        for (&number, place) in named.iter().zip(1..) {
            let known = find(company, number).map_err(|refusal| at(place, refusal))?;
            if known.owner.as_deref() == Some(&self.org_unit) {
                continue;
            }
            if !owners.contains(&known.owner) {
                return Err(at(place, Code::NumberAllocatedToOtherOrg.into()));
            }
            if known.state != NumberState::Available {
                return Err(at(place, not_available(&known.state)));
            }
            let taken = taken.entry(&known.owner).or_default();
            *taken += 1;
            if *taken > spare(company, &known.owner) {
                return Err(at(place, Code::NumberNoneAvailable.into()));
            }
            numbers.push(number);
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::numbers::pool::testing::{assigned, number, number_added, texts, unit};
    use crate::decide::testing::{Given, given, user_created};

    fn these(org_unit: &str, ns: &[u64]) -> AllocateNumbers {
        AllocateNumbers { org_unit: org_unit.to_owned(), quantity: None, numbers: Some(texts(ns)) }
    }

    fn so_many(org_unit: &str, quantity: u64) -> AllocateNumbers {
        AllocateNumbers { org_unit: org_unit.to_owned(), quantity: Some(quantity), numbers: None }
    }

    fn allocated(n: u64, org_unit: &str) -> Event {
        Event::NumberAllocated { number: Personal(number(n)), org_unit: org_unit.to_owned() }
    }

    /// Two numbers of the company's own, two of EMEA, above Paris and beside APAC.
    fn company() -> Given {
        given([
            unit("EMEA", None),
            unit("Paris", Some("EMEA")),
            unit("APAC", None),
            number_added(1, None),
            number_added(2, None),
            number_added(3, Some("EMEA")),
            number_added(4, Some("EMEA")),
            user_created("ann"),
        ])
    }

    /// P18: numbers go down the organization, the nearest owner's first.
    #[test]
    fn numbers_are_allocated_from_the_nearest_owner_above() {
        company().when(so_many("Paris", 3)).then([3, 4, 1].map(|n| allocated(n, "Paris")));
        company().when(so_many("APAC", 2)).then([1, 2].map(|n| allocated(n, "APAC")));
        let refusal = company().when(so_many("APAC", 3)).then_refused(Code::NumberNoneAvailable);
        assert_eq!(refusal.details, json!({"needed": 3, "available": 2}));
        company().when(so_many("APAC", 0)).then_refused(Code::EnvelopeMalformed);
    }

    /// P18: named numbers are allocated all or none; numbers that the unit owns already stay.
    #[test]
    fn named_numbers_are_allocated_all_or_none() {
        company().when(these("EMEA", &[1, 3])).then([allocated(1, "EMEA")]);
        let refusal =
            company().when(these("APAC", &[1, 3])).then_refused(Code::NumberAllocatedToOtherOrg);
        assert_eq!(refusal.details, json!({"place": 2}));
        company().when(these("APAC", &[9])).then_refused(Code::NumberNotInPool);
        company().when(these("Nowhere", &[1])).then_refused(Code::OrgUnitNotFound);
        let mut taken = company();
        taken.append(crate::decide::testing::NOW, "jane", &[assigned(1, "ann")]);
        let refusal = taken.when(these("APAC", &[1])).then_refused(Code::NumberNotAvailable);
        assert_eq!(refusal.details, json!({"state": "assigned", "place": 1}));
        company()
            .when_json("AllocateNumbers", json!({"org_unit": "APAC"}))
            .then_refused(Code::EnvelopeMalformed);
    }
}
