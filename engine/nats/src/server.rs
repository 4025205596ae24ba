//! The NATS server: subscribes to requests, limits how many run at once, and shuts down gracefully.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Message, Subscriber};
use boarding_commands::values::Code;
use futures_util::{StreamExt as _, stream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::feed::{self, Feed};
use super::forward;
use super::isolation::Isolation;
use super::jetstream_api;
use super::log_lease::LogLease;
use super::micro::{self, OtherEngine, Service};
use super::names;
use super::objects::ObjectBucket;
use super::ownership::CompanyOwners;
use super::queue;
use super::refused_commands::RefusedStream;
use super::requests::{self, Request, may_answer};
use super::server_state::{Phase, ServerState};
use super::takeover;
use crate::limits::{
    ABORT_MILLIS_MAX, DRAIN_MILLIS_MAX, LAST_ANSWERS_MILLIS_MAX, OVERLOAD_REPLY_MILLIS_MAX,
};
use boarding_core::engine::Engine;
use boarding_core::metrics::Metrics;
use boarding_core::ownership::AppendGuard as _;
use boarding_core::serving::admission::{Admission, AdmissionLimits, Place};
use boarding_core::serving::wire::WireResponse;
use boarding_core::serving::{CommandRoute, TOO_MANY};
use boarding_log::connect::usual_copies;

/// Why the NATS server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("subscribe to {subject}")]
    Subscribe { subject: String, source: async_nats::SubscribeError },
    #[error(
        "another engine with its own log serves on this NATS already (service id {id}); stop it first"
    )]
    Another { id: String },
    #[error("reach the NATS server")]
    Flush(#[from] async_nats::client::FlushError),
}

/// Settings of the NATS server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub limits: AdmissionLimits,
    /// The ownership of companies, if several engines share the log.
    pub owners: Option<CompanyOwners>,
    /// The lease on serving. Without one, only the start checks that no other engine serves here.
    pub lease: Option<LogLease>,
    /// Settings of the event feed; `None` publishes no events. It needs JetStream.
    pub feed: Option<feed::Options>,
    /// The number of replicas of new streams and buckets. `None` uses the default of the cluster.
    pub copies: Option<usize>,
}

/// Serves an engine on NATS until it is closed.
#[derive(Debug)]
pub struct NatsServer {
    state: Arc<ServerState>,
    phase: watch::Sender<Phase>,
    tasks: JoinSet<()>,
    feed: Option<Feed>,
}

impl NatsServer {
    /// Resumes interrupted work and starts serving requests. When it returns, the server has the subscriptions.
    /// With JetStream, the file bucket and the command queue exist too.
    ///
    /// # Errors
    /// When the server cannot be reached, or another engine serves there.
    pub async fn open(
        engine: Engine,
        client: Client,
        options: Options,
    ) -> Result<Self, ServeError> {
        let Options { limits, owners, lease, feed, copies } = options;
        let copies = copies.unwrap_or_else(|| usual_copies(&client));
        let bucket = Arc::new(ObjectBucket::new(&client, copies));
        engine.fetch_from(Arc::<ObjectBucket>::clone(&bucket));
        if let Some(lease) = &lease {
            engine.guard_appends(Arc::new(lease.clone()));
        }
        let refused = Arc::new(RefusedStream::new(&client, copies));
        engine.read_refused_from(Arc::<RefusedStream>::clone(&refused));
        match &owners {
            // The log is shared: this engine resumes a company when it acquires it.
            Some(owners) => engine.share(Arc::new(owners.clone())),
            None => {
                // An engine without the lease runs an earlier version. An engine that has lost the lease is about to stop.
                if let Some(OtherEngine { id, has_lease }) = micro::other_engine(&client).await
                    && !(has_lease && lease.is_some())
                {
                    return Err(ServeError::Another { id });
                }
                engine.resume().await;
            }
        }
        let id = owners.as_ref().map_or_else(|| engine.clock().id().0, CompanyOwners::me);
        let feed = feed.map(|options| Feed::start(&engine, client.clone(), options));
        let mut service = Service::new(id.to_string(), engine.clock().now(), lease.is_some());
        let (command_subjects, query_subjects) = (names::all("command"), names::all("query"));
        let commands = service.add("command", command_subjects[0].clone(), &COMMAND);
        let queries = service.add("query", query_subjects[0].clone(), &QUERY);
        let (phase, watched) = watch::channel(Phase::Open);
        let state = Arc::new(ServerState {
            engine: Arc::new(engine),
            client,
            bucket,
            refused,
            faults: std::sync::Mutex::default(),
            copies,
            phase: watched,
            service,
            commands,
            admission: Admission::new(limits),
            isolation: Isolation::default(),
            owners,
            lease,
        });
        let mut tasks = JoinSet::new();
        for (endpoint, subjects) in [(commands, command_subjects), (queries, query_subjects)] {
            for subject in subjects {
                let requests = state.subscribe(&subject, true).await?;
                tasks.spawn(Arc::clone(&state).serve(endpoint, requests));
            }
        }
        let calls = state.subscribe(&names::all_api_calls(), true).await?;
        tasks.spawn(jetstream_api::run(Arc::clone(&state), calls));
        for subject in [names::forwarded(id), names::forwarded_with_token(id)] {
            let forwarded = state.subscribe(&subject, false).await?;
            tasks.spawn(Arc::clone(&state).serve(commands, forwarded));
        }
        let mut discovery = Vec::new();
        for subject in state.service.discovery_subjects() {
            discovery.push(state.subscribe(&subject, false).await?);
        }
        tasks.spawn(Arc::clone(&state).answer_discovery(discovery));
        start_others(&mut tasks, &state).await;
        state.client.flush().await?;
        Ok(Self { state, phase, tasks, feed })
    }

