//! Removes the bytes of pictures that no user has any more.

use std::collections::BTreeSet;

use boarding_commands::event::Event;
use boarding_projections::user_pictures::retain_unused;

use super::Engine;
use crate::reply::Reply;

impl Engine {
    /// Removes the bytes of the pictures that these events took from users, unless another user has the same picture, in
    /// any company. Engines that share their files keep them.
    pub(super) async fn remove_unused_pictures(&self, reply: &Reply) {
        let Reply::Accepted { events, .. } = reply else { return };
        let removed = events.iter().filter_map(|event| match event {
            Event::PictureRemoved { sha256, .. } => Some(sha256.clone()),
            _ => None,
        });
        if self.context.files.are_shared() {
            return;
        }
        let removed: BTreeSet<String> =
            removed.filter(|sha256| self.context.files.begin_removal(sha256)).collect();
        if removed.is_empty() {
            return;
        }
        let files = self.context.files.clone();
        // Once the rows have all events, they show every picture that was accepted before `begin_removal`.
        let is_current = self.caught_up().await.is_ok();
        let (companies, read_models) = (self.companies(), self.context.read_models.clone());
        let looking = tokio::task::spawn_blocking(move || {
            let (view, mut unused) = (read_models.view(), removed.clone());
            let read =
                companies.iter().all(|company| retain_unused(&view, company, &mut unused).is_ok());
            for sha256 in &removed {
                files.end_removal(sha256, !(is_current && read && unused.contains(sha256)));
            }
        });
        if let Err(error) = looking.await {
            tracing::warn!(error = &error as &dyn std::error::Error, "removing pictures failed");
        }
    }
}
