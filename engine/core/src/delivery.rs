//! Transports: send mails and report the outcome of each.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::event::OutboxId;

use crate::delivery::mail::{Mail, MailError, MailId, Purpose};

pub mod mail;
pub mod null;
pub mod outbox;
mod qr_code;
pub mod smtp;
mod text_file;
pub mod text_gateway;
pub mod token;

/// The answer of a transport to one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportAnswer {
    /// The attempt is over. An unknown outcome is [`MailOutcome::uncertain`].
    Outcome(MailOutcome),
    /// An external worker has the mail. It reports by command, or the deadline passes.
    HandedOver,
}

impl TransportAnswer {
    pub const SENT: Self = Self::Outcome(MailOutcome::SENT);
}

impl From<MailOutcome> for TransportAnswer {
    fn from(outcome: MailOutcome) -> Self {
        Self::Outcome(outcome)
    }
}

impl From<MailError> for MailOutcome {
    fn from(error: MailError) -> Self {
        Self::Failed { code: error.code(), detail: Some(error.to_string()) }
    }
}

/// The future of a batch: outcomes in the order of the mails.
pub type DeliveryFuture<'a> = Pin<Box<dyn Future<Output = Vec<TransportAnswer>> + Send + 'a>>;

/// What a transport knows about a mail of an earlier process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The receiver has stored the whole mail durably.
    Delivered,
    /// The mail was certainly not delivered, and may be sent again.
    NotDelivered,
    Unknown,
}

/// The future of a lookup: answers in the order of the mails.
pub type LookupFuture<'a> = Pin<Box<dyn Future<Output = Vec<Lookup>> + Send + 'a>>;

/// The future of a check: the cause, if the transport cannot send now.
pub type ReadyFuture<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// A transport for mails.
///
/// * `send_batch` returns one outcome per mail, in order, and never fails as a whole.
/// * [`MailOutcome::Sent`] means that the receiver has stored the mail durably.
/// * A failure means that the person certainly gets nothing from this attempt. If that is unknown, the transport
///   returns [`MailOutcome::uncertain`]. Such a mail is sent again only if the transport `deduplicates`.
/// * Dropping the future leaves the outcomes of its mails unknown, like a crash.
/// * Logs and outcomes never contain the text, link or address of a mail.
pub trait Transport: Send + Sync + fmt::Debug {
    /// The name of the transport.
    fn name(&self) -> &'static str;

    /// Whether a repeated Message-ID never reaches the person twice.
    fn deduplicates(&self) -> bool;

    /// Whether it sends mails by a mail server. Then a placeholder as link or sender is refused.
    fn is_mail_server(&self) -> bool {
        false
    }

    /// How long after its claim a mail may be sent again with its Message-ID, in seconds; 0 means never.
    fn repeats_within_seconds(&self, _: Purpose) -> u64 {
        if self.deduplicates() { u64::MAX } else { 0 }
    }

    /// Whether deduplication covers mails of other engines too.
    fn remembers_for_all_engines(&self, _: Purpose) -> bool {
        false
    }

    /// The id of the outbox that keeps its mails; none for a transport that keeps none.
    fn outbox(&self) -> Option<OutboxId> {
        None
    }

    /// The transport of mails that are no invitations, if another one sends them.
    fn for_notifications(&self) -> Option<&dyn Transport> {
        None
    }

    /// Looks up mails that an earlier process may have handed over. It reads only what these mails may have written,
    /// so its cost does not depend on the number of mails that were delivered before.
    fn look_up(&self, mails: Vec<MailId>) -> LookupFuture<'_> {
        Box::pin(std::future::ready(vec![Lookup::Unknown; mails.len()]))
    }

    /// The transport of text messages to devices; none if it can send none.
    fn texts(&self) -> Option<&dyn Transport> {
        None
    }

    /// Whether it returns [`TransportAnswer::HandedOver`]. Then claims stay open after sending, and count against
    /// the limit of claims in flight.
    fn hands_over(&self) -> bool {
        false
    }

    /// What a run waits for while the transport cannot send, in words for people.
    fn dependency(&self) -> &'static str {
        "mail server"
    }

    /// Checks without a mail whether the transport can send now.
    fn ready(&self) -> ReadyFuture<'_> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The most open claims at once, in mails: more would only wait.
    fn in_flight(&self) -> usize;

    /// The most claims that external workers have at once, in mails.
    fn handed_over_max(&self) -> usize {
        self.in_flight()
    }

    /// Starts nothing new: mails that have not reached a connection are reported as not sent.
    fn wind_down(&self) {}

    /// Sends mails and returns one outcome per mail.
    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_>;
}
