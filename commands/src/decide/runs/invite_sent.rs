//! `InviteSent`: a worker reports that a recipient's mail was handed over.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::{Company, RecipientState};
use crate::decide::numbers::pool::Promises;
use crate::decide::outcome::MailOutcome;
use crate::decide::rule::{Context, Decide, Decision, check_text};
use crate::decide::runs::recipients::{Found, report};
use crate::decide::runs::reported_claim::ReportedClaim;
use crate::event::Permission;
use crate::values::{Code, Refusal, RunId};

/// A worker reports that a recipient's mail was handed over.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteSent {
    #[serde(alias = "run_id")]
    #[schemars(extend("x-aliases" = ["run_id"]))]
    pub run: RunId,
    #[serde(alias = "recipient_id")]
    #[schemars(extend("x-aliases" = ["recipient_id"]))]
    pub user: String,
    /// The attempt that succeeded; ours is counted by the claims. News of one that was reported before
    /// change nothing.
    pub attempt: Option<u32>,
    /// The Message-ID that a later bounce will name; ours unless the worker chose another.
    pub message_id: Option<String>,
    /// The fence of the work item. Required if the work was given to workers outside the engine.
    pub fence: Option<u64>,
}

impl Decide for InviteSent {
    /// See `ReportedClaim::find`.
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        if let Some(message_id) = &self.message_id {
            check_text("message_id", message_id)?;
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
        if found.recipient.state != RecipientState::Dispatching {
            check_unclaimed(company, &found)?;
        }
        let sent = MailOutcome::Sent { message_id: self.message_id.clone() };
        Ok(Decision::append(report(company, &found, &sent, context.at)))
    }
}

/// Checks what a claim would have checked: the person exists, and an account has a number or can get one.
fn check_unclaimed(company: &Company, found: &Found<'_>) -> Result<(), Refusal> {
    if !found.user.is_created() {
        return Err(Code::RecipientUserNotCreated.into());
    }
    Promises::default().make(company, found.recipient.user)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::ClaimRecipients;
    use crate::decide::numbers::pool::testing::{account, number_added, unit};
    use crate::decide::testing::{
        NOW, a_running_run, channel_enabled, given, run_id, run_queued, run_started, user_created,
        who,
    };
    use crate::event::Event;

    /// N86: each wrong moment has its own code, and the report changes nothing.
    #[test]
    fn report_at_a_wrong_moment_is_rejected() {
        let sent = |n: u128, user: &str| json!({"run": run_id(n), "user": user});
        let waiting = given(
            [channel_enabled(), user_created("ann")]
                .into_iter()
                .chain(run_queued(run_id(1), &["ann"])),
        );
        waiting.when_json("InviteSent", sent(1, "ann")).then_refused(Code::RunNotRunning);
        waiting.when_json("InviteSent", sent(2, "ann")).then_refused(Code::RunNotFound);
        let running = given(a_running_run());
        running.when_json("InviteSent", sent(1, "zoe")).then_refused(Code::RecipientUnknown);
        let skipped = Event::UserSkipped {
            run: run_id(1),
            user: who("ann"),
            code: Code::RecipientAlreadyLinked,
            detail: None,
        };
        let terminal = given(a_running_run().into_iter().chain([skipped]));
        terminal
            .when_json("InviteSent", sent(1, "ann"))
            .then_refused(Code::RecipientAlreadyTerminal);
    }

    /// LX-26, ML-06, P19: a mail that was sent without a claim needs an existing person and an available
    /// number.
    #[test]
    fn mail_without_a_claim_needs_a_person_and_a_number() {
        let sent = |user: &str| json!({"run": run_id(1), "user": user});
        let company = |numbers: u64| {
            let pool = (0..numbers).map(|n| number_added(n, Some("EMEA")));
            let events = [unit("EMEA", None), channel_enabled()].into_iter().chain(pool);
            let events =
                events.chain(["ann", "bob"].into_iter().flat_map(|key| account(key, "EMEA")));
            given(events.chain(run_started(run_id(1), &["ann", "bob", "zoe"])))
        };
        company(0).when_json("InviteSent", sent("ann")).then_refused(Code::NumberNoneAvailable);
        let ann = InviteSent {
            run: run_id(1),
            user: "ann".to_owned(),
            attempt: None,
            message_id: None,
            fence: None,
        };
        let one_sent = company(1).after(ann);
        one_sent.when_json("InviteSent", sent("bob")).then_refused(Code::NumberNoneAvailable);
        assert_eq!(
            company(2).when_json("InviteSent", sent("bob")).names(),
            ["InviteDispatched", "InviteSent"]
        );
        company(2).when_json("InviteSent", sent("zoe")).then_refused(Code::RecipientUserNotCreated);
    }

    /// P4: an outcome after the end of the run is rejected.
    #[test]
    fn outcome_after_the_end_is_rejected() {
        let fence = a_running_run().len() as u64;
        let claim = ClaimRecipients { run: run_id(1), fence, most: 9, via: "outbox" };
        let sent = |user: &str| InviteSent {
            run: run_id(1),
            user: user.to_owned(),
            attempt: None,
            message_id: None,
            fence: Some(fence),
        };
        let ended = given(a_running_run()).after(claim).after(sent("ann")).after(sent("bob"));
        assert!(ended.0.lock.holder().is_none());
        ended.when(sent("ann")).then_refused(Code::RecipientAlreadyTerminal);
    }

    /// P28: after a failed attempt the recipient is tried again. Later reports of the first attempt change
    /// nothing.
    #[test]
    fn report_of_an_earlier_attempt_is_ignored() {
        let fence = a_running_run().len() as u64;
        let claimed = given(a_running_run()).after(ClaimRecipients {
            run: run_id(1),
            fence,
            most: 1,
            via: "nats",
        });
        let failed = Event::InviteDeferred {
            run: run_id(1),
            user: who("ann"),
            attempt: 1,
            code: Code::DeliveryTemporaryFailure,
            detail: None,
            retry_at: NOW,
        };
        let mut deferred = claimed;
        deferred.append(NOW, "engine", &[failed]);
        let sent = |attempt: u32| json!({"run": run_id(1), "user": "ann", "fence": fence, "attempt": attempt});
        assert!(deferred.when_json("InviteSent", sent(1)).names().is_empty());
        let again = deferred.after(ClaimRecipients { run: run_id(1), fence, most: 1, via: "nats" });
        assert!(again.when_json("InviteSent", sent(1)).names().is_empty());
        assert_eq!(again.when_json("InviteSent", sent(2)).names(), ["InviteSent"]);
    }

    #[test]
    fn a_claimed_recipient_is_sent() {
        let fence = a_running_run().len() as u64;
        let claimed = given(a_running_run()).after(ClaimRecipients {
            run: run_id(1),
            fence,
            most: 1,
            via: "outbox",
        });
        let body = json!({"run": run_id(1), "user": "ANN", "fence": fence, "message_id": "m1@relay.example"});
        let then = claimed.when_json("InviteSent", body);
        assert_eq!(then.names(), ["InviteSent"]);
        let after = claimed.after(InviteSent {
            run: run_id(1),
            user: "ann".to_owned(),
            attempt: None,
            message_id: Some("m1@relay.example".to_owned()),
            fence: None,
        });
        assert_eq!(after.0.runs[&run_id(1)].recipients[0].state, RecipientState::Sent);
        assert!(after.0.foreign_messages.contains_key("m1@relay.example"));
        assert_eq!(after.0.link_ends.len(), 1);
    }
}
