//! Accounts: the people who take their number from the pool, and which of them wait for one.

use std::ops::ControlFlow;

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, Who};
use boarding_commands::values::{CompanyId, Personal, Phone};
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, decode, load};
use crate::rows::{Rows, RowsError, Table};
use crate::users::UserState;
use crate::{invitations, users};

/// An account: where it belongs stands with its user, how it is invited with its invitations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Account {
    pub user: Who,
    pub number: Option<Personal<Phone>>,
}

/// Accounts by folded user key.
#[derive(Debug)]
pub(super) struct Accounts;

impl Projection for Accounts {
    const TABLE: Table = Table::Accounts;
    const VERSION: u32 = 1;
    type Row = Account;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::AccountOpened { user, .. }
            | Event::NumberAssigned { user, .. }
            | Event::NumberReleased { user, .. }
            | Event::UserRemoved { user } => Some(user.folded().into()),
            _ => None,
        }
    }

    fn evolve(row: Option<Account>, fact: &Fact<'_>) -> Option<Account> {
        match (row, fact.event) {
            (None, Event::AccountOpened { user, .. }) => {
                Some(Account { user: user.clone(), number: None })
            }
            (Some(account), Event::NumberAssigned { number, .. }) => {
                Some(Account { number: Some(number.clone()), ..account })
            }
            (Some(account), Event::NumberReleased { .. }) => {
                Some(Account { number: None, ..account })
            }
            (_, Event::UserRemoved { .. }) => None,
            (row, _) => row,
        }
    }
}

/// How an account stands, as far as moving it asks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    pub org_unit: Option<String>,
    pub has_number: bool,
    pub is_pending: bool,
}

impl Standing {
    /// The account of that folded key, if there is one.
    pub(super) fn find(
        rows: &dyn Rows,
        company: &CompanyId,
        folded: &str,
    ) -> Result<Option<Self>, RowsError> {
        match load::<Accounts>(rows, company, folded.as_bytes())? {
            Some(account) => Self::of(rows, company, &account).map(Some),
            None => Ok(None),
        }
    }

    fn of(rows: &dyn Rows, company: &CompanyId, account: &Account) -> Result<Self, RowsError> {
        let folded = account.user.folded();
        let user = users::find(rows, company, &folded)?;
        let contact = invitations::find(rows, company, &folded)?;
        // Who has left comes by no invitation.
        let has_left = user.as_ref().is_some_and(|user| user.state == UserState::Archived);
        Ok(Self {
            org_unit: user.and_then(|user| user.org_unit),
            has_number: account.number.is_some(),
            is_pending: !has_left && contact.is_some_and(|contact| contact.is_pending()),
        })
    }
}

/// The organizations of those with a pending invitation and no number, one entry for each of them.
pub(super) fn waiting(
    rows: &dyn Rows,
    company: &CompanyId,
) -> Result<Vec<Option<String>>, RowsError> {
    let mut found = Ok(Vec::new());
    rows.scan(Accounts::TABLE, company, &[], &[], &mut |_, bytes| {
        let standing =
            decode::<Accounts>(bytes).and_then(|account| Standing::of(rows, company, &account));
        match (standing, &mut found) {
            (Ok(standing), Ok(found)) => {
                if standing.is_pending && !standing.has_number {
                    found.push(standing.org_unit);
                }
                ControlFlow::Continue(())
            }
            (Err(error), _) => {
                found = Err(error);
                ControlFlow::Break(())
            }
            (Ok(_), Err(_)) => ControlFlow::Break(()),
        }
    })?;
    found
}
