//! The integration log: what became of each recipient of a run, and why (query `integration_log`; LX-22, LX-25).

use boarding_commands::commit::Fact;
use boarding_commands::event::{Channel, Delivery, Event, Permission, Who};
use boarding_commands::values::{Code, CompanyId, Personal, RunId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::projection::{Projection, Projector, load};
use crate::query::{
    Answer, Asked, Needle, Param, Query, QueryError, Spelled, not_found, page, shape_of, words,
};
use crate::rows::{Rows, RowsError, Table};
use crate::sheet::Column;
use crate::users::{self, User};
use crate::{ReadModel, runs};

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<IntegrationLog>()],
    queries: &[Query {
        name: "integration_log",
        permission: Some(Permission::BulkIntegrateUsers),
        params: &[
            Param::id("run").required(),
            Param::word::<Status>("status"),
            Param::text("search"),
        ],
        paged: true,
        row: shape_of::<EntryShown>,
        columns: Some(&[
            Column { title: "Username", field: "/username" },
            Column { title: "Email", field: "/email" },
            Column { title: "Organizational Unit", field: "/org_unit" },
            Column { title: "Channel", field: "/channel" },
            Column { title: "Status", field: "/status" },
            Column { title: "Reason", field: "/reason" },
            Column { title: "Code", field: "/code" },
            Column { title: "Delivery", field: "/delivery" },
            Column { title: "Attempt", field: "/attempt" },
            Column { title: "At", field: "/at" },
        ]),
        answer: integration_log,
    }],
};

words! {
    /// Where a recipient stands. Once it is one of the last three it stays.
    Status {
        Queued "queued"
        Dispatching "dispatching"
        Success "success"
        Skipped "skipped"
        Failed "failed"
    }
}

/// A recipient of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub user: Who,
    /// The address that was written to; none before the first claim.
    pub email: Option<Personal<String>>,
    pub status: Status,
    pub code: Option<Code>,
    pub detail: Option<String>,
    /// The number of the last attempt; 0 before the first.
    pub attempt: u32,
    /// What became of the mail after it was handed over: an overlay, never an outcome (P22).
    pub delivery: Option<Delivery>,
    /// When the status was last set.
    pub at: Time,
    /// The versions of the facts about this recipient, for `history`.
    pub(crate) versions: Vec<u64>,
}

/// What became of a recipient of a run, and why.
#[derive(Serialize, JsonSchema)]
struct EntryShown<'a> {
    username: &'a Who,
    email: Option<Personal<&'a str>>,
    org_unit: Option<&'a str>,
    channel: Channel,
    status: Spelled<Status>,
    code: Option<Code>,
    /// In words; `-` where there is nothing to explain.
    reason: String,
    /// The number of the last attempt; 0 before the first.
    attempt: u32,
    delivery: Option<Delivery>,
    /// When the status was last set.
    at: Time,
}

/// Recipients by run and folded user key.
#[derive(Debug)]
pub struct IntegrationLog;

impl Projection for IntegrationLog {
    const TABLE: Table = Table::IntegrationLog;
    const VERSION: u32 = 2;
    type Row = Entry;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
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

    fn evolve(row: Option<Entry>, fact: &Fact<'_>) -> Option<Entry> {
        let mut entry = match fact.event {
            Event::RecipientQueued { user, .. } => queued(user, fact),
            _ => row?,
        };
        entry.versions.push(fact.version);
        match fact.event {
            Event::InviteDispatched { attempt, email, .. } => {
                entry.email = Some(email.clone());
                entry.set(Status::Dispatching, fact).attempt = *attempt;
            }
            Event::InviteDeferred { attempt, code, detail, .. } => {
                entry.set(Status::Queued, fact).because(*code, detail).attempt = *attempt;
            }
            Event::InviteSent { attempt, .. } => {
                entry.set(Status::Success, fact).attempt = *attempt;
            }
            Event::UserSkipped { code, detail, .. } => {
                entry.set(Status::Skipped, fact).because(*code, detail);
            }
            Event::InviteFailed { attempt, code, detail, .. } => {
                entry.set(Status::Failed, fact).because(*code, detail).attempt = *attempt;
            }
            // What came back for good is not delivered by a word that comes late.
            Event::DeliveryRecorded { .. } if entry.delivery == Some(Delivery::BouncedHard) => {}
            Event::DeliveryRecorded { delivery, .. } => entry.delivery = Some(*delivery),
            _ => {}
        }
        Some(entry)
    }
}

