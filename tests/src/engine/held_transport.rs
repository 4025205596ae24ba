//! A transport whose mails wait until the test releases them.

use std::sync::{Arc, Mutex};

use boarding_core::delivery::mail::Mail;
use boarding_core::delivery::{DeliveryFuture, Transport, TransportAnswer};
use tokio::sync::{Semaphore, watch};

/// Answers a mail only after the test has released it.
#[derive(Debug)]
pub(super) struct HeldTransport {
    released: Semaphore,
    arrived: watch::Sender<usize>,
    mails: Mutex<Vec<Mail>>,
    deduplicates: bool,
    /// The answer to every mail.
    answer: TransportAnswer,
}

impl HeldTransport {
    pub(super) fn new(deduplicates: bool) -> Arc<Self> {
        Self::answering(deduplicates, TransportAnswer::SENT)
    }

    pub(super) fn answering(deduplicates: bool, answer: TransportAnswer) -> Arc<Self> {
        Arc::new(Self {
            released: Semaphore::new(0),
            arrived: watch::Sender::new(0),
            mails: Mutex::default(),
            deduplicates,
            answer,
        })
    }

    /// Releases all waiting and all later mails.
    pub(super) fn release_all(&self) {
        self.released.add_permits(1_000_000);
    }

    /// Releases this many mails.
    pub(super) fn release(&self, mails: usize) {
        self.released.add_permits(mails);
    }

    /// Waits until the engine has handed over this many mails in total.
    pub(super) async fn wait_for_mails(&self, mails: usize) {
        self.arrived.subscribe().wait_for(|arrived| *arrived >= mails).await.unwrap();
    }

    /// All mails that the engine has handed over, in order.
    pub(super) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

impl Transport for HeldTransport {
    fn name(&self) -> &'static str {
        "held"
    }

    fn deduplicates(&self) -> bool {
        self.deduplicates
    }

    fn in_flight(&self) -> usize {
        4
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        Box::pin(async move {
            let count = mails.len();
            self.mails.lock().unwrap().extend(mails);
            self.arrived.send_modify(|arrived| *arrived += count);
            let mut sent = Vec::new();
            for _ in 0..count {
                self.released.acquire().await.unwrap().forget();
                sent.push(self.answer.clone());
            }
            sent
        })
    }
}
