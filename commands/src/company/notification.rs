//! A mail that is not an invitation, from its request to its report.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::user_id::UserId;
use crate::event::{MailKind, Topic};
use crate::values::{Code, Time};

/// A mail that is not an invitation and has no report yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    pub to: Addressee,
    /// Claimed, so that it is never sent a second time.
    pub dispatched: bool,
    /// What it says; none for a welcome mail, of which there may be a million.
    pub content: Option<Box<NotificationContent>>,
    /// The refusals of earlier attempts; none before the first.
    pub(crate) refused: Option<Box<Refusals>>,
}

/// The refusals of a mail that was certainly not sent yet. A transport that cannot be used refuses no mail, and uses up
/// no mail's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Refusals {
    /// The time of the first refusal, later by the time in which the transport could not be used.
    pub since: Option<Time>,
    /// How often the mail was refused.
    pub count: u32,
    /// Since when the transport cannot be used, while it cannot.
    pub waits_since: Option<Time>,
}

impl Refusals {
    /// The refusals after one more, with this code.
    #[must_use]
    pub(crate) fn and(self, code: Code, at: Time) -> Self {
        if code == Code::DeliveryServerUnavailable {
            return Self { waits_since: self.waits_since.or(Some(at)), ..self };
        }
        let waited = self.waits_since.map_or(0, |since| at.seconds_since(since));
        let since = self.since.map_or(at, |since| since.plus_seconds(waited));
        Self { since: Some(since), count: self.count.saturating_add(1), waits_since: None }
    }
}

/// Mails that are tried again later, each by the transport that could not send it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeferredNotifications {
    mails: BTreeMap<String, (Notification, Box<str>, Time)>,
    /// The keys of each transport, by the time of the next attempt.
    due: BTreeMap<Box<str>, BTreeSet<(Time, String)>>,
}

impl DeferredNotifications {
    pub(crate) fn insert(&mut self, key: &str, mail: Notification, via: &str, retry_at: Time) {
        self.remove(key);
        self.mails.insert(key.to_owned(), (mail, via.into(), retry_at));
        self.due.entry(via.into()).or_default().insert((retry_at, key.to_owned()));
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Notification> {
        let (mail, via, retry_at) = self.mails.remove(key)?;
        if let Some(due) = self.due.get_mut(&via) {
            due.remove(&(retry_at, key.to_owned()));
            if due.is_empty() {
                self.due.remove(&via);
            }
        }
        Some(mail)
    }

    /// The mails of this transport, the earliest attempt first.
    pub(crate) fn of<'a>(
        &'a self,
        via: &str,
    ) -> impl Iterator<Item = (Time, &'a String, &'a Notification)> + use<'a> {
        let keys = self.due.get(via).into_iter().flatten();
        keys.filter_map(|(at, key)| Some((*at, key, &self.mails.get(key)?.0)))
    }

    /// The keys of the mails of this transport, or of all transports.
    pub(crate) fn keys(&self, via: Option<&str>) -> impl Iterator<Item = &String> {
        let ours = self.due.iter().filter(move |(name, _)| via.is_none_or(|via| ***name == *via));
        ours.flat_map(|(_, due)| due.iter().map(|(_, key)| key))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.mails.contains_key(key)
    }

    /// The time of the next attempt by this transport.
    pub fn next(&self, via: &str) -> Option<Time> {
        Some(self.due.get(via)?.first()?.0)
    }

    /// The mails that wait for this transport.
    pub fn count(&self, via: &str) -> usize {
        self.due.get(via).map_or(0, BTreeSet::len)
    }

    pub fn len(&self) -> usize {
        self.mails.len()
    }

    pub fn is_empty(&self) -> bool {
        self.mails.is_empty()
    }
}

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationContent {
    pub kind: MailKind,
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
    /// Whether it is a text message to a device.
    pub(crate) fn is_text(&self) -> bool {
        self.content.as_deref().is_some_and(|content| content.kind.is_text_message())
    }

    /// Whether it is known that the mail waits for a transport that cannot be used.
    pub(crate) fn waits_for_transport(&self) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.waits_since.is_some())
    }

    /// A welcome mail.
    pub(crate) fn welcome(user: UserId) -> Self {
        Self { to: Addressee::User(user), dispatched: false, content: None, refused: None }
    }

    pub(crate) fn new(to: Addressee, kind: MailKind, about: Topic) -> Self {
        let content = Some(Box::new(NotificationContent { kind, about }));
        Self { to, dispatched: false, content, refused: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deferred_mails_are_counted_by_transport() {
        let mut deferred = DeferredNotifications::default();
        assert!(deferred.is_empty());
        for (key, via, at) in
            [("a", "smtp", 3), ("b", "smtp", 2), ("c", "text", 1), ("a", "smtp", 4)]
        {
            let mail = Notification::welcome(UserId(1));
            deferred.insert(key, mail, via, Time(at));
        }
        let keys = |via| deferred.keys(via).map(String::as_str).collect::<Vec<_>>();
        assert_eq!((keys(Some("smtp")), keys(Some("text"))), (vec!["b", "a"], vec!["c"]));
        assert_eq!((keys(None).len(), deferred.len(), deferred.is_empty()), (3, 3, false));
        assert_eq!((deferred.count("smtp"), deferred.count("none")), (2, 0));
        assert_eq!((deferred.next("smtp"), deferred.next("none")), (Some(Time(2)), None));
        assert!(deferred.remove("b").is_some() && deferred.remove("b").is_none());
        assert_eq!((deferred.count("smtp"), deferred.next("smtp")), (1, Some(Time(4))));
    }
}
