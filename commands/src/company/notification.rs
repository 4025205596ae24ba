//! A mail that is not an invitation, from its request to its report.

use serde::{Deserialize, Serialize};

use super::user_id::UserId;
use crate::event::{TemplateKind, Topic};
use crate::values::Time;

/// A mail that is not an invitation and has no report yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    pub to: Addressee,
    /// Claimed, so that it is never sent a second time.
    pub dispatched: bool,
    /// What it says; none for a welcome mail, of which there may be a million.
    pub notice: Option<Box<Notice>>,
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub kind: TemplateKind,
    pub about: Topic,
}

/// Expired invitations, collected until administrators are notified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    /// When the first of them did.
    pub since: Time,
    pub whatsapp: u64,
    pub imessage: u64,
    /// The first of the people.
    pub people: Vec<UserId>,
}

impl Expired {
    pub(crate) fn since(since: Time) -> Self {
        Self { since, whatsapp: 0, imessage: 0, people: Vec::new() }
    }
}

/// The recipient of a mail.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Addressee {
    User(UserId),
    /// The address of an administrator, who need not be a user.
    Admin(Box<str>),
}

/// Never shows the address: it belongs to a person.
impl std::fmt::Debug for Addressee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => write!(f, "User({id:?})"),
            Self::Admin(_) => f.write_str("Admin(***)"),
        }
    }
}

impl Notification {
    /// A welcome mail.
    pub(crate) fn welcome(user: UserId) -> Self {
        Self { to: Addressee::User(user), dispatched: false, notice: None }
    }

    pub(crate) fn new(to: Addressee, kind: TemplateKind, about: Topic) -> Self {
        Self { to, dispatched: false, notice: Some(Box::new(Notice { kind, about })) }
    }
}
