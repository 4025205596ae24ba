//! Progress of an import: rows with an outcome, of all rows (query `import_progress`).

use boarding_commands::values::{ImportId, Time};
use schemars::JsonSchema;
use serde::Serialize;

use crate::query::{
    Access, AnswerRow, Newest, Param, Query, QueryError, QueryRequest, RowsAnswer, WireName,
    not_found, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::Rows;
use crate::tables::imports::{self, ImportRow, ImportStatus};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[],
    queries: &[Query {
        name: "import_progress",
        access: Access::ImportFile,
        params: &[Param::id_or_latest("import", Newest::Import).required().aliases(&["import_id"])],
        paged: false,
        row: schema_of::<ImportProgressShown>,
        csv: None,
        answer: import_progress,
    }],
};

/// The progress of an import. `processed` never falls and equals `total` at the end.
#[derive(Serialize, JsonSchema)]
struct ImportProgressShown<'a> {
    import: ImportId,
    dialect: &'a str,
    state: WireName<ImportStatus>,
    /// Rows that have an outcome.
    processed: u64,
    /// All rows with data. Known from the start.
    total: u64,
    /// Rounded down: 100 means that all rows have an outcome.
    percent: u64,
    /// The processed rows that are invalid.
    invalid: u64,
    started_at: Time,
    ended_at: Option<Time>,
}

impl<'a> ImportProgressShown<'a> {
    fn of(import: &'a ImportRow) -> Self {
        let (processed, total) = (import.counts.done(), import.counts.total);
        Self {
            import: import.import,
            dialect: &import.dialect,
            state: WireName(import.state),
            processed,
            total,
            percent: processed.saturating_mul(100).checked_div(total).unwrap_or(100),
            invalid: import.counts.invalid,
            started_at: import.started_at,
            ended_at: import.ended_at,
        }
    }
}

fn import_progress(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let id: ImportId = request.required_id("import")?;
    let import = imports::find(rows, request.company, id)?;
    let import = import.ok_or_else(|| not_found("import", &id))?;
    Ok(RowsAnswer::Row(AnswerRow::of(&ImportProgressShown::of(&import))))
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        TestCompany, accepted, at, created_by_row, import, import_completed, row,
    };
    use boarding_commands::event::{Counts, Event, RowOutcome};
    use serde_json::{Value, json};

    fn progress(company: &TestCompany) -> Value {
        company.query_row("import_progress", &json!({"import": import(1)}))
    }

    /// ML-11: accepted and refused rows count; the total is known from the start.
    #[test]
    fn progress_rises_with_every_row_and_never_falls() {
        let refused = Event::RowRefused {
            user: None,
            row: row(1, 2),
            outcome: RowOutcome::Invalid,
            problems: vec![],
        };
        let mut company = TestCompany::new("acme").commit([accepted(1, 3)]);
        let mut seen = vec![progress(&company)];
        for event in [
            created_by_row("ann", Some(row(1, 1))),
            refused,
            created_by_row("bob", Some(row(1, 3))),
            import_completed(1, Counts { total: 3, created: 2, invalid: 1, ..Counts::default() }),
            Event::ImportUndoStarted { import: import(1) },
        ] {
            company = company.commit([event]);
            seen.push(progress(&company));
        }
        let of =
            |name: &str| seen.iter().map(|row| row[name].as_u64().unwrap()).collect::<Vec<_>>();
        assert_eq!(of("processed"), [0, 1, 2, 3, 3, 3]);
        assert_eq!(of("total"), [3; 6]);
        assert_eq!(of("percent"), [0, 33, 66, 100, 100, 100]);
        assert_eq!(of("invalid"), [0, 0, 1, 1, 1, 1]);
        assert_eq!(
            (&seen[3]["state"], &seen[4]["state"]),
            (&json!("processing"), &json!("completed"))
        );
        assert_eq!((&seen[3]["ended_at"], &seen[4]["ended_at"]), (&json!(null), &json!(at(4))));
    }

    #[test]
    fn progress_of_unknown_import_is_not_found() {
        let company = TestCompany::new("acme").commit([accepted(1, 3)]);
        let params = json!({"import": import(9)});
        assert_eq!(company.refusal("import_progress", &params), "query.not_found");
    }
}
