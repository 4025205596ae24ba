//! The simulator: two companies on one log, in one thread, without IO or clock.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use boarding_commands::commit::Recorded;
use boarding_commands::event::Event;
use boarding_commands::id::CompanyId;
use boarding_commands::time::Time;
use boarding_log::memory::MemoryLog;
use boarding_log::{Encoded, EventLog as _};
use boarding_projections::query::{Answer, query};
use boarding_projections::rows::MemoryRows;
use serde_json::{Value, json};

use super::company::SimulatedCompany;
use super::sample_values::{ADDRESSES, PHONES, POOL};
use super::steps;
use super::violation::{CheckResult, Secrets};
use crate::support::random::SeededRandom;

/// The log, the read models and the time that all companies share.
#[derive(Debug)]
pub(super) struct Environment {
    pub log: MemoryLog,
    pub rows: MemoryRows,
    pub now: Time,
    /// One line per submitted command: company, time, command and outcome.
    pub transcript: Vec<String>,
    /// The names of all events and codes that occurred.
    pub outcomes: BTreeSet<String>,
    pub secrets: Secrets,
}

#[derive(Debug)]
pub(super) struct Simulator {
    pub env: Environment,
    pub companies: Vec<SimulatedCompany>,
}

/// 2026-11-21T08:00:00Z, the time at which every history starts.
const START: Time = Time(1_795_248_000_000);

/// The names of the simulated companies.
pub(super) const COMPANIES: [&str; 2] = ["acme", "globex"];

/// How a history is simulated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    /// Whether the mailers drop repeated mails.
    pub deduplicates: bool,
    /// The only company that acts. `None`: all of them.
    pub only: Option<&'static str>,
}

impl Simulator {
    pub(super) fn new(mode: Mode) -> Self {
        let env = Environment {
            log: MemoryLog::new(),
            rows: MemoryRows::default(),
            now: START,
            transcript: Vec::new(),
            outcomes: BTreeSet::new(),
            secrets: Secrets::of(&[&PHONES[..], &POOL[..]].concat(), &ADDRESSES),
        };
        let companies =
            COMPANIES.iter().map(|name| SimulatedCompany::new(name, mode.deduplicates)).collect();
        Self { env, companies }
    }

    /// Runs one step per seed. Returns the simulator also when a step violates an invariant.
    pub(super) fn run(mode: Mode, steps: &[u64]) -> Result<Self, Box<(Self, String)>> {
        let mut simulator = Self::new(mode);
        for company in &mut simulator.companies {
            if mode.only.is_none_or(|only| only == company.id.as_str())
                && let Err(why) = steps::set_up(company, &mut simulator.env)
            {
                return Err(Box::new((simulator, why)));
            }
        }
        for step in steps {
            if let Err(why) = simulator.step(mode, *step) {
                return Err(Box::new((simulator, why)));
            }
        }
        Ok(simulator)
    }

    fn step(&mut self, mode: Mode, step: u64) -> CheckResult {
        let mut rng = SeededRandom::new(step);
        let company = rng.below(COMPANIES.len());
        let wait = steps::seconds_before(&mut rng);
        self.env.now = self.env.now.plus_seconds(wait);
        let acts = |name: &str| mode.only.is_none_or(|only| only == name);
        // After a long wait the engine's tick comes before any command.
        let active = self.companies.iter_mut().filter(|company| acts(company.id.as_str()));
        for company in active.filter(|_| wait >= steps::HOUR_SECONDS) {
            company.tick(&mut self.env, &mut rng.clone())?;
        }
        if !acts(COMPANIES[company]) {
            return Ok(());
        }
        steps::run(&mut self.companies[company], &mut self.env, &mut rng)
    }

    /// The hash of each company's last commit. Equal hashes mean equal events.
    pub(super) fn digest(&self) -> Vec<String> {
        COMPANIES
            .iter()
            .map(|name| self.env.log.head(&name.parse().unwrap()).hash.to_string())
            .collect()
    }
}

impl Environment {
    /// Appends a commit and applies it to the read models.
    pub(super) fn append(&mut self, encoded: Encoded) -> Result<Recorded, String> {
        let appended = poll_once(self.log.append(vec![encoded]))
            .map_err(|error| format!("P11 append: {error}"))?;
        let recorded =
            self.log.read_at(appended[0].location).map_err(|error| format!("P12 read: {error}"))?;
        for fact in recorded.facts() {
            boarding_projections::apply(&fact, &mut self.rows)
                .map_err(|error| format!("P12 project: {error}"))?;
            self.outcomes.insert(fact.event.name().to_owned());
            if let Event::InviteFailed { code, .. } | Event::UserSkipped { code, .. } = fact.event {
                self.outcomes.insert(code.to_string());
            }
        }
        Ok(recorded)
    }

    /// All commits, or those of one company.
    pub(super) fn commits(&self, company: Option<&CompanyId>) -> Vec<Recorded> {
        let mut reader = match company {
            Some(company) => self.log.read_company(company, 0),
            None => self.log.read_all(0),
        };
        let mut all = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            all.push(entry.recorded);
        }
        all
    }

    /// The rows of a query, at most 500.
    pub(super) fn query_rows(
        &self,
        company: &CompanyId,
        name: &str,
        mut params: Value,
    ) -> Vec<Value> {
        params["limit"] = json!(500);
        match query(name, company, &params, &self.rows).unwrap() {
            Answer::Rows { rows, .. } => rows,
            Answer::Row(row) => vec![row],
        }
    }
}

/// The result of a future of the memory log, which is ready at the first poll.
fn poll_once<T>(mut future: Pin<Box<dyn Future<Output = T> + Send + '_>>) -> T {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a future of the memory log is pending"),
    }
}
