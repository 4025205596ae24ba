//! The word `latest` in a query: the newest run, import or report.

use boarding_commands::values::{Code, CompanyId, Refusal};
use boarding_projections::query::RowsAnswer;
use boarding_projections::rows::Rows;
use serde_json::{Value, json};

use super::failure::QueryFailure;

/// The word that stands for the newest id.
const LATEST: &str = "latest";

/// The id that `latest` may stand for in a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    parameter: &'static str,
    /// The text in front of the word, as in `run:latest`.
    prefix: &'static str,
    /// The query that lists the newest first, and the field of the id.
    list: (&'static str, &'static str),
    /// The refusal if there is none.
    none: Code,
}

/// What `latest` stands for in this query; none if the word is not used.
pub(super) fn wanted(query: &str, params: &Value) -> Option<Wanted> {
    let runs = (("runs", "run"), Code::RunNotFound);
    let imports = (("imports", "import"), Code::ImportNoneAvailable);
    let reports = (("batch_operation_reports", "import"), Code::ImportNoneAvailable);
    let of_import = if query.starts_with("batch_") { reports } else { imports };
    let places = [
        ("run", "", runs),
        ("import", "", of_import),
        ("entity", "run:", runs),
        ("entity", "import:", imports),
    ];
    // Archives of pictures have ids of their own, and no list of them exists.
    let places = places.into_iter().filter(|_| !query.starts_with("picture_"));
    let is_latest = |(parameter, prefix): (&str, &str)| {
        let given = params.get(parameter).and_then(Value::as_str);
        given.and_then(|text| text.strip_prefix(prefix)) == Some(LATEST)
    };
    let mut found = places.filter(|(parameter, prefix, _)| is_latest((parameter, prefix)));
    found.next().map(|(parameter, prefix, (list, none))| Wanted { parameter, prefix, list, none })
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
        let Self { parameter, prefix, list: (query, field), none } = self;
        let newest = boarding_projections::answer(query, company, &json!({"limit": 1}), rows)?;
        let RowsAnswer::Rows { rows, .. } = newest else { return Ok(()) };
        let id = rows.first().and_then(|row| row.get(field)?.as_str());
        let id = id.ok_or_else(|| Refusal::new(none))?;
        if let Some(params) = params.as_object_mut() {
            params.insert(parameter.to_owned(), json!(format!("{prefix}{id}")));
        }
        Ok(())
    }
}
