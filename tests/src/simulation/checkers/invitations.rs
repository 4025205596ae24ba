//! P21: a user has one invitation per channel; a sent mail ends the links before it, and a dead token never links.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::event::{Channel, Event, Who};
use boarding_commands::values::{InvitationId, Time};

use super::super::violation::{CheckResult, ensure};
use super::origin::Origin;

/// The longest validity of a link. No step of a history changes the setting.
const LINK_VALIDITY_MAX_SECONDS: u64 = 48 * 3600;

#[derive(Debug, Clone, Default)]
pub(super) struct InvitationChecker(BTreeMap<(String, Channel), InvitationState>);

#[derive(Debug, Clone)]
struct InvitationState {
    id: InvitationId,
    newest_generation: u32,
    /// Superseded, expired, revoked and used generations.
    dead_generations: BTreeSet<u32>,
    /// The last time at which a mail may have been sent.
    mailed_at: Time,
}

impl InvitationState {
    /// The newest mail was sent or its link used: the links before it are dead.
    fn supersede(&mut self) {
        self.dead_generations.extend(1..self.newest_generation);
    }
}

impl InvitationChecker {
    pub(super) fn observe(
        &mut self,
        event: &Event,
        channel: Option<Channel>,
        origin: Origin,
        at: Time,
    ) -> CheckResult {
        match (event, channel) {
            (
                Event::InviteDispatched { user, invitation, generation, sent_on, .. },
                Some(channel),
            ) => {
                let state = self.dispatched(user, channel, *invitation, *generation, at)?;
                // In an older history a link ended at the next claim.
                if sent_on.is_none() {
                    state.supersede();
                }
            }
            (Event::InviteSent { user, .. }, Some(channel)) => {
                let Some(state) = self.0.get_mut(&(user.folded(), channel)) else {
                    return Err("P21 a mail was sent without an invitation".to_owned());
                };
                state.mailed_at = at;
                state.supersede();
            }
            (
                Event::InvitationExpired { user, channel, generation, .. }
                | Event::InvitationRevoked { user, channel, generation, .. }
                | Event::InvitationEnded { user, channel, generation, .. },
                _,
            ) => {
                let Some(state) = self.0.get_mut(&(user.folded(), *channel)) else {
                    return Err("P21 an unknown invitation ended".to_owned());
                };
                ensure!(
                    !state.dead_generations.contains(generation),
                    "P21 an invitation ended twice"
                );
                state.dead_generations.insert(*generation);
            }
            (Event::UserLinked { user, channel, .. }, _) => {
                self.linked(user, *channel, origin, at)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn dispatched(
        &mut self,
        user: &Who,
        channel: Channel,
        id: InvitationId,
        generation: u32,
        at: Time,
    ) -> Result<&mut InvitationState, String> {
        ensure!(generation > 0, "P21 the first generation is 1");
        let state = self.0.entry((user.folded(), channel)).or_insert(InvitationState {
            id,
            newest_generation: generation,
            dead_generations: BTreeSet::new(),
            mailed_at: at,
        });
        ensure!(state.id == id, "P21 one user has two invitations on one channel");
        ensure!(
            generation >= state.newest_generation,
            "P21 generation {generation} follows {}",
            state.newest_generation
        );
        ensure!(
            !state.dead_generations.contains(&generation),
            "P21 a dead token became live: generation {generation}"
        );
        (state.newest_generation, state.mailed_at) = (generation, at);
        Ok(state)
    }

    fn linked(&mut self, user: &Who, channel: Channel, origin: Origin, at: Time) -> CheckResult {
        let state = self.0.get_mut(&(user.folded(), channel));
        if let Origin::Token(id, generation) = origin {
            let Some(state) = &state else {
                return Err("P21 a token without an invitation linked".to_owned());
            };
            ensure!(state.id == id, "P21 a token of another invitation linked");
            ensure!(
                !state.dead_generations.contains(&generation),
                "P21 a dead token linked: generation {generation}"
            );
            let expires_at = state.mailed_at.plus_seconds(LINK_VALIDITY_MAX_SECONDS);
            ensure!(at < expires_at, "P21 an expired token linked");
        }
        if let Some(state) = state {
            state.supersede();
            state.dead_generations.insert(state.newest_generation);
        }
        Ok(())
    }
}
