//! Recipients of runs: row, projection, lookup.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Delivery, Event, RowOutcome, Who};
use boarding_commands::values::{Code, CompanyId, Personal, Phone, RunId, Time};
use serde::{Deserialize, Serialize};

use super::file_rows::FileRow;
use super::runs::{self, RunRow};
use crate::projection::{Projection, load};
use crate::query::wire_enum;
use crate::reason::reason;
use crate::rows::{Rows, RowsError, Table};

wire_enum! {
    /// The status of a recipient. Success, skipped and failed are final.
    RecipientStatus {
        Queued "queued"
        Dispatching "dispatching"
        Success "success"
        Skipped "skipped"
        Failed "failed"
        /// The run was withdrawn before it started. Rows of this state are stored as queued.
        Withdrawn "withdrawn"
    }
}

/// The reason of a recipient whose run was withdrawn.
pub(crate) const WITHDRAWN: &str = "The run was withdrawn before it started.";

/// A recipient of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecipientRow {
    pub user: Who,
    /// The address of the last mail; none before the first claim.
    pub email: Option<Personal<String>>,
    /// The number of a device that got a text in place of a mail.
    pub device: Option<Personal<Phone>>,
    pub status: RecipientStatus,
    pub code: Option<Code>,
    pub detail: Option<String>,
    /// The number of the last attempt; 0 before the first.
    pub attempt: u32,
    /// The sum of the pauses after refusals so far. An outage of the mail server costs the recipient no time.
    pub paused_seconds: u64,
    /// The delivery report of the mail. It never changes the status.
    pub delivery: Option<Delivery>,
    /// The time of the last status change.
    pub at: Time,
    /// The versions of the events about this recipient, for `history`.
    pub versions: Vec<u64>,
}

impl RecipientRow {
    fn queued(user: &Who, recorded: &RecordedEvent<'_>) -> Self {
        Self {
            user: user.clone(),
            email: None,
            device: None,
            status: RecipientStatus::Queued,
            code: None,
            detail: None,
            attempt: 0,
            paused_seconds: 0,
            delivery: None,
            at: recorded.commit.at,
            versions: Vec::with_capacity(1),
        }
    }

    /// The row as the state of its run makes it: no recipient waits for a run that was withdrawn.
    pub(crate) fn of_run(mut self, run: &RunRow) -> Self {
        if let Some(withdrawal) = &run.withdrawn {
            (self.status, self.at) = (RecipientStatus::Withdrawn, withdrawal.at);
        }
        self
    }

    /// Why the recipient was not invited, in words; none if there is no reason.
    pub(crate) fn reason(&self) -> Option<String> {
        match self.status {
            RecipientStatus::Withdrawn => Some(WITHDRAWN.to_owned()),
            _ => self.code.map(|code| reason(code, self.detail.as_deref())),
        }
    }

    fn set(&mut self, status: RecipientStatus, recorded: &RecordedEvent<'_>) -> &mut Self {
        self.status = status;
        self.at = recorded.commit.at;
        self.code = None;
        self.detail = None;
        self
    }

    fn because(&mut self, code: Code, detail: &Option<String>) -> &mut Self {
        self.code = Some(code);
        self.detail.clone_from(detail);
        self
    }
}

/// Recipients by run and folded user key.
#[derive(Debug)]
pub(crate) struct RecipientProjection;

impl Projection for RecipientProjection {
    const TABLE: Table = Table::IntegrationLog;
    const VERSION: u32 = 4;
    type Row = RecipientRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::RecipientQueued { run, user }
            | Event::InviteDispatched { run, user, .. }
            | Event::InviteDeferred { run, user, .. }
            | Event::InviteSent { run, user, .. }
            | Event::UserSkipped { run, user, .. }
            | Event::InviteFailed { run, user, .. }
            | Event::DeliveryRecorded { run, user, .. } => Some(key(*run, &user.folded())),
            _ => None,
        }
    }

    fn evolve(row: Option<RecipientRow>, recorded: &RecordedEvent<'_>) -> Option<RecipientRow> {
        use RecipientStatus as S;
        let mut recipient = match recorded.event {
            Event::RecipientQueued { user, .. } => RecipientRow::queued(user, recorded),
            _ => row?,
        };
        recipient.versions.push(recorded.version);
        match recorded.event {
            Event::InviteDispatched { attempt, email, device, .. } => {
                recipient.email = Some(email.clone()).filter(|email| !email.is_empty());
                recipient.device = device.clone();
                recipient.set(S::Dispatching, recorded).attempt = *attempt;
            }
            Event::InviteDeferred { attempt, code, detail, retry_at, .. } => {
                recipient.set(S::Queued, recorded).because(*code, detail).attempt = *attempt;
                if *code != Code::DeliveryServerUnavailable {
                    recipient.paused_seconds += retry_at.seconds_since(recorded.commit.at);
                }
            }
            Event::InviteSent { attempt, .. } => {
                recipient.set(S::Success, recorded).attempt = *attempt;
            }
            Event::UserSkipped { code, detail, .. } => {
                recipient.set(S::Skipped, recorded).because(*code, detail);
            }
            Event::InviteFailed { attempt, code, detail, .. } => {
                recipient.set(S::Failed, recorded).because(*code, detail).attempt = *attempt;
            }
            // A hard bounce is final: a later report does not make the mail delivered.
            Event::DeliveryRecorded { .. } if recipient.delivery == Some(Delivery::BouncedHard) => {
            }
            Event::DeliveryRecorded { delivery, .. } => recipient.delivery = Some(*delivery),
            _ => {}
        }
        Some(recipient)
    }
}

fn key(run: RunId, folded: &str) -> Vec<u8> {
    [&runs::key(run), folded.as_bytes()].concat()
}

/// The recipient of that run and folded user key; none if the user is no recipient of the run.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    run: RunId,
    folded: &str,
) -> Result<Option<RecipientRow>, RowsError> {
    load::<RecipientProjection>(rows, company, &key(run, folded))
}

/// The recipient of the run that a row of a file names; none for a duplicate row and a row without a key.
pub(crate) fn find_for_row(
    rows: &dyn Rows,
    company: &CompanyId,
    run: &RunRow,
    row: &FileRow,
) -> Result<Option<RecipientRow>, RowsError> {
    // The first row of the same key shows the recipient already.
    let Some(key) = row.key.as_ref().filter(|_| row.outcome != RowOutcome::Duplicate) else {
        return Ok(None);
    };
    let recipient = find(rows, company, run.run, &key.folded())?;
    Ok(recipient.map(|recipient| recipient.of_run(run)))
}
