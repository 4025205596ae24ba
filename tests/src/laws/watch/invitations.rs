//! P21: one live invitation for each user and channel; a dead token never links.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::event::{Channel, Event, Who};
use boarding_commands::id::InvitationId;
use boarding_commands::time::Time;

use super::super::broken::{Law, holds};
use super::Origin;

/// The longest life of any link, in seconds: no step of a history changes the setting (48 hours).
const LONGEST_LIFE_SECONDS: u64 = 48 * 3600;

#[derive(Debug, Clone, Default)]
pub(super) struct Invitations(BTreeMap<(String, Channel), Seen>);

#[derive(Debug, Clone)]
struct Seen {
    id: InvitationId,
    newest: u32,
    dead: BTreeSet<u32>,
    /// The last time that its mail may have gone out.
    mailed_at: Time,
}

impl Invitations {
    pub(super) fn note(
        &mut self,
        event: &Event,
        channel: Option<Channel>,
        origin: Origin,
        at: Time,
    ) -> Law {
        match (event, channel) {
            (Event::InviteDispatched { user, invitation, generation, .. }, Some(channel)) => {
                self.dispatched(user, channel, *invitation, *generation, at)?;
            }
            (Event::InviteSent { user, .. }, Some(channel)) => {
                let Some(seen) = self.0.get_mut(&(user.folded(), channel)) else {
                    return Err("P21 a mail was sent without an invitation".to_owned());
                };
                seen.mailed_at = at;
            }
            (
                Event::InvitationExpired { user, channel, generation, .. }
                | Event::InvitationRevoked { user, channel, generation, .. },
                _,
            ) => {
                let Some(seen) = self.0.get_mut(&(user.folded(), *channel)) else {
                    return Err("P21 an invitation ends that never was".to_owned());
                };
                holds!(!seen.dead.contains(generation), "P21 an invitation ends twice");
                seen.dead.insert(*generation);
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
    ) -> Law {
        holds!(generation > 0, "P21 a generation counts from 1");
        let seen = self.0.entry((user.folded(), channel)).or_insert(Seen {
            id,
            newest: generation,
            dead: BTreeSet::new(),
            mailed_at: at,
        });
        holds!(seen.id == id, "P21 two invitations of one user to one channel");
        holds!(generation >= seen.newest, "P21 generation {generation} follows {}", seen.newest);
        holds!(
            !seen.dead.contains(&generation),
            "P21 a dead token comes to life: generation {generation}"
        );
        seen.dead.extend(seen.newest..generation);
        (seen.newest, seen.mailed_at) = (generation, at);
        Ok(())
    }

    fn linked(&mut self, user: &Who, channel: Channel, origin: Origin, at: Time) -> Law {
        let seen = self.0.get_mut(&(user.folded(), channel));
        if let Origin::Token(id, generation) = origin {
            let Some(seen) = &seen else {
                return Err("P21 a token without an invitation linked".to_owned());
            };
            holds!(seen.id == id, "P21 a token of another invitation linked");
            holds!(
                !seen.dead.contains(&generation),
                "P21 a dead token linked: generation {generation}"
            );
            let end = seen.mailed_at.plus_seconds(LONGEST_LIFE_SECONDS);
            holds!(at < end, "P21 a token linked after its time");
        }
        if let Some(seen) = seen {
            seen.dead.insert(seen.newest);
        }
        Ok(())
    }
}
