//! `ReportRecipients`: the run worker reports the outcomes of its claimed recipients.

use std::collections::BTreeSet;

use crate::company::Company;
use crate::decide::outcome::MailOutcome;
use crate::decide::rule::{Context, Decide, Decision};
use crate::decide::runs::queue::end_if_done;
use crate::decide::runs::recipients::{find, report_events};
use crate::event::{Permission, Who};
use crate::values::{Code, Refusal, RunId};

/// Reports of a worker on recipients of one run. Reports on recipients with an outcome, or on another attempt than
/// the open one, change nothing, because a report may be repeated.
#[derive(Debug, Clone)]
pub struct ReportRecipients {
    pub run: RunId,
    pub fence: u64,
    pub reports: Vec<(Who, u32, MailOutcome)>,
}

impl Decide for ReportRecipients {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let mut events = Vec::new();
        let mut reported = BTreeSet::new();
        for (user, attempt, report) in &self.reports {
            match find(company, self.run, user.as_str(), Some(self.fence)) {
                Ok(found) if found.is_under_way(*attempt) && reported.insert(found.place) => {
                    events.extend(report_events(company, &found, report, context.at));
                }
                Err(refusal) if refusal.code != Code::RecipientAlreadyTerminal => {
                    return Err(refusal);
                }
                Ok(_) | Err(_) => {}
            }
        }
        if let Some(run) = company.runs.get(&self.run) {
            end_if_done(company, self.run, run, &mut events);
        }
        Ok(Decision::append_if_any(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::ClaimRecipients;
    use crate::decide::testing::{Given, NOW, a_running_run, given, run_id, who};

    fn claimed() -> (Given, u64) {
        let fence = a_running_run().len() as u64;
        (
            given(a_running_run()).after(ClaimRecipients {
                run: run_id(1),
                fence,
                most: 9,
                via: "outbox",
            }),
            fence,
        )
    }

    #[test]
    fn reports_end_the_run_together() {
        let (company, fence) = claimed();
        let sent = MailOutcome::SENT;
        let uncertain = MailOutcome::failed(Code::DeliveryUncertain);
        let reports =
            vec![(who("ann"), 1, sent.clone()), (who("bob"), 1, uncertain), (who("ann"), 1, sent)];
        let then = company.when(ReportRecipients { run: run_id(1), fence, reports });
        assert_eq!(then.names(), ["InviteSent", "InviteFailed", "RunCompleted"]);
    }

    /// P7: a repeated report does not end a later attempt, whose mail may be sent already.
    #[test]
    fn repeated_report_changes_nothing() {
        let (company, fence) = claimed();
        let temporary = MailOutcome::Retry { code: Code::DeliveryTemporaryFailure, detail: None };
        let report =
            ReportRecipients { run: run_id(1), fence, reports: vec![(who("ann"), 1, temporary)] };
        let company = company.after(report.clone());
        assert!(!company.when(report.clone()).0.unwrap().is_append(), "it was reported before");
        let wait = company.0.settings.retry_backoff_seconds;
        let claim = ClaimRecipients { run: run_id(1), fence, most: 9, via: "outbox" };
        let company = company.after_at(NOW.plus_seconds(wait), claim);
        assert!(!company.when(report).0.unwrap().is_append(), "the second attempt is under way");
    }

    /// P28: reports with a stale fence change nothing.
    #[test]
    fn report_with_a_stale_fence_is_rejected() {
        let reports = vec![(who("ann"), 1, MailOutcome::SENT)];
        given(a_running_run())
            .when(ReportRecipients { run: run_id(1), fence: 2, reports })
            .then_refused(Code::RunStaleFence);
    }
}
