//! Sentences about the user, its phones, numbers and mails that are not invitations.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, RowRef};

use super::words::actor;

pub(super) fn person(recorded: &RecordedEvent<'_>) -> Option<String> {
    let user = recorded.event.subjects().user?.as_str();
    let by = actor(recorded);
    let of_row = recorded.event.row().map(|(_, row)| row);
    let changer = of_row.map_or_else(|| by.to_owned(), other_row);
    Some(match recorded.event {
        Event::UserCreated { .. } => format!("{changer} created the user {user}."),
        Event::UserUpdated { changed, .. } => {
            format!("{changer} changed the user {user}: {}.", changed.join(", "))
        }
        Event::UserActivated { .. } => format!("{changer} activated the user {user}."),
        Event::UserDeactivated { .. } => format!("{changer} deactivated the user {user}."),
        Event::UserArchived { .. } => format!("{by} archived the user {user}."),
        Event::UserRestored { .. } => format!("{by} restored the user {user}."),
        Event::UserRemoved { .. } => {
            format!("The user {user} was removed, because the import that created it was undone.")
        }
        Event::CorporatePhoneAdded { import: Some(import), .. } => {
            format!("The import {import} added a phone of {user} to the corporate phone list.")
        }
        Event::CorporatePhoneAdded { .. } => {
            format!("{by} added a phone of {user} to the corporate phone list.")
        }
        Event::CorporatePhoneRemoved { .. } => {
            format!("A phone of {user} was removed from the corporate phone list.")
        }
        Event::AccountOpened { .. } => {
            format!("{user} became an account, which gets a number of the pool.")
        }
        Event::NumberAssigned { .. } => format!("A number of the pool was assigned to {user}."),
        Event::NumberRegistered { .. } => {
            format!("The number of {user} was registered, because the account was activated.")
        }
        Event::NumberReleased { .. } => format!("The number of {user} went back to the pool."),
        Event::WelcomeEmailRequested { .. } => format!("A welcome mail to {user} was requested."),
        Event::NotificationDispatched { .. } => format!(
            "The welcome mail to {user} was claimed for sending. The query notifications shows its result."
        ),
        _ => return None,
    })
}

/// The row of the same or another import that changed the user.
fn other_row(row: &RowRef) -> String {
    format!("Row {} of the import {}", row.row, row.import)
}
