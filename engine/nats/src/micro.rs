//! The NATS micro service (ADR-32): discovery, information and statistics.
//!
//! The service type of the client library sends errors with an empty body. Here an error has the body of the
//! contract, so this module implements the protocol itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::service::{Info, PingResponse, Stats, endpoint, error};
use async_nats::{Client, Message};
use boarding_commands::envelope::API_VERSION;
use boarding_commands::values::{Code, Time};
use serde::Serialize;

/// The name of the service and of its queue group.
pub(super) const NAME: &str = "boarding";

/// The discovery verbs that every service answers.
const VERBS: [&str; 3] = ["PING", "INFO", "STATS"];

/// The longest wait for the answer of another engine, in milliseconds. If no engine is connected, the server
/// reports that at once.
const OTHER_ENGINE_MILLIS_MAX: u64 = 2_000;

/// The key in the metadata of an engine that has the lease on serving.
const LEASE: &str = "lease";

/// Another engine on these servers.
#[derive(Debug)]
pub(super) struct OtherEngine {
    pub(super) id: String,
    /// Whether it knows the lease on serving. It stops when another engine has the lease.
    pub(super) has_lease: bool,
}

/// Another engine on these servers, if there is one. Engines with separate logs must not use the same servers, because
/// these would distribute the requests between the engines.
pub(super) async fn other_engine(client: &Client) -> Option<OtherEngine> {
    let request = client.request(format!("$SRV.PING.{NAME}"), "".into());
    let answer =
        tokio::time::timeout(Duration::from_millis(OTHER_ENGINE_MILLIS_MAX), request).await;
    let ping: PingResponse = serde_json::from_slice(&answer.ok()?.ok()?.payload).ok()?;
    Some(OtherEngine { has_lease: ping.metadata.contains_key(LEASE), id: ping.id })
}

/// The service with the statistics of its endpoints.
#[derive(Debug)]
pub(super) struct Service {
    id: String,
    started: Time,
    metadata: HashMap<String, String>,
    endpoints: Vec<Endpoint>,
}

#[derive(Debug)]
struct Endpoint {
    info: endpoint::Info,
    counts: Mutex<RequestCounts>,
}

#[derive(Debug, Clone, Default)]
struct RequestCounts {
    requests: usize,
    errors: usize,
    millis: u64,
    /// The code of the last refusal or failure.
    last_error: Option<Code>,
}

impl Service {
    pub(super) fn new(id: String, started: Time, has_lease: bool) -> Self {
        let mut metadata = owned(&[("contract", &API_VERSION.to_string())]);
        if has_lease {
            metadata.insert(LEASE.to_owned(), "held".to_owned());
        }
        Self { id, started, metadata, endpoints: Vec::new() }
    }

    /// Adds an endpoint and returns its index.
    pub(super) fn add(&mut self, name: &str, subject: String, metadata: &[(&str, &str)]) -> usize {
        let info = endpoint::Info {
            name: name.to_owned(),
            subject,
            queue_group: NAME.to_owned(),
            metadata: owned(metadata),
        };
        self.endpoints.push(Endpoint { info, counts: Mutex::default() });
        self.endpoints.len() - 1
    }

    /// Counts a response: its duration in milliseconds, and the code of a refusal or failure.
    pub(super) fn count(&self, endpoint: usize, millis: u64, code: Option<Code>) {
        let Some(endpoint) = self.endpoints.get(endpoint) else { return };
        let mut counts = endpoint.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.requests += 1;
        counts.millis += millis;
        counts.errors += usize::from(code.is_some());
        counts.last_error = code.or(counts.last_error);
    }

    /// The subjects of discovery requests: to all services, to services of this name, and to this instance.
    pub(super) fn discovery_subjects(&self) -> impl Iterator<Item = String> {
        let one = format!("{NAME}.{}", self.id);
        let scopes = [String::new(), format!(".{NAME}"), format!(".{one}")];
        VERBS.iter().flat_map(move |verb| scopes.clone().map(|scope| format!("$SRV.{verb}{scope}")))
    }

    /// Answers a discovery request.
    pub(super) async fn answer(&self, client: &Client, request: Message) {
        let Some(reply) = request.reply else { return };
        let verb = request.subject.split('.').nth(1).unwrap_or_default();
        let answer = match verb {
            "PING" => to_json(&self.ping()),
            "INFO" => to_json(&self.info()),
            _ => self.stats().map_or_else(Vec::new, |stats| to_json(&stats)),
        };
        if let Err(error) = client.publish(reply, answer.into()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                verb,
                "sending a discovery response failed"
            );
        }
    }

    fn ping(&self) -> PingResponse {
        PingResponse {
            kind: "io.nats.micro.v1.ping_response".to_owned(),
            name: NAME.to_owned(),
            id: self.id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            metadata: self.metadata.clone(),
        }
    }

    fn info(&self) -> Info {
        Info {
            kind: "io.nats.micro.v1.info_response".to_owned(),
            name: NAME.to_owned(),
            id: self.id.clone(),
            description: "Bulk user onboarding".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            metadata: self.metadata.clone(),
            endpoints: self.endpoints.iter().map(|one| one.info.clone()).collect(),
        }
    }

    /// `None` if the start time is out of range.
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
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let average =
            counts.millis * 1_000_000 / u64::try_from(counts.requests).unwrap_or(1).max(1);
        endpoint::Stats {
            name: self.info.name.clone(),
            subject: self.info.subject.clone(),
            requests: counts.requests,
            errors: counts.errors,
            processing_time: Duration::from_millis(counts.millis),
            average_processing_time: Duration::from_nanos(average),
            last_error: counts.last_error.map(|code| error::Error {
                code: usize::from(code.status()),
                status: code.as_str().to_owned(),
            }),
            data: None,
            queue_group: self.info.queue_group.clone(),
        }
    }
}

fn owned(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn to_json(answer: &impl Serialize) -> Vec<u8> {
    // Maps of texts and numbers can always be encoded.
    serde_json::to_vec(answer).unwrap_or_default()
}
