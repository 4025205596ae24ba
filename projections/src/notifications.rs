//! Mails other than invitations, each with its state and reason (query `notifications`).

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, MailKind, MailTo, Permission, UndoOutcome, Who};
use boarding_commands::event::{import_completed_key, welcome_key};
use boarding_commands::values::{Code, Personal, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::csv_export::{CsvLayout, ExportColumn};
use crate::projection::{Projection, load, newest_first};
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Param, Query, QueryError, QueryRequest, RowsAnswer, WireEnum, WireName,
    page, schema_of, wire_enum,
};
use crate::read_model::ReadModel;
use crate::reason::reason;
use crate::rows::{Rows, Table};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[
        Projector::of::<NotificationProjection>(),
        Projector::of::<NotificationOrderProjection>(),
    ],
    queries: &[Query {
        name: "notifications",
        access: Access::Permission(Permission::Administer),
        params: &[
            Param::one_of::<NotificationKind>("kind"),
            Param::one_of::<NotificationStatus>("state"),
        ],
        paged: true,
        row: schema_of::<NotificationShown>,
        csv: Some(CsvLayout::report(&[
            ExportColumn { title: "Key", field: "/key" },
            ExportColumn { title: "Kind", field: "/kind" },
            ExportColumn { title: "To", field: "/to" },
            ExportColumn { title: "User", field: "/user" },
            ExportColumn { title: "State", field: "/state" },
            ExportColumn { title: "Code", field: "/code" },
            ExportColumn { title: "Reason", field: "/reason" },
            ExportColumn { title: "Requested At", field: "/requested_at" },
            ExportColumn { title: "At", field: "/at" },
        ])),
        answer: notifications,
    }],
};

wire_enum! {
    /// The state of a mail. A waiting mail may have been refused for now. The last three are final, unless the mail is
    /// sent again by request.
    NotificationStatus {
        Waiting "waiting"
        Sending "sending"
        Sent "sent"
        Failed "failed"
        Dropped "dropped"
    }
}

/// A kind of mail other than an invitation, as a parameter of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotificationKind(MailKind);

impl WireEnum for NotificationKind {
    fn all() -> impl Iterator<Item = Self> {
        let is_listed = |kind: &MailKind| !kind.is_invitation();
        MailKind::ALL.into_iter().filter(is_listed).map(Self)
    }

    fn as_str(self) -> &'static str {
        self.0.as_str()
    }
}

/// A mail that is not an invitation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NotificationRow {
    pub key: String,
    pub kind: MailKind,
    /// The recipient, if the recipient is a user.
    pub user: Option<Who>,
    /// The address. For a user, the claim of the mail sets it.
    pub to: Option<Personal<String>>,
    pub state: NotificationStatus,
    pub code: Option<Code>,
    pub detail: Option<String>,
    pub requested_at: Time,
    /// The time of the last state change.
    pub at: Time,
    /// The transport that tries it again, and when; none if it does not wait for a later attempt.
    pub deferred: Option<(String, Time)>,
}

/// A mail that is not an invitation, with its recipient, state and reason.
#[derive(Serialize, JsonSchema)]
struct NotificationShown<'a> {
    /// Unique in the company.
    key: &'a str,
    kind: MailKind,
    /// The recipient, if the recipient is a user.
    user: Option<&'a Who>,
    /// The address, or the number of a device. For a user, it is null until sending starts.
    to: Option<&'a Personal<String>>,
    /// `dropped`: the import was undone before the mail was sent.
    state: WireName<NotificationStatus>,
    code: Option<Code>,
    /// The text of the code and its detail.
    reason: Option<String>,
    requested_at: Time,
    /// The time of the last state change.
    at: Time,
    /// The transport that tries the mail again, for example `smtp`; null if it does not wait for a later attempt.
    waits_for: Option<&'a str>,
    /// When the transport tries it again, if a program runs that sends mails.
    next_try: Option<Time>,
}

