//! `AssignNumber`: an administrator assigns a number, or a person chooses one on activation.

use schemars::{JsonSchema, Schema};
use serde::Deserialize;

use crate::company::{Company, NumberState, User, UserId, UserState};
use crate::decide::numbers::pool::{assigned, find, in_use, not_available, read_one, why_not};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Channel, Event, Permission};
use crate::schema::exactly_one_of;
use crate::values::{Code, Personal, Refusal};

/// An account gets a number of its organization, or one of the company's own stock. Either an administrator names the
/// `user`, or the person sends the `token` of the mailed link.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = either_way)]
pub struct AssignNumber {
    pub number: Personal<String>,
    pub user: Option<String>,
    /// The token of the person's invitation link.
    pub token: Option<Personal<String>>,
    /// The tag of a reserved number: a reserved number is assigned only with its tag.
    pub tag: Option<String>,
}

fn either_way(schema: &mut Schema) {
    exactly_one_of(schema, &[&["user"], &["token"]]);
}

impl AssignNumber {
    /// The account that gets the number.
    fn account<'c>(
        &self,
        company: &'c Company,
        context: &Context<'_>,
    ) -> Result<(UserId, &'c User), Refusal> {
        match (&self.user, &self.token) {
            (Some(user), None) => {
                context.require(company, Permission::Accounts)?;
                Ok(company.user_meant(user).ok_or(Code::UserNotFound)?)
            }
            (None, Some(_)) if self.tag.is_some() => {
                let refusal = Refusal::new(Code::EnvelopeMalformed);
                Err(refusal.saying("tag: a person cannot choose a reserved number"))
            }
            (None, Some(_)) => {
                let live = context.live_link(company)?;
                // Others have no number of the pool.
                let is_account = company.numbers.is_account(live.id);
                if is_account { Ok((live.id, live.user)) } else { Err(Code::UserNotFound.into()) }
            }
            _ => {
                let refusal = Refusal::new(Code::EnvelopeMalformed);
                Err(refusal.saying("give either user or token"))
            }
        }
    }
}

impl Decide for AssignNumber {
    // A valid token needs no permission; without a token the rule requires one.
    const NEEDS: Option<Permission> = None;
    const TAKES_NUMBERS: bool = true;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let (id, user) = self.account(company, context)?;
        let number = read_one(company, &self.number)?;
        if user.state == UserState::Archived {
            return Err(Code::UserArchived.into());
        }
        let known = find(company, number)?;
        match company.numbers.of(id) {
            Some(held) if held == number => return Ok(Decision::append(vec![])),
            Some(held) => return Err(in_use(company, held)),
            None => {}
        }
        let org_unit = user.org_unit.as_deref();
        if self.token.is_some() {
            // Only an administrator gives numbers of the company's own stock to an organization.
            if known.owner.as_deref() != org_unit {
                return Err(Code::NumberAllocatedToOtherOrg.into());
            }
            if known.state != NumberState::Available {
                return Err(not_available(&known.state));
            }
        }
        if let Some(refusal) = why_not(company, number, self.tag.as_deref(), org_unit, Some(id), 0)
        {
            return Err(refusal);
        }
        let (who, given) = (Personal(user.key()), Personal(number));
        let event =
            Event::NumberAssigned { number: given.clone(), user: who.clone(), import: None };
        let mut events = assigned(company, number, org_unit, event);
        if is_on_board(user) {
            events.push(Event::NumberRegistered { number: given, user: who });
        }
        Ok(Decision::append(events))
    }
}

