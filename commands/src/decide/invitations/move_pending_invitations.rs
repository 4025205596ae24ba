//! `MovePendingInvitations`: moves accounts with a pending invitation to another organization.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::{Company, User, UserId};
use crate::decide::numbers::not_pending::not_pending;
use crate::decide::numbers::pool::{at, check_org_unit, check_permission_group, too_few};
use crate::decide::rule::{Context, Decide, Decision};
use crate::dialect::PERMISSION_GROUP;
use crate::event::{Event, Permission, Who};
use crate::values::{Code, Personal, Refusal};

/// The most accounts moved at once, in accounts: each is one person's values in one commit.
pub const MAX_ACCOUNTS: usize = 500;

/// Accounts with a pending invitation go to another organization: all of them, or none. A number that was
/// assigned goes with its account. The permission group is the one that is named, else the default of the
/// organization, else the account's own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MovePendingInvitations {
    #[schemars(length(min = 1, max = MAX_ACCOUNTS))]
    pub accounts: Vec<String>,
    /// The organization they go to.
    pub dest: String,
    /// The permission group they get; without it the default of the organization, if it has one, else each keeps its own.
    pub permission_group: Option<String>,
}

/// The moved accounts, without those that were in the organization before.
#[derive(Debug, Serialize, JsonSchema)]
struct Moved {
    moved: usize,
    accounts: Vec<MovedAccount>,
}

/// A moved account with its permission group in the new organization.
#[derive(Debug, Serialize, JsonSchema)]
struct MovedAccount {
    account: Who,
    permission_group: Option<String>,
    permission_group_from: GroupSource,
}

/// Where the permission group of a moved account comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupSource {
    /// The command names it.
    Named,
    /// It is the default of the destination.
    Default,
    /// The account had it before.
    Kept,
}

/// The permission group of a moved account, and where it comes from.
pub fn group_after<'g>(
    named: Option<&'g str>,
    default: Option<&'g str>,
    own: Option<&'g str>,
) -> (Option<&'g str>, GroupSource) {
    match (named, default) {
        (Some(named), _) => (Some(named), GroupSource::Named),
        (None, Some(default)) => (Some(default), GroupSource::Default),
        (None, None) => (own, GroupSource::Kept),
    }
}

impl Decide for MovePendingInvitations {
    const NEEDS: Option<Permission> = Some(Permission::Accounts);
    const TAKES_NUMBERS: bool = true;

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Moved::json_schema(generator)
    }

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        if self.accounts.is_empty() || self.accounts.len() > MAX_ACCOUNTS {
            let details = json!({"limit": MAX_ACCOUNTS, "actual": self.accounts.len()});
            return Err(Refusal::new(Code::EnvelopeMalformed)
                .saying("name 1 to 500 accounts")
                .with(details));
        }
        check_org_unit(company, &self.dest)?;
        if let Some(group) = &self.permission_group {
            check_permission_group(company, group)?;
        }
        let movers = self.movers(company)?;
        let without_number = movers.iter().filter(|(id, _)| company.numbers.of(*id).is_none());
        let dest = company.numbers.stock(&company.numbers.owner(Some(&self.dest)));
        if let Some(refusal) =
            too_few(without_number.count() as u64, dest, company.settings.number_overbooking)
        {
            return Err(refusal);
        }
        let events = movers.iter().flat_map(|(id, user)| self.moved(company, *id, user)).collect();
        let accounts = movers.iter().map(|(_, user)| {
            let (permission_group, from) = self.group_after(company, user);
            let permission_group = permission_group.map(str::to_owned);
            let account = Personal(user.key());
            MovedAccount { account, permission_group, permission_group_from: from }
        });
        let moved = Moved { moved: movers.len(), accounts: accounts.collect() };
        Ok(Decision::append(events).with_result(json!(moved)))
    }
}

