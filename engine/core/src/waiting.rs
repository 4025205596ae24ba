//! What waits for a transport: runs and notifications.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use boarding_commands::values::{CompanyId, RunId, Time};
use serde_json::{Value, json};

/// What waits for a transport: the latest try of each company's run, and since when its notifications wait.
#[derive(Debug, Default)]
pub(crate) struct WaitingMails {
    /// The log has the start of a wait only: each try would be an event otherwise.
    runs: Mutex<BTreeMap<CompanyId, LatestTry>>,
    /// Since when mails that are no invitations wait.
    notifications: Mutex<BTreeMap<CompanyId, Time>>,
}

#[derive(Debug)]
pub(crate) struct LatestTry {
    pub(crate) run: RunId,
    pub(crate) last_words: String,
    pub(crate) next_try: Time,
}

impl WaitingMails {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<CompanyId, LatestTry>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_notifications(&self) -> MutexGuard<'_, BTreeMap<CompanyId, Time>> {
        self.notifications.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that mails that are no invitations wait now. The start of a wait stays.
    pub(crate) fn notifications_wait(&self, company: &CompanyId, now: Time) {
        self.lock_notifications().entry(company.clone()).or_insert(now);
    }

    /// Notes that such mails wait no longer. Returns whether they did.
    pub(crate) fn notifications_go_on(&self, company: &CompanyId) -> bool {
        self.lock_notifications().remove(company).is_some()
    }

    /// Since when mails that are no invitations wait, while they do.
    pub(crate) fn notifications_wait_since(&self, company: &CompanyId) -> Option<Time> {
        self.lock_notifications().get(company).copied()
    }

    pub(crate) fn set(&self, company: &CompanyId, latest: LatestTry) {
        self.lock().insert(company.clone(), latest);
    }

    pub(crate) fn clear(&self, company: &CompanyId) {
        self.lock().remove(company);
    }

    /// Updates a row of the queries `run` and `runs` with the latest try, if its run waits.
    pub(crate) fn show(&self, company: &CompanyId, row: &mut Value) {
        let all = self.lock();
        let Some(latest) = all.get(company) else { return };
        let Some(row) = row.as_object_mut() else { return };
        if row.get("run") != Some(&json!(latest.run)) {
            return;
        }
        if let Some(waiting) = row.get_mut("waiting_for").and_then(Value::as_object_mut) {
            waiting.insert("next_try".to_owned(), json!(latest.next_try));
            waiting.insert("last_words".to_owned(), json!(latest.last_words));
            let people = row.get_mut("tried_again").and_then(Value::as_array_mut);
            people.into_iter().flatten().for_each(|person| postpone(person, latest.next_try));
        }
    }
}

/// Moves a person's next try to the next try of the run, and the end of the tries by the same time. No person is
/// tried while the run waits.
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
