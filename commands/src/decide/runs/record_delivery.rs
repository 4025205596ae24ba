//! `RecordDelivery`: records the delivery of a sent mail. It never changes an outcome.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::{Company, RecipientState};
use crate::decide::rule::{Context, Decide, Decision, MAX_TEXT_CHARS, check_text};
use crate::decide::runs::reported_claim::require_to_report;
use crate::event::recipient_of;
use crate::event::{Delivery, Event, Permission};
use crate::values::{Code, Personal, Refusal};

/// The delivery of a sent mail. It never changes an outcome.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordDelivery {
    pub message_id: String,
    pub delivery: Delivery,
    /// The mail system's own words, for example `5.1.1`.
    pub code: Option<String>,
}

impl Decide for RecordDelivery {
    /// Two permissions are enough, see `require_to_report`.
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        require_to_report(company, context)?;
        if let Some(code) = &self.code {
            check_text("code", code)?;
        }
        if self.message_id.len() > MAX_TEXT_CHARS {
            return Err(Code::InvitationNotFound.into());
        }
        let foreign = company.foreign_messages.get(&self.message_id).copied();
        let (id, place) =
            foreign.or_else(|| recipient_of(&self.message_id)).ok_or(Code::InvitationNotFound)?;
        let run = company.runs.get(&id).ok_or(Code::InvitationNotFound)?;
        let recipient = run.recipients.get(place as usize).ok_or(Code::InvitationNotFound)?;
        let uncertain = recipient.state == RecipientState::Failed && recipient.attempt > 0;
        if recipient.state != RecipientState::Sent && !uncertain {
            return Err(Code::InvitationNotFound.into());
        }
        let user = company.users.get(recipient.user).ok_or(Code::InvitationNotFound)?;
        Ok(Decision::append(vec![Event::DeliveryRecorded {
            run: id,
            user: Personal(user.key()),
            message_id: self.message_id.clone(),
            delivery: self.delivery,
            code: self.code.clone(),
        }]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::company::AddressMark;
    use crate::decide::testing::{Given, a_running_run, given, run_id};
    use crate::decide::{ClaimRecipients, InviteSent};

    fn everybody_sent() -> Given {
        let fence = a_running_run().len() as u64;
        let sent = |user: &str| InviteSent {
            run: run_id(1),
            user: user.to_owned(),
            attempt: None,
            message_id: None,
            fence: None,
        };
        let claim = ClaimRecipients { run: run_id(1), fence, most: 9, via: "outbox" };
        given(a_running_run()).after(claim).after(sent("ann")).after(sent("bob"))
    }

    /// P22, A5: a late bounce is shown beside the outcome; the run's totals and outcomes stay.
    #[test]
    fn late_bounce_changes_no_outcome() {
        let message_id = format!("<{}.0@acme.boarding.invalid>", run_id(1));
        let bounced = RecordDelivery {
            message_id,
            delivery: Delivery::BouncedHard,
            code: Some("5.1.1".to_owned()),
        };
        let before = everybody_sent();
        assert_eq!(before.when(bounced.clone()).names(), ["DeliveryRecorded"]);
        let after = everybody_sent().after(bounced);
        let (old, new) = (&before.0.runs[&run_id(1)], &after.0.runs[&run_id(1)]);
        assert_eq!(old, new);
        assert!(after.0.is_suppressed(AddressMark::of("Ann@acme.example")));
    }

    #[test]
    fn delivery_of_an_unknown_mail_is_rejected() {
        for message_id in ["", "x", "01JD0000000000000000000000.0@acme"] {
            let delivery = RecordDelivery {
                message_id: message_id.to_owned(),
                delivery: Delivery::Delivered,
                code: None,
            };
            everybody_sent().when(delivery).then_refused(Code::InvitationNotFound);
        }
    }

    /// A mail that may have been sent can arrive; one that never left cannot.
    #[test]
    fn uncertain_mail_arrives_by_its_delivery_report() {
        use crate::decide::ReportRecipients;
        use crate::decide::outcome::MailOutcome;
        use crate::decide::testing::who;
        use crate::event::Channel;
        let fence = a_running_run().len() as u64;
        let claim = ClaimRecipients { run: run_id(1), fence, most: 9, via: "outbox" };
        let failed = |key: &str, outcome| (who(key), 1, outcome);
        let reports = vec![
            failed("ann", MailOutcome::uncertain("lost")),
            failed("bob", MailOutcome::skipped(Code::DeliverySuppressed)),
        ];
        let report = ReportRecipients { run: run_id(1), fence, reports };
        let company = given(a_running_run()).after(claim).after(report);
        let delivered = |place: u32| RecordDelivery {
            message_id: format!("{}.{place}", run_id(1)),
            delivery: Delivery::Delivered,
            code: None,
        };
        company.when(delivered(1)).then_refused(Code::InvitationNotFound);
        let link = |company: &Given| company.0.users.find("ann").unwrap().1.link(Channel::Whatsapp);
        assert!(link(&company).is_uncertain());
        let company = company.after(delivered(0));
        assert!(link(&company).arrived && !link(&company).is_uncertain());
    }

    #[test]
    fn message_id_is_limited() {
        let with_length = |length: usize| {
            let message_id = format!("{}.0@{}", run_id(1), "x".repeat(length));
            let message_id = message_id[..length].to_owned();
            everybody_sent().when(RecordDelivery {
                message_id,
                delivery: Delivery::Delivered,
                code: None,
            })
        };
        assert_eq!(with_length(MAX_TEXT_CHARS).names(), ["DeliveryRecorded"]);
        with_length(MAX_TEXT_CHARS + 1).then_refused(Code::InvitationNotFound);
    }
}
