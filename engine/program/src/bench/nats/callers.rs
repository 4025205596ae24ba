//! Concurrent clients of the engine. Each sends one request after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use boarding_commands::values::CompanyId;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::job::{BenchError, Job, ROUNDS};
use super::measured::Line;
use crate::bench::log::company;
use crate::bench::requests::SmallCommand;
use crate::bench::timed::Timed;
use crate::sample_data;
use boarding_core::clock::Clock;
use boarding_nats::names;

/// The number of people of the company in the queries, and of recipients of its run.
const PEOPLE: u64 = 1_000;
const SEED: u64 = 20_261_121;

/// The number of rows that a query returns: one page on a screen.
const PAGE_ROWS: u64 = 50;

/// How long an import or a run may take, in seconds.
const RUN_SECONDS_MAX: u64 = 120;
const POLL_MILLIS: u64 = 100;

/// The time of a command's answer, and the id of its last event in the feed.
pub(super) struct Answered {
    pub(super) at: Instant,
    pub(super) event: String,
}

#[derive(Clone)]
pub(super) struct Callers {
    client: Client,
    clock: Clock,
    companies: Arc<[CompanyId]>,
    clients: usize,
    commands: usize,
    /// The number of users so far. Each client and round uses new users.
    people: Arc<AtomicUsize>,
}

impl Callers {
    /// Connects separately from the engine.
    pub(super) async fn new(job: &Job<'_>) -> Result<Self, BenchError> {
        let client = job.log.server.connect("boarding bench callers").await?;
        let companies: Result<Vec<_>, _> = (0..job.companies.max(1)).map(company).collect();
        Ok(Self {
            client,
            clock: Clock::system(),
            companies: companies?.into(),
            clients: job.clients.max(1),
            commands: job.commands,
            people: Arc::default(),
        })
    }

    fn company(&self, number: usize) -> Result<&CompanyId, BenchError> {
        let found = self.companies.get(number % self.companies.len());
        found.ok_or(BenchError::NoCompany(number))
    }

    /// Sends one command for each company, so that its actor is loaded.
    pub(super) async fn prepare(&self) -> Result<(), BenchError> {
        for company in &*self.companies {
            self.command(company, "SetCompanyConfig", json!({"company_name": "Bench"})).await?;
        }
        Ok(())
    }

    async fn command(
        &self,
        company: &CompanyId,
        name: &str,
        body: Value,
    ) -> Result<Value, BenchError> {
        let envelope = json!({"id": self.clock.id(), "actor": "admin", "body": body});
        request(&self.client, names::command(company, name), &envelope).await
    }

    /// Sends the small commands of a round from this many concurrent clients.
    pub(super) async fn commands(
        &self,
        clients: usize,
    ) -> Result<(Timed, Vec<Answered>), BenchError> {
        let each = (self.commands / clients.max(1)).max(1);
        let answered = Arc::new(std::sync::Mutex::new(Vec::with_capacity(each * clients)));
        let started_all = Instant::now();
        let mut tasks = JoinSet::new();
        for task in 0..clients {
            let (callers, answered) = (self.clone(), Arc::clone(&answered));
            tasks.spawn(async move {
                let (mut times, mut own) = (Vec::with_capacity(each), Vec::with_capacity(each));
                let company = callers.company(task)?;
                let first = callers.people.fetch_add(each, Ordering::Relaxed);
                for number in 0..each {
                    let (name, body) = SmallCommand::numbered(first, number).in_contract();
                    let started = Instant::now();
                    let answer = callers.command(company, name, body).await?;
                    let at = Instant::now();
                    times.push(at - started);
                    let version = answer.get("version").and_then(Value::as_u64).unwrap_or(0);
                    own.push(Answered { at, event: format!("{company}-{version}") });
                }
                answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(own);
                Ok(times)
            });
        }
        let timed = Timed::joined::<BenchError>(started_all, tasks).await?;
        let answered = std::mem::take(
            &mut *answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        Ok((timed, answered))
    }

    /// Measures three queries on a company with people and a run.
    pub(super) async fn queries(&self) -> Result<Vec<Line>, BenchError> {
        let company = self.company(0)?.clone();
        let run = self.import_and_invite(&company).await?;
        let queries = [
            ("query users", "users", json!({"actor": "admin", "limit": PAGE_ROWS})),
            ("query run", "run", json!({"actor": "admin", "run": run})),
            (
                "query integration_log",
                "integration_log",
                json!({"actor": "admin", "run": run, "limit": PAGE_ROWS}),
            ),
        ];
        let mut lines = Vec::new();
        for (what, name, params) in queries {
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                rounds.push(self.query(names::query(&company, name), &params).await?);
            }
            lines.push(Line::of(what, self.clients, Timed::median(rounds)));
        }
        Ok(lines)
    }

