//! The integration log: each recipient of a run, with status and reason (query `integration_log`).

use boarding_commands::event::{Channel, Delivery, Permission, Who};
use boarding_commands::values::{Code, Personal, Phone, RunId, Time};
use schemars::JsonSchema;
use serde::Serialize;

use crate::csv_export::{CsvLayout, ExportColumn};
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Needle, Newest, Param, Query, QueryError, QueryRequest, RowsAnswer,
    WireName, not_found, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::Rows;
use crate::tables::recipients::{RecipientProjection, RecipientRow, RecipientStatus};
use crate::tables::runs;
use crate::tables::users::{self, UserRow};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<RecipientProjection>()],
    queries: &[Query {
        name: "integration_log",
        access: Access::Permission(Permission::BulkIntegrateUsers),
        params: &[
            Param::id_or_latest("run", Newest::Run).required(),
            Param::one_of::<RecipientStatus>("status"),
            Param::text("search"),
        ],
        paged: true,
        row: schema_of::<RecipientShown>,
        csv: Some(
            CsvLayout::report(&[
                ExportColumn { title: "Username", field: "/username" },
                ExportColumn { title: "Email", field: "/email" },
                ExportColumn { title: "Organizational Unit", field: "/org_unit" },
                ExportColumn { title: "Channel", field: "/channel" },
                ExportColumn { title: "Status", field: "/status" },
                ExportColumn { title: "Reason", field: "/reason" },
                ExportColumn { title: "Code", field: "/code" },
                ExportColumn { title: "Delivery", field: "/delivery" },
                ExportColumn { title: "Attempt", field: "/attempt" },
                ExportColumn { title: "At", field: "/at" },
            ])
            .with_dash("/reason"),
        ),
        answer: integration_log,
    }],
};

/// A recipient of a run, with its status and the reason.
#[derive(Serialize, JsonSchema)]
struct RecipientShown<'a> {
    username: &'a Who,
    email: Option<Personal<&'a str>>,
    /// The number of a device that gets texts in place of mails.
    device: Option<&'a Personal<Phone>>,
    org_unit: Option<&'a str>,
    channel: Channel,
    status: WireName<RecipientStatus>,
    code: Option<Code>,
    /// The text of the code and its detail; null if there is no code.
    reason: Option<String>,
    /// The number of the last attempt; 0 before the first.
    attempt: u32,
    delivery: Option<Delivery>,
    /// The time of the last status change.
    at: Time,
}

impl RecipientRow {
    fn show(&self, user: Option<&UserRow>, channel: Channel) -> AnswerRow {
        AnswerRow::of(&RecipientShown {
            username: user.map_or(&self.user, |user| &user.user),
            email: self.email(user).map(Personal),
            device: self.device.as_ref(),
            org_unit: user.and_then(|user| user.org_unit.as_deref()),
            channel,
            status: WireName(self.status),
            code: self.code,
            reason: self.reason(),
            attempt: self.attempt,
            delivery: self.delivery,
            at: self.at,
        })
    }

    /// The address of the last mail; before the first mail, the user's address.
    fn email<'a>(&'a self, user: Option<&'a UserRow>) -> Option<&'a str> {
        let of_user = || user.and_then(|user| user.person.email.as_deref());
        self.email.as_ref().map(|email| email.as_str()).or_else(of_user)
    }

    fn matches(&self, user: Option<&UserRow>, needle: &Needle) -> bool {
        needle.is_in(self.user.as_str())
            || self.email(user).is_some_and(|email| needle.is_in(email))
            || self.device.as_ref().is_some_and(|number| needle.is_in_phone(**number))
    }
}

