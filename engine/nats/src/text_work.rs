//! Text messages for a text gateway outside the engine: one work item each, on `work.text`.

use std::fmt;

use boarding_commands::decide::outcome::{MailOutcome, TO_TEXT_WORKERS};
use boarding_commands::values::{Code, CompanyId, Phone, RunId, Time, UserKey};
use futures_util::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::{
    TEXT_REMINDER_WAIT_SECONDS, WORK_CLAIM_SECONDS_MAX, WORK_IN_FLIGHT, WORK_OPEN_MAX,
};
use crate::names::TEXT_LANE;
use crate::worker_queue::{HandOver, QueuedMessage, WorkQueue};
use boarding_core::delivery::mail::{Mail, Purpose};
use boarding_core::delivery::{DeliveryFuture, Transport, TransportAnswer};

/// One text message to send, as JSON: send the `text` to the `number`, once.
///
/// An invitation has a `report`: the gateway reports `InviteSent`, `UserSkipped` or `InviteFailed` with the `user` and
/// the fields given there. After the `deadline` it must not send the text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TextItem {
    pub company: CompanyId,
    pub user: UserKey,
    /// Unique for each text of the company, and the same at every attempt.
    pub message_id: String,
    pub deadline: Time,
    /// Null for a reminder, which has no report.
    pub report: Option<ReportKeys>,
    pub number: Phone,
    /// The person's name. May be empty.
    pub name: String,
    /// The language of the wording: a BCP 47 tag.
    pub language: String,
    pub text: String,
    /// The personal link, which is in the text as well. Every holder of the link can use it.
    pub link: String,
    /// When the link ends, if it is sent now.
    pub expires_at: Time,
}

/// What the report on a text message names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportKeys {
    pub run: RunId,
    pub attempt: u32,
    pub fence: u64,
}

impl fmt::Debug for TextItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextItem({} of {})", self.message_id, self.company)
    }
}

impl TextItem {
    /// The work item of a text message; `None` for a mail.
    pub fn of(mail: Mail) -> Option<Self> {
        let text = mail.text_message?;
        let claim = mail.invitation.map(|invitation| invitation.claim);
        let report = claim.as_ref().map(|claim| ReportKeys {
            run: claim.run,
            attempt: claim.attempt,
            fence: claim.fence,
        });
        Some(Self {
            company: mail.company,
            user: text.user,
            message_id: mail.message_id,
            deadline: claim.map_or(text.expires_at, |claim| claim.deadline),
            report,
            number: *text.number,
            name: mail.to_name,
            language: text.language,
            text: mail.content.text,
            link: text.link.into_inner(),
            expires_at: text.expires_at,
        })
    }
}

/// The transport of text messages: queues them for a text gateway on NATS.
#[derive(Debug, Clone)]
pub struct TextQueue(WorkQueue);

impl TextQueue {
    pub fn new(work: WorkQueue) -> Self {
        Self(work)
    }

    async fn hand_over(&self, mail: Mail) -> TransportAnswer {
        let is_invitation = matches!(mail.purpose, Purpose::Run(_));
        if is_invitation && mail.invitation.is_none() {
            // The attempt has ended, so the text is not queued.
            return TransportAnswer::HandedOver;
        }
        let Some(item) = TextItem::of(mail) else {
            return MailOutcome::failed(Code::DeliveryRefused).into();
        };
        let Ok(payload) = serde_json::to_vec(&item) else {
            return MailOutcome::failed(Code::DeliveryRefused).into();
        };
        let queued = QueuedMessage {
            company: &item.company,
            lane: TEXT_LANE,
            message_id: &item.message_id,
            attempt: item.report.as_ref().map_or(1, |report| report.attempt),
            deadline: item.deadline,
            payload,
        };
        // An invitation is retried until its deadline. A reminder gives up earlier, because it has another attempt.
        let wait = (!is_invitation).then_some(TEXT_REMINDER_WAIT_SECONDS);
        match self.0.queue(&queued, wait).await {
            // The gateway reports on an invitation, or the deadline ends the attempt.
            HandOver::Done | HandOver::TooLate if is_invitation => TransportAnswer::HandedOver,
            // A reminder has no report, so it counts as sent once it is queued.
            HandOver::Done => TransportAnswer::SENT,
            // A repeat is safe: the queue records each Message-ID.
            HandOver::TooLate => {
                MailOutcome::unavailable("the text could not be queued on NATS").into()
            }
            HandOver::TooLarge => {
                let detail = Some("the text is larger than a message may be".to_owned());
                MailOutcome::Failed { code: Code::DeliveryRefused, detail }.into()
            }
        }
    }
}

impl Transport for TextQueue {
    fn name(&self) -> &'static str {
        TO_TEXT_WORKERS
    }

    fn deduplicates(&self) -> bool {
        // The worker queue records each attempt and rejects a second one.
        true
    }

    fn repeats_within_seconds(&self, _: Purpose) -> u64 {
        WORK_CLAIM_SECONDS_MAX
    }

    fn remembers_for_all_engines(&self, _: Purpose) -> bool {
        true
    }

    fn hands_over(&self) -> bool {
        true
    }

    fn in_flight(&self) -> usize {
        WORK_OPEN_MAX
    }

    fn dependency(&self) -> &'static str {
        "text gateway"
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        Box::pin(async move {
            let answers = stream::iter(mails).map(|mail| self.hand_over(mail));
            // `buffered` keeps the order of the mails, as the contract of a transport requires.
            answers.buffered(WORK_IN_FLIGHT).collect().await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The JSON of a text message is a contract with gateways, down to the order of the keys.
    const JSON: &str = concat!(
        r#"{"company":"acme","user":"+84923448071","message_id":"m@acme.boarding.invalid","#,
        r#""deadline":"1970-01-01T00:00:01.000Z","#,
        r#""report":{"run":"00000000000000000000000001","attempt":2,"fence":7},"#,
        r#""number":"+84923448071","name":"Ann","language":"en","text":"Open https://link.example/t","#,
        r#""link":"https://link.example/t","expires_at":"1970-01-01T00:00:02.000Z"}"#,
    );

    #[test]
    fn a_text_item_keeps_its_json() {
        let item: TextItem = serde_json::from_str(JSON).unwrap();
        assert_eq!(serde_json::to_string(&item).unwrap(), JSON);
        assert!(!format!("{item:?}").contains("8492"));
    }
}
