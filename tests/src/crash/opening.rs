//! Kills while a data folder is opened, made or mended, and read models that disappear between kills.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::crashes;
use super::history::commits;
use super::place::Place;
use crate::support::random::SeededRandom;

const PEOPLE: usize = 300;
/// The first milliseconds of a process, one kill in each part of them.
const FIRST: Duration = Duration::from_millis(30);
const KILLS: usize = 20;

/// What can be seen, whole.
fn everything(place: &Place) -> Vec<Vec<Value>> {
    [&["users"][..], &["phones"], &["imports"], &["runs", "list"], &["config", "get"], &["history"]]
        .iter()
        .map(|words| place.lines(words, 0))
        .collect()
}

/// P12, P27: a folder that was killed while it was opened, again and again, has everything.
#[test]
fn p27_kills_while_the_folder_is_opened_lose_nothing() {
    let mut rng = SeededRandom::from_environment();
    let place = Place::with_people(PEOPLE);
    let before = everything(&place);
    let whole = place.length_of(&["runs", "list"], 0);
    let mut moments = rng.spread_durations(KILLS, FIRST);
    moments.extend(rng.spread_durations(crashes(), whole));
    for moment in moments {
        place.kill(&["runs", "list"], moment);
    }
    assert!(everything(&place) == before, "something is lost");
}

/// P12: what is derived can go at any time, also while it is being built anew.
#[test]
fn p12_read_models_deleted_between_kills_come_back_whole() {
    let mut rng = SeededRandom::from_environment();
    let place = Place::with_people(PEOPLE);
    let before = everything(&place);
    let derived = place.data().join("derived");
    fs::remove_dir_all(&derived).unwrap();
    let whole = place.length_of(&["runs", "list"], 0);
    for moment in rng.spread_durations(crashes(), whole) {
        fs::remove_dir_all(&derived).unwrap();
        place.kill(&["runs", "list"], moment);
        if rng.one_in(2) {
            place.kill(&["runs", "list"], rng.duration_below(whole));
        }
        assert_eq!(place.lines(&["users"], 0), before[0]);
    }
    assert!(everything(&place) == before, "something is lost");
}

/// A folder that was killed while it was made can be made.
#[test]
fn a_folder_that_was_killed_while_it_was_made_can_be_used() {
    let mut rng = SeededRandom::from_environment();
    let role = json!({"role": "Advisor"}).to_string();
    let words = ["command", "DefineRole", &role];
    let whole = Place::empty().length_of(&words, 0);
    for moment in rng.spread_durations(crashes(), whole) {
        let place = Place::empty();
        place.kill(&words, moment);
        place.lines(&words, 0);
        let answer = &place.lines(&["query", "roles"], 0)[0];
        assert_eq!(answer["rows"].as_array().unwrap().len(), 1, "{answer}");
        assert!(!commits(&place).is_empty());
    }
}
