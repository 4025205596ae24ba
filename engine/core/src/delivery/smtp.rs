//! The SMTP transport: a bounded pool of connections and one outcome per mail.

mod pool;
mod server;
mod stream;
mod talk;
mod timeouts;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::values::Code;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use server::SmtpUrlError;
pub use timeouts::Timeouts;

use self::pool::Pool;
use self::server::SmtpServer;
use self::talk::ConnectionState;
use super::{DeliveryFuture, ReadyFuture, Transport, TransportAnswer};
use crate::delivery::mail::{EncodedMail, Mail};

/// Claims per connection: one is sent while the next is ready, so that connections do not wait for the log.
const CLAIMS_PER_CONNECTION: usize = 2;

/// Sends mails to one mail server.
///
/// SMTP has no deduplication. If the connection is lost after the content was sent and before it was
/// acknowledged, the outcome is [`MailOutcome::uncertain`].
#[derive(Debug, Clone)]
pub struct SmtpTransport {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: Pool,
    permits: Semaphore,
    connections: usize,
    /// Whether the program stops.
    closing: watch::Sender<bool>,
    /// Counts the failures of the server. A mail that waits for a connection fails with the one before it, so that a
    /// silent server costs one timeout and not one per mail.
    failures: AtomicU64,
    last_words: Mutex<String>,
    /// Whether the server has accepted a mail.
    has_accepted: AtomicBool,
    /// The second tries in a row that were in vain.
    vain_tries: AtomicU32,
}

/// The pause before a second try of a mail that is refused for now, by a server that accepts others: long enough for
/// a limit of mails per second.
const SECOND_TRY_PAUSE: Duration = Duration::from_secs(1);
/// After this number of failed second tries in a row, only one of as many mails is tried a second time: the server does not
/// limit the rate, but refuses the recipients.
const VAIN_TRIES: u32 = 16;

impl SmtpTransport {
    /// A transport to `smtp://[user:password@]host[:port][?tls=…&ca=…&connections=…]` or `smtps://…`.
    ///
    /// * `tls` (for `smtp`): `required`, the default with a password; `opportunistic`, the default
    ///   without; `none`. A password is sent without encryption only to this machine.
    /// * `ca`: a PEM file with an additional certificate authority, for private servers.
    /// * `connections`: the most at once, 1 to 64; 8 by default.
    ///
    /// It does not connect yet.
    ///
    /// # Errors
    /// What is wrong with the URL. The message never contains the password.
    pub fn new(url: &str) -> Result<Self, SmtpUrlError> {
        Self::with_timeouts(url, Timeouts::default())
    }

    /// Like [`SmtpTransport::new`], with other time limits.
    ///
    /// # Errors
    /// Like [`SmtpTransport::new`].
    pub fn with_timeouts(url: &str, timeouts: Timeouts) -> Result<Self, SmtpUrlError> {
        let server = SmtpServer::parse(url)?;
        let connections = server.connections;
        let inner = Inner {
            pool: Pool::new(server, timeouts),
            permits: Semaphore::new(connections),
            connections,
            closing: watch::Sender::new(false),
            failures: AtomicU64::new(0),
            last_words: Mutex::default(),
            has_accepted: AtomicBool::new(false),
            vain_tries: AtomicU32::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Transport for SmtpTransport {
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

    fn ready(&self) -> ReadyFuture<'_> {
        Box::pin(async move {
            let checking = async {
                let permit = self.inner.permits.acquire().await;
                let _permit = permit.map_err(|_| "the transport is closed".to_owned())?;
                let connection = self.inner.pool.take().await?;
                self.inner.pool.put_back_unused(connection);
                Ok(())
            };
            let checked = self.inner.unless_closing(checking).await;
            checked.unwrap_or_else(|| Err("the program stops".to_owned()))
        })
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        Box::pin(async move {
            let doubt = TransportAnswer::from(MailOutcome::uncertain("sending was interrupted"));
            let mut answers = vec![doubt; mails.len()];
            let mut sending = JoinSet::new();
            let failures = self.inner.failures.load(Ordering::Acquire);
            for (place, mail) in mails.into_iter().enumerate() {
                let inner = Arc::clone(&self.inner);
                sending.spawn(async move { (place, inner.deliver(&mail, failures).await) });
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

/// The outcome of a mail that has not reached a connection when the program stops.
fn not_started() -> MailOutcome {
    MailOutcome::unavailable("the program stops")
}

impl Inner {
    /// Sends one mail. `failures` is their number at the start of its batch.
    async fn deliver(&self, mail: &Mail, failures: u64) -> MailOutcome {
        let letter = match mail.letter() {
            Ok(letter) => letter,
            Err(error) => return error.into(),
        };
        let Some(Ok(_permit)) = self.unless_closing(self.permits.acquire()).await else {
            return not_started();
        };
        if self.failures.load(Ordering::Acquire) != failures {
            let last_words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
            return MailOutcome::unavailable(last_words.clone());
        }
        let sent = self.attempt(&letter).await;
        if !self.may_be_limited(&sent) {
            return sent;
        }
        if self.unless_closing(tokio::time::sleep(SECOND_TRY_PAUSE)).await.is_none() {
            return sent;
        }
        let sent = self.attempt(&letter).await;
        match sent {
            MailOutcome::Sent { .. } => self.vain_tries.store(0, Ordering::Relaxed),
            _ => drop(self.vain_tries.fetch_add(1, Ordering::Relaxed)),
        }
        sent
    }

    /// The result of `work`; none if the program stops before.
    async fn unless_closing<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut closing = self.closing.subscribe();
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => None,
            result = work => Some(result),
        }
    }

    async fn attempt(&self, letter: &EncodedMail) -> MailOutcome {
        let mut connection = match self.unless_closing(self.pool.take()).await {
            Some(Ok(connection)) => connection,
            // A failure before the mail was sent says nothing about the mail, so it is temporary.
            Some(Err(detail)) => return self.failed(MailOutcome::unavailable(detail)),
            None => return not_started(),
        };
        let said = talk::hand_over(&mut connection.line, letter, self.pool.timeouts()).await;
        if said.connection == ConnectionState::Good {
            self.pool.put_back(connection);
        }
        if said.sent == MailOutcome::SENT {
            self.has_accepted.store(true, Ordering::Relaxed);
        }
        match said.connection {
            ConnectionState::Silent => self.failed(said.sent),
            ConnectionState::Good | ConnectionState::Lost => said.sent,
        }
    }

    /// Notes that the server cannot be used, for the mails that wait for a connection.
    fn failed(&self, outcome: MailOutcome) -> MailOutcome {
        if let MailOutcome::Retry { detail, .. } | MailOutcome::Failed { detail, .. } = &outcome {
            let mut last_words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
            *last_words = detail.clone().unwrap_or_default();
        }
        self.failures.fetch_add(1, Ordering::Release);
        outcome
    }

    /// Whether the server may have refused the mail because it accepts only so many a second.
    fn may_be_limited(&self, outcome: &MailOutcome) -> bool {
        let refused = matches!(outcome, MailOutcome::Retry { code, .. } if *code == Code::DeliveryTemporaryFailure);
        if !refused || !self.has_accepted.load(Ordering::Relaxed) {
            return false;
        }
        let vain = self.vain_tries.load(Ordering::Relaxed);
        if vain >= VAIN_TRIES {
            self.vain_tries.fetch_add(1, Ordering::Relaxed);
        }
        vain < VAIN_TRIES || vain.is_multiple_of(VAIN_TRIES)
    }
}
