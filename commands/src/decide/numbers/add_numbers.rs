//! `AddNumbers`: numbers enter the pool, as the company's own stock or an organization's.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::Company;
use crate::decide::numbers::pool::{MAX_NUMBERS, check_org_unit, read, read_one};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Phone, Refusal};

/// Numbers enter the pool. Those that are in it already stay as they are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddNumbers {
    /// The numbers, unless `from` and `to` are given.
    #[serde(default)]
    #[schemars(length(max = MAX_NUMBERS))]
    pub numbers: Vec<Personal<String>>,
    /// The first number of a range, instead of `numbers`.
    pub from: Option<Personal<String>>,
    /// The last number of the range.
    pub to: Option<Personal<String>>,
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
        let numbers = match (&self.from, &self.to) {
            (None, None) => read(company, &self.numbers)?,
            (Some(from), Some(to)) if self.numbers.is_empty() => range(company, from, to)?,
            _ => {
                let refusal = Refusal::new(Code::EnvelopeMalformed);
                return Err(refusal.saying("give numbers, or from and to"));
            }
        };
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

/// The numbers from the first to the last, both included.
///
/// # Errors
/// `phone.*` naming the key, `envelope.malformed` if the last is before the first or too far from it.
fn range(company: &Company, from: &str, to: &str) -> Result<Vec<Phone>, Refusal> {
    let read = |key: &str, text: &str| {
        read_one(company, text).map_err(|refusal| refusal.saying(key).with(json!({"field": key})))
    };
    let (from, to) = (read("from", from)?, read("to", to)?);
    let count = to.number().checked_sub(from.number()).map_or(0, |distance| distance + 1);
    let is_range = from.number().ilog10() == to.number().ilog10();
    if !is_range || count == 0 || count > MAX_NUMBERS as u64 {
        let refusal = Refusal::new(Code::EnvelopeMalformed);
        let words = format!(
            "to: a range ends at its first number or after it, and has at most {MAX_NUMBERS} numbers; this one has {count}"
        );
        return Err(refusal.saying(&words).with(json!({"limit": MAX_NUMBERS, "actual": count})));
    }
    let numbers = from.number()..=to.number();
    Ok(numbers.filter_map(Phone::of_number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::numbers::pool::testing::{number, number_added, texts, unit};
    use crate::decide::testing::given;

    fn add(ns: &[u64], org_unit: Option<&str>) -> AddNumbers {
        let org_unit = org_unit.map(str::to_owned);
        AddNumbers { numbers: texts(ns), from: None, to: None, org_unit }
    }

    /// N90: a range is two numbers in two keys, and adds every number between them.
    #[test]
    fn range_adds_each_of_its_numbers() {
        let text = |n| number(n).to_string();
        let of = |from: u64, to: u64| json!({"from": text(from), "to": text(to)});
        let added = (3..=5).map(|n| number_added(n, None));
        let then = given([]).when_json("AddNumbers", of(3, 5));
        assert_eq!(then.events(), added.collect::<Vec<_>>());
        let all = (0..=MAX_NUMBERS as u64 - 1).map(|n| number_added(n, None));
        let then = given([]).when_json("AddNumbers", of(0, MAX_NUMBERS as u64 - 1));
        assert_eq!(then.events(), all.collect::<Vec<_>>());
        for bad in [
            of(5, 3),
            of(0, MAX_NUMBERS as u64),
            json!({"from": text(3)}),
            json!({"from": text(3), "to": text(5), "numbers": [text(4)]}),
            json!({}),
        ] {
            given([]).when_json("AddNumbers", bad).then_refused(Code::EnvelopeMalformed);
        }
        let bad = json!({"from": text(3), "to": "+1 212 555 0001-0005"});
        let refusal = given([]).when_json("AddNumbers", bad).then_refused(Code::PhoneInvalid);
        assert_eq!(refusal.details, json!({"field": "to"}));
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
