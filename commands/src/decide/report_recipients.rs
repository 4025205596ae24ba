//! `ReportRecipients`: the run worker tells what a channel made of the recipients it claimed.

use std::collections::BTreeSet;

use super::recipients::{Report, find, report_events};
use super::turn::end_if_done;
use super::{Asked, Decide, Decision};
use crate::code::{Code, Refusal};
use crate::company::Company;
use crate::event::{Permission, Who};
use crate::id::RunId;

/// Reports of one worker about one run; those about recipients with an outcome change nothing.
#[derive(Debug, Clone)]
pub struct ReportRecipients {
    pub run: RunId,
    pub fence: u64,
    pub reports: Vec<(Who, Report)>,
}

impl Decide for ReportRecipients {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, asked: &Asked<'_, Self>) -> Result<Decision, Refusal> {
        let mut events = Vec::new();
        let mut reported = BTreeSet::new();
        for (user, report) in &self.reports {
            match find(company, self.run, user.as_str(), Some(self.fence)) {
                Ok(found) if reported.insert(found.place) => {
                    events.extend(report_events(company, &found, report, asked.at));
                }
                Err(refusal) if refusal.code != Code::RecipientAlreadyTerminal => return Err(refusal),
                Ok(_) | Err(_) => {}
            }
        }
        if let Some(run) = company.runs.get(&self.run) {
            end_if_done(company, self.run, run, &mut events);
        }
        Ok(Decision::if_any(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{a_running_run, given, run_id, who};

    #[test]
    fn reports_end_the_run_together() {
        let fence = a_running_run().len() as u64;
        let sent = Report::Sent { message_id: None };
        let uncertain = Report::Permanent { code: Code::DeliveryUncertain, detail: None };
        let reports = vec![(who("ann"), sent.clone()), (who("bob"), uncertain), (who("ann"), sent)];
        let then = given(a_running_run()).when(ReportRecipients { run: run_id(1), fence, reports });
        assert_eq!(then.names(), ["InviteDispatched", "InviteSent", "InviteFailed", "RunCompleted"]);
    }

    /// P28: reports with a stale fence change nothing.
    #[test]
    fn p28_a_stale_fence_changes_nothing() {
        let reports = vec![(who("ann"), Report::Sent { message_id: None })];
        given(a_running_run())
            .when(ReportRecipients { run: run_id(1), fence: 2, reports })
            .then_refused(Code::RunStaleFence);
    }
}
