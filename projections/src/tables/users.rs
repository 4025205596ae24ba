//! Users: row, projection, lookup.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, Person, Who};
use boarding_commands::values::{CompanyId, Personal};
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, load};
use crate::query::{Needle, wire_enum};
use crate::rows::{Rows, RowsError, Table};

wire_enum! {
    /// The state of a user.
    UserStatus {
        Active "active"
        Deactivated "deactivated"
        Archived "archived"
    }
}

/// A user of the company.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserRow {
    pub user: Who,
    pub person: Personal<Person>,
    pub org_unit: Option<String>,
    pub roles: Vec<String>,
    pub state: UserStatus,
    /// Whether an undo has removed the user. The row stays for `history`; no list shows it.
    pub removed: bool,
    /// The versions of the user's creation, removal and phones, for `history`.
    ///
    /// A first import appends a creation and a phone for each user: the list saves two rows in
    /// `HistoryPeople`. The list must stay short, so the user's other events have rows there.
    pub versions: Vec<u64>,
}

impl UserRow {
    /// Whether the key, the name, the address or the phone contains the search text.
    pub(crate) fn matches(&self, needle: &Needle) -> bool {
        needle.is_in(self.user.as_str())
            || needle.is_in(&self.person.full_name())
            || self.person.email.as_deref().is_some_and(|email| needle.is_in(email))
            || self.person.phone.is_some_and(|phone| needle.is_in_phone(phone))
    }
}

/// Users by folded key.
#[derive(Debug)]
pub(crate) struct UserProjection;

impl Projection for UserProjection {
    const TABLE: Table = Table::Users;
    const VERSION: u32 = 2;
    type Row = UserRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::UserCreated { user, .. }
            | Event::UserUpdated { user, .. }
            | Event::UserActivated { user, .. }
            | Event::UserDeactivated { user, .. }
            | Event::UserArchived { user }
            | Event::UserRestored { user }
            | Event::RolesAssigned { user, .. }
            | Event::RolesRemoved { user, .. }
            | Event::UserRemoved { user }
            | Event::CorporatePhoneAdded { user, .. }
            | Event::CorporatePhoneRemoved { user, .. } => Some(user.folded().into()),
            _ => None,
        }
    }

    fn evolve(row: Option<UserRow>, recorded: &RecordedEvent<'_>) -> Option<UserRow> {
        if let Event::UserCreated { user, person, org_unit, roles, active, .. } = recorded.event {
            let mut versions = row.map_or_else(|| Vec::with_capacity(1), |user| user.versions);
            versions.push(recorded.version);
            return Some(UserRow {
                user: user.clone(),
                person: person.clone(),
                org_unit: org_unit.clone(),
                roles: roles.clone(),
                state: if *active { UserStatus::Active } else { UserStatus::Deactivated },
                removed: false,
                versions,
            });
        }
        let mut user = row?;
        match recorded.event {
            Event::UserUpdated { person, org_unit, roles, .. } => {
                user.person.clone_from(person);
                user.org_unit.clone_from(org_unit);
                user.roles.clone_from(roles);
            }
            Event::UserActivated { .. } | Event::UserRestored { .. } => {
                user.state = UserStatus::Active;
            }
            Event::UserDeactivated { .. } => user.state = UserStatus::Deactivated,
            Event::UserArchived { .. } => user.state = UserStatus::Archived,
            Event::RolesAssigned { roles, .. } => {
                let new: Vec<_> = roles.iter().filter(|role| !user.roles.contains(role)).collect();
                user.roles.extend(new.into_iter().cloned());
            }
            Event::RolesRemoved { roles, .. } => user.roles.retain(|role| !roles.contains(role)),
            Event::UserRemoved { .. } => {
                user.removed = true;
                user.versions.push(recorded.version);
            }
            Event::CorporatePhoneAdded { .. } | Event::CorporatePhoneRemoved { .. } => {
                user.versions.push(recorded.version);
            }
            _ => {}
        }
        Some(user)
    }
}

/// The user with this folded key. None if there is no such user, or if an undo removed the user.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    folded: &str,
) -> Result<Option<UserRow>, RowsError> {
    Ok(load::<UserProjection>(rows, company, folded.as_bytes())?.filter(|user| !user.removed))
}

/// The versions in the user's row. The row of a removed user still has them.
pub(crate) fn versions(
    rows: &dyn Rows,
    company: &CompanyId,
    folded: &str,
) -> Result<Vec<u64>, RowsError> {
    let user = load::<UserProjection>(rows, company, folded.as_bytes())?;
    Ok(user.map(|user| user.versions).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCompany, created};

    /// P31: a log line that shows a row shows no personal data.
    #[test]
    fn debug_output_hides_the_person() {
        let company = TestCompany::new("acme").commit([created("Ann")]);
        let user = find(&company.rows(), company.id(), "ann").unwrap().unwrap();
        let shown = format!("{user:?}");
        assert!(!shown.contains("Ann") && !shown.contains("Hudson"), "{shown}");
    }
}