fn is_on_board(user: &User) -> bool {
    Channel::ALL.iter().any(|channel| user.link(*channel).linked)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::numbers::pool::testing::{number, number_added, unit, user_of};
    use crate::decide::testing::{given, user_created, who};

    fn assign(n: u64, user: &str) -> AssignNumber {
        let (number, user) = (Personal(number(n).to_string()), Some(user.to_owned()));
        AssignNumber { number, user, token: None, tag: None }
    }

    fn event(n: u64, user: &str) -> Event {
        Event::NumberAssigned { number: Personal(number(n)), user: who(user), import: None }
    }

    /// P18: an account has at most one number, and a number at most one account.
    #[test]
    fn number_cannot_be_assigned_to_two_accounts() {
        let company = given([
            number_added(1, None),
            number_added(2, None),
            user_created("ann"),
            user_created("bob"),
        ]);
        company.when(assign(1, "ANN")).then([event(1, "ann")]);
        let company = company.after(assign(1, "ann"));
        company.when(assign(1, "ann")).then([]);
        company.when(assign(2, "ann")).then_refused(Code::NumberInUse);
        let refusal = company.when(assign(1, "bob")).then_refused(Code::NumberNotAvailable);
        assert_eq!(refusal.details, json!({"state": "assigned"}));
    }

    /// P18: a number of the company's own stock moves to the organization of its account. A number of another
    /// organization is rejected.
    #[test]
    fn assigned_number_moves_to_the_organization_of_its_account() {
        let company = given([
            unit("EMEA", None),
            unit("APAC", None),
            number_added(1, None),
            number_added(2, Some("APAC")),
            user_of("ann", "EMEA"),
        ]);
        let allocated =
            Event::NumberAllocated { number: Personal(number(1)), org_unit: "EMEA".to_owned() };
        company.when(assign(1, "ann")).then([allocated, event(1, "ann")]);
        company.when(assign(2, "ann")).then_refused(Code::NumberAllocatedToOtherOrg);
    }

    /// A41: in an older history an archived person still has a number. It goes to the next account that is given it.
    #[test]
    fn number_of_an_archived_person_is_assigned_anew() {
        let archived = Event::UserArchived { user: who("ann") };
        let held = [number_added(1, None), user_created("ann"), event(1, "ann"), archived];
        let company = given(held.into_iter().chain([user_created("bob")]));
        let released = Event::NumberReleased {
            number: Personal(number(1)),
            user: who("ann"),
            cooling_until: None,
        };
        company.when(assign(1, "bob")).then([released, event(1, "bob")]);
        let (bob, _) = company.0.users.created("bob").unwrap();
        assert_eq!(company.after(assign(1, "bob")).0.numbers.of(bob), Some(number(1)));
    }

    /// A20: a reserved number can be assigned only with its tag.
    #[test]
    fn reserved_number_is_assigned_only_with_its_tag() {
        let reserved = Event::NumberReserved { number: Personal(number(1)), tag: "VIP".to_owned() };
        let company = given([number_added(1, None), reserved, user_created("ann")]);
        company.when(assign(1, "ann")).then_refused(Code::NumberNotAvailable);
        let tagged = |tag: &str| AssignNumber { tag: Some(tag.to_owned()), ..assign(1, "ann") };
        company.when(tagged("Trading")).then_refused(Code::NumberNotAvailable);
        company.when(tagged("VIP")).then([event(1, "ann")]);
    }

    /// ML-15: a person who is linked already chooses a number, which is registered at once.
    #[test]
    fn number_chosen_on_activation_is_registered_at_once() {
        let linked =
            Event::UserLinked { user: who("ann"), channel: Channel::Whatsapp, invitation: None };
        let company = given([number_added(1, None), user_created("ann"), linked]);
        assert_eq!(company.when(assign(1, "ann")).names(), ["NumberAssigned", "NumberRegistered"]);
    }

    #[test]
    fn who_is_not_there_gets_no_number() {
        let archived = Event::UserArchived { user: who("ann") };
        let company = given([number_added(1, None), user_created("ann"), archived]);
        company.when(assign(1, "ann")).then_refused(Code::UserArchived);
        company.when(assign(1, "bob")).then_refused(Code::UserNotFound);
        given([user_created("ann")]).when(assign(1, "ann")).then_refused(Code::NumberNotInPool);
    }
}
