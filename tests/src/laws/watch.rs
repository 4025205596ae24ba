//! The watchers: what the laws say of each event, told from the events alone, with no rule of the product.

mod imports;
mod invitations;
mod numbers;
mod people;
mod runs;

use boarding_commands::commit::Recorded;
use boarding_commands::event::Event;
use boarding_commands::id::InvitationId;

use super::broken::Law;

pub(super) use runs::Runs;

/// What led to a commit, as far as a law asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The worker's claim: whoever it names is about to be mailed.
    Claim,
    /// A link with this token was followed to its end.
    Token(InvitationId, u32),
    Other,
}

/// Everything that is watched of one company.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    pub runs: Runs,
    pub numbers: numbers::Numbers,
    people: people::People,
    invitations: invitations::Invitations,
    imports: imports::Imports,
}

impl Watch {
    /// Takes note of a commit; P1 to P9, P14, P17 to P19, P21 and P23 hold at each of its events.
    pub(super) fn note(&mut self, recorded: &Recorded, origin: Origin) -> Law {
        let at = recorded.commit.at;
        for fact in recorded.facts() {
            let channel = self.runs.channel_of(fact.event);
            if let (Event::InviteDispatched { .. }, Origin::Claim, Some(channel)) =
                (fact.event, origin, channel)
            {
                self.people.may_be_mailed(fact.event, channel)?;
            }
            self.runs.note(fact.event, at)?;
            self.people.note(fact.event)?;
            self.numbers.note(fact.event, channel)?;
            self.invitations.note(fact.event, channel, origin, at)?;
            self.imports.note(fact.event)?;
        }
        self.numbers.settled()?;
        self.imports.settled()?;
        self.runs.settled()
    }
}
