//! `evolve`: how an event changes the company. It never fails, for history is never refused.

use crate::company::{Company, OrgUnit, Template};
use crate::event::Event;
use crate::id::{ImportId, RunId};
use crate::time::Time;

mod imports;
mod invitations;
mod people;
mod runs;

impl Company {
    /// Takes note of the next event. `at` is its commit's time.
    pub fn evolve(&mut self, at: Time, event: &Event) {
        self.version += 1;
        self.lock.evolve(self.version, event);
        match event {
            Event::CompanyConfigChanged { .. }
            | Event::TemplateSet { .. }
            | Event::OrgUnitDefined { .. }
            | Event::RoleDefined { .. }
            | Event::PermissionsGranted { .. }
            | Event::PermissionsRevoked { .. } => self.evolve_settings(event),
            Event::UserCreated { .. }
            | Event::UserUpdated { .. }
            | Event::UserActivated { .. }
            | Event::UserDeactivated { .. }
            | Event::UserArchived { .. }
            | Event::UserRestored { .. }
            | Event::RolesAssigned { .. }
            | Event::RolesRemoved { .. }
            | Event::CorporatePhoneAdded { .. }
            | Event::CorporatePhoneRemoved { .. } => self.evolve_user(event),
            Event::ImportAccepted { .. }
            | Event::RowUnchanged { .. }
            | Event::RowRefused { .. }
            | Event::WelcomeEmailRequested { .. }
            | Event::ImportCompleted { .. } => self.evolve_import(event),
            Event::RunRequested { .. }
            | Event::RecipientQueued { .. }
            | Event::RunScheduled { .. }
            | Event::RunQueued { .. }
            | Event::RunStarted { .. }
            | Event::RunCompleted { .. }
            | Event::RunWithdrawn { .. } => self.evolve_run(event),
            Event::InviteDispatched { .. }
            | Event::InviteDeferred { .. }
            | Event::InviteSent { .. }
            | Event::UserSkipped { .. }
            | Event::InviteFailed { .. } => self.evolve_recipient(at, event),
            Event::UserLinked { .. }
            | Event::UserUnlinked { .. }
            | Event::InvitationExpired { .. }
            | Event::InvitationRevoked { .. }
            | Event::DeliveryRecorded { .. } => self.evolve_invitation(event),
            Event::NotificationDispatched { .. }
            | Event::NotificationSent { .. }
            | Event::NotificationFailed { .. } => self.evolve_notification(event),
        }
        if let Some((outcome, row)) = event.row()
            && let Some(import) = self.imports.get_mut(&row.import)
        {
            import.counts.add(outcome, row);
            import.rows_done = import.rows_done.max(row.row);
        }
    }

    fn evolve_settings(&mut self, event: &Event) {
        match event {
            Event::CompanyConfigChanged { setting, value } => {
                self.settings.set(setting, value);
            }
            Event::TemplateSet { kind, language, subject, text, html } => {
                let template =
                    Template { subject: subject.clone(), text: text.clone(), html: html.clone() };
                self.templates.insert((*kind, language.clone()), template);
            }
            Event::OrgUnitDefined { org_unit, parent, level, roles } => {
                let unit =
                    OrgUnit { parent: parent.clone(), level: level.clone(), roles: roles.clone() };
                self.org_units.insert(org_unit.clone(), unit);
            }
            Event::RoleDefined { role, permissions } => {
                self.roles.insert(role.clone(), permissions.clone());
            }
            Event::PermissionsGranted { actor, permissions } => {
                self.grants.grant(actor, permissions)
            }
            Event::PermissionsRevoked { actor, permissions } => {
                self.grants.revoke(actor, permissions)
            }
            _ => {}
        }
    }
<<<<<<< HEAD
=======

