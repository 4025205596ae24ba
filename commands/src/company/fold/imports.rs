//! How events change imports.

use std::collections::{BTreeMap, BTreeSet};

use crate::company::{
    Addressee, Company, ImportLink, ImportState, Invites, Notification, Placing, Undo,
};
use crate::event::{
    Counts, FileRef, ImportEvent, ImportOptions, MailKind, Topic, UndoCounts, UndoOutcome,
    import_completed_key, welcome_key,
};
use crate::values::{ImportId, Personal, Time};

impl Company {
    pub(super) fn evolve_import(&mut self, event: ImportEvent<'_>) {
        match event {
            ImportEvent::ImportAccepted { import, files, options, total, warnings, ignored } => {
                let counts = Counts::of_file(*total, *ignored, warnings.len());
                self.accept_import(*import, files, options, counts);
            }
            ImportEvent::ImportInvitesRequested { import, channel, created_only } => {
                if let Some(import) = self.imports.get_mut(import) {
                    let (channel, created_only) = (*channel, *created_only);
                    import.invites = Some(Invites { channel, created_only });
                }
            }
            ImportEvent::ImportInvitesRefused { import, problem } => {
                if let Some(import) = self.imports.get_mut(import) {
                    import.invites_refused = Some(problem.code);
                    import.settle_invites();
                }
            }
            ImportEvent::ImportPlaced { import, organization, permission_group } => {
                if let Some(placed) = self.imports.get_mut(import) {
                    placed.placing = Some(Placing {
                        organization: organization.clone(),
                        permission_group: permission_group.clone(),
                    });
                }
            }
            ImportEvent::RowUnchanged { user, row }
            | ImportEvent::RowRefused { user: Some(user), row, .. } => {
                self.name(user, Some(row));
            }
            ImportEvent::RowRefused { user: None, .. } => {}
            ImportEvent::WelcomeEmailRequested { user, import, row } => {
                let mail = Notification::welcome(self.users.enter(user.as_str()));
                self.notifications.insert(welcome_key(*import, *row), mail);
            }
            ImportEvent::ImportNotificationRequested { import, email, expires_at, generation } => {
                self.request_import_mail(*import, email, *expires_at, generation.unwrap_or(1));
            }
            ImportEvent::ImportLinkUsed { import, .. } => {
                let import = self.imports.get_mut(import);
                if let Some(link) = import.and_then(|import| import.link.as_mut()) {
                    link.used = true;
                }
            }
            ImportEvent::ImportCompleted { import, .. } => {
                self.open_imports.remove(import);
                if let Some(done) = self.imports.get_mut(import) {
                    done.completed = true;
                    done.named_since = BTreeMap::new();
                    done.key_rows = BTreeMap::new();
                    done.created = BTreeSet::new();
                    done.left = BTreeSet::new();
                    self.latest_import = Some(*import);
                }
            }
            ImportEvent::ImportUndoStarted { import } => self.start_undo(*import),
            ImportEvent::RowUndone { import, row, outcome, .. } => {
                self.undo_row(*import, *row, *outcome);
            }
            ImportEvent::ImportUndone { import, .. } => self.end_undo(*import, Undo::Done),
            ImportEvent::ImportUndoKept { import, .. } => {
                self.end_undo(*import, Undo::No);
                self.latest_import = self.newest_import();
            }
        }
    }

    /// The mail to the administrator, and its link.
    fn request_import_mail(
        &mut self,
        import: ImportId,
        email: &str,
        expires_at: Time,
        generation: u32,
    ) {
        let (to, about) = (Addressee::Admin(email.into()), Topic::Import(import));
        let mail = Notification::new(to, MailKind::ImportCompleted, about);
        self.notifications.insert(import_completed_key(import, generation), mail);
        if let Some(import) = self.imports.get_mut(&import) {
            import.link = Some(ImportLink { expires_at, used: false, generation });
            import.link_to = Some(Personal(email.to_owned()));
        }
    }

    fn accept_import(
        &mut self,
        import: ImportId,
        files: &[FileRef],
        options: &ImportOptions,
        counts: Counts,
    ) {
        let ordinal = u32::try_from(self.imports.len() + 1).unwrap_or(u32::MAX);
        let runs_before = self.runs_requested();
        self.open_imports.insert(import);
        self.imports.insert(
            import,
            ImportState {
                ordinal,
                runs_before,
                files: files.to_vec(),
                options: options.clone(),
                completed: false,
                undo: Undo::No,
                rows_done: 0,
                counts,
                members: Vec::new(),
                named_since: BTreeMap::new(),
                key_rows: BTreeMap::new(),
                left: BTreeSet::new(),
                created: BTreeSet::new(),
                invites: None,
                invitees: Vec::new(),
                placing: None,
                invites_refused: None,
                link: None,
                link_to: None,
                starter: None,
            },
        );
    }

    fn start_undo(&mut self, import: ImportId) {
        self.undoing.insert(import);
        if let Some(started) = self.imports.get_mut(&import) {
            started.undo = Undo::Going { rows_done: 0, counts: UndoCounts::default() };
        }
        let links = self.imports.get(&import).and_then(|import| import.link);
        for generation in 1..=links.map_or(1, |link| link.generation) {
            self.drop_waiting(&import_completed_key(import, generation));
        }
        if self.latest_import == Some(import) {
            self.latest_import = self.newest_import();
        }
    }

    fn undo_row(&mut self, import: ImportId, row: u64, outcome: UndoOutcome) {
        if let Some(ImportState { undo: Undo::Going { rows_done, counts }, .. }) =
            self.imports.get_mut(&import)
        {
            *rows_done = row;
            counts.add(outcome);
        }
        if outcome == UndoOutcome::Reversed {
            self.drop_waiting(&welcome_key(import, row));
        }
    }

    fn end_undo(&mut self, import: ImportId, undo: Undo) {
        self.undoing.remove(&import);
        if let Some(ended) = self.imports.get_mut(&import) {
            ended.undo = undo;
        }
    }

    /// A mail that was not claimed yet is not sent any more.
    fn drop_waiting(&mut self, key: &str) {
        if self.notifications.get(key).is_some_and(|mail| !mail.dispatched) {
            self.notifications.remove(key);
        }
        self.deferred_notifications.remove(key);
        self.failed_notifications.remove(key);
    }

    /// The newest of the completed imports that stand.
    fn newest_import(&self) -> Option<ImportId> {
        let stand = |(_, one): &(&ImportId, &ImportState)| one.completed && one.undo == Undo::No;
        let newest = self.imports.iter().filter(stand).max_by_key(|(_, import)| import.ordinal);
        newest.map(|(id, _)| *id)
    }
}
