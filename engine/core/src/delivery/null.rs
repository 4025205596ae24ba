//! The channel that does nothing, for measuring everything else.

use super::{Channel, DeliveryFuture, DeliveryOutcome};
use crate::delivery::mail::Mail;

/// As many as a commit may claim.
const IN_FLIGHT_MAILS: usize = 500;

/// Takes every mail and keeps none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullChannel;

impl Channel for NullChannel {
    fn name(&self) -> &'static str {
        "null"
    }

    fn deduplicates(&self) -> bool {
        true
    }

    fn in_flight(&self) -> usize {
        IN_FLIGHT_MAILS
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        Box::pin(std::future::ready(vec![DeliveryOutcome::Sent; mails.len()]))
    }
}
