//! What an event is about: its run, its import, its user, its phone number.

use boarding_commands::event::Event;
use boarding_commands::values::{ImportId, Phone, RunId, UserKey};

/// The run that an event belongs to.
pub(crate) fn run_of(event: &Event) -> Option<RunId> {
    event.subjects().run
}

/// The import that an event belongs to.
pub(crate) fn import_of(event: &Event) -> Option<ImportId> {
    event.subjects().import
}

/// The user that an event is about.
pub(crate) fn user_of(event: &Event) -> Option<&UserKey> {
    event.subjects().user
}

/// The phone number that an event is about, in the phone list or in the pool.
pub(crate) fn phone_of(event: &Event) -> Option<Phone> {
    let subjects = event.subjects();
    subjects.phone.or(subjects.number)
}

/// The number of the pool that an event is about.
pub(crate) fn number_of(event: &Event) -> Option<Phone> {
    event.subjects().number
}
