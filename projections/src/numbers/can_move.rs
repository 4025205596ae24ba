//! Whether accounts can be moved to another organization (query `can_move`).

use std::collections::BTreeMap;

use boarding_commands::decide::invitations::move_pending_invitations::{
    GroupSource, MAX_ACCOUNTS, group_after,
};
use boarding_commands::decide::numbers::pool::too_few;
use boarding_commands::dialect::PERMISSION_GROUP;
use boarding_commands::event::{Permission, Who};
use boarding_commands::values::text::spelled;
use boarding_commands::values::{Code, Personal, UserKey, fold};
use schemars::JsonSchema;
use serde::Serialize;

use super::counts::PoolCounts;
use crate::query::{
    Access, AnswerRow, Param, Query, QueryError, QueryRequest, RowsAnswer, WireName, schema_of,
    wire_enum,
};
use crate::rows::Rows;
use crate::tables::accounts::{AccountStatus, keys_of};
use crate::tables::runs::RunChannels;
use crate::tables::settings::settings;
use crate::tables::{org_units, permission_groups, users};

pub(super) const CAN_MOVE: Query = Query {
    name: "can_move",
    access: Access::Permission(Permission::Accounts),
    params: &[
        Param::list("accounts", MAX_ACCOUNTS).required().aliases(&["ids"]),
        Param::text("dest").required(),
        Param::text("permission_group"),
    ],
    paged: false,
    row: schema_of::<CanMove>,
    csv: None,
    answer: can_move,
};

/// Whether the command `MovePendingInvitations` would be accepted now.
#[derive(Serialize, JsonSchema)]
struct CanMove {
    allowed: bool,
    /// Why not; null if it is allowed.
    code: Option<Code>,
    /// The text to show on hover.
    message: Option<String>,
    /// The accounts that need a number in the destination.
    needed: u64,
    /// The numbers in the destination that these accounts can get.
    available: u64,
    /// The accounts that would move, with their permission groups afterwards.
    accounts: Vec<MovingAccount>,
    /// Every account that was named, each once, with its own judgement.
    judged: Vec<JudgedAccount>,
}

/// A named account, and whether it keeps the others from moving.
#[derive(Serialize, JsonSchema)]
struct JudgedAccount {
    account: Who,
    outcome: WireName<MoveOutcome>,
    /// Whether it needs a number in the destination.
    needs_number: bool,
    /// Why it is refused; null if it is not.
    code: Option<Code>,
    message: Option<String>,
}

wire_enum! {
    /// What a move would do with one account.
    MoveOutcome {
        Moves "moves"
        /// It is in the destination already.
        Stays "stays"
        Refused "refused"
    }
}

impl JudgedAccount {
    fn new(account: Who, outcome: MoveOutcome, needs_number: bool) -> Self {
        let outcome = WireName(outcome);
        Self { account, outcome, needs_number, code: None, message: None }
    }

    fn refuse(&mut self, code: Code, message: &str) {
        self.outcome = WireName(MoveOutcome::Refused);
        (self.code, self.message) = (Some(code), Some(message.to_owned()));
    }

    fn refused(account: Who, code: Code) -> Self {
        let mut judged = Self::new(account, MoveOutcome::Refused, false);
        judged.refuse(code, code.text());
        judged
    }
}

/// An account that would move.
#[derive(Serialize, JsonSchema)]
struct MovingAccount {
    account: Who,
    permission_group: Option<String>,
    permission_group_from: GroupSource,
}

