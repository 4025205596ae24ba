//! What the declaration of a kind of mail says.

use std::fmt;

use crate::company::{Addressee, Company};
use crate::event::{Event, Topic};
use crate::template::{MailFacts, TopicVariables};
use crate::values::{Code, Time};

/// The time of work that is due at once: the next tick does it.
pub const AT_ONCE: Time = Time(0);

/// A kind of mail: what it shows, who gets it and when it is due.
///
/// A mail is requested with an event of the log, once per key. It is due right after an event or at a time.
pub trait MailRules: fmt::Debug + Sync {
    /// What a template of the mail must show, and may show beside its topic.
    fn facts(&self) -> &'static MailFacts;

    /// The variables of the topic, with sample values for the check of a template. The check searches the rendered text
    /// for each sample value, so no value may contain another.
    fn sample(&self) -> TopicVariables {
        TopicVariables::default()
    }

    /// The requests that follow this event in its commit. `company` is the state before the commit.
    fn after(&self, _company: &Company, _event: &Event, _at: Time) -> Vec<Event> {
        Vec::new()
    }

    /// The requests that are due at this time.
    fn due(&self, _company: &Company, _turn: TickRoom) -> Vec<Event> {
        Vec::new()
    }

    /// When `due` returns the next request.
    fn next(&self, _company: &Company) -> Option<Time> {
        None
    }

    /// Whether a requested mail waits, because what it says is not complete yet.
    fn waits(&self, _company: &Company, _about: &Topic) -> bool {
        false
    }

    /// Why a requested mail is not sent any more.
    fn obsolete(
        &self,
        _company: &Company,
        _to: &Addressee,
        _about: &Topic,
        _now: Time,
    ) -> Option<Code> {
        None
    }
}

/// A tick: its time, and the room that is left in its commit.
#[derive(Debug, Clone, Copy)]
pub struct TickRoom {
    pub now: Time,
    /// The events of the commit so far.
    pub before: usize,
    /// The most requests of each kind, in events.
    pub room: usize,
}

impl TickRoom {
    /// The version that the next event of the commit gets. A key that contains it is unique.
    pub(super) fn next_version(&self, company: &Company) -> u64 {
        company.version + self.before as u64 + 1
    }
}
