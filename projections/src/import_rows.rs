//! Rows of an imported file, each with its outcome and problems (query `import_rows`).

use boarding_commands::event::UndoOutcome;
use boarding_commands::values::ImportId;

use crate::csv_export::{CsvLayout, ExportColumn};
use crate::projection::load;
use crate::projector::Projector;
use crate::query::{
    Access, Newest, Param, Query, QueryError, QueryRequest, RowsAnswer, WireEnum, not_found, page,
    schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::Rows;
use crate::tables::file_rows::{
    self, FileRowProjection, FileRowShown, OutcomeFilter, PhoneFilter, RowFilter,
    UndoneRowProjection,
};
use crate::tables::{imports, recipients, runs};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<FileRowProjection>(), Projector::of::<UndoneRowProjection>()],
    queries: &[Query {
        name: "import_rows",
        access: Access::ImportOutcome,
        params: &[
            Param::id_or_latest("import", Newest::Import).required().aliases(&["import_id"]),
            Param::one_of::<OutcomeFilter>("outcome").aliases(&["bucket"]),
            Param::one_of::<PhoneFilter>("phone"),
            Param::one_of::<UndoOutcome>("undo"),
            Param::one_of::<RowFilter>("with"),
        ],
        paged: true,
        row: schema_of::<FileRowShown>,
        csv: Some(CsvLayout::report(&[
            ExportColumn { title: "Row", field: "/row" },
            ExportColumn { title: "Line", field: "/line" },
            ExportColumn { title: "Key", field: "/key" },
            ExportColumn { title: "Outcome", field: "/outcome" },
            ExportColumn { title: "Problems", field: "/problems" },
            ExportColumn { title: "Warnings", field: "/warnings" },
            ExportColumn { title: "Phone", field: "/phone" },
            ExportColumn { title: "Number", field: "/number" },
            ExportColumn { title: "Invite", field: "/invite" },
            ExportColumn { title: "Undo", field: "/undo" },
        ])),
        answer: import_rows,
    }],
};