    /// Completes with a text when the log has failed; see [`Engine::log_failed`].
    pub async fn log_failed(&self) -> String {
        self.state.engine.log_failed().await
    }

    /// The engine, for other servers of this process. They give it back before [`NatsServer::close`].
    pub fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.state.engine)
    }

    /// The route of commands to the engines that own their companies. It is given back before [`NatsServer::close`].
    pub fn command_route(&self) -> Arc<dyn CommandRoute> {
        Arc::<ServerState>::clone(&self.state)
    }

    /// What operators watch; see [`Engine::metrics`].
    pub async fn metrics(&self) -> Metrics {
        self.state.engine.metrics().await
    }

    /// Completes with a text when another engine serves in place of this one; see [`LogLease::lost`].
    pub async fn lease_lost(&self) -> String {
        match &self.state.lease {
            Some(lease) => lease.lost().await,
            None => std::future::pending().await,
        }
    }

    /// Stops at once: sends the last answers, and does not wait for mails in flight.
    pub async fn abort(mut self) {
        self.phase.send_replace(Phase::Late);
        let last_answers = async {
            all_ended(&mut self.tasks).await;
            let _ = self.state.client.flush().await;
        };
        let _ = tokio::time::timeout(Duration::from_millis(ABORT_MILLIS_MAX), last_answers).await;
    }

    /// Stops accepting requests, answers the accepted ones, and closes the engine, within ten seconds.
    pub async fn close(mut self) {
        self.state.engine.wind_down();
        let millis = |millis| Duration::from_millis(millis);
        self.phase.send_replace(Phase::Draining);
        if tokio::time::timeout(millis(DRAIN_MILLIS_MAX), all_ended(&mut self.tasks)).await.is_err()
        {
            self.phase.send_replace(Phase::Late);
            let last_answers =
                tokio::time::timeout(millis(LAST_ANSWERS_MILLIS_MAX), all_ended(&mut self.tasks));
            let _ = last_answers.await;
            self.tasks.shutdown().await;
        }
        let sent = tokio::time::timeout(millis(LAST_ANSWERS_MILLIS_MAX), self.state.client.flush());
        if !matches!(sent.await, Ok(Ok(()))) {
            tracing::warn!("flush failed, last answers may be lost");
        }
        let (owners, lease) = (self.state.owners.clone(), self.state.lease.clone());
        let engine = Arc::into_inner(self.state).and_then(|state| Arc::into_inner(state.engine));
        let is_closed = engine.is_some();
        match engine {
            Some(engine) => engine.close().await,
            None => tracing::warn!("engine stopped while requests were running; nothing is lost"),
        }
        let time_limit = millis(LAST_ANSWERS_MILLIS_MAX);
        // Without the lease another log may be published now.
        let has_lease = lease.as_ref().is_none_or(|lease| lease.check().is_ok());
        if let Some(feed) = self.feed.filter(|_| has_lease)
            && !feed.finish(time_limit).await
        {
            tracing::info!(
                "feed stopped before the end of the log; the next start publishes the rest"
            );
        }
        let leaving = async {
            if let Some(owners) = owners {
                owners.leave().await;
            }
            // While the engine still works, it keeps the lease.
            if let Some(lease) = lease.filter(|_| is_closed) {
                lease.release().await;
            }
        };
        let _ = tokio::time::timeout(time_limit, leaving).await;
    }
}

/// The metadata of the endpoints in the NATS service.
const COMMAND: [(&str, &str); 4] = [
    ("subject", "boarding.v1.<company>.command.<CommandName>"),
    ("content_types", "application/json, application/msgpack"),
    ("request", "{id, actor, body, issued_at?, correlation?, expected_version?, api_version?}"),
    ("answer", "{outcome: accepted|refused|failed, command, …}"),
];
const QUERY: [(&str, &str); 4] = [
    ("subject", "boarding.v1.<company>.query.<name>"),
    ("content_types", "application/json, application/msgpack; text/csv with format=csv"),
    ("request", "{actor?, limit?, cursor?, min_position?, as_of?, format?, …}"),
    ("answer", "{position, rows, next} or {position, row}"),
];

