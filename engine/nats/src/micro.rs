//! The service as NATS knows it (ADR-32): who answers here, to what, how often and how well.
//!
//! The client library's own service type answers an error with an empty body, and counts only those; here
//! an error has the body of the contract and is counted all the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::service::{Info, PingResponse, Stats, endpoint, error};
use async_nats::{Client, Message};
use boarding_commands::envelope::API_VERSION;
use boarding_commands::values::{Code, Time};
use serde::Serialize;

/// The service's name, and that of the group which shares its requests.
pub(super) const NAME: &str = "boarding";

/// The questions that every service answers.
const VERBS: [&str; 3] = ["PING", "INFO", "STATS"];

/// How long another engine has to say that it is there, in milliseconds. Where there is none, the server
/// says so at once.
const ANOTHER_MILLIS_MAX: u64 = 2_000;

/// The id of another engine that serves on these servers, if there is one. Each engine here has a log of
/// its own, and requests would be shared out between them.
pub(super) async fn another(client: &Client) -> Option<String> {
    let asked = client.request(format!("$SRV.PING.{NAME}"), "".into());
    let answer = tokio::time::timeout(Duration::from_millis(ANOTHER_MILLIS_MAX), asked).await;
    let ping: PingResponse = serde_json::from_slice(&answer.ok()?.ok()?.payload).ok()?;
    Some(ping.id)
}

/// The service, with what its endpoints have done.
#[derive(Debug)]
pub(super) struct Service {
    id: String,
    started: Time,
    endpoints: Vec<Endpoint>,
}

#[derive(Debug)]
struct Endpoint {
    info: endpoint::Info,
    done: Mutex<Done>,
}

#[derive(Debug, Clone, Default)]
struct Done {
    requests: usize,
    errors: usize,
    millis: u64,
    last: Option<Code>,
}

impl Service {
    pub(super) fn new(id: String, started: Time) -> Self {
        Self { id, started, endpoints: Vec::new() }
    }

    /// Adds an endpoint; its number.
    pub(super) fn add(&mut self, name: &str, subject: String, metadata: &[(&str, &str)]) -> usize {
        let info = endpoint::Info {
            name: name.to_owned(),
            subject,
            queue_group: NAME.to_owned(),
            metadata: owned(metadata),
        };
        self.endpoints.push(Endpoint { info, done: Mutex::default() });
        self.endpoints.len() - 1
    }

    /// Where the endpoint is asked.
    pub(super) fn subject(&self, endpoint: usize) -> String {
        self.endpoints.get(endpoint).map(|one| one.info.subject.clone()).unwrap_or_default()
    }

    /// Counts an answer: how long it took, and why it is a "no" if it is one.
    pub(super) fn count(&self, endpoint: usize, millis: u64, no: Option<Code>) {
        let Some(endpoint) = self.endpoints.get(endpoint) else { return };
        let mut done = endpoint.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.requests += 1;
        done.millis += millis;
        done.errors += usize::from(no.is_some());
        done.last = no.or(done.last);
    }

    /// What is asked about the service: of all services, of those of its name, and of this one.
    pub(super) fn questions(&self) -> impl Iterator<Item = String> {
        let one = format!("{NAME}.{}", self.id);
        let whom = [String::new(), format!(".{NAME}"), format!(".{one}")];
        VERBS.iter().flat_map(move |verb| whom.clone().map(|whom| format!("$SRV.{verb}{whom}")))
    }

    /// Answers one of its questions.
    pub(super) async fn answer(&self, client: &Client, question: Message) {
        let Some(reply) = question.reply else { return };
        let verb = question.subject.split('.').nth(1).unwrap_or_default();
        let answer = match verb {
            "PING" => written(&self.ping()),
            "INFO" => written(&self.info()),
            _ => self.stats().map_or_else(Vec::new, |stats| written(&stats)),
        };
        if let Err(error) = client.publish(reply, answer.into()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, verb, "no answer was sent");
        }
    }

    fn ping(&self) -> PingResponse {
        PingResponse {
            kind: "io.nats.micro.v1.ping_response".to_owned(),
            name: NAME.to_owned(),
            id: self.id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            metadata: metadata(),
        }
    }

    fn info(&self) -> Info {
        Info {
            kind: "io.nats.micro.v1.info_response".to_owned(),
            name: NAME.to_owned(),
            id: self.id.clone(),
            description: "Bulk user onboarding".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            metadata: metadata(),
            endpoints: self.endpoints.iter().map(|one| one.info.clone()).collect(),
        }
    }

    /// None for a time that cannot be written.
    fn stats(&self) -> Option<Stats> {
        Some(Stats {
            kind: "io.nats.micro.v1.stats_response".to_owned(),
            name: NAME.to_owned(),
            id: self.id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: chrono::DateTime::from_timestamp_millis(self.started.0)?,
            endpoints: self.endpoints.iter().map(Endpoint::stats).collect(),
        })
    }
}

impl Endpoint {
    fn stats(&self) -> endpoint::Stats {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let average = done.millis * 1_000_000 / u64::try_from(done.requests).unwrap_or(1).max(1);
        endpoint::Stats {
            name: self.info.name.clone(),
            subject: self.info.subject.clone(),
            requests: done.requests,
            errors: done.errors,
            processing_time: Duration::from_millis(done.millis),
            average_processing_time: Duration::from_nanos(average),
            last_error: done.last.map(|code| error::Error {
                code: usize::from(code.status()),
                status: code.as_str().to_owned(),
            }),
            data: None,
            queue_group: self.info.queue_group.clone(),
        }
    }
}

fn metadata() -> HashMap<String, String> {
    owned(&[("contract", &API_VERSION.to_string())])
}

fn owned(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn written(answer: &impl Serialize) -> Vec<u8> {
    // Maps of texts and numbers can always be written.
    serde_json::to_vec(answer).unwrap_or_default()
}
