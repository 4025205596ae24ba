//! The model world: one log, its read models, and what asks them; one thread, no IO, no clock.

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
use boarding_projections::query::QueryAnswer;
use boarding_projections::rows::MemoryRows;
use serde_json::{Value, json};

use super::alphabet::{ADDRESSES, PHONES, POOL};
use super::broken::{Law, Secrets};
use super::steps;
use super::tenant::Tenant;
use crate::support::random::SeededRandom;

/// What all companies share.
#[derive(Debug)]
pub(super) struct Shared {
    pub log: MemoryLog,
    pub rows: MemoryRows,
    pub now: Time,
    /// What was asked and what came of it, one line each.
    pub told: Vec<String>,
    /// Every event, code and outcome that was come to.
    pub met: BTreeSet<String>,
    pub secrets: Secrets,
}

#[derive(Debug)]
pub(super) struct World {
    pub shared: Shared,
    pub tenants: Vec<Tenant>,
}

/// 2026-11-21T08:00:00Z, where every history begins.
const START: Time = Time(1_795_248_000_000);

/// The companies of a world.
pub(super) const COMPANIES: [&str; 2] = ["acme", "globex"];

/// How a history is to be lived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    /// Whether the mailers recognise a repeat.
    pub deduplicates: bool,
    /// The only company that acts; all of them if none.
    pub only: Option<&'static str>,
}

impl World {
    pub(super) fn new(mode: Mode) -> Self {
        let shared = Shared {
            log: MemoryLog::new(),
            rows: MemoryRows::default(),
            now: START,
            told: Vec::new(),
            met: BTreeSet::new(),
            secrets: Secrets::of(&[&PHONES[..], &POOL[..]].concat(), &ADDRESSES),
        };
        let tenants = COMPANIES.iter().map(|name| Tenant::new(name, mode.deduplicates)).collect();
        Self { shared, tenants }
    }

    /// Lives a history: one step for each number. The laws that can be told at once are told at once.
    pub(super) fn live(mode: Mode, steps: &[u64]) -> Result<Self, Box<(Self, String)>> {
        let mut world = Self::new(mode);
        for tenant in &mut world.tenants {
            if mode.only.is_none_or(|only| only == tenant.id.as_str())
                && let Err(why) = steps::found(tenant, &mut world.shared)
            {
                return Err(Box::new((world, why)));
            }
        }
        for step in steps {
            if let Err(why) = world.step(mode, *step) {
                return Err(Box::new((world, why)));
            }
        }
        Ok(world)
    }

    fn step(&mut self, mode: Mode, step: u64) -> Law {
        let mut rng = SeededRandom::new(step);
        let company = rng.below(COMPANIES.len());
        let wait = steps::wait_seconds(&mut rng);
        self.shared.now = self.shared.now.plus_seconds(wait);
        let acts = |name: &str| mode.only.is_none_or(|only| only == name);
        // Time that passes unseen is seen by the engine's own tick before anybody asks anything.
        let acting = self.tenants.iter_mut().filter(|tenant| acts(tenant.id.as_str()));
        for tenant in acting.filter(|_| wait >= steps::HOUR_SECONDS) {
            tenant.tick(&mut self.shared, &mut rng.clone())?;
        }
        if !acts(COMPANIES[company]) {
            return Ok(());
        }
        steps::take(&mut self.tenants[company], &mut self.shared, &mut rng)
    }

    /// What every company came to: the hash of its last commit holds all its events.
    pub(super) fn digest(&self) -> Vec<String> {
        COMPANIES
            .iter()
            .map(|name| self.shared.log.head(&name.parse().unwrap()).hash.to_string())
            .collect()
    }
}

impl Shared {
    /// Appends a commit and lets the read models follow.
    pub(super) fn append(&mut self, encoded: Encoded) -> Result<Recorded, String> {
        let appended = ready(self.log.append(vec![encoded]))
            .map_err(|error| format!("P11 append: {error}"))?;
        let recorded =
            self.log.read_at(appended[0].place).map_err(|error| format!("P12 read: {error}"))?;
        for fact in recorded.facts() {
            boarding_projections::apply(&fact, &mut self.rows)
                .map_err(|error| format!("P12 project: {error}"))?;
            self.met.insert(fact.event.name().to_owned());
            if let Event::InviteFailed { code, .. } | Event::UserSkipped { code, .. } = fact.event {
                self.met.insert(code.to_string());
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

    /// All rows that a query answers with.
    pub(super) fn ask(&self, company: &CompanyId, name: &str, mut params: Value) -> Vec<Value> {
        params["limit"] = json!(500);
        match boarding_projections::answer(name, company, &params, &self.rows).unwrap() {
            QueryAnswer::Rows { rows, .. } => rows,
            QueryAnswer::Row(row) => vec![row],
        }
    }
}

/// What a future of the log in memory gives: it never waits.
fn ready<T>(mut future: Pin<Box<dyn Future<Output = T> + Send + '_>>) -> T {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the log in memory waits for nobody"),
    }
}
