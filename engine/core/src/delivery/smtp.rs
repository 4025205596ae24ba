//! The SMTP channel: a bounded pool of connections and one outcome per mail.

mod pool;
mod relay;
mod talk;
mod timeouts;

use std::sync::Arc;

use boarding_commands::decide::outcome::MailOutcome;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use relay::RelayError;
pub use timeouts::Timeouts;

use self::pool::Pool;
use self::relay::Relay;
use super::{Channel, ChannelAnswer, DeliveryFuture};
use crate::delivery::mail::Mail;

/// Claims per connection: one is sent while the next is ready, so that connections do not wait for the log.
const CLAIMS_PER_CONNECTION: usize = 2;

/// Sends mails to one mail server.
///
/// SMTP has no deduplication. If the connection is lost after the content was sent and before it was
/// acknowledged, the outcome is [`MailOutcome::uncertain`].
#[derive(Debug, Clone)]
pub struct SmtpChannel {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: Pool,
    permits: Semaphore,
    connections: usize,
    /// Whether the program stops.
    closing: watch::Sender<bool>,
}

impl SmtpChannel {
    /// A channel to `smtp://[user:password@]host[:port][?tls=…&ca=…&connections=…]` or `smtps://…`.
    ///
    /// * `tls` (for `smtp`): `required`, the default with a password; `opportunistic`, the default
    ///   without; `none`. A password is sent without encryption only to this machine.
    /// * `ca`: a PEM file with an additional certificate authority, for private relays.
    /// * `connections`: the most at once, 1 to 64; 8 by default.
    ///
    /// It does not connect yet.
    ///
    /// # Errors
    /// What is wrong with the URL. The message never contains the password.
    pub fn new(url: &str) -> Result<Self, RelayError> {
        Self::with_timeouts(url, Timeouts::default())
    }

    /// Like [`SmtpChannel::new`], with other time limits.
    ///
    /// # Errors
    /// Like [`SmtpChannel::new`].
    pub fn with_timeouts(url: &str, timeouts: Timeouts) -> Result<Self, RelayError> {
        let relay = Relay::parse(url)?;
        let connections = relay.connections;
        let inner = Inner {
            pool: Pool::new(relay, timeouts),
            permits: Semaphore::new(connections),
            connections,
            closing: watch::Sender::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Channel for SmtpChannel {
    fn name(&self) -> &'static str {
        "smtp"
    }

    fn deduplicates(&self) -> bool {
        false
    }

    fn is_mail_server(&self) -> bool {
        true
    }

    fn in_flight(&self) -> usize {
        self.inner.connections * CLAIMS_PER_CONNECTION
    }

    fn wind_down(&self) {
        self.inner.closing.send_replace(true);
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        Box::pin(async move {
            let doubt = ChannelAnswer::from(MailOutcome::uncertain("sending was interrupted"));
            let mut answers = vec![doubt; mails.len()];
            let mut sending = JoinSet::new();
            for (place, mail) in mails.into_iter().enumerate() {
                let inner = Arc::clone(&self.inner);
                sending.spawn(async move { (place, inner.deliver(&mail).await) });
            }
            while let Some(done) = sending.join_next().await {
                if let Ok((place, sent)) = done
                    && let Some(answer) = answers.get_mut(place)
                {
                    *answer = sent.into();
                }
            }
            answers
        })
    }
}

impl Inner {
    async fn deliver(&self, mail: &Mail) -> MailOutcome {
        let letter = match mail.letter() {
            Ok(letter) => letter,
            Err(error) => return error.into(),
        };
        let connecting = async {
            let permit = self.permits.acquire().await.map_err(|error| error.to_string())?;
            Ok::<_, String>((permit, self.pool.take().await?))
        };
        let mut closing = self.closing.subscribe();
        let connected = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => Err("the program stops".to_owned()),
            connected = connecting => connected,
        };
        let (_permit, mut connection) = match connected {
            Ok(connected) => connected,
            // A failure before the mail was sent says nothing about the mail, so it is temporary.
            Err(detail) => return MailOutcome::retry(detail),
        };
        let said = talk::hand_over(&mut connection.line, &letter, self.pool.timeouts()).await;
        if said.connection_is_good {
            self.pool.put_back(connection);
        }
        said.sent
    }
}
