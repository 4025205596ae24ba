//! Measures the lists of a large company: the first page, a deep page, a search, and an earlier position.
//!
//! Beside each it measures the least that any program must do: encode the page, search the file of the people, or
//! read the log.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boarding_commands::values::CompanyId;
use serde_json::{Map, Value, json};

use super::figures::Figures;
use super::setup::{self, BenchError, SEED, read_folder};
use super::timed::Timed;
use crate::sample_data;
use boarding_core::delivery::null::NullTransport;
use boarding_core::engine::{Engine, LogChoice};
use boarding_core::queries::QueryAnswer;

/// The parameters of a measurement.
#[derive(Debug)]
pub struct Job<'a> {
    /// A new data folder.
    pub data: &'a Path,
    /// The people who are imported with phones and invited once: each is a row of every list.
    pub people: u64,
    /// The most requests of each kind in a round.
    pub requests: usize,
    pub rounds: usize,
}

/// A list with one row, or with several events, for each person.
struct List {
    query: &'static str,
    /// Its parameters beside the page.
    params: &'static [(&'static str, &'static str)],
    has_search: bool,
}

const LISTS: [List; 6] = [
    List { query: "users", params: &[], has_search: true },
    List { query: "phone_list", params: &[], has_search: true },
    List { query: "import_rows", params: &[("import", "latest")], has_search: false },
    List { query: "integration_log", params: &[("run", "latest")], has_search: true },
    List { query: "invitations", params: &[], has_search: false },
    List { query: "history", params: &[], has_search: false },
];

/// The rows of a page: one page on a screen.
const PAGE_ROWS: u64 = 50;

/// The rows of a page on the way to the deep page: the largest that a query returns.
const STEP_ROWS: u64 = 500;

/// How long the requests of one kind may take in a round, in seconds. At least one is always made.
const SECONDS_MAX: u64 = 3;

/// Imports and invites the people, and measures the rounds. `say` gets a line about each step.
///
/// # Errors
/// If the engine cannot be opened, or refuses a command or a query.
pub async fn measure(job: &Job<'_>, mut say: impl FnMut(&str)) -> Result<Figures, BenchError> {
    say(&format!("a new company: an import of {} people, and a run of all", job.people));
    let engine = setup::open(job.data, LogChoice::Files, Some(Arc::new(NullTransport)))?;
    let company = setup::company()?;
    let sample = job.data.join("sample.csv");
    setup::prepare(&engine, &company, job.people).await?;
    let file = setup::keep_sample(&engine, &sample, SEED, job.people)?;
    setup::import(&engine, &company, &file, true).await?;
    setup::invite(&engine, &company, job.people).await?;
    setup::wait_for_read_models(&engine).await?;
    let mut bench = Bench { job, engine, company, figures: Figures::default() };
    for list in &LISTS {
        say(&format!("{}: a walk to the page in the middle", list.query));
        let deep = bench.deep_cursor(list).await?;
        for round in 1..=job.rounds {
            say(&format!("{}: round {round} of {}", list.query, job.rounds));
            bench.round(list, &deep).await?;
        }
    }
    bench.figures.peak_memory_bytes = Some(setup::peak_memory_bytes());
    bench.engine.close().await;
    Ok(bench.figures)
}

struct Bench<'a> {
    job: &'a Job<'a>,
    engine: Engine,
    company: CompanyId,
    figures: Figures,
}

