//! Accounts: users who get a number from the pool.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::decide::numbers::not_pending::NotPending;
use boarding_commands::event::{Event, Who};
use boarding_commands::values::{CompanyId, Personal, Phone, UserKey, fold};
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, load, scan};
use crate::rows::{Rows, RowsError, Table};
use crate::tables::runs::RunChannels;
use crate::tables::users::UserStatus;
use crate::tables::{invitations, users};

/// An account and its number. The organization and the invitations are in the tables of the user.
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

/// The account of the user with this folded key; none if the user has no account.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    folded: &str,
) -> Result<Option<AccountRow>, RowsError> {
    load::<AccountProjection>(rows, company, folded.as_bytes())
}

/// The folded key of the user with this name. The name is a key, or names an account as in
/// [`keys_of`].
///
/// Returns the folded name if there is no such user.
pub(crate) fn user_key_of(
    rows: &dyn Rows,
    company: &CompanyId,
    given: &str,
) -> Result<String, RowsError> {
    let given = UserKey::new(given).folded();
    let user = users::find(rows, company, &given)?;
    if user.is_some_and(|user| user.state != UserStatus::Archived) {
        return Ok(given);
    }
    Ok(key_of(rows, company, &given)?.unwrap_or(given))
}

/// The folded key of the account that this folded name means, as in [`keys_of`].
pub(crate) fn key_of(
    rows: &dyn Rows,
    company: &CompanyId,
    given: &str,
) -> Result<Option<String>, RowsError> {
    Ok(keys_of(rows, company, &[given])?.pop().flatten())
}

/// The folded key of the account that each folded name means; none if the name means no account.
///
/// A name is the account's key, its current address, or the phone number of a device in any
/// spelling. An archived account has released its address. The name means the account that has the
/// address now, else the archived account.
pub(crate) fn keys_of(
    rows: &dyn Rows,
    company: &CompanyId,
    given: &[&str],
) -> Result<Vec<Option<String>>, RowsError> {
    let mut known = Vec::with_capacity(given.len());
    let mut addresses = BTreeSet::new();
    for given in given {
        let (key, is_in_use) = own_key(rows, company, given)?;
        if !is_in_use {
            addresses.insert(address_meant(given));
        }
        known.push((key, is_in_use));
    }
    let by_address = keys_at(rows, company, &addresses)?;
    let keys = given.iter().zip(known).map(|(given, (key, is_in_use))| {
        if is_in_use {
            return key;
        }
        by_address.get(&address_meant(given)).cloned().or(key)
    });
    Ok(keys.collect())
}

/// The name as an address: a phone number as `+digits`, any other name unchanged.
fn address_meant(given: &str) -> String {
    Phone::parse(given).map_or_else(|_| given.to_owned(), |phone| phone.to_string())
}

/// The key of the account whose key is this name, and whether the account is in use (not archived).
fn own_key(
    rows: &dyn Rows,
    company: &CompanyId,
    given: &str,
) -> Result<(Option<String>, bool), RowsError> {
    for key in [given.to_owned(), address_meant(given)] {
        if find(rows, company, &key)?.is_some() {
            let user = users::find(rows, company, &key)?;
            let is_in_use = user.is_some_and(|user| user.state != UserStatus::Archived);
            return Ok((Some(key), is_in_use));
        }
    }
    Ok((None, false))
}

/// The keys of the accounts that have these addresses now, by address. Archived accounts have none.
fn keys_at(
    rows: &dyn Rows,
    company: &CompanyId,
    addresses: &BTreeSet<String>,
) -> Result<BTreeMap<String, String>, RowsError> {
    let mut found = BTreeMap::new();
    if addresses.is_empty() {
        return Ok(found);
    }
    scan::<AccountProjection>(rows, company, &[], &[], |_, account| {
        let key = account.user.folded();
        let user = users::find(rows, company, &key)?;
        let user = user.filter(|user| user.state != UserStatus::Archived);
        let address = user.and_then(|user| {
            let email = user.person.email.as_deref().map(fold);
            email.or_else(|| user.person.phone.map(|phone| phone.to_string()))
        });
        if let Some(address) = address.filter(|address| addresses.contains(address)) {
            found.entry(address).or_insert(key);
        }
        let is_complete = found.len() == addresses.len();
        Ok(if is_complete { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

/// What a move of an account depends on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AccountStatus {
    pub org_unit: Option<String>,
    pub has_number: bool,
    /// Why the account has no pending invitation; none if the account has one.
    pub not_pending: Option<NotPending>,
}

impl AccountStatus {
    /// The status of the account with this folded key; none if the user has no account.
    pub(crate) fn find(
        rows: &dyn Rows,
        company: &CompanyId,
        folded: &str,
        channels: &mut RunChannels<'_>,
    ) -> Result<Option<Self>, RowsError> {
        match find(rows, company, folded)? {
            Some(account) => Self::load(rows, company, &account, channels).map(Some),
            None => Ok(None),
        }
    }

    fn load(
        rows: &dyn Rows,
        company: &CompanyId,
        account: &AccountRow,
        channels: &mut RunChannels<'_>,
    ) -> Result<Self, RowsError> {
        let folded = account.user.folded();
        let user = users::find(rows, company, &folded)?;
        let invited = invitations::find(rows, company, &folded)?;
        // An archived user cannot accept an invitation.
        let is_archived = user.as_ref().is_some_and(|user| user.state == UserStatus::Archived);
        let facts = invited.map(|invited| invited.facts(channels)).transpose()?.unwrap_or_default();
        Ok(Self {
            org_unit: user.and_then(|user| user.org_unit),
            has_number: account.number.is_some(),
            not_pending: NotPending::of(is_archived, &facts),
        })
    }
}

/// The organization of each account that is pending and has no number, one entry for each account.
pub(crate) fn pending_without_number(
    rows: &dyn Rows,
    company: &CompanyId,
) -> Result<Vec<Option<String>>, RowsError> {
    let (mut found, mut channels) = (Vec::new(), RunChannels::new(rows, company));
    scan::<AccountProjection>(rows, company, &[], &[], |_, account| {
        let status = AccountStatus::load(rows, company, &account, &mut channels)?;
        if status.not_pending.is_none() && !status.has_number {
            found.push(status.org_unit);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}
