//! Invitations and links of each user: row, projection, lookup.

use boarding_commands::commit::Fact;
use boarding_commands::event::{Channel, Delivery, Event, Who};
use boarding_commands::values::{Code, CompanyId, InvitationId, RunId, Time};
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, load};
use crate::query::wire_enum;
use crate::rows::{Rows, RowsError, Table};

wire_enum! {
    /// The state of an invitation's newest generation.
    InvitationStatus {
        Created "created"
        Sent "sent"
        Delivered "delivered"
        Deferred "deferred"
        Bounced "bounced"
        Linked "linked"
        Expired "expired"
        Revoked "revoked"
    }
}

impl InvitationStatus {
    /// Whether the state is final: a later report about the mail does not change it.
    fn is_final(self) -> bool {
        matches!(self, Self::Bounced | Self::Linked | Self::Expired | Self::Revoked)
    }
}

/// The newest generation of an invitation. A resend replaces the generation before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LatestInvitation {
    pub invitation: InvitationId,
    /// The run that sent this generation. The invitation has the channel of this run.
    pub run: RunId,
    pub generation: u32,
    pub state: InvitationStatus,
    pub sent_at: Option<Time>,
    pub expires_at: Option<Time>,
}

impl LatestInvitation {
    /// Whether the mail was sent and its link still works, as far as reports say.
    pub(crate) fn is_live(&self) -> bool {
        use InvitationStatus as S;
        self.sent_at.is_some() && matches!(self.state, S::Sent | S::Delivered | S::Deferred)
    }
}

/// A user's invitations and links.
///
/// One row for each user, because reports name the run and the user, but not the invitation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserInvitations {
    pub user: Who,
    pub invitations: Vec<LatestInvitation>,
    pub linked: Vec<Channel>,
    /// Why the last attempt to invite the user failed; none if it did not.
    pub failure: Option<Code>,
}

impl UserInvitations {
    fn new(user: &Who) -> Self {
        Self { user: user.clone(), invitations: Vec::new(), linked: Vec::new(), failure: None }
    }

    /// Whether the user has no link yet and has an open invitation.
    pub(crate) fn is_pending(&self) -> bool {
        use InvitationStatus as S;
        let is_open = |invitation: &LatestInvitation| {
            matches!(invitation.state, S::Created | S::Sent | S::Delivered | S::Deferred)
        };
        self.linked.is_empty() && self.invitations.iter().any(is_open)
    }

    /// The invitation that this run sent; none if a later run has sent it again.
    fn of_run(&mut self, run: RunId) -> Option<&mut LatestInvitation> {
        self.invitations.iter_mut().find(|invitation| invitation.run == run)
    }

    fn of_id(&mut self, id: InvitationId) -> Option<&mut LatestInvitation> {
        self.invitations.iter_mut().find(|invitation| invitation.invitation == id)
    }

    fn dispatch(&mut self, run: RunId, id: InvitationId, generation: u32) {
        self.failure = None;
        self.invitations.retain(|invitation| invitation.invitation != id);
        self.invitations.push(LatestInvitation {
            invitation: id,
            run,
            generation,
            state: InvitationStatus::Created,
            sent_at: None,
            expires_at: None,
        });
    }

    fn end(&mut self, id: InvitationId, generation: u32, state: InvitationStatus) {
        if let Some(invitation) = self.of_id(id)
            && invitation.generation == generation
        {
            invitation.state = state;
        }
    }

    /// Applies a report about the mail.
    fn report(&mut self, event: &Event, now: Time) {
        if let Event::InviteFailed { code, .. } = event {
            self.failure = Some(*code);
        }
        let (run, state) = match event {
            Event::InviteSent { run, .. } => (*run, InvitationStatus::Sent),
            Event::InviteDeferred { run, .. } => (*run, InvitationStatus::Deferred),
            Event::InviteFailed { run, code, .. } if !code.leaves_delivery_open() => {
                (*run, InvitationStatus::Bounced)
            }
            Event::DeliveryRecorded { run, delivery, .. } => match delivery {
                Delivery::Delivered => (*run, InvitationStatus::Delivered),
                Delivery::BouncedHard => (*run, InvitationStatus::Bounced),
                Delivery::BouncedSoft => (*run, InvitationStatus::Deferred),
                Delivery::Complained => return,
            },
            _ => return,
        };
        let Some(invitation) = self.of_run(run) else { return };
        if !invitation.state.is_final() {
            invitation.state = state;
        }
        // Also for a final state: a report of the delivery may arrive before the report of the send.
        if let Event::InviteSent { expires_at, .. } = event {
            invitation.sent_at = Some(now);
            invitation.expires_at = Some(*expires_at);
        }
    }
}

/// Invitations and links by folded user key.
#[derive(Debug)]
pub(crate) struct InvitationProjection;

impl Projection for InvitationProjection {
    const TABLE: Table = Table::Invitations;
    const VERSION: u32 = 4;
    type Row = UserInvitations;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::InviteDispatched { user, .. }
            | Event::InviteDeferred { user, .. }
            | Event::InviteSent { user, .. }
            | Event::InviteFailed { user, .. }
            | Event::DeliveryRecorded { user, .. }
            | Event::UserLinked { user, .. }
            | Event::UserUnlinked { user, .. }
            | Event::InvitationExpired { user, .. }
            | Event::InvitationRevoked { user, .. } => Some(user.folded().into()),
            _ => None,
        }
    }

    fn evolve(row: Option<UserInvitations>, fact: &Fact<'_>) -> Option<UserInvitations> {
        let mut user = match (row, fact.event) {
            (Some(user), _) => user,
            (
                None,
                Event::InviteDispatched { user, .. }
                | Event::InviteFailed { user, .. }
                | Event::UserLinked { user, .. },
            ) => UserInvitations::new(user),
            (None, _) => return None,
        };
        match fact.event {
            Event::InviteDispatched { run, invitation, generation, .. } => {
                user.dispatch(*run, *invitation, *generation);
            }
            Event::UserLinked { channel, invitation, .. } => {
                user.linked.retain(|linked| linked != channel);
                user.linked.push(*channel);
                if let Some(invitation) = invitation.and_then(|id| user.of_id(id)) {
                    invitation.state = InvitationStatus::Linked;
                }
            }
            Event::UserUnlinked { channel, .. } => user.linked.retain(|linked| linked != channel),
            Event::InvitationExpired { invitation, generation, .. } => {
                user.end(*invitation, *generation, InvitationStatus::Expired);
            }
            Event::InvitationRevoked { invitation, generation, .. } => {
                user.end(*invitation, *generation, InvitationStatus::Revoked);
            }
            event => user.report(event, fact.commit.at),
        }
        Some(user)
    }
}

/// The invitations and links of the user of that folded key; none if the user never had any.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    folded: &str,
) -> Result<Option<UserInvitations>, RowsError> {
    load::<InvitationProjection>(rows, company, folded.as_bytes())
}
