//! Channels: what takes a mail out of the engine and says what became of it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use boarding_commands::values::Code;

use crate::delivery::mail::{Mail, MailError, Purpose};

pub mod mail;
pub mod null;
pub mod outbox;
pub mod smtp;
pub mod token;

/// What became of a mail. There is always an answer; a channel that does not know says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It was handed over for good.
    Sent,
    /// It was surely not handed over; it may be tried again.
    TemporaryFailure { code: Code, detail: String },
    /// It was surely not handed over, and trying again would not help.
    PermanentFailure { code: Code, detail: String },
    /// It may or may not have been handed over.
    Uncertain { detail: String },
    /// Somebody outside has it in hand and will report by command, or its deadline passes.
    HandedOver,
}

impl DeliveryOutcome {
    pub(crate) fn later(detail: impl Into<String>) -> Self {
        Self::TemporaryFailure { code: Code::DeliveryTemporaryFailure, detail: detail.into() }
    }
}

impl From<MailError> for DeliveryOutcome {
    fn from(error: MailError) -> Self {
        Self::PermanentFailure { code: error.code(), detail: error.to_string() }
    }
}

/// The answers to a batch, in its order.
pub type DeliveryFuture<'a> = Pin<Box<dyn Future<Output = Vec<DeliveryOutcome>> + Send + 'a>>;

/// A way out for mails.
///
/// * `send_batch` answers every mail, in order, and never fails as a whole.
/// * [`DeliveryOutcome::Sent`] means durable on the other side; what a power cut here does then is no matter.
/// * A failure, temporary or permanent, means that the person surely gets nothing from this attempt.
///   A channel that cannot tell answers [`DeliveryOutcome::Uncertain`]: such a mail is not sent again unless the
///   channel `deduplicates`.
/// * Dropping the future leaves mails without an answer in doubt, like a crash.
/// * Nothing a channel logs or answers carries a mail's text, link or address.
pub trait Channel: Send + Sync + fmt::Debug {
    /// Its name in logs.
    fn name(&self) -> &'static str;

    /// Whether sending a Message-ID again cannot reach the person twice.
    fn deduplicates(&self) -> bool;

    /// How long after the claim a mail may be sent again under its Message-ID, in seconds; 0 is never.
    fn repeats_within_seconds(&self, _: Purpose) -> u64 {
        if self.deduplicates() { u64::MAX } else { 0 }
    }

    /// Whether what another engine sent by this channel counts as sent here too.
    fn remembers_for_all_engines(&self, _: Purpose) -> bool {
        false
    }

    /// Whether it answers [`DeliveryOutcome::HandedOver`]: then claims stay open after they are answered, and the
    /// limit of those in flight holds for them as well.
    fn hands_over(&self) -> bool {
        false
    }

    /// How many claims may be open at once, in mails: more would only wait.
    fn in_flight(&self) -> usize;

    /// Sends the mails; answers one for one.
    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_>;
}
