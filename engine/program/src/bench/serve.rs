//! Measures commands and queries, in process and over NATS, with few and many clients at once.
//!
//! Beside them: a raw file with as many appends in flight, a NATS service that answers at once, and Postgres.

mod caller;
mod echo;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use boarding_commands::values::CompanyId;
use serde_json::json;
use tokio::task::JoinSet;

use self::caller::Caller;
use self::echo::Echo;
use super::figures::Figures;
use super::log::{self, IN_FLIGHT};
use super::postgres::Postgres;
use super::requests::SmallCommand;
use super::setup::{self, BenchError, SEED};
use super::timed::Timed;
use boarding_core::delivery::null::NullTransport;
use boarding_core::engine::{Engine, LogChoice};
use boarding_log::connect::ServerAddress;
use boarding_nats::server::{self, NatsServer};

/// The number of people of the company in the queries.
const PEOPLE: u64 = 1_000;

/// The rows of a page: one page on a screen.
const PAGE_ROWS: u64 = 50;

/// About the bytes of the answer to a command.
const COMMAND_ANSWER_BYTES: usize = 250;

/// The parameters of a measurement.
#[derive(Debug)]
pub struct Job<'a> {
    /// A new folder.
    pub data: &'a Path,
    /// The NATS servers; without them only the engine in this process is measured.
    pub nats: Option<ServerAddress>,
    /// The companies that commands are for.
    pub companies: usize,
    /// The most commands or queries of each kind in a round.
    pub requests: usize,
    pub rounds: usize,
}

/// Measures the rounds. `say` gets a line about each step.
///
/// # Errors
/// If an engine cannot be opened or used, or NATS or Postgres fails.
pub async fn measure(
    job: &Job<'_>,
    postgres: Option<&Postgres>,
    mut say: impl FnMut(&str),
) -> Result<Figures, BenchError> {
    let companies: Result<Vec<CompanyId>, _> = (0..job.companies).map(log::company).collect();
    let companies = companies.map_err(|error| BenchError::Failed(error.to_string()))?;
    say("the engines: one in this process, and one on NATS if there is one");
    let engine = Arc::new(prepared(job, "in-process", &companies).await?);
    let mut callers = vec![Caller::in_process(Arc::clone(&engine))];
    let mut served = None;
    if let Some(address) = &job.nats {
        let on_nats = OnNats::start(job, address, &companies).await?;
        callers.extend(Caller::over_nats(address).await?);
        served = Some(on_nats);
    }
    if let Some(postgres) = postgres {
        postgres.import_companies(&[(companies_first(&companies)?, SEED)], PEOPLE).await?;
    }
    let first = companies.first();
    let first = first.ok_or_else(|| BenchError::Failed("there is no company".to_owned()))?;
    let page = Caller::in_process(Arc::clone(&engine)).users(first, PAGE_ROWS).await?;
    let page_bytes = page.to_string().len();
    let echo = served.as_ref().map(|served| &served.echo);
    let mut bench = Bench {
        job,
        companies: companies.into(),
        callers,
        echo,
        postgres,
        page_bytes,
        people: AtomicUsize::new(0),
        figures: Figures::default(),
    };
    for round in 1..=job.rounds {
        for clients in IN_FLIGHT {
            say(&format!("round {round} of {}: {clients} at once", job.rounds));
            bench.round(clients).await?;
        }
    }
    let Bench { figures, callers, .. } = bench;
    drop(callers);
    if let Some(served) = served {
        served.server.close().await;
    }
    if let Some(engine) = Arc::into_inner(engine) {
        engine.close().await;
    }
    Ok(figures)
}

fn companies_first(companies: &[CompanyId]) -> Result<String, BenchError> {
    let first = companies.first().map(ToString::to_string);
    first.ok_or_else(|| BenchError::Failed("there is no company".to_owned()))
}

/// An engine whose first company has people, and whose other companies are loaded.
async fn prepared(
    job: &Job<'_>,
    folder: &str,
    companies: &[CompanyId],
) -> Result<Engine, BenchError> {
    let data = job.data.join(folder);
    let engine = setup::open(&data, LogChoice::Files, Some(Arc::new(NullTransport)))?;
    for company in companies {
        let name = json!({"company_name": "Bench"});
        setup::submit(&engine, company, "SetCompanyConfig", name).await?;
    }
    if let Some(first) = companies.first() {
        setup::prepare(&engine, first, PEOPLE).await?;
        let file = setup::keep_sample(&engine, &data.join("sample.csv"), SEED, PEOPLE)?;
        setup::import(&engine, first, &file, true).await?;
    }
    setup::wait_for_read_models(&engine).await?;
    Ok(engine)
}

/// An engine that serves on NATS, and a service beside it that answers at once.
struct OnNats {
    server: NatsServer,
    echo: Echo,
}

impl OnNats {
    async fn start(
        job: &Job<'_>,
        address: &ServerAddress,
        companies: &[CompanyId],
    ) -> Result<Self, BenchError> {
        let engine = prepared(job, "nats", companies).await?;
        let client = address.connect("boarding bench").await?;
        let server = NatsServer::open(engine, client, server::Options::default()).await?;
        Ok(Self { server, echo: Echo::start(address).await? })
    }
}

