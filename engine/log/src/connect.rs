//! Connects to NATS: addresses, credentials, and a private inbox.

use std::error::Error;
use std::future::{Ready, ready};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use percent_encoding::percent_decode_str;

use crate::limits::{
    NATS_BUFFER_MESSAGES_MAX, NATS_CONNECT_SECONDS_MAX, NATS_OPEN_SECONDS_MAX,
    NATS_RECONNECT_MILLIS_MAX, RETRY_MILLIS,
};

/// The addresses of the servers and the credentials of this client.
#[derive(Clone, Default)]
pub struct ServerAddress {
    /// One or more addresses with commas between, `nats://[user:password@]host[:port]` or `tls://…`.
    pub url: String,
    /// A file with a JWT and its key, as `nsc` makes them.
    pub credentials: Option<PathBuf>,
    /// A file with the certificate authorities to trust; by default those of the system.
    pub authorities: Option<PathBuf>,
    /// The prefix of subjects for responses. By default `_INBOX.<user>` if the address names a user, so
    /// that no other user can read them.
    pub inbox: Option<String>,
}

impl std::fmt::Debug for ServerAddress {
    /// The address may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("url", &"…").finish_non_exhaustive()
    }
}

/// The default number of replicas in a cluster: one server may be lost.
const COPIES: usize = 3;

pub(crate) fn is_clustered(client: &Client) -> bool {
    client.server_info().cluster.is_some()
}

/// The default number of replicas of a stream or bucket on this server.
pub fn usual_copies(client: &Client) -> usize {
    if is_clustered(client) { COPIES } else { 1 }
}

/// Retries a request for some seconds. A stream that was just created in a cluster, or a cluster that has
/// just started, has no leader yet: it does not answer, or answers as if nothing existed.
///
/// # Errors
/// The last error, when the time is up. At once if the server has no JetStream, or if it rejected the
/// settings of a stream.
pub async fn with_retry<T, E: Error>(
    client: &Client,
    mut ask: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut time_is_up = pin!(tokio::time::sleep(Duration::from_secs(NATS_OPEN_SECONDS_MAX)));
    loop {
        let known = ask().await;
        let is_up = time_is_up.as_mut().now_or_never().is_some();
        match known {
            Err(error) if !is_up && client.server_info().jetstream && may_pass(&error) => {
                tracing::debug!(error = crate::error_chain(&error), "request failed, retrying");
            }
            known => return known,
        }
        tokio::time::sleep(Duration::from_millis(RETRY_MILLIS)).await;
    }
}

/// The status of a response that may change soon.
const UNAVAILABLE: usize = 503;

/// Whether a retry may help. It does not if the server rejected the settings of a stream.
fn may_pass(error: &dyn Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    !causes.any(|cause| {
        let refused = cause.downcast_ref::<CreateStreamError>().map(CreateStreamError::kind);
        matches!(refused, Some(CreateStreamErrorKind::JetStream(no)) if no.code() != UNAVAILABLE)
    })
}

/// Why the connection failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(
        "read the NATS address: {0} (it looks like nats://host:4222, several with commas between)"
    )]
    Address(String),
    #[error("read the NATS credentials in {}", file.display())]
    Credentials { file: PathBuf, source: std::io::Error },
    #[error("connect to NATS at {hosts}")]
    Connect { hosts: String, source: async_nats::ConnectError },
}

impl ServerAddress {
    /// Connects. The first connection must succeed within seconds; a lost one is retried without end.
    ///
    /// # Errors
    /// When an address is malformed, a file cannot be read, or no server answers.
    pub async fn connect(&self, name: &str) -> Result<Client, ConnectError> {
        let addresses = self.addresses()?;
        let mut options = ConnectOptions::new()
            .name(name)
            .subscription_capacity(NATS_BUFFER_MESSAGES_MAX)
            .connection_timeout(Duration::from_secs(NATS_CONNECT_SECONDS_MAX))
            .reconnect_delay_callback(reconnect_delay)
            .event_callback(log_events());
        let credentials = self.credentials().await?;
        let of_user =
            || inbox_of(&addresses).or_else(|| inbox_of_credentials(credentials.as_deref()?));
        if let Some(prefix) = self.inbox.clone().or_else(of_user) {
            options = options.custom_inbox_prefix(prefix);
        }
        // async-nats uses only host and port of an address, so user and password are set here.
        options = match credentials_of(&addresses) {
            Some((user, Some(password))) => options.user_and_password(user, password),
            Some((token, None)) => options.token(token),
            None => options,
        };
        if let (Some(file), Some(text)) = (&self.credentials, &credentials) {
            let failed = |source| ConnectError::Credentials { file: file.clone(), source };
            options = options.credentials(text).map_err(failed)?;
        }
        if let Some(file) = &self.authorities {
            options = options.add_root_certificates(file.clone());
        }
        let hosts = hosts(&addresses);
        let connected = options.connect(addresses).await;
        connected.map_err(|source| ConnectError::Connect { hosts, source })
    }

    /// The addresses without user and password, for messages.
    ///
    /// # Errors
    /// When an address is malformed.
    pub fn shown(&self) -> Result<Vec<String>, ConnectError> {
        let show = |one: &ServerAddr| format!("{}://{}:{}", one.scheme(), one.host(), one.port());
        Ok(self.addresses()?.iter().map(show).collect())
    }

    /// The text of the file of credentials.
    async fn credentials(&self) -> Result<Option<String>, ConnectError> {
        let Some(file) = &self.credentials else { return Ok(None) };
        let failed = |source| ConnectError::Credentials { file: file.clone(), source };
        tokio::fs::read_to_string(file).await.map(Some).map_err(failed)
    }

