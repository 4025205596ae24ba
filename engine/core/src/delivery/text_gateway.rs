//! A transport of mails with a transport of text messages beside it.

use std::sync::Arc;

use boarding_commands::event::OutboxId;

use super::{DeliveryFuture, LookupFuture, ReadyFuture, Transport};
use crate::delivery::mail::{Mail, MailId, Purpose};

/// Sends mails by one transport and text messages by another. Its name is the name of the transport of mails.
#[derive(Debug)]
pub struct WithTextGateway {
    mails: Arc<dyn Transport>,
    texts: Arc<dyn Transport>,
}

impl WithTextGateway {
    pub fn new(mails: Arc<dyn Transport>, texts: Arc<dyn Transport>) -> Self {
        Self { mails, texts }
    }
}

impl Transport for WithTextGateway {
    fn name(&self) -> &'static str {
        self.mails.name()
    }

    fn deduplicates(&self) -> bool {
        self.mails.deduplicates()
    }

    fn is_mail_server(&self) -> bool {
        self.mails.is_mail_server()
    }

    fn repeats_within_seconds(&self, purpose: Purpose) -> u64 {
        self.mails.repeats_within_seconds(purpose)
    }

    fn remembers_for_all_engines(&self, purpose: Purpose) -> bool {
        self.mails.remembers_for_all_engines(purpose)
    }

    fn outbox(&self) -> Option<OutboxId> {
        self.mails.outbox()
    }

    fn for_notifications(&self) -> Option<&dyn Transport> {
        self.mails.for_notifications()
    }

    fn look_up(&self, mails: Vec<MailId>) -> LookupFuture<'_> {
        self.mails.look_up(mails)
    }

    fn texts(&self) -> Option<&dyn Transport> {
        Some(&*self.texts)
    }

    fn hands_over(&self) -> bool {
        self.mails.hands_over() || self.texts.hands_over()
    }

    fn handed_over_max(&self) -> usize {
        self.mails.handed_over_max().max(self.texts.handed_over_max())
    }

    fn dependency(&self) -> &'static str {
        self.mails.dependency()
    }

    fn ready(&self) -> ReadyFuture<'_> {
        self.mails.ready()
    }

    fn in_flight(&self) -> usize {
        self.mails.in_flight()
    }

    fn wind_down(&self) {
        self.mails.wind_down();
        self.texts.wind_down();
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        self.mails.send_batch(mails)
    }
}