fn queued(user: &Who, fact: &Fact<'_>) -> Entry {
    Entry {
        user: user.clone(),
        email: None,
        status: Status::Queued,
        code: None,
        detail: None,
        attempt: 0,
        delivery: None,
        at: fact.commit.at,
        versions: Vec::with_capacity(1),
    }
}

impl Entry {
    fn set(&mut self, status: Status, fact: &Fact<'_>) -> &mut Self {
        self.status = status;
        self.at = fact.commit.at;
        self.code = None;
        self.detail = None;
        self
    }

    fn because(&mut self, code: Code, detail: &Option<String>) -> &mut Self {
        self.code = Some(code);
        self.detail.clone_from(detail);
        self
    }

    /// Why it is so, in words; `-` where there is nothing to explain, as the vendor shows it.
    fn reason(&self) -> String {
        match (self.code, &self.detail) {
            (None, _) => "-".to_owned(),
            (Some(code), None) => code.text().to_owned(),
            (Some(code), Some(detail)) => format!("{} ({detail})", code.text()),
        }
    }

    fn show(&self, user: Option<&User>, channel: Channel) -> Value {
        json!(EntryShown {
            username: user.map_or(&self.user, |user| &user.user),
            email: self.email(user).map(Personal),
            org_unit: user.and_then(|user| user.org_unit.as_deref()),
            channel,
            status: Spelled(self.status),
            code: self.code,
            reason: self.reason(),
            attempt: self.attempt,
            delivery: self.delivery,
            at: self.at,
        })
    }

    fn email<'a>(&'a self, user: Option<&'a User>) -> Option<&'a str> {
        let on_record = || user.and_then(|user| user.person.email.as_deref());
        self.email.as_ref().map(|email| email.as_str()).or_else(on_record)
    }

    fn matches(&self, user: Option<&User>, needle: &Needle) -> bool {
        needle.is_in(self.user.as_str())
            || self.email(user).is_some_and(|email| needle.is_in(email))
    }
}

fn key(run: RunId, folded: &str) -> Vec<u8> {
    [&runs::key(run), folded.as_bytes()].concat()
}

/// The recipient of a run, if the user is one.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    run: RunId,
    folded: &str,
) -> Result<Option<Entry>, RowsError> {
    load::<IntegrationLog>(rows, company, &key(run, folded))
}

