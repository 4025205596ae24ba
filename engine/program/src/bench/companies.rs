//! Measures many small companies: each imports its people and invites all of them.
//!
//! Beside it, a raw file gets the same commits. Its companies are as many at once, and each waits for its own commits.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use boarding_commands::event::FileRef;
use boarding_commands::values::CompanyId;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::figures::Figures;
use super::postgres::Postgres;
use super::raw_file::RawFile;
use super::setup::{self, BenchError, SEED};
use super::timed::Timed;
use super::versus::PER_COMMIT;
use boarding_core::delivery::null::NullTransport;
use boarding_core::engine::{Engine, LogChoice};
use boarding_core::queries::QueryAnswer;

/// The parameters of a measurement.
#[derive(Debug)]
pub struct Job<'a> {
    /// A new folder. Each round has its own folder in it, and removes it.
    pub data: &'a Path,
    pub companies: usize,
    /// The people of each company.
    pub people: u64,
    /// How many companies work at once.
    pub at_once: usize,
    pub rounds: usize,
}

/// The names of the engine's figures.
const IMPORT: &str = "import, durable";
const RUN: &str = "run, durable";
const BOTH: &str = "import and run";

/// Measures the rounds. `say` gets a line about each step.
///
/// # Errors
/// If the engine cannot be opened, refuses a command, or does not invite everybody.
pub async fn measure(
    job: &Job<'_>,
    postgres: Option<&Postgres>,
    mut say: impl FnMut(&str),
) -> Result<Figures, BenchError> {
    let mut figures = Figures::default();
    for round in 1..=job.rounds {
        let data = job.data.join(format!("round-{round}"));
        say(&format!("round {round} of {}: the engine", job.rounds));
        let done = engine_round(job, &data).await?;
        figures.peak_memory_bytes.get_or_insert_with(setup::peak_memory_bytes);
        let both = together(&done.import, &done.run);
        for (what, timed) in [(IMPORT, done.import), (RUN, done.run), (BOTH, both)] {
            figures.engine(what, "people", timed);
        }
        say(&format!("round {round} of {}: a raw file with the same commits", job.rounds));
        let import = raw_round(job, &data, done.import_commits).await?;
        let run = raw_round(job, &data, done.run_commits).await?;
        let both = together(&import, &run);
        for (what, timed) in [(IMPORT, import), (RUN, run), (BOTH, both)] {
            figures.beside(what, "a raw file, the same commits", timed);
        }
        fs::remove_dir_all(&data).map_err(|error| BenchError::File(data.clone(), error))?;
        if let Some(postgres) = postgres {
            say(&format!("round {round} of {}: Postgres", job.rounds));
            postgres_round(job, postgres, &mut figures).await?;
        }
    }
    Ok(figures)
}

async fn postgres_round(
    job: &Job<'_>,
    postgres: &Postgres,
    figures: &mut Figures,
) -> Result<(), BenchError> {
    let companies = companies(job.companies)?;
    let named = |(number, company): (usize, &CompanyId)| (company.to_string(), seed(number));
    let companies: Vec<(String, u64)> = companies.iter().enumerate().map(named).collect();
    let import = postgres.import_companies(&companies, job.people).await?;
    figures.beside(IMPORT, "Postgres, 1 company an upsert", import.clone());
    for (per_commit, what) in PER_COMMIT {
        postgres.forget_runs().await?;
        let run = postgres.run_companies(&companies, job.people, per_commit).await?;
        figures.beside(BOTH, what, together(&import, &run));
        figures.beside(RUN, what, run);
    }
    Ok(())
}

/// The people of two phases that follow each other.
fn together(import: &Timed, run: &Timed) -> Timed {
    Timed::of_work(import.count, import.elapsed + run.elapsed)
}

/// The bytes of the commits of each company, in order.
type Commits = Vec<Vec<Vec<u8>>>;

struct Round {
    /// The durations are of companies.
    import: Timed,
    run: Timed,
    import_commits: Commits,
    run_commits: Commits,
}

async fn engine_round(job: &Job<'_>, data: &Path) -> Result<Round, BenchError> {
    let engine = setup::open(data, LogChoice::Files, Some(Arc::new(NullTransport)))?;
    let engine = Arc::new(engine);
    let companies = companies(job.companies)?;
    let people = job.people;
    let prepare = move |engine: Arc<Engine>, company: CompanyId, _| async move {
        setup::prepare(&engine, &company, people).await
    };
    each_company(job, &engine, &companies, prepare).await?;
    let files = Arc::new(files(&engine, data, job)?);
    let before = engine.log().end();
    let import = move |engine: Arc<Engine>, company: CompanyId, number: usize| {
        let file = files.get(number).cloned();
        async move {
            let file = file.ok_or_else(|| BenchError::Failed(format!("no file for {company}")))?;
            setup::import(&engine, &company, &file, true).await
        }
    };
    let import = each_company(job, &engine, &companies, import).await?;
    let between = engine.log().end();
    let run = move |engine: Arc<Engine>, company: CompanyId, _| async move {
        setup::invite(&engine, &company, people).await.map(|_| ())
    };
    let run = each_company(job, &engine, &companies, run).await?;
    setup::wait_for_read_models(&engine).await?;
    for company in &companies {
        check_run(&engine, company, people).await?;
    }
    let (import_commits, run_commits) =
        tokio::task::block_in_place(|| commits(&engine, &companies, (before, between)))?;
    if let Some(engine) = Arc::into_inner(engine) {
        engine.close().await;
    }
    Ok(Round { import, run, import_commits, run_commits })
}

