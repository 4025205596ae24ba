//! Accounts: users who get a number from the pool.

use std::ops::ControlFlow;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::decide::numbers::pool::NotPending;
use boarding_commands::event::{Event, Who};
use boarding_commands::values::{CompanyId, Personal, Phone, fold};
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, load, scan};
use crate::rows::{Rows, RowsError, Table};
use crate::tables::invitations::{InvitationStatus, UserInvitations};
use crate::tables::users::UserStatus;
use crate::tables::{invitations, users};

/// An account and its number. Its organization and invitations are in the tables of the user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccountRow {
    pub user: Who,
    pub number: Option<Personal<Phone>>,
}

/// Accounts by folded user key.
#[derive(Debug)]
pub(crate) struct AccountProjection;

impl Projection for AccountProjection {
    const TABLE: Table = Table::Accounts;
    const VERSION: u32 = 1;
    type Row = AccountRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::AccountOpened { user, .. }
            | Event::NumberAssigned { user, .. }
            | Event::NumberReleased { user, .. }
            | Event::UserRemoved { user } => Some(user.folded().into()),
            _ => None,
        }
    }

    fn evolve(row: Option<AccountRow>, recorded: &RecordedEvent<'_>) -> Option<AccountRow> {
        match (row, recorded.event) {
            (None, Event::AccountOpened { user, .. }) => {
                Some(AccountRow { user: user.clone(), number: None })
            }
            (Some(account), Event::NumberAssigned { number, .. }) => {
                Some(AccountRow { number: Some(number.clone()), ..account })
            }
            (Some(account), Event::NumberReleased { .. }) => {
                Some(AccountRow { number: None, ..account })
            }
            (_, Event::UserRemoved { .. }) => None,
            (row, _) => row,
        }
    }
}

/// The account of that folded key; none if the user has no account.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    folded: &str,
) -> Result<Option<AccountRow>, RowsError> {
    load::<AccountProjection>(rows, company, folded.as_bytes())
}

/// The folded key of the account with this name: its key, the number of a device in any spelling, or its current
/// address.
pub(crate) fn key_of(
    rows: &dyn Rows,
    company: &CompanyId,
    given: &str,
) -> Result<Option<String>, RowsError> {
    if find(rows, company, given)?.is_some() {
        return Ok(Some(given.to_owned()));
    }
    let phone = Phone::parse(given).ok();
    if let Some(number) = phone.map(|phone| phone.to_string())
        && find(rows, company, &number)?.is_some()
    {
        return Ok(Some(number));
    }
    let mut found = None;
    scan::<AccountProjection>(rows, company, &[], &[], |_, account| {
        let key = account.user.folded();
        let user = users::find(rows, company, &key)?;
        let has_it = user.filter(|user| user.state != UserStatus::Archived).is_some_and(|user| {
            let email = user.person.email.as_deref().map(fold);
            email.as_deref() == Some(given) || (phone.is_some() && user.person.phone == phone)
        });
        found = has_it.then_some(key);
        Ok(if has_it { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

/// What a move of an account depends on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AccountStatus {
    pub org_unit: Option<String>,
    pub has_number: bool,
    /// Why the account has no pending invitation. None if it has an open invitation and no link.
    pub not_pending: Option<NotPending>,
}

impl AccountStatus {
    /// The account of that folded key; none if the user has no account.
    pub(crate) fn find(
        rows: &dyn Rows,
        company: &CompanyId,
        folded: &str,
    ) -> Result<Option<Self>, RowsError> {
        match find(rows, company, folded)? {
            Some(account) => Self::load(rows, company, &account).map(Some),
            None => Ok(None),
        }
    }

    fn load(rows: &dyn Rows, company: &CompanyId, account: &AccountRow) -> Result<Self, RowsError> {
        let folded = account.user.folded();
        let user = users::find(rows, company, &folded)?;
        let invited = invitations::find(rows, company, &folded)?;
        // An archived user cannot accept an invitation.
        let is_archived = user.as_ref().is_some_and(|user| user.state == UserStatus::Archived);
        Ok(Self {
            org_unit: user.and_then(|user| user.org_unit),
            has_number: account.number.is_some(),
            not_pending: match is_archived {
                true => Some(NotPending::Archived),
                false => not_pending(invited.as_ref()),
            },
        })
    }
}

/// Why a user has no pending invitation. None if it is pending.
fn not_pending(invited: Option<&UserInvitations>) -> Option<NotPending> {
    let Some(invited) = invited else { return Some(NotPending::NotInvited) };
    let mut all = invited.invitations.iter();
    let bounced = all.any(|one| one.state == InvitationStatus::Bounced);
    if invited.is_pending() {
        None
    } else if !invited.linked.is_empty() {
        Some(NotPending::Active)
    } else if invited.failure.is_some() || bounced {
        Some(NotPending::Failed)
    } else if invited.invitations.iter().any(|one| one.sent_at.is_some()) {
        Some(NotPending::Ended)
    } else {
        Some(NotPending::NotInvited)
    }
}

/// The organization of each account that is pending and has no number, one entry for each account.
pub(crate) fn pending_without_number(
    rows: &dyn Rows,
    company: &CompanyId,
) -> Result<Vec<Option<String>>, RowsError> {
    let mut found = Vec::new();
    scan::<AccountProjection>(rows, company, &[], &[], |_, account| {
        let status = AccountStatus::load(rows, company, &account)?;
        if status.not_pending.is_none() && !status.has_number {
            found.push(status.org_unit);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}
