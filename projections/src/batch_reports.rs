//! Batch Operation Reports: a record of every finished batch, and what became of its accounts (ML-12, ML-13).

use boarding_commands::dialect;
use boarding_commands::event::{Permission, RowOutcome, Who};
use boarding_commands::values::{Code, ImportId, Personal, Time};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::ReadModel;
use crate::import_rows::{self, ImportRow, ImportRows};
use crate::imports::{self, Import, ImportOrder, ImportState};
use crate::integration_log::Status as Stands;
use crate::query::{Answer, Asked, Param, Query, QueryError, not_found, page, shape_of};
use crate::rows::{Rows, RowsError};
use crate::sheet::Column;

pub const MODEL: ReadModel = ReadModel {
    projectors: &[],
    queries: &[
        Query {
            name: "batch_operation_reports",
            permission: Some(Permission::Accounts),
            params: &[],
            paged: true,
            row: shape_of::<ReportShown>,
            columns: Some(&[
                Column { title: "Report", field: "/import" },
                Column { title: "File Name", field: "/file_name" },
                Column { title: "Total", field: "/total" },
                Column { title: "Success", field: "/success" },
                Column { title: "Failed", field: "/failed" },
                Column { title: "Requested By", field: "/requested_by" },
                Column { title: "Start Time", field: "/started_at" },
                Column { title: "End Time", field: "/ended_at" },
            ]),
            answer: reports,
        },
        Query {
            name: "batch_operation_report",
            permission: Some(Permission::Accounts),
            params: &[Param::id("import").required().or(&["import_id"])],
            paged: true,
            row: shape_of::<AccountShown>,
            columns: Some(&[
                Column { title: "Row", field: "/row" },
                Column { title: "Account", field: "/account" },
                Column { title: "Status", field: "/status" },
                Column { title: "Code", field: "/code" },
                Column { title: "Reason", field: "/reason" },
                Column { title: "Number", field: "/number" },
                Column { title: "Invitation", field: "/invitation" },
                Column { title: "Invitation Code", field: "/invitation_code" },
            ]),
            answer: report,
        },
    ],
};

/// A finished batch: the import of a file of accounts.
#[derive(Serialize, JsonSchema)]
struct ReportShown<'a> {
    import: ImportId,
    file_name: Option<&'a str>,
    total: u64,
    success: u64,
    failed: u64,
    requested_by: &'a Personal<String>,
    started_at: Time,
    ended_at: Option<Time>,
}

impl<'a> ReportShown<'a> {
    fn of(import: &'a Import) -> Self {
        let counts = import.counts;
        let failed = counts.skipped + counts.duplicate + counts.invalid;
        Self {
            import: import.import,
            file_name: import.file.as_ref().map(|file| file.name.as_str()),
            total: counts.total,
            success: counts.total.saturating_sub(failed),
            failed,
            requested_by: &import.requested_by,
            started_at: import.started_at,
            ended_at: import.ended_at,
        }
    }
}

/// What became of one account of a batch.
#[derive(Serialize, JsonSchema)]
struct AccountShown<'a> {
    row: u64,
    account: Option<&'a Who>,
    status: Status,
    /// Of the first thing that is wrong with it.
    code: Option<Code>,
    /// All that is wrong with it.
    reason: Option<String>,
    number: Option<&'static str>,
    /// How far the invitation is that the file asked for; null where it invites nobody.
    invitation: Option<Invitation>,
    /// Why there is none, or why it failed.
    invitation_code: Option<Code>,
}

/// What the product calls how far an account is.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Invitation {
    Invited,
    #[serde(rename = "invitation_failed")]
    Failed,
    NotInvited,
}

