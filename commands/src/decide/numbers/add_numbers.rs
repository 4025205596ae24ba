//! `AddNumbers`: numbers enter the pool, as the company's own stock or an organization's.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::Company;
use crate::decide::numbers::pool::{MAX_NUMBERS, check_org_unit, read};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Personal, Refusal};

/// Numbers enter the pool. Those that are in it already stay as they are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddNumbers {
    #[schemars(length(min = 1, max = MAX_NUMBERS))]
    pub numbers: Vec<Personal<String>>,
    /// Whose they are; the company's own stock unless given.
    pub org_unit: Option<String>,
}

/// How many entered the pool, and how many were in it.
#[derive(Debug, Serialize, JsonSchema)]
struct NumbersAdded {
    added: usize,
    already_there: usize,
}

impl Decide for AddNumbers {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        NumbersAdded::json_schema(generator)
    }

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        if let Some(name) = &self.org_unit {
            check_org_unit(company, name)?;
        }
        let numbers = read(company, &self.numbers)?;
        let new = numbers.iter().filter(|number| company.numbers.get(**number).is_none());
        let added = new.map(|number| Event::NumberAdded {
            number: Personal(*number),
            org_unit: self.org_unit.clone(),
        });
        let events: Vec<_> = added.collect();
        let result =
            NumbersAdded { added: events.len(), already_there: numbers.len() - events.len() };
        Ok(Decision::append(events).with_result(json!(result)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::numbers::pool::testing::{number, number_added, texts, unit};
    use crate::decide::testing::given;
    use crate::values::Code;

    fn add(ns: &[u64], org_unit: Option<&str>) -> AddNumbers {
        AddNumbers { numbers: texts(ns), org_unit: org_unit.map(str::to_owned) }
    }

    /// P18: a number enters the pool once, even if it is named twice.
    #[test]
    fn number_enters_the_pool_once() {
        let company = given([unit("EMEA", None), number_added(1, None)]);
        let result =
            company.when(add(&[1, 2, 2], Some("EMEA"))).then([number_added(2, Some("EMEA"))]);
        assert_eq!(result, json!({"added": 1, "already_there": 1}));
    }

    /// P31: what is wrong with a number is said of its place, not of the number.
    #[test]
    fn what_cannot_be_right_is_refused() {
        given([]).when(add(&[1], Some("Nowhere"))).then_refused(Code::OrgUnitNotFound);
        given([]).when(add(&[], None)).then_refused(Code::EnvelopeMalformed);
        let many: Vec<_> = (0..=MAX_NUMBERS as u64).collect();
        given([]).when(add(&many, None)).then_refused(Code::EnvelopeMalformed);
        let bad = json!({"numbers": [number(1), "8.4E+10"]});
        let refusal =
            given([]).when_json("AddNumbers", bad).then_refused(Code::PhoneScientificNotation);
        assert_eq!(refusal.details, json!({"place": 2}));
    }
}
