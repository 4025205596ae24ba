//! The fold: how an event changes the company's state. It never fails, because history is never refused.

use super::access_tokens::TokenFacts;
use super::bindings::Binding;
use super::own_template::TemplateText;
use super::state::{Company, OrgUnit};
use crate::commit::Commit;
use crate::event::{ByTheme, CompanyEvent, Event, RowOutcome};
use crate::values::Time;

mod imports;
mod invitations;
mod notifications;
mod numbers;
mod runs;
mod users;

/// Sees the state of a company before and after each event of a commit.
pub(crate) trait Observer<'c> {
    fn before(&mut self, company: &Company, event: &'c Event);
    fn after(&mut self, company: &Company, event: &'c Event);
}

struct Unobserved;

impl Observer<'_> for Unobserved {
    fn before(&mut self, _: &Company, _: &Event) {}
    fn after(&mut self, _: &Company, _: &Event) {}
}

impl Company {
    /// Folds the next commit into the state. This is the only way to change a company.
    pub fn apply(&mut self, commit: &Commit) {
        self.fold(commit.at, &commit.actor, &commit.events, &mut Unobserved);
    }

    /// Folds the next commit, and passes the state before and after each event to the observer.
    pub(crate) fn apply_observed<'c>(
        &mut self,
        commit: &'c Commit,
        observer: &mut impl Observer<'c>,
    ) {
        self.fold(commit.at, &commit.actor, &commit.events, observer);
    }

    /// A copy of the company, changed by events that are not appended yet.
    pub(crate) fn after(&self, at: Time, actor: &str, events: &[Event]) -> Self {
        let mut company = self.clone();
        company.fold(at, actor, events, &mut Unobserved);
        company
    }

    fn fold<'c>(
        &mut self,
        at: Time,
        actor: &str,
        events: &'c [Event],
        observer: &mut impl Observer<'c>,
    ) {
        for event in events {
            observer.before(self, event);
            self.evolve(at, event);
            self.note_starter(actor, event);
            observer.after(self, event);
        }
        self.numbers.check_alarms();
    }

    /// Folds the next event into the state. `at` is the time of its commit.
    pub(crate) fn evolve(&mut self, at: Time, event: &Event) {
        self.version += 1;
        self.lock.evolve(self.version, event);
        match event.by_theme() {
            ByTheme::Company(event) => self.evolve_settings(event),
            ByTheme::User(event) => self.evolve_user(event),
            ByTheme::Number(event) => self.evolve_number(event),
            ByTheme::Import(event) => self.evolve_import(event),
            ByTheme::Picture(event) => self.evolve_picture(event),
            ByTheme::Run(event) => self.evolve_run(at, event),
            ByTheme::Recipient(event) => self.evolve_recipient(at, event),
            ByTheme::Invitation(event) => self.evolve_invitation(event),
            ByTheme::Notification(event) => self.evolve_notification(at, event),
        }
        self.update_waiting(event);
        self.note_expired(at, event);
        if let Some((outcome, row)) = event.row()
            && let Some(import) = self.imports.get_mut(&row.import)
        {
            if (outcome == RowOutcome::Invalid || !import.key_rows.is_empty())
                && let Some(key) = event.subjects().user
                && let Some((id, user)) = self.users.find(key.as_str())
            {
                import.note_key_row(id, user, outcome, row.row);
            }
            import.counts.add(outcome, row);
            import.rows_done = import.rows_done.max(row.row);
        }
    }

    fn evolve_settings(&mut self, event: CompanyEvent<'_>) {
        match event {
            CompanyEvent::CompanyConfigChanged { setting, value } => {
                self.settings.set(setting, value);
                self.note_setting(setting);
            }
            CompanyEvent::TemplateSet { kind, language, subject, text, html } => {
                let template = TemplateText {
                    subject: subject.clone(),
                    text: text.clone(),
                    html: html.clone(),
                };
                self.set_template(*kind, language, template);
            }
            CompanyEvent::TemplateUnset { kind, language } => self.unset_template(*kind, language),
            CompanyEvent::OrgUnitDefined {
                org_unit,
                parent,
                level,
                roles,
                default_permission_group,
            } => {
                let unit = OrgUnit {
                    parent: parent.clone(),
                    level: level.clone(),
                    roles: roles.clone(),
                    default_permission_group: default_permission_group.clone(),
                };
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
            CompanyEvent::NatsUserBound { nats_user, actors, speaks_for } => {
                let actors = actors.iter().map(|actor| actor.as_str());
                self.bindings.bind(nats_user, Binding::new(actors, *speaks_for));
            }
            CompanyEvent::NatsUserUnbound { nats_user } => self.bindings.unbind(nats_user),
            CompanyEvent::TokenIssued { token, actor, secret_sha256, expires_at, note: _ } => {
                let facts = TokenFacts {
                    actor: actor.clone(),
                    secret_sha256: secret_sha256.clone(),
                    expires_at: *expires_at,
                    revoked: false,
                };
                self.access_tokens.issue(*token, facts);
            }
            CompanyEvent::TokenRevoked { token } => self.access_tokens.revoke(*token),
            CompanyEvent::PermissionGroupDefined { permission_group, permissions } => {
                self.permission_groups.insert(permission_group.clone(), permissions.clone());
            }
        }
    }
}
