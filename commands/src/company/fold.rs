//! The fold: how an event changes the company's state. It never fails, because history is never refused.

use crate::company::{Company, OrgUnit, Template};
use crate::event::{ByTheme, CompanyEvent, Event, PictureEvent};
use crate::values::Time;

mod imports;
mod invitations;
mod notifications;
mod numbers;
mod runs;
mod users;

impl Company {
    /// Takes note of the next event. `at` is its commit's time.
    pub(crate) fn evolve(&mut self, at: Time, event: &Event) {
        self.version += 1;
        self.lock.evolve(self.version, event);
        match event.by_theme() {
            ByTheme::Company(event) => self.evolve_settings(event),
            ByTheme::User(event) => self.evolve_user(event),
            ByTheme::Number(event) => self.evolve_number(event),
            ByTheme::Import(event) => self.evolve_import(event),
            ByTheme::Picture(event) => self.evolve_picture(event),
            ByTheme::Run(event) => self.evolve_run(event),
            ByTheme::Recipient(event) => self.evolve_recipient(at, event),
            ByTheme::Invitation(event) => self.evolve_invitation(event),
            ByTheme::Notification(event) => self.evolve_notification(at, event),
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

    fn evolve_settings(&mut self, event: CompanyEvent<'_>) {
        match event {
            CompanyEvent::CompanyConfigChanged { setting, value } => {
                self.settings.set(setting, value);
                self.note_setting(setting);
            }
            CompanyEvent::TemplateSet { kind, language, subject, text, html } => {
                let template =
                    Template { subject: subject.clone(), text: text.clone(), html: html.clone() };
                self.set_template(*kind, language, template);
            }
            CompanyEvent::OrgUnitDefined { org_unit, parent, level, roles } => {
                let unit =
                    OrgUnit { parent: parent.clone(), level: level.clone(), roles: roles.clone() };
                self.org_units.insert(org_unit.clone(), unit);
            }
            CompanyEvent::RoleDefined { role, permissions } => {
                self.roles.insert(role.clone(), permissions.clone());
            }
            CompanyEvent::PermissionsGranted { actor, permissions } => {
                self.grants.grant(actor, permissions);
            }
            CompanyEvent::PermissionsRevoked { actor, permissions } => {
                self.grants.revoke(actor, permissions);
            }
            CompanyEvent::PermissionGroupDefined { permission_group, permissions } => {
                self.permission_groups.insert(permission_group.clone(), permissions.clone());
            }
        }
    }

    fn evolve_picture(&mut self, event: PictureEvent<'_>) {
        match event {
            PictureEvent::PicturesImported { import, .. } => {
                self.picture_imports.insert(*import);
            }
            PictureEvent::PictureInserted { user, .. } => {
                let user = self.users.enter(user.as_str());
                *self.pictures.entry(user).or_default() += 1;
            }
            PictureEvent::PictureRefused { .. } => {}
        }
    }
}