fn companies(count: usize) -> Result<Vec<CompanyId>, BenchError> {
    let company = |number| format!("bench-{number}").parse();
    let all: Result<Vec<CompanyId>, _> = (0..count).map(company).collect();
    all.map_err(|error| BenchError::Failed(format!("{error}")))
}

/// The seed of the people of a company.
fn seed(company: usize) -> u64 {
    SEED + company as u64
}

/// The kept files of all companies, each with other people.
fn files(engine: &Engine, data: &Path, job: &Job<'_>) -> Result<Vec<FileRef>, BenchError> {
    let sample = data.join("sample.csv");
    let keep = |company| setup::keep_sample(engine, &sample, seed(company), job.people);
    (0..job.companies).map(keep).collect()
}

/// Does a piece of work for each company, for some of them at once. The durations are of companies, the rate of people.
async fn each_company<F>(
    job: &Job<'_>,
    engine: &Arc<Engine>,
    companies: &[CompanyId],
    work: impl Fn(Arc<Engine>, CompanyId, usize) -> F + Clone + Send + 'static,
) -> Result<Timed, BenchError>
where
    F: Future<Output = Result<(), BenchError>> + Send + 'static,
{
    let (companies, next) = (Arc::<[CompanyId]>::from(companies), Arc::new(AtomicUsize::new(0)));
    let started_all = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..job.at_once {
        let (engine, companies) = (Arc::clone(engine), Arc::clone(&companies));
        let (next, work) = (Arc::clone(&next), work.clone());
        tasks.spawn(async move {
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(company) = companies.get(number) else { return Ok(times) };
                let started = Instant::now();
                work(Arc::clone(&engine), company.clone(), number).await?;
                times.push(started.elapsed());
            }
        });
    }
    let timed: Timed = Timed::joined::<BenchError>(started_all, tasks).await?;
    Ok(timed.counting(companies.len() as u64 * job.people))
}

/// Fails unless the newest run of the company has invited everybody.
async fn check_run(engine: &Engine, company: &CompanyId, people: u64) -> Result<(), BenchError> {
    let params = [("run".to_owned(), json!("latest"))].into_iter().collect();
    let answer = engine.query(company, "run", params, &setup::caller()).await;
    let passed = match &answer {
        Ok(QueryAnswer::Json(answer)) => {
            answer.value().pointer("/row/passed").and_then(Value::as_u64)
        }
        _ => None,
    };
    match passed {
        Some(passed) if passed == people => Ok(()),
        _ => Err(BenchError::Failed(format!("{company} did not invite everybody: {answer:?}"))),
    }
}

/// The commits after each of the two positions, by company. The first list ends at the second position.
fn commits(
    engine: &Engine,
    companies: &[CompanyId],
    (before, between): (u64, u64),
) -> Result<(Commits, Commits), BenchError> {
    let numbers: HashMap<&CompanyId, usize> =
        companies.iter().enumerate().map(|(number, company)| (company, number)).collect();
    let mut phases = (vec![Vec::new(); companies.len()], vec![Vec::new(); companies.len()]);
    let mut reader = engine.log().read_all(before + 1);
    while let Some(entry) = reader.next()? {
        let is_import = entry.recorded.last_position() <= between;
        let phase = if is_import { &mut phases.0 } else { &mut phases.1 };
        let commit = entry.recorded.commit;
        let number = numbers.get(&commit.company).copied();
        let failed = |error| BenchError::Failed(format!("cannot encode a commit: {error}"));
        let bytes = rmp_serde::to_vec(&commit).map_err(failed)?;
        if let Some(company) = number.and_then(|number| phase.get_mut(number)) {
            company.push(bytes);
        }
    }
    Ok(phases)
}

/// Appends the commits of all companies to a raw file, and counts their people.
async fn raw_round(job: &Job<'_>, data: &Path, commits: Commits) -> Result<Timed, BenchError> {
    let path = data.join("raw");
    let failed = |error| BenchError::File(path.clone(), error);
    let file = RawFile::create(&path).map_err(failed)?;
    let companies = Arc::new(std::sync::Mutex::new(commits.into_iter()));
    let started_all = Instant::now();
    let mut tasks: JoinSet<Result<Vec<Duration>, BenchError>> = JoinSet::new();
    for _ in 0..job.at_once {
        let (file, companies) = (file.appender(), Arc::clone(&companies));
        tasks.spawn(async move {
            let next = || {
                let mut all = companies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                all.next()
            };
            let mut times = Vec::new();
            while let Some(commits) = next() {
                let started = Instant::now();
                for commit in commits {
                    if !file.append(commit).await {
                        // Closing the file returns the error.
                        return Ok(times);
                    }
                }
                times.push(started.elapsed());
            }
            Ok(times)
        });
    }
    let timed = Timed::joined(started_all, tasks).await?;
    file.close().await.map_err(failed)?;
    Ok(timed.counting(job.companies as u64 * job.people))
}