fn integration_log(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let id: RunId = asked.required_id("run")?;
    let status = asked.word::<Status>("status")?;
    let search = asked.search()?;
    let run = runs::find(rows, asked.company, id)?.ok_or_else(|| not_found("run", &id))?;
    page::<IntegrationLog, _>(asked, rows, &runs::key(id), |_, entry| {
        if status.is_some_and(|status| entry.status != status) {
            return Ok([None]);
        }
        let user = users::find(rows, asked.company, &entry.user.folded())?;
        let user = user.as_ref();
        let wanted = search.as_ref().is_none_or(|needle| entry.matches(user, needle));
        Ok([wanted.then(|| entry.show(user, run.channel))])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        Story, at, column, created, dispatched, recipient, requested, run, sent, started, who,
    };

    fn story() -> Story {
        Story::of("acme")
            .then([created("Ann"), created("bob"), created("cid")])
            .then([requested(1, 4)])
            .then(["ann", "bob", "cid", "ghost"].map(|user| recipient(1, user)))
            .then([started(1)])
    }

    fn log(story: &Story) -> Vec<Value> {
        story.ask("integration_log", &json!({"run": run(1)}))
    }

    fn failed(user: &str, code: Code, detail: Option<&str>) -> Event {
        let detail = detail.map(str::to_owned);
        Event::InviteFailed { run: run(1), user: who(user), attempt: 1, code, detail }
    }

    /// LX-22, LX-25: one row a recipient, with a reason wherever it was not a success.
    #[test]
    fn every_recipient_has_a_row_and_every_no_has_a_code_and_a_reason() {
        let story = story()
            .then([dispatched(1, "ann", 1, 1), dispatched(1, "cid", 1, 1)])
            .then([sent(1, "ann", 1)])
            .then([Event::UserSkipped {
                run: run(1),
                user: who("bob"),
                code: Code::RecipientAlreadyLinked,
                detail: None,
            }])
            .then([failed("ghost", Code::RecipientUserNotCreated, None)]);
        let rows = log(&story);
        assert_eq!(
            rows[0],
            json!({"username": "Ann", "email": "ann@acme.example", "org_unit": "Sales",
                "channel": "whatsapp", "status": "success", "code": null, "reason": "-",
                "attempt": 1, "delivery": null, "at": at(5)})
        );
        assert_eq!(
            column(&rows, "status"),
            ["success", "skipped", "dispatching", "failed"].map(|status| json!(status))
        );
        for row in rows.iter().filter(|row| row["status"] == "skipped" || row["status"] == "failed")
        {
            let code = Code::find(row["code"].as_str().unwrap()).unwrap();
            assert_eq!(row["reason"], json!(code.text()));
        }
        assert_eq!(rows[3]["username"], "ghost");
        assert_eq!(rows[3]["org_unit"], json!(null));
    }

    #[test]
    fn a_deferred_recipient_is_queued_again_with_the_reason_until_it_succeeds() {
        let deferred = Event::InviteDeferred {
            run: run(1),
            user: who("ann"),
            attempt: 1,
            code: Code::DeliveryTemporaryFailure,
            detail: Some("451 4.7.1".to_owned()),
            retry_at: at(60),
        };
        let story = story().then([dispatched(1, "ann", 1, 1)]).then([deferred]);
        let row = &log(&story)[0];
        assert_eq!(row["status"], "queued");
        assert_eq!(row["code"], "delivery.temporary_failure");
        assert!(row["reason"].as_str().unwrap().ends_with("just now. (451 4.7.1)"));
        let story = story.then([dispatched(1, "ann", 2, 1)]).then([sent(1, "ann", 2)]);
        let row = &log(&story)[0];
        assert_eq!(
            (&row["status"], &row["code"], &row["reason"]),
            (&json!("success"), &json!(null), &json!("-"))
        );
        assert_eq!(row["attempt"], 2);
    }

    /// P22: a late bounce shows as delivery and changes neither status nor totals.
    #[test]
    fn p22_a_late_bounce_is_an_overlay() {
        let story = story().then([dispatched(1, "ann", 1, 1), sent(1, "ann", 1)]);
        let before = (story.ask_row("run", &json!({"run": run(1)})), log(&story)[0].clone());
        let story = story.then([Event::DeliveryRecorded {
            run: run(1),
            user: who("ann"),
            message_id: "<1.ann@boarding.invalid>".to_owned(),
            delivery: Delivery::BouncedHard,
            code: Some("550".to_owned()),
        }]);
        let story = story.then([Event::DeliveryRecorded {
            run: run(1),
            user: who("ann"),
            message_id: "<1.ann@boarding.invalid>".to_owned(),
            delivery: Delivery::Delivered,
            code: None,
        }]);
        let mut row = log(&story)[0].clone();
        assert_eq!(row["delivery"].take(), "bounced_hard");
        assert_eq!((story.ask_row("run", &json!({"run": run(1)})), row), before);
    }

    #[test]
    fn the_log_is_filtered_by_status_and_searched_by_name_and_address() {
        let story = story().then([dispatched(1, "bob", 1, 1), sent(1, "bob", 1)]);
        let users = |params: Value| column(&story.ask("integration_log", &params), "username");
        assert_eq!(users(json!({"run": run(1), "status": "success"})), [json!("bob")]);
        assert_eq!(users(json!({"run": run(1), "search": "BOB@acme"})), [json!("bob")]);
        assert_eq!(users(json!({"run": run(1), "search": "aNN"})), [json!("Ann")]);
        assert_eq!(users(json!({"run": run(1), "search": "zoe"})), Vec::<Value>::new());
        assert_eq!(story.refused("integration_log", &json!({"run": run(2)})), "query.not_found");
    }

    /// LX-24: the rows of one run are not those of another.
    #[test]
    fn each_run_has_its_own_log() {
        let story = story().then([requested(2, 1), recipient(2, "ann")]);
        assert_eq!(story.ask("integration_log", &json!({"run": run(2)})).len(), 1);
        assert_eq!(log(&story).len(), 4);
    }
}
