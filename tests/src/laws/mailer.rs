//! A mailer that only remembers whom it reached, and fails as it is told.

use std::collections::BTreeMap;

use boarding_commands::code::Code;
use boarding_commands::decide::runs::recipients::Report;
use boarding_commands::event::{Event, Who};
use boarding_commands::id::{InvitationId, RunId};

use super::broken::{Law, holds};

/// A claimed mail in the worker's hands.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub run: RunId,
    pub fence: u64,
    pub user: Who,
    pub attempt: u32,
    pub invitation: InvitationId,
    pub generation: u32,
    pub message_id: String,
}

impl Claim {
    pub(super) fn of(event: &Event, fence: u64) -> Option<Self> {
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

/// What goes wrong with one mail, by the phase in which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Not taken, may be tried again.
    Temporary,
    /// Not taken, for good.
    Permanent,
    /// Taken, but the answer was lost.
    LostAnswer,
}

/// Whom mails reached.
#[derive(Debug, Clone, Default)]
pub(super) struct Mailer {
    /// Whether a repeat of a Message-ID is recognised and goes nowhere.
    pub deduplicates: bool,
    pub reached: BTreeMap<(RunId, String), u32>,
    pub messages: BTreeMap<String, u32>,
    /// The links that are out there.
    pub links: Vec<(InvitationId, u32)>,
    pub message_ids: Vec<String>,
}

impl Mailer {
    /// Sends one mail, as far as the fault lets it. Checks P7.
    pub(super) fn send(&mut self, claim: &Claim, fault: Fault) -> Result<Report, String> {
        if matches!(fault, Fault::None | Fault::LostAnswer) {
            self.deliver(claim)?;
        }
        Ok(match fault {
            Fault::None => Report::Sent { message_id: None },
            Fault::Temporary => {
                Report::Temporary { code: Code::DeliveryTemporaryFailure, detail: None }
            }
            Fault::Permanent => {
                Report::Permanent { code: Code::RecipientEmailUndeliverable, detail: None }
            }
            Fault::LostAnswer => Report::Permanent { code: Code::DeliveryUncertain, detail: None },
        })
    }

    fn deliver(&mut self, claim: &Claim) -> Law {
        let times = self.messages.entry(claim.message_id.clone()).or_default();
        *times += 1;
        if self.deduplicates && *times > 1 {
            return Ok(());
        }
        self.links.push((claim.invitation, claim.generation));
        self.message_ids.push(claim.message_id.clone());
        let reached = self.reached.entry((claim.run, claim.user.folded())).or_default();
        *reached += 1;
        holds!(*reached == 1, "P7 {} mails of run {} reached one recipient", reached, claim.run);
        Ok(())
    }
}
