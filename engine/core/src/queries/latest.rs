//! The word `latest` in a query: the newest run, import or report.

use boarding_commands::values::{Code, CompanyId, Refusal};
use boarding_projections::query::{AnswerRow, Newest, Param, RowsAnswer};
use boarding_projections::rows::Rows;
use serde_json::{Value, json};

use super::failure::QueryFailure;

/// The word for the newest id.
const LATEST: &str = "latest";
/// The parameter of `history`, whose text names the type before the id.
const ENTITY: &str = "entity";

/// The id that `latest` may stand for in a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    parameter: &'static str,
    /// The text in front of the word, as in `run:latest`.
    prefix: &'static str,
    newest: Newest,
}

/// The entity that `latest` means in these parameters; none if the word is not used.
pub(super) fn wanted(params: &[Param], given: &Value) -> Option<Wanted> {
    let text = |parameter: &str| given.get(parameter).and_then(Value::as_str);
    let takes = params.iter().filter_map(|param| Some((param.name, param.newest()?)));
    let mut of_ids = takes.filter(|(parameter, _)| text(parameter) == Some(LATEST));
    if let Some((parameter, newest)) = of_ids.next() {
        return Some(Wanted { parameter, prefix: "", newest });
    }
    let (prefix, newest) = match text(ENTITY)? {
        "run:latest" => ("run:", Newest::Run),
        "import:latest" => ("import:", Newest::Import),
        _ => return None,
    };
    params.iter().any(|param| param.name == ENTITY).then_some(Wanted {
        parameter: ENTITY,
        prefix,
        newest,
    })
}

impl Wanted {
    /// Replaces the word by the newest id.
    ///
    /// # Errors
    /// `run.not_found`, `import.none_available`.
    pub(super) fn resolve(
        self,
        company: &CompanyId,
        params: &mut Value,
        rows: &dyn Rows,
    ) -> Result<(), QueryFailure> {
        let Self { parameter, prefix, newest } = self;
        // The query that lists the newest first, the field of its id, and the refusal if there is none.
        let (query, field, none) = match newest {
            Newest::Run => ("runs", "run", Code::RunNotFound),
            Newest::Import => ("imports", "import", Code::ImportNoneAvailable),
            Newest::Report => ("batch_operation_reports", "import", Code::ImportNoneAvailable),
            Newest::Pictures => ("picture_imports", "import", Code::ImportNoneAvailable),
        };
        let newest = boarding_projections::answer(query, company, &json!({"limit": 1}), rows)?;
        let RowsAnswer::Rows { rows, .. } = newest else { return Ok(()) };
        let newest = rows.first().map(AnswerRow::value).unwrap_or_default();
        let id = newest.get(field).and_then(Value::as_str);
        let id = id.ok_or_else(|| Refusal::new(none))?;
        if let Some(params) = params.as_object_mut() {
            params.insert(parameter.to_owned(), json!(format!("{prefix}{id}")));
        }
        Ok(())
    }
}
