//! Runs into the outbox, killed at moments spread over their whole length.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::crashes;
use super::history::runs_keep_their_laws;
use super::mails::{Mails, outbox};
use super::place::{Place, id};
use crate::support::random::SeededRandom;

/// Enough for a run that lasts longer than opening the folder.
const PEOPLE: usize = 300;

/// The words that start a run for everybody, under an id: asked again, it is the same run.
pub(super) fn start(run: &str) -> Vec<&str> {
    vec!["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes", "--id", run]
}

/// P3, P4, P7, P27, LX-34: whenever the process is killed, however often, the next start goes on: nobody
/// gets a second mail of a run, everybody has one outcome, and the queue moves on.
#[test]
fn p7_lx_34_a_run_that_is_killed_at_any_moment_goes_on_and_mails_nobody_twice() {
    let mut rng = SeededRandom::from_environment();
    let sample = Place::with_people(PEOPLE);
    let whole = sample.copy().length_of(&start(&id()), 0);
    let mut moments = rng.spread_durations(crashes(), whole);
    while !moments.is_empty() {
        let place = sample.copy();
        let runs = [id(), id()];
        // The first may be under way when the second is asked for, which then has to wait its turn.
        for run in &runs {
            moments.pop().map(|moment| place.kill(&start(run), moment));
        }
        while rng.one_in(2) {
            let Some(moment) = moments.pop() else { break };
            if !place.kill(&["runs", "resume"], moment).was_killed() {
                moments.push(moment);
                break;
            }
        }
        let known = known_runs(&place);
        go_on(&place, &mut rng);
        assert!(known_runs(&place).is_superset(&known), "a run is lost");
        everything_is_completed(&place);
        for run in &runs {
            let answer = place.lines(&start(run), 0).remove(0);
            assert_eq!(
                (&answer["run"], &answer["duplicate"]),
                (&json!(run), &json!(known.contains(run)))
            );
        }
        everything_is_completed(&place);
        runs_have_reached_everybody(&place, &runs, &outbox(&place));
        runs_keep_their_laws(&place);
    }
}

/// The program's next start goes on with what was interrupted, whatever it was asked.
pub(super) fn go_on(place: &Place, rng: &mut SeededRandom) {
    if rng.one_in(2) {
        place.call(&["runs", "resume"]);
    } else {
        place.ask("DefineRole", &json!({"role": "Reviewer"}));
    }
}

fn known_runs(place: &Place) -> BTreeSet<String> {
    let rows = place.lines(&["runs", "list"], 0);
    rows.iter().map(|row| row["run"].as_str().unwrap().to_owned()).collect()
}

pub(super) fn everything_is_completed(place: &Place) {
    for row in place.lines(&["runs", "list"], 0) {
        assert_eq!(row["state"], "completed", "{row}");
        let number = |name: &str| row[name].as_u64().unwrap();
        assert_eq!(
            number("total"),
            number("passed") + number("skipped") + number("failed"),
            "{row}"
        );
        assert_eq!(number("remaining"), 0, "{row}");
    }
    assert_eq!(place.lines(&["runs", "queue"], 0), Vec::<Value>::new());
}

/// An outbox knows a mail again: what was claimed at a crash is handed over again, so nobody is missed.
fn runs_have_reached_everybody(place: &Place, runs: &[String], mails: &Mails) {
    for run in runs {
        let log = place.lines(&["log", run], 0);
        let people: BTreeSet<&str> = log.iter().map(|row| row["email"].as_str().unwrap()).collect();
        assert_eq!((log.len(), people.len()), (PEOPLE, PEOPLE), "one outcome each");
        assert!(log.iter().all(|row| row["status"] == "success"));
        let mailed: BTreeSet<&str> = mails[run].keys().map(String::as_str).collect();
        assert_eq!(mailed, people);
        assert!(mails[run].values().all(|&times| times == 1), "P7: mailed twice");
    }
}