impl NotificationRow {
    fn show(&self) -> NotificationShown<'_> {
        NotificationShown {
            key: &self.key,
            kind: self.kind,
            user: self.user.as_ref(),
            to: self.to.as_ref(),
            state: WireName(self.state),
            code: self.code,
            reason: self.code.map(|code| reason(code, self.detail.as_deref())),
            requested_at: self.requested_at,
            at: self.at,
            waits_for: self.deferred.as_ref().map(|(via, _)| via.as_str()),
            next_try: self.deferred.as_ref().map(|(_, at)| *at),
        }
    }

    /// The mail that an event requests; none for any other event.
    fn requested(recorded: &RecordedEvent<'_>) -> Option<Self> {
        let (key, kind, user, to) = match recorded.event {
            Event::WelcomeEmailRequested { user, import, row } => {
                (welcome_key(*import, *row), MailKind::Welcome, Some(user), None)
            }
            Event::ImportNotificationRequested { import, email, generation, .. } => {
                let kind = MailKind::ImportCompleted;
                (import_completed_key(*import, generation.unwrap_or(1)), kind, None, Some(email))
            }
            Event::NotificationRequested { kind, key, to: MailTo::User(user), .. } => {
                (key.clone(), *kind, Some(user), None)
            }
            Event::NotificationRequested { kind, key, to: MailTo::Address(email), .. } => {
                (key.clone(), *kind, None, Some(email))
            }
            _ => return None,
        };
        Some(Self {
            key,
            kind,
            user: user.cloned(),
            to: to.cloned(),
            state: NotificationStatus::Waiting,
            code: None,
            detail: None,
            requested_at: recorded.commit.at,
            at: recorded.commit.at,
            deferred: None,
        })
    }
}

/// The key of the mail that an event changes. An undo of an import changes the mails of that import.
fn key(event: &Event) -> Option<String> {
    match event {
        Event::WelcomeEmailRequested { import, row, .. }
        | Event::RowUndone { import, row, outcome: UndoOutcome::Reversed, .. } => {
            Some(welcome_key(*import, *row))
        }
        Event::ImportNotificationRequested { import, generation, .. } => {
            Some(import_completed_key(*import, generation.unwrap_or(1)))
        }
        Event::ImportUndoStarted { import } => Some(import_completed_key(*import, 1)),
        Event::NotificationRequested { key, .. }
        | Event::NotificationDispatched { key, .. }
        | Event::NotificationDeferred { key, .. }
        | Event::NotificationRequeued { key }
        | Event::NotificationSent { key }
        | Event::NotificationFailed { key, .. } => Some(key.clone()),
        _ => None,
    }
}

/// Mails by key.
#[derive(Debug)]
pub(crate) struct NotificationProjection;

impl Projection for NotificationProjection {
    const TABLE: Table = Table::Notifications;
    const VERSION: u32 = 4;
    type Row = NotificationRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        key(recorded.event).map(String::into_bytes)
    }

    fn evolve(
        row: Option<NotificationRow>,
        recorded: &RecordedEvent<'_>,
    ) -> Option<NotificationRow> {
        use NotificationStatus as S;
        if let Some(requested) = NotificationRow::requested(recorded) {
            return Some(requested);
        }
        let mut mail = row?;
        let state = match recorded.event {
            Event::NotificationDispatched { email, device, .. } => {
                let number = device.as_ref().map(|number| Personal(number.to_string()));
                mail.to = Some(number.unwrap_or_else(|| email.clone()));
                S::Sending
            }
            Event::NotificationSent { .. } => {
                (mail.code, mail.detail) = (None, None);
                S::Sent
            }
            Event::NotificationDeferred { code, detail, .. } => {
                (mail.code, mail.detail) = (Some(*code), detail.clone());
                S::Waiting
            }
            Event::NotificationRequeued { .. } => {
                (mail.code, mail.detail) = (None, None);
                S::Waiting
            }
            // The undo of an import has dropped the mail.
            Event::NotificationFailed { code: Code::ImportAlreadyUndone, .. } => S::Dropped,
            Event::NotificationFailed { code, detail, .. } => {
                (mail.code, mail.detail) = (Some(*code), detail.clone());
                S::Failed
            }
            // An undo drops a waiting mail. A mail that is already claimed cannot be called back.
            _ if mail.state == S::Waiting => S::Dropped,
            _ => return Some(mail),
        };
        mail.deferred = match recorded.event {
            Event::NotificationDeferred { via, retry_at, .. } => Some((via.clone(), *retry_at)),
            _ => None,
        };
        mail.state = state;
        mail.at = recorded.commit.at;
        Some(mail)
    }
}

/// Keys of mails, newest request first.
#[derive(Debug)]
pub(crate) struct NotificationOrderProjection;

impl Projection for NotificationOrderProjection {
    const TABLE: Table = Table::NotificationOrder;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = String;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        NotificationRow::requested(recorded).map(|_| newest_first(recorded.version))
    }

    fn evolve(_: Option<String>, recorded: &RecordedEvent<'_>) -> Option<String> {
        key(recorded.event)
    }
}

