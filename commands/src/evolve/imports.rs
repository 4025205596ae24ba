//! How events change imports.

use std::collections::BTreeMap;

use super::welcome_key;
use crate::company::{Company, Import, Notification, Placing};
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
                        placing: None,
                    },
                );
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
}
