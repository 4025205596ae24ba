//! The query `failed_rows`: a CSV file of the refused rows, to correct and import again.

use std::collections::BTreeMap;
use std::io::BufReader;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::dialect;
use boarding_commands::event::ImportOptions;
use boarding_commands::user_file::{self, FileError, ParsedRow};
use boarding_commands::values::{Code, CompanyId, ImportId, Refusal};
use boarding_csv::{Limits, guarded};
use boarding_projections::csv_export::{CsvFormat, csv_line};
use boarding_projections::query::{self, Access, AnswerRow, Newest, Param, RowsAnswer};
use boarding_projections::rows::Rows;
use serde_json::{Value, json};

use super::engine_query::{EngineQuery, EngineQueryRequest};
use super::failure::{QueryAnswer, QueryFailure, malformed, unavailable};
use super::log_events::read_versions;
use super::query_schema::{QuerySchema, ResponseKind};
use crate::context::EngineContext;
use crate::import_portions::reading_options;

/// The added columns. An import ignores columns that begin with `_`.
const ADDED: [&str; 4] = ["_row", "_column", "_code", "_reason"];

/// The outcomes of refused rows.
const REFUSED: [&str; 3] = ["invalid", "duplicate", "skipped"];

pub(super) const QUERY: EngineQuery = EngineQuery {
    schema: QuerySchema {
        name: "failed_rows",
        params: &[Param::id_or_latest("import", Newest::Import).required().aliases(&["import_id"])],
        one_of: &[],
        paged: false,
        has_csv: true,
        response: ResponseKind::Csv,
    },
    access: |_| Ok(Access::ImportOutcome),
    answer: failed_rows,
};

fn failed_rows(request: &EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure> {
    let EngineQueryRequest { context, company, params, rows, format, .. } = *request;
    let id: ImportId = params
        .get("import")
        .and_then(Value::as_str)
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| malformed("import", "expected an import's id"))?;
    let mut refused = refused_rows(company, rows, id)?;
    let (sha256, options) = file_and_options(context, company, id)?;
    let dialect =
        dialect::find(&options.dialect).ok_or(Code::ImportUnknownDialect).map_err(Refusal::from)?;
    let lost = |why| QueryFailure::Failed { code: Code::ImportFileLost, why };
    let file = context.files.open_whole(&sha256).map_err(lost)?;
    let parsed = user_file::rows(
        BufReader::new(file),
        dialect,
        &reading_options(&options),
        &Limits::default(),
    );
    let parsed = parsed.map_err(unreadable)?;
    for problems in refused.values_mut() {
        // The columns have the names of the file, because its author may not know those of the dialect.
        let columns = problems.columns.split("; ");
        let own = columns.map(|column| parsed.own_name(column).unwrap_or(column));
        problems.columns = own.collect::<Vec<_>>().join("; ");
    }
    let for_spreadsheet = format == Some(CsvFormat::Spreadsheet);
    let mut correction = CorrectionFile::of(parsed.header(), &options, for_spreadsheet);
    for row in parsed {
        let row = row.map_err(unreadable)?;
        if let Some(problems) = refused.get(&row.row) {
            correction.add(&row, problems);
        }
    }
    Ok(QueryAnswer::Csv(correction.finish()))
}

/// The digest and the read options of the file, from the first event of the import.
fn file_and_options(
    context: &EngineContext,
    company: &CompanyId,
    id: ImportId,
) -> Result<(String, ImportOptions), QueryFailure> {
    let entity = boarding_projections::history::Entity::Import(id);
    let view = context.read_models.view();
    let ranges = boarding_projections::history::versions(&view, company, &entity);
    let first = ranges.map_err(|error| unavailable(&error))?.into_iter().next();
    let mut found = None;
    if let Some(versions) = first {
        // Returns whether to read on.
        let mut find = |recorded: &RecordedEvent<'_>| match recorded.event {
            boarding_commands::event::Event::ImportAccepted { import, files, options, .. }
                if *import == id =>
            {
                found = files.first().map(|file| (file.sha256.clone(), options.clone()));
                false
            }
            _ => true,
        };
        read_versions(&*context.log, company, versions, &mut find)
            .map_err(|error| unavailable(&error))?;
    }
    found.ok_or_else(|| Refusal::new(Code::ImportNotFound).into())
}

