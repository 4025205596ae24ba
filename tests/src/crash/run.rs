//! Runs into the outbox that are killed at random times.

use std::collections::BTreeSet;
use std::fs;

use boarding_core::clock::Clock;
use serde_json::{Value, json};

use super::crashes;
use super::history::check_run_laws;
use super::mails::{self, Mails, in_outbox};
use super::sample_folder::{SampleFolder, id};
use crate::support::mail_server::MailServer;
use crate::support::random::SeededRandom;

/// Enough people that the run lasts longer than opening the folder.
const PEOPLE: usize = 300;

/// The shortest time that a company may give a recipient, in seconds.
const DEADLINE: u64 = 1;

/// The arguments that start a run of all people under this id, even while another run has them. A repeat is the
/// same run.
pub(super) fn start(run: &str) -> Vec<&str> {
    vec!["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes-again", "--id", run]
}

/// P3, P4, P7, P27, LX-34: The program continues the run after each kill. Each recipient gets one mail and one
/// outcome, and the next run of the queue starts.
#[test]
fn killed_run_continues_and_sends_no_mail_twice() {
    let mut rng = SeededRandom::from_environment();
    let sample = SampleFolder::with_people(PEOPLE);
    let duration = sample.copy().duration_of(&start(&id()), 0);
    let mut delays = rng.spread_durations(crashes(), duration);
    while !delays.is_empty() {
        let folder = sample.copy();
        let runs = [id(), id()];
        // The first run may not be completed when the second is requested, which then waits in the queue.
        for run in &runs {
            delays.pop().map(|delay| folder.kill(&start(run), delay));
        }
        while rng.one_in(2) {
            let Some(delay) = delays.pop() else { break };
            if !folder.kill(&["runs", "resume"], delay).was_killed() {
                delays.push(delay);
                break;
            }
        }
        let known = known_runs(&folder);
        restart(&folder, &mut rng);
        assert!(known_runs(&folder).is_superset(&known), "a run is lost");
        check_runs_are_completed(&folder);
        for run in &runs {
            let answer = folder.lines(&start(run), 0).remove(0);
            assert_eq!(
                (&answer["run"], &answer["duplicate"]),
                (&json!(run), &json!(known.contains(run)))
            );
        }
        check_runs_are_completed(&folder);
        check_all_are_invited(&folder, &runs, &in_outbox(&folder));
        check_run_laws(&folder);
    }
}

/// P7, P27: The program is killed while it writes a batch to the outbox, and a mail server takes the run over. The
/// outbox says which mails were written: no mail is uncertain, and no person gets two mails.
#[test]
fn mail_server_continues_a_killed_run_of_the_outbox() {
    let sample = SampleFolder::with_people(PEOPLE);
    for mails in [1, 60] {
        let (folder, run, server) = (sample.copy(), id(), MailServer::start(&[]));
        let outbox = folder.data().join("outbox/acme").join(&run);
        let is_time = || fs::read_dir(&outbox).is_ok_and(|files| files.count() >= mails);
        assert!(folder.start(&start(&run)).kill_when(is_time).was_killed());
        let written = in_outbox(&folder)[&run].len();
        let folder = folder.with_mail_server(server.port);
        folder.lines(&["runs", "resume", "--adopt-runs"], 0);
        check_runs_are_completed(&folder);
        let mut mails = in_outbox(&folder);
        for mail in server.received() {
            mails::add(&mut mails, &mail.data);
        }
        assert!(!server.received().is_empty(), "{written} mails in the outbox, none by the server");
        check_all_are_invited(&folder, &[run], &mails);
    }
}

/// P7, P27: The claims of a killed run are looked up in the outbox before their time is over, also if another run is
/// started first.
#[test]
fn next_run_knows_the_mails_of_a_killed_run() {
    let sample = SampleFolder::with_people(PEOPLE);
    sample.command_accepted("SetCompanyConfig", &json!({"recipient_deadline_seconds": DEADLINE}));
    sample.command_accepted("AddUser", &json!({"user": "zoe", "email": "zoe@acme.example"}));
    sample.command_accepted("AddCorporatePhone", &json!({"user": "zoe", "phone": "+41791234567"}));
    let run = id();
    let outbox = sample.data().join("outbox/acme").join(&run);
    let is_time = || fs::read_dir(&outbox).is_ok_and(|files| files.count() >= 20);
    assert!(sample.start(&start(&run)).kill_when(is_time).was_killed());
    let clock = Clock::system();
    let over = clock.now().plus_seconds(DEADLINE + 1);
    while clock.now() < over {
        std::thread::yield_now();
    }
    sample.lines(&["runs", "start", "--channel", "whatsapp", "--user", "zoe", "--yes"], 0);
    check_runs_are_completed(&sample);
    check_all_are_invited(&sample, &[run], &in_outbox(&sample));
}

/// Continues interrupted runs, sometimes after a verb that leaves them.
pub(super) fn restart(folder: &SampleFolder, rng: &mut SeededRandom) {
    if rng.one_in(2) {
        folder.command_accepted("DefineRole", &json!({"role": "Reviewer"}));
    }
    folder.run(&["runs", "resume"]);
}

fn known_runs(folder: &SampleFolder) -> BTreeSet<String> {
    let rows = folder.lines(&["runs", "list"], 0);
    rows.iter().map(|row| row["run"].as_str().unwrap().to_owned()).collect()
}

/// Asserts that all runs are completed, that their counts add up, and that the queue is empty.
pub(super) fn check_runs_are_completed(folder: &SampleFolder) {
    for row in folder.lines(&["runs", "list"], 0) {
        assert_eq!(row["state"], "completed", "{row}");
        let number = |name: &str| row[name].as_u64().unwrap();
        assert_eq!(
            number("total"),
            number("passed") + number("skipped") + number("failed"),
            "{row}"
        );
        assert_eq!(number("remaining"), 0, "{row}");
    }
    assert_eq!(folder.lines(&["runs", "queue"], 0), Vec::<Value>::new());
}

/// Asserts that each person has a successful outcome and one mail in each run.
///
/// The outbox deduplicates, so recipients that were claimed at a kill are sent again and none is uncertain.
fn check_all_are_invited(folder: &SampleFolder, runs: &[String], mails: &Mails) {
    for run in runs {
        let log = folder.lines(&["log", run], 0);
        let people: BTreeSet<&str> = log.iter().map(|row| row["email"].as_str().unwrap()).collect();
        assert_eq!((log.len(), people.len()), (PEOPLE, PEOPLE), "each person has one outcome");
        assert!(log.iter().all(|row| row["status"] == "success"));
        let mailed: BTreeSet<&str> = mails[run].keys().map(String::as_str).collect();
        assert_eq!(mailed, people);
        assert!(mails[run].values().all(|&count| count == 1), "P7: two mails to one person");
    }
}
