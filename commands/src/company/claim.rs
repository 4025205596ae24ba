//! The claim of a recipient: one type from the log to the transport and its workers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::state::Company;
use crate::event::{Channel, Event};
use crate::values::{CompanyId, InvitationId, RunId, Time, UserKey};

/// A claim without a report: one attempt to invite one recipient of a run.
///
/// `InviteDispatched` records it, a transport gets it with the mail, and an external worker reads it as JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvitationClaim {
    pub company: CompanyId,
    pub run: RunId,
    pub user: UserKey,
    /// Counts the claims of this recipient, from 1.
    pub attempt: u32,
    pub fence: u64,
    pub channel: Channel,
    /// The same at every attempt.
    pub message_id: String,
    pub invitation: InvitationId,
    pub generation: u32,
    pub deadline: Time,
}

/// Never shows the user.
impl fmt::Debug for InvitationClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { company, attempt, message_id, .. } = self;
        write!(f, "InvitationClaim({message_id} of {company}, attempt {attempt})")
    }
}

impl Company {
    /// The claim that the event records. `None` for another event, and once the attempt has a report.
    pub fn open_claim(&self, event: &Event) -> Option<InvitationClaim> {
        let Event::InviteDispatched {
            run: id,
            user,
            attempt,
            invitation,
            generation,
            message_id,
            ..
        } = event
        else {
            return None;
        };
        let holder = self.lock.holder().filter(|holder| holder.run == *id)?;
        let run = self.runs.get(id)?;
        let (user_id, user) = self.users.find(user.as_str())?;
        let (place, recipient) = run.recipient(user_id)?;
        let since = run.in_flight.get(&place)?.since;
        Some(InvitationClaim {
            company: self.id.clone(),
            run: *id,
            user: user.key(),
            attempt: Some(*attempt).filter(|attempt| recipient.attempt == *attempt)?,
            fence: holder.fence,
            channel: run.channel,
            message_id: message_id.clone(),
            invitation: *invitation,
            generation: *generation,
            deadline: since.plus_seconds(self.settings.recipient_deadline_seconds),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::outcome::MailOutcome;
    use crate::decide::testing::{NOW, a_running_run, given, run_id, who};
    use crate::decide::{ClaimRecipients, ReportRecipients};

    fn claim(fence: u64) -> ClaimRecipients {
        ClaimRecipients { run: run_id(1), fence, most: 1, via: "outbox" }
    }

    #[test]
    fn a_claim_is_open_until_its_report() {
        let fence = a_running_run().len() as u64;
        let before = given(a_running_run());
        let event = before.when(claim(fence)).events().remove(0);
        assert_eq!(before.0.open_claim(&event), None);
        let company = before.after(claim(fence));
        let open = company.0.open_claim(&event).unwrap();
        let seconds = company.0.settings.recipient_deadline_seconds;
        assert_eq!((open.user.as_str(), open.attempt, open.fence), ("ann", 1, fence));
        assert_eq!(open.deadline, NOW.plus_seconds(seconds));
        let mut later = event.clone();
        if let Event::InviteDispatched { attempt, .. } = &mut later {
            *attempt = 2;
        }
        assert_eq!(company.0.open_claim(&later), None);
        let reports = vec![(who("ann"), 1, MailOutcome::SENT)];
        let company = company.after(ReportRecipients { run: run_id(1), fence, reports });
        assert_eq!(company.0.open_claim(&event), None);
    }

    #[test]
    fn debug_never_shows_the_user() {
        let fence = a_running_run().len() as u64;
        let event = given(a_running_run()).when(claim(fence)).events().remove(0);
        let company = given(a_running_run()).after(claim(fence));
        assert!(!format!("{:?}", company.0.open_claim(&event)).contains("ann"));
    }
}
