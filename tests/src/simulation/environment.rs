//! What all simulated companies share: the log, the read models and the time.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use boarding_commands::commit::RecordedCommit;
use boarding_commands::event::Event;
use boarding_commands::values::{CompanyId, Time};
use boarding_log::memory::MemoryLog;
use boarding_log::{Encoded, EventLog as _};
use boarding_projections::query::{AnswerRow, RowsAnswer};
use boarding_projections::rows::MemoryRows;
use serde_json::{Value, json};

use super::sample_values::{ADDRESSES, PHONES, POOL};
use super::violation::Secrets;

/// 2026-11-21T08:00:00Z, the time at which every history starts.
const START: Time = Time(1_795_248_000_000);

/// The log, the read models and the time that all companies share.
#[derive(Debug)]
pub(super) struct Environment {
    pub log: MemoryLog,
    pub rows: MemoryRows,
    pub now: Time,
    /// One line per submitted command: company, time, command and outcome.
    pub transcript: Vec<String>,
    /// The names of all events and codes that occurred.
    pub outcomes: BTreeSet<String>,
    pub secrets: Secrets,
}

impl Environment {
    pub(super) fn new() -> Self {
        Self {
            log: MemoryLog::new(),
            rows: MemoryRows::default(),
            now: START,
            transcript: Vec::new(),
            outcomes: BTreeSet::new(),
            secrets: Secrets::of(&[&PHONES[..], &POOL[..]].concat(), &ADDRESSES),
        }
    }

    /// Appends a commit and applies it to the read models.
    pub(super) fn append(&mut self, encoded: Encoded) -> Result<RecordedCommit, String> {
        let appended = poll_once(self.log.append(vec![encoded]))
            .map_err(|error| format!("P11 append: {error}"))?;
        let recorded =
            self.log.read_at(appended[0].location).map_err(|error| format!("P12 read: {error}"))?;
        for recorded in recorded.events() {
            boarding_projections::apply(&recorded, &mut self.rows)
                .map_err(|error| format!("P12 project: {error}"))?;
            self.outcomes.insert(recorded.event.name().to_owned());
            if let Event::InviteFailed { code, .. } | Event::UserSkipped { code, .. } =
                recorded.event
            {
                self.outcomes.insert(code.to_string());
            }
        }
        Ok(recorded)
    }

    /// All commits, or those of one company.
    pub(super) fn commits(&self, company: Option<&CompanyId>) -> Vec<RecordedCommit> {
        let mut reader = match company {
            Some(company) => self.log.read_company(company, 0),
            None => self.log.read_all(0),
        };
        let mut all = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            all.push(entry.recorded);
        }
        all
    }

    /// The rows of a query, at most 500.
    pub(super) fn query_rows(
        &self,
        company: &CompanyId,
        name: &str,
        mut params: Value,
    ) -> Vec<Value> {
        params["limit"] = json!(500);
        match boarding_projections::answer(name, company, &params, &self.rows).unwrap() {
            RowsAnswer::Rows { rows, .. } => rows.iter().map(AnswerRow::value).collect(),
            RowsAnswer::Row(row) => vec![row.value()],
        }
    }
}

/// The result of a future of the memory log, which is ready at the first poll.
fn poll_once<T>(mut future: Pin<Box<dyn Future<Output = T> + Send + '_>>) -> T {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a future of the memory log is pending"),
    }
}
