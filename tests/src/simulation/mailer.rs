//! A simulated transport of mails that counts deliveries and fails on request.

use std::collections::BTreeMap;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::event::{Event, Who};
use boarding_commands::values::{Code, InvitationId, RunId};

use super::violation::{CheckResult, ensure};

/// A mail that the worker has claimed and not yet reported.
#[derive(Debug, Clone)]
pub(super) struct ClaimedMail {
    pub run: RunId,
    pub fence: u64,
    pub user: Who,
    pub attempt: u32,
    pub invitation: InvitationId,
    pub generation: u32,
    pub message_id: String,
}

impl ClaimedMail {
    /// `None` if the event is not `InviteDispatched`.
    pub(super) fn from_event(event: &Event, fence: u64) -> Option<Self> {
        match event {
            Event::InviteDispatched {
                run,
                user,
                attempt,
                invitation,
                generation,
                message_id,
                ..
            } => Some(Self {
                run: *run,
                fence,
                user: user.clone(),
                attempt: *attempt,
                invitation: *invitation,
                generation: *generation,
                message_id: message_id.clone(),
            }),
            _ => None,
        }
    }
}

/// What goes wrong when one mail is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MailFault {
    None,
    /// Rejected, may be retried.
    Temporary,
    /// Rejected permanently.
    Permanent,
    /// Accepted, but the reply was lost.
    LostAnswer,
}

/// The deliveries so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Mailer {
    /// Whether a second mail with the same Message-ID is dropped.
    pub deduplicates: bool,
    /// Delivered mails per run and recipient.
    pub delivered: BTreeMap<(RunId, String), u32>,
    /// Accepted mails per Message-ID.
    pub accepted: BTreeMap<String, u32>,
    /// The invitation and generation of each delivered link.
    pub links: Vec<(InvitationId, u32)>,
    pub message_ids: Vec<String>,
}

impl Mailer {
    /// Sends one mail, unless the fault prevents it. Checks P7.
    pub(super) fn send(
        &mut self,
        claim: &ClaimedMail,
        fault: MailFault,
    ) -> Result<MailOutcome, String> {
        if matches!(fault, MailFault::None | MailFault::LostAnswer) {
            self.deliver(claim)?;
        }
        Ok(match fault {
            MailFault::None => MailOutcome::SENT,
            MailFault::Temporary => {
                MailOutcome::Retry { code: Code::DeliveryTemporaryFailure, detail: None }
            }
            MailFault::Permanent => MailOutcome::failed(Code::RecipientEmailUndeliverable),
            MailFault::LostAnswer => MailOutcome::failed(Code::DeliveryUncertain),
        })
    }

    fn deliver(&mut self, claim: &ClaimedMail) -> CheckResult {
        let times = self.accepted.entry(claim.message_id.clone()).or_default();
        *times += 1;
        if self.deduplicates && *times > 1 {
            return Ok(());
        }
        self.links.push((claim.invitation, claim.generation));
        self.message_ids.push(claim.message_id.clone());
        let delivered = self.delivered.entry((claim.run, claim.user.folded())).or_default();
        *delivered += 1;
        ensure!(
            *delivered == 1,
            "P7 run {} delivered {delivered} mails to one recipient",
            claim.run
        );
        Ok(())
    }
}
