//! How events change imports.

use std::collections::BTreeMap;

use super::{import_completed_key, welcome_key};
use crate::company::{Addressee, Company, Import, ImportLink, Invites, Notification};
use crate::event::{Counts, Event};

impl Company {
    pub(super) fn evolve_import(&mut self, event: &Event) {
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
                        invites: None,
                        invitees: Vec::new(),
                        link: None,
                    },
                );
            }
            Event::ImportInvitesRequested { import, channel, created_only } => {
                if let Some(import) = self.imports.get_mut(import) {
                    let (channel, created_only) = (*channel, *created_only);
                    import.invites = Some(Invites { channel, created_only });
                }
            }
            Event::ImportInvitesRefused { import, .. } => {
                if let Some(import) = self.imports.get_mut(import) {
                    import.settle_invites();
                }
            }
            Event::RowUnchanged { user, row } | Event::RowRefused { user: Some(user), row, .. } => {
                self.name(user, Some(row));
            }
            Event::WelcomeEmailRequested { user, import, row } => {
                let to = Addressee::User(self.users.enter(user.as_str()));
                self.notifications
                    .insert(welcome_key(*import, *row), Notification { to, dispatched: false });
            }
            Event::ImportNotificationRequested { import, email, expires_at } => {
                let to = Addressee::Admin(email.as_str().into());
                self.notifications
                    .insert(import_completed_key(*import), Notification { to, dispatched: false });
                if let Some(import) = self.imports.get_mut(import) {
                    import.link = Some(ImportLink { expires_at: *expires_at, used: false });
                }
            }
            Event::ImportLinkUsed { import, .. } => {
                let import = self.imports.get_mut(import);
                if let Some(link) = import.and_then(|import| import.link.as_mut()) {
                    link.used = true;
                }
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
}
