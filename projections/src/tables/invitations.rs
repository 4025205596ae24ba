//! Invitations and links of each user: row, projection, lookup.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::company::LastMail;
use boarding_commands::decide::numbers::not_pending::ChannelFacts;
use boarding_commands::event::{Channel, Delivery, Event, Who};
use boarding_commands::values::{Code, CompanyId, InvitationId, RunId, Time};
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, load};
use crate::query::wire_enum;
use crate::rows::{Rows, RowsError, Table};
use crate::tables::runs::RunChannels;

wire_enum! {
    /// The state of an invitation's newest generation.
    InvitationStatus {
        Created "created"
        Sent "sent"
        Delivered "delivered"
        Deferred "deferred"
        Bounced "bounced"
        Failed "failed"
        Uncertain "uncertain"
        Linked "linked"
        Expired "expired"
        Revoked "revoked"
    }
}

impl InvitationStatus {
    /// Whether the state is final: a later report about the mail does not change it.
    fn is_final(self) -> bool {
        matches!(self, Self::Bounced | Self::Failed | Self::Linked | Self::Expired | Self::Revoked)
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
    /// Why the link ended, if an event gives a reason; none for a revocation.
    pub code: Option<Code>,
    /// Why the last mail failed, or may have failed; none if it did not. The last mail may be newer than this link.
    pub mail_code: Option<Code>,
}

impl LatestInvitation {
    /// Whether the mail was sent and its link still works, as far as reports say.
    pub(crate) fn is_live(&self) -> bool {
        use InvitationStatus as S;
        self.sent_at.is_some() && matches!(self.state, S::Sent | S::Delivered | S::Deferred)
    }

    /// The invitation as it is at this time: it may have expired before an event says so.
    pub(crate) fn at(&self, now: Option<Time>) -> Self {
        let is_over = self.expires_at.zip(now).is_some_and(|(end, now)| end <= now);
        let state = match is_over && self.may_be_used() && self.state != InvitationStatus::Bounced {
            true => InvitationStatus::Expired,
            false => self.state,
        };
        Self { state, ..self.clone() }
    }

    /// Why the link does not work; none while it works or its mail is being sent.
    pub(crate) fn why_dead(&self) -> Option<Code> {
        match self.state {
            InvitationStatus::Linked => Some(Code::InvitationAlreadyUsed),
            InvitationStatus::Expired => Some(Code::InvitationExpired),
            InvitationStatus::Revoked => self.code.or(Some(Code::InvitationRevoked)),
            InvitationStatus::Failed => self.mail_code,
            InvitationStatus::Created
            | InvitationStatus::Sent
            | InvitationStatus::Delivered
            | InvitationStatus::Deferred
            | InvitationStatus::Uncertain
            | InvitationStatus::Bounced => None,
        }
    }

    /// Whether a mail with its link may have arrived, and no event has ended the link.
    fn may_be_used(&self) -> bool {
        use InvitationStatus as S;
        let bounced = self.state == S::Bounced && self.sent_at.is_some();
        bounced || self.is_open()
    }

    /// Whether no event has ended it, and its mail has not failed or bounced.
    fn is_open(&self) -> bool {
        use InvitationStatus as S;
        matches!(self.state, S::Created | S::Sent | S::Delivered | S::Deferred | S::Uncertain)
    }

    /// Whether an account waits for this invitation. A bounce that is reported before the sending does not end it.
    fn is_pending(&self) -> bool {
        self.is_open() || (self.state == InvitationStatus::Bounced && self.sent_at.is_none())
    }

    /// Whether the last mail certainly failed, as the filter of a resend asks: whatever became of an earlier link, unless
    /// it was used.
    pub(crate) fn last_mail_failed(&self) -> bool {
        let failed = self.mail_code.is_some_and(|code| !code.leaves_delivery_open());
        failed && self.state != InvitationStatus::Linked
    }

    /// Whether the attempt to send the last mail left open whether it was sent, as the filter of a resend asks.
    pub(crate) fn last_mail_is_uncertain(&self) -> bool {
        let is_open = self.mail_code.is_some_and(Code::leaves_delivery_open);
        is_open && self.state != InvitationStatus::Linked
    }
}

/// A user's invitations and links.
///
/// One row for each user, because reports name the run and the user, but not the invitation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserInvitations {
    pub user: Who,
    pub invitations: Vec<LatestInvitation>,
    /// Earlier generations whose links live on until the next mail is sent, oldest first.
    pub older: Vec<LatestInvitation>,
    pub linked: Vec<Channel>,
    /// Why the last attempt to invite the user failed; none if it did not.
    pub failure: Option<Code>,
    /// The result of the last mail of each run, in the order of the results.
    mails: Vec<(RunId, LastMail)>,
}

