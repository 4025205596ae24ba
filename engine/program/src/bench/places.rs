//! Measures whether other clients leave a small company its answers: queries that wait, and an overload.
//!
//! The engine is another process, and serves already.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use boarding_commands::values::CompanyId;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::log::company;
use super::nats::{BenchError, Line, request};
use super::timed::Timed;
use boarding_core::clock::Clock;
use boarding_core::limits::VISIBLE_SECONDS_MAX;
use boarding_log::connect::ServerAddress;
use boarding_nats::names;

/// The number of companies that overload the engine.
const BUSY_COMPANIES: usize = 4;

/// The number of concurrent clients of the small company.
const SMALL_CLIENTS: usize = 4;

/// How far beyond the end of the log the waiting queries ask, in positions: the bench appends less meanwhile.
const AHEAD: u64 = 900_000;

/// How long a client waits before it sends a command again that was not accepted, in milliseconds.
const RETRY_MILLIS: u64 = 500;

/// How long a client waits before it sends a query again, in milliseconds: as long as a query waits for a position.
const QUERY_RETRY_MILLIS: u64 = VISIBLE_SECONDS_MAX * 1_000;

/// How long the load runs before it is measured, in seconds.
const SETTLE_SECONDS: u64 = 2;

/// The parameters of a measurement.
#[derive(Debug)]
pub struct Job {
    pub server: ServerAddress,
    /// The number of commands of the small company in each measurement.
    pub commands: usize,
    /// The number of queries that wait for a position.
    pub waiting: usize,
    /// The number of commands in flight that overload the engine.
    pub in_flight: usize,
}

/// The answers that the small company got.
#[derive(Debug, Default)]
pub struct Answers {
    pub accepted: u64,
    pub overloaded: u64,
    /// Without an answer in ten seconds, or with another failure.
    pub failed: u64,
}

/// One measurement: the commands of the small company that were answered, and all its answers.
#[derive(Debug)]
pub struct Measured {
    pub line: Line,
    pub answers: Answers,
}

impl Measured {
    pub fn as_json(&self) -> Value {
        let Answers { accepted, overloaded, failed } = self.answers;
        let mut value = self.line.as_json();
        if let Some(fields) = value.as_object_mut() {
            for (name, count) in
                [("accepted", accepted), ("overloaded", overloaded), ("failed", failed)]
            {
                fields.insert(name.to_owned(), json!(count));
            }
        }
        value
    }
}

/// Measures the commands of a small company: alone, beside waiting queries, beside queries far ahead, and beside an
/// overload.
///
/// # Errors
/// If no engine answers.
pub async fn run(job: Job, mut report: impl FnMut(Measured)) -> Result<(), BenchError> {
    let clock = Clock::system();
    let mut connections = Vec::new();
    for _ in 0..=BUSY_COMPANIES {
        connections.push(job.server.connect("boarding bench places").await?);
    }
    let mut callers = Vec::new();
    for (number, client) in connections.into_iter().enumerate() {
        let caller = Caller { client, clock: clock.clone(), company: company(number)? };
        // Loads the company, and fails if no engine answers.
        caller.prepare().await?;
        callers.push(caller);
    }
    let Some((small, busy)) = callers.split_first() else { return Ok(()) };
    let measure = async |what| small.measure(what, job.commands).await;
    report(measure("quiet").await?);
    let position = small.prepare().await? + AHEAD;
    for (what, min_position) in [("waiting queries", position), ("queries far ahead", u64::MAX)] {
        let load = Load::start(busy, job.waiting, |caller| Asks::Query { caller, min_position });
        load.settle().await;
        report(measure(what).await?);
        load.stop().await;
    }
    let load = Load::start(busy, job.in_flight, |caller| Asks::Command { caller });
    load.settle().await;
    report(measure("overload").await?);
    // Nothing is measured after this, so the requests that are still open need not end.
    drop(load);
    Ok(())
}

/// The client of one company.
#[derive(Clone)]
struct Caller {
    client: Client,
    clock: Clock,
    company: CompanyId,
}

/// The outcome of one request.
enum Outcome {
    Answered,
    Overloaded,
    Failed,
}

impl Caller {
    /// Returns the position of the command.
    async fn prepare(&self) -> Result<u64, BenchError> {
        let subject = names::command(&self.company, "SetCompanyConfig");
        let body = json!({"company_name": "Bench"});
        let envelope = json!({"id": self.clock.id(), "actor": "admin", "body": body});
        let answer = request(&self.client, subject.clone(), &envelope).await?;
        let position = answer.get("position").and_then(Value::as_u64);
        let answer = answer.to_string();
        position.ok_or(BenchError::NotAccepted { subject, answer })
    }

