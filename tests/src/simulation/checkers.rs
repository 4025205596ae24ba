//! Checkers of the invariants. They read events only and share no rule with the product.

mod imports;
mod invitations;
mod numbers;
mod origin;
mod runs;
mod users;

use boarding_commands::commit::Recorded;
use boarding_commands::event::Event;

use super::violation::CheckResult;

pub(super) use origin::Origin;
pub(super) use runs::RunChecker;

/// All checkers of one company.
#[derive(Debug, Clone, Default)]
pub(super) struct InvariantCheckers {
    pub runs: RunChecker,
    pub numbers: numbers::NumberChecker,
    users: users::UserChecker,
    invitations: invitations::InvitationChecker,
    imports: imports::ImportChecker,
}

impl InvariantCheckers {
    /// Checks P1 to P9, P14, P17 to P19, P21 and P23 at each event of a commit and at its end.
    pub(super) fn observe(&mut self, recorded: &Recorded, origin: Origin) -> CheckResult {
        let at = recorded.commit.at;
        for fact in recorded.facts() {
            let channel = self.runs.channel_of(fact.event);
            if let (Event::InviteDispatched { .. }, Origin::Claim, Some(channel)) =
                (fact.event, origin, channel)
            {
                self.users.check_may_be_mailed(fact.event, channel)?;
            }
            self.runs.observe(fact.event, at)?;
            self.users.observe(fact.event)?;
            self.numbers.observe(fact.event, channel)?;
            self.invitations.observe(fact.event, channel, origin, at)?;
            self.imports.observe(fact.event)?;
        }
        self.numbers.end_commit()?;
        self.imports.end_commit()?;
        self.runs.end_commit()
    }
}
