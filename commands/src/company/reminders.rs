//! Reminders of open invitations, in the order of their last mails.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::link::{Invitation, InvitationState};
use crate::settings::Settings;
use crate::values::{InvitationId, Time};

/// An invitation with how many reminders it has had and when its last mail went out.
type Entry = (u8, Time, InvitationId);

/// Open invitations whose mail has gone out; none are kept unless the company reminds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reminders(BTreeSet<Entry>);

/// The entry of an invitation. `None` if it was used, revoked, has bounced or ended otherwise, or if its mail may
/// never have arrived.
fn entry(invitation: &Invitation) -> Option<Entry> {
    let open = matches!(invitation.state, InvitationState::Sent | InvitationState::Delivered);
    open.then_some((invitation.reminders, invitation.mailed_at, invitation.id))
}

impl Reminders {
    pub(crate) fn add(&mut self, invitation: &Invitation) {
        self.0.extend(entry(invitation));
    }

    pub(crate) fn remove(&mut self, invitation: &Invitation) {
        if let Some(entry) = entry(invitation) {
            self.0.remove(&entry);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The invitations whose turn it is; those with the fewest reminders first.
    pub fn due(&self, settings: &Settings, now: Time) -> impl Iterator<Item = InvitationId> {
        let latest = Time(now.0.saturating_sub(millis(settings)));
        let counts = counts(settings);
        let of = move |count| {
            self.0.range(least(count)..=(count, latest, InvitationId(Ulid(u128::MAX))))
        };
        counts.flat_map(of).map(|(_, _, id)| *id)
    }

    /// When the next reminder is due.
    pub fn next(&self, settings: &Settings) -> Option<Time> {
        let first = |count| {
            let first = self.0.range(least(count)..).next().filter(|entry| entry.0 == count)?;
            Some(Time(first.1.0.saturating_add(millis(settings))))
        };
        counts(settings).filter_map(first).min()
    }
}

/// The number of reminders after which a person gets no further one.
fn counts(settings: &Settings) -> std::ops::Range<u8> {
    let most = if settings.reminds() { settings.reminder_max } else { 0 };
    0..u8::try_from(most).unwrap_or(u8::MAX)
}

fn least(count: u8) -> Entry {
    (count, Time(i64::MIN), InvitationId(Ulid(0)))
}

fn millis(settings: &Settings) -> i64 {
    i64::try_from(settings.reminder_after_seconds()).unwrap_or(i64::MAX).saturating_mul(1000)
}
