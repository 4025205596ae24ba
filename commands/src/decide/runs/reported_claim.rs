//! The claim that a report names: who may report it, and whether it is the current one.

use serde_json::json;

use crate::company::{Company, Run, RunState};
use crate::decide::outcome::{TO_TEXT_WORKERS, TO_WORKERS};
use crate::decide::rule::{Authority, Context};
use crate::decide::runs::recipients::{Found, find};
use crate::event::Permission;
use crate::values::{Code, Refusal, RunId};

/// The outcomes that a worker may give as the reason of a skip.
pub(super) const SKIP_CODES: &[Code] = &[
    Code::RecipientAlreadyLinked,
    Code::RecipientInvitationAlreadyLive,
    Code::RecipientUserNotCreated,
    Code::RecipientUserArchived,
    Code::RecipientCorporatePhoneMissing,
    Code::RecipientEmailMissing,
    Code::RecipientEmailUndeliverable,
    Code::RecipientSocialMessagingOff,
    Code::DeliverySuppressed,
    Code::ChannelNotEnabled,
];

/// The outcomes that a worker may give as the reason of a failure.
pub(super) const FAILURE_CODES: &[Code] = &[
    Code::RecipientUserNotCreated,
    Code::RecipientUserArchived,
    Code::RecipientCorporatePhoneMissing,
    Code::RecipientEmailMissing,
    Code::RecipientEmailUndeliverable,
    Code::RecipientSocialMessagingOff,
    Code::FieldInvalidEmail,
    Code::PhoneInvalid,
    Code::EmailDomainNotAllowed,
    Code::ChannelNotEnabled,
    Code::DeliveryTimeout,
    Code::DeliveryUncertain,
    Code::DeliveryNoTextGateway,
    Code::DeliverySuppressed,
    Code::DeliveryTemporaryFailure,
    Code::DeliveryServerUnavailable,
    Code::DeliveryRefused,
];

/// Refuses a code that is no reason of this outcome.
///
/// # Errors
/// `envelope.malformed`, with the codes that are allowed.
pub(super) fn check_code(code: Code, allowed: &[Code]) -> Result<(), Refusal> {
    if allowed.contains(&code) {
        return Ok(());
    }
    let names: Vec<&str> = allowed.iter().map(|code| code.as_str()).collect();
    let words = format!("code: expected one of {}", names.join(", "));
    let details = json!({"field": "code", "allowed": names});
    Err(Refusal::new(Code::EnvelopeMalformed).saying(&words).with(details))
}

/// Refuses an actor who may not report outcomes. Who may invite people may report too.
///
/// # Errors
/// `auth.permission_denied`.
pub(super) fn require_to_report(company: &Company, context: &Context<'_>) -> Result<(), Refusal> {
    let invites = context.require(company, Permission::BulkIntegrateUsers);
    invites.or_else(|_| context.require(company, Permission::ReportInvitations))
}

/// What a report says about the claim that it is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReportedClaim<'a> {
    pub(super) run: RunId,
    pub(super) user: &'a str,
    pub(super) attempt: Option<u32>,
    pub(super) fence: Option<u64>,
}

impl ReportedClaim<'_> {
    /// Finds the recipient. `None` if the attempt is over, so that the report changes nothing.
    ///
    /// # Errors
    /// `auth.permission_denied`, `run.fence_required`, `run.unknown_attempt`, and those of [`find`].
    pub(super) fn find<'c>(
        &self,
        company: &'c Company,
        context: &Context<'_>,
    ) -> Result<Option<Found<'c>>, Refusal> {
        // A report that is refused for a missing permission comes too late: the person is invited already. So the
        // fence of work that was given out is enough.
        if !self.proves_work(company) {
            require_to_report(company, context)?;
        }
        let found = find(company, self.run, self.user, self.fence)?;
        if self.fence.is_none()
            && context.authority != Authority::All
            && is_outside(company, &found)
        {
            return Err(Code::RunFenceRequired.into());
        }
        let expected = found.reportable_attempt();
        match self.attempt {
            Some(over) if over < expected => Ok(None),
            Some(given) if given > expected => {
                let details = json!({"attempt": expected, "given": given});
                Err(Refusal::new(Code::RunUnknownAttempt).with(details))
            }
            _ => Ok(Some(found)),
        }
    }

    /// Whether the report has the fence of work that was given to workers outside the engine. Once the run has ended,
    /// no report changes anything.
    fn proves_work(&self, company: &Company) -> bool {
        let Some(run) = company.runs.get(&self.run).filter(|run| gives_work_out(run)) else {
            return false;
        };
        let holder = company.lock.holder().filter(|holder| holder.run == self.run);
        match (self.fence, holder) {
            (Some(fence), Some(holder)) => fence == holder.fence,
            (Some(_), None) => run.state == RunState::Completed,
            (None, _) => false,
        }
    }
}

fn gives_work_out(run: &Run) -> bool {
    is_given_out(run.via.as_deref()) || is_given_out(run.texts_via.as_deref())
}

