//! What a history can be of, and which facts are about it.

use std::fmt;
use std::str::FromStr;

use boarding_commands::event::{Event, MailTo, Topic, Who};
use boarding_commands::values::{Code, ImportId, Phone, Refusal, RunId, UserKey};
use serde_json::json;

/// A thing with a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entity {
    Run(RunId),
    Import(ImportId),
    User(UserKey),
    Phone(Phone),
}

impl fmt::Display for Entity {
    /// As the query `history` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run) => write!(f, "run:{run}"),
            Self::Import(import) => write!(f, "import:{import}"),
            Self::User(user) => write!(f, "user:{}", user.as_str()),
            Self::Phone(phone) => write!(f, "phone:{phone}"),
        }
    }
}

impl FromStr for Entity {
    type Err = Refusal;

    /// Reads `run:<id>`, `import:<id>`, `user:<key>`, `phone:<e164>`.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let read = |kind: &str, name: &str| match kind {
            "run" => name.parse().ok().map(Self::Run),
            "import" => name.parse().ok().map(Self::Import),
            "user" if !name.trim().is_empty() => Some(Self::User(UserKey::new(name))),
            "phone" => Phone::parse(name).ok().map(Self::Phone),
            _ => None,
        };
        text.split_once(':').and_then(|(kind, name)| read(kind, name)).ok_or_else(|| {
            Refusal::new(Code::QueryMalformed)
                .saying("entity: expected run:<id>, import:<id>, user:<key> or phone:<E.164>")
                .with(json!({"parameter": "entity"}))
        })
    }
}

impl Entity {
    /// The run, or else the import, that a fact belongs to. People and their phones are not named: what
    /// stands for a fact beside its data must not say whom it is about.
    pub fn of_process(event: &Event) -> Option<Self> {
        let run = run_of(event).map(Self::Run);
        run.or_else(|| import_of(event).map(Self::Import))
    }

    /// Whether a fact is about this thing.
    pub fn concerns(&self, event: &Event) -> bool {
        match self {
            Self::Run(run) => run_of(event) == Some(*run),
            Self::Import(import) => import_of(event) == Some(*import),
            Self::User(user) => who(event).is_some_and(|who| who.folded() == user.folded()),
            Self::Phone(phone) => phone_of(event) == Some(*phone),
        }
    }
}

pub(super) fn run_of(event: &Event) -> Option<RunId> {
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

pub(super) fn import_of(event: &Event) -> Option<ImportId> {
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

pub(super) fn who(event: &Event) -> Option<&Who> {
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

fn phone_of(event: &Event) -> Option<Phone> {
    match event {
        Event::CorporatePhoneAdded { phone, .. } | Event::CorporatePhoneRemoved { phone, .. } => {
            Some(**phone)
        }
        _ => number_of(event),
    }
}

/// The number of the pool that a fact is about.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;

    #[test]
    fn an_entity_is_read_from_its_kind_and_its_name() {
        assert_eq!(format!("run:{}", run(7)).parse(), Ok(Entity::Run(run(7))));
        assert_eq!("user:a:b".parse(), Ok(Entity::User(UserKey::new("a:b"))));
        let phone = Phone::parse("+84923448071").unwrap();
        assert_eq!("phone:+84 923 448 071".parse(), Ok(Entity::Phone(phone)));
        for text in
            [format!("run:{}", run(7)), "user:a:b".to_owned(), "phone:+84923448071".to_owned()]
        {
            assert_eq!(text.parse::<Entity>().unwrap().to_string(), text);
        }
        for bad in ["", "run", "run:7", "user: ", "phone:84", "robot:7"] {
            let refusal = bad.parse::<Entity>().unwrap_err();
            assert_eq!(refusal.details["parameter"], "entity", "{bad}");
        }
    }
}
