//! A request without a response: whether it may have arrived, and what to do.

use std::io::ErrorKind;

use serde_json::json;
use ureq::{Error, Timeout};

use crate::cli::failure::Failure;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It changes nothing of a company.
    Read,
    /// It sends a command, which may be stored although its answer is lost.
    Command,
}

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

    /// Whether the request has certainly not arrived: the name is unknown, or there was no connection.
    pub(super) fn is_unsent(&self) -> bool {
        use ErrorKind::{
            AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable,
        };
        match &self.0 {
            Error::Io(error) => {
                let kinds = [
                    AddrNotAvailable,
                    ConnectionRefused,
                    HostUnreachable,
                    NetworkDown,
                    NetworkUnreachable,
                ];
                // The library reports an unknown name under a general kind.
                kinds.contains(&error.kind())
                    || error.to_string().starts_with("failed to lookup address")
                    || self.is_certificate()
            }
            Error::HostNotFound
            | Error::ConnectionFailed
            | Error::Timeout(Timeout::Resolve | Timeout::Connect)
            | Error::BadUri(_)
            | Error::InvalidProxyUrl => true,
            _ => self.is_certificate(),
        }
    }

    /// Whether the certificate of the server was not accepted.
    fn is_certificate(&self) -> bool {
        boarding_log::error_chain(&self.0).contains("invalid peer certificate")
    }

    /// The failure of a verb whose request to this address has no response. `may_have_arrived` says whether an earlier
    /// try of the request was sent.
    pub(super) fn failure(&self, base: &str, may_have_arrived: bool, purpose: Purpose) -> Failure {
        let why = boarding_log::error_chain(&self.0);
        if self.is_unsent() && !may_have_arrived {
            let advice = match self.is_certificate() {
                true => {
                    "if an authority of your own has signed the certificate: set SSL_CERT_FILE to the file with the certificate of that authority"
                }
                false => {
                    "check --url; the engine answers there if it was started with: boarding serve --http ADDR"
                }
            };
            return Failure::Unavailable(format!(
                "cannot reach the engine at {base}: {why}\n  {advice}"
            ));
        }
        match self.0 {
            Error::Protocol(_) | Error::Http(_) if purpose == Purpose::Read => {
                Failure::Unavailable(format!(
                    "{base} does not answer over HTTP and is no Boarding engine ({why}); check --url"
                ))
            }
            Error::BodyExceedsLimit(bytes) => failed(format!(
                "the answer of the server at {base} is larger than {} MiB, which is the limit",
                bytes / (1024 * 1024)
            )),
            _ => failed(format!("the engine at {base} did not answer: {why}")),
        }
    }
}

/// A failure with a document, as an engine sends one.
pub(super) fn failed(message: String) -> Failure {
    let document =
        json!({"outcome": "failed", "code": "unavailable", "message": message, "retry": true});
    Failure::Failed { document, message }
}
