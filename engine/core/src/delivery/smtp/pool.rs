//! Connections kept open between mails, each used a bounded number of times.

use std::sync::Mutex;
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;

use super::relay::Relay;
use super::talk;
use super::timeouts::Timeouts;

/// Mails per connection: relays behind one name share the load better when clients come anew.
const MAILS_PER_CONNECTION: u32 = 100;
/// How soon an idle connection must prove that it is alive: a new one is opened faster than that.
const ALIVE_WITHIN: Duration = Duration::from_secs(5);

/// An open connection and how often it has been used.
pub(super) struct Connection {
    pub(super) line: AsyncSmtpConnection,
    mails: u32,
}

/// Open connections that nobody uses now. How many there are in all is for the channel's permits.
pub(super) struct Pool {
    relay: Relay,
    timeouts: Timeouts,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(super) fn new(relay: Relay, timeouts: Timeouts) -> Self {
        Self { relay, timeouts, idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// A connection that has just proved that it is alive: an idle one, or a new one.
    ///
    /// # Errors
    /// Why there is none, in words for the administrator.
    pub(super) async fn take(&self) -> Result<Connection, String> {
        while let Some(mut connection) = self.idle_one() {
            if talk::reset(&mut connection.line, ALIVE_WITHIN).await {
                return Ok(connection);
            }
        }
        let line = talk::connect(&self.relay, &self.timeouts).await?;
        Ok(Connection { line, mails: 0 })
    }

    /// Keeps a connection for the next mail, unless it has carried enough.
    pub(super) fn put_back(&self, mut connection: Connection) {
        connection.mails += 1;
        if connection.mails < MAILS_PER_CONNECTION
            && let Ok(mut idle) = self.idle.lock()
        {
            idle.push(connection);
        }
    }

    fn idle_one(&self) -> Option<Connection> {
        self.idle.lock().ok()?.pop()
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pool").field(&self.relay).finish()
    }
}
