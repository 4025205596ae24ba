//! Runs with their state, counts and queue place (queries `runs`, `run`).

use boarding_commands::event::{Channel, Permission, Source, Who};
use boarding_commands::settings::Settings;
use boarding_commands::values::{CompanyId, Personal, RunId, Time};
use schemars::JsonSchema;
use serde::Serialize;

use crate::csv_export::{CsvLayout, ExportColumn};
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Newest, Param, Query, QueryError, QueryRequest, RowsAnswer, WireName,
    not_found, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, RowsError};
use crate::tables::recipients;
use crate::tables::run_queue::RunQueue;
use crate::tables::runs::{
    self, RunOrderProjection, RunProjection, RunRow, RunStatus, TriedAgain, WaitingFor,
};
use crate::tables::settings::settings;

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<RunProjection>(), Projector::of::<RunOrderProjection>()],
    queries: &[
        Query {
            name: "runs",
            access: Access::Permission(Permission::BulkIntegrateUsers),
            params: &[Param::one_of::<RunStatus>("state")],
            paged: true,
            row: schema_of::<RunShown>,
            csv: Some(CsvLayout::report(&[
                ExportColumn { title: "Run", field: "/run" },
                ExportColumn { title: "Channel", field: "/channel" },
                ExportColumn { title: "State", field: "/state" },
                ExportColumn { title: "Source", field: "/source" },
                ExportColumn { title: "Total", field: "/total" },
                ExportColumn { title: "Passed", field: "/passed" },
                ExportColumn { title: "Skipped", field: "/skipped" },
                ExportColumn { title: "Failed", field: "/failed" },
                ExportColumn { title: "Remaining", field: "/remaining" },
                ExportColumn { title: "Requested By", field: "/requested_by" },
                ExportColumn { title: "Requested At", field: "/requested_at" },
                ExportColumn { title: "Scheduled For", field: "/not_before" },
                ExportColumn { title: "Started At", field: "/started_at" },
                ExportColumn { title: "Ended At", field: "/ended_at" },
                ExportColumn { title: "Withdrawn By", field: "/withdrawn_by" },
                ExportColumn { title: "Withdrawn At", field: "/withdrawn_at" },
            ])),
            answer: runs,
        },
        Query {
            name: "run",
            access: Access::Permission(Permission::BulkIntegrateUsers),
            params: &[Param::id_or_latest("run", Newest::Run).required()],
            paged: false,
            row: schema_of::<RunShown>,
            csv: None,
            answer: run,
        },
    ],
};

/// What the rows of runs show beside the runs themselves.
struct Shown<'a> {
    rows: &'a dyn Rows,
    company: &'a CompanyId,
    queue: RunQueue,
    settings: Settings,
}

impl<'a> Shown<'a> {
    fn load(request: &QueryRequest<'a>, rows: &'a dyn Rows) -> Result<Self, RowsError> {
        let company = request.company;
        let queue = RunQueue::load(rows, company)?;
        Ok(Self { rows, company, queue, settings: settings(rows, company)? })
    }

    /// The people of a run who are tried again, with the times.
    fn tried_again<'r>(&self, run: &'r RunRow) -> Result<Vec<TriedAgainShown<'r>>, RowsError> {
        run.tried_again.iter().map(|again| self.person(run, again)).collect()
    }

    fn person<'r>(
        &self,
        run: &RunRow,
        again: &'r TriedAgain,
    ) -> Result<TriedAgainShown<'r>, RowsError> {
        let recipient = recipients::find(self.rows, self.company, run.run, &again.user.folded())?;
        let paused = recipient.map_or(0, |recipient| recipient.paused_seconds);
        let time = self.settings.delivery_retry_minutes.saturating_mul(60);
        // No person is tried while the run waits, and the time of the wait does not count.
        let waits_until = run.waiting_for.as_ref().map(|waiting| waiting.next_try);
        let next_try = waits_until.map_or(again.next_try, |end| again.next_try.max(end));
        Ok(TriedAgainShown {
            user: &again.user,
            next_try,
            until: next_try.plus_seconds(time.saturating_sub(paused)),
            last_words: again.detail.as_deref().unwrap_or_else(|| again.code.text()),
        })
    }

    fn run(&self, run: &RunRow) -> Result<AnswerRow, RowsError> {
        Ok(run.show(&self.queue, self.tried_again(run)?))
    }
}