impl UserInvitations {
    fn new(user: &Who) -> Self {
        let (invitations, older, linked, mails) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { user: user.clone(), invitations, older, linked, failure: None, mails }
    }

    /// What is known of the user on each channel.
    pub(crate) fn facts(
        &self,
        channels: &mut RunChannels<'_>,
    ) -> Result<Vec<ChannelFacts>, RowsError> {
        let mut all = Channel::ALL.map(|channel| (channel, ChannelFacts::default()));
        for (channel, facts) in &mut all {
            facts.is_linked = self.linked.contains(channel);
            for (run, result) in &self.mails {
                if channels.of(*run)? == Some(*channel) {
                    facts.last = *result;
                    facts.was_mailed |= *result != LastMail::Failed;
                }
            }
            for one in &self.invitations {
                facts.is_open |= channels.of(one.run)? == Some(*channel) && one.is_pending();
            }
        }
        Ok(all.map(|(_, facts)| facts).into())
    }

    /// Notes the result of the last mail of a run.
    fn note_mail(&mut self, run: RunId, result: LastMail) {
        self.mails.retain(|(known, _)| *known != run);
        self.mails.push((run, result));
    }

    /// Notes that the mail of a run has come back. Its place stays: a later mail is still the last one.
    fn note_bounce(&mut self, run: RunId) {
        let mail = self.mails.iter_mut().find(|(known, _)| *known == run);
        mail.into_iter().for_each(|(_, result)| *result = LastMail::Bounced);
    }

    /// The invitation that this run sent; none if a later run has sent it again.
    fn of_run(&mut self, run: RunId) -> Option<&mut LatestInvitation> {
        self.invitations.iter_mut().find(|invitation| invitation.run == run)
    }

    /// Adds a generation. `keeps_older` tells whether the links before it live on until its mail is sent.
    fn dispatch(&mut self, run: RunId, id: InvitationId, generation: u32, keeps_older: bool) {
        self.failure = None;
        let before = self.invitations.iter().position(|one| one.invitation == id);
        let before = before.map(|place| self.invitations.remove(place));
        self.older.retain(|one| one.invitation != id || (keeps_older && one.may_be_used()));
        let kept = before.filter(|one| {
            // A retry claims the same generation again.
            keeps_older && one.generation != generation && one.may_be_used()
        });
        self.older.extend(kept);
        self.invitations.push(LatestInvitation {
            invitation: id,
            run,
            generation,
            state: InvitationStatus::Created,
            sent_at: None,
            expires_at: None,
            code: None,
            mail_code: None,
        });
    }

    fn end(
        &mut self,
        id: InvitationId,
        generation: u32,
        state: InvitationStatus,
        code: Option<Code>,
    ) {
        let mut all = self.invitations.iter_mut().chain(&mut self.older);
        let found = all.find(|one| one.invitation == id && one.generation == generation);
        if let Some(invitation) = found {
            (invitation.state, invitation.code) = (state, code);
        }
    }

    /// The mail of this run was sent: the links before it have ended.
    fn supersede(&mut self, run: RunId) {
        if let Some(id) = self.of_run(run).map(|one| one.invitation) {
            self.older.retain(|one| one.invitation != id);
        }
    }

    /// The mail of this run has certainly failed: the link before it is the newest again. False if there is none.
    fn return_to_older(&mut self, run: RunId, why: Code) -> bool {
        let place = self.invitations.iter().position(|one| one.run == run);
        let claimed = |one: &LatestInvitation| {
            matches!(one.state, InvitationStatus::Created | InvitationStatus::Deferred)
                && one.sent_at.is_none()
        };
        let Some(newest) = place.and_then(|place| self.invitations.get_mut(place)) else {
            return false;
        };
        let id = newest.invitation;
        let older = self.older.iter().rposition(|one| one.invitation == id);
        match older.filter(|_| claimed(newest)) {
            Some(older) => {
                *newest = self.older.remove(older);
                newest.mail_code = Some(why);
                true
            }
            None => false,
        }
    }

    /// The invitations whose mail was sent and whose link works at this time, as far as events say.
    pub(crate) fn live(&self, now: Option<Time>) -> impl Iterator<Item = LatestInvitation> {
        let all = self.invitations.iter().chain(&self.older);
        all.map(move |one| one.at(now)).filter(LatestInvitation::is_live)
    }

