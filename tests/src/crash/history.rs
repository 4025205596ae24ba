//! Checks on the log of a data folder: the hash chain, and the laws of runs.

use std::collections::{HashMap, VecDeque};

use boarding_commands::commit::Commit;
use boarding_commands::event::Event;
use boarding_commands::values::RunId;
use boarding_core::clock::Clock;
use boarding_log::EventLog as _;
use boarding_log::file::{FileLog, Options, verify};

use super::sample_folder::SampleFolder;

/// All commits of the log. Panics if the hash chain is broken.
pub(super) fn commits(folder: &SampleFolder) -> Vec<Commit> {
    let log_folder = folder.data().join("log");
    let checked = verify(&log_folder).unwrap();
    let log = FileLog::open(&log_folder, Options::new(Clock::system().now())).unwrap().log;
    let mut reader = log.read_all(0);
    let mut commits = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        commits.push(entry.recorded.commit);
    }
    assert_eq!(commits.len() as u64, checked.commits);
    commits
}

/// Asserts the laws of runs after each commit: one run at a time, in the order of request; no run waits for a
/// free lock; each recipient has one outcome and at most one claim for each attempt.
pub(super) fn check_run_laws(folder: &SampleFolder) {
    let mut lock = Lock::default();
    for commit in commits(folder) {
        for event in &commit.events {
            lock.apply(event);
        }
        let waits = lock.running.is_none() && !lock.queue.is_empty();
        assert!(!waits, "P3: a run waits for a free lock after version {}", commit.last_version());
    }
    assert_eq!(lock.running, None, "a run does not end");
}

#[derive(Debug, Default)]
struct Lock {
    running: Option<RunId>,
    queue: VecDeque<RunId>,
    totals: HashMap<RunId, u64>,
    claims: HashMap<(RunId, String, u32), u64>,
    outcomes: HashMap<(RunId, String), u64>,
}

impl Lock {
    fn apply(&mut self, event: &Event) {
        match event {
            Event::RunRequested { run, total, .. } => drop(self.totals.insert(*run, *total)),
            Event::RunQueued { run } => self.queue.push_back(*run),
            Event::RunStarted { run } => {
                assert_eq!(self.running, None, "P1: two runs at the same time");
                assert_eq!(
                    self.queue.pop_front(),
                    Some(*run),
                    "P2: not the first run of the queue"
                );
                self.running = Some(*run);
            }
            Event::RunCompleted { run, .. } => {
                assert_eq!(self.running.take(), Some(*run));
                let outcomes = self.outcomes.keys().filter(|(of, _)| of == run).count();
                assert_eq!(outcomes as u64, self.totals[run], "P4: a recipient has no outcome");
            }
            Event::InviteDispatched { run, user, attempt, .. } => {
                let claims =
                    self.claims.entry((*run, user.0.as_str().to_owned(), *attempt)).or_default();
                *claims += 1;
                assert_eq!(*claims, 1, "claimed twice");
            }
            Event::InviteSent { run, user, .. }
            | Event::UserSkipped { run, user, .. }
            | Event::InviteFailed { run, user, .. } => {
                assert_eq!(self.running, Some(*run), "P4: an outcome of a run that is not running");
                let outcomes = self.outcomes.entry((*run, user.0.as_str().to_owned())).or_default();
                *outcomes += 1;
                assert_eq!(*outcomes, 1, "P4: two outcomes");
            }
            _ => {}
        }
    }
}
