//! A transport that discards mails, for benchmarks.

use super::{DeliveryFuture, Transport, TransportAnswer};
use crate::delivery::mail::Mail;

/// The most claims of one commit.
const IN_FLIGHT_MAILS: usize = 500;

/// Accepts every mail and discards it.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullTransport;

impl Transport for NullTransport {
    fn name(&self) -> &'static str {
        "null"
    }

    fn deduplicates(&self) -> bool {
        true
    }

    fn texts(&self) -> Option<&dyn Transport> {
        Some(self)
    }

    fn in_flight(&self) -> usize {
        IN_FLIGHT_MAILS
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        Box::pin(std::future::ready(vec![TransportAnswer::SENT; mails.len()]))
    }
}
