//! `GiveUpRun`: an administrator ends a run that waits because its mails cannot be sent.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::{Company, RunState};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Refusal, RunId};

/// Ends a run that waits because its mails cannot be sent: people without a mail fail with `run.given_up`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveUpRun {
    #[serde(alias = "run_id")]
    #[schemars(extend("x-aliases" = ["run_id"]))]
    pub run: RunId,
}

impl Decide for GiveUpRun {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let run = company.runs.get(&self.run).ok_or(Code::RunNotFound)?;
        match run.state {
            // A repeat under another id changes nothing.
            RunState::Running if run.given_up.is_some() => Ok(Decision::append(vec![])),
            RunState::Running if run.waits_since.is_some() => {
                let code = Code::RunGivenUp;
                Ok(Decision::append(vec![Event::RunGivenUp { run: self.run, code }]))
            }
            RunState::Running => Err(Code::RunCannotBeStopped.into()),
            RunState::Completed => Err(Code::RunAlreadyCompleted.into()),
            RunState::Requested | RunState::Scheduled | RunState::Pending | RunState::Withdrawn => {
                Err(Code::RunNotRunning.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{Given, NOW, a_running_run, given, run_id, run_queued};
    use crate::decide::{Authority, ClaimRecipients};

    fn waiting() -> Event {
        let (via, what, last_words) = ("smtp".to_owned(), "mail server".to_owned(), String::new());
        Event::RunWaiting { run: run_id(1), via, what, last_words, next_try: NOW }
    }

    /// A31, LX-32: only a run that waits is ended. Its recipients fail with `run.given_up`.
    #[test]
    fn only_a_waiting_run_is_given_up() {
        let give_up = |company: &Given, n: u128| {
            let command = GiveUpRun { run: run_id(n) };
            company.when_asked_by("admin", Authority::All, NOW, command)
        };
        let events = a_running_run().into_iter().chain(run_queued(run_id(2), &["ann"]));
        let mut company = given(events);
        let fence = a_running_run().len() as u64;
        give_up(&company, 1).then_refused(Code::RunCannotBeStopped);
        give_up(&company, 2).then_refused(Code::RunNotRunning);
        company.append(NOW, "engine", &[waiting()]);
        let events = give_up(&company, 1).events();
        assert_eq!(events, [Event::RunGivenUp { run: run_id(1), code: Code::RunGivenUp }]);
        company.append(NOW, "admin", &events);
        let claim = ClaimRecipients { run: run_id(1), fence, most: 9, via: "smtp" };
        let failed = company.when(claim).events();
        let given_up = |event: &&Event| match event {
            Event::InviteFailed { code, .. } => *code == Code::RunGivenUp,
            _ => false,
        };
        assert_eq!(failed.iter().filter(given_up).count(), 2);
        assert_eq!(failed.last().unwrap().name(), "RunStarted", "the next run has its turn");
        company.append(NOW, "engine", &failed);
        give_up(&company, 1).then_refused(Code::RunAlreadyCompleted);
    }
}