struct Bench<'a> {
    job: &'a Job<'a>,
    companies: Arc<[CompanyId]>,
    callers: Vec<Caller>,
    echo: Option<&'a Echo>,
    postgres: Option<&'a Postgres>,
    /// The size of the answer to a query, as JSON.
    page_bytes: usize,
    /// The number of people so far. Each client and round uses new people.
    people: AtomicUsize,
    figures: Figures,
}

impl Bench<'_> {
    /// Measures commands and queries of this many clients, once each.
    async fn round(&mut self, clients: usize) -> Result<(), BenchError> {
        // Fewer for few clients, because each waits for its own answer.
        let all = self.job.requests.min(self.job.requests * clients.max(4) / 64);
        let each = (all / clients).max(1);
        let raw = log::raw(&self.job.data.join("raw"), clients, each).await;
        let raw = raw.map_err(|error| BenchError::Failed(error.to_string()))?;
        let raw = Timed::of_work((each * clients) as u64, raw);
        let (mut echo_commands, mut echo_pages) = (None, None);
        if let Some(echo) = self.echo {
            echo_commands = Some(echo.requests(clients, each, COMMAND_ANSWER_BYTES).await?);
            echo_pages = Some(echo.requests(clients, each, self.page_bytes).await?);
        }
        let (mut sql_commands, mut sql_pages) = (None, None);
        if let Some(postgres) = self.postgres {
            sql_commands = Some(postgres.commands(self.commands(clients, each)?).await?);
            let first = companies_first(&self.companies)?;
            sql_pages = Some(postgres.pages(&first, PAGE_ROWS, clients, each).await?);
        }
        for caller in self.callers.clone() {
            let way = caller.way();
            let commands = self.send_commands(&caller, clients, each).await?;
            let queries = self.send_queries(&caller, clients, each).await?;
            let what = format!("commands {way}, {clients} at once");
            self.figures.engine(&what, "commands", commands);
            self.figures.beside(&what, "appends to a raw file", raw.clone());
            if let Some(echo) = echo_commands.as_ref().filter(|_| !caller.is_in_process()) {
                self.figures.beside(&what, "an echo over NATS", echo.clone());
            }
            if let Some(sql) = &sql_commands {
                self.figures.beside(&what, "Postgres, 1 command a commit", sql.clone());
            }
            let what = format!("{PAGE_ROWS} users {way}, {clients} at once");
            self.figures.engine(&what, "queries", queries);
            if let Some(echo) = echo_pages.as_ref().filter(|_| !caller.is_in_process()) {
                self.figures.beside(&what, "an echo of as many bytes over NATS", echo.clone());
            }
            if let Some(sql) = &sql_pages {
                self.figures.beside(&what, "Postgres, a page of users", sql.clone());
            }
        }
        self.figures.peak_memory_bytes.get_or_insert_with(setup::peak_memory_bytes);
        Ok(())
    }

    fn company(&self, client: usize) -> Result<CompanyId, BenchError> {
        let found = self.companies.get(client % self.companies.len().max(1)).cloned();
        found.ok_or_else(|| BenchError::Failed("there is no company".to_owned()))
    }

    /// The commands of each client, on people that no client before had.
    fn commands(
        &self,
        clients: usize,
        each: usize,
    ) -> Result<Vec<(String, Vec<SmallCommand>)>, BenchError> {
        let of_client = |client| {
            let first = self.people.fetch_add(each, Ordering::Relaxed);
            let commands = (0..each).map(|number| SmallCommand::numbered(first, number)).collect();
            Ok((self.company(client)?.to_string(), commands))
        };
        (0..clients).map(of_client).collect()
    }

    async fn send_commands(
        &self,
        caller: &Caller,
        clients: usize,
        each: usize,
    ) -> Result<Timed, BenchError> {
        let commands = self.commands(clients, each)?;
        let started_all = Instant::now();
        let mut tasks = JoinSet::new();
        for (client, (_, commands)) in commands.into_iter().enumerate() {
            let (caller, company) = (caller.clone(), self.company(client)?);
            tasks.spawn(async move {
                let mut times = Vec::with_capacity(commands.len());
                for command in commands {
                    let (name, body) = command.in_contract();
                    let started = Instant::now();
                    caller.command(&company, name, body).await?;
                    times.push(started.elapsed());
                }
                Ok(times)
            });
        }
        Timed::joined::<BenchError>(started_all, tasks).await
    }

    async fn send_queries(
        &self,
        caller: &Caller,
        clients: usize,
        each: usize,
    ) -> Result<Timed, BenchError> {
        let started_all = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let (caller, company) = (caller.clone(), self.company(0)?);
            tasks.spawn(async move {
                let mut times = Vec::with_capacity(each);
                for _ in 0..each {
                    let started = Instant::now();
                    caller.users(&company, PAGE_ROWS).await?;
                    times.push(started.elapsed());
                }
                Ok(times)
            });
        }
        Timed::joined::<BenchError>(started_all, tasks).await
    }
}
