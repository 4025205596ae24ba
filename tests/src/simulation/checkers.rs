//! Checkers of the invariants. They read events only and share no rule with the product.

mod imports;
mod invitations;
mod numbers;
mod origin;
mod runs;
mod users;

use boarding_commands::commit::RecordedCommit;
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
    pub(super) fn observe(&mut self, recorded: &RecordedCommit, origin: Origin) -> CheckResult {
        let at = recorded.commit.at;
        for recorded in recorded.events() {
            let channel = self.runs.channel_of(recorded.event);
            if let (Event::InviteDispatched { .. }, Origin::Claim, Some(channel)) =
                (recorded.event, origin, channel)
            {
                self.users.check_may_be_mailed(recorded.event, channel)?;
            }
            self.runs.observe(recorded.event, at)?;
            self.users.observe(recorded.event)?;
            self.numbers.observe(recorded.event, channel)?;
            self.invitations.observe(recorded.event, channel, origin, at)?;
            self.imports.observe(recorded.event)?;
        }
        self.numbers.end_commit()?;
        self.imports.end_commit()?;
        self.runs.end_commit()
    }
}
