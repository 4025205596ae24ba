//! How events change the number pool and the accounts that wait for a number.

use crate::company::numbers::pending;
use crate::company::{Company, NumberState};
use crate::event::{Event, NumberEvent, Who};

impl Company {
    pub(super) fn evolve_number(&mut self, event: NumberEvent<'_>) {
        match event {
            NumberEvent::NumberAdded { number, org_unit } => {
                let owner = self.numbers.owner(org_unit.as_deref());
                self.numbers.add(**number, owner);
            }
            NumberEvent::NumberReserved { number, tag } => {
                self.numbers.set_state(**number, NumberState::Reserved { tag: tag.clone() });
            }
            NumberEvent::NumberUnreserved { number } | NumberEvent::NumberCooled { number } => {
                self.numbers.set_state(**number, NumberState::Available);
            }
            NumberEvent::NumberAllocated { number, org_unit } => {
                let owner = self.numbers.owner(Some(org_unit));
                self.numbers.set_owner(**number, owner);
            }
            NumberEvent::NumberWithdrawn { number, org_unit } => {
                let owner = self.numbers.owner(org_unit.as_deref());
                self.numbers.set_owner(**number, owner);
            }
            NumberEvent::NumberAssigned { number, user, .. } => {
                let user = self.users.enter(user.as_str());
                self.numbers.set_state(**number, NumberState::Assigned { user });
            }
            NumberEvent::NumberRegistered { number, user } => {
                let user = self.users.enter(user.as_str());
                self.numbers.set_state(**number, NumberState::Registered { user });
            }
            NumberEvent::NumberReleased { number, cooling_until, .. } => {
                let cooling = cooling_until.map(|until| NumberState::Cooling { until });
                self.numbers.set_state(**number, cooling.unwrap_or(NumberState::Available));
            }
            NumberEvent::AccountOpened { user, .. } => {
                let user = self.users.enter(user.as_str());
                self.numbers.open_account(user);
                self.remember_address(user);
            }
        }
    }

    /// Updates whether the account that the event is about waits for a number.
    pub(super) fn update_waiting(&mut self, event: &Event) {
        if !self.numbers.has_accounts() {
            return;
        }
        let Some((id, user)) = of_account(event).and_then(|who| self.users.find(who.as_str()))
        else {
            return;
        };
        if self.numbers.is_account(id) {
            let waits = self.numbers.of(id).is_none() && pending(user).next().is_some();
            let org_unit = waits.then(|| user.org_unit.clone());
            self.numbers.set_waiting(id, org_unit);
        }
    }
}

/// The person of an event that may change whether an account waits for a number.
fn of_account(event: &Event) -> Option<&Who> {
    match event {
        Event::UserUpdated { user, .. }
        | Event::AccountOpened { user, .. }
        | Event::NumberAssigned { user, .. }
        | Event::NumberReleased { user, .. }
        | Event::UserArchived { user }
        | Event::UserRestored { user }
        | Event::InviteDispatched { user, .. }
        | Event::InviteSent { user, .. }
        | Event::InviteFailed { user, .. }
        | Event::UserSkipped { user, .. }
        | Event::UserLinked { user, .. }
        | Event::UserUnlinked { user, .. }
        | Event::InvitationExpired { user, .. }
        | Event::InvitationRevoked { user, .. }
        | Event::InvitationEnded { user, .. }
        | Event::DeliveryRecorded { user, .. } => Some(user),
        _ => None,
    }
}
