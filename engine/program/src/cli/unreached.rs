//! Names the runs in which people failed before an invitation was made. The list of invitations lacks these people.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use boarding_commands::company::{Company, LastMail, Recipient, RecipientState, Run, UserId};
use boarding_commands::event::Channel;
use boarding_commands::values::{RunId, UserKey};

use super::definition::present;
use super::failure::Failure;
use super::session::Session;
use super::words::counted;

/// The most runs that one list names, so that it fits on a screen.
const SHOWN_RUNS: usize = 5;

/// Prints each run in which people failed before an invitation was made, with the command that lists these people.
/// With `user`, counts only that person.
pub(super) async fn note(session: &Session<'_>, user: Option<&str>) -> Result<(), Failure> {
    let user = user.map(|user| UserKey::new(user).folded());
    let failed = present(session, move |company| by_run(company, user.as_deref())).await?;
    for (run, count) in failed.iter().take(SHOWN_RUNS) {
        session.out.note(&format!(
            "{} failed before an invitation was made: boarding log {run} --status failed {}",
            counted(*count, "person", "people"),
            session.location_options()
        ));
    }
    Ok(())
}

/// The runs in which people failed without a claim, newest first, each with the number of these people. A person counts
/// only in the newest run on the channel.
fn by_run(company: &Company, user: Option<&str>) -> Vec<(RunId, u64)> {
    let mut unreached: BTreeSet<(Channel, UserId)> = BTreeSet::new();
    for (id, person) in company.users.iter() {
        if user.is_some_and(|user| person.key().folded() != user) {
            continue;
        }
        let fails = |channel: &&Channel| {
            let link = person.link(**channel);
            link.last == LastMail::Failed && !link.linked
        };
        unreached.extend(Channel::ALL.iter().filter(fails).map(|channel| (*channel, id)));
    }
    let mut runs: Vec<_> = company.runs.iter().collect();
    runs.sort_unstable_by_key(|(_, run)| Reverse(run.number));
    let count = |(id, run): (&RunId, &Run)| {
        // Each person is removed in the newest run, so older runs do not count that person again.
        let newest = run.recipients.iter().filter(|one| unreached.remove(&(run.channel, one.user)));
        let failed = |one: &&Recipient| one.state == RecipientState::Failed && one.attempt == 0;
        (*id, newest.filter(failed).count() as u64)
    };
    runs.into_iter().map(count).filter(|(_, failed)| *failed > 0).collect()
}
