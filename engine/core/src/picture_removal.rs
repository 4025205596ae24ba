//! Removes the bytes of pictures that no user has any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use boarding_commands::event::Event;
use boarding_projections::user_pictures::retain_unused;

use crate::context::EngineContext;

/// The digests of the pictures that users have lost by these events: removed ones, and those that were replaced.
pub(crate) fn taken_from_users(events: &[Event]) -> impl Iterator<Item = String> + '_ {
    events.iter().filter_map(|event| match event {
        Event::PictureRemoved { sha256, .. } => Some(sha256.clone()),
        Event::PictureInserted { replaced, .. } => replaced.clone(),
        _ => None,
    })
}

/// Removes the bytes of these pictures, unless a user has the same picture, in any company. Engines that share their
/// files keep them.
pub(crate) async fn remove_unused(context: &Arc<EngineContext>, taken: BTreeSet<String>) {
    if context.files.are_shared() {
        return;
    }
    let taken: BTreeSet<String> =
        taken.into_iter().filter(|sha256| context.files.begin_removal(sha256)).collect();
    if taken.is_empty() {
        return;
    }
    // Once the rows have all events, they show every picture that was accepted before `begin_removal`.
    let is_current = context.read_models.reached(context.log.end()).await.is_ok();
    let (files, companies) = (context.files.clone(), context.log.companies());
    let read_models = context.read_models.clone();
    let looking = tokio::task::spawn_blocking(move || {
        let (view, mut unused) = (read_models.view(), taken.clone());
        let read =
            companies.iter().all(|company| retain_unused(&view, company, &mut unused).is_ok());
        for sha256 in &taken {
            files.end_removal(sha256, !(is_current && read && unused.contains(sha256)));
        }
    });
    if let Err(error) = looking.await {
        tracing::warn!(error = &error as &dyn std::error::Error, "removing pictures failed");
    }
}
