//! `UnreserveNumber`: a number that was kept back is available again.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::{Company, NumberState};
use crate::decide::numbers::pool::{find, in_use, read_one};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Personal, Refusal};

/// A number that was kept back is available again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnreserveNumber {
    pub number: Personal<String>,
}

impl Decide for UnreserveNumber {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let number = read_one(company, &self.number)?;
        match find(company, number)?.state {
            NumberState::Reserved { .. } => {
                Ok(Decision::append(vec![Event::NumberUnreserved { number: Personal(number) }]))
            }
            NumberState::Available | NumberState::Cooling { .. } => Ok(Decision::append(vec![])),
            NumberState::Assigned { .. } | NumberState::Registered { .. } => {
                Err(in_use(company, number))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::numbers::pool::testing::{assigned, number, number_added};
    use crate::decide::testing::{given, user_created};
    use crate::values::Code;

    fn unreserve() -> UnreserveNumber {
        UnreserveNumber { number: Personal(number(1).to_string()) }
    }

    #[test]
    fn a_reserved_number_is_given_back_once() {
        let reserved = Event::NumberReserved { number: Personal(number(1)), tag: "VIP".to_owned() };
        let company = given([number_added(1, None), reserved]);
        company.when(unreserve()).then([Event::NumberUnreserved { number: Personal(number(1)) }]);
        company.after(unreserve()).when(unreserve()).then([]);
        let company = given([number_added(1, None), user_created("ann"), assigned(1, "ann")]);
        company.when(unreserve()).then_refused(Code::NumberInUse);
        given([]).when(unreserve()).then_refused(Code::NumberNotInPool);
    }
}
