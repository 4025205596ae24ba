//! Accounts with their number and the state of their invitation (queries `accounts`, `account`).

use std::collections::BTreeMap;

use boarding_commands::dialect::PERMISSION_GROUP;
use boarding_commands::event::{Permission, Who};
use boarding_commands::values::{Code, Personal, Phone, Time, UserKey};
use schemars::JsonSchema;
use serde::Serialize;

use crate::csv_export::{CsvLayout, ExportColumn};
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Param, Query, QueryError, QueryRequest, RowsAnswer, WireName, not_found,
    page, schema_of, wire_enum,
};
use crate::read_model::ReadModel;
use crate::rows::Rows;
use crate::tables::accounts::{self, AccountProjection, AccountRow};
use crate::tables::invitations::{self, InvitationStatus, LatestInvitation, UserInvitations};
use crate::tables::users::{self, UserRow, UserStatus};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<AccountProjection>()],
    queries: &[
        Query {
            name: "accounts",
            access: Access::Permission(Permission::Accounts),
            params: &[
                Param::text("search"),
                Param::text("org_unit").aliases(&["organization"]),
                Param::text("permission_group").aliases(&["group"]),
                Param::one_of::<AccountState>("status"),
            ],
            paged: true,
            row: schema_of::<AccountShown>,
            csv: Some(CsvLayout::report(&[
                ExportColumn { title: "Account", field: "/user" },
                ExportColumn { title: "Name", field: "/name" },
                ExportColumn { title: "Status", field: "/status" },
                ExportColumn { title: "Number", field: "/number" },
                ExportColumn { title: "Organization", field: "/organization" },
                ExportColumn { title: "Permission Group", field: "/permission_group" },
                ExportColumn { title: "Invited At", field: "/invited_at" },
                ExportColumn { title: "Code", field: "/code" },
            ])),
            answer: accounts,
        },
        Query {
            name: "account",
            access: Access::Permission(Permission::Accounts),
            params: &[Param::text("user").required().aliases(&["account"])],
            paged: false,
            row: schema_of::<AccountShown>,
            csv: None,
            answer: account,
        },
    ],
};

wire_enum! {
    /// The product's word for the state of an account and its invitation.
    AccountState {
        Active "active"
        Invited "invited"
        NotInvited "not_invited"
        InvitationFailed "invitation_failed"
        Suspended "suspended"
    }
}

impl AccountState {
    /// A suspended account stays suspended after an invitation. A link wins over invitations, a live invitation over
    /// one that failed. An account whose invitations have expired or were revoked counts as not invited.
    fn of(user: &UserRow, invited: Option<&UserInvitations>, now: Option<Time>) -> Self {
        if user.state != UserStatus::Active {
            return Self::Suspended;
        }
        let Some(invited) = invited else { return Self::NotInvited };
        let bounced = |one: &LatestInvitation| one.state == InvitationStatus::Bounced;
        if !invited.linked.is_empty() {
            Self::Active
        } else if invited.live(now).next().is_some() {
            Self::Invited
        } else if invited.failure.is_some() || invited.invitations.iter().any(bounced) {
            Self::InvitationFailed
        } else {
            Self::NotInvited
        }
    }
}

/// An account of an organization.
#[derive(Serialize, JsonSchema)]
struct AccountShown {
    user: Who,
    name: Personal<String>,
    status: WireName<AccountState>,
    number: Option<Personal<Phone>>,
    organization: Option<String>,
    permission_group: Option<String>,
    /// When the last invitation was sent; null if none was.
    invited_at: Option<Time>,
    /// Why the last invitation failed; null if it did not, or if its mail came back later.
    code: Option<Code>,
    /// The address of mails; null for a device.
    email: Option<Personal<String>>,
    /// The phone of a device.
    phone: Option<Personal<Phone>>,
    /// The other columns of the file, by name.
    settings: Personal<BTreeMap<String, String>>,
}

impl AccountShown {
    fn of(
        account: AccountRow,
        user: UserRow,
        invited: Option<&UserInvitations>,
        status: AccountState,
    ) -> Self {
        let sent = invited.iter().flat_map(|invited| &invited.invitations);
        let failed = status == AccountState::InvitationFailed;
        let failure = invited.and_then(|invited| invited.failure);
        let Personal(mut person) = user.person;
        let permission_group = person.attributes.remove(PERMISSION_GROUP);
        Self {
            name: Personal(person.full_name()),
            status: WireName(status),
            number: account.number,
            organization: user.org_unit,
            permission_group,
            invited_at: sent.filter_map(|one| one.sent_at).max(),
            code: failure.filter(|_| failed),
            email: person.email.map(Personal),
            phone: person.phone.map(Personal),
            settings: Personal(person.attributes),
            user: user.user,
        }
    }
}