/// The file to correct. It can be imported with the same options as the original file.
struct CorrectionFile {
    text: Vec<u8>,
    /// The indexes of the original columns, without those that an earlier export added.
    own: Vec<usize>,
    /// The number of columns of the file.
    width: usize,
    delimiter: char,
    /// Whether the file was read as UTF-8.
    is_utf8: bool,
    /// Whether cells that look like formulas are guarded. An import removes the guard.
    for_spreadsheet: bool,
}

impl CorrectionFile {
    fn of(header: &[String], options: &ImportOptions, for_spreadsheet: bool) -> Self {
        let is_own = |(_, name): &(usize, &String)| !ADDED.contains(&name.trim());
        let own = header.iter().enumerate().filter(is_own);
        let (own, names): (Vec<usize>, Vec<&str>) = own.map(|(at, name)| (at, &**name)).unzip();
        let is_utf8 = options.encoding == "UTF-8";
        let (width, delimiter) = (header.len(), options.delimiter);
        let mut file = Self { text: Vec::new(), own, width, delimiter, is_utf8, for_spreadsheet };
        file.text = file.line(names.into_iter().chain(ADDED));
        file
    }

    fn line<'c>(&self, cells: impl Iterator<Item = &'c str>) -> Vec<u8> {
        let delimiter = u8::try_from(self.delimiter).unwrap_or(b',');
        let cells = cells.map(str::to_owned);
        csv_line(
            cells.map(|cell| if self.for_spreadsheet { guarded(cell) } else { cell }),
            delimiter,
        )
    }

    /// The complete file, in UTF-8. A byte order mark says so if the original had another encoding, or if the text is
    /// not plain ASCII. On import the mark overrides the encoding in the options.
    fn finish(self) -> Vec<u8> {
        let text = self.text;
        let needs_mark = self.for_spreadsheet || !self.is_utf8 || !text.is_ascii();
        let mark: &[u8] = if needs_mark { "\u{feff}".as_bytes() } else { b"" };
        [mark, &text].concat()
    }

    fn add(&mut self, row: &ParsedRow, problems: &RowProblems) {
        let beyond = row.cells.get(self.width..).filter(|beyond| !beyond.is_empty());
        // Cells beyond the last column have no place in the file, so the reason lists them.
        let reason = match beyond {
            Some(beyond) => {
                let beyond = beyond.join(&self.delimiter.to_string());
                format!("{} (beyond: {beyond})", problems.reasons)
            }
            None => problems.reasons.clone(),
        };
        let number = row.row.to_string();
        let added = [number.as_str(), &problems.columns, &problems.codes, &reason];
        let cells = self.own.iter().map(|&at| row.cells.get(at).map_or("", String::as_str));
        let line = self.line(cells.chain(added));
        self.text.extend(line);
    }
}

/// The problems of a refused row. Each text joins those of all problems by `; `.
struct RowProblems {
    columns: String,
    codes: String,
    reasons: String,
}

/// The problems of each refused row, by the number of the row.
fn refused_rows(
    company: &CompanyId,
    rows: &dyn Rows,
    id: ImportId,
) -> Result<BTreeMap<u64, RowProblems>, QueryFailure> {
    let mut refused = BTreeMap::new();
    for outcome in REFUSED {
        let mut cursor = Value::Null;
        loop {
            let params = json!({"import": id, "outcome": outcome, "limit": query::MAX_LIMIT_ROWS, "cursor": cursor});
            let RowsAnswer::Rows { rows, next } =
                boarding_projections::answer("import_rows", company, &params, rows)?
            else {
                break;
            };
            let numbered = |row: &AnswerRow| {
                let row = row.value();
                Some((row.get("row")?.as_u64()?, problems_of(&row)))
            };
            refused.extend(rows.iter().filter_map(numbered));
            let Some(next) = next else { break };
            cursor = json!(next);
        }
    }
    Ok(refused)
}

fn problems_of(row: &Value) -> RowProblems {
    let joined = |name: &str| {
        let problems = row.get("problems").and_then(Value::as_array).into_iter().flatten();
        let parts: Vec<_> = problems.filter_map(|problem| problem.get(name)?.as_str()).collect();
        parts.join("; ")
    };
    RowProblems { columns: joined("column"), codes: joined("code"), reasons: joined("message") }
}

fn unreadable(error: FileError) -> QueryFailure {
    match error {
        FileError::Refused(refusal) => refusal.into(),
        FileError::Io(error) => unavailable(&error),
    }
}