    fn evolve_user(&mut self, event: &Event) {
        match event {
            Event::UserCreated { user, person, org_unit, roles, active, row } => {
                let id = self.name(user, row.as_ref());
                if let Some(user) = self.users.get_mut(id) {
                    user.state = if *active { UserState::Active } else { UserState::Deactivated };
                    user.set_person(person);
                    user.org_unit = org_unit.as_deref().map(Into::into);
                    user.roles = roles.iter().map(|role| role.as_str().into()).collect();
                }
            }
            Event::UserUpdated { user, person, org_unit, roles, row, .. } => {
                let id = self.name(user, row.as_ref());
                if let Some(user) = self.users.get_mut(id) {
                    user.set_person(person);
                    user.org_unit = org_unit.as_deref().map(Into::into);
                    user.roles = roles.iter().map(|role| role.as_str().into()).collect();
                }
            }
            Event::UserActivated { user, row } => {
                self.move_user(user, row.as_ref(), UserState::Active)
            }
            Event::UserDeactivated { user, row } => {
                self.move_user(user, row.as_ref(), UserState::Deactivated)
            }
            Event::UserArchived { user } => self.move_user(user, None, UserState::Archived),
            Event::UserRestored { user } => self.move_user(user, None, UserState::Active),
            Event::RolesAssigned { user, roles } => self.change_roles(user, |held| {
                held.extend(roles.iter().map(|role| Box::from(role.as_str())));
            }),
            Event::RolesRemoved { user, roles } => self.change_roles(user, |held| {
                held.retain(|role| !roles.iter().any(|removed| removed.as_str() == &**role));
            }),
            Event::CorporatePhoneAdded { phone, user, .. } => self.list_phone(**phone, user),
            Event::CorporatePhoneRemoved { phone, .. } => {
                let owner = self.phones.remove(&**phone).and_then(|id| self.users.get_mut(id));
                if let Some(user) = owner {
                    user.listed =
                        user.listed.iter().copied().filter(|listed| listed != &**phone).collect();
                }
            }
            _ => {}
        }
    }

    /// The person of this key; notes that the row named it, if a row did.
    fn name(&mut self, key: &UserKey, row: Option<&RowRef>) -> UserId {
        let id = self.users.enter(key.as_str());
        let Some(row) = row else { return id };
        let Some(user) = self.users.get_mut(id) else { return id };
        let Some(import) = self.imports.get_mut(&row.import) else { return id };
        if import.row_of(id, user).is_some() {
            return id;
        }
        import.members.push(id);
        let before = std::mem::replace(
            &mut user.seen,
            (import.ordinal, u32::try_from(row.row).unwrap_or(u32::MAX)),
        );
        // An import that still goes on must know the person again, though this one came between.
        for open in &self.open_imports {
            if let Some(open) = self.imports.get_mut(open)
                && open.ordinal == before.0
            {
                open.named_since.insert(id, before.1);
            }
        }
        id
    }

    fn move_user(&mut self, key: &UserKey, row: Option<&RowRef>, state: UserState) {
        let id = self.name(key, row);
        if let Some(user) = self.users.get_mut(id) {
            user.state = state;
        }
    }

    fn change_roles(&mut self, key: &UserKey, change: impl FnOnce(&mut Vec<Box<str>>)) {
        let id = self.users.enter(key.as_str());
        if let Some(user) = self.users.get_mut(id) {
            let mut roles = user.roles.to_vec();
            change(&mut roles);
            user.roles = roles.into_boxed_slice();
        }
    }

    fn list_phone(&mut self, phone: Phone, key: &UserKey) {
        let id = self.users.enter(key.as_str());
        self.phones.insert(phone, id);
        if let Some(user) = self.users.get_mut(id) {
            user.listed = user.listed.iter().copied().chain([phone]).collect();
        }
    }

    fn evolve_import(&mut self, event: &Event) {
        match event {
            Event::ImportAccepted { import, files, options, total, warnings } => {
                let ordinal = u32::try_from(self.imports.len() + 1).unwrap_or(u32::MAX);
                self.open_imports.insert(*import);
                let counts =
                    Counts { total: *total, warnings: warnings.len() as u64, ..Counts::default() };
                self.imports.insert(
                    *import,
                    Import {
                        ordinal,
                        files: files.clone(),
                        options: options.clone(),
                        completed: false,
                        rows_done: 0,
                        counts,
                        members: Vec::new(),
                        named_since: BTreeMap::new(),
                    },
                );
            }
            Event::RowUnchanged { user, row } | Event::RowRefused { user: Some(user), row, .. } => {
                self.name(user, Some(row));
            }
            Event::WelcomeEmailRequested { user, import, row } => {
                let user = self.users.enter(user.as_str());
                self.notifications
                    .insert(welcome_key(*import, *row), Notification { user, dispatched: false });
            }
            Event::ImportCompleted { import, .. } => {
                self.open_imports.remove(import);
                if let Some(done) = self.imports.get_mut(import) {
                    done.completed = true;
                    done.named_since = BTreeMap::new();
                    self.latest_import = Some(*import);
                }
            }
            _ => {}
        }
    }