fn notifications(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let kind = request.one_of::<NotificationKind>("kind")?;
    let state = request.one_of::<NotificationStatus>("state")?;
    page::<NotificationOrderProjection, _>(request, rows, &[], |_, key| {
        let mail = load::<NotificationProjection>(rows, request.company, key.as_bytes())?;
        let wanted = mail.filter(|mail| {
            kind.is_none_or(|kind| mail.kind == kind.0)
                && state.is_none_or(|state| mail.state == state)
        });
        Ok([wanted.map(|mail| AnswerRow::of(&mail.show()))])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCompany, at, column, import, who};
    use boarding_commands::event::{Topic, UndoCounts, Unsupervised};
    use serde_json::{Value, json};

    fn report(n: u32) -> Event {
        Event::NotificationRequested {
            kind: MailKind::BatchReport,
            key: format!("batch_report.1.{n}"),
            to: MailTo::Address(format!("admin{n}@acme.example").into()),
            about: Topic::Import(import(1)),
        }
    }

    fn welcome(user: &str, row: u64) -> Event {
        Event::WelcomeEmailRequested { user: who(user), import: import(1), row }
    }

    fn dispatched(key: &str, user: &str, email: &str) -> Event {
        let (key, message_id) = (key.to_owned(), format!("{key}@acme.boarding.invalid"));
        let email = email.to_owned().into();
        Event::NotificationDispatched { key, user: who(user), email, message_id, device: None }
    }

    /// ML-14: each mail shows its recipient, its state and the reason of a failure.
    #[test]
    fn query_shows_each_mail_with_its_state_and_reason() {
        let welcome_key = welcome_key(import(1), 2);
        let failed = Event::NotificationFailed {
            key: "batch_report.1.2".to_owned(),
            code: Code::DeliveryRefused,
            detail: Some("550".to_owned()),
        };
        let company = TestCompany::new("acme")
            .commit([welcome("ann", 2), report(1), report(2)])
            .commit([dispatched(&welcome_key, "ann", "ann@acme.example")])
            .commit([dispatched("batch_report.1.2", "admin2@acme.example", "admin2@acme.example")])
            .commit([Event::NotificationSent { key: welcome_key.clone() }, failed]);
        let rows = company.query("notifications", &json!({}));
        let expected = [
            json!({"key": "batch_report.1.2", "kind": "batch_report", "user": null, "to": "admin2@acme.example",
                "state": "failed", "code": "delivery.refused",
                "reason": "The mail server rejected the mail permanently; check the address and the mail settings. (550)",
                "requested_at": at(0), "at": at(3), "waits_for": null, "next_try": null}),
            json!({"key": "batch_report.1.1", "kind": "batch_report", "user": null, "to": "admin1@acme.example",
                "state": "waiting", "code": null, "reason": null, "requested_at": at(0), "at": at(0),
                "waits_for": null, "next_try": null}),
            json!({"key": welcome_key, "kind": "welcome", "user": "ann", "to": "ann@acme.example",
                "state": "sent", "code": null, "reason": null, "requested_at": at(0), "at": at(3),
                "waits_for": null, "next_try": null}),
        ];
        assert_eq!(rows, expected);
        let count = |params: Value| column(&company.query("notifications", &params), "key").len();
        assert_eq!(count(json!({"kind": "batch_report"})), 2);
        assert_eq!(count(json!({"kind": "batch_report", "state": "failed"})), 1);
        assert_eq!(count(json!({"state": "sending"})), 0);
        assert_eq!(
            company.refusal("notifications", &json!({"kind": "telegram"})),
            "query.malformed"
        );
    }

    /// P23: a waiting mail is dropped, a dispatched mail is not.
    #[test]
    fn undo_drops_the_waiting_mails_of_the_import() {
        let undone = |user: &str, row| Event::RowUndone {
            import: import(1),
            row,
            user: who(user),
            outcome: UndoOutcome::Reversed,
            code: None,
        };
        let email = Personal("una@acme.example".to_owned());
        let notified = |generation: Option<u32>| Event::ImportNotificationRequested {
            import: import(1),
            email: email.clone(),
            expires_at: at(99),
            generation,
        };
        let renewed = Event::NotificationFailed {
            key: import_completed_key(import(1), 2),
            code: Code::ImportAlreadyUndone,
            detail: None,
        };
        let company = TestCompany::new("acme")
            .commit([welcome("ann", 1), welcome("bob", 2), notified(None), notified(Some(2))])
            .commit([dispatched(&welcome_key(import(1), 1), "ann", "ann@acme.example")])
            .commit([Event::ImportUndoStarted { import: import(1) }, renewed])
            .commit([undone("ann", 1), undone("bob", 2)])
            .commit([Event::ImportUndone {
                import: import(1),
                counts: UndoCounts::default(),
                unsupervised: Unsupervised::default(),
            }]);
        let rows = company.query("notifications", &json!({}));
        assert_eq!(column(&rows, "state"), ["dropped", "dropped", "dropped", "sending"]);
    }
}