    async fn add_user(&self) -> Outcome {
        let id = self.clock.id();
        let user = format!("user-{}", id.0.to_string().to_lowercase());
        let envelope = json!({"id": id, "actor": "admin", "body": {"user": user}});
        self.ask(names::command(&self.company, "AddUser"), &envelope).await
    }

    async fn ask(&self, subject: String, body: &Value) -> Outcome {
        let answer = self.client.request(subject, body.to_string().into_bytes().into()).await;
        let Ok(answer) = answer else { return Outcome::Failed };
        let error = answer.headers.as_ref().and_then(|all| all.get("Nats-Service-Error"));
        match error.map(|error| error.as_str()) {
            None => Outcome::Answered,
            Some(error) if error.starts_with("overloaded") => Outcome::Overloaded,
            Some(_) => Outcome::Failed,
        }
    }

    /// Sends the commands, and after each tenth one a query.
    async fn measure(&self, what: &'static str, commands: usize) -> Result<Measured, BenchError> {
        let answers = Arc::new([AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)]);
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..SMALL_CLIENTS {
            let (caller, answers) = (self.clone(), Arc::clone(&answers));
            tasks.spawn(async move {
                let [accepted, overloaded, failed] = &*answers;
                let count = |outcome: &Outcome| match outcome {
                    Outcome::Answered => accepted.fetch_add(1, Ordering::Relaxed),
                    Outcome::Overloaded => overloaded.fetch_add(1, Ordering::Relaxed),
                    Outcome::Failed => failed.fetch_add(1, Ordering::Relaxed),
                };
                let mut times = Vec::new();
                for number in 0..(commands / SMALL_CLIENTS).max(1) {
                    let started = Instant::now();
                    let outcome = caller.add_user().await;
                    if matches!(outcome, Outcome::Answered) {
                        times.push(started.elapsed());
                    }
                    count(&outcome);
                    if number % 10 == 9 {
                        let subject = names::query(&caller.company, "config");
                        count(&caller.ask(subject, &json!({"actor": "admin"})).await);
                    }
                }
                Ok(times)
            });
        }
        let timed = Timed::joined::<BenchError>(started, tasks).await?;
        let [accepted, overloaded, failed] = [0, 1, 2]
            .map(|kind: usize| answers.get(kind).map_or(0, |it| it.load(Ordering::Relaxed)));
        let answers = Answers { accepted, overloaded, failed };
        Ok(Measured { line: Line::of(what, SMALL_CLIENTS, timed), answers })
    }
}

/// What a client of a busy company sends.
enum Asks {
    Command { caller: Caller },
    Query { caller: Caller, min_position: u64 },
}

impl Asks {
    fn retry_millis(&self) -> u64 {
        match self {
            Self::Command { .. } => RETRY_MILLIS,
            Self::Query { .. } => QUERY_RETRY_MILLIS,
        }
    }

    async fn once(&self) -> Outcome {
        match self {
            Self::Command { caller } => caller.add_user().await,
            Self::Query { caller, min_position } => {
                let params = json!({"actor": "admin", "min_position": min_position});
                caller.ask(names::query(&caller.company, "users"), &params).await
            }
        }
    }
}

/// Requests of the busy companies, each repeated after its answer.
struct Load {
    tasks: JoinSet<()>,
    is_over: watch::Sender<bool>,
}

impl Load {
    fn start(busy: &[Caller], in_flight: usize, asks: impl Fn(Caller) -> Asks) -> Self {
        let is_over = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for caller in busy.iter().cycle().take(in_flight) {
            let (asks, mut stopped) = (asks(caller.clone()), is_over.subscribe());
            tasks.spawn(async move {
                while !*stopped.borrow() {
                    if !matches!(asks.once().await, Outcome::Answered) {
                        let pause = Duration::from_millis(asks.retry_millis());
                        let _ = tokio::time::timeout(pause, stopped.wait_for(|it| *it)).await;
                    }
                }
            });
        }
        Self { tasks, is_over }
    }

    async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(SETTLE_SECONDS)).await;
    }

    async fn stop(self) {
        self.is_over.send_replace(true);
        self.tasks.join_all().await;
    }
}