    fn evolve_run(&mut self, event: &Event) {
        match event {
            Event::RunRequested { run, channel, source, total, not_before, .. } => {
                self.request_run(*run, *channel, source, *total, *not_before);
            }
            Event::RecipientQueued { run: id, user } => {
                let user = self.users.enter(user.as_str());
                if let Some(run) = self.runs.get_mut(id) {
                    run.unlisted.pop_front();
                    run.list(user);
                    if run.unlisted.is_empty() {
                        self.listing.remove(id);
                    }
                }
            }
            Event::RunScheduled { run, .. } => {
                self.scheduled.insert(*run);
                self.move_run(run, RunState::Scheduled);
            }
            Event::RunQueued { run } => self.move_run(run, RunState::Pending),
            Event::RunStarted { run } => self.move_run(run, RunState::Running),
            Event::RunCompleted { run, .. } => self.move_run(run, RunState::Completed),
            Event::RunWithdrawn { run } => self.move_run(run, RunState::Withdrawn),
            _ => {}
        }
    }

    fn request_run(
        &mut self,
        id: RunId,
        channel: Channel,
        source: &Source,
        total: u64,
        not_before: Option<Time>,
    ) {
        let mut run = Run::new(channel, total, not_before, matches!(source, Source::Resend { .. }));
        for pick in self.select(source, channel).unwrap_or_default().picks {
            run.unlisted.push_back(match pick {
                Pick::Known(id) => id,
                Pick::New(key) => self.users.enter(key.as_str()),
            });
        }
        if !run.unlisted.is_empty() {
            self.listing.insert(id);
        }
        self.runs.insert(id, run);
    }

