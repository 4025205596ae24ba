//! The refusal of a run for nobody: what was looked for, and what there is instead.

use serde_json::json;

use crate::company::Company;
use crate::company::selection::SelectionVersion;
use crate::event::{Channel, RetryOutcome, Source};
use crate::values::{Code, Refusal, RunId, Time};

/// A selection without people.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nobody<'a> {
    pub(super) source: &'a Source,
    pub(super) channel: Channel,
    pub(super) list: SelectionVersion,
    pub(super) at: Time,
}

impl Nobody<'_> {
    pub(super) fn refusal(self, company: &Company) -> Refusal {
        let empty = Refusal::new(Code::RunEmptySelection);
        match self.source {
            Source::FailedOf { run, outcomes } => self.failed_of(*run, outcomes, company),
            Source::OrgUnits { org_units, include_descendants } => {
                let below = if *include_descendants { " or their sub-units" } else { "" };
                let units = org_units.join(", ");
                empty
                    .worded(format!("No person belongs to these org units{below}: {units}."))
                    .with(json!({"org_units": org_units}))
            }
            Source::Import(import) => empty
                .worded("The import has no person to invite.".to_owned())
                .with(json!({"import": import})),
            Source::Users(_) | Source::Resend { .. } => empty,
        }
    }

    /// The refusal with the number of people of each outcome, so that the other one can be chosen.
    fn failed_of(self, run: RunId, outcomes: &[RetryOutcome], company: &Company) -> Refusal {
        let people = |outcome: RetryOutcome| {
            let source = Source::FailedOf { run, outcomes: vec![outcome] };
            company.select(self.list, &source, self.channel, self.at).picks.len()
        };
        let [failed, uncertain] = [RetryOutcome::Failed, RetryOutcome::Uncertain].map(people);
        let looked_for = match outcomes {
            [RetryOutcome::Failed] => "whose mail failed",
            [RetryOutcome::Uncertain] => "whose mail may have been sent",
            _ => "whose mail failed or may have been sent",
        };
        let words = format!(
            "The run has no person {looked_for}: {failed} failed, {uncertain} uncertain. \
            People who were mailed by a later run do not count."
        );
        let details =
            json!({"run": run, "outcomes": outcomes, "failed": failed, "uncertain": uncertain});
        Refusal::new(Code::RunEmptySelection).worded(words).with(details)
    }
}
