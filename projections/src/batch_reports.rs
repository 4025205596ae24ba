//! Batch operation reports: finished imports of accounts, and the outcome of each account.

use boarding_commands::dialect;
use boarding_commands::event::{Permission, RowOutcome, Who};
use boarding_commands::values::{Code, CompanyId, ImportId, Personal, Phone, Time};
use schemars::JsonSchema;
use serde::Serialize;

use crate::csv_export::{CsvLayout, ExportColumn};
use crate::query::{
    Access, AnswerRow, Newest, Param, Query, QueryError, QueryRequest, RowsAnswer, WireName,
    not_found, page, schema_of, wire_enum,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, RowsError};
use crate::tables::file_rows::{FileRow, FileRowProjection};
use crate::tables::imports::{self, ImportOrderProjection, ImportRow, ImportStatus};
use crate::tables::recipients::{self, RecipientStatus};
use crate::tables::runs::{self, RunRow};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[],
    queries: &[
        Query {
            name: "batch_operation_reports",
            access: Access::Permission(Permission::Accounts),
            params: &[
                Param::text("organization").aliases(&["org_unit"]),
                Param::text("permission_group").aliases(&["group"]),
            ],
            paged: true,
            row: schema_of::<ReportShown>,
            csv: Some(CsvLayout::report(&[
                ExportColumn { title: "Report", field: "/import" },
                ExportColumn { title: "File Name", field: "/file_name" },
                ExportColumn { title: "Total", field: "/total" },
                ExportColumn { title: "Success", field: "/success" },
                ExportColumn { title: "Failed", field: "/failed" },
                ExportColumn { title: "Invited", field: "/invited" },
                ExportColumn { title: "Not Invited", field: "/not_invited" },
                ExportColumn { title: "Organization", field: "/organization" },
                ExportColumn { title: "Permission Group", field: "/permission_group" },
                ExportColumn { title: "Requested By", field: "/requested_by" },
                ExportColumn { title: "Start Time", field: "/started_at" },
                ExportColumn { title: "End Time", field: "/ended_at" },
                ExportColumn { title: "Invitation Failed", field: "/invitation_failed" },
            ])),
            answer: reports,
        },
        Query {
            name: "batch_operation_report",
            access: Access::Permission(Permission::Accounts),
            params: &[
                Param::id_or_latest("import", Newest::Report).required().aliases(&["import_id"]),
                Param::one_of::<AccountInvitation>("invitation"),
            ],
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
                ExportColumn { title: "Invitation Reason", field: "/invitation_reason" },
                ExportColumn { title: "Name", field: "/name" },
                ExportColumn { title: "Organization", field: "/organization" },
                ExportColumn { title: "Permission Group", field: "/permission_group" },
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
    /// The accounts whose invitation was sent by the import's run; null if the import sends no invitations.
    invited: Option<u64>,
    /// The accounts of the file that the run has not invited, or not yet, and whose invitation did not fail; null if the
    /// import sends none.
    not_invited: Option<u64>,
    /// The accounts whose invitation failed or may have failed; null if the import sends none.
    invitation_failed: Option<u64>,
    organization: Option<&'a str>,
    permission_group: Option<&'a str>,
    requested_by: &'a Personal<String>,
    started_at: Time,
    ended_at: Option<Time>,
}

impl<'a> ReportShown<'a> {
    /// `sent` has the numbers of invitations that the import's run has sent, and that failed.
    fn of(import: &'a ImportRow, sent: Option<(u64, u64)>) -> Self {
        let counts = import.counts;
        let failed = counts.skipped + counts.duplicate + counts.invalid;
        let success = counts.total.saturating_sub(failed);
        Self {
            import: import.import,
            file_name: import.file.as_ref().map(|file| file.name.as_str()),
            total: counts.total,
            success,
            failed,
            invited: sent.map(|(invited, _)| invited),
            not_invited: sent.map(|(invited, failed)| {
                (success + import.existing).saturating_sub(invited + failed)
            }),
            invitation_failed: sent.map(|(_, failed)| failed),
            organization: import.organization.as_deref(),
            permission_group: import.permission_group.as_deref(),
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
    /// The number that the file gave the account.
    number: Option<Personal<Phone>>,
    /// The account's invitation; null if the import sends no invitations, or the row failed and names no account that
    /// existed.
    invitation: Option<WireName<AccountInvitation>>,
    /// Why the account was not invited, or why the invitation failed.
    invitation_code: Option<Code>,
    /// The code in words, with what is known besides.
    invitation_reason: Option<String>,
    name: Option<Personal<String>>,
    organization: Option<String>,
    permission_group: Option<String>,
}

wire_enum! {
    /// The product's word for the invitation of an account.
    AccountInvitation {
        Invited "invited"
        Failed "invitation_failed"
        NotInvited "not_invited"
    }
}

/// What the run of an import did for an account, and why it was not invited.
#[derive(Debug)]
struct Invited {
    invitation: AccountInvitation,
    code: Option<Code>,
    reason: Option<String>,
}

impl Invited {
    /// The invitation of a row's account in `run`, the run of the import.
    ///
    /// None if the row has failed or the import sends no invitations.
    fn load(
        rows: &dyn Rows,
        company: &CompanyId,
        import: &ImportRow,
        run: Option<&RunRow>,
        row: &FileRow,
    ) -> Result<Option<Self>, RowsError> {
        use AccountInvitation as A;
        if failed(row) {
            let is_asked = run.is_some() || import.not_invited.is_some();
            let existing = row.problems.iter().find(|one| one.code == Code::RowUserExists);
            return Ok(existing.filter(|_| is_asked).map(|problem| Self {
                invitation: A::NotInvited,
                code: Some(problem.code),
                reason: Some(problem.message.clone()),
            }));
        }
        let Some(run) = run else {
            let refused = import.not_invited.as_ref();
            return Ok(refused.map(|problem| Self {
                invitation: A::NotInvited,
                code: Some(problem.code),
                reason: Some(problem.message.clone()),
            }));
        };
        let Some(recipient) = recipients::find_for_row(rows, company, run, row)? else {
            return Ok(Some(Self { invitation: A::NotInvited, code: None, reason: None }));
        };
        let (invitation, code) = match recipient.status {
            RecipientStatus::Success => (A::Invited, None),
            RecipientStatus::Failed => (A::Failed, recipient.code),
            RecipientStatus::Skipped
            | RecipientStatus::Queued
            | RecipientStatus::Dispatching
            | RecipientStatus::Withdrawn => (A::NotInvited, recipient.code),
        };
        Ok(Some(Self { invitation, code, reason: recipient.reason() }))
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
    fn load(
        rows: &dyn Rows,
        company: &CompanyId,
        import: &'a ImportRow,
        run: Option<&RunRow>,
        row: &'a FileRow,
    ) -> Result<Self, RowsError> {
        let failed = failed(row);
        let invited = Invited::load(rows, company, import, run, row)?;
        let problems = row.problems.iter().map(|problem| match &problem.column {
            Some(column) => format!("{column}: {}", problem.message),
            None => problem.message.clone(),
        });
        Ok(Self {
            row: row.row,
            account: row.key.as_ref(),
            status: if failed { BatchStatus::Failed } else { BatchStatus::Success },
            code: row.problems.first().map(|problem| problem.code),
            reason: failed.then(|| problems.collect::<Vec<_>>().join(" ")),
            number: row.account.as_ref().and_then(|account| account.number.clone()),
            invitation: invited.as_ref().map(|invited| WireName(invited.invitation)),
            invitation_code: invited.as_ref().and_then(|invited| invited.code),
            invitation_reason: invited.and_then(|invited| invited.reason),
            name: row.account.as_ref().map(|account| account.name.clone()),
            organization: import.organization.clone().filter(|_| !failed),
            permission_group: import.permission_group.clone().filter(|_| !failed),
        })
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
    let organization = request.name("organization")?;
    let group = request.name("permission_group")?;
    page::<ImportOrderProjection, _>(request, rows, &[], |_, id| {
        let wanted = |import: &ImportRow| {
            is_finished(import)
                && organization
                    .as_ref()
                    .is_none_or(|name| import.organization.as_ref() == Some(name))
                && group.as_ref().is_none_or(|name| import.permission_group.as_ref() == Some(name))
        };
        let Some(import) = imports::find(rows, request.company, id)?.filter(wanted) else {
            return Ok([None]);
        };
        let sent = match import.run {
            Some(run) => {
                let run = runs::find(rows, request.company, run)?;
                run.map(|run| (run.passed, run.failed))
            }
            None => import.not_invited.as_ref().map(|_| (0, 0)),
        };
        Ok([Some(AnswerRow::of(&ReportShown::of(&import, sent)))])
    })
}

fn report(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let id: ImportId = request.required_id("import")?;
    let invitation = request.one_of::<AccountInvitation>("invitation")?;
    let import = imports::find(rows, request.company, id)?.filter(is_finished);
    let import = import.ok_or_else(|| not_found("import", &id))?;
    let run = import.run.map(|run| runs::find(rows, request.company, run)).transpose()?.flatten();
    page::<FileRowProjection, _>(request, rows, &imports::key(id), |_, row| {
        let shown = AccountShown::load(rows, request.company, &import, run.as_ref(), &row)?;
        let wanted = invitation
            .is_none_or(|one| shown.invitation.is_some_and(|invitation| invitation.0 == one));
        Ok([wanted.then(|| AnswerRow::of(&shown))])
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::csv_export::CsvFormat;
    use crate::testing::{
        TestCompany, accepted, at, column, created_by_row, csv_export, dispatched, import,
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
        let opened = Event::AccountOpened { user: who("ann"), import: Some(import(1)) };
        let assigned = Event::NumberAssigned { number, user: who("ann"), import: Some(import(1)) };
        let counts = Counts { total: 2, created: 1, invalid: 1, ..Counts::default() };
        TestCompany::new("acme")
            .commit([accepted(2, 1), batch(3, 1)])
            .commit([
                batch(1, 2),
                created_by_row("ann", Some(row(1, 1))),
                opened,
                assigned,
                refused,
            ])
            .commit([import_completed(1, counts)])
    }

    /// ML-13.
    #[test]
    fn every_finished_batch_of_accounts_is_listed() {
        assert_eq!(
            company().query("batch_operation_reports", &json!({})),
            [
                json!({"import": import(1), "file_name": "people.csv", "total": 2, "success": 1, "failed": 1,
                "invited": null, "not_invited": null, "invitation_failed": null, "organization": null, "permission_group": null,
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
        let header = "Row,Account,Status,Code,Reason,Number,Invitation,Invitation Code,Invitation Reason,Name,\
            Organization,Permission Group";
        assert_eq!(lines[0], header);
        assert!(
            lines[1].starts_with("1,ann,Success,") && lines[1].ends_with(",ANN Hudson,,"),
            "{text}"
        );
        assert!(lines[1].contains(",+12125550001,"), "{text}");
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
        let (row, outcome) = (row(1, 5), RowOutcome::Invalid);
        let bad = Event::RowRefused { user: None, row, outcome, problems: vec![] };
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
        let company = only
            .clone()
            .commit([requested(1, 3), recipient(1, "ann"), recipient(1, "bob")])
            .commit([
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
        let list = company.query("batch_operation_reports", &json!({}));
        let counts = ["invited", "not_invited", "invitation_failed"].map(|name| &list[0][name]);
        assert_eq!(counts, [&json!(1), &json!(2), &json!(1)]);
        let params = json!({"import": import(1), "invitation": "invitation_failed"});
        let failed = company.query("batch_operation_report", &params);
        assert_eq!(column(&failed, "account"), [json!("bob")]);
        let withdrawn = Event::RunWithdrawn { run: run(1) };
        let scheduled = only.commit([requested(1, 1), recipient(1, "ann")]).commit([withdrawn]);
        let rows = scheduled.query("batch_operation_report", &json!({"import": import(1)}));
        assert_eq!(rows[0]["invitation"], "not_invited");
        assert!(rows[0]["invitation_reason"].as_str().is_some_and(|why| why.contains("withdrawn")));
        let rows = scheduled.query("import_rows", &json!({"import": import(1)}));
        assert_eq!(rows[0]["invite"], "withdrawn");
        assert!(failed[0]["invitation_reason"].as_str().is_some_and(|why| why.contains("number")));
        let again = [requested(2, 1), recipient(2, "bob"), dispatched(2, "bob", 1, 1)];
        assert_eq!(invitations(&company.commit(again).commit([sent(2, "bob", 1)])), expected);
    }
}
