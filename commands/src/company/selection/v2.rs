//! Version 2 of the list procedure. Frozen: a change would change the history of stored runs.
//!
//! The filters of a resend use the result of the last mail. A retry lists the people of another run.

use super::list::{Pick, Selection};
use super::v1;
use crate::company::{
    Company, InvitationState, LastMail, Link, RecipientState, Run, UserId, UserState,
};
use crate::event::{Channel, ResendFilter, RetryOutcome, Source};
use crate::values::Time;

/// The people of the source. Empty for an import or a run that does not exist.
pub(super) fn select(company: &Company, source: &Source, channel: Channel, at: Time) -> Selection {
    let people: Vec<UserId> = match source {
        Source::Resend { filter: Some(filter), .. } => {
            let users = company.users.iter().filter(|(_, user)| {
                let link = user.link(channel);
                user.state == UserState::Active && !link.linked && fits(*filter, &link, at)
            });
            users.map(|(id, _)| id).collect()
        }
        Source::FailedOf { run, outcomes } => {
            let run = company.runs.get(run);
            run.map(|run| failed_of(company, run, outcomes)).unwrap_or_default()
        }
        Source::Import(_)
        | Source::OrgUnits { .. }
        | Source::Users(_)
        | Source::Resend { filter: None, .. } => return v1::select(company, source, channel),
    };
    Selection { picks: people.into_iter().map(Pick::Known).collect(), duplicates_removed: 0 }
}

fn fits(filter: ResendFilter, link: &Link, at: Time) -> bool {
    match filter {
        ResendFilter::Bounced => link.last == LastMail::Bounced,
        ResendFilter::Failed => link.last == LastMail::Failed,
        ResendFilter::Uncertain => link.last == LastMail::Uncertain,
        ResendFilter::Expired => link.invitation.is_some_and(|newest| {
            let is_over = newest.expires_at.is_some_and(|end| end <= at);
            newest.state == InvitationState::Expired || (newest.is_open() && is_over)
        }),
        ResendFilter::NotInvited => link.invitation.is_none(),
        ResendFilter::NeverSent => !link.mailed,
    }
}

/// The failed people of a run, in its order, whose last mail has one of these outcomes. A person who was mailed since
/// is left out.
fn failed_of(company: &Company, run: &Run, outcomes: &[RetryOutcome]) -> Vec<UserId> {
    let fits = |id: UserId| {
        let last = company.users.get(id).map(|user| user.link(run.channel).last);
        outcomes.iter().any(|outcome| {
            last == Some(match outcome {
                RetryOutcome::Failed => LastMail::Failed,
                RetryOutcome::Uncertain => LastMail::Uncertain,
            })
        })
    };
    let failed = run.recipients.iter().filter(|one| one.state == RecipientState::Failed);
    failed.map(|one| one.user).filter(|id| fits(*id)).collect()
}
