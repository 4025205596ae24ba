//! A client of a running engine over HTTP: requests with an access token, limits and repeats.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use boarding_core::clock::Clock;
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use ureq::http::Request;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::http::response::Parts;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, SendBody};

use super::engine_url::EngineUrl;
use super::failure::Failure;
use crate::limits::{ANSWER_BYTES_MAX, QUERY_REPEATS_SECONDS};
use lost::{Lost, Purpose};

mod lost;

/// How long a connection may take, in seconds.
const CONNECT_SECONDS_MAX: u64 = 10;

/// How long an engine may work on a request, in seconds. The plan of a large file takes longest.
const RESPONSE_SECONDS_MAX: u64 = 600;

/// How long sending or receiving a body may take, in seconds: as long as an engine permits for an upload.
const BODY_SECONDS_MAX: u64 = 1_800;

/// How long a connection is used again, in seconds. An engine closes one that is idle for longer.
const IDLE_SECONDS_MAX: u64 = 5;

/// How often a request is sent again that the engine could not answer yet, or whose connection broke.
const REPEATS_MAX: u32 = 8;

/// The longest wait before a repeat, in seconds.
const REPEAT_SECONDS_MAX: u64 = 5;

/// An answer of an engine.
#[derive(Debug)]
pub(super) enum Answered {
    Json(Value),
    /// A file, for example as CSV.
    File(Vec<u8>),
}

impl Answered {
    /// The document, or the file as a text.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Json(document) => document,
            Self::File(bytes) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
}

/// A client of one engine.
#[derive(Clone)]
pub(super) struct HttpClient {
    agent: Agent,
    base: String,
    /// The header with the access token.
    bearer: String,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpClient({})", self.base)
    }
}

/// A response: its head and its body.
struct Response {
    head: Parts,
    body: Vec<u8>,
}

impl HttpClient {
    pub(super) fn new(url: &EngineUrl, token: &str) -> Self {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would take the access token to another server.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_age(Duration::from_secs(IDLE_SECONDS_MAX))
            .timeout_connect(seconds(CONNECT_SECONDS_MAX))
            .timeout_send_body(seconds(BODY_SECONDS_MAX))
            .timeout_recv_response(seconds(RESPONSE_SECONDS_MAX))
            .timeout_recv_body(seconds(BODY_SECONDS_MAX))
            .user_agent(concat!("boarding/", env!("CARGO_PKG_VERSION")));
        if url.is_local() {
            config = config.proxy(None);
        }
        if url.is_encrypted() {
            config = config.tls_config(tls());
        }
        let agent = config.build().new_agent();
        Self { agent, base: url.text().to_owned(), bearer: format!("Bearer {token}") }
    }