/// Starts the tasks besides requests. Each ends when the phase is no longer `Open`.
async fn start_others(tasks: &mut JoinSet<()>, state: &Arc<ServerState>) {
    let queue = queue::open(state).await;
    tasks.spawn(queue::run(Arc::clone(state), queue));
    if let Some(owners) = state.owners.clone() {
        let state = Arc::clone(state);
        tasks.spawn(async move {
            tokio::select! {
                () = takeover::run(&state.engine, &owners) => {}
                () = state.closing() => {}
            }
        });
    }
}

async fn all_ended(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

impl ServerState {
    async fn subscribe(&self, subject: &str, shared: bool) -> Result<Subscriber, ServeError> {
        let listening = if shared {
            self.client.queue_subscribe(subject.to_owned(), micro::NAME.to_owned()).await
        } else {
            self.client.subscribe(subject.to_owned()).await
        };
        let failed = |source| ServeError::Subscribe { subject: subject.to_owned(), source };
        listening.map_err(failed)
    }

    /// Serves an endpoint. Each request runs in its own task, so that none waits for another.
    async fn serve(self: Arc<Self>, endpoint: usize, mut requests: Subscriber) {
        let mut running = JoinSet::new();
        let mut draining = false;
        loop {
            tokio::select! {
                biased;
                () = self.closing(), if !draining => {
                    draining = true;
                    // Draining still delivers the requests that the server has sent already.
                    let _ = requests.drain().await;
                }
                Some(_) = running.join_next() => {}
                request = requests.next() => match request {
                    Some(request) => self.accept(endpoint, request, &mut running).await,
                    None => break,
                },
            }
        }
        all_ended(&mut running).await;
    }

    async fn accept(
        self: &Arc<Self>,
        endpoint: usize,
        message: Message,
        running: &mut JoinSet<()>,
    ) {
        if message.reply.as_ref().is_some_and(|reply| !may_answer(reply)) {
            tracing::warn!(subject = %message.subject, "request dropped: reply subject not allowed");
            return;
        }
        let is_command = endpoint == self.commands;
        let places = if is_command { &self.admission.commands } else { &self.admission.queries };
        match places.acquire(request(&message).subject_parts().company, message.payload.len()) {
            Some(place) => {
                let state = Arc::clone(self);
                running.spawn(async move { state.answer(endpoint, message, place).await });
            }
            None => self.reject_overloaded(endpoint, message).await,
        }
    }

    /// Answers `overloaded`. The time is limited, so that rejected requests cannot pile up.
    async fn reject_overloaded(&self, endpoint: usize, message: Message) {
        let summary = request(&message).summary();
        let response =
            WireResponse::failed(summary.encoding, summary.id, Code::Overloaded, TOO_MANY);
        self.service.count(endpoint, 0, response.code);
        let Some(reply) = message.reply else { return };
        let soon = Duration::from_millis(OVERLOAD_REPLY_MILLIS_MAX);
        let _ = tokio::time::timeout(soon, self.send(&reply, response)).await;
    }

    async fn answer(&self, endpoint: usize, message: Message, place: Place) {
        let began = self.engine.clock().now();
        let request = request(&message);
        let response = if endpoint == self.commands {
            let response = self.command(request).await;
            drop(place);
            response
        } else {
            let most = self.client.max_payload();
            let query = async {
                match self.with_user(request).await {
                    Ok(known) => {
                        requests::query(&self.engine, known, most, &self.admission, place).await
                    }
                    Err(response) => response,
                }
            };
            self.while_leased(request, self.guarded(request, query)).await
        };
        let millis = self.engine.clock().now().0 - began.0;
        self.service.count(endpoint, u64::try_from(millis).unwrap_or(0), response.code);
        if let Some(reply) = &message.reply {
            self.send(reply, response).await;
        }
    }

    /// Answers requests for service discovery.
    async fn answer_discovery(self: Arc<Self>, discovery: Vec<Subscriber>) {
        let mut discovery = stream::select_all(discovery);
        loop {
            tokio::select! {
                () = self.closing() => return,
                question = discovery.next() => match question {
                    Some(question) => self.service.answer(&self.client, question).await,
                    None => return,
                },
            }
        }
    }
}

fn request(message: &Message) -> Request<'_> {
    let headers = message.headers.as_ref();
    // Only engines may forward commands. On public subjects the header is ignored, since clients could forge it.
    let is_for_engines = names::is_for_engines(&message.subject);
    let forwarded = is_for_engines.then(|| forward::original_subject(headers)).flatten();
    Request {
        subject: forwarded.unwrap_or(&message.subject),
        headers,
        payload: &message.payload,
        user: None,
        forwarded: forwarded.is_some(),
        token: forward::token(&message.subject, headers),
    }
}
