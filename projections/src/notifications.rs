//! Mails beside invitations: who is told what, whether it went out, and why not (query `notifications`).

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, MailTo, Permission, TemplateKind, UndoOutcome, Who};
use boarding_commands::event::{import_completed_key, welcome_key};
use boarding_commands::values::{Code, Personal, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ReadModel;
use crate::projection::{Projection, Projector, load};
use crate::query::{Answer, Asked, Param, Query, QueryError, Spelled, Word, page, shape_of, words};
use crate::rows::{Rows, Table};
use crate::runs::newest_first;
use crate::sheet::Column;

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Notifications>(), Projector::of::<NotificationOrder>()],
    queries: &[Query {
        name: "notifications",
        permission: Some(Permission::Administer),
        params: &[Param::word::<Kind>("kind"), Param::word::<NotificationState>("state")],
        paged: true,
        row: shape_of::<NotificationShown>,
        columns: Some(&[
            Column { title: "Key", field: "/key" },
            Column { title: "Kind", field: "/kind" },
            Column { title: "To", field: "/to" },
            Column { title: "User", field: "/user" },
            Column { title: "State", field: "/state" },
            Column { title: "Code", field: "/code" },
            Column { title: "Reason", field: "/reason" },
            Column { title: "Requested At", field: "/requested_at" },
            Column { title: "At", field: "/at" },
        ]),
        answer: notifications,
    }],
};

words! {
    /// Where a mail stands. Once it is one of the last three it stays.
    NotificationState {
        Waiting "waiting"
        Sending "sending"
        Sent "sent"
        Failed "failed"
        Dropped "dropped"
    }
}

/// A kind of mail, as the query takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind(TemplateKind);

impl Word for Kind {
    const ALL: &'static [Self] = &[
        Self(TemplateKind::Welcome),
        Self(TemplateKind::ImportCompleted),
        Self(TemplateKind::BatchReport),
        Self(TemplateKind::RunStarted),
        Self(TemplateKind::RunCompleted),
        Self(TemplateKind::NumberThreshold),
        Self(TemplateKind::InvitationsExceedNumbers),
        Self(TemplateKind::Reminder),
        Self(TemplateKind::ExpiredDigest),
    ];

    fn as_str(self) -> &'static str {
        self.0.as_str()
    }
}

/// A mail that is no invitation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    pub key: String,
    pub kind: TemplateKind,
    /// The user it is for; none for an address that need not be a user's.
    pub user: Option<Who>,
    /// Where it goes; of a user, known from the claim on.
    pub to: Option<Personal<String>>,
    pub state: NotificationState,
    pub code: Option<Code>,
    pub detail: Option<String>,
    pub requested_at: Time,
    /// When the state was last set.
    pub at: Time,
}

/// A mail that is no invitation: who is told what, whether it went out, and why not.
#[derive(Serialize, JsonSchema)]
struct NotificationShown<'a> {
    /// Unique for each.
    key: &'a str,
    kind: TemplateKind,
    /// The user it is for; null for an address that need not be a user's.
    user: Option<&'a Who>,
    /// The address; of a user, known once the mail is on its way.
    to: Option<&'a Personal<String>>,
    /// `dropped`: nobody is to be told any more, since the import was undone.
    state: Spelled<NotificationState>,
    code: Option<Code>,
    /// In words, where it failed.
    reason: Option<String>,
    requested_at: Time,
    /// When the state was last set.
    at: Time,
}

impl Notification {
    fn show(&self) -> NotificationShown<'_> {
        let reason = self.code.map(|code| match &self.detail {
            None => code.text().to_owned(),
            Some(detail) => format!("{} ({detail})", code.text()),
        });
        NotificationShown {
            key: &self.key,
            kind: self.kind,
            user: self.user.as_ref(),
            to: self.to.as_ref(),
            state: Spelled(self.state),
            code: self.code,
            reason,
            requested_at: self.requested_at,
            at: self.at,
        }
    }

    /// The mail that an event asks for, if it does.
    fn requested(fact: &Fact<'_>) -> Option<Self> {
        let (key, kind, user, to) = match fact.event {
            Event::WelcomeEmailRequested { user, import, row } => {
                (welcome_key(*import, *row), TemplateKind::Welcome, Some(user), None)
            }
            Event::ImportNotificationRequested { import, email, .. } => {
                let kind = TemplateKind::ImportCompleted;
                (import_completed_key(*import), kind, None, Some(email))
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
            state: NotificationState::Waiting,
            code: None,
            detail: None,
            requested_at: fact.commit.at,
            at: fact.commit.at,
        })
    }
}

/// The key of the mail that a fact is about.
fn key(event: &Event) -> Option<String> {
    match event {
        Event::WelcomeEmailRequested { import, row, .. }
        | Event::RowUndone { import, row, outcome: UndoOutcome::Reversed, .. } => {
            Some(welcome_key(*import, *row))
        }
        Event::ImportNotificationRequested { import, .. } | Event::ImportUndoStarted { import } => {
            Some(import_completed_key(*import))
        }
        Event::NotificationRequested { key, .. }
        | Event::NotificationDispatched { key, .. }
        | Event::NotificationSent { key }
        | Event::NotificationFailed { key, .. } => Some(key.clone()),
        _ => None,
    }
}

/// Mails by key.
#[derive(Debug)]
pub struct Notifications;