impl Invitation {
    /// How the person of the row stands in the import's own run, or why there is none.
    fn of(
        asked: &Asked<'_>,
        rows: &dyn Rows,
        import: &Import,
        row: &ImportRow,
    ) -> Result<Option<(Self, Option<Code>)>, RowsError> {
        if failed(row) {
            return Ok(None);
        }
        let Some(run) = import.run else {
            return Ok(import.not_invited.as_ref().map(|why| (Self::NotInvited, Some(why.code))));
        };
        let entry = import_rows::entry(asked, rows, run, row)?;
        Ok(Some(entry.map_or((Self::NotInvited, None), |entry| match entry.status {
            Stands::Success => (Self::Invited, None),
            Stands::Failed => (Self::Failed, entry.code),
            Stands::Skipped | Stands::Queued | Stands::Dispatching => {
                (Self::NotInvited, entry.code)
            }
        })))
    }
}

/// The product knows two.
#[derive(Serialize, JsonSchema)]
enum Status {
    Success,
    Failed,
}

impl<'a> AccountShown<'a> {
    fn of(row: &'a ImportRow, invited: Option<(Invitation, Option<Code>)>) -> Self {
        let failed = failed(row);
        let said = row.problems.iter().map(|problem| match &problem.column {
            Some(column) => format!("{column}: {}", problem.message),
            None => problem.message.clone(),
        });
        Self {
            row: row.row,
            account: row.key.as_ref(),
            status: if failed { Status::Failed } else { Status::Success },
            code: row.problems.first().map(|problem| problem.code),
            reason: failed.then(|| said.collect::<Vec<_>>().join(" ")),
            number: row.number.then_some("assigned"),
            invitation: invited.map(|(invitation, _)| invitation),
            invitation_code: invited.and_then(|(_, code)| code),
        }
    }
}

fn failed(row: &ImportRow) -> bool {
    matches!(row.outcome, RowOutcome::Skipped | RowOutcome::Duplicate | RowOutcome::Invalid)
}

fn is_finished(import: &Import) -> bool {
    let dialect = dialect::find(&import.dialect);
    dialect.is_some_and(|dialect| dialect.opens_accounts())
        && import.state != ImportState::Processing
}

fn reports(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    page::<ImportOrder, _>(asked, rows, &[], |_, id| {
        let import = imports::find(rows, asked.company, id)?.filter(is_finished);
        Ok([import.map(|import| json!(ReportShown::of(&import)))])
    })
}

