//! `ReserveNumber`: reserves a number under a tag.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::{Company, NumberState};
use crate::decide::numbers::pool::{find, not_available, read_one};
use crate::decide::rule::{Context, Decide, Decision, check_text};
use crate::event::{Event, Permission};
use crate::values::{Personal, Refusal};

/// Reserves a number under a tag.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveNumber {
    pub number: Personal<String>,
    /// What it is kept back for; `AssignNumber` must name it.
    pub tag: String,
}

impl Decide for ReserveNumber {
    const NEEDS: Option<Permission> = Some(Permission::Administer);
    const TAKES_NUMBERS: bool = true;

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        check_text("tag", &self.tag)?;
        let number = read_one(company, &self.number)?;
        match &find(company, number)?.state {
            NumberState::Available => {
                let (number, tag) = (Personal(number), self.tag.clone());
                Ok(Decision::append(vec![Event::NumberReserved { number, tag }]))
            }
            NumberState::Reserved { tag } if *tag == self.tag => Ok(Decision::append(vec![])),
            state => Err(not_available(state)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::numbers::pool::testing::{assigned, number, number_added};
    use crate::decide::testing::{given, user_created};
    use crate::values::Code;
    use serde_json::json;

    fn reserve(tag: &str) -> ReserveNumber {
        ReserveNumber { number: Personal(number(1).to_string()), tag: tag.to_owned() }
    }

    /// A20: an available number can be reserved; any other number cannot.
    #[test]
    fn only_an_available_number_can_be_reserved() {
        let company = given([number_added(1, None)]);
        assert_eq!(company.when(reserve("VIP")).names(), ["NumberReserved"]);
        let company = company.after(reserve("VIP"));
        company.when(reserve("VIP")).then([]);
        let refusal = company.when(reserve("Trading")).then_refused(Code::NumberNotAvailable);
        assert_eq!(refusal.details, json!({"state": "reserved"}));
        let company = given([number_added(1, None), user_created("ann"), assigned(1, "ann")]);
        let refusal = company.when(reserve("VIP")).then_refused(Code::NumberNotAvailable);
        assert_eq!(refusal.details, json!({"state": "assigned"}));
        given([]).when(reserve("VIP")).then_refused(Code::NumberNotInPool);
        given([]).when(reserve(" ")).then_refused(Code::FieldRequired);
    }
}