impl Projection for Notifications {
    const TABLE: Table = Table::Notifications;
    const VERSION: u32 = 1;
    type Row = Notification;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        key(fact.event).map(String::into_bytes)
    }

    fn evolve(row: Option<Notification>, fact: &Fact<'_>) -> Option<Notification> {
        use NotificationState as S;
        if let Some(requested) = Notification::requested(fact) {
            return Some(requested);
        }
        let mut mail = row?;
        let state = match fact.event {
            Event::NotificationDispatched { email, .. } => {
                mail.to = Some(email.clone());
                S::Sending
            }
            Event::NotificationSent { .. } => S::Sent,
            Event::NotificationFailed { code, detail, .. } => {
                mail.code = Some(*code);
                mail.detail.clone_from(detail);
                S::Failed
            }
            // What is on its way is not called back.
            _ if mail.state == S::Waiting => S::Dropped,
            _ => return Some(mail),
        };
        mail.state = state;
        mail.at = fact.commit.at;
        Some(mail)
    }
}

/// Mails in order, the one asked for last first.
#[derive(Debug)]
pub struct NotificationOrder;

impl Projection for NotificationOrder {
    const TABLE: Table = Table::NotificationOrder;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = String;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        Notification::requested(fact).map(|_| newest_first(fact.version))
    }

    fn evolve(_: Option<String>, fact: &Fact<'_>) -> Option<String> {
        key(fact.event)
    }
}

fn notifications(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let kind = asked.word::<Kind>("kind")?;
    let state = asked.word::<NotificationState>("state")?;
    page::<NotificationOrder, _>(asked, rows, &[], |_, key| {
        let mail = load::<Notifications>(rows, asked.company, key.as_bytes())?;
        let wanted = mail.filter(|mail| {
            kind.is_none_or(|kind| mail.kind == kind.0)
                && state.is_none_or(|state| mail.state == state)
        });
        Ok([wanted.map(|mail| json!(mail.show()))])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Story, at, column, import, who};
    use boarding_commands::event::{Topic, UndoCounts};
    use serde_json::Value;

    fn report(n: u32) -> Event {
        Event::NotificationRequested {
            kind: TemplateKind::BatchReport,
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
        Event::NotificationDispatched { key, user: who(user), email, message_id }
    }

    /// ML-14: every mail is shown with whom it is for, how it stands and, where it failed, why.
    #[test]
    fn ml_14_each_mail_is_shown_from_its_request_to_its_end() {
        let welcome_key = welcome_key(import(1), 2);
        let failed = Event::NotificationFailed {
            key: "batch_report.1.2".to_owned(),
            code: Code::DeliveryRefused,
            detail: Some("550".to_owned()),
        };
        let story = Story::of("acme")
            .then([welcome("ann", 2), report(1), report(2)])
            .then([dispatched(&welcome_key, "ann", "ann@acme.example")])
            .then([dispatched("batch_report.1.2", "admin2@acme.example", "admin2@acme.example")])
            .then([Event::NotificationSent { key: welcome_key.clone() }, failed]);
        let rows = story.ask("notifications", &json!({}));
        let expected = [
            json!({"key": "batch_report.1.2", "kind": "batch_report", "user": null, "to": "admin2@acme.example",
                "state": "failed", "code": "delivery.refused",
                "reason": "The mail server refused the mail for good. (550)",
                "requested_at": at(0), "at": at(3)}),
            json!({"key": "batch_report.1.1", "kind": "batch_report", "user": null, "to": "admin1@acme.example",
                "state": "waiting", "code": null, "reason": null, "requested_at": at(0), "at": at(0)}),
            json!({"key": welcome_key, "kind": "welcome", "user": "ann", "to": "ann@acme.example",
                "state": "sent", "code": null, "reason": null, "requested_at": at(0), "at": at(3)}),
        ];
        assert_eq!(rows, expected);
        let kinds = |params: Value| column(&story.ask("notifications", &params), "key").len();
        assert_eq!(kinds(json!({"kind": "batch_report"})), 2);
        assert_eq!(kinds(json!({"kind": "batch_report", "state": "failed"})), 1);
        assert_eq!(kinds(json!({"state": "sending"})), 0);
        assert_eq!(story.refused("notifications", &json!({"kind": "telegram"})), "query.malformed");
    }

    /// P23: what nobody is told any more is shown as dropped; what is on its way is not called back.
    #[test]
    fn p23_mails_of_an_undone_import_are_dropped_unless_they_are_on_their_way() {
        let undone = |user: &str, row| Event::RowUndone {
            import: import(1),
            row,
            user: who(user),
            outcome: UndoOutcome::Reversed,
            code: None,
        };
        let email = Personal("una@acme.example".to_owned());
        let told =
            Event::ImportNotificationRequested { import: import(1), email, expires_at: at(99) };
        let story = Story::of("acme")
            .then([welcome("ann", 1), welcome("bob", 2), told])
            .then([dispatched(&welcome_key(import(1), 1), "ann", "ann@acme.example")])
            .then([Event::ImportUndoStarted { import: import(1) }])
            .then([undone("ann", 1), undone("bob", 2)])
            .then([Event::ImportUndone { import: import(1), counts: UndoCounts::default() }]);
        let rows = story.ask("notifications", &json!({}));
        assert_eq!(column(&rows, "state"), ["dropped", "dropped", "sending"]);
    }
}
