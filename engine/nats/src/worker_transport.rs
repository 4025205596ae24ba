//! The transport `nats`: queues invitations for external workers, passes other mails to another transport.

use std::sync::Arc;

use boarding_commands::decide::outcome::{MailOutcome, TO_WORKERS};
use boarding_commands::values::Code;
use futures_util::{StreamExt as _, stream};

use crate::limits::{WORK_CLAIM_SECONDS_MAX, WORK_IN_FLIGHT, WORK_OPEN_MAX};
use crate::text_work::TextQueue;
use crate::worker_queue::{HandOver, WorkItem, WorkQueue};
use boarding_core::delivery::mail::{Mail, Purpose};
use boarding_core::delivery::{DeliveryFuture, Transport, TransportAnswer};

/// Queues invitations for external workers. Each attempt is queued once, even after retries.
#[derive(Debug)]
pub struct WorkerTransport {
    work: WorkQueue,
    /// The transport of mails that are not invitations.
    mail: Arc<dyn Transport>,
    texts: TextQueue,
}

impl WorkerTransport {
    pub fn new(work: WorkQueue, mail: Arc<dyn Transport>) -> Self {
        let texts = TextQueue::new(work.clone());
        Self { work, mail, texts }
    }

    /// Queues one invitation. The queue retries after faults until the deadline of the recipient, so no fault is
    /// reported here.
    async fn hand_over(&self, mail: Mail) -> TransportAnswer {
        // A mail without a claim needs no work: its attempt has ended.
        let Some(item) = WorkItem::of(mail) else { return TransportAnswer::HandedOver };
        match self.work.hand_over(&item).await {
            HandOver::Done | HandOver::TooLate => TransportAnswer::HandedOver,
            HandOver::TooLarge => {
                let detail = "the invitation is larger than a message may be; shorten the template";
                let detail = Some(detail.to_owned());
                MailOutcome::Failed { code: Code::DeliveryRefused, detail }.into()
            }
        }
    }
}

impl Transport for WorkerTransport {
    fn name(&self) -> &'static str {
        TO_WORKERS
    }

    fn deduplicates(&self) -> bool {
        // The worker queue records each attempt and rejects a second one.
        true
    }

    fn repeats_within_seconds(&self, purpose: Purpose) -> u64 {
        match purpose {
            Purpose::Run(_) => WORK_CLAIM_SECONDS_MAX,
            Purpose::Welcome | Purpose::Notification => self.mail.repeats_within_seconds(purpose),
        }
    }

    fn remembers_for_all_engines(&self, purpose: Purpose) -> bool {
        matches!(purpose, Purpose::Run(_))
    }

    fn for_notifications(&self) -> Option<&dyn Transport> {
        Some(&*self.mail)
    }

    fn texts(&self) -> Option<&dyn Transport> {
        Some(&self.texts)
    }

    fn hands_over(&self) -> bool {
        true
    }

    fn in_flight(&self) -> usize {
        WORK_OPEN_MAX
    }

    fn wind_down(&self) {
        self.mail.wind_down();
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        Box::pin(async move {
            // A batch holds invitations of one run, or only other mails.
            if mails.first().is_some_and(|mail| !matches!(mail.purpose, Purpose::Run(_))) {
                return self.mail.send_batch(mails).await;
            }
            let answers = stream::iter(mails).map(|mail| self.hand_over(mail));
            // `buffered` keeps the order of the mails, as the contract of a transport requires.
            answers.buffered(WORK_IN_FLIGHT).collect().await
        })
    }
}