fn can_move(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let company = request.company;
    let (accounts, dest) = (request.list("accounts", MAX_ACCOUNTS)?, request.required("dest")?);
    let dest = &*spelled(dest);
    let settings = settings(rows, company)?;
    let stock = PoolCounts::load(request, rows)?.of(Some(dest)).stock;
    let (mut code, mut moving, mut judged) = (None, Vec::new(), Vec::new());
    let unit = org_units::find(rows, company, dest)?;
    if unit.is_none() {
        code = Some(Code::OrgUnitNotFound);
    }
    let named = request.name("permission_group")?;
    if let Some(group) = &named
        && permission_groups::find(rows, company, group)?.is_none()
    {
        code = code.or(Some(Code::PermissionGroupNotFound));
    }
    let default = unit.and_then(|unit| unit.default_permission_group);
    let folded: Vec<String> = accounts.iter().map(|given| fold(given)).collect();
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    let keys = keys_of(rows, company, &folded)?.into_iter().zip(&folded);
    let keys = keys.map(|(key, given)| key.unwrap_or_else(|| (*given).to_owned()));
    let distinct: BTreeMap<String, &str> = keys.zip(accounts.iter().copied()).rev().collect();
    let mut channels = RunChannels::new(rows, company);
    for (key, given) in &distinct {
        let user = users::find(rows, company, key)?;
        let who =
            user.as_ref().map_or_else(|| Personal(UserKey::new(given)), |user| user.user.clone());
        match AccountStatus::find(rows, company, key, &mut channels)? {
            None => judged.push(JudgedAccount::refused(who, Code::UserNotFound)),
            Some(AccountStatus { not_pending: Some(why), .. }) => {
                let mut one = JudgedAccount::new(who, MoveOutcome::Refused, false);
                one.refuse(Code::InvitationNotFound, why.text());
                judged.push(one);
            }
            Some(account) if account.org_unit.as_deref() == Some(dest) => {
                judged.push(JudgedAccount::new(who, MoveOutcome::Stays, false));
            }
            Some(account) => {
                judged.push(JudgedAccount::new(who, MoveOutcome::Moves, !account.has_number));
                let Some(user) = user else { continue };
                let own = user.person.attributes.get(PERMISSION_GROUP).map(String::as_str);
                let (group, from) = group_after(named.as_deref(), default.as_deref(), own);
                let (permission_group, account) = (group.map(str::to_owned), user.user);
                moving.push(MovingAccount {
                    account,
                    permission_group,
                    permission_group_from: from,
                });
            }
        }
    }
    let needed = judged.iter().filter(|one| one.needs_number).count() as u64;
    if let Some(code) = code {
        let movers = judged.iter_mut().filter(|one| one.outcome.0 == MoveOutcome::Moves);
        movers.for_each(|one| one.refuse(code, code.text()));
    }
    let refused = judged.iter().find_map(|one| Some((one.code?, one.message.clone()?)));
    let refused = code.map(|code| (code, code.text().to_owned())).or(refused);
    let too_few = too_few(needed, stock, settings.number_overbooking);
    let too_few = too_few.map(|refusal| (refusal.code, refusal.message));
    if let Some((code, message)) = &too_few {
        let needing_number = judged.iter_mut().filter(|one| one.needs_number && one.code.is_none());
        needing_number.for_each(|one| one.refuse(*code, message));
    }
    let (code, message) = refused.or(too_few).unzip();
    let available = stock.spare(settings.number_overbooking);
    let allowed = code.is_none();
    let accounts = moving;
    let row = CanMove { allowed, code, message, needed, available, accounts, judged };
    Ok(RowsAnswer::Row(AnswerRow::of(&row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        TestCompany, account_opened, created, dispatched, number_added, number_assigned,
        org_unit_defined, requested,
    };
    use serde_json::{Value, json};

    /// Ann, Bob and Cid are pending, and only Cid has a number. Dan is not invited. APAC has one
    /// number.
    fn company() -> TestCompany {
        let people = ["ann", "bob", "cid", "dan"];
        TestCompany::new("acme")
            .commit([org_unit_defined("Sales", None), org_unit_defined("APAC", None)])
            .commit([number_added(1, Some("Sales")), number_added(2, Some("APAC"))])
            .commit(people.into_iter().flat_map(|key| [created(key), account_opened(key)]))
            .commit([number_assigned(1, "cid"), requested(1, 3)])
            .commit(["ann", "bob", "cid"].map(|key| dispatched(1, key, 1, 1)))
    }

    fn answer_to(accounts: &Value, dest: &str) -> Value {
        company().query_row("can_move", &json!({"accounts": accounts, "dest": dest}))
    }

    /// ML-18: the message is the text of the product.
    #[test]
    fn move_without_enough_numbers_is_not_allowed() {
        let mut refused = answer_to(&json!(["ann", "bob", "cid", "ANN"]), "APAC");
        assert_eq!(refused["accounts"].take().as_array().map(Vec::len), Some(3));
        assert_eq!(
            outcomes(&refused.as_object_mut().unwrap().remove("judged").unwrap()),
            json!([["ann", "refused", true], ["bob", "refused", true], ["cid", "moves", false]])
        );
        assert_eq!(
            refused,
            json!({"allowed": false, "code": "number.insufficient_in_destination", "needed": 2, "available": 1, "accounts": null,
                "message": "Unable to move account(s). You do not have enough numbers available in the selected organization"})
        );
        let moving = ["ann", "cid"].map(|account| {
            json!({"account": account, "permission_group": null, "permission_group_from": "kept"})
        });
        let accepted = json!({"allowed": true, "code": null, "message": null, "needed": 1,
            "available": 1, "accounts": moving});
        for accounts in [json!(["ann", "cid"]), json!("ann, cid")] {
            let mut answer = answer_to(&accounts, "APAC");
            let judged = answer.as_object_mut().unwrap().remove("judged").unwrap();
            assert_eq!(outcomes(&judged), json!([["ann", "moves", true], ["cid", "moves", false]]));
            assert_eq!(answer, accepted);
        }
    }

    fn outcomes(judged: &Value) -> Value {
        let judged = judged.as_array().unwrap().iter();
        judged.map(|one| json!([one["account"], one["outcome"], one["needs_number"]])).collect()
    }

    /// ML-17: each account is judged alone, so the answer names each account that cannot move.
    #[test]
    fn every_named_account_is_judged() {
        let judged = answer_to(&json!(["ann", "Zoe", "dan"]), "APAC")["judged"].clone();
        let row = |one: &Value| json!([one["account"], one["outcome"], one["code"]]);
        let rows: Value = judged.as_array().unwrap().iter().map(row).collect();
        let expected = json!([
            ["ann", "moves", null],
            ["dan", "refused", "invitation.not_found"],
            ["Zoe", "refused", "user.not_found"],
        ]);
        assert_eq!(rows, expected);
        let stays = answer_to(&json!(["ann"]), "Sales")["judged"].clone();
        assert_eq!(outcomes(&stays), json!([["ann", "stays", false]]));
    }

    /// ML-17: the query shows each reason for which the command would be refused.
    #[test]
    fn account_that_cannot_be_moved_shows_its_code() {
        let code = |accounts: Value, dest: &str| answer_to(&accounts, dest)["code"].clone();
        assert_eq!(code(json!(["ann", "zoe"]), "APAC"), "user.not_found");
        assert_eq!(code(json!(["dan"]), "APAC"), "invitation.not_found");
        let removed =
            boarding_commands::event::Event::UserRemoved { user: crate::testing::who("dan") };
        let params = json!({"accounts": ["dan"], "dest": "APAC"});
        assert_eq!(
            company().commit([removed]).query_row("can_move", &params)["code"],
            "user.not_found"
        );
        assert_eq!(code(json!(["ann"]), "Nowhere"), "org_unit.not_found");
        let group = json!({"accounts": ["ann"], "dest": "APAC", "permission_group": "Pirates"});
        let judged = company().query_row("can_move", &group)["code"].clone();
        assert_eq!(judged, "permission_group.not_found");
        assert_eq!(answer_to(&json!(["ann", "bob"]), "Sales")["allowed"], true);
    }

    #[test]
    fn missing_or_too_many_accounts_are_refused() {
        let many: Vec<_> = (0..=MAX_ACCOUNTS).map(|n| n.to_string()).collect();
        for accounts in [json!([]), json!(""), json!([7]), json!(many), json!(many.join(","))] {
            let params = json!({"accounts": accounts, "dest": "APAC"});
            assert_eq!(company().refusal("can_move", &params), "query.malformed");
        }
    }
}