fn integration_log(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let id: RunId = request.required_id("run")?;
    let status = request.one_of::<RecipientStatus>("status")?;
    let search = request.search()?;
    let run = runs::find(rows, request.company, id)?.ok_or_else(|| not_found("run", &id))?;
    page::<RecipientProjection, _>(request, rows, &runs::key(id), |_, recipient| {
        let recipient = recipient.of_run(&run);
        if status.is_some_and(|status| recipient.status != status) {
            return Ok([None]);
        }
        let user = users::find(rows, request.company, &recipient.user.folded())?;
        let user = user.as_ref();
        let wanted = search.as_ref().is_none_or(|needle| recipient.matches(user, needle));
        Ok([wanted.then(|| recipient.show(user, run.channel))])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::recipients::WITHDRAWN;
    use crate::testing::{
        TestCompany, at, column, created, dispatched, recipient, requested, run, sent, started, who,
    };
    use boarding_commands::event::Event;
    use serde_json::{Value, json};

    fn company() -> TestCompany {
        TestCompany::new("acme")
            .commit([created("Ann"), created("bob"), created("cid")])
            .commit([requested(1, 4)])
            .commit(["ann", "bob", "cid", "ghost"].map(|user| recipient(1, user)))
            .commit([started(1)])
    }

    fn log(company: &TestCompany) -> Vec<Value> {
        company.query("integration_log", &json!({"run": run(1)}))
    }

    fn failed(user: &str, code: Code, detail: Option<&str>) -> Event {
        let detail = detail.map(str::to_owned);
        Event::InviteFailed { run: run(1), user: who(user), attempt: 1, code, detail }
    }

    /// LX-22, LX-25.
    #[test]
    fn every_recipient_is_listed_and_every_failure_has_a_reason() {
        let company = company()
            .commit([dispatched(1, "ann", 1, 1), dispatched(1, "cid", 1, 1)])
            .commit([sent(1, "ann", 1)])
            .commit([Event::UserSkipped {
                run: run(1),
                user: who("bob"),
                code: Code::RecipientAlreadyLinked,
                detail: None,
            }])
            .commit([failed("ghost", Code::RecipientUserNotCreated, None)]);
        let rows = log(&company);
        assert_eq!(
            rows[0],
            json!({"username": "Ann", "email": "ann@acme.example", "device": null, "org_unit": "Sales",
                "channel": "whatsapp", "status": "success", "code": null, "reason": null,
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
    fn deferred_recipient_is_queued_with_a_reason_until_sent() {
        let deferred = Event::InviteDeferred {
            run: run(1),
            user: who("ann"),
            attempt: 1,
            code: Code::DeliveryTemporaryFailure,
            detail: Some("451 4.7.1".to_owned()),
            retry_at: at(60),
        };
        let company = company().commit([dispatched(1, "ann", 1, 1)]).commit([deferred]);
        let row = &log(&company)[0];
        assert_eq!(row["status"], "queued");
        assert_eq!(row["code"], "delivery.temporary_failure");
        assert!(row["reason"].as_str().unwrap().ends_with("if it stays failed. (451 4.7.1)"));
        let company = company.commit([dispatched(1, "ann", 2, 1)]).commit([sent(1, "ann", 2)]);
        let row = &log(&company)[0];
        assert_eq!(
            (&row["status"], &row["code"], &row["reason"]),
            (&json!("success"), &json!(null), &json!(null))
        );
        assert_eq!(row["attempt"], 2);
    }

    /// P22: status and totals stay.
    #[test]
    fn late_bounce_changes_only_the_delivery() {
        let company = company().commit([dispatched(1, "ann", 1, 1), sent(1, "ann", 1)]);
        let before = (company.query_row("run", &json!({"run": run(1)})), log(&company)[0].clone());
        let company = company.commit([Event::DeliveryRecorded {
            run: run(1),
            user: who("ann"),
            message_id: "<1.ann@boarding.invalid>".to_owned(),
            delivery: Delivery::BouncedHard,
            code: Some("550".to_owned()),
        }]);
        let company = company.commit([Event::DeliveryRecorded {
            run: run(1),
            user: who("ann"),
            message_id: "<1.ann@boarding.invalid>".to_owned(),
            delivery: Delivery::Delivered,
            code: None,
        }]);
        let mut row = log(&company)[0].clone();
        assert_eq!(row["delivery"].take(), "bounced_hard");
        assert_eq!((company.query_row("run", &json!({"run": run(1)})), row), before);
    }

    #[test]
    fn log_is_filtered_by_status_and_by_search() {
        let company = company().commit([dispatched(1, "bob", 1, 1), sent(1, "bob", 1)]);
        let users = |params: Value| column(&company.query("integration_log", &params), "username");
        assert_eq!(users(json!({"run": run(1), "status": "success"})), [json!("bob")]);
        assert_eq!(users(json!({"run": run(1), "search": "BOB@acme"})), [json!("bob")]);
        assert_eq!(users(json!({"run": run(1), "search": "aNN"})), [json!("Ann")]);
        assert_eq!(users(json!({"run": run(1), "search": "zoe"})), Vec::<Value>::new());
        assert_eq!(company.refusal("integration_log", &json!({"run": run(2)})), "query.not_found");
    }

    #[test]
    fn recipients_of_withdrawn_run_wait_no_more() {
        let company = company()
            .commit([requested(2, 1), recipient(2, "ann")])
            .commit([Event::RunWithdrawn { run: run(2) }]);
        let of_run = |params: Value| company.query("integration_log", &params);
        let rows = of_run(json!({"run": run(2), "status": "withdrawn"}));
        assert_eq!(column(&rows, "at"), [json!(at(5))]);
        assert_eq!(column(&rows, "reason"), [json!(WITHDRAWN)]);
        assert!(of_run(json!({"run": run(2), "status": "queued"})).is_empty());
        assert_eq!(log(&company)[0]["status"], "queued");
    }

    /// LX-24.
    #[test]
    fn each_run_has_its_own_log() {
        let company = company().commit([requested(2, 1), recipient(2, "ann")]);
        assert_eq!(company.query("integration_log", &json!({"run": run(2)})).len(), 1);
        assert_eq!(log(&company).len(), 4);
    }
}
