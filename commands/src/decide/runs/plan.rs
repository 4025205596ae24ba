//! The hash of a run's plan: a confirmed run has the people that were shown, and a plan is confirmed once.

use serde_json::json;

use crate::company::selection::{Pick, Selection};
use crate::company::{Company, Run};
use crate::event::Channel;
use crate::values::{Code, Refusal, RunId};

/// The people and the channel of a run that was shown, and the runs that have the same people already.
#[derive(Debug)]
pub(crate) struct Plan {
    people: blake3::Hasher,
    /// The runs on the channel with the same people in the same order, oldest id first.
    same: Vec<RunId>,
}

impl Plan {
    pub(crate) fn of(company: &Company, channel: Channel, selection: &Selection) -> Self {
        let mut people = blake3::Hasher::new();
        people.update(channel.as_str().as_bytes());
        for pick in &selection.picks {
            people.update(&[0]);
            people.update(company.key_of(pick).folded().as_bytes());
        }
        let same = company.runs.iter();
        let same = same.filter(|(_, run)| run.channel == channel && has_people(run, selection));
        Self { people, same: same.map(|(id, _)| *id).collect() }
    }

    /// The hash of the plan. Every run of these people changes it, so that one plan cannot start two runs.
    pub(crate) fn hash(&self) -> String {
        self.hash_after(self.same.len())
    }

    fn hash_after(&self, runs: usize) -> String {
        let mut hasher = self.people.clone();
        if runs > 0 {
            hasher.update(&[1]);
            hasher.update(&(runs as u64).to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Checks that the plan, or the number of people, is the one that was shown.
    ///
    /// # Errors
    /// `run.already_confirmed` with the run that the plan started; `run.plan_changed`.
    pub(crate) fn check(
        &self,
        shown: Option<&str>,
        expected: Option<u64>,
        actual: u64,
    ) -> Result<(), Refusal> {
        let other = shown.filter(|shown| *shown != self.hash());
        if let Some(run) = other.and_then(|shown| self.started_by(shown)) {
            return Err(Refusal::new(Code::RunAlreadyConfirmed)
                .saying(&format!("run {run}"))
                .with(json!({"run": run})));
        }
        let changed = match expected.filter(|expected| *expected != actual) {
            Some(expected) => format!("{expected} people were shown, and there are {actual} now"),
            None if other.is_some() => {
                format!("{actual} people now, and not the ones that were shown")
            }
            None => return Ok(()),
        };
        let details = json!({"expected": expected, "actual": actual, "plan_hash": self.hash()});
        Err(Refusal::new(Code::RunPlanChanged).saying(&changed).with(details))
    }

    /// The run that was confirmed with this hash.
    fn started_by(&self, shown: &str) -> Option<RunId> {
        let mut earlier = self.same.iter().enumerate();
        earlier.find(|(runs, _)| self.hash_after(*runs) == shown).map(|(_, run)| *run)
    }
}

/// Whether a run has exactly these people, in this order.
fn has_people(run: &Run, selection: &Selection) -> bool {
    if run.total != selection.picks.len() as u64 {
        return false;
    }
    let listed = run.recipients.iter().map(|recipient| recipient.user);
    let people = listed.chain(run.unlisted.iter().copied()).map(Pick::Known);
    people.eq(selection.picks.iter().cloned())
}
