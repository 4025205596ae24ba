//! What an event is about: its run, its import, its user, its phone number.

use boarding_commands::event::{Event, MailTo, Topic, Who};
use boarding_commands::values::{ImportId, Phone, RunId};

/// The run that an event belongs to.
pub(crate) fn run_of(event: &Event) -> Option<RunId> {
    match event {
        Event::RunRequested { run, .. }
        | Event::RecipientQueued { run, .. }
        | Event::RunScheduled { run, .. }
        | Event::RunQueued { run }
        | Event::RunStarted { run }
        | Event::RunCompleted { run, .. }
        | Event::RunWithdrawn { run }
        | Event::InviteDispatched { run, .. }
        | Event::InviteDeferred { run, .. }
        | Event::InviteSent { run, .. }
        | Event::UserSkipped { run, .. }
        | Event::InviteFailed { run, .. }
        | Event::DeliveryRecorded { run, .. }
        | Event::NotificationRequested { about: Topic::Run(run), .. } => Some(*run),
        _ => None,
    }
}

/// The import that an event belongs to.
pub(crate) fn import_of(event: &Event) -> Option<ImportId> {
    match event {
        Event::ImportAccepted { import, .. }
        | Event::ImportCompleted { import, .. }
        | Event::ImportUndoStarted { import }
        | Event::RowUndone { import, .. }
        | Event::ImportUndone { import, .. }
        | Event::ImportInvitesRequested { import, .. }
        | Event::ImportInvitesRefused { import, .. }
        | Event::ImportPlaced { import, .. }
        | Event::ImportNotificationRequested { import, .. }
        | Event::ImportLinkUsed { import, .. }
        | Event::PicturesImported { import, .. }
        | Event::PictureInserted { import, .. }
        | Event::PictureRefused { import, .. }
        | Event::WelcomeEmailRequested { import, .. } => Some(*import),
        Event::CorporatePhoneAdded { import, .. }
        | Event::NumberAssigned { import, .. }
        | Event::AccountOpened { import, .. } => *import,
        Event::NotificationRequested { about: Topic::Import(import), .. } => Some(*import),
        _ => event.row().map(|(_, row)| row.import),
    }
}

/// The user that an event is about.
pub(crate) fn user_of(event: &Event) -> Option<&Who> {
    match event {
        Event::UserCreated { user, .. }
        | Event::UserUpdated { user, .. }
        | Event::UserActivated { user, .. }
        | Event::UserDeactivated { user, .. }
        | Event::UserArchived { user }
        | Event::UserRestored { user }
        | Event::RolesAssigned { user, .. }
        | Event::RolesRemoved { user, .. }
        | Event::UserRemoved { user }
        | Event::RowUndone { user, .. }
        | Event::CorporatePhoneAdded { user, .. }
        | Event::CorporatePhoneRemoved { user, .. }
        | Event::NumberAssigned { user, .. }
        | Event::NumberRegistered { user, .. }
        | Event::NumberReleased { user, .. }
        | Event::AccountOpened { user, .. }
        | Event::RowUnchanged { user, .. }
        | Event::WelcomeEmailRequested { user, .. }
        | Event::PictureInserted { user, .. }
        | Event::RecipientQueued { user, .. }
        | Event::InviteDispatched { user, .. }
        | Event::InviteDeferred { user, .. }
        | Event::InviteSent { user, .. }
        | Event::UserSkipped { user, .. }
        | Event::InviteFailed { user, .. }
        | Event::UserLinked { user, .. }
        | Event::UserUnlinked { user, .. }
        | Event::InvitationExpired { user, .. }
        | Event::InvitationRevoked { user, .. }
        | Event::DeliveryRecorded { user, .. }
        | Event::NotificationDispatched { user, .. } => Some(user),
        Event::RowRefused { user, .. } => user.as_ref(),
        Event::NotificationRequested { to: MailTo::User(user), .. } => Some(user),
        _ => None,
    }
}

/// The phone number that an event is about, in the phone list or in the pool.
pub(crate) fn phone_of(event: &Event) -> Option<Phone> {
    match event {
        Event::CorporatePhoneAdded { phone, .. } | Event::CorporatePhoneRemoved { phone, .. } => {
            Some(**phone)
        }
        _ => number_of(event),
    }
}

/// The number of the pool that an event is about.
pub(crate) fn number_of(event: &Event) -> Option<Phone> {
    match event {
        Event::NumberAdded { number, .. }
        | Event::NumberReserved { number, .. }
        | Event::NumberUnreserved { number }
        | Event::NumberAllocated { number, .. }
        | Event::NumberWithdrawn { number, .. }
        | Event::NumberAssigned { number, .. }
        | Event::NumberRegistered { number, .. }
        | Event::NumberReleased { number, .. }
        | Event::NumberCooled { number } => Some(**number),
        _ => None,
    }
}