fn report(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let id: ImportId = asked.required_id("import")?;
    let import = imports::find(rows, asked.company, id)?.filter(is_finished);
    let import = import.ok_or_else(|| not_found("import", &id))?;
    page::<ImportRows, _>(asked, rows, &imports::key(id), |_, row| {
        let invited = Invitation::of(asked, rows, &import, &row)?;
        Ok([Some::<Value>(json!(AccountShown::of(&row, invited)))])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::{Format, Sheet};
    use crate::testing::{
        Story, accepted, at, created_by_row, dispatched, import, import_completed, recipient,
        requested, row, run, sent, who,
    };
    use boarding_commands::event::{Counts, Event};
    use boarding_commands::values::Problem;

    fn batch(n: u128, total: u64) -> Event {
        let Event::ImportAccepted { import, files, mut options, warnings, .. } = accepted(n, total)
        else {
            panic!()
        };
        options.dialect = "multiline".to_owned();
        Event::ImportAccepted { import, files, options, total, warnings }
    }

    fn story() -> Story {
        let problems = vec![
            Problem::in_column("social_messaging", Code::FieldNotAllowed).saying("Yes, No"),
            Problem::new(Code::CsvStrayQuote),
        ];
        let refused = Event::RowRefused {
            user: Some(who("bob")),
            row: row(1, 2),
            outcome: RowOutcome::Invalid,
            problems,
        };
        let number = crate::numbers::testing::number(1);
        let assigned = Event::NumberAssigned { number, user: who("ann"), import: Some(import(1)) };
        let counts = Counts { total: 2, created: 1, invalid: 1, ..Counts::default() };
        Story::of("acme")
            .then([accepted(2, 1), batch(3, 1)])
            .then([batch(1, 2), created_by_row("ann", Some(row(1, 1))), assigned, refused])
            .then([import_completed(1, counts)])
    }

    /// ML-13: a record of every batch of accounts, once it is finished.
    #[test]
    fn ml_13_every_finished_batch_has_a_record() {
        assert_eq!(
            story().ask("batch_operation_reports", &json!({})),
            [
                json!({"import": import(1), "file_name": "people.csv", "total": 2, "success": 1, "failed": 1,
                "requested_by": "jane@acme.example", "started_at": at(1), "ended_at": at(2)})
            ]
        );
    }

    /// ML-12: what became of each account, as a file to download.
    #[test]
    fn ml_12_the_report_tells_what_became_of_each_account() {
        let rows = story().ask("batch_operation_report", &json!({"import": import(1)}));
        let sheet = Sheet::of("batch_operation_report", Format::Csv).unwrap();
        let text = String::from_utf8([sheet.header(), sheet.lines(&rows)].concat()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "Row,Account,Status,Code,Reason,Number,Invitation,Invitation Code");
        assert!(
            lines[1].starts_with("1,ann,Success,") && lines[1].ends_with(",assigned,,"),
            "{text}"
        );
        assert!(lines[2].starts_with("2,bob,Failed,field.not_allowed,"), "{text}");
        assert!(lines[2].contains("social_messaging: ") && lines[2].contains("quote"), "{text}");
        for other in [2, 3] {
            let params = json!({"import": import(other)});
            assert_eq!(story().refused("batch_operation_report", &params), "query.not_found");
        }
    }

    /// Catalogue 3.5, requirements 1.3: how far each account is by the product's own words, where the file
    /// invites; once the import's run is over, no resend changes it (ML-12).
    #[test]
    fn ml_12_the_report_tells_whether_the_accounts_were_invited() {
        let people = ["ann", "bob", "cid", "dan"];
        let rows = people.iter().zip(1..).map(|(key, n)| created_by_row(key, Some(row(1, n))));
        let bad = Event::RowRefused {
            user: None,
            row: row(1, 5),
            outcome: RowOutcome::Invalid,
            problems: vec![],
        };
        let counts = Counts { total: 5, created: 4, invalid: 1, ..Counts::default() };
        let only = Story::of("acme")
            .then([batch(1, 5)])
            .then(rows.chain([bad, import_completed(1, counts)]));
        let told = |story: &Story| {
            let rows = story.ask("batch_operation_report", &json!({"import": import(1)}));
            let of = |row: &Value| (row["invitation"].clone(), row["invitation_code"].clone());
            rows.iter().map(of).collect::<Vec<_>>()
        };
        let null = || (Value::Null, Value::Null);
        assert_eq!(told(&only), [null(), null(), null(), null(), null()]);
        let refused = Problem::new(Code::RunEmptySelection);
        let refused = Event::ImportInvitesRefused { import: import(1), problem: refused };
        let none = (json!("not_invited"), json!("run.empty_selection"));
        let expected = [none.clone(), none.clone(), none.clone(), none, null()];
        assert_eq!(told(&only.clone().then([refused])), expected);

        let failed = |n, code| Event::InviteFailed {
            run: run(n),
            user: who("bob"),
            attempt: 1,
            code,
            detail: None,
        };
        let skipped = Event::UserSkipped {
            run: run(1),
            user: who("cid"),
            code: Code::RecipientAlreadyLinked,
            detail: None,
        };
        let story = only.then([requested(1, 3), recipient(1, "ann"), recipient(1, "bob")]).then([
            recipient(1, "cid"),
            dispatched(1, "ann", 1, 1),
            sent(1, "ann", 1),
            failed(1, Code::NumberNoneAvailable),
            skipped,
        ]);
        let expected = [
            (json!("invited"), Value::Null),
            (json!("invitation_failed"), json!("number.none_available")),
            (json!("not_invited"), json!("recipient.already_linked")),
            (json!("not_invited"), Value::Null),
            null(),
        ];
        assert_eq!(told(&story), expected);
        let again = [requested(2, 1), recipient(2, "bob"), dispatched(2, "bob", 1, 1)];
        assert_eq!(told(&story.then(again).then([sent(2, "bob", 1)])), expected);
    }
}
