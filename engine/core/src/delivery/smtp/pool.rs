//! The pool of SMTP connections; each is used a limited number of times.

use std::sync::Mutex;
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;

use super::server::SmtpServer;
use super::talk;
use super::timeouts::Timeouts;

/// The most mails per connection: servers behind one name balance new connections.
const MAILS_PER_CONNECTION: u32 = 100;
/// The time limit of the check of an idle connection: opening a new one is faster.
const ALIVE_WITHIN: Duration = Duration::from_secs(5);

/// An open connection and the number of its mails.
pub(super) struct Connection {
    pub(super) line: AsyncSmtpConnection,
    mails: u32,
}

/// Idle connections. The permits of the transport limit the number of all connections.
pub(super) struct Pool {
    server: SmtpServer,
    timeouts: Timeouts,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(super) fn new(server: SmtpServer, timeouts: Timeouts) -> Self {
        Self { server, timeouts, idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Returns a checked idle connection, or a new one.
    ///
    /// # Errors
    /// A text with the cause, for the operator.
    pub(super) async fn take(&self) -> Result<Connection, String> {
        while let Some(mut connection) = self.idle_one() {
            if talk::reset(&mut connection.line, ALIVE_WITHIN).await {
                return Ok(connection);
            }
        }
        let line = talk::connect(&self.server, &self.timeouts).await?;
        Ok(Connection { line, mails: 0 })
    }

    /// Returns a connection that has carried no mail.
    pub(super) fn put_back_unused(&self, connection: Connection) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(connection);
        }
    }

    /// Returns a connection to the pool, unless it has reached its limit of mails.
    pub(super) fn put_back(&self, mut connection: Connection) {
        connection.mails += 1;
        if connection.mails < MAILS_PER_CONNECTION {
            self.put_back_unused(connection);
        }
    }

    fn idle_one(&self) -> Option<Connection> {
        self.idle.lock().ok()?.pop()
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pool").field(&self.server).finish()
    }
}
