//! A request without a response: whether it may have arrived, and what to do.

use std::io::ErrorKind;

use serde_json::json;
use ureq::{Error, Timeout};

use crate::cli::failure::Failure;

/// Why a request has no response.
#[derive(Debug)]
pub(super) struct Lost(Error);

impl Lost {
    pub(super) fn of(error: Error) -> Self {
        Self(error)
    }

    /// Whether the request was sent and the connection broke before the answer. An engine that stops does this.
    pub(super) fn is_unanswered(&self) -> bool {
        use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match &self.0 {
            Error::Io(error) => matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
            ),
            _ => false,
        }
    }

    /// Whether the request has certainly not arrived.
    fn is_unsent(&self) -> bool {
        match &self.0 {
            // The connection was refused, or the name is unknown: such an error has no kind of its own.
            Error::Io(error) => !self.is_unanswered() && error.kind() != ErrorKind::TimedOut,
            Error::HostNotFound
            | Error::ConnectionFailed
            | Error::Timeout(Timeout::Resolve | Timeout::Connect)
            | Error::BadUri(_)
            | Error::InvalidProxyUrl
            | Error::Tls(_)
            | Error::Rustls(_) => true,
            _ => false,
        }
    }

    /// The failure of a verb whose request to this address has no response. `may_have_arrived` says whether an earlier
    /// try of the request was sent.
    pub(super) fn failure(&self, base: &str, may_have_arrived: bool) -> Failure {
        let why = boarding_log::error_chain(&self.0);
        if matches!(self.0, Error::Protocol(_) | Error::Http(_)) {
            return Failure::Unavailable(format!(
                "{base} does not answer over HTTP and is no Boarding engine ({why}); check --url"
            ));
        }
        if self.is_unsent() && !may_have_arrived {
            return Failure::Unavailable(format!(
                "cannot reach the engine at {base}: {why}\n  check --url; the engine answers there if it was started with: boarding serve --http ADDR"
            ));
        }
        let message = format!("the engine at {base} did not answer: {why}");
        let document =
            json!({"outcome": "failed", "code": "unavailable", "message": message, "retry": true});
        Failure::Failed { document, message }
    }
}
