//! The row outcome that an event records.

use super::{Event, RowOutcome, RowRef};

impl Event {
    /// The outcome and the row that this event records; none if it records no row outcome.
    ///
    /// Each row of a file has exactly one such event.
    pub fn row(&self) -> Option<(RowOutcome, &RowRef)> {
        match self {
            Self::UserCreated { row, .. } => Some((RowOutcome::Created, row.as_ref()?)),
            Self::UserUpdated { row, .. } => Some((RowOutcome::Updated, row.as_ref()?)),
            Self::UserActivated { row, .. } => Some((RowOutcome::Activated, row.as_ref()?)),
            Self::UserDeactivated { row, .. } => Some((RowOutcome::Deactivated, row.as_ref()?)),
            Self::RowUnchanged { row, .. } => Some((RowOutcome::Unchanged, row)),
            Self::RowRefused { row, outcome, .. } => Some((*outcome, row)),
            _ => None,
        }
    }
}
