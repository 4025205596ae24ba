//! The columns of tables.

use serde_json::Value;

use super::fields::text;

mod texts;

pub(super) use texts::{text_of, text_of_field};

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub title: &'static str,
    /// The JSON pointer of the value in a row.
    pub field: &'static str,
    /// Whether the column is left out first where the terminal is too narrow.
    pub minor: bool,
    /// The cells that differ from the word of the contract.
    words: fn(&Value) -> Option<&'static str>,
}

pub(super) const fn column(title: &'static str, field: &'static str) -> Column {
    Column { title, field, minor: false, words: |_| None }
}

pub(super) const fn minor(title: &'static str, field: &'static str) -> Column {
    Column { title, field, minor: true, words: |_| None }
}

/// The status of a person in a run. Everywhere else such a person is called invited.
const fn status_in_run() -> Column {
    let words = |row: &Value| (text(row, "status") == "success").then_some("invited");
    Column { words, ..column("STATUS", "/status") }
}

/// The outcome of a row. The contract has no word of its own for a row that archives its user.
const fn row_outcome() -> Column {
    let words =
        |row: &Value| (row.get("archived") == Some(&Value::Bool(true))).then_some("archived");
    Column { words, ..column("OUTCOME", "/outcome") }
}

/// The transport that a mail waits for, in the words for what a run waits for.
const fn waits_for() -> Column {
    minor("WAITS FOR", "/waits_for")
        .worded(|row| (text(row, "waits_for") == "smtp").then_some("mail server"))
}

impl Column {
    /// The column with other words for some values.
    pub(super) const fn worded(self, words: fn(&Value) -> Option<&'static str>) -> Self {
        Self { words, ..self }
    }

    pub(super) fn cell(&self, row: &Value) -> String {
        if let Some(word) = (self.words)(row) {
            return word.to_owned();
        }
        let name = self.field.trim_start_matches('/');
        let text = row.pointer(self.field).map(|value| text_of_field(name, value));
        // A narrow terminal hides the column of the phone, so the problems name its problem too.
        let of_phone = row.get("phone_problem").filter(|one| name == "problems" && !one.is_null());
        let texts = text.into_iter().chain(of_phone.map(text_of)).filter(|text| !text.is_empty());
        let texts = texts.collect::<Vec<_>>().join(", ");
        if texts.is_empty() { "-".to_owned() } else { texts }
    }
}

pub(super) const RUNS: &[Column] = &[
    column("RUN", "/run"),
    minor("CHANNEL", "/channel"),
    column("STATE", "/state"),
    minor("QUEUE PLACE", "/queue_place"),
    column("TOTAL", "/total"),
    column("INVITED", "/passed"),
    column("SKIPPED", "/skipped"),
    column("FAILED", "/failed"),
    minor("REMAINING", "/remaining"),
    minor("WAITING FOR", "/waiting_for/what"),
    minor("SOURCE", "/source"),
    minor("REQUESTED BY", "/requested_by"),
    minor("REQUESTED AT", "/requested_at"),
    minor("NOT BEFORE", "/not_before"),
    minor("STARTED AT", "/started_at"),
    minor("ENDED AT", "/ended_at"),
    minor("WITHDRAWN BY", "/withdrawn_by"),
    minor("WITHDRAWN AT", "/withdrawn_at"),
];

pub(super) const ARCHIVES: &[Column] = &[
    column("IMPORT", "/import"),
    column("FILE", "/file_name"),
    column("TOTAL", "/total"),
    column("INSERTED", "/inserted"),
    column("INVALID", "/invalid"),
    minor("REQUESTED BY", "/requested_by"),
    minor("REQUESTED AT", "/at"),
];

pub(super) const PICTURES: &[Column] = &[
    column("NUMBER", "/number"),
    column("NAME", "/name"),
    column("OUTCOME", "/outcome"),
    column("USER", "/user"),
    column("PROBLEM", "/problem"),
];

pub(super) const USER_PICTURES: &[Column] = &[
    column("USER", "/user"),
    column("FORMAT", "/format"),
    column("BYTES", "/bytes"),
    column("SINCE", "/at"),
    minor("IMPORT", "/import"),
    minor("SHA-256", "/sha256"),
];

pub(super) const QUEUE: &[Column] = &[
    column("RUN", "/run"),
    column("STATE", "/state"),
    column("QUEUE PLACE", "/place"),
    column("REQUESTED BY", "/requested_by"),
    minor("WAITING SINCE", "/waiting_since"),
];