    fn addresses(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        let read = |text: &str| text.trim().parse::<ServerAddr>();
        let failed = |error: std::io::Error| ConnectError::Address(error.to_string());
        self.url.split(',').map(|text| read(text).map_err(failed)).collect()
    }
}

/// The wait before the n-th reconnect: none at first, then twice as long each time.
fn reconnect_delay(n: usize) -> Duration {
    let millis = u32::try_from(n).ok().and_then(|n| 1_u64.checked_shl(n)).unwrap_or(u64::MAX);
    Duration::from_millis(millis.min(NATS_RECONNECT_MILLIS_MAX))
}

/// Logs the state of the connection for operators. A failure that repeats is logged once.
fn log_events() -> impl Fn(Event) -> Ready<()> + Send + Sync + 'static {
    let last = Mutex::new(String::new());
    move |event| {
        let text = event.to_string();
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *last != text;
        match event {
            Event::Connected => tracing::info!("connected to NATS"),
            Event::Disconnected => {
                tracing::warn!("connection to NATS lost, reconnecting");
            }
            Event::SlowConsumer(_) => {
                tracing::warn!("messages dropped: the subscription is full");
            }
            Event::ClientError(_) | Event::ServerError(_) if is_new => {
                tracing::warn!(event = text, "NATS event");
            }
            _ => tracing::debug!(event = text, "NATS event"),
        }
        *last = text;
        ready(())
    }
}

/// The credentials of the first address that has some: a user with a password, or a token alone.
fn credentials_of(addresses: &[ServerAddr]) -> Option<(String, Option<String>)> {
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let named = addresses.iter().find(|one| one.has_user_pass())?;
    Some((plain(named.username()?), named.password().map(plain)))
}

/// The prefix of an inbox that only this user may read.
fn inbox_of(addresses: &[ServerAddr]) -> Option<String> {
    let (user, password) = credentials_of(addresses)?;
    // A token is a secret: it must not be part of a subject.
    password?;
    inbox_named(&user)
}

/// The prefix of an inbox that only the user of these credentials may read: the name in their JWT.
fn inbox_of_credentials(credentials: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Claims {
        name: String,
    }
    let jwt =
        credentials.lines().skip_while(|line| !line.contains("BEGIN NATS USER JWT")).nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(jwt.trim().split('.').nth(1)?).ok()?;
    inbox_named(&serde_json::from_slice::<Claims>(&claims).ok()?.name)
}

fn inbox_named(user: &str) -> Option<String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_plain = !user.is_empty() && user.chars().all(is_token);
    is_plain.then(|| format!("_INBOX.{user}"))
}

/// Hosts and ports only, for messages.
fn hosts(addresses: &[ServerAddr]) -> String {
    let shown = addresses.iter().map(|one| format!("{}:{}", one.host(), one.port()));
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("make a bucket")]
    struct Failed(#[source] CreateStreamError);

    fn server(url: &str) -> ServerAddress {
        ServerAddress { url: url.to_owned(), ..ServerAddress::default() }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let server = server("nats://engine:s3cret@localhost:4222");
        assert!(!format!("{server:?}").contains("s3cret"));
        assert_eq!(hosts(&server.addresses().unwrap()), "localhost:4222");
    }

    #[test]
    fn rejected_stream_settings_are_not_retried() {
        let made = |code: usize| {
            let no = serde_json::json!({"code": code, "err_code": 10_074, "description": "no"});
            let no = CreateStreamErrorKind::JetStream(serde_json::from_value(no).unwrap());
            Failed(CreateStreamError::new(no))
        };
        assert!(!may_pass(&made(500)) && !may_pass(&made(400)) && may_pass(&made(503)));
        assert!(may_pass(&ConnectError::Address("no stream".to_owned())));
    }

    #[test]
    fn reconnect_delay_stays_below_its_limit() {
        let millis = |n| reconnect_delay(n).as_millis();
        assert_eq!([millis(0), millis(5), millis(40), millis(1_000_000)], [1, 32, 500, 500]);
    }

    #[test]
    fn credentials_come_from_the_first_address_with_some() {
        let credentials = |url| credentials_of(&server(url).addresses().unwrap());
        let some = |user: &str, password: Option<&str>| {
            Some((user.to_owned(), password.map(str::to_owned)))
        };
        assert_eq!(
            credentials("nats://engine:a%40b%25@one,nats://two"),
            some("engine", Some("a@b%"))
        );
        assert_eq!(credentials("nats://one,nats://engine:x@two"), some("engine", Some("x")));
        assert_eq!(credentials("nats://t0ken@one"), some("t0ken", None));
        assert_eq!(credentials("one,two"), None);
    }

    #[test]
    fn each_user_has_a_private_inbox() {
        let named = server("nats://engine:s3cret@localhost,nats://other").addresses().unwrap();
        assert_eq!(inbox_of(&named).as_deref(), Some("_INBOX.engine"));
        let token = server("nats://t0ken@localhost").addresses().unwrap();
        assert_eq!(inbox_of(&token), None, "a token is secret");
        let wild = server("nats://a%3E:x@localhost").addresses().unwrap();
        assert_eq!(inbox_of(&wild), None, "a user's name may not widen what is listened to");
        let file = |name: &str| {
            let claims = URL_SAFE_NO_PAD.encode(serde_json::json!({"name": name}).to_string());
            format!("-----BEGIN NATS USER JWT-----\nheader.{claims}.signature\n")
        };
        assert_eq!(inbox_of_credentials(&file("engine")).as_deref(), Some("_INBOX.engine"));
        for bad in [file(">"), file(""), "no JWT".to_owned()] {
            assert_eq!(inbox_of_credentials(&bad), None, "{bad}");
        }
    }
}
