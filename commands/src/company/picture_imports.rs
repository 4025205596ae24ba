//! How events change pictures: archives that take several commits, and the pictures that users have.

use std::collections::BTreeSet;

use super::import::OpenPictures;
use super::state::Company;
use super::user_id::UserId;
use crate::event::PictureEvent;
use crate::values::ImportId;

impl Company {
    /// The SHA-256 of each picture that a user has now.
    pub fn current_pictures(&self) -> impl Iterator<Item = &str> {
        self.portraits.values().map(|sha256| &**sha256)
    }

    pub(super) fn evolve_picture(&mut self, event: PictureEvent<'_>) {
        match event {
            PictureEvent::PicturesAccepted { import, file, match_attribute, total } => {
                self.picture_imports.insert(*import);
                let open = OpenPictures {
                    file: file.clone(),
                    match_attribute: match_attribute.clone(),
                    total: *total,
                    done: 0,
                    users: BTreeSet::new(),
                    replaced: BTreeSet::new(),
                };
                self.open_pictures.insert(*import, open);
            }
            PictureEvent::PicturesImported { import, .. } => {
                self.picture_imports.insert(*import);
                self.open_pictures.remove(import);
            }
            PictureEvent::PictureInserted { import, number, user, sha256, replaced, .. } => {
                let user = self.users.enter(user.as_str());
                *self.pictures.entry(user).or_default() += 1;
                self.portraits.insert(user, sha256.as_str().into());
                if let Some(open) = self.picture_done(*import, *number) {
                    open.users.insert(user);
                    open.replaced.extend(replaced.as_deref().map(Into::into));
                }
            }
            PictureEvent::PictureRefused { import, number, .. } => {
                self.picture_done(*import, *number);
            }
            PictureEvent::PictureRemoved { user, .. } => {
                let user = self.users.enter(user.as_str());
                *self.pictures.entry(user).or_default() += 1;
                self.portraits.remove(&user);
            }
        }
    }

    /// The open archive, after the picture of this number has an outcome.
    fn picture_done(&mut self, import: ImportId, number: u64) -> Option<&mut OpenPictures> {
        let open = self.open_pictures.get_mut(&import)?;
        open.done = number;
        Some(open)
    }

    /// The SHA-256 of the picture that the user has now.
    pub fn portrait(&self, id: UserId) -> Option<&str> {
        self.portraits.get(&id).map(|sha256| &**sha256)
    }
}