    /// Reads a path with these parameters.
    ///
    /// # Errors
    /// The refusal or the failure of the engine, or why there is no answer.
    pub(super) async fn get(
        &self,
        path: &str,
        params: &[(String, String)],
    ) -> Result<Answered, Failure> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(params);
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{path}{mark}{query}", self.base);
        self.repeated(Purpose::Read, move |client| {
            let request = Request::get(&url).header(AUTHORIZATION, &client.bearer);
            client.run(request, SendBody::none())
        })
        .await
    }

    /// Sends a document to a path. The engine must accept it twice: the request is sent again if its answer is lost.
    ///
    /// # Errors
    /// As of [`HttpClient::get`].
    pub(super) async fn post(&self, path: &str, document: &Value) -> Result<Answered, Failure> {
        let (url, document) = (format!("{}{path}", self.base), document.to_string());
        self.repeated(Purpose::Command, move |client| {
            let request = Request::post(&url).header(AUTHORIZATION, &client.bearer);
            let request = request.header(CONTENT_TYPE, "application/json");
            client.run(request, SendBody::from_reader(&mut document.as_bytes()))
        })
        .await
    }

    /// Sends a file to a path, part by part.
    ///
    /// # Errors
    /// As of [`HttpClient::get`].
    pub(super) async fn upload(
        &self,
        path: &str,
        content: Box<dyn Read + Send>,
    ) -> Result<Answered, Failure> {
        let (url, client) = (format!("{}{path}", self.base), self.clone());
        let sent = blocking(move || {
            let request = Request::post(&url).header(AUTHORIZATION, &client.bearer);
            let request = request.header(CONTENT_TYPE, "application/octet-stream");
            client.run(request, SendBody::from_owned_reader(content))
        });
        let response =
            sent.await?.map_err(|lost| lost.failure(&self.base, false, Purpose::Read))?;
        self.read(response, Purpose::Read)
    }

    /// Asks once that something is removed. It does not matter whether it was.
    pub(super) async fn delete(&self, path: &str) {
        let (url, client) = (format!("{}{path}", self.base), self.clone());
        let send = move || {
            let request = Request::delete(&url).header(AUTHORIZATION, &client.bearer);
            client.run(request, SendBody::none())
        };
        let _ = blocking(send).await;
    }

    /// Sends a request until the engine can answer it, some times at most.
    async fn repeated(
        &self,
        purpose: Purpose,
        send: impl Fn(&Self) -> Result<Response, Lost> + Send + Sync + 'static,
    ) -> Result<Answered, Failure> {
        let send = Arc::new(send);
        let clock = Clock::system();
        let (start, mut repeats) = (clock.now(), 0);
        let (mut was_broken, mut may_have_arrived) = (false, false);
        loop {
            let (client, sending) = (self.clone(), Arc::clone(&send));
            let sent = blocking(move || sending(&client)).await?;
            let wait = match &sent {
                Ok(response) => response.retry_after(),
                Err(lost) => {
                    may_have_arrived |= !lost.is_unsent();
                    was_broken |= lost.is_unanswered();
                    // An engine that was stopped meanwhile may start again.
                    was_broken.then_some(1)
                }
            };
            let is_late = purpose == Purpose::Read
                && clock.now().seconds_since(start) > QUERY_REPEATS_SECONDS;
            match wait.filter(|_| repeats < REPEATS_MAX && !is_late) {
                Some(seconds) => {
                    repeats += 1;
                    let seconds = seconds.min(REPEAT_SECONDS_MAX);
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                }
                None => {
                    let sent =
                        sent.map_err(|lost| lost.failure(&self.base, may_have_arrived, purpose));
                    return self.read(sent?, purpose);
                }
            }
        }
    }

    /// Sends a request once. Blocks.
    fn run(
        &self,
        request: ureq::http::request::Builder,
        body: SendBody<'_>,
    ) -> Result<Response, Lost> {
        let request = request.body(body).map_err(|error| Lost::of(error.into()))?;
        let (head, body) = self.agent.run(request).map_err(Lost::of)?.into_parts();
        let limit = match kind_of(&head) {
            // A stream of events never ends.
            "text/event-stream" => return Ok(Response { head, body: Vec::new() }),
            "text/csv" => u64::MAX,
            _ => ANSWER_BYTES_MAX,
        };
        let body = body.into_with_config().limit(limit).read_to_vec().map_err(Lost::of)?;
        Ok(Response { head, body })
    }

    /// The answer in a response.
    ///
    /// # Errors
    /// The refusal or the failure that the engine has sent, or that no engine has answered.
    fn read(&self, response: Response, purpose: Purpose) -> Result<Answered, Failure> {
        let (is_success, is_file) =
            (response.head.status.is_success(), kind_of(&response.head) == "text/csv");
        if is_success && is_file {
            return Ok(Answered::File(response.body));
        }
        let Some(mut document) = response.document() else {
            return Err(self.no_answer(&response, purpose));
        };
        let field = |name: &str| {
            let text = document.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let (code, message) = (field("code"), field("message"));
        match field("outcome").as_str() {
            "refused" => {
                without_command(&mut document);
                Err(Failure::Refused { document, code, message })
            }
            "failed" => {
                without_command(&mut document);
                Err(Failure::Failed { document, message: format!("{code}: {message}") })
            }
            "accepted" => Ok(Answered::Json(document)),
            _ if is_success && purpose == Purpose::Read => Ok(Answered::Json(document)),
            _ => Err(self.no_answer(&response, purpose)),
        }
    }

    /// The failure for a response that is not the answer of an engine. A command may have arrived nevertheless.
    fn no_answer(&self, response: &Response, purpose: Purpose) -> Failure {
        let (base, status) = (&self.base, response.head.status.as_u16());
        let text = if response.head.status.is_redirection() {
            let to = response.head.headers.get(LOCATION).and_then(|to| to.to_str().ok());
            format!(
                "{base} redirects to {}; the access token is not sent there; give the address of the engine with --url",
                to.unwrap_or("another address")
            )
        } else if response.is_of_gateway() {
            format!(
                "the server at {base} answered {status}: it did not get the answer of an engine; look whether the engine runs"
            )
        } else if purpose == Purpose::Command {
            format!(
                "the server at {base} answered {status}, without the answer of a Boarding engine; check --url"
            )
        } else {
            format!(
                "{base} answers with the status {status} and is no Boarding engine; check --url"
            )
        };
        match purpose {
            Purpose::Read => Failure::Unavailable(text),
            Purpose::Command => lost::failed(text),
        }
    }
}

/// The answer to a query names no command, and a folder answers without that field.
fn without_command(document: &mut Value) {
    if document.get("command").is_some_and(Value::is_null)
        && let Some(fields) = document.as_object_mut()
    {
        fields.remove("command");
    }
}

impl Response {
    /// The body as a document.
    fn document(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().filter(Value::is_object)
    }

    /// Whether a server in front of the engine has answered instead of the engine.
    fn is_of_gateway(&self) -> bool {
        matches!(self.head.status.as_u16(), 502..=504)
            && self.document().is_none_or(|document| document.get("outcome").is_none())
    }

    /// After how many seconds the request may be sent again; none if the engine has answered it.
    fn retry_after(&self) -> Option<u64> {
        if self.is_of_gateway() {
            return Some(1);
        }
        let is_busy = matches!(self.head.status.as_u16(), 429 | 503);
        let after = self.head.headers.get(RETRY_AFTER).filter(|_| is_busy)?;
        after.to_str().ok()?.parse().ok()
    }
}

/// The media type of a response, without parameters.
fn kind_of(head: &Parts) -> &str {
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim()
}

/// The certificate authorities of the system.
fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs().certs;
    let certificates: Vec<_> =
        found.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(RootCerts::from(certificates))
        .build()
}

/// Runs blocking work beside the other tasks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| Failure::Unavailable(error.to_string()))
}
