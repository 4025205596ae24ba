//! `evolve`: how an event changes the company. It never fails, for history is never refused.

use crate::company::{Company, OrgUnit, Template};
use crate::event::Event;
use crate::values::{ImportId, RunId, Time};

mod imports;
mod invitations;
mod notices;
mod numbers;
mod people;
mod runs;

impl Company {
    /// Takes note of the next event. `at` is its commit's time.
    pub(crate) fn evolve(&mut self, at: Time, event: &Event) {
        self.version += 1;
        self.lock.evolve(self.version, event);
        match event {
            Event::CompanyConfigChanged { .. }
            | Event::TemplateSet { .. }
            | Event::NoticeTemplateSet { .. }
            | Event::OrgUnitDefined { .. }
            | Event::RoleDefined { .. }
            | Event::PermissionsGranted { .. }
            | Event::PermissionsRevoked { .. }
            | Event::PermissionGroupDefined { .. } => self.evolve_settings(event),
            Event::UserCreated { .. }
            | Event::UserUpdated { .. }
            | Event::UserActivated { .. }
            | Event::UserDeactivated { .. }
            | Event::UserArchived { .. }
            | Event::UserRestored { .. }
            | Event::RolesAssigned { .. }
            | Event::RolesRemoved { .. }
            | Event::UserRemoved { .. }
            | Event::CorporatePhoneAdded { .. }
            | Event::CorporatePhoneRemoved { .. } => self.evolve_user(event),
            Event::NumberAdded { .. }
            | Event::NumberReserved { .. }
            | Event::NumberUnreserved { .. }
            | Event::NumberAllocated { .. }
            | Event::NumberWithdrawn { .. }
            | Event::NumberAssigned { .. }
            | Event::NumberRegistered { .. }
            | Event::NumberReleased { .. }
            | Event::NumberCooled { .. }
            | Event::AccountOpened { .. } => self.evolve_number(event),
            Event::ImportAccepted { .. }
            | Event::RowUnchanged { .. }
            | Event::RowRefused { .. }
            | Event::WelcomeEmailRequested { .. }
            | Event::ImportCompleted { .. }
            | Event::ImportInvitesRequested { .. }
            | Event::ImportInvitesRefused { .. }
            | Event::ImportPlaced { .. }
            | Event::ImportNotificationRequested { .. }
            | Event::ImportLinkUsed { .. } => self.evolve_import(event),
            Event::ImportUndoStarted { .. }
            | Event::RowUndone { .. }
            | Event::ImportUndone { .. } => self.evolve_undo(event),
            Event::PicturesImported { import, .. } => {
                self.picture_imports.insert(*import);
            }
            Event::PictureInserted { user, .. } => {
                let user = self.users.enter(user.as_str());
                *self.pictures.entry(user).or_default() += 1;
            }
            Event::PictureRefused { .. } => {}
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
            | Event::NotificationFailed { .. }
            | Event::NotificationRequested { .. } => self.evolve_notification(at, event),
        }
        self.reckon(event);
        self.note_expired(at, event);
        if let Some((outcome, row)) = event.row()
            && let Some(import) = self.imports.get_mut(&row.import)
        {
            import.counts.add(outcome, row);
            import.rows_done = import.rows_done.max(row.row);
            import.note_created(outcome);
        }
    }

    fn evolve_settings(&mut self, event: &Event) {
        match event {
            Event::CompanyConfigChanged { setting, value } => {
                self.settings.set(setting, value);
                self.note_setting(setting);
            }
            Event::TemplateSet { kind, language, subject, text, html }
            | Event::NoticeTemplateSet { kind, language, subject, text, html } => {
                let template =
                    Template { subject: subject.clone(), text: text.clone(), html: html.clone() };
                self.set_template(*kind, language, template);
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
                self.grants.grant(actor, permissions);
            }
            Event::PermissionsRevoked { actor, permissions } => {
                self.grants.revoke(actor, permissions);
            }
            Event::PermissionGroupDefined { permission_group, permissions } => {
                self.permission_groups.insert(permission_group.clone(), permissions.clone());
            }
            _ => {}
        }
    }
}

/// The key of the welcome mail that a row of an import asked for.
pub fn welcome_key(import: ImportId, row: u64) -> String {
    format!("welcome.{import}.{row}")
}

/// The key of the mail that tells an administrator of an import (OC-14).
pub fn import_completed_key(import: ImportId) -> String {
    format!("import_completed.{import}")
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
