//! Seeded and generated histories with faults, repeats and crashes, checked against every invariant.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::final_checks;
use super::simulator::{Mode, Simulator};
use crate::support::random::SeededRandom;

/// The seeds of a plain `cargo test`: a few seconds in the dev profile. `BOARDING_SEEDS=n` runs n seeds.
const SEEDS: u64 = 40;
/// The steps of one history: enough for several queued runs.
const STEPS: usize = 260;
/// One in this many seeds runs the slow checks too: isolation, undo, repeated imports, exports.
const THOROUGH_EVERY: u64 = 8;
/// The last lines of the transcript that a failure shows.
const LINES_SHOWN: usize = 60;

fn steps_of(seed: u64) -> Vec<u64> {
    let mut rng = SeededRandom::new(seed);
    (0..STEPS).map(|_| rng.next()).collect()
}

fn mode_of(seed: u64) -> Mode {
    Mode { deduplicates: seed % 2 == 1, only: None }
}

/// Runs a history and its final checks. `Err` names the violated invariant and ends with the transcript.
fn run_history(mode: Mode, steps: &[u64], thorough: bool) -> Result<Simulator, String> {
    let with_transcript = |simulator: &Simulator, why: &str| {
        let from = simulator.env.transcript.len().saturating_sub(LINES_SHOWN);
        format!("{why}\n{}", simulator.env.transcript[from..].join("\n"))
    };
    let mut simulator =
        Simulator::run(mode, steps).map_err(|failed| with_transcript(&failed.0, &failed.1))?;
    match final_checks::check(&mut simulator, mode, steps, thorough) {
        Ok(()) => Ok(simulator),
        Err(why) => Err(with_transcript(&simulator, &why)),
    }
}

#[track_caller]
fn run_seed(seed: u64) -> Simulator {
    match run_history(mode_of(seed), &steps_of(seed), seed.is_multiple_of(THOROUGH_EVERY)) {
        Ok(simulator) => simulator,
        Err(why) => panic!("seed {seed} violates an invariant; add it to tests/seeds.txt\n{why}"),
    }
}

fn seed_count() -> u64 {
    std::env::var("BOARDING_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS)
}

/// P1 to P17, P21 to P23, P25, P28, P30, P31: no seed violates an invariant, and all outcomes occur.
#[test]
fn invariants_hold_in_every_seeded_history() {
    let mut seen = BTreeSet::new();
    for seed in 0..seed_count() {
        seen.extend(run_seed(seed).env.outcomes);
    }
    let required = include_str!("required_outcomes.txt").lines();
    let missing: Vec<_> = required.filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "no history reached {missing:?}");
}

#[test]
fn invariants_hold_for_seeds_that_failed_before() {
    let kept = include_str!("../../seeds.txt").lines().filter(|line| !line.starts_with('#'));
    kept.filter_map(|line| line.trim().parse().ok()).for_each(|seed| drop(run_seed(seed)));
}

#[test]
fn same_seed_gives_the_same_history() {
    let digests = [5, 5, 6].map(|seed| {
        Simulator::run(mode_of(5), &steps_of(seed))
            .map_or_else(|failed| panic!("{}", failed.1), |simulator| simulator.digest())
    });
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() })]

    /// P1, P31: the same invariants, with histories that shrink to the few steps that violate one.
    #[test]
    fn invariants_hold_in_every_generated_history(
        steps in proptest::collection::vec(any::<u64>(), 1..160),
        deduplicates in any::<bool>(),
    ) {
        if let Err(why) = run_history(Mode { deduplicates, only: None }, &steps, steps.len() % 8 == 0) {
            return Err(TestCaseError::fail(why));
        }
    }
}