fn accounts(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let search = request.search()?;
    let org_unit = request.name("org_unit")?;
    let group = request.name("permission_group")?;
    let status = request.one_of::<AccountState>("status")?;
    page::<AccountProjection, _>(request, rows, &[], |_, account| {
        let folded = account.user.folded();
        let Some(user) = users::find(rows, request.company, &folded)? else { return Ok([None]) };
        let found = search.as_ref().is_none_or(|needle| {
            user.matches(needle)
                || account.number.as_ref().is_some_and(|number| needle.is_in_phone(**number))
        });
        let of_group = group
            .as_ref()
            .is_none_or(|name| user.person.attributes.get(PERMISSION_GROUP) == Some(name));
        let of_unit = org_unit.as_ref().is_none_or(|name| user.org_unit.as_ref() == Some(name));
        if !(found && of_group && of_unit) {
            return Ok([None]);
        }
        let invited = invitations::find(rows, request.company, &folded)?;
        let now = AccountState::of(&user, invited.as_ref(), request.now);
        let wanted = status.is_none_or(|status| now == status);
        Ok([wanted.then(|| AnswerRow::of(&AccountShown::of(account, user, invited.as_ref(), now)))])
    })
}

fn account(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let (company, given) = (request.company, UserKey::new(request.required("user")?).folded());
    let missing = || not_found("account", &given);
    let key = accounts::key_of(rows, company, &given)?.ok_or_else(missing)?;
    let account = accounts::find(rows, company, &key)?.ok_or_else(missing)?;
    let user = users::find(rows, company, &key)?.ok_or_else(missing)?;
    let invited = invitations::find(rows, company, &key)?;
    let status = AccountState::of(&user, invited.as_ref(), request.now);
    Ok(RowsAnswer::Row(AnswerRow::of(&AccountShown::of(account, user, invited.as_ref(), status))))
}

#[cfg(test)]
mod tests {
    use boarding_commands::event::{Channel, Event};
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{
        TestCompany, at, column, created, dispatched, invitation, number_added, number_assigned,
        requested, run, sent, who,
    };

    fn company() -> TestCompany {
        let opened = |key: &str| Event::AccountOpened { user: who(key), import: None };
        TestCompany::new("acme")
            .commit([number_added(1, Some("Sales")), requested(1, 4)])
            .commit(["ann", "bob", "cid", "dan", "eve"].map(created))
            .commit(["ann", "bob", "cid", "dan"].map(opened))
            .commit([number_assigned(1, "ann")])
    }

    fn statuses(company: &TestCompany) -> Vec<Value> {
        column(&company.query("accounts", &json!({})), "status")
    }

    /// The product's words: active, invited, not invited, invitation failed, suspended.
    #[test]
    fn status_follows_the_invitation_of_the_account() {
        let company = company();
        assert_eq!(statuses(&company), ["not_invited"; 4]);
        let failed = Event::InviteFailed {
            run: run(1),
            user: who("bob"),
            attempt: 0,
            code: Code::NumberNoneAvailable,
            detail: None,
        };
        let company = company
            .commit([dispatched(1, "ann", 1, 1), dispatched(1, "cid", 1, 1)])
            .commit([sent(1, "ann", 1), sent(1, "cid", 1), failed])
            .commit([
                Event::UserLinked {
                    user: who("cid"),
                    channel: Channel::Whatsapp,
                    invitation: Some(invitation("cid")),
                },
                Event::UserDeactivated { user: who("dan"), row: None },
            ]);
        assert_eq!(statuses(&company), ["invited", "invitation_failed", "active", "suspended"]);
        let bob = company.query_row("account", &json!({"user": "BOB"}));
        assert_eq!(
            (&bob["code"], &bob["invited_at"]),
            (&json!("number.none_available"), &json!(null))
        );
    }

    #[test]
    fn account_shows_its_number_and_organization() {
        let ann = company()
            .commit([dispatched(1, "ann", 1, 1)])
            .commit([sent(1, "ann", 1)])
            .query_row("account", &json!({"user": "ann"}));
        assert_eq!((&ann["user"], &ann["name"]), (&json!("ann"), &json!("ANN Hudson")));
        assert_eq!(
            (&ann["number"], &ann["organization"]),
            (&json!("+12125550001"), &json!("Sales"))
        );
        assert_eq!((&ann["invited_at"], &ann["code"]), (&json!(at(5)), &json!(null)));
        assert_eq!(company().refusal("account", &json!({"user": "eve"})), "query.not_found");
    }

    #[test]
    fn accounts_are_filtered_by_text_organization_and_status() {
        let company = company();
        let keys = |params: Value| column(&company.query("accounts", &params), "user");
        assert_eq!(keys(json!({"search": "555 0001"})), [json!("ann")]);
        assert_eq!(keys(json!({"org_unit": "Sales"})).len(), 4);
        assert_eq!(keys(json!({"org_unit": "Nowhere"})).len(), 0);
        assert_eq!(keys(json!({"status": "not_invited"})).len(), 4);
        assert_eq!(keys(json!({"status": "active"})).len(), 0);
    }
}