    fn move_run(&mut self, id: &RunId, state: RunState) {
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

    fn evolve_recipient(&mut self, at: Time, event: &Event) {
        match event {
            Event::InviteDispatched {
                run, user, attempt, invitation, generation, email, ..
            } => {
                let user = self.users.enter(user.as_str());
                let Some(run) = self.runs.get_mut(run) else { return };
                run.claim(user, Claim { attempt: *attempt, generation: *generation, email }, at);
                let channel = run.channel;
                self.invite(user, channel, *invitation, *generation);
            }
            Event::InviteDeferred { run, user, attempt, retry_at, .. } => {
                let user = self.users.enter(user.as_str());
                let Some(run) = self.runs.get_mut(run) else { return };
                if let Some(place) = run.set(user, RecipientState::Queued, Some(*attempt)) {
                    run.deferred.insert(place, *retry_at);
                }
            }
            Event::InviteSent { run, user, attempt, message_id, expires_at } => {
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
                // What was revoked or used while the mail was on its way stays so.
                self.change_invitation(user, channel, |invitation| {
                    if invitation.is_claimed_by(&recipient) {
                        invitation.state = InvitationState::Sent;
                        invitation.expires_at = Some(*expires_at);
                    }
                });
            }
            Event::UserSkipped { run, user, .. } => {
                self.end_recipient(at, run, user, RecipientState::Skipped, None);
            }
            Event::InviteFailed { run, user, code, .. } => {
                self.end_recipient(at, run, user, RecipientState::Failed, Some(*code));
            }
            _ => {}
        }
    }

    /// Ends a recipient without a mail, as far as anybody knows: if one has gone all the same, its link
    /// lives as long as any other, and if none has, nobody holds it.
    fn end_recipient(
        &mut self,
        at: Time,
        run: &RunId,
        key: &UserKey,
        state: RecipientState,
        code: Option<Code>,
    ) {
        let user = self.users.enter(key.as_str());
        let Some(run) = self.runs.get_mut(run) else { return };
        let Some((place, recipient)) = run.recipient(user) else { return };
        let claimed_at = run.in_flight.get(&place).copied().unwrap_or(at);
        run.set(user, state, None);
        let channel = run.channel;
        let end = claimed_at.plus_seconds(self.settings.invitation_ttl_seconds(channel));
        self.change_invitation(user, channel, |invitation| {
            if invitation.is_claimed_by(&recipient) {
                invitation.expires_at = Some(end);
                if code.is_some_and(|code| !code.leaves_delivery_open()) {
                    invitation.state = InvitationState::Bounced;
                }
            }
        });
    }

    fn invite(&mut self, user: UserId, channel: Channel, id: InvitationId, generation: u32) {
        self.invitations.insert(id, (user, channel));
        self.change_invitation(user, channel, |old| old.state = InvitationState::Revoked);
        if let Some(link) = self.users.get_mut(user).and_then(|user| user.link_mut(channel)) {
            let created =
                Invitation { id, generation, state: InvitationState::Created, expires_at: None };
            link.invitation = Some(created);
        }
    }

    /// Changes the newest invitation, and keeps the index of those that will expire.
    fn change_invitation(
        &mut self,
        user: UserId,
        channel: Channel,
        change: impl FnOnce(&mut Invitation),
    ) {
        let link = self.users.get_mut(user).and_then(|user| user.link_mut(channel));
        let Some(invitation) = link.and_then(|link| link.invitation.as_mut()) else { return };
        if let Some(end) = invitation.expires_at {
            self.expiring.remove(&(end, invitation.id));
        }
        change(invitation);
        if let Some(end) = invitation.expires_at.filter(|end| invitation.is_live(Time(end.0 - 1))) {
            self.expiring.insert((end, invitation.id));
        }
    }

    fn evolve_invitation(&mut self, event: &Event) {
        match event {
            Event::UserLinked { user, channel, .. } => {
                let user = self.users.enter(user.as_str());
                if let Some(link) =
                    self.users.get_mut(user).and_then(|user| user.link_mut(*channel))
                {
                    link.linked = true;
                }
                self.change_invitation(user, *channel, |invitation| {
                    invitation.state = InvitationState::Linked
                });
            }
            Event::UserUnlinked { user, channel } => {
                let user = self.users.enter(user.as_str());
                if let Some(link) =
                    self.users.get_mut(user).and_then(|user| user.link_mut(*channel))
                {
                    link.linked = false;
                }
            }
            Event::InvitationExpired { user, channel, generation, .. } => {
                self.end_invitation(user, *channel, *generation, InvitationState::Expired);
            }
            Event::InvitationRevoked { user, channel, generation, .. } => {
                self.end_invitation(user, *channel, *generation, InvitationState::Revoked);
            }
            Event::DeliveryRecorded { run, user, delivery, .. } => {
                self.record_delivery(run, user, *delivery)
            }
            _ => {}
        }
    }

    fn end_invitation(
        &mut self,
        key: &UserKey,
        channel: Channel,
        generation: u32,
        state: InvitationState,
    ) {
        let user = self.users.enter(key.as_str());
        self.change_invitation(user, channel, |invitation| {
            if invitation.generation == generation {
                invitation.state = state;
            }
        });
    }

    fn record_delivery(&mut self, run: &RunId, key: &UserKey, delivery: Delivery) {
        let user = self.users.enter(key.as_str());
        let Some(run) = self.runs.get(run) else { return };
        let channel = run.channel;
        let Some((_, recipient)) = run.recipient(user) else { return };
        if matches!(delivery, Delivery::BouncedHard | Delivery::Complained) {
            let on_record = self.users.get(user).and_then(|user| user.email()).map(AddressMark::of);
            self.suppressed.extend(recipient.mailed_to.or(on_record));
        }
        let state = match delivery {
            Delivery::Delivered | Delivery::Complained => InvitationState::Delivered,
            Delivery::BouncedHard => InvitationState::Bounced,
            Delivery::BouncedSoft => InvitationState::Deferred,
        };
        self.change_invitation(user, channel, |invitation| {
            let handed_over = matches!(
                invitation.state,
                InvitationState::Sent | InvitationState::Delivered | InvitationState::Deferred
            );
            if handed_over && invitation.generation == recipient.generation {
                invitation.state = state;
            }
        });
    }

    fn evolve_notification(&mut self, event: &Event) {
        match event {
            Event::NotificationDispatched { key, .. } => {
                if let Some(notification) = self.notifications.get_mut(key) {
                    notification.dispatched = true;
                }
            }
            Event::NotificationSent { key } | Event::NotificationFailed { key, .. } => {
                self.notifications.remove(key);
            }
            _ => {}
        }
    }
>>>>>>> laws
}

/// The key of the welcome mail that a row of an import asked for.
pub fn welcome_key(import: ImportId, row: u64) -> String {
    format!("welcome.{import}.{row}")
}

/// The Message-ID (without brackets and domain) of a run's mail to the recipient at this place.
pub fn message_id(run: RunId, place: u32) -> String {
    format!("{run}.{place}")
}

/// The run and place that a Message-ID of ours names, with or without brackets and domain.
pub fn recipient_of(message_id: &str) -> Option<(RunId, u32)> {
    let bare = message_id.trim_start_matches('<').split('@').next()?;
    let (run, place) = bare.split_once('.')?;
    Some((run.parse().ok()?, place.parse().ok()?))
}