impl RunRow {
    fn show(&self, queue: &RunQueue, tried_again: Vec<TriedAgainShown<'_>>) -> AnswerRow {
        let pending = self.state == RunStatus::Pending;
        AnswerRow::of(&RunShown {
            run: self.run,
            channel: self.channel,
            state: WireName(self.state),
            queue_place: queue.place(self.run).filter(|_| pending),
            total: self.total,
            passed: self.passed,
            skipped: self.skipped,
            failed: self.failed,
            remaining: self.remaining(),
            requested_by: &self.requested_by,
            requested_at: self.requested_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            source: &self.source,
            not_before: self.not_before,
            withdrawn_by: self.withdrawn.as_ref().map(|withdrawal| &withdrawal.by),
            withdrawn_at: self.withdrawn.as_ref().map(|withdrawal| withdrawal.at),
            waiting_for: self.waiting_for.as_ref(),
            tried_again,
        })
    }
}

/// A run, its state and its counts.
#[derive(Serialize, JsonSchema)]
struct RunShown<'a> {
    run: RunId,
    channel: Channel,
    state: WireName<RunStatus>,
    /// The place in the queue, from 1; null unless the run is pending.
    queue_place: Option<u64>,
    total: u64,
    passed: u64,
    skipped: u64,
    failed: u64,
    /// Recipients without an outcome yet.
    remaining: u64,
    requested_by: &'a Personal<String>,
    requested_at: Time,
    started_at: Option<Time>,
    ended_at: Option<Time>,
    /// Of many names the first 20; `total` is the number of recipients.
    source: &'a Source,
    /// The run waits for this time.
    not_before: Option<Time>,
    withdrawn_by: Option<&'a Personal<String>>,
    withdrawn_at: Option<Time>,
    /// What the run waits for; null unless its mails cannot be sent now.
    waiting_for: Option<&'a WaitingFor>,
    /// Of the people whose mail was refused for now, at most 20.
    tried_again: Vec<TriedAgainShown<'a>>,
}

/// A person whose mail was refused for now.
#[derive(Serialize, JsonSchema)]
struct TriedAgainShown<'a> {
    user: &'a Who,
    next_try: Time,
    /// After this time the person is failed.
    until: Time,
    /// The last words of the server, or the cause.
    last_words: &'a str,
}

fn runs(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let state = request.one_of::<RunStatus>("state")?;
    let shown = Shown::load(request, rows)?;
    page::<RunOrderProjection, _>(request, rows, &[], |_, id| {
        let run = runs::find(rows, request.company, id)?;
        let run = run.filter(|run| state.is_none_or(|state| run.state == state));
        Ok([run.map(|run| shown.run(&run)).transpose()?])
    })
}

