//! The subjects of an event: the user, run, import, number and phone in its fields.

use super::import::{
    BlankMeans, Counts, Existing, FileRef, IgnoredRows, ImportOptions, PictureFormat, RowOutcome,
    RowRef, UndoCounts, UndoOutcome, Unsupervised,
};
use super::mail::{HandedTo, MailKind, MailTo, OutboxId, Topic, Wording};
use super::permission::{Permission, SpeaksFor};
use super::person::Person;
use super::run::{Channel, Delivery, SentOn, Source};
use crate::values::{
    Code, ImportId, InvitationId, Personal, Phone, Problem, RunId, Time, TokenId, UserKey,
};

/// The subjects of an event, at most one of each kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subjects<'e> {
    pub user: Option<&'e UserKey>,
    pub import: Option<ImportId>,
    /// The run. It is none for an event of an import, which may name the run that the import requested.
    pub run: Option<RunId>,
    /// The number of the pool.
    pub number: Option<Phone>,
    /// The corporate phone.
    pub phone: Option<Phone>,
}

/// The value of an event's field, which may be a subject of the event.
pub(super) trait Subject {
    /// Adds the subject to `found`, if the value is one. `field` is the name of the field.
    fn subject<'e>(&'e self, _field: &str, _found: &mut Subjects<'e>) {}
}

impl Subject for UserKey {
    fn subject<'e>(&'e self, _: &str, found: &mut Subjects<'e>) {
        found.user = Some(self);
    }
}

impl Subject for ImportId {
    fn subject<'e>(&'e self, _: &str, found: &mut Subjects<'e>) {
        found.import = Some(*self);
        // The run may come first. See `Subjects::run`.
        found.run = None;
    }
}

impl Subject for RunId {
    fn subject<'e>(&'e self, _: &str, found: &mut Subjects<'e>) {
        found.run = Some(*self).filter(|_| found.import.is_none());
    }
}

impl Subject for Phone {
    fn subject<'e>(&'e self, field: &str, found: &mut Subjects<'e>) {
        match field {
            "number" => found.number = Some(*self),
            "phone" => found.phone = Some(*self),
            _ => {}
        }
    }
}

impl Subject for RowRef {
    fn subject<'e>(&'e self, field: &str, found: &mut Subjects<'e>) {
        self.import.subject(field, found);
    }
}

impl Subject for MailTo {
    fn subject<'e>(&'e self, field: &str, found: &mut Subjects<'e>) {
        match self {
            Self::User(user) => user.subject(field, found),
            Self::Address(_) => {}
        }
    }
}

impl Subject for Topic {
    fn subject<'e>(&'e self, field: &str, found: &mut Subjects<'e>) {
        match self {
            Self::Import(import) => import.subject(field, found),
            Self::Run(run) => run.subject(field, found),
            Self::Numbers { .. } | Self::Invitation { .. } | Self::Expired { .. } => {}
        }
    }
}

impl<T: Subject> Subject for Option<T> {
    fn subject<'e>(&'e self, field: &str, found: &mut Subjects<'e>) {
        if let Some(value) = self {
            value.subject(field, found);
        }
    }
}

impl<T: Subject> Subject for Personal<T> {
    fn subject<'e>(&'e self, field: &str, found: &mut Subjects<'e>) {
        self.0.subject(field, found);
    }
}

/// Types whose values name no subject.
macro_rules! no_subject {
    ($($type:ty)*) => {
        $( impl Subject for $type {} )*
    };
}

no_subject! {
    bool u32 u64 String serde_json::Value
    Code InvitationId Time TokenId
    Person Permission SpeaksFor Channel Source SentOn Delivery MailKind Wording
    Problem BlankMeans Existing FileRef IgnoredRows ImportOptions PictureFormat RowOutcome Counts UndoOutcome UndoCounts
    Unsupervised HandedTo OutboxId
}

// Users in a list are only details of the event, not its subject.
impl<T> Subject for Vec<T> {}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;
    use crate::decide::imports::import_file::testing::import_id;
    use crate::decide::testing::{phone, phone_added, run_id, who};
    use crate::event::Event;

    fn mail(to: MailTo, about: Topic) -> Event {
        Event::NotificationRequested { kind: MailKind::Welcome, key: "key".to_owned(), to, about }
    }

    #[test]
    fn event_names_the_user_and_phone_it_is_about() {
        let listed = phone_added("ann", 1);
        let found = listed.subjects();
        assert_eq!(found.user.map(UserKey::as_str), Some("ann"));
        assert_eq!((found.phone, found.number), (Some(phone(1)), None));
        let cooled = Event::NumberCooled { number: Personal(phone(2)) };
        let found = cooled.subjects();
        assert_eq!((found.phone, found.number), (None, Some(phone(2))));
    }

    #[test]
    fn event_of_an_import_is_not_about_its_run() {
        let run = Event::RunStarted { run: run_id(1) };
        assert_eq!((run.subjects().run, run.subjects().import), (Some(run_id(1)), None));
        let event = Event::ImportLinkUsed { import: import_id(), run: run_id(1) };
        assert_eq!((event.subjects().run, event.subjects().import), (None, Some(import_id())));
    }

    #[test]
    fn request_of_a_mail_is_about_its_topic_and_user() {
        let to = || MailTo::User(who("ann"));
        let address = MailTo::Address(Personal("una@acme.example".to_owned()));
        let about_run = mail(to(), Topic::Run(run_id(1)));
        assert_eq!(about_run.subjects().run, Some(run_id(1)));
        assert_eq!(about_run.subjects().user.map(UserKey::as_str), Some("ann"));
        let about_import = mail(address, Topic::Import(ImportId(Ulid(3))));
        assert_eq!(about_import.subjects().import, Some(ImportId(Ulid(3))));
        assert!(about_import.subjects().user.is_none());
    }
}
