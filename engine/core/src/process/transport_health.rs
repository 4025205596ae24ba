//! Judges from the outcomes of mails whether the transport refuses all recipients.

use std::collections::BTreeSet;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::event::Who;
use boarding_commands::values::Code;

use crate::limits::{TRANSPORT_PAUSE_SECONDS, TRANSPORT_PAUSE_SECONDS_MAX};

/// The number of people that are refused one after the other before the transport counts as unusable. This is the number
/// for a transport that has accepted no mail yet: a single refusal may concern the person alone.
const REFUSED_AT_FIRST: usize = 2;
/// The same number after the transport has accepted a mail: the last few people of a run may each be refused for an own
/// reason.
const REFUSED_LATER: usize = 10;
/// The number of people that are refused by address before the run waits without trying the others. Greylisting refuses
/// each address once, so a run usually tries each person once first.
const REFUSED_ADDRESSES: usize = 500;

/// What the transport did with the last mails of a run.
#[derive(Debug, Default)]
pub(super) struct TransportHealth {
    /// Whether it has accepted or permanently refused a mail of the run.
    has_answered: bool,
    /// The people that it has temporarily refused since its last final answer.
    refused: BTreeSet<String>,
    /// Of these, the people whose refusal concerns all mails.
    refused_all: BTreeSet<String>,
    /// Its last answer to a refused mail.
    last_words: String,
}

impl TransportHealth {
    /// Notes the outcome of one mail.
    pub(super) fn note(&mut self, user: &Who, outcome: &MailOutcome) {
        match outcome {
            MailOutcome::Retry { code, detail } => {
                self.refused.insert(user.folded());
                if *code == Code::DeliveryServerUnavailable {
                    self.refused_all.insert(user.folded());
                }
                self.last_words = detail.clone().unwrap_or_default();
            }
            // An uncertain mail shows nothing about the transport: the connection may have broken during it.
            MailOutcome::Failed { code, .. } if code.leaves_delivery_open() => {}
            MailOutcome::Sent { .. } | MailOutcome::Skipped { .. } | MailOutcome::Failed { .. } => {
                self.has_answered = true;
                self.refused.clear();
                self.refused_all.clear();
            }
        }
    }

    /// Whether the transport refuses all recipients. `remaining` is the number of recipients without an outcome.
    pub(super) fn refuses_everybody(&self, remaining: u64) -> bool {
        let least = if self.has_answered { REFUSED_LATER } else { REFUSED_AT_FIRST };
        if self.refused_all.len() >= least {
            return true;
        }
        let refused = self.refused.len();
        refused >= least && (refused >= REFUSED_ADDRESSES || refused as u64 >= remaining)
    }

    pub(super) fn last_words(&self) -> String {
        self.last_words.clone()
    }
}

/// The pause after this number of failed attempts, in seconds.
pub(super) fn pause_seconds(tries: u32) -> u64 {
    let doubled = 1u64.checked_shl(tries).unwrap_or(u64::MAX);
    TRANSPORT_PAUSE_SECONDS.saturating_mul(doubled).min(TRANSPORT_PAUSE_SECONDS_MAX)
}

/// Sets the code of a temporary refusal, which says whether the refusal counts against the recipient's retry time. While a
/// run waits, refusals do not count.
pub(super) fn counted(outcome: MailOutcome, counts: bool) -> MailOutcome {
    match outcome {
        MailOutcome::Retry { detail, .. } => {
            let code = match counts {
                true => Code::DeliveryTemporaryFailure,
                false => Code::DeliveryServerUnavailable,
            };
            MailOutcome::Retry { code, detail }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use boarding_commands::values::{Personal, UserKey};

    use super::*;

    fn note(health: &mut TransportHealth, people: std::ops::Range<usize>, outcome: &MailOutcome) {
        for n in people {
            health.note(&Personal(UserKey::new(&format!("user{n}"))), outcome);
        }
    }

    fn refused(code: Code) -> MailOutcome {
        MailOutcome::Retry { code, detail: Some("451 later".to_owned()) }
    }

    /// A31: one person's refusals are not the server's.
    #[test]
    fn one_refused_person_does_not_stop_the_others() {
        for code in [Code::DeliveryTemporaryFailure, Code::DeliveryServerUnavailable] {
            let mut health = TransportHealth::default();
            for _ in 0..9 {
                note(&mut health, 0..1, &refused(code));
            }
            assert!(!health.refuses_everybody(1), "{code}");
        }
    }

    /// A31: the run waits when everybody is refused, and each was tried.
    #[test]
    fn transport_that_refuses_all_people_refuses_everybody() {
        let mut health = TransportHealth::default();
        note(&mut health, 0..5, &refused(Code::DeliveryTemporaryFailure));
        assert!(!health.refuses_everybody(6), "one person was not tried yet");
        note(&mut health, 5..6, &refused(Code::DeliveryTemporaryFailure));
        assert!(health.refuses_everybody(6));
        assert_eq!(health.last_words(), "451 later");
        note(&mut health, 5..6, &MailOutcome::SENT);
        assert!(!health.refuses_everybody(5));
        note(&mut health, 0..5, &refused(Code::DeliveryTemporaryFailure));
        assert!(!health.refuses_everybody(5), "the last few may be refused for their own reasons");
    }

    #[test]
    fn closed_connections_of_two_people_are_enough() {
        let mut health = TransportHealth::default();
        note(&mut health, 0..2, &refused(Code::DeliveryServerUnavailable));
        assert!(health.refuses_everybody(1_000));
    }
}
