//! `CancelRun`: withdraws a run that waits; one that has started cannot be stopped.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::{Company, RunState};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Refusal, RunId};

/// Withdraws a run that waits; one that has started cannot be stopped.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRun {
    #[serde(alias = "run_id")]
    #[schemars(extend("x-aliases" = ["run_id"]))]
    pub run: RunId,
}

impl Decide for CancelRun {
    const NEEDS: Option<Permission> = Some(Permission::BulkIntegrateUsers);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let run = company.runs.get(&self.run).ok_or(Code::RunNotFound)?;
        match run.state {
            RunState::Withdrawn => Err(Code::RunInvalidTransition.into()),
            RunState::Requested | RunState::Scheduled | RunState::Pending
                if company.settings.allow_withdraw_pending =>
            {
                Ok(Decision::append(vec![Event::RunWithdrawn { run: self.run }]))
            }
            RunState::Completed => {
                let words = "The run is completed, so there is nothing to withdraw.".to_owned();
                Err(Refusal::new(Code::RunCannotBeStopped).worded(words))
            }
            _ => Err(Code::RunCannotBeStopped.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{a_running_run, given, run_id, run_queued};

    /// LX-32: neither a running run nor a completed one can be stopped.
    #[test]
    fn started_run_cannot_be_stopped() {
        let running = given(a_running_run());
        running.when(CancelRun { run: run_id(1) }).then_refused(Code::RunCannotBeStopped);
        let done = Event::RunCompleted { run: run_id(1), passed: 2, skipped: 0, failed: 0 };
        let over = given(a_running_run().into_iter().chain([done]));
        over.when(CancelRun { run: run_id(1) }).then_refused(Code::RunCannotBeStopped);
    }

    /// A6: a waiting run may be withdrawn, but only once.
    #[test]
    fn a_pending_run_is_withdrawn_once() {
        let waiting = given(a_running_run().into_iter().chain(run_queued(run_id(2), &["ann"])));
        let withdrawn = Event::RunWithdrawn { run: run_id(2) };
        waiting.when(CancelRun { run: run_id(2) }).then([withdrawn]);
        waiting
            .after(CancelRun { run: run_id(2) })
            .when(CancelRun { run: run_id(2) })
            .then_refused(Code::RunInvalidTransition);
    }

    #[test]
    fn a_company_may_forbid_it() {
        let setting = "allow_withdraw_pending".to_owned();
        let forbid = Event::CompanyConfigChanged { setting, value: false.into() };
        let waiting =
            a_running_run().into_iter().chain(run_queued(run_id(2), &["ann"])).chain([forbid]);
        given(waiting).when(CancelRun { run: run_id(2) }).then_refused(Code::RunCannotBeStopped);
    }
}
