//! Sentences about a run as a whole.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, RetryOutcome, Source};

use super::words::{actor, coded, counted, counts};

pub(super) fn run(recorded: &RecordedEvent<'_>) -> Option<String> {
    let by = actor(recorded);
    Some(match recorded.event {
        Event::RunRequested { run, channel, source, total, .. } => {
            let people = counted(*total, "person", "people");
            let (channel, of) = (channel.as_str(), people_of(source));
            format!("{by} requested the run {run} on {channel} for {of}: {people}.")
        }
        Event::RunScheduled { not_before, .. } => format!("The run waits until {not_before}."),
        Event::RunQueued { .. } => "The run waits in the queue for its turn.".to_owned(),
        Event::RunStarted { .. } => "The run started.".to_owned(),
        Event::RunWaiting { what, next_try, .. } => format!(
            "The run waits for this: {what}. Its mails cannot be sent now. The next try is at {next_try}."
        ),
        Event::RunResumed { .. } => "The mails of the run can be sent again.".to_owned(),
        Event::RunGivenUp { code, .. } => {
            format!("The run does not wait any longer for its mails to be sent: {}", coded(*code))
        }
        Event::RunCompleted { passed, skipped, failed, .. } => {
            let all = [(*passed, "invited"), (*skipped, "skipped"), (*failed, "failed")];
            format!("The run ended. Of its people: {}.", counts(&all))
        }
        Event::RunWithdrawn { .. } => format!("{by} withdrew the run before it started."),
        _ => return None,
    })
}

/// The people that the source names.
fn people_of(source: &Source) -> String {
    match source {
        Source::Import(import) => format!("the people of the import {import}"),
        Source::OrgUnits { org_units, include_descendants } => {
            let below = if *include_descendants { " and all units below" } else { "" };
            format!("the people of {}{below}", units(org_units))
        }
        Source::Users(_) => "a list of users".to_owned(),
        Source::Resend { filter: Some(_), .. } => {
            "users whose last invitation is to be repeated".to_owned()
        }
        Source::Resend { filter: None, .. } => "a list of users to be invited again".to_owned(),
        Source::FailedOf { run, outcomes } => {
            let outcomes = outcomes.iter().map(|outcome| match outcome {
                RetryOutcome::Failed => "failed",
                RetryOutcome::Uncertain => "may have failed",
            });
            let outcomes = outcomes.collect::<Vec<_>>().join(" or ");
            format!("the people of the run {run} whose mail {outcomes}")
        }
    }
}

/// `the org unit Sales`, `the org units Sales, Trading`.
fn units(names: &[String]) -> String {
    let noun = if names.len() == 1 { "the org unit" } else { "the org units" };
    format!("{noun} {}", names.join(", "))
}

/// Why the source lists a person, behind `because`.
pub(super) fn selection(source: &Source) -> String {
    match source {
        Source::Import(import) => format!("the import {import} names this user"),
        Source::OrgUnits { org_units, include_descendants } => {
            let below = if *include_descendants { " or a unit below" } else { "" };
            let one_of = if org_units.len() == 1 { "" } else { "one of " };
            format!("the user is in {one_of}{}{below}", units(org_units))
        }
        Source::Users(_) => "the list of the request names this user".to_owned(),
        Source::Resend { .. } => "the user is to be invited again".to_owned(),
        Source::FailedOf { run, .. } => {
            format!("the mail to the user failed, or may have failed, in the run {run}")
        }
    }
}
