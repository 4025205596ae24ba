//! How events change imports.

use std::collections::{BTreeMap, BTreeSet};

use super::{import_completed_key, welcome_key};
use crate::company::{
    Addressee, Company, Import, ImportLink, Invites, Notification, Placing, Undo,
};
use crate::event::{Counts, Event, TemplateKind, Topic, UndoCounts, UndoOutcome};
use crate::values::ImportId;

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
                        undo: Undo::No,
                        rows_done: 0,
                        counts,
                        members: Vec::new(),
                        named_since: BTreeMap::new(),
                        created: BTreeSet::new(),
                        invites: None,
                        invitees: Vec::new(),
                        placing: None,
                        link: None,
                        starter: None,
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
            Event::ImportPlaced { import, organization, permission_group } => {
                if let Some(placed) = self.imports.get_mut(import) {
                    placed.placing = Some(Placing {
                        organization: organization.clone(),
                        permission_group: permission_group.clone(),
                    });
                }
            }
            Event::RowUnchanged { user, row } | Event::RowRefused { user: Some(user), row, .. } => {
                self.name(user, Some(row));
            }
            Event::WelcomeEmailRequested { user, import, row } => {
                let mail = Notification::welcome(self.users.enter(user.as_str()));
                self.notifications.insert(welcome_key(*import, *row), mail);
            }
            Event::ImportNotificationRequested { import, email, expires_at } => {
                let to = Addressee::Admin(email.as_str().into());
                let kind = TemplateKind::ImportCompleted;
                let mail = Notification::new(to, kind, Topic::Import(*import));
                self.notifications.insert(import_completed_key(*import), mail);
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
                    done.created = BTreeSet::new();
                    self.latest_import = Some(*import);
                }
            }
            _ => {}
        }
    }

    pub(super) fn evolve_undo(&mut self, event: &Event) {
        match event {
            Event::ImportUndoStarted { import } => {
                self.undoing.insert(*import);
                if let Some(going) = self.imports.get_mut(import) {
                    going.undo = Undo::Going { rows_done: 0, counts: UndoCounts::default() };
                }
                self.drop_waiting(&import_completed_key(*import));
                if self.latest_import == Some(*import) {
                    self.latest_import = self.newest_import();
                }
            }
            Event::RowUndone { import, row, outcome, .. } => {
                if let Some(Import { undo: Undo::Going { rows_done, counts }, .. }) =
                    self.imports.get_mut(import)
                {
                    *rows_done = *row;
                    counts.add(*outcome);
                }
                if *outcome == UndoOutcome::Reversed {
                    self.drop_waiting(&welcome_key(*import, *row));
                }
            }
            Event::ImportUndone { import, .. } => {
                self.undoing.remove(import);
                if let Some(done) = self.imports.get_mut(import) {
                    done.undo = Undo::Done;
                }
            }
            _ => {}
        }
    }

    /// A mail that was not claimed yet is not sent any more.
    fn drop_waiting(&mut self, key: &str) {
        if self.notifications.get(key).is_some_and(|mail| !mail.dispatched) {
            self.notifications.remove(key);
        }
    }

    /// The newest of the completed imports that stand.
    fn newest_import(&self) -> Option<ImportId> {
        let stand = |(_, one): &(&ImportId, &Import)| one.completed && one.undo == Undo::No;
        let newest = self.imports.iter().filter(stand).max_by_key(|(_, import)| import.ordinal);
        newest.map(|(id, _)| *id)
    }
}
