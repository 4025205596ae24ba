//! `UserSkipped`: a worker reports that a recipient was passed over, and why.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::Company;
use crate::decide::outcome::MailOutcome;
use crate::decide::rule::{Context, Decide, Decision, check_text};
use crate::decide::runs::recipients::report;
use crate::decide::runs::reported_claim::{ReportedClaim, SKIP_CODES, check_code};
use crate::event::Permission;
use crate::values::{Code, Refusal, RunId};

/// A worker reports that a recipient was passed over, and why.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSkipped {
    #[serde(alias = "run_id")]
    #[schemars(extend("x-aliases" = ["run_id"]))]
    pub run: RunId,
    #[serde(alias = "recipient_id")]
    #[schemars(extend("x-aliases" = ["recipient_id"]))]
    pub user: String,
    /// The reason, usually `recipient.already_linked`.
    #[serde(alias = "reason_code")]
    #[schemars(extend("x-aliases" = ["reason_code"]))]
    pub code: Code,
    pub detail: Option<String>,
    /// The attempt that was skipped; a report on an earlier attempt changes nothing.
    pub attempt: Option<u32>,
    /// The fence of the work item. Required if the work was given to workers outside the engine.
    pub fence: Option<u64>,
}

impl Decide for UserSkipped {
    /// See `ReportedClaim::find`.
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        check_code(self.code, SKIP_CODES)?;
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
        let skipped = MailOutcome::Skipped { code: self.code, detail: self.detail.clone() };
        Ok(Decision::append(report(company, &found, &skipped, context.at)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::testing::{a_running_run, given, run_id, who};
    use crate::event::Event;

    /// LX-29: the fact has the command's name and its reason.
    #[test]
    fn a_skip_is_recorded_with_its_reason() {
        let body = json!({"run": run_id(1), "user": "ann", "code": "recipient.already_linked"});
        given(a_running_run()).when_json("UserSkipped", body).then([Event::UserSkipped {
            run: run_id(1),
            user: who("ann"),
            code: Code::RecipientAlreadyLinked,
            detail: None,
        }]);
    }

    /// N87: a recipient with an outcome gets no other.
    #[test]
    fn skip_after_an_outcome_is_rejected() {
        let failed = Event::InviteFailed {
            run: run_id(1),
            user: who("ann"),
            attempt: 0,
            code: Code::RecipientEmailMissing,
            detail: None,
        };
        let body = json!({"run": run_id(1), "user": "ann", "code": "recipient.already_linked"});
        given(a_running_run().into_iter().chain([failed]))
            .when_json("UserSkipped", body)
            .then_refused(Code::RecipientAlreadyTerminal);
    }

    #[test]
    fn unknown_code_is_rejected() {
        let body = json!({"run": run_id(1), "user": "ann", "code": "because"});
        given(a_running_run()).when_json("UserSkipped", body).then_refused(Code::EnvelopeMalformed);
    }
}
