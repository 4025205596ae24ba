//! A channel that a test holds in its hand: mails wait in it until it is opened.

use std::sync::{Arc, Mutex};

use boarding_core::delivery::mail::Mail;
use boarding_core::delivery::{Channel, Sending, Sent};
use tokio::sync::{Semaphore, watch};

/// Answers a mail only when the test lets it.
#[derive(Debug)]
pub(super) struct HeldChannel {
    places: Semaphore,
    arrived: watch::Sender<usize>,
    mails: Mutex<Vec<Mail>>,
    deduplicates: bool,
    /// The answer to a mail; always the same.
    answer: Sent,
}

impl HeldChannel {
    pub(super) fn new(deduplicates: bool) -> Arc<Self> {
        Self::answering(deduplicates, Sent::Sent)
    }

    pub(super) fn answering(deduplicates: bool, answer: Sent) -> Arc<Self> {
        Arc::new(Self {
            places: Semaphore::new(0),
            arrived: watch::Sender::new(0),
            mails: Mutex::default(),
            deduplicates,
            answer,
        })
    }

    /// Lets through what waits and whatever comes.
    pub(super) fn release_all(&self) {
        self.places.add_permits(1_000_000);
    }

    /// Lets this many mails through.
    pub(super) fn release(&self, mails: usize) {
        self.places.add_permits(mails);
    }

    /// Waits until so many mails have come to the channel.
    pub(super) async fn wait_for_mails(&self, mails: usize) {
        self.arrived.subscribe().wait_for(|arrived| *arrived >= mails).await.unwrap();
    }

    /// What has come to the channel, in order.
    pub(super) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

impl Channel for HeldChannel {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn deduplicates(&self) -> bool {
        self.deduplicates
    }

    fn in_flight(&self) -> usize {
        4
    }

    fn send_batch(&self, mails: Vec<Mail>) -> Sending<'_> {
        Box::pin(async move {
            let count = mails.len();
            self.mails.lock().unwrap().extend(mails);
            self.arrived.send_modify(|arrived| *arrived += count);
            let mut sent = Vec::new();
            for _ in 0..count {
                self.places.acquire().await.unwrap().forget();
                sent.push(self.answer.clone());
            }
            sent
        })
    }
}