fn import_rows(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let id: ImportId = request.required_id("import")?;
    let outcome = request.one_of::<OutcomeFilter>("outcome")?;
    let phone = request.one_of::<PhoneFilter>("phone")?;
    let undo = request.one_of::<UndoOutcome>("undo")?;
    let with = request.one_of::<RowFilter>("with")?;
    let company = request.company;
    let import = imports::find(rows, company, id)?.ok_or_else(|| not_found("import", &id))?;
    let run = import.run.map(|run| runs::find(rows, company, run)).transpose()?.flatten();
    page::<FileRowProjection, _>(request, rows, &imports::key(id), |_, row| {
        if outcome.is_some_and(|outcome| !outcome.is_of(&row))
            || phone.is_some_and(|phone| !phone.is_of(&row))
            || with.is_some_and(|with| !with.is_of(&row))
        {
            return Ok([None]);
        }
        // Reads the second table only for an import with an undo: a file may have a million rows.
        let undone = match import.undo {
            Some(_) => load::<UndoneRowProjection>(rows, company, &file_rows::key(id, row.row))?,
            None => None,
        };
        let wanted = undo.is_none_or(|undo| undone.as_ref().is_some_and(|row| row.outcome == undo));
        if !wanted {
            return Ok([None]);
        }
        let recipient = match &run {
            Some(run) => recipients::find_for_row(rows, company, run, &row)?,
            None => None,
        };
        let invite = recipient.map(|recipient| recipient.status.as_str());
        Ok([Some(row.show(invite, undone.as_ref()))])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCompany, accepted, column, created_by_row, import, row, who};
    use boarding_commands::event::{Event, PhoneOutcome, RowOutcome, RowRef};
    use boarding_commands::values::{Code, Problem};
    use serde_json::{Value, json};

    fn company() -> TestCompany {
        let with_phone = |n, phone| RowRef { phone: Some(phone), ..row(1, n) };
        let rejected = PhoneOutcome::Rejected(Code::PhoneInvalid);
        TestCompany::new("acme")
            .commit([accepted(1, 300)])
            .commit([created_by_row("Ann", Some(with_phone(1, PhoneOutcome::Added)))])
            .commit([created_by_row(
                "bob",
                Some(RowRef {
                    warnings: vec![Problem::new(Code::PhoneInvalid)],
                    ..with_phone(2, rejected)
                }),
            )])
            .commit([Event::RowUnchanged {
                user: who("cid"),
                row: with_phone(256, PhoneOutcome::AlreadyPresent),
            }])
            .commit([Event::RowRefused {
                user: None,
                row: RowRef { warnings: vec![Problem::new(Code::PhonePlusAssumed)], ..row(1, 3) },
                outcome: RowOutcome::Invalid,
                problems: vec![Problem::in_column("Email", Code::FieldInvalidEmail)],
            }])
    }

    /// LX-12: a rejected phone has a code of its own, also if the user was created.
    #[test]
    fn row_shows_the_outcome_of_user_and_phone() {
        let rows = company().query("import_rows", &json!({"import": import(1)}));
        assert_eq!(column(&rows, "row"), [1, 2, 3, 256].map(|n| json!(n)));
        assert_eq!(
            column(&rows, "phone"),
            [
                json!("added"),
                json!("rejected:phone.invalid"),
                json!(null),
                json!("already_present")
            ]
        );
        assert_eq!(column(&rows, "key"), [json!("Ann"), json!("bob"), json!(null), json!("cid")]);
        assert_eq!(
            rows[2],
            json!({"row": 3, "line": 4, "key": null, "outcome": "invalid",
                "problems": [{"column": "Email", "code": "field.invalid_email",
                    "message": Code::FieldInvalidEmail.text()}],
                "warnings": [{"column": null, "code": "phone.plus_assumed",
                    "message": Code::PhonePlusAssumed.text()}],
                "phone": null, "phone_problem": null, "number": null, "lost": 0, "invite": null, "undo": null})
        );
        assert_eq!(rows[1]["phone_problem"]["message"], Code::PhoneInvalid.text());
        assert_eq!(rows[1]["warnings"], json!([]), "a phone that was lost is not a warning too");
    }

    #[test]
    fn rows_are_filtered_by_outcome_and_unknown_import_not_found() {
        let company = company();
        let of = |outcome: &str| {
            let params = json!({"import": import(1), "outcome": outcome});
            column(&company.query("import_rows", &params), "row")
        };
        assert_eq!(of("created"), [json!(1), json!(2)]);
        assert_eq!(of("duplicate"), Vec::<Value>::new());
        assert_eq!(
            company.refusal("import_rows", &json!({"import": import(2)})),
            "query.not_found"
        );
    }

    /// P23: the row keeps its first outcome and shows the outcome of the undo beside it.
    #[test]
    fn undone_row_shows_both_outcomes() {
        let undone = |row, outcome, code| Event::RowUndone {
            import: import(1),
            row,
            user: who("ann"),
            outcome,
            code,
        };
        let company = company()
            .commit([Event::ImportUndoStarted { import: import(1) }])
            .commit([undone(1, UndoOutcome::Reversed, None)])
            .commit([undone(2, UndoOutcome::Kept, Some(Code::RowChangedSince))]);
        let all = json!({"import": import(1)});
        let shown = [json!("reversed"), json!("kept:row.changed_since"), json!(null), json!(null)];
        assert_eq!(column(&company.query("import_rows", &all), "undo"), shown);
        let kept = json!({"import": import(1), "undo": "kept"});
        assert_eq!(column(&company.query("import_rows", &kept), "row"), [json!(2)]);
        let row = company.query_row("import", &all);
        let counts = json!({"reversed": 1, "kept": 1, "errored": 0});
        assert_eq!((&row["state"], &row["undo"]), (&json!("processing"), &counts));
        let counts = boarding_commands::event::UndoCounts { reversed: 1, kept: 1, errored: 0 };
        let unsupervised = boarding_commands::event::Unsupervised::default();
        let company =
            company.commit([Event::ImportUndone { import: import(1), counts, unsupervised }]);
        let row = company.query_row("import", &all);
        assert_eq!((&row["state"], &row["created"]), (&json!("undone"), &json!(2)));
    }
}