fn run(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let id: RunId = request.required_id("run")?;
    let run = runs::find(rows, request.company, id)?.ok_or_else(|| not_found("run", &id))?;
    Ok(RowsAnswer::Row(Shown::load(request, rows)?.run(&run)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        TestCompany, at, column, completed, import, queued, recipient, requested, run, sent,
        started, who,
    };
    use boarding_commands::event::Event;
    use boarding_commands::values::Code;
    use serde_json::json;

    /// LX-21, A30: total, passed, skipped, failed and remaining, at any time.
    /// P6: a completed run has a start and an end.
    #[test]
    fn run_is_counted_while_running_and_when_completed() {
        let company = TestCompany::new("acme")
            .commit([requested(1, 3), recipient(1, "ann"), queued(1), started(1)])
            .commit([sent(1, "ann", 1)])
            .commit([skipped("bob")]);
        assert_eq!(
            company.query_row("run", &json!({"run": run(1)})),
            json!({
                "run": run(1), "channel": "whatsapp", "state": "running", "queue_place": null,
                "total": 3, "passed": 1, "skipped": 1, "failed": 0, "remaining": 1,
                "requested_by": "jane@acme.example", "requested_at": at(0),
                "started_at": at(0), "ended_at": null, "source": {"import": import(1)},
                "not_before": null, "withdrawn_by": null, "withdrawn_at": null, "waiting_for": null,
                "tried_again": [],
            })
        );
        let over = company.commit([failed("cid"), completed(1, 1, 1, 1)]);
        let row = over.query_row("run", &json!({"run": run(1)}));
        assert_eq!(row["state"], "completed");
        assert_eq!((&row["failed"], &row["remaining"]), (&json!(1), &json!(0)));
        assert_eq!(row["ended_at"], json!(at(3)));
    }

    /// A31: a run shows what it waits for, until it goes on or is given up.
    #[test]
    fn run_shows_what_it_waits_for() {
        let waiting = || Event::RunWaiting {
            run: run(1),
            via: "smtp".to_owned(),
            what: "mail server".to_owned(),
            last_words: "421 closing".to_owned(),
            next_try: at(9),
        };
        let company = TestCompany::new("acme")
            .commit([requested(1, 3), queued(1), started(1)])
            .commit([waiting()]);
        let shown = |company: &TestCompany| {
            company.query_row("run", &json!({"run": run(1)}))["waiting_for"].clone()
        };
        let expected = json!({"what": "mail server", "since": at(1), "next_try": at(9), "last_words": "421 closing"});
        assert_eq!(shown(&company), expected);
        let company = company.commit([Event::RunResumed { run: run(1) }]);
        assert_eq!(shown(&company), json!(null));
        let given_up = Event::RunGivenUp { run: run(1), code: Code::RunGivenUp };
        assert_eq!(shown(&company.clone().commit([waiting()]).commit([given_up])), json!(null));
        let over = company.commit([waiting()]).commit([sent(1, "ann", 1), completed(1, 1, 0, 0)]);
        assert_eq!(shown(&over), json!(null));
    }

    /// A31: a run names who is tried again, when, and until when, as long as it is so.
    #[test]
    fn run_names_people_who_are_tried_again() {
        let deferred = |user: &str, code, retry_at| Event::InviteDeferred {
            run: run(1),
            user: who(user),
            attempt: 1,
            code,
            detail: Some("451 later".to_owned()),
            retry_at,
        };
        let (later, down) = (Code::DeliveryTemporaryFailure, Code::DeliveryServerUnavailable);
        let company = TestCompany::new("acme")
            .commit([requested(1, 2), recipient(1, "ann"), queued(1), started(1)])
            .commit([deferred("ann", later, at(61)), deferred("bob", down, at(1))])
            .commit([deferred("ann", later, at(122))]);
        let shown = |company: &TestCompany| {
            company.query_row("run", &json!({"run": run(1)}))["tried_again"].clone()
        };
        let until = at(122).plus_seconds(240 * 60 - 60 - 120);
        let row = shown(&company);
        let [ann] = &row.as_array().unwrap()[..] else { panic!("{row}") };
        assert_eq!((&ann["user"], &ann["next_try"]), (&json!("ann"), &json!(at(122))));
        assert_eq!(ann["until"], json!(until));
        assert_eq!(ann["last_words"], "451 later");
        assert_eq!(shown(&company.clone().commit([sent(1, "ann", 2)])), json!([]));

        // An outage of the mail server moves the next try and the end. It costs the person no time.
        let waiting = |next_try| Event::RunWaiting {
            run: run(1),
            via: "smtp".to_owned(),
            what: "mail server".to_owned(),
            last_words: "421 closing".to_owned(),
            next_try,
        };
        let times = |company: &TestCompany| {
            let row = shown(company);
            json!([row[0]["next_try"], row[0]["until"], row[0]["last_words"]])
        };
        let left = 240 * 60 - 60 - 120;
        let expected = |at: Time| json!([at, at.plus_seconds(left), "451 later"]);
        let company = company.commit([deferred("ann", down, at(200)), waiting(at(260))]);
        assert_eq!(times(&company), expected(at(260)));
        let mut company = company;
        while company.commits().len() < 400 {
            company = company.commit([Event::RunResumed { run: run(9) }]);
        }
        let company = company.commit([Event::RunResumed { run: run(1) }]);
        assert_eq!(times(&company), expected(at(400)));
    }

    /// LX-34: the second run is pending and shows its place.
    #[test]
    fn waiting_run_shows_its_place_and_newest_is_first() {
        let company = TestCompany::new("acme")
            .commit([requested(9, 1), queued(9), started(9)])
            .commit([requested(5, 1), queued(5)])
            .commit([requested(7, 1), queued(7)])
            .commit([requested(1, 1), Event::RunScheduled { run: run(1), not_before: at(99) }])
            .commit([requested(2, 1)]);
        let runs = company.query("runs", &json!({}));
        assert_eq!(column(&runs, "run"), [2, 1, 7, 5, 9].map(|n| json!(run(n))));
        assert_eq!(
            column(&runs, "queue_place"),
            [json!(null), json!(null), json!(2), json!(1), json!(null)]
        );
        assert_eq!(
            column(&runs, "state"),
            ["pending", "scheduled", "pending", "pending", "running"].map(|state| json!(state))
        );
        let company = company
            .commit([Event::RunWithdrawn { run: run(5) }])
            .commit([completed(9, 0, 0, 0), started(7)]);
        let withdrawn = company.query("runs", &json!({"state": "withdrawn"}));
        assert_eq!(column(&withdrawn, "run"), [json!(run(5))]);
        let row = &withdrawn[0];
        assert_eq!(
            (&row["withdrawn_by"], &row["withdrawn_at"], &row["ended_at"]),
            (&json!("jane@acme.example"), &json!(at(5)), &json!(null))
        );
        assert_eq!(company.query_row("run", &json!({"run": run(7)}))["state"], "running");
    }

    /// The row of a run is written for each recipient, so it does not hold all their names.
    #[test]
    fn source_of_many_names_is_shortened() {
        let users: Vec<_> = (0..100).map(|n| who(&format!("user{n}"))).collect();
        let Event::RunRequested { run, channel, total, duplicates_removed, .. } = requested(1, 100)
        else {
            panic!()
        };
        let (source, not_before) = (Source::Users(users), Some(at(99)));
        let requested = Event::RunRequested {
            run,
            channel,
            source,
            total,
            duplicates_removed,
            not_before,
            list_version: None,
        };
        let row =
            TestCompany::new("acme").commit([requested]).query_row("run", &json!({"run": run}));
        assert_eq!(row["source"]["users"].as_array().unwrap().len(), runs::SOURCE_NAMES_MAX);
        assert_eq!((&row["total"], &row["not_before"]), (&json!(100), &json!(at(99))));
    }

    #[test]
    fn unknown_run_is_not_found() {
        let company = TestCompany::new("acme").commit([requested(1, 1)]);
        assert_eq!(company.refusal("run", &json!({"run": run(2)})), "query.not_found");
    }

    fn skipped(user: &str) -> Event {
        let code = Code::RecipientAlreadyLinked;
        Event::UserSkipped { run: run(1), user: who(user), code, detail: None }
    }

    fn failed(user: &str) -> Event {
        let code = Code::RecipientUserArchived;
        Event::InviteFailed { run: run(1), user: who(user), attempt: 0, code, detail: None }
    }
}
