//! A row of the answer: an event with its step and its sentence.

use boarding_commands::commit::RecordedEvent;
use schemars::JsonSchema;
use serde::Serialize;

use super::step::Step;
use crate::history::PublishedEvent;

/// An event of the chain, with its step and a sentence for people.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExplainedEvent<'a> {
    #[serde(flatten)]
    event: PublishedEvent<'a>,
    step: Step,
    /// What happened and why. It has no address and no phone of the person, but the names of actors.
    says: String,
}

impl<'a> ExplainedEvent<'a> {
    pub(super) fn new(recorded: &RecordedEvent<'a>, step: Step, says: String) -> Self {
        Self { event: PublishedEvent::of(recorded), step, says }
    }
}
