//! The simulation: so many seeds, each a history with faults, repeats and crashes, checked by every law.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::ends;
use super::world::{Mode, World};
use crate::support::random::SeededRandom;

/// How many seeds a plain `cargo test` lives: a few seconds in the dev profile. `BOARDING_SEEDS=n` lives n.
const SEEDS: u64 = 40;
/// Steps of one history: enough for several runs one behind the other.
const STEPS: usize = 260;
/// Every so many seeds the dear checks are made too: each company alone, files again, out and in.
const THOROUGH_EVERY: u64 = 4;
/// How many of the last lines a failure shows.
const LINES_SHOWN: usize = 60;

fn steps_of(seed: u64) -> Vec<u64> {
    let mut rng = SeededRandom::new(seed);
    (0..STEPS).map(|_| rng.next()).collect()
}

fn mode_of(seed: u64) -> Mode {
    Mode { deduplicates: seed % 2 == 1, only: None }
}

/// Lives a history to its end; what it came to, or which law it broke and how.
fn live(mode: Mode, steps: &[u64], thorough: bool) -> Result<World, String> {
    let told = |world: &World, why: &str| {
        let from = world.shared.told.len().saturating_sub(LINES_SHOWN);
        format!("{why}\n{}", world.shared.told[from..].join("\n"))
    };
    let mut world = World::live(mode, steps).map_err(|broken| told(&broken.0, &broken.1))?;
    match ends::check(&mut world, mode, steps, thorough) {
        Ok(()) => Ok(world),
        Err(why) => Err(told(&world, &why)),
    }
}

#[track_caller]
fn live_seed(seed: u64) -> World {
    match live(mode_of(seed), &steps_of(seed), seed.is_multiple_of(THOROUGH_EVERY)) {
        Ok(world) => world,
        Err(why) => panic!("seed {seed} breaks a law; put it into tests/seeds.txt\n{why}"),
    }
}

fn seeds_to_live() -> u64 {
    std::env::var("BOARDING_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS)
}

/// P1 to P17, P21 to P23, P25, P28, P31, and that everything ends (P30).
#[test]
fn p1_to_p31_hold_in_every_simulated_history() {
    let mut met = BTreeSet::new();
    for seed in 0..seeds_to_live() {
        met.extend(live_seed(seed).shared.met);
    }
    let wanted = include_str!("wanted.txt").lines();
    let missing: Vec<_> = wanted.filter(|name| !met.contains(*name)).collect();
    assert!(missing.is_empty(), "no history came to {missing:?}");
}

#[test]
fn seeds_that_broke_a_law_once_keep_all_of_them() {
    let kept = include_str!("../../seeds.txt").lines().filter(|line| !line.starts_with('#'));
    kept.filter_map(|line| line.trim().parse().ok()).for_each(|seed| drop(live_seed(seed)));
}

#[test]
fn the_same_seed_twice_is_the_same_history_to_the_byte() {
    let lives = [5, 5, 6].map(|seed| {
        World::live(mode_of(5), &steps_of(seed))
            .map_or_else(|broken| panic!("{}", broken.1), |world| world.digest())
    });
    assert_eq!(lives[0], lives[1]);
    assert_ne!(lives[0], lives[2]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() })]

    /// The same laws where a history that breaks one shrinks to the few steps that do.
    #[test]
    fn p1_to_p31_hold_in_every_generated_history(
        steps in proptest::collection::vec(any::<u64>(), 1..160),
        deduplicates in any::<bool>(),
    ) {
        if let Err(why) = live(Mode { deduplicates, only: None }, &steps, steps.len() % 8 == 0) {
            return Err(TestCaseError::fail(why));
        }
    }
}
