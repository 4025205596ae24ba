//! How events change runs and their recipients.

use crate::company::selection::{Pick, SelectionVersion};
use crate::company::{
    AddressMark, Company, Invitation, InvitationState, LastMail, LinkBasis, RecipientState, Run,
    RunState,
};
use crate::event::{RecipientEvent, RunEvent, Source, recipient_of};
use crate::values::{Code, RunId, Time, UserKey};

impl Company {
    pub(super) fn evolve_run(&mut self, at: Time, event: RunEvent<'_>) {
        match event {
            RunEvent::RunRequested {
                run,
                channel,
                source,
                total,
                not_before,
                list_version,
                ..
            } => {
                let known = Run::new(*channel, *total, *not_before, source.replaces_live_links());
                let version = SelectionVersion::of_event(*list_version);
                let picks = self.select(version, source, *channel, at).picks;
                self.request_run(*run, known, source, picks);
            }
            RunEvent::RecipientQueued { run: id, user } => {
                let user = self.users.enter(user.as_str());
                if let Some(run) = self.runs.get_mut(id) {
                    run.unlisted.pop_front();
                    run.list(user);
                    if run.unlisted.is_empty() {
                        self.listing.remove(id);
                    }
                }
            }
            RunEvent::RunScheduled { run, .. } => {
                self.scheduled.insert(*run);
                self.move_run(run, RunState::Scheduled);
            }
            RunEvent::RunQueued { run } => self.move_run(run, RunState::Pending),
            RunEvent::RunStarted { run } => self.move_run(run, RunState::Running),
            RunEvent::RunCompleted { run, .. } => {
                self.move_run(run, RunState::Completed);
                self.forget_former_templates();
            }
            RunEvent::RunWithdrawn { run } => self.move_run(run, RunState::Withdrawn),
            RunEvent::RunWaiting { run, via, .. } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.waits_since = Some(at);
                    run.via = Some(via.as_str().into());
                }
            }
            RunEvent::RunResumed { run } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.waits_since = None;
                }
            }
            RunEvent::RunOutboxesRecorded { run, mails, texts } => {
                if let Some(run) = self.runs.get_mut(run) {
                    (run.outbox, run.texts_outbox) = (*mails, *texts);
                }
            }
            RunEvent::RunGivenUp { run, code } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.waits_since = None;
                    run.given_up = Some(*code);
                }
            }
        }
    }

    pub(super) fn request_run(
        &mut self,
        id: RunId,
        mut run: Run,
        source: &Source,
        picks: Vec<Pick>,
    ) {
        run.number = self.runs_requested().saturating_add(1);
        for pick in picks {
            run.unlisted.push_back(match pick {
                Pick::Known(id) => id,
                Pick::New(key) => self.users.enter(key.as_str()),
            });
        }
        if !run.unlisted.is_empty() {
            self.listing.insert(id);
        }
        if let Source::Import(import) = source
            && let Some(import) = self.imports.get_mut(import)
        {
            import.settle_invites();
        }
        self.runs.insert(id, run);
    }

    pub(super) fn move_run(&mut self, id: &RunId, state: RunState) {
        if state != RunState::Scheduled {
            self.scheduled.remove(id);
        }
        if let Some(run) = self.runs.get_mut(id) {
            run.state = state;
            if matches!(state, RunState::Completed | RunState::Withdrawn) {
                run.unlisted.clear();
                self.listing.remove(id);
            }
        }
    }

    pub(super) fn evolve_recipient(&mut self, at: Time, event: RecipientEvent<'_>) {
        match event {
            RecipientEvent::InviteDispatched {
                run,
                user,
                invitation,
                generation,
                email,
                sent_on,
                device,
                ..
            } => {
                let user = self.users.enter(user.as_str());
                let Some(run) = self.runs.get_mut(run) else { return };
                run.claim(user, event, at);
                let channel = run.channel;
                let basis = LinkBasis {
                    address: AddressMark::of_claim(email, device.as_ref()),
                    phone: sent_on.as_ref().and_then(|on| on.phone.as_ref()).map(|phone| **phone),
                    on_record: sent_on.as_ref().is_some_and(|on| on.on_record),
                };
                let created = Invitation::new(*invitation, *generation, basis);
                self.invite(user, channel, created, sent_on.is_some());
            }
            RecipientEvent::InviteDeferred { run, user, attempt, code, retry_at, .. } => {
                let user = self.users.enter(user.as_str());
                let Some(run) = self.runs.get_mut(run) else { return };
                run.defer(user, *attempt, *code, *retry_at);
            }
            RecipientEvent::InviteSent { run, user, attempt, message_id, expires_at } => {
                let user = self.users.enter(user.as_str());
                let Some(known) = self.runs.get_mut(run) else { return };
                let Some((_, recipient)) = known.recipient(user) else { return };
                let place = known.set(user, RecipientState::Sent, Some(*attempt));
                let channel = known.channel;
                if let Some(place) = place
                    && recipient_of(message_id) != Some((*run, place))
                {
                    self.foreign_messages.insert(message_id.clone(), (*run, place));
                }
                self.supersede(user, channel);
                self.note_mail(user, channel, LastMail::Sent);
                // An invitation that was revoked or used while its mail was in flight stays so.
                self.change_invitation(user, channel, recipient.generation, |invitation| {
                    if invitation.is_claimed_by(&recipient) {
                        invitation.state = InvitationState::Sent;
                        invitation.mailed_at = at;
                        invitation.expires_at = Some(*expires_at);
                    }
                });
            }
            RecipientEvent::UserSkipped { run, user, code, .. } => {
                self.end_recipient(at, run, user, RecipientState::Skipped, *code);
            }
            RecipientEvent::InviteFailed { run, user, code, .. } => {
                self.end_recipient(at, run, user, RecipientState::Failed, *code);
            }
        }
    }

    /// Ends a recipient without a known mail. If a mail was sent nevertheless, its link has the usual lifetime.
    pub(super) fn end_recipient(
        &mut self,
        at: Time,
        run: &RunId,
        key: &UserKey,
        state: RecipientState,
        code: Code,
    ) {
        let user = self.users.enter(key.as_str());
        let Some(run) = self.runs.get_mut(run) else { return };
        let Some((place, recipient)) = run.recipient(user) else { return };
        let claimed_at = run.in_flight.get(&place).map_or(at, |claim| claim.since);
        run.end(user, state, code);
        let channel = run.channel;
        // A skipped recipient is no try to send a mail.
        let code = Some(code).filter(|_| state == RecipientState::Failed);
        let end = claimed_at.plus_seconds(self.settings.invitation_ttl_seconds(channel));
        match code {
            Some(code) if code.leaves_delivery_open() => {
                self.note_mail(user, channel, LastMail::Uncertain);
            }
            Some(_) => self.note_mail(user, channel, LastMail::Failed),
            None => {}
        }
        let newest = self.users.get(user).and_then(|user| user.link(channel).invitation);
        if !newest.is_some_and(|newest| newest.is_claimed_by(&recipient)) {
            return;
        }
        let uncertain = code.is_some_and(Code::leaves_delivery_open);
        let failed = code.is_some() && !uncertain;
        if failed && self.return_to_older(user, channel) {
            return;
        }
        self.change_invitation(user, channel, recipient.generation, |invitation| {
            invitation.expires_at = Some(end);
            invitation.uncertain = uncertain;
            if failed {
                invitation.state = InvitationState::Bounced;
            }
        });
    }
}