    async fn query(&self, subject: String, params: &Value) -> Result<Timed, BenchError> {
        let each = (self.commands / self.clients).max(1);
        let started_all = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..self.clients {
            let (callers, subject, params) = (self.clone(), subject.clone(), params.clone());
            tasks.spawn(async move {
                let mut times = Vec::with_capacity(each);
                for _ in 0..each {
                    let started = Instant::now();
                    request(&callers.client, subject.clone(), &params).await?;
                    times.push(started.elapsed());
                }
                Ok(times)
            });
        }
        Timed::joined(started_all, tasks).await
    }

    /// Imports people, invites them, waits for the end and returns the id of the run.
    async fn import_and_invite(&self, company: &CompanyId) -> Result<Value, BenchError> {
        let settings = json!({
            "bulk_integration_max_records": PEOPLE, "channels": {"whatsapp": true},
        });
        self.command(company, "SetCompanyConfig", settings).await?;
        for role in sample_data::ROLES {
            let body = json!({"role": role, "permissions": ["bulk_integration"]});
            self.command(company, "DefineRole", body).await?;
        }
        for unit in sample_data::ORG_UNITS {
            let body = json!({"org_unit": unit, "roles": sample_data::ROLES});
            self.command(company, "DefineOrgUnit", body).await?;
        }
        let mut file = Vec::new();
        // Writing to memory cannot fail.
        let _ = sample_data::write_csv(&mut file, SEED, PEOPLE);
        let file = json!({"name": "people.csv", "text": String::from_utf8_lossy(&file)});
        let body = json!({"dialect": "leapxpert", "files": [file]});
        let import = self.completed(company, "ImportFile", body, "import").await?;
        let body = json!({"source": {"import": import}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": PEOPLE});
        self.completed(company, "StartBulkIntegration", body, "run").await
    }

    /// Submits a command that starts an import or a run, waits for its end and returns its id.
    async fn completed(
        &self,
        company: &CompanyId,
        command: &str,
        body: Value,
        kind: &str,
    ) -> Result<Value, BenchError> {
        let started_all = Instant::now();
        let answer = self.command(company, command, body).await?;
        let id = answer.get("result").and_then(|result| result.get(kind)).cloned();
        let id = id.unwrap_or_default();
        let params = json!({"actor": "admin", kind: id});
        loop {
            let subject = names::query(company, kind);
            let answer = request(&self.client, subject.clone(), &params).await;
            if let Ok(answer) = &answer
                && answer.pointer("/row/state").and_then(Value::as_str) == Some("completed")
            {
                return Ok(id);
            }
            if started_all.elapsed() > Duration::from_secs(RUN_SECONDS_MAX) {
                return Err(BenchError::NotAccepted { subject, answer: format!("{answer:?}") });
            }
            tokio::time::sleep(Duration::from_millis(POLL_MILLIS)).await;
        }
    }
}

/// Sends a request, and returns its answer.
///
/// # Errors
/// When there is none, or when it is an error.
pub(in crate::bench) async fn request(
    client: &Client,
    subject: String,
    body: &Value,
) -> Result<Value, BenchError> {
    let payload = body.to_string().into_bytes().into();
    let answer = client.request(subject.clone(), payload).await;
    let answer =
        answer.map_err(|source| BenchError::Request { subject: subject.clone(), source })?;
    let is_error = answer.headers.is_some_and(|all| all.get("Nats-Service-Error").is_some());
    match serde_json::from_slice::<Value>(&answer.payload) {
        Ok(value) if !is_error => Ok(value),
        _ => {
            let answer = String::from_utf8_lossy(&answer.payload).into_owned();
            Err(BenchError::NotAccepted { subject, answer })
        }
    }
}
