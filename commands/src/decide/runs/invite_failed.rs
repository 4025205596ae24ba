//! `InviteFailed`: a worker reports that a recipient's mail could not be handed over.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::Company;
use crate::decide::outcome::MailOutcome;
use crate::decide::rule::{Context, Decide, Decision, check_text};
use crate::decide::runs::recipients::report;
use crate::decide::runs::reported_claim::{FAILURE_CODES, ReportedClaim, check_code};
use crate::event::Permission;
use crate::values::{Code, Refusal, RunId};

/// A worker reports that a recipient's mail could not be handed over.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteFailed {
    #[serde(alias = "run_id")]
    #[schemars(extend("x-aliases" = ["run_id"]))]
    pub run: RunId,
    #[serde(alias = "recipient_id")]
    #[schemars(extend("x-aliases" = ["recipient_id"]))]
    pub user: String,
    #[serde(alias = "reason_code")]
    #[schemars(extend("x-aliases" = ["reason_code"]))]
    pub code: Code,
    pub detail: Option<String>,
    /// Whether trying again is pointless; otherwise the recipient waits and is tried again.
    pub permanent: bool,
    /// The attempt that failed; news of an earlier one than the last change nothing.
    pub attempt: Option<u32>,
    /// The fence of the work item. Required if the work was given to workers outside the engine.
    pub fence: Option<u64>,
}

impl Decide for InviteFailed {
    /// See `ReportedClaim::find`.
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        check_code(self.code, FAILURE_CODES)?;
        if let Some(detail) = &self.detail {
            check_text("detail", detail)?;
        }
        let claim = ReportedClaim {
            run: self.run,
            user: &self.user,
            attempt: self.attempt,
            fence: self.fence,
        };
        let Some(found) = claim.find(company, context)? else {
            return Ok(Decision::append(vec![]));
        };
        let (code, detail) = (self.code, self.detail.clone());
        let failed = if self.permanent {
            MailOutcome::Failed { code, detail }
        } else {
            // A worker cannot make the run wait: its recipient waits alone.
            let alone = code != Code::DeliveryServerUnavailable;
            let code = if alone { code } else { Code::DeliveryTemporaryFailure };
            MailOutcome::Retry { code, detail }
        };
        Ok(Decision::append(report(company, &found, &failed, context.at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::company::RecipientState;
    use crate::decide::ClaimRecipients;
    use crate::decide::numbers::pool::testing::setting;
    use crate::decide::testing::{Given, NOW, a_running_run, given, run_id};
    use crate::decide::{Authority, Command};
    use crate::event::Event;
    use crate::values::Time;

    fn failed(permanent: bool) -> InviteFailed {
        InviteFailed {
            run: run_id(1),
            user: "ann".to_owned(),
            code: Code::DeliveryTemporaryFailure,
            detail: Some("451 try later".to_owned()),
            permanent,
            attempt: None,
            fence: None,
        }
    }

    fn claim_at(mut given: Given, at: Time) -> Given {
        let fence = a_running_run().len() as u64;
        let command =
            Command::from(ClaimRecipients { run: run_id(1), fence, most: 1, via: "outbox" });
        let decision = given.when_asked_by("engine", Authority::All, at, &command).0.unwrap();
        given.append(at, "engine", decision.events());
        given
    }

    /// LX-27: a permanent refusal while the run is running is the outcome.
    #[test]
    fn a_permanent_failure_is_the_outcome() {
        let claimed = claim_at(given(a_running_run()), NOW);
        assert_eq!(claimed.when(failed(true)).names(), ["InviteFailed"]);
    }

    /// A31: the pauses grow, and together they last as long as the setting says.
    #[test]
    fn temporary_refusals_are_retried_for_the_set_time() {
        let retry_for_a_minute = setting("delivery_retry_minutes", 1.into());
        let mut company = given(a_running_run());
        company.append(NOW, "jane", &[retry_for_a_minute]);
        let mut at = NOW;
        for wait_seconds in [10, 20, 30] {
            company = claim_at(company, at);
            let decision = company.when(failed(false)).0.unwrap();
            let [Event::InviteDeferred { retry_at, .. }] = decision.events() else {
                panic!("{decision:?}")
            };
            assert_eq!(*retry_at, NOW.plus_seconds(wait_seconds));
            at = *retry_at;
            company = company.after(failed(false));
            let early = Time(at.0 - 1);
            assert_eq!(
                company.0.runs[&run_id(1)].due(early).take(9).count(),
                1,
                "only bob is due before the time"
            );
        }
        company = claim_at(company, at);
        assert_eq!(company.0.runs[&run_id(1)].recipients[0].state, RecipientState::Dispatching);
        assert_eq!(company.when(failed(false)).names(), ["InviteFailed"]);
    }
}