/// Whether this recipient's invitations are given to workers outside the engine.
fn is_outside(company: &Company, found: &Found<'_>) -> bool {
    match company.device(found.recipient.user, found.user) {
        Some(_) => is_given_out(found.run.texts_via.as_deref()),
        None => is_given_out(found.run.via.as_deref()),
    }
}

/// Whether the transport of this name gives its work to workers outside the engine.
fn is_given_out(via: Option<&str>) -> bool {
    matches!(via, Some(TO_WORKERS | TO_TEXT_WORKERS))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::decide::testing::{Given, Then, a_running_run, given, run_id};
    use crate::decide::{ClaimRecipients, Command, GrantPermissions};
    use crate::values::Personal;

    /// A run whose first recipient, ann, was claimed by this transport. The fence is that of its start.
    fn claimed(via: &'static str) -> (Given, u64) {
        let fence = a_running_run().len() as u64;
        let claim = ClaimRecipients { run: run_id(1), fence, most: 1, via };
        (given(a_running_run()).after(claim), fence)
    }

    /// What the company says to a report of the worker.
    fn report(company: &Given, name: &str, more: &Value) -> Then {
        let mut body = json!({"run": run_id(1), "user": "ann"});
        if name != "InviteSent" {
            body["code"] = json!("recipient.email_undeliverable");
        }
        if name == "InviteFailed" {
            body["permanent"] = json!(true);
        }
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        company.when_sent_by(None, "worker", Command::read(name, body).unwrap())
    }

    const REPORTS: [&str; 3] = ["InviteSent", "UserSkipped", "InviteFailed"];

    /// The company after a grant to its administrator: permissions are enforced then.
    fn with_permissions(company: Given) -> Given {
        let actor = Personal("jane@acme.example".to_owned());
        company.after(GrantPermissions { actor, permissions: vec![Permission::Administer] })
    }

    #[test]
    fn fence_is_required_for_work_that_was_given_out() {
        let (company, fence) = claimed(TO_WORKERS);
        for name in REPORTS {
            report(&company, name, &json!({})).then_refused(Code::RunFenceRequired);
            report(&company, name, &json!({"fence": fence + 1})).then_refused(Code::RunStaleFence);
            assert_eq!(report(&company, name, &json!({"fence": fence})).names(), [name]);
            let (own, _) = claimed("outbox");
            assert_eq!(report(&own, name, &json!({})).names(), [name]);
        }
        let body = json!({"run": run_id(1), "user": "ann"});
        let at_the_terminal = Command::read("InviteSent", body).unwrap();
        assert_eq!(company.when_locally(at_the_terminal).names(), ["InviteSent"]);
    }

    #[test]
    fn attempt_that_was_never_claimed_is_refused() {
        let (company, fence) = claimed(TO_WORKERS);
        for name in REPORTS {
            let of =
                |attempt: u32| report(&company, name, &json!({"fence": fence, "attempt": attempt}));
            assert_eq!(of(1).names(), [name]);
            let refusal = of(2).then_refused(Code::RunUnknownAttempt);
            assert_eq!(refusal.details, json!({"attempt": 1, "given": 2}));
            assert!(of(0).names().is_empty());
        }
    }

    /// The invitation was sent: no permission keeps its report out.
    #[test]
    fn fence_of_given_work_needs_no_permission() {
        let (company, fence) = claimed(TO_WORKERS);
        let company = with_permissions(company);
        for name in REPORTS {
            assert_eq!(report(&company, name, &json!({"fence": fence})).names(), [name]);
            for no_proof in [json!({}), json!({"fence": fence + 1})] {
                let denied = report(&company, name, &no_proof);
                let denied = denied.then_refused(Code::AuthPermissionDenied);
                assert_eq!(denied.details["permission"], "report_invitations");
            }
        }
        let (own, fence) = claimed("outbox");
        let own = with_permissions(own);
        let denied = report(&own, "InviteSent", &json!({"fence": fence}));
        denied.then_refused(Code::AuthPermissionDenied);
        for permission in [Permission::ReportInvitations, Permission::BulkIntegrateUsers] {
            let (own, _) = claimed("outbox");
            let grant = GrantPermissions {
                actor: Personal("worker".to_owned()),
                permissions: vec![permission],
            };
            let own = with_permissions(own).after(grant);
            assert_eq!(report(&own, "InviteSent", &json!({})).names(), ["InviteSent"]);
        }
    }

    #[test]
    fn code_without_a_meaning_for_the_outcome_is_refused() {
        let (company, fence) = claimed(TO_WORKERS);
        for (name, code) in [
            ("UserSkipped", "csv.nul_byte"),
            ("UserSkipped", "delivery.refused"),
            ("InviteFailed", "recipient.already_linked"),
            ("InviteFailed", "recipient.already_terminal"),
        ] {
            let refusal = report(&company, name, &json!({"fence": fence, "code": code}));
            let refusal = refusal.then_refused(Code::EnvelopeMalformed);
            assert_eq!(refusal.details["field"], "code");
        }
    }
}
