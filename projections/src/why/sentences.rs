//! The sentence of each step: what happened and why. It names the person by key only.

mod imports;
mod people;
mod recipients;
mod runs;
mod words;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::Source;

use super::step::Step;

/// The sentence of an event that is this step. `source` is that of the run that the event is about.
pub(super) fn sentence(
    step: Step,
    recorded: &RecordedEvent<'_>,
    source: Option<&Source>,
) -> String {
    let sentence = match step {
        Step::Row => imports::row(recorded),
        Step::ImportAccepted | Step::ImportEnded | Step::ImportInvites | Step::Undo => {
            imports::import(recorded)
        }
        Step::User | Step::Phone | Step::Number | Step::Mail => people::person(recorded),
        Step::RunRequested | Step::RunWaiting | Step::RunStarted | Step::RunEnded => {
            runs::run(recorded)
        }
        Step::Selected | Step::Claim | Step::Retry | Step::Outcome | Step::Delivery => {
            recipients::recipient(recorded.event, source)
        }
        Step::Link => recipients::link(recorded),
    };
    // Each step has the events that its sentences know. A new one is shown by its name until it gets a sentence.
    sentence.unwrap_or_else(|| format!("{}.", recorded.event.name()))
}
