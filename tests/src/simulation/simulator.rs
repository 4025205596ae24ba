//! The simulator: two companies on one log, in one thread, without IO or clock.

use boarding_log::EventLog as _;

use super::company::SimulatedCompany;
use super::environment::Environment;
use super::steps;
use super::violation::CheckResult;
use crate::support::random::SeededRandom;

#[derive(Debug)]
pub(super) struct Simulator {
    pub env: Environment,
    pub companies: Vec<SimulatedCompany>,
}

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
        let env = Environment::new();
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
