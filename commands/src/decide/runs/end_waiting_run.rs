//! `EndWaitingRun`: the engine ends a run that has waited too long for its mails to be sent.

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision};
use crate::decide::runs::recipients::running;
use crate::event::{Event, Permission};
use crate::values::{Code, Refusal, RunId};

/// Recipients without an outcome fail with `delivery.server_unavailable`.
#[derive(Debug, Clone, Copy)]
pub struct EndWaitingRun {
    pub run: RunId,
    pub fence: u64,
}

impl Decide for EndWaitingRun {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let run = running(company, self.run, self.fence)?;
        let code = Code::DeliveryServerUnavailable;
        let event = run.given_up.is_none().then_some(Event::RunGivenUp { run: self.run, code });
        Ok(Decision::append_if_any(event.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::ClaimRecipients;
    use crate::decide::testing::{a_running_run, given, run_id};

    /// A31: when the wait is over, everybody without an outcome fails and the run ends.
    #[test]
    fn everybody_fails_when_the_wait_is_over() {
        let fence = a_running_run().len() as u64;
        let end = EndWaitingRun { run: run_id(1), fence };
        let company = given(a_running_run()).after(end);
        assert!(!company.when(end).0.unwrap().is_append(), "a repeat changes nothing");
        let claim = ClaimRecipients { run: run_id(1), fence, most: 9, via: "smtp" };
        let events = company.when(claim).events();
        let failed = |event: &Event| match event {
            Event::InviteFailed { code, .. } => *code == Code::DeliveryServerUnavailable,
            _ => false,
        };
        assert_eq!(events.iter().filter(|event| failed(event)).count(), 2);
        assert_eq!(events.last().unwrap().name(), "RunCompleted");
        let stale = EndWaitingRun { run: run_id(1), fence: fence + 1 };
        company.when(stale).then_refused(Code::RunStaleFence);
    }
}
