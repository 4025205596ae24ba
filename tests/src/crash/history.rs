//! What the log itself says after all is over: every hash in order, and the laws of runs at every prefix.

use std::collections::{HashMap, VecDeque};

use boarding_commands::commit::Commit;
use boarding_commands::event::Event;
use boarding_commands::id::RunId;
use boarding_core::clock::Clock;
use boarding_log::EventLog as _;
use boarding_log::file::{FileLog, Options, verify};

use super::place::Place;

/// Every commit, after the whole chain was verified.
pub(super) fn commits(place: &Place) -> Vec<Commit> {
    let folder = place.data().join("log");
    let checked = verify(&folder).unwrap();
    let log = FileLog::open(&folder, Options::new(Clock::system().now())).unwrap().log;
    let mut reader = log.read_all(0);
    let mut commits = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        commits.push(entry.recorded.commit);
    }
    assert_eq!(commits.len() as u64, checked.commits);
    commits
}

/// Holds the whole history against the laws of runs: one at a time, in order, none waits for a free lock,
/// everybody has exactly one outcome and was claimed at most once an attempt.
pub(super) fn runs_keep_their_laws(place: &Place) {
    let mut lock = Lock::default();
    for commit in commits(place) {
        for event in &commit.events {
            lock.see(event);
        }
        let waits = lock.running.is_none() && !lock.queue.is_empty();
        assert!(!waits, "P3: a run waits for a free lock after version {}", commit.last_version());
    }
    assert_eq!(lock.running, None, "a run goes on for ever");
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
    fn see(&mut self, event: &Event) {
        match event {
            Event::RunRequested { run, total, .. } => drop(self.totals.insert(*run, *total)),
            Event::RunQueued { run } => self.queue.push_back(*run),
            Event::RunStarted { run } => {
                assert_eq!(self.running, None, "P1: two runs at once");
                assert_eq!(self.queue.pop_front(), Some(*run), "P2: out of turn");
                self.running = Some(*run);
            }
            Event::RunCompleted { run, .. } => {
                assert_eq!(self.running.take(), Some(*run));
                let outcomes = self.outcomes.keys().filter(|(of, _)| of == run).count();
                assert_eq!(outcomes as u64, self.totals[run], "P4: somebody has no outcome");
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
                assert_eq!(self.running, Some(*run), "P4: an outcome outside its run");
                let outcomes = self.outcomes.entry((*run, user.0.as_str().to_owned())).or_default();
                *outcomes += 1;
                assert_eq!(*outcomes, 1, "P4: two outcomes");
            }
            _ => {}
        }
    }
}
