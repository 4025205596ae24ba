//! The latest tries of runs that wait until their mails can be sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use boarding_commands::values::{CompanyId, RunId, Time};
use serde_json::{Value, json};

/// The latest try of the waiting run of each company. The log has the start of a wait only: each try would be an
/// event otherwise.
#[derive(Debug, Default)]
pub(crate) struct WaitingRuns(Mutex<BTreeMap<CompanyId, LatestTry>>);

#[derive(Debug)]
pub(crate) struct LatestTry {
    pub(crate) run: RunId,
    pub(crate) last_words: String,
    pub(crate) next_try: Time,
}

impl WaitingRuns {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<CompanyId, LatestTry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        }
    }
}
