//! The time limits of a conversation with a mail server.

use std::time::Duration;

/// The time limits of an SMTP session.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// DNS, connection, greeting, TLS and log-in together.
    pub connect: Duration,
    /// One command and its reply. RFC 5321 allows minutes, but a healthy server needs seconds.
    pub command: Duration,
    /// The content and the reply to its last dot: ten minutes as in RFC 5321, 4.5.3.2.6, because a time-out here
    /// makes the outcome uncertain.
    pub data: Duration,
}

impl Default for Timeouts {
    /// The sum is less than the recipient deadline of 15 minutes.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            command: Duration::from_secs(60),
            data: Duration::from_secs(600),
        }
    }
}
