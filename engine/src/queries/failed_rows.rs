//! `failed_rows`: the refused rows in the file's own columns, with what was wrong; to mend and import again.

use std::collections::BTreeMap;
use std::io::BufReader;

use boarding_commands::code::{Code, Refusal};
use boarding_commands::csv_file::{self, FileError, Limits};
use boarding_commands::dialect;
use boarding_commands::id::{CompanyId, ImportId};
use boarding_projections::query::{self, Answer};
use boarding_projections::rows::Rows;
use serde_json::{Value, json};

use super::{NoAnswer, unavailable};
use crate::core::Core;
use crate::work::portions::reading_options;

/// The columns that are added; an import ignores columns that begin with `_`.
const ADDED: [&str; 4] = ["_row", "_column", "_code", "_reason"];

/// Outcomes that say a row was refused.
const REFUSED: [&str; 3] = ["invalid", "duplicate", "skipped"];

impl Core {
    pub(super) fn failed_rows(
        &self,
        company: &CompanyId,
        rows: &dyn Rows,
        params: &Value,
    ) -> Result<Vec<u8>, NoAnswer> {
        let malformed =
            || Refusal::new(Code::QueryMalformed).saying("import: expected an import's id");
        let id: ImportId = params
            .get("import")
            .and_then(Value::as_str)
            .and_then(|id| id.parse().ok())
            .ok_or_else(malformed)?;
        let refused = refused_rows(company, rows, id)?;
        let options = self.options_of(company, id)?;
        let dialect = dialect::find(&options.1.dialect)
            .ok_or(Code::ImportUnknownDialect)
            .map_err(Refusal::from)?;
        let file = self.files.open(&options.0).map_err(|error| unavailable(&error))?;
        let parsed = csv_file::rows(
            BufReader::new(file),
            dialect,
            &reading_options(&options.1),
            &Limits::default(),
        );
        let parsed = parsed.map_err(unreadable)?;
        let mut out = csv::WriterBuilder::new()
            .flexible(true)
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        let header: Vec<String> = parsed.header().to_vec();
        let width = header.len();
        let written = |error: csv::Error| unavailable(&error);
        out.write_record(header.iter().map(String::as_str).chain(ADDED)).map_err(written)?;
        for row in parsed {
            let row = row.map_err(unreadable)?;
            let Some(why) = refused.get(&row.row) else { continue };
            let mut cells = row.cells;
            cells.resize(width, String::new());
            let added =
                [row.row.to_string(), why.columns.clone(), why.codes.clone(), why.reasons.clone()];
            out.write_record(cells.into_iter().chain(added)).map_err(written)?;
        }
        out.into_inner().map_err(|error| unavailable(&error))
    }

    /// The file's digest and how it was read, from the import's first event.
    fn options_of(
        &self,
        company: &CompanyId,
        id: ImportId,
    ) -> Result<(String, boarding_commands::event::ImportOptions), NoAnswer> {
        let entity = boarding_projections::history::Entity::Import(id);
        let view = self.projections.view();
        let places = boarding_projections::history::places(&view, company, &entity);
        let first = places.map_err(|error| unavailable(&error))?.into_iter().next();
        let mut found = None;
        if let Some(versions) = first {
            let mut look = |fact: &boarding_commands::commit::Fact<'_>| match fact.event {
                boarding_commands::event::Event::ImportAccepted {
                    import, files, options, ..
                } if *import == id => {
                    found = files.first().map(|file| (file.sha256.clone(), options.clone()));
                    false
                }
                _ => true,
            };
            self.read_versions(company, versions, &mut look)
                .map_err(|error| unavailable(&error))?;
        }
        found.ok_or_else(|| Refusal::new(Code::ImportNotFound).into())
    }
}

/// Why a row was refused, each part joined by `; `.
struct Why {
    columns: String,
    codes: String,
    reasons: String,
}

fn refused_rows(
    company: &CompanyId,
    rows: &dyn Rows,
    id: ImportId,
) -> Result<BTreeMap<u64, Why>, NoAnswer> {
    let mut refused = BTreeMap::new();
    for outcome in REFUSED {
        let mut cursor = Value::Null;
        loop {
            let params = json!({"import": id, "outcome": outcome, "limit": query::MAX_LIMIT_ROWS, "cursor": cursor});
            let Answer::Rows { rows, next } = query::query("import_rows", company, &params, rows)?
            else {
                break;
            };
            refused
                .extend(rows.iter().filter_map(|row| Some((row.get("row")?.as_u64()?, why(row)))));
            let Some(next) = next else { break };
            cursor = json!(next);
        }
    }
    Ok(refused)
}

fn why(row: &Value) -> Why {
    let part = |name: &str| {
        let problems = row.get("problems").and_then(Value::as_array).into_iter().flatten();
        let parts: Vec<_> = problems.filter_map(|problem| problem.get(name)?.as_str()).collect();
        parts.join("; ")
    };
    Why { columns: part("column"), codes: part("code"), reasons: part("message") }
}

fn unreadable(error: FileError) -> NoAnswer {
    match error {
        FileError::Refused(refusal) => refusal.into(),
        FileError::Io(error) => unavailable(&error),
    }
}
