//! Runs and notifications that wait for a transport.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use boarding_commands::values::{CompanyId, RunId, Time};
use boarding_projections::query::AnswerRow;
use serde_json::{Value, json};

/// The runs and notifications that wait for a transport, by company. Notifications are all mails but invitations.
#[derive(Debug, Default)]
pub(crate) struct WaitingMails {
    /// The latest try of each waiting run. The log has only the start of a wait, because each try would need an event.
    runs: Mutex<BTreeMap<CompanyId, LatestTry>>,
    /// When the wait of the notifications began.
    notifications: Mutex<BTreeMap<CompanyId, Time>>,
}

/// The latest try of a run to use its transport.
#[derive(Debug, Clone)]
pub(crate) struct LatestTry {
    pub(crate) run: RunId,
    /// The last answer of the server, or the cause.
    pub(crate) last_words: String,
    pub(crate) next_try: Time,
}

impl WaitingMails {
    fn lock_runs(&self) -> MutexGuard<'_, BTreeMap<CompanyId, LatestTry>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_notifications(&self) -> MutexGuard<'_, BTreeMap<CompanyId, Time>> {
        self.notifications.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the notifications of a company wait. An earlier start of the wait is kept.
    pub(crate) fn begin_notifications_wait(&self, company: &CompanyId, now: Time) {
        self.lock_notifications().entry(company.clone()).or_insert(now);
    }

    /// Records that the notifications of a company no longer wait. Returns whether they waited before.
    pub(crate) fn end_notifications_wait(&self, company: &CompanyId) -> bool {
        self.lock_notifications().remove(company).is_some()
    }

    /// When the wait of the notifications began; `None` if they do not wait.
    pub(crate) fn notifications_wait_since(&self, company: &CompanyId) -> Option<Time> {
        self.lock_notifications().get(company).copied()
    }

    /// Stores the latest try of the company's waiting run.
    pub(crate) fn set(&self, company: &CompanyId, latest: LatestTry) {
        self.lock_runs().insert(company.clone(), latest);
    }

    /// Records that no run of the company waits.
    pub(crate) fn clear(&self, company: &CompanyId) {
        self.lock_runs().remove(company);
    }

    /// A row of the queries `run` and `runs` with the latest try. None if its run does not wait.
    pub(crate) fn shown(&self, company: &CompanyId, row: &AnswerRow) -> Option<AnswerRow> {
        let latest = self.lock_runs().get(company)?.clone();
        if !row.text().contains(&latest.run.to_string()) {
            return None;
        }
        let mut row = row.value();
        if row.get("run") != Some(&json!(latest.run)) {
            return None;
        }
        let waiting = row.get_mut("waiting_for")?.as_object_mut()?;
        waiting.insert("next_try".to_owned(), json!(latest.next_try));
        waiting.insert("last_words".to_owned(), json!(latest.last_words));
        let people = row.get_mut("tried_again").and_then(Value::as_array_mut);
        people.into_iter().flatten().for_each(|person| postpone(person, latest.next_try));
        Some(AnswerRow::of(&row))
    }
}

/// Postpones a person's next try to the next try of the run. The end of the person's tries is postponed by the same
/// time, because no person is tried while the run waits.
fn postpone(person: &mut Value, next_try: Time) {
    let Some(person) = person.as_object_mut() else { return };
    let time = |name: &str| person.get(name)?.as_str()?.parse::<Time>().ok();
    let (Some(before), Some(until)) = (time("next_try"), time("until")) else { return };
    if before < next_try {
        let until = until.plus_seconds(next_try.seconds_since(before));
        person.insert("next_try".to_owned(), json!(next_try));
        person.insert("until".to_owned(), json!(until));
    }
}
