//! `ReportNotification`: records the outcomes of claimed notifications.

use crate::company::Company;
use crate::decide::outcome::MailOutcome;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::Refusal;

#[derive(Debug, Clone)]
pub struct ReportNotification {
    /// The keys and outcomes of the claims.
    pub reports: Vec<(String, MailOutcome)>,
}

impl Decide for ReportNotification {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let claimed =
            |key: &String| company.notifications.get(key).is_some_and(|one| one.dispatched);
        let reports = self.reports.iter().filter(|(key, _)| claimed(key));
        let events = reports.map(|(key, report)| match report {
            MailOutcome::Sent { .. } => Event::NotificationSent { key: key.clone() },
            MailOutcome::Skipped { code, detail }
            | MailOutcome::Retry { code, detail }
            | MailOutcome::Failed { code, detail } => {
                Event::NotificationFailed { key: key.clone(), code: *code, detail: detail.clone() }
            }
        });
        Ok(Decision::append_if_any(events.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::ClaimNotification;
    use crate::decide::testing::{given, user_created, who};
    use crate::event::welcome_key;
    use crate::values::ImportId;

    #[test]
    fn a_claimed_mail_is_reported_once() {
        let import = ImportId(ulid::Ulid(4));
        let asked = Event::WelcomeEmailRequested { user: who("ann"), import, row: 1 };
        let sent =
            || ReportNotification { reports: vec![(welcome_key(import, 1), MailOutcome::SENT)] };
        let company = given([user_created("ann"), asked]);
        assert!(!company.when(sent()).0.unwrap().is_append(), "nothing was claimed yet");
        let company = company.after(ClaimNotification { most: 9 });
        assert_eq!(company.when(sent()).names(), ["NotificationSent"]);
        assert!(company.after(sent()).0.notifications.is_empty());
    }
}