impl MovePendingInvitations {
    /// The people who are not in the destination yet, each once. Refusals never repeat a key: it may be a phone number.
    fn movers<'a>(&self, company: &'a Company) -> Result<Vec<(UserId, &'a User)>, Refusal> {
        let (mut movers, mut named) = (Vec::new(), BTreeSet::new());
        for (key, place) in self.accounts.iter().zip(1..) {
            let (id, user) =
                company.account_meant(key).ok_or_else(|| at(place, Code::UserNotFound.into()))?;
            if let Some(refusal) = not_pending(user) {
                return Err(at(place, refusal));
            }
            if named.insert(id) && user.org_unit.as_deref() != Some(&self.dest) {
                movers.push((id, user));
            }
        }
        Ok(movers)
    }

    /// The permission group of a person after the move.
    fn group_after<'a>(
        &'a self,
        company: &'a Company,
        user: &'a User,
    ) -> (Option<&'a str>, GroupSource) {
        let unit = company.org_units.get(&self.dest);
        let default = unit.and_then(|unit| unit.default_permission_group.as_deref());
        group_after(self.permission_group.as_deref(), default, user.attribute(PERMISSION_GROUP))
    }

    fn moved(&self, company: &Company, id: UserId, user: &User) -> Vec<Event> {
        let mut person = user.person();
        let mut changed = vec!["org_unit".to_owned()];
        let group = self.group_after(company, user).0.map(str::to_owned);
        if person.attributes.get(PERMISSION_GROUP) != group.as_ref() {
            changed.push("attributes".to_owned());
            person.attributes.extend(group.map(|group| (PERMISSION_GROUP.to_owned(), group)));
        }
        let updated = Event::UserUpdated {
            user: Personal(user.key()),
            person: Personal(person),
            org_unit: Some(self.dest.clone()),
            roles: user.roles.iter().map(|role| role.to_string()).collect(),
            changed,
            row: None,
        };
        let number = company.numbers.of(id).map(|number| Event::NumberAllocated {
            number: Personal(number),
            org_unit: self.dest.clone(),
        });
        [updated].into_iter().chain(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::numbers::not_pending::NotPending;
    use crate::decide::numbers::pool::testing::{
        account, assigned, number, number_added, setting, unit,
    };
    use crate::decide::testing::{Given, dispatched, given, run_id, run_started, who};

    fn invited(key: &str, n: u128) -> Event {
        dispatched(run_id(1), key, n, 1)
    }

    fn to_apac(accounts: &[&str]) -> MovePendingInvitations {
        let accounts = accounts.iter().map(|key| (*key).to_owned()).collect();
        MovePendingInvitations { accounts, dest: "APAC".to_owned(), permission_group: None }
    }

    /// Ann and Bob are pending without a number, Cid with one; APAC has `numbers` numbers.
    fn company(numbers: u64) -> Given {
        let mut events = vec![unit("EMEA", None), unit("APAC", None)];
        events.extend((1..=3).map(|n| number_added(n, Some("EMEA"))));
        events.extend((11..11 + numbers).map(|n| number_added(n, Some("APAC"))));
        events.extend(["ann", "bob", "cid", "dan"].iter().flat_map(|key| account(key, "EMEA")));
        events.push(assigned(1, "cid"));
        events.extend(run_started(run_id(1), &["ann", "bob", "cid"]));
        events.extend([("ann", 1), ("bob", 2), ("cid", 3)].map(|(key, n)| invited(key, n)));
        given(events)
    }

    /// ML-17, P20: with too few numbers no account is moved, and the message is the product's.
    #[test]
    fn move_is_rejected_when_the_destination_has_too_few_numbers() {
        let refusal = company(1)
            .when(to_apac(&["ann", "bob", "cid"]))
            .then_refused(Code::NumberInsufficientInDestination);
        assert_eq!(refusal.details, json!({"needed": 2, "available": 1}));
        assert_eq!(
            refusal.message,
            "Unable to move account(s). You do not have enough numbers available in the selected organization"
        );
        assert_eq!(company(2).when(to_apac(&["ann", "bob", "cid"])).result()["moved"], 3);
    }

    /// ML-18: only invitations without a number count; an account takes its number along.
    #[test]
    fn account_with_a_number_moves_with_it() {
        let then = company(0).when(to_apac(&["cid", "CID"]));
        assert_eq!(then.names(), ["UserUpdated", "NumberAllocated"]);
        let company = company(0).after(to_apac(&["cid"]));
        assert_eq!(company.0.numbers.get(number(1)).unwrap().owner.as_deref(), Some("APAC"));
        company.when(to_apac(&["cid"])).then([]);
    }

    /// P19: a moved account waits for a number in the destination, and no longer in its former organization.
    #[test]
    fn moved_account_waits_in_the_destination() {
        let company = company(2);
        let stock = |company: &Given, name: &str| {
            company.0.numbers.stock(&company.0.numbers.owner(Some(name)))
        };
        assert_eq!((stock(&company, "EMEA").waiting, stock(&company, "APAC").waiting), (2, 0));
        let company = company.after(to_apac(&["ann"]));
        assert_eq!((stock(&company, "EMEA").waiting, stock(&company, "APAC").waiting), (1, 1));
        company.when(to_apac(&["bob"])).0.unwrap();
        let company = company.after(to_apac(&["bob"]));
        assert_eq!(stock(&company, "APAC").spare(false), 0);
    }

    /// With overbooking, a number counts as free although accounts wait for it.
    #[test]
    fn with_overbooking_one_number_may_be_promised_twice() {
        let mut company = company(1).after(to_apac(&["ann"]));
        let bob = || to_apac(&["bob"]);
        company.when(bob()).then_refused(Code::NumberInsufficientInDestination);
        let overbooking = setting("number_overbooking", json!(true));
        company.append(crate::decide::testing::NOW, "jane", &[overbooking]);
        assert_eq!(company.when(bob()).names(), ["UserUpdated"]);
    }

    #[test]
    fn only_accounts_that_are_pending_move() {
        let refusal =
            company(5).when(to_apac(&["ann", "dan"])).then_refused(Code::InvitationNotFound);
        assert_eq!(refusal.details, json!({"place": 2}));
        assert_eq!(refusal.message, NotPending::NotInvited.text());
        company(5).when(to_apac(&["nobody"])).then_refused(Code::UserNotFound);
        company(5).when(to_apac(&[])).then_refused(Code::EnvelopeMalformed);
        let nowhere = MovePendingInvitations { dest: "Nowhere".to_owned(), ..to_apac(&["ann"]) };
        company(5).when(nowhere).then_refused(Code::OrgUnitNotFound);
    }

    /// A moved account keeps its permission group or gets the one that is named, and the answer says which.
    #[test]
    fn moved_account_keeps_its_permission_group_or_gets_another() {
        let mut company = company(1);
        let mut person = company.0.users.find("ann").unwrap().1.person();
        person.attributes.insert(PERMISSION_GROUP.to_owned(), "Traders".to_owned());
        let updated = Event::UserUpdated {
            user: who("ann"),
            person: Personal(person),
            org_unit: Some("EMEA".to_owned()),
            roles: vec![],
            changed: vec![],
            row: None,
        };
        let (permission_group, permissions) = ("Brokers".to_owned(), vec![]);
        let defined = Event::PermissionGroupDefined { permission_group, permissions };
        company.append(crate::decide::testing::NOW, "jane", &[updated, defined]);
        let group = |company: &Given, command: MovePendingInvitations| {
            let then = company.when(command);
            let Event::UserUpdated { person, org_unit, .. } = &then.events()[0] else { panic!() };
            assert_eq!(org_unit.as_deref(), Some("APAC"));
            let group = person.attributes[PERMISSION_GROUP].clone();
            let account = then.result()["accounts"][0].clone();
            assert_eq!(
                (&account["account"], &account["permission_group"]),
                (&json!("ann"), &json!(group))
            );
            (group, account["permission_group_from"].as_str().unwrap().to_owned())
        };
        let of = |group: &str, from: &str| (group.to_owned(), from.to_owned());
        assert_eq!(group(&company, to_apac(&["ann"])), of("Traders", "kept"));
        let named = |name: &str| MovePendingInvitations {
            permission_group: Some(name.to_owned()),
            ..to_apac(&["ann"])
        };
        assert_eq!(group(&company, named("Brokers")), of("Brokers", "named"));
        company.when(named("Pirates")).then_refused(Code::PermissionGroupNotFound);
        let apac = |group: &str| json!({"org_unit": "APAC", "default_permission_group": group});
        let pirates = company.when_json("DefineOrgUnit", apac("Pirates"));
        pirates.then_refused(Code::PermissionGroupNotFound);
        let with_default = company.when_json("DefineOrgUnit", apac("Brokers")).events();
        company.append(crate::decide::testing::NOW, "jane", &with_default);
        assert_eq!(group(&company, to_apac(&["ann"])), of("Brokers", "default"));
    }
}
