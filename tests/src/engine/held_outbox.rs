//! An outbox whose writer is interrupted: it writes some mails of a batch and never answers.

use std::path::Path;
use std::sync::Arc;

use boarding_commands::event::OutboxId;
use boarding_core::delivery::mail::{Mail, MailId};
use boarding_core::delivery::outbox::Outbox;
use boarding_core::delivery::{DeliveryFuture, LookupFuture, Transport};
use tokio::sync::watch;

/// Writes every second mail of a batch, from the first, and never answers.
#[derive(Debug)]
pub(super) struct HeldOutbox {
    outbox: Outbox,
    arrived: watch::Sender<usize>,
}

impl HeldOutbox {
    pub(super) fn open(folder: &Path) -> Arc<Self> {
        let outbox = Outbox::open(folder).unwrap();
        Arc::new(Self { outbox, arrived: watch::Sender::new(0) })
    }

    /// Waits until the engine has handed over this many mails, and every second one is written.
    pub(super) async fn wait_for_mails(&self, mails: usize) {
        self.arrived.subscribe().wait_for(|arrived| *arrived >= mails).await.unwrap();
    }
}

impl Transport for HeldOutbox {
    fn name(&self) -> &'static str {
        self.outbox.name()
    }

    fn deduplicates(&self) -> bool {
        self.outbox.deduplicates()
    }

    fn outbox(&self) -> Option<OutboxId> {
        self.outbox.outbox()
    }

    fn look_up(&self, mails: Vec<MailId>) -> LookupFuture<'_> {
        self.outbox.look_up(mails)
    }

    fn texts(&self) -> Option<&dyn Transport> {
        Some(self)
    }

    fn in_flight(&self) -> usize {
        self.outbox.in_flight()
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        Box::pin(async move {
            let count = mails.len();
            self.outbox.send_batch(mails.into_iter().step_by(2).collect()).await;
            self.arrived.send_modify(|arrived| *arrived += count);
            std::future::pending().await
        })
    }
}
