//! The time limits of a conversation with a mail server.

use std::time::Duration;

/// How long each part of a conversation may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Name, connection, greeting, TLS and log-in together.
    pub connect: Duration,
    /// One command and its answer. RFC 5321 would give minutes; a relay that needs them is not well.
    pub command: Duration,
    /// The mail itself and the answer to its last dot (RFC 5321, 4.5.3.2.6: ten minutes, since giving
    /// up here leaves the mail in doubt).
    pub data: Duration,
}

impl Default for Timeouts {
    /// Together less than a recipient's deadline of 15 minutes.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            command: Duration::from_secs(60),
            data: Duration::from_secs(600),
        }
    }
}
