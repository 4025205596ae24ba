//! Whether accounts could be moved: what disables the button, and is said on hover (query `can_move`; ML-18).

use std::collections::BTreeSet;

use boarding_commands::decide::invitations::move_pending_invitations::MAX_ACCOUNTS;
use boarding_commands::decide::numbers::pool::too_few;
use boarding_commands::event::Permission;
use boarding_commands::values::text::spelled;
use boarding_commands::values::{Code, fold};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::accounts::Standing;
use super::tally::Tally;
use crate::config;
use crate::org_units::OrgUnits;
use crate::projection::load;
use crate::query::{Answer, Asked, Param, Query, QueryError, shape_of};
use crate::rows::Rows;

pub(super) const CAN_MOVE: Query = Query {
    name: "can_move",
    permission: Some(Permission::Accounts),
    params: &[
        Param::list("accounts", MAX_ACCOUNTS).required().or(&["ids"]),
        Param::text("dest").required(),
    ],
    paged: false,
    row: shape_of::<CanMove>,
    columns: None,
    answer: can_move,
};

/// Whether `MovePendingInvitations` would be accepted as things stand.
#[derive(Serialize, JsonSchema)]
struct CanMove {
    allowed: bool,
    /// Why not; null if it is allowed.
    code: Option<Code>,
    /// What to say on hover.
    message: Option<String>,
    /// How many of the accounts need a number there.
    needed: u64,
    /// How many numbers are there for them.
    available: u64,
}

fn can_move(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let (accounts, dest) = (asked.list("accounts", MAX_ACCOUNTS)?, asked.required("dest")?);
    let dest = &*spelled(dest);
    let settings = config::settings(rows, asked.company)?;
    let stock = Tally::of(asked, rows)?.count(Some(dest)).stock;
    let (mut needed, mut why) = (0, None);
    if load::<OrgUnits>(rows, asked.company, dest.as_bytes())?.is_none() {
        why = Some(Code::OrgUnitNotFound);
    }
    let distinct: BTreeSet<String> = accounts.iter().map(|key| fold(key)).collect();
    for key in &distinct {
        match Standing::find(rows, asked.company, key)? {
            None => why = why.or(Some(Code::UserNotFound)),
            Some(account) if !account.is_pending => why = why.or(Some(Code::InvitationNotFound)),
            Some(account) if account.org_unit.as_deref() == Some(dest) => {}
            Some(account) => needed += u64::from(!account.has_number),
        }
    }
    let short = too_few(needed, stock, settings.number_overbooking);
    let short = short.map(|refusal| (refusal.code, refusal.message));
    let no = why.map(|code| (code, code.text().to_owned())).or(short);
    let (code, message) = no.unzip();
    let available = stock.spare(settings.number_overbooking);
    Ok(Answer::Row(json!(CanMove { allowed: code.is_none(), code, message, needed, available })))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{added, assigned, opened, unit};
    use super::*;
    use crate::testing::{Story, created, dispatched, requested};
    use serde_json::Value;

    /// Ann and Bob are pending without a number, Cid with one; Dan is not invited; APAC has one number.
    fn story() -> Story {
        let people = ["ann", "bob", "cid", "dan"];
        Story::of("acme")
            .then([unit("Sales", None), unit("APAC", None)])
            .then([added(1, Some("Sales")), added(2, Some("APAC"))])
            .then(people.into_iter().flat_map(|key| [created(key), opened(key)]))
            .then([assigned(1, "cid"), requested(1, 3)])
            .then(["ann", "bob", "cid"].map(|key| dispatched(1, key, 1, 1)))
    }

    fn asked(accounts: &Value, dest: &str) -> Value {
        story().ask_row("can_move", &json!({"accounts": accounts, "dest": dest}))
    }

    /// ML-18: the check before the attempt, with the product's own words.
    #[test]
    fn ml_18_the_button_is_disabled_with_the_products_own_words() {
        let no = asked(&json!(["ann", "bob", "cid", "ANN"]), "APAC");
        assert_eq!(
            no,
            json!({"allowed": false, "code": "number.insufficient_in_destination", "needed": 2, "available": 1,
                "message": "Unable to move account(s). You do not have enough numbers available in the selected organization"})
        );
        let yes =
            json!({"allowed": true, "code": null, "message": null, "needed": 1, "available": 1});
        assert_eq!(asked(&json!(["ann", "cid"]), "APAC"), yes);
        assert_eq!(asked(&json!("ann, cid"), "APAC"), yes);
    }

    /// ML-17: what refuses the command for another reason disables the button too.
    #[test]
    fn ml_17_what_cannot_be_moved_is_told_by_its_code() {
        let code = |accounts: Value, dest: &str| asked(&accounts, dest)["code"].clone();
        assert_eq!(code(json!(["ann", "nobody"]), "APAC"), "user.not_found");
        assert_eq!(code(json!(["dan"]), "APAC"), "invitation.not_found");
        let removed =
            boarding_commands::event::Event::UserRemoved { user: crate::testing::who("dan") };
        let params = json!({"accounts": ["dan"], "dest": "APAC"});
        assert_eq!(story().then([removed]).ask_row("can_move", &params)["code"], "user.not_found");
        assert_eq!(code(json!(["ann"]), "Nowhere"), "org_unit.not_found");
        assert_eq!(asked(&json!(["ann", "bob"]), "Sales")["allowed"], true);
    }

    #[test]
    fn no_accounts_or_too_many_are_refused() {
        let many: Vec<_> = (0..=MAX_ACCOUNTS).map(|n| n.to_string()).collect();
        for accounts in [json!([]), json!(""), json!([7]), json!(many), json!(many.join(","))] {
            let params = json!({"accounts": accounts, "dest": "APAC"});
            assert_eq!(story().refused("can_move", &params), "query.malformed");
        }
    }
}
