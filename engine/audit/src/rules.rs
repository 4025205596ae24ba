//! The rules of a history: each event must follow from a legal state. They read events only, and share no code with the
//! decisions that make events.

mod imports;
mod numbers;
mod people;
mod rule;
mod runs;

#[cfg(test)]
mod tests;

use boarding_commands::commit::RecordedCommit;

use imports::ImportRules;
use numbers::NumberRules;
use people::PeopleRules;
use rule::RuleResult;
pub use rule::{Rule, RuleBreak};
use runs::RunRules;

/// The state of one company, as far as the rules need it.
#[derive(Debug, Default)]
pub struct Rules {
    runs: RunRules,
    people: PeopleRules,
    numbers: NumberRules,
    imports: ImportRules,
}

impl Rules {
    /// Checks the next commit of the company.
    ///
    /// # Errors
    /// The first rule that one of its events breaks.
    pub fn observe(&mut self, recorded: &RecordedCommit) -> RuleResult {
        for event in &recorded.commit.events {
            self.runs.observe(event, recorded.commit.at)?;
            self.people.observe(event)?;
            self.numbers.observe(event)?;
            self.imports.observe(event)?;
        }
        Ok(())
    }
}
