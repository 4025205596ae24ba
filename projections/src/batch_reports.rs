//! Batch operation reports: finished imports of accounts, and the outcome of each account.

use boarding_commands::dialect;
use boarding_commands::event::{Permission, RowOutcome, Who};
use boarding_commands::values::{Code, CompanyId, ImportId, Personal, Time};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::csv_export::{CsvLayout, ExportColumn};
use crate::query::{
    Access, Param, Query, QueryError, QueryRequest, RowsAnswer, not_found, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, RowsError};
use crate::tables::file_rows::{FileRow, FileRowProjection};
use crate::tables::imports::{self, ImportOrderProjection, ImportRow, ImportStatus};
use crate::tables::recipients::{self, RecipientStatus};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[],
    queries: &[
        Query {
            name: "batch_operation_reports",
            access: Access::Permission(Permission::Accounts),
            params: &[],
            paged: true,
            row: schema_of::<ReportShown>,
            csv: Some(CsvLayout::report(&[
                ExportColumn { title: "Report", field: "/import" },
                ExportColumn { title: "File Name", field: "/file_name" },
                ExportColumn { title: "Total", field: "/total" },
                ExportColumn { title: "Success", field: "/success" },
                ExportColumn { title: "Failed", field: "/failed" },
                ExportColumn { title: "Requested By", field: "/requested_by" },
                ExportColumn { title: "Start Time", field: "/started_at" },
                ExportColumn { title: "End Time", field: "/ended_at" },
            ])),
            answer: reports,
        },
        Query {
            name: "batch_operation_report",
            access: Access::Permission(Permission::Accounts),
            params: &[Param::id("import").required().aliases(&["import_id"])],
            paged: true,
            row: schema_of::<AccountShown>,
            csv: Some(CsvLayout::report(&[
                ExportColumn { title: "Row", field: "/row" },
                ExportColumn { title: "Account", field: "/account" },
                ExportColumn { title: "Status", field: "/status" },
                ExportColumn { title: "Code", field: "/code" },
                ExportColumn { title: "Reason", field: "/reason" },
                ExportColumn { title: "Number", field: "/number" },
                ExportColumn { title: "Invitation", field: "/invitation" },
                ExportColumn { title: "Invitation Code", field: "/invitation_code" },
            ])),
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
    fn of(import: &'a ImportRow) -> Self {
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

/// An account of a batch, with its outcome.
#[derive(Serialize, JsonSchema)]
struct AccountShown<'a> {
    row: u64,
    account: Option<&'a Who>,
    status: BatchStatus,
    /// The code of the first problem.
    code: Option<Code>,
    /// All problems as one text.
    reason: Option<String>,
    number: Option<&'static str>,
    /// The account's invitation; null if the import sends no invitations or the row failed.
    invitation: Option<AccountInvitation>,
    /// Why the account was not invited, or why the invitation failed.
    invitation_code: Option<Code>,
}

/// The product's word for the invitation of an account.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Invitation")]
enum AccountInvitation {
    Invited,
    #[serde(rename = "invitation_failed")]
    Failed,
    NotInvited,
}

impl AccountInvitation {
    /// The invitation of a row's account in the run of the import, and the code of its failure.
    ///
    /// None if the row has failed or the import sends no invitations.
    fn load(
        rows: &dyn Rows,
        company: &CompanyId,
        import: &ImportRow,
        row: &FileRow,
    ) -> Result<Option<(Self, Option<Code>)>, RowsError> {
        if failed(row) {
            return Ok(None);
        }
        let Some(run) = import.run else {
            let refused = import.not_invited.as_ref();
            return Ok(refused.map(|problem| (Self::NotInvited, Some(problem.code))));
        };
        let recipient = recipients::find_for_row(rows, company, run, row)?;
        Ok(Some(recipient.map_or((Self::NotInvited, None), |recipient| match recipient.status {
            RecipientStatus::Success => (Self::Invited, None),
            RecipientStatus::Failed => (Self::Failed, recipient.code),
            RecipientStatus::Skipped
            | RecipientStatus::Queued
            | RecipientStatus::Dispatching
            | RecipientStatus::Withdrawn => (Self::NotInvited, recipient.code),
        })))
    }
}

/// The product's two outcomes of an account.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Status")]
enum BatchStatus {
    Success,
    Failed,
}

impl<'a> AccountShown<'a> {
    fn of(row: &'a FileRow, invited: Option<(AccountInvitation, Option<Code>)>) -> Self {
        let failed = failed(row);
        let problems = row.problems.iter().map(|problem| match &problem.column {
            Some(column) => format!("{column}: {}", problem.message),
            None => problem.message.clone(),
        });
        Self {
            row: row.row,
            account: row.key.as_ref(),
            status: if failed { BatchStatus::Failed } else { BatchStatus::Success },
            code: row.problems.first().map(|problem| problem.code),
            reason: failed.then(|| problems.collect::<Vec<_>>().join(" ")),
            number: row.number.then_some("assigned"),
            invitation: invited.map(|(invitation, _)| invitation),
            invitation_code: invited.and_then(|(_, code)| code),
        }
    }
}

fn failed(row: &FileRow) -> bool {
    matches!(row.outcome, RowOutcome::Skipped | RowOutcome::Duplicate | RowOutcome::Invalid)
}

fn is_finished(import: &ImportRow) -> bool {
    let dialect = dialect::find(&import.dialect);
    dialect.is_some_and(|dialect| dialect.opens_accounts())
        && import.state != ImportStatus::Processing
}

fn reports(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    page::<ImportOrderProjection, _>(request, rows, &[], |_, id| {
        let import = imports::find(rows, request.company, id)?.filter(is_finished);
        Ok([import.map(|import| json!(ReportShown::of(&import)))])
    })
}

fn report(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let id: ImportId = request.required_id("import")?;
    let import = imports::find(rows, request.company, id)?.filter(is_finished);
    let import = import.ok_or_else(|| not_found("import", &id))?;
    page::<FileRowProjection, _>(request, rows, &imports::key(id), |_, row| {
        let invited = AccountInvitation::load(rows, request.company, &import, &row)?;
        Ok([Some::<Value>(json!(AccountShown::of(&row, invited)))])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv_export::CsvFormat;
    use crate::testing::{
        TestCompany, accepted, at, created_by_row, csv_export, dispatched, import,
        import_completed, number, recipient, requested, row, run, sent, who,
    };
    use boarding_commands::event::{Counts, Event};
    use boarding_commands::values::Problem;

    fn batch(n: u128, total: u64) -> Event {
        let mut event = accepted(n, total);
        if let Event::ImportAccepted { options, .. } = &mut event {
            options.dialect = "multiline".to_owned();
        }
        event
    }

    fn company() -> TestCompany {
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
        let number = number(1);
        let assigned = Event::NumberAssigned { number, user: who("ann"), import: Some(import(1)) };
        let counts = Counts { total: 2, created: 1, invalid: 1, ..Counts::default() };
        TestCompany::new("acme")
            .commit([accepted(2, 1), batch(3, 1)])
            .commit([batch(1, 2), created_by_row("ann", Some(row(1, 1))), assigned, refused])
            .commit([import_completed(1, counts)])
    }

    /// ML-13.
    #[test]
    fn every_finished_batch_of_accounts_is_listed() {
        assert_eq!(
            company().query("batch_operation_reports", &json!({})),
            [
                json!({"import": import(1), "file_name": "people.csv", "total": 2, "success": 1, "failed": 1,
                "requested_by": "jane@acme.example", "started_at": at(1), "ended_at": at(2)})
            ]
        );
    }

    /// ML-12: the report can be downloaded as CSV.
    #[test]
    fn report_shows_the_outcome_of_each_account() {
        let rows = company().query("batch_operation_report", &json!({"import": import(1)}));
        let export = csv_export("batch_operation_report", CsvFormat::Csv);
        let text = String::from_utf8([export.header(), export.lines(&rows)].concat()).unwrap();
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
            assert_eq!(company().refusal("batch_operation_report", &params), "query.not_found");
        }
    }

    /// ML-12: the product's own words; a resend after the run of the import
    /// does not change the report.
    #[test]
    fn report_shows_whether_each_account_was_invited() {
        let people = ["ann", "bob", "cid", "dan"];
        let rows = people.iter().zip(1..).map(|(key, n)| created_by_row(key, Some(row(1, n))));
        let bad = Event::RowRefused {
            user: None,
            row: row(1, 5),
            outcome: RowOutcome::Invalid,
            problems: vec![],
        };
        let counts = Counts { total: 5, created: 4, invalid: 1, ..Counts::default() };
        let only = TestCompany::new("acme")
            .commit([batch(1, 5)])
            .commit(rows.chain([bad, import_completed(1, counts)]));
        let invitations = |company: &TestCompany| {
            let rows = company.query("batch_operation_report", &json!({"import": import(1)}));
            let of = |row: &Value| (row["invitation"].clone(), row["invitation_code"].clone());
            rows.iter().map(of).collect::<Vec<_>>()
        };
        let null = || (Value::Null, Value::Null);
        assert_eq!(invitations(&only), [null(), null(), null(), null(), null()]);
        let refused = Problem::new(Code::RunEmptySelection);
        let refused = Event::ImportInvitesRefused { import: import(1), problem: refused };
        let none = (json!("not_invited"), json!("run.empty_selection"));
        let expected = [none.clone(), none.clone(), none.clone(), none, null()];
        assert_eq!(invitations(&only.clone().commit([refused])), expected);

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
        let company =
            only.commit([requested(1, 3), recipient(1, "ann"), recipient(1, "bob")]).commit([
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
        assert_eq!(invitations(&company), expected);
        let again = [requested(2, 1), recipient(2, "bob"), dispatched(2, "bob", 1, 1)];
        assert_eq!(invitations(&company.commit(again).commit([sent(2, "bob", 1)])), expected);
    }
}
