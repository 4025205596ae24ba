//! The outcome of one attempt to send a mail to a person.

use crate::values::Code;

/// The transport that gives invitations to workers outside the engine, by name.
pub const TO_WORKERS: &str = "nats";

/// The transport that gives text messages to a text gateway outside the engine, by name.
pub const TO_TEXT_WORKERS: &str = "nats-text";

/// The outcome of one attempt. A transport, a worker or the claim returns it. The rules turn it into events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailOutcome {
    /// The mail was accepted.
    Sent {
        /// The Message-ID that the worker chose. None for the engine's own.
        message_id: Option<String>,
    },
    /// The person does not need the mail.
    Skipped { code: Code, detail: Option<String> },
    /// The mail was certainly not accepted; a retry may help.
    Retry { code: Code, detail: Option<String> },
    /// The mail was not accepted, or its outcome is unknown. There is no retry.
    Failed { code: Code, detail: Option<String> },
}

impl MailOutcome {
    /// Accepted, with the Message-ID of the engine.
    pub const SENT: Self = Self::Sent { message_id: None };

    pub fn skipped(code: Code) -> Self {
        Self::Skipped { code, detail: None }
    }

    pub fn failed(code: Code) -> Self {
        Self::Failed { code, detail: None }
    }

    /// A temporary failure of the transport.
    pub fn retry(detail: impl Into<String>) -> Self {
        Self::Retry { code: Code::DeliveryTemporaryFailure, detail: Some(detail.into()) }
    }

    /// The transport cannot be used now; this says nothing about the mail.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::Retry { code: Code::DeliveryServerUnavailable, detail: Some(detail.into()) }
    }

    /// The mail may have been accepted. There is no retry: the person could get the mail twice.
    pub fn uncertain(detail: impl Into<String>) -> Self {
        Self::Failed { code: Code::DeliveryUncertain, detail: Some(detail.into()) }
    }

    /// Removes the text of the outcome. Returns whether there was a text.
    ///
    /// A report that is too large for a commit is appended without its text, so that its outcome is not lost.
    pub fn drop_detail(&mut self) -> bool {
        match self {
            Self::Sent { message_id } => message_id.take().is_some(),
            Self::Skipped { detail, .. }
            | Self::Retry { detail, .. }
            | Self::Failed { detail, .. } => detail.take().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_an_outcome_is_dropped_once() {
        let detail = Some("451 try later".to_owned());
        let code = Code::DeliveryRefused;
        let outcomes = [
            MailOutcome::Sent { message_id: detail.clone() },
            MailOutcome::Skipped { code, detail: detail.clone() },
            MailOutcome::Failed { code, detail },
            MailOutcome::retry("451 try later"),
        ];
        for mut outcome in outcomes {
            assert!(outcome.drop_detail(), "{outcome:?}");
            assert!(!outcome.drop_detail(), "{outcome:?}");
        }
    }
}
