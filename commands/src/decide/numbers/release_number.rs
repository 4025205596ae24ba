//! `ReleaseNumber`: an account gives its number back; it rests, if the company says so, and is available again.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::Company;
use crate::company::numbers::pending;
use crate::decide::numbers::pool::{find, read_one, released, spare};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal};

/// An account gives its number back.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseNumber {
    pub number: Personal<String>,
}

impl Decide for ReleaseNumber {
    const NEEDS: Option<Permission> = Some(Permission::Accounts);
    const TAKES_NUMBERS: bool = true;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let number = read_one(company, &self.number)?;
        let known = find(company, number)?;
        let Some((id, user)) = known.state.user().and_then(|id| Some((id, company.users.get(id)?)))
        else {
            return Ok(Decision::append(vec![]));
        };
        let event = released(company, number, user, context.at);
        // A person with an open invitation waits for another number, so one must be available.
        let rests = matches!(event, Event::NumberReleased { cooling_until: Some(_), .. });
        let waits = company.numbers.is_account(id) && pending(user).next().is_some();
        let left =
            spare(company, &user.org_unit) + u64::from(!rests && known.owner == user.org_unit);
        if waits && left == 0 {
            return Err(Code::NumberNoneAvailable.into());
        }
        Ok(Decision::append(vec![event]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::numbers::pool::testing::{
        assigned, number, number_added, setting, unit, user_of,
    };
    use crate::decide::runs::queue::next_tick_at;
    use crate::decide::testing::{NOW, given, user_created, who};
    use crate::decide::{Authority, Command, Tick};
    use crate::values::Time;

    fn release() -> ReleaseNumber {
        ReleaseNumber { number: Personal(number(1).to_string()) }
    }

    fn held() -> [Event; 3] {
        [number_added(1, None), user_created("ann"), assigned(1, "ann")]
    }

    #[test]
    fn a_number_is_given_back_once() {
        let company = given(held());
        let event = Event::NumberReleased {
            number: Personal(number(1)),
            user: who("ann"),
            cooling_until: None,
        };
        company.when(release()).then([event]);
        let company = company.after(release());
        assert_eq!(company.0.numbers.stock(&None).available, 1);
        company.when(release()).then([]);
        given([]).when(release()).then_refused(Code::NumberNotInPool);
    }

    /// P18: a released number is not assigned during its rest time, and is available after it.
    #[test]
    fn released_number_cools_down_before_it_is_available() {
        let rest = setting("number_cooling_seconds", json!(60));
        let company = given(held().into_iter().chain([rest])).after(release());
        let until = NOW.plus_seconds(60);
        assert_eq!(next_tick_at(&company.0), Some(until));
        assert_eq!(company.0.numbers.get(number(1)).unwrap().state.as_str(), "cooling");
        assert!(!company.when(Tick { now: NOW }).0.unwrap().is_append());
        company
            .when(Tick { now: until })
            .then([Event::NumberCooled { number: Personal(number(1)) }]);
        let company = company.after(Tick { now: until });
        assert_eq!((company.0.numbers.stock(&None).available, next_tick_at(&company.0)), (1, None));
    }

    /// P18, ML-06, ML-15: after its rest time a number is available to commands before the next tick. Their commit
    /// records that first; a refusal records nothing.
    #[test]
    fn cooled_number_is_available_before_the_next_tick() {
        let rest = setting("number_cooling_seconds", json!(60));
        let emea = [unit("EMEA", None), unit("APAC", None), rest, number_added(1, Some("EMEA"))];
        let held = emea.into_iter().chain([user_of("ann", "EMEA"), assigned(1, "ann")]);
        let company = given(held).after(release());
        let until = NOW.plus_seconds(60);
        let number = number(1).to_string();
        let asked = |at, name: &str, body: serde_json::Value| {
            company.when_asked_by("jane", Authority::All, at, Command::read(name, body).unwrap())
        };
        for (name, body, done) in [
            ("AssignNumber", json!({"number": number, "user": "ann"}), "NumberAssigned"),
            ("ReserveNumber", json!({"number": number, "tag": "VIP"}), "NumberReserved"),
            ("WithdrawNumbers", json!({"numbers": [number]}), "NumberWithdrawn"),
        ] {
            let refusal =
                asked(Time(until.0 - 1), name, body.clone()).then_refused(Code::NumberNotAvailable);
            assert_eq!(refusal.details["state"], "cooling", "{name}");
            assert_eq!(asked(until, name, body).names(), ["NumberCooled", done], "{name}");
        }
        let other_owner = json!({"org_unit": "APAC", "numbers": [number]});
        asked(until, "AllocateNumbers", other_owner).then_refused(Code::NumberAllocatedToOtherOrg);
    }
}
