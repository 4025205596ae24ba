//! Kills while a data folder is created or opened, and read models deleted between kills.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::crashes;
use super::history::commits;
use super::sample_folder::SampleFolder;
use crate::support::random::SeededRandom;

const PEOPLE: usize = 300;
/// The first part of a process, in which it opens the folder.
const OPENING: Duration = Duration::from_millis(30);
const KILLS: usize = 20;

/// The rows of all lists.
fn all_lists(folder: &SampleFolder) -> Vec<Vec<Value>> {
    [&["users"][..], &["phones"], &["imports"], &["runs", "list"], &["config", "get"], &["history"]]
        .iter()
        .map(|words| folder.lines(words, 0))
        .collect()
}

/// P12, P27: Kills while the folder is opened lose nothing.
#[test]
fn kills_while_the_folder_is_opened_lose_nothing() {
    let mut rng = SeededRandom::from_environment();
    let folder = SampleFolder::with_people(PEOPLE);
    let before = all_lists(&folder);
    let duration = folder.duration_of(&["runs", "list"], 0);
    let mut delays = rng.spread_durations(KILLS, OPENING);
    delays.extend(rng.spread_durations(crashes(), duration));
    for delay in delays {
        folder.kill(&["runs", "list"], delay);
    }
    assert!(all_lists(&folder) == before, "something is lost");
}

/// P12: Read models can be deleted at any time, even while they are rebuilt.
#[test]
fn read_models_deleted_between_kills_are_rebuilt() {
    let mut rng = SeededRandom::from_environment();
    let folder = SampleFolder::with_people(PEOPLE);
    let before = all_lists(&folder);
    let derived = folder.data().join("derived");
    fs::remove_dir_all(&derived).unwrap();
    let duration = folder.duration_of(&["runs", "list"], 0);
    for delay in rng.spread_durations(crashes(), duration) {
        fs::remove_dir_all(&derived).unwrap();
        folder.kill(&["runs", "list"], delay);
        if rng.one_in(2) {
            folder.kill(&["runs", "list"], rng.duration_below(duration));
        }
        assert_eq!(folder.lines(&["users"], 0), before[0]);
    }
    assert!(all_lists(&folder) == before, "something is lost");
}

/// A kill while the folder is created leaves a folder that the next start can use.
#[test]
fn folder_killed_while_it_is_created_can_be_used() {
    let mut rng = SeededRandom::from_environment();
    let role = json!({"role": "Advisor"}).to_string();
    let words = ["command", "DefineRole", &role];
    let duration = SampleFolder::empty().duration_of(&words, 0);
    for delay in rng.spread_durations(crashes(), duration) {
        let folder = SampleFolder::empty();
        folder.kill(&words, delay);
        folder.lines(&words, 0);
        let answer = &folder.lines(&["query", "roles"], 0)[0];
        assert_eq!(answer["rows"].as_array().unwrap().len(), 1, "{answer}");
        assert!(!commits(&folder).is_empty());
    }
}