    /// Ends the uncertainty about a mail: a report shows that it was sent. A certain failure stays, because it concerns a
    /// later mail or one that was never sent. Returns whether the delivery was uncertain.
    fn settle_uncertain(&mut self, run: RunId, delivery: Delivery) -> bool {
        let shows_sending = delivery != Delivery::BouncedSoft;
        let Some(one) = self.of_run(run).filter(|_| shows_sending) else { return false };
        let was_uncertain = one.mail_code.is_some_and(Code::leaves_delivery_open);
        if was_uncertain {
            one.mail_code = None;
        }
        was_uncertain
    }

    /// Applies a report about the mail.
    fn report(&mut self, event: &Event, now: Time) {
        let (run, state) = match event {
            Event::InviteSent { run, .. } => {
                self.note_mail(*run, LastMail::Sent);
                self.supersede(*run);
                (*run, InvitationStatus::Sent)
            }
            Event::InviteDeferred { run, .. } => (*run, InvitationStatus::Deferred),
            Event::InviteFailed { run, code, .. } => {
                self.failure = Some(*code);
                // An uncertain mail may have arrived, so its link stays.
                let may_have_arrived = code.leaves_delivery_open();
                let [unsure, failed] = [LastMail::Uncertain, LastMail::Failed];
                self.note_mail(*run, if may_have_arrived { unsure } else { failed });
                if !may_have_arrived && self.return_to_older(*run, *code) {
                    return;
                }
                let invitation = self.of_run(*run);
                invitation.into_iter().for_each(|one| one.mail_code = Some(*code));
                let (failed, uncertain) = (InvitationStatus::Failed, InvitationStatus::Uncertain);
                (*run, if may_have_arrived { uncertain } else { failed })
            }
            Event::DeliveryRecorded { run, delivery, .. } => {
                let was_uncertain = self.settle_uncertain(*run, *delivery);
                match delivery {
                    Delivery::Delivered => (*run, InvitationStatus::Delivered),
                    Delivery::BouncedHard => {
                        self.note_bounce(*run);
                        (*run, InvitationStatus::Bounced)
                    }
                    Delivery::BouncedSoft => (*run, InvitationStatus::Deferred),
                    Delivery::Complained if was_uncertain => (*run, InvitationStatus::Delivered),
                    Delivery::Complained => return,
                }
            }
            _ => return,
        };
        let Some(invitation) = self.of_run(run) else { return };
        if !invitation.state.is_final() {
            invitation.state = state;
        }
        // Also for a final state: a report of the delivery may arrive before the report of the send.
        if let Event::InviteSent { expires_at, .. } = event {
            invitation.mail_code = None;
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
    const VERSION: u32 = 9;
    type Row = UserInvitations;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::InviteDispatched { user, .. }
            | Event::InviteDeferred { user, .. }
            | Event::InviteSent { user, .. }
            | Event::InviteFailed { user, .. }
            | Event::DeliveryRecorded { user, .. }
            | Event::UserLinked { user, .. }
            | Event::UserUnlinked { user, .. }
            | Event::InvitationExpired { user, .. }
            | Event::InvitationRevoked { user, .. }
            | Event::InvitationEnded { user, .. } => Some(user.folded().into()),
            _ => None,
        }
    }

    fn evolve(
        row: Option<UserInvitations>,
        recorded: &RecordedEvent<'_>,
    ) -> Option<UserInvitations> {
        let mut user = match (row, recorded.event) {
            (Some(user), _) => user,
            (
                None,
                Event::InviteDispatched { user, .. }
                | Event::InviteFailed { user, .. }
                | Event::UserLinked { user, .. },
            ) => UserInvitations::new(user),
            (None, _) => return None,
        };
        match recorded.event {
            Event::InviteDispatched { run, invitation, generation, sent_on, .. } => {
                // A claim without `sent_on` is of an earlier version, which ended the older links at once.
                user.dispatch(*run, *invitation, *generation, sent_on.is_some());
            }
            Event::UserLinked { channel, invitation, .. } => {
                user.linked.retain(|linked| linked != channel);
                user.linked.push(*channel);
                let all = user.invitations.iter_mut().chain(&mut user.older);
                if let Some(id) = invitation {
                    all.filter(|one| one.invitation == *id).for_each(|one| {
                        (one.state, one.code) = (InvitationStatus::Linked, None);
                    });
                }
            }
            Event::UserUnlinked { channel, .. } => user.linked.retain(|linked| linked != channel),
            Event::InvitationExpired { invitation, generation, .. } => {
                user.end(*invitation, *generation, InvitationStatus::Expired, None);
            }
            Event::InvitationRevoked { invitation, generation, .. } => {
                user.end(*invitation, *generation, InvitationStatus::Revoked, None);
            }
            Event::InvitationEnded { invitation, generation, code, .. } => {
                user.end(*invitation, *generation, InvitationStatus::Revoked, Some(*code));
            }
            event => user.report(event, recorded.commit.at),
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
