//! The query `failed_rows`: invalid rows with their columns and errors, to correct and import again.

use std::collections::BTreeMap;
use std::io::BufReader;

use boarding_commands::dialect;
use boarding_commands::event::ImportOptions;
use boarding_commands::user_file::{self, FileError, ParsedRow};
use boarding_commands::values::{Code, CompanyId, ImportId, Refusal};
use boarding_csv::Limits;
use boarding_projections::csv_export::csv_line;
use boarding_projections::query::{self, Access, Param, RowsAnswer};
use boarding_projections::rows::Rows;
use serde_json::{Value, json};

use super::engine_query::{EngineQuery, EngineQueryRequest};
use super::failure::{QueryAnswer, QueryFailure, malformed, unavailable};
use super::log_facts::read_versions;
use super::query_schema::{QuerySchema, ResponseKind};
use crate::context::EngineContext;
use crate::import_portions::reading_options;

/// The added columns. An import ignores columns that begin with `_`.
const ADDED: [&str; 4] = ["_row", "_column", "_code", "_reason"];

/// The outcomes of rejected rows.
const REFUSED: [&str; 3] = ["invalid", "duplicate", "skipped"];

pub(super) const QUERY: EngineQuery = EngineQuery {
    schema: QuerySchema {
        name: "failed_rows",
        params: &[Param::id("import").required().aliases(&["import_id"])],
        paged: false,
        has_csv: false,
        response: ResponseKind::Csv,
    },
    access: |_| Ok(Access::ImportOutcome),
    answer: failed_rows,
};

fn failed_rows(request: &EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure> {
    let EngineQueryRequest { context, company, params, rows, .. } = *request;
    let id: ImportId = params
        .get("import")
        .and_then(Value::as_str)
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| malformed("import", "expected an import's id"))?;
    let mut refused = refused_rows(company, rows, id)?;
    let options = options_of(context, company, id)?;
    let dialect = dialect::find(&options.1.dialect)
        .ok_or(Code::ImportUnknownDialect)
        .map_err(Refusal::from)?;
    let lost = |why| QueryFailure::Failed { code: Code::ImportFileLost, why };
    let file = context.files.open_whole(&options.0).map_err(lost)?;
    let parsed = user_file::rows(
        BufReader::new(file),
        dialect,
        &reading_options(&options.1),
        &Limits::default(),
    );
    let parsed = parsed.map_err(unreadable)?;
    for why in refused.values_mut() {
        // The person who corrects the file knows the column names of the file.
        let own = why.columns.split("; ").map(|one| parsed.own_name(one).unwrap_or(one));
        why.columns = own.collect::<Vec<_>>().join("; ");
    }
    let mut out = Mending::of(parsed.header(), &options.1);
    for row in parsed {
        let row = row.map_err(unreadable)?;
        if let Some(why) = refused.get(&row.row) {
            out.add(&row, why);
        }
    }
    Ok(QueryAnswer::Csv(out.finish()))
}

/// The digest and the read options of the file, from the first event of the import.
fn options_of(
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
        let mut look = |fact: &boarding_commands::commit::Fact<'_>| match fact.event {
            boarding_commands::event::Event::ImportAccepted { import, files, options, .. }
                if *import == id =>
            {
                found = files.first().map(|file| (file.sha256.clone(), options.clone()));
                false
            }
            _ => true,
        };
        read_versions(&*context.log, company, versions, &mut look)
            .map_err(|error| unavailable(&error))?;
    }
    found.ok_or_else(|| Refusal::new(Code::ImportNotFound).into())
}

/// Writes the file to correct. It can be imported with the options of the first file.
struct Mending {
    text: Vec<u8>,
    /// The indexes of the original columns, without those that an earlier export added.
    own: Vec<usize>,
    /// The number of columns of the file.
    width: usize,
    delimiter: char,
    /// Whether the file was read as UTF-8.
    is_utf8: bool,
}

impl Mending {
    fn of(header: &[String], options: &ImportOptions) -> Self {
        let is_own = |(_, name): &(usize, &String)| !ADDED.contains(&name.trim());
        let own = header.iter().enumerate().filter(is_own);
        let (own, names): (Vec<usize>, Vec<&str>) = own.map(|(at, name)| (at, &**name)).unzip();
        let is_utf8 = options.encoding == "UTF-8";
        let (width, delimiter) = (header.len(), options.delimiter);
        let mut mending = Self { text: Vec::new(), own, width, delimiter, is_utf8 };
        mending.text = mending.line(names.into_iter().chain(ADDED));
        mending
    }

    fn line<'c>(&self, cells: impl Iterator<Item = &'c str>) -> Vec<u8> {
        let delimiter = u8::try_from(self.delimiter).unwrap_or(b',');
        csv_line(cells.map(str::to_owned), delimiter)
    }

    /// The complete file. It has a byte order mark if it could be mistaken for another encoding. On import the mark
    /// overrides a named encoding.
    fn finish(self) -> Vec<u8> {
        let text = self.text;
        let mark: &[u8] = if self.is_utf8 && text.is_ascii() { b"" } else { "\u{feff}".as_bytes() };
        [mark, &text].concat()
    }

    fn add(&mut self, row: &ParsedRow, why: &Why) {
        let beyond = row.cells.get(self.width..).filter(|beyond| !beyond.is_empty());
        // Cells beyond the last column cannot have a column, so the reason lists them.
        let reason = match beyond {
            Some(beyond) => {
                format!("{} (beyond: {})", why.reasons, beyond.join(&self.delimiter.to_string()))
            }
            None => why.reasons.clone(),
        };
        let number = row.row.to_string();
        let added = [number.as_str(), &why.columns, &why.codes, &reason];
        let cells = self.own.iter().map(|&at| row.cells.get(at).map_or("", String::as_str));
        let line = self.line(cells.chain(added));
        self.text.extend(line);
    }
}

/// The reasons of a rejected row, joined by `; `.
struct Why {
    columns: String,
    codes: String,
    reasons: String,
}

fn refused_rows(
    company: &CompanyId,
    rows: &dyn Rows,
    id: ImportId,
) -> Result<BTreeMap<u64, Why>, QueryFailure> {
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

fn unreadable(error: FileError) -> QueryFailure {
    match error {
        FileError::Refused(refusal) => refusal.into(),
        FileError::Io(error) => unavailable(&error),
    }
}
