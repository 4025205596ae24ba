//! `RestoreUser`: an archived person comes back, active.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::company::{Company, User, UserId, UserState};
use crate::decide::numbers::pool::{spare, waits_once_restored};
use crate::decide::rule::{Context, Decide, Decision};
use crate::dialect::unique_values;
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal};

/// An archived person comes back, active.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreUser {
    pub user: String,
}

impl Decide for RestoreUser {
    const NEEDS: Option<Permission> = Some(Permission::Accounts);
    const TAKES_NUMBERS: bool = true;

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let (id, user) = company.users.created(&self.user).ok_or(Code::UserNotFound)?;
        match user.state {
            // A person with an open invitation waits for a number again, so one must be available.
            UserState::Archived
                if waits_once_restored(company, id, user)
                    && spare(company, &user.org_unit) == 0 =>
            {
                Err(Code::NumberNoneAvailable.into())
            }
            UserState::Archived => {
                check_values(company, id, user)?;
                Ok(Decision::append(vec![Event::UserRestored { user: Personal(user.key()) }]))
            }
            UserState::Active | UserState::Deactivated | UserState::NotCreated => {
                Err(Code::UserInvalidTransition.into())
            }
        }
    }
}

/// Rejects a person whose unique value or phone another person has taken since. The refusal names that person.
fn check_values(company: &Company, id: UserId, user: &User) -> Result<(), Refusal> {
    let person = user.person();
    let taken = unique_values(&person).find_map(|(name, value)| {
        let (holder, by) = company.keeper(name, value)?;
        (holder != id).then_some((Code::FieldNotUnique, name, by))
    });
    let phone = || {
        let owner = *company.phones.get(&person.phone?)?;
        let by = company.users.get(owner).filter(|by| by.state != UserState::Archived)?;
        (owner != id).then_some((Code::PhoneAlreadyProvisioned, "phone", by))
    };
    let address = || {
        let is_account = company.numbers.is_account(id);
        let by = company.account_with_address_of(id).filter(|_| is_account)?;
        Some((Code::FieldNotUnique, "address", by))
    };
    let Some((code, field, by)) = taken.or_else(phone).or_else(address) else { return Ok(()) };
    let holder = by.key();
    let details = json!({"field": field, "holder": holder});
    let words = format!("{field}: {} has it", holder.as_str());
    Err(Refusal::new(code).saying(&words).with(details))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::invitations::link_completed::testing::sent;
    use crate::decide::numbers::pool::testing::{account, number_added, texts, unit};
    use crate::decide::testing::{
        Given, NOW, channel_enabled, given, run_id, run_started, user_created, who,
    };
    use crate::decide::{ArchiveUser, WithdrawNumbers};

    fn asked() -> RestoreUser {
        RestoreUser { user: "ANN".to_owned() }
    }

    #[test]
    fn only_an_archived_user_is_restored() {
        given([user_created("ann")]).when(asked()).then_refused(Code::UserInvalidTransition);
        let archived = Event::UserArchived { user: who("ann") };
        let company = given([user_created("ann"), archived]);
        company.when(asked()).then([Event::UserRestored { user: who("ann") }]);
    }

    /// ML-06, A19, P19: an archived person waits for no number. A restored person with an open invitation
    /// waits again, and a number must be available. Only in an older history did an invitation stay open.
    #[test]
    fn archived_person_waits_for_no_number_until_restored() {
        let pool = [channel_enabled(), unit("EMEA", None), number_added(1, Some("EMEA"))];
        let run = run_started(run_id(1), &["ann"]);
        let company =
            given(pool.into_iter().chain(account("ann", "EMEA")).chain(run).chain(sent(1)));
        let waiting =
            |given: &Given| given.0.numbers.stock(&given.0.numbers.owner(Some("EMEA"))).waiting;
        assert_eq!(waiting(&company), 1);
        let leave = |mut company: Given| {
            company.append(NOW, "jane", &[Event::UserArchived { user: who("ann") }]);
            company
        };
        let left = leave(company);
        assert_eq!(waiting(&left), 0);
        let back = left.after(asked());
        assert_eq!(waiting(&back), 1);
        let spent = leave(back).after(WithdrawNumbers { numbers: texts(&[1]) });
        spent.when(asked()).then_refused(Code::NumberNoneAvailable);
    }

    /// A37: an invitation ends when its person is archived, so a restored person waits for no number.
    #[test]
    fn restored_person_waits_for_no_number_without_an_invitation() {
        let pool = [channel_enabled(), unit("EMEA", None), number_added(1, Some("EMEA"))];
        let run = run_started(run_id(1), &["ann"]);
        let company =
            given(pool.into_iter().chain(account("ann", "EMEA")).chain(run).chain(sent(1)));
        let archive = ArchiveUser { user: "ann".to_owned() };
        assert_eq!(company.when(archive.clone()).names(), ["UserArchived", "InvitationEnded"]);
        let back = company.after(archive).after(WithdrawNumbers { numbers: texts(&[1]) });
        let back = back.after(asked());
        assert_eq!(back.0.numbers.stock(&back.0.numbers.owner(Some("EMEA"))).waiting, 0);
    }
}
