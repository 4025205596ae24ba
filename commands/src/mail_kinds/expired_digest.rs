//! `expired_digest`: the invitations that expired, to the designated administrators, once in some hours.

use super::requests::{has_admins, to_admins};
use super::{MailRules, TickRoom, topics};
use crate::company::Company;
use crate::company::notification::Expired;
use crate::event::{Event, MailKind, Topic};
use crate::template::{MailFacts, TopicVariables};
use crate::values::{Personal, Time};

#[derive(Debug)]
pub(super) struct ExpiredDigest;

impl MailRules for ExpiredDigest {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts { required: &["count"], ..MailFacts::PLAIN };
        &FACTS
    }

    fn sample(&self) -> TopicVariables {
        topics::expired::sample()
    }

    fn due(&self, company: &Company, turn: TickRoom) -> Vec<Event> {
        let Some((_, expired)) = digest_at(company).filter(|(at, _)| *at <= turn.now) else {
            return Vec::new();
        };
        let people = expired.people.iter().filter_map(|id| company.users.get(*id));
        let about = Topic::Expired {
            since: expired.since,
            until: turn.now,
            whatsapp: expired.whatsapp,
            imessage: expired.imessage,
            people: people.map(|user| Personal(user.key())).collect(),
        };
        let key = format!("expired_digest.{}", turn.next_version(company));
        to_admins(company, MailKind::ExpiredDigest, &key, &about)
    }

    fn next(&self, company: &Company) -> Option<Time> {
        digest_at(company).map(|(at, _)| at)
    }
}

/// When the digest of the collected expired invitations is due, if there are administrators.
fn digest_at(company: &Company) -> Option<(Time, &Expired)> {
    let expired = company.expired.as_ref().filter(|_| has_admins(company))?;
    let hours = company.settings.expired_digest_hours;
    Some((expired.since.plus_seconds(3600 * hours), expired))
}