pub(super) const LOG: &[Column] = &[
    column("USERNAME", "/username"),
    minor("EMAIL", "/email"),
    minor("ORG UNIT", "/org_unit"),
    minor("CHANNEL", "/channel"),
    status_in_run(),
    minor("DELIVERY", "/delivery"),
    minor("CODE", "/code"),
    column("REASON", "/reason"),
];

pub(super) const NOTIFICATIONS: &[Column] = &[
    column("KEY", "/key"),
    minor("KIND", "/kind"),
    minor("TO", "/to"),
    minor("USER", "/user"),
    column("STATE", "/state"),
    column("REASON", "/reason"),
    waits_for(),
    minor("NEXT TRY", "/next_try"),
    minor("REQUESTED AT", "/requested_at"),
    minor("CHANGED AT", "/at"),
];

/// The columns of the integration log for people who got no invitation.
pub(super) const UNREACHED: &[Column] = &[
    column("USERNAME", "/username"),
    status_in_run(),
    minor("CODE", "/code"),
    column("REASON", "/reason"),
];

pub(super) const IMPORTS: &[Column] = &[
    column("IMPORT", "/import"),
    column("FILE", "/file_name"),
    column("STATE", "/state"),
    column("TOTAL", "/total"),
    column("CREATED", "/created"),
    minor("UPDATED", "/updated"),
    minor("SKIPPED", "/skipped"),
    minor("DUPLICATE", "/duplicate"),
    column("INVALID", "/invalid"),
    minor("PHONES ADDED", "/phones_added"),
    minor("STARTED AT", "/started_at"),
];

/// The counts of an import or of its preview.
pub(super) const COUNTS: &[Column] = &[
    column("TOTAL", "/total"),
    column("CREATED", "/created"),
    column("UPDATED", "/updated"),
    column("UNCHANGED", "/unchanged"),
    column("ACTIVATED", "/activated"),
    column("DEACTIVATED OR ARCHIVED", "/deactivated"),
    column("SKIPPED", "/skipped"),
    column("DUPLICATE", "/duplicate"),
    column("INVALID", "/invalid"),
    column("WARNINGS", "/warnings"),
    column("PHONES ADDED", "/phones_added"),
    column("PHONES REJECTED", "/phones_failed"),
    column("LOST VALUES", "/lost"),
    column("NOTES", "/notes"),
    column("BLANK ROWS", "/blank_rows"),
];

pub(super) const IMPORT_ROWS: &[Column] = &[
    column("ROW", "/row"),
    minor("LINE", "/line"),
    column("USER", "/key"),
    row_outcome(),
    minor("PHONE", "/phone"),
    column("PROBLEMS", "/problems"),
    column("WARNINGS", "/warnings"),
];

/// The values that an import changes, one per line.
pub(super) const CHANGES: &[Column] = &[
    column("ROW", "/row"),
    column("USER", "/key"),
    column("FIELD", "/field"),
    column("OLD", "/old"),
    column("NEW", "/new"),
];

/// The rows of an undone import, with the reason if a row was kept.
pub(super) const UNDONE: &[Column] = &[
    column("ROW", "/row"),
    column("USER", "/key"),
    row_outcome(),
    column("UNDO", "/undo"),
    column("WHY", "/why"),
    column("CHANGED BY", "/changed_by"),
];

/// The problems of rows, one per line.
pub(super) const PROBLEMS: &[Column] = &[
    column("ROW", "/row"),
    minor("LINE", "/line"),
    column("USER", "/key"),
    column("COLUMN", "/column"),
    minor("CODE", "/code"),
    column("MESSAGE", "/message"),
];

pub(super) const PHONES: &[Column] = &[
    column("PHONE", "/phone"),
    column("USER", "/user"),
    column("FULL NAME", "/full_name"),
    column("CHANNELS", "/channels"),
    minor("LISTED SINCE", "/updated_at"),
];

pub(super) const USERS: &[Column] = &[
    column("USER", "/user"),
    minor("FIRST NAME", "/first_name"),
    minor("LAST NAME", "/last_name"),
    column("EMAIL", "/email"),
    column("PHONE", "/phone"),
    column("ORG UNIT", "/org_unit"),
    minor("ROLES", "/roles"),
    column("STATE", "/state"),
];

pub(super) const ACCOUNTS: &[Column] = &[
    column("ACCOUNT", "/user"),
    column("NAME", "/name"),
    column("STATUS", "/status"),
    column("NUMBER", "/number"),
    column("ORGANIZATION", "/organization"),
    column("PERMISSION GROUP", "/permission_group"),
    column("INVITED AT", "/invited_at"),
];

pub(super) const NUMBERS: &[Column] = &[
    column("NUMBER", "/number"),
    column("ORG UNIT", "/org_unit"),
    column("STATE", "/state"),
    column("USER", "/user"),
    column("TAG", "/tag"),
    minor("COOLING UNTIL", "/cooling_until"),
    minor("CHANGED AT", "/updated_at"),
];