impl Bench<'_> {
    /// Measures each kind of request on a list once, with what is beside it.
    async fn round(&mut self, list: &List, deep: &Value) -> Result<(), BenchError> {
        let first = params(list, [("limit", json!(PAGE_ROWS))]);
        let deep = params(list, [("limit", json!(PAGE_ROWS)), ("cursor", deep.clone())]);
        for (kind, params) in [("first page", first), ("deep page", deep)] {
            let what = format!("{}, {kind}", list.query);
            let (timed, answer) = self.requests(list, &params).await?;
            self.figures.engine(&what, "pages", timed);
            let encoded = self.encode(&answer);
            self.figures.beside(&what, "encoding the page alone", encoded);
        }
        if list.has_search {
            let what = format!("{}, search", list.query);
            let last = sample_data::person(SEED, self.job.people.saturating_sub(1)).username;
            let (timed, answer) =
                self.requests(list, &params(list, [("search", json!(last))])).await?;
            if rows(&answer).is_empty() {
                return Err(BenchError::Failed(format!("{} did not find {last}", list.query)));
            }
            self.figures.engine(&what, "searches", timed);
            let searched = self.search_file(&last)?;
            self.figures.beside(&what, "a search in the file of the people", searched);
        }
        let what = format!("{}, earlier position", list.query);
        let end = self.engine.log().end();
        let past = params(list, [("limit", json!(PAGE_ROWS)), ("as_of", json!(end))]);
        let (timed, _) = self.requests(list, &past).await?;
        self.figures.engine(&what, "pages", timed);
        let read = self.read_log()?;
        self.figures.beside(&what, "a plain read of the log", read);
        Ok(())
    }

    /// Sends the same request again and again, one after the other. Returns also the last answer.
    async fn requests(
        &self,
        list: &List,
        params: &Map<String, Value>,
    ) -> Result<(Timed, Value), BenchError> {
        let (started_all, mut times) = (Instant::now(), Vec::new());
        loop {
            let started = Instant::now();
            let answer = self.request(list, params.clone()).await?;
            times.push(started.elapsed());
            let is_over = started_all.elapsed() > Duration::from_secs(SECONDS_MAX);
            if is_over || times.len() >= self.job.requests {
                return Ok((Timed::new(started_all.elapsed(), times), answer));
            }
        }
    }

    async fn request(&self, list: &List, params: Map<String, Value>) -> Result<Value, BenchError> {
        match self.engine.query(&self.company, list.query, params, &setup::caller()).await {
            Ok(QueryAnswer::Json(answer)) => Ok(answer.value()),
            Ok(QueryAnswer::Csv(_)) => {
                Err(BenchError::Failed(format!("{} answered with a file", list.query)))
            }
            Err(error) => Err(BenchError::Failed(format!("{}: {error:?}", list.query))),
        }
    }

    /// The cursor of the page in the middle of the people. Null where the list is shorter than one step.
    async fn deep_cursor(&self, list: &List) -> Result<Value, BenchError> {
        let mut cursor = Value::Null;
        for _ in 0..self.job.people / 2 / STEP_ROWS {
            let page = params(list, [("limit", json!(STEP_ROWS)), ("cursor", cursor.clone())]);
            match self.request(list, page).await?.get("next") {
                Some(next) if !next.is_null() => cursor = next.clone(),
                _ => break,
            }
        }
        Ok(cursor)
    }

    fn encode(&self, answer: &Value) -> Timed {
        let (started_all, mut times) = (Instant::now(), Vec::new());
        for _ in 0..self.job.requests {
            let started = Instant::now();
            std::hint::black_box(answer.to_string());
            times.push(started.elapsed());
        }
        Timed::new(started_all.elapsed(), times)
    }

    fn search_file(&self, wanted: &str) -> Result<Timed, BenchError> {
        let path = self.job.data.join("sample.csv");
        let started = Instant::now();
        let text = fs::read_to_string(&path);
        let text = text.map_err(|error| BenchError::File(path.clone(), error))?;
        std::hint::black_box(text.lines().filter(|line| line.contains(wanted)).count());
        let elapsed = started.elapsed();
        Ok(Timed::new(elapsed, vec![elapsed]))
    }

    fn read_log(&self) -> Result<Timed, BenchError> {
        let log = self.job.data.join("log");
        let started = Instant::now();
        read_folder(&log).map_err(|error| BenchError::File(log.clone(), error))?;
        let elapsed = started.elapsed();
        Ok(Timed::new(elapsed, vec![elapsed]))
    }
}

fn params<const N: usize>(list: &List, more: [(&str, Value); N]) -> Map<String, Value> {
    let own = list.params.iter().map(|(name, value)| (*name, json!(value)));
    own.chain(more).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn rows(answer: &Value) -> &[Value] {
    answer.get("rows").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