/// Suggested numbers.
pub(super) const SUGGESTIONS: &[Column] = &[column("NUMBER", "/number")];

pub(super) const UTILISATION: &[Column] = &[
    column("ORG UNIT", "/org_unit"),
    column("TOTAL", "/total"),
    column("AVAILABLE", "/available"),
    column("RESERVED", "/reserved"),
    column("ASSIGNED", "/assigned"),
    column("REGISTERED", "/registered"),
    column("COOLING", "/cooling"),
    column("SUB-UNITS", "/allocated_to_sub_organizations"),
    column("WITHOUT NUMBER", "/pending_without_number"),
    column("SPARE", "/spare"),
    column("USED %", "/used_percent"),
];

pub(super) const ROLES: &[Column] =
    &[column("ROLE", "/role"), column("PERMISSIONS", "/permissions")];

/// The outcome of a change of roles for each person.
pub(super) const ROLES_OUTCOME: &[Column] = &[
    column("USER", "/user"),
    column("ROLE", "/role"),
    column("OUTCOME", "/outcome"),
    column("WHY", "/why"),
];

pub(super) const ORG_UNITS: &[Column] = &[
    column("ORG UNIT", "/org_unit"),
    column("PARENT", "/parent"),
    column("LEVEL", "/level"),
    column("ROLES", "/roles"),
    minor("DEFAULT GROUP", "/default_permission_group"),
];

pub(super) const PERMISSION_GROUPS: &[Column] =
    &[column("PERMISSION GROUP", "/permission_group"), column("PERMISSIONS", "/permissions")];

pub(super) const PERMISSIONS: &[Column] = &[
    column("ACTOR", "/actor"),
    column("PERMISSIONS", "/permissions"),
    column("GRANTED BY", "/granted_by"),
    column("GRANTED AT", "/granted_at"),
];

pub(super) const NATS_USERS: &[Column] = &[
    column("NATS USER", "/nats_user"),
    column("ACTORS", "/actors"),
    column("SPEAKS FOR", "/speaks_for"),
    column("BOUND BY", "/bound_by"),
    column("BOUND AT", "/bound_at"),
];

/// The company's own wordings of mails.
pub(super) const TEMPLATES: &[Column] = &[
    column("MAIL", "/kind"),
    column("LANGUAGE", "/language"),
    column("SUBJECT", "/subject"),
    column("VERSION", "/version"),
];

pub(super) const REPORTS: &[Column] = &[
    column("REPORT", "/import"),
    column("FILE", "/file_name"),
    column("TOTAL", "/total"),
    column("SUCCESS", "/success"),
    column("FAILED", "/failed"),
    column("INVITED", "/invited"),
    column("NOT INVITED", "/not_invited"),
    column("INVITATION FAILED", "/invitation_failed"),
    column("ORGANIZATION", "/organization"),
    column("PERMISSION GROUP", "/permission_group"),
    minor("ENDED AT", "/ended_at"),
];

/// The outcome of each account of a batch.
pub(super) const REPORT: &[Column] = &[
    column("ROW", "/row"),
    column("ACCOUNT", "/account"),
    column("NAME", "/name"),
    column("STATUS", "/status"),
    column("REASON", "/reason"),
    column("NUMBER", "/number"),
    column("INVITATION", "/invitation"),
    column("WHY NOT INVITED", "/invitation_reason"),
    column("ORGANIZATION", "/organization"),
    column("PERMISSION GROUP", "/permission_group"),
];

pub(super) const INVITATIONS: &[Column] = &[
    column("USER", "/user"),
    column("CHANNEL", "/channel"),
    column("STATE", "/status"),
    minor("GENERATION", "/generation"),
    minor("SENT AT", "/sent_at"),
    minor("EXPIRES AT", "/expires_at"),
    column("CODE", "/code"),
    minor("LAST MAIL", "/mail_code"),
];

pub(super) const HISTORY: &[Column] = &[
    column("POSITION", "/position"),
    minor("VERSION", "/version"),
    column("TIME", "/at"),
    column("EVENT", "/event"),
    minor("ACTOR", "/actor"),
    minor("AUTHENTICATED", "/authenticated"),
    column("DATA", "/data"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::labels::label;

    /// A table and the details of a row call a field by one word.
    #[test]
    fn headers_are_the_words_of_their_fields() {
        for column in [RUNS, COUNTS].concat() {
            let word = label(column.field.trim_start_matches('/')).to_uppercase();
            assert!(column.field == "/waiting_for/what" || column.title == word, "{word}");
        }
    }
}
