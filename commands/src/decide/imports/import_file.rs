//! `ImportFile`: accepts a whole file; each of its rows then gets an outcome.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::import_preview::ImportPreview;
use crate::company::{Company, ImportState, Invites, Placing, Undo};
use crate::decide::imports::allotment_builder::AllotmentBuilder;
use crate::decide::imports::import_rows::{ROWS_PER_COMMIT, counted};
use crate::decide::imports::import_run::{Ending, refused, run_of};
use crate::decide::imports::rows::{Rows, needed_phone};
use crate::decide::rule::{Context, Decide, Decision};
use crate::dialect;
use crate::dialect::DialectName;
use crate::event::ChannelName;
use crate::event::{BlankMeans, Counts, Event, Existing, FileRef, ImportOptions, Permission};
use crate::user_file::FileSummary;
use crate::values::{Code, ImportId, Problem, Refusal, RunId};

mod accounts;
mod bad_rows;
mod invites;

pub use accounts::needed;
pub use bad_rows::BadRows;

/// Imports a file with one command.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportFile {
    #[serde(alias = "import_id")]
    #[schemars(extend("x-aliases" = ["import_id"]))]
    pub import: Option<ImportId>,
    #[schemars(with = "DialectName")]
    pub dialect: String,
    pub files: Vec<FileBody>,
    /// What happens to existing users. If none, the rule of the dialect applies.
    pub existing: Option<Existing>,
    #[serde(default)]
    pub add_to_corporate_phones: bool,
    #[serde(default)]
    pub send_welcome_email: bool,
    pub blank_means: Option<BlankMeans>,
    /// The WHATWG name of the file's encoding. If none, the byte order mark decides, otherwise it is UTF-8.
    pub encoding: Option<String>,
    pub delimiter: Option<char>,
    /// The file's column names → the dialect's.
    #[serde(default, alias = "column_map")]
    #[schemars(extend("x-aliases" = ["column_map"]))]
    pub columns: BTreeMap<String, String>,
    /// Whether the import invites the people that it creates, and no others.
    #[serde(default)]
    pub auto_invite: bool,
    /// The channel of the invitations. If none, it is the only enabled channel.
    #[schemars(with = "Option<ChannelName>")]
    pub channel: Option<String>,
    #[serde(default)]
    pub action: Action,
    #[serde(default)]
    pub on_error: OnError,
    #[serde(default)]
    pub mode: ImportMode,
    /// Whether a preview also shows the first rows of each kind that needs the attention of an operator.
    #[serde(default)]
    pub attention: bool,
    /// The hash from a preview: the file is refused if the plan has changed. The engine compares the plans
    /// before the rule runs.
    pub plan_hash: Option<String>,
    /// The organization that the people of a MultiLine file belong to.
    pub organization: Option<String>,
    /// The permission group of these people.
    pub permission_group: Option<String>,
}

/// A file of a command: its content, its place in an object store, an upload, or the digest of a file that is already
/// stored.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileBody {
    pub name: String,
    pub text: Option<String>,
    pub base64: Option<String>,
    pub object: Option<ObjectRef>,
    /// The id of a file that was uploaded over HTTP.
    pub upload: Option<String>,
    /// The SHA-256 of the content in hexadecimal. It must match the content.
    pub sha256: Option<String>,
}

impl std::fmt::Debug for FileBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileBody({:?})", self.name)
    }
}

/// A file in an object store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectRef {
    pub bucket: String,
    pub name: String,
    /// `SHA-256=` and the digest in base64url. If none, it is the digest in the object's metadata.
    pub digest: Option<String>,
}

/// What happens after the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    #[default]
    Import,
    /// A run for all people in the file.
    ImportAndInvite,
}

/// What happens to the file if a row is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The other rows are applied.
    #[default]
    Continue,
    /// The whole file is refused and changes nothing.
    RejectFile,
}

/// Whether the file is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    #[default]
    Commit,
    /// The outcomes are shown, and nothing is recorded.
    Preview,
}

impl Decide for ImportFile {
    // The permission depends on the dialect, so the rule checks it.
    const NEEDS: Option<Permission> = None;
    const TAKES_NUMBERS: bool = true;

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        let accepted = generator.subschema_for::<Accepted>();
        let preview = generator.subschema_for::<ImportPreview<'_>>();
        json_schema!({"anyOf": [accepted, preview]})
    }

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        context.require(company, self.needs())?;
        let import = ImportId(self.import.map_or(context.id.0, |import| import.0));
        let read = context.facts.files().ok_or(Code::ImportUnexpectedFile)?;
        if let Some(known) = company.imports.get(&import) {
            return self.repeat(company, context, import, known);
        }
        if company.picture_imports.contains(&import) {
            return Err(Code::ImportAlreadyExists.into());
        }
        let placing = self.placing(company)?;
        self.check_limit(company, read.summary.rows)?;
        self.check_options()?;
        let invites = self.invites(company, context, import)?;
        if invites.is_some() {
            context.require_mail_settings(company)?;
        } else if self.send_welcome_email {
            context.require_notification_settings(company, true)?;
        }
        let options = self.options(company, &read.summary);
        let mut warnings = read.summary.warnings.clone();
        warnings.extend(same_content(company, &read.files));
        warnings.extend(self.missing_phones(&read.summary));
        let ignored = read.summary.ignored;
        let counts = Counts::of_file(read.summary.rows, ignored, warnings.len());
        let allotment =
            AllotmentBuilder::allot_all(company, import, &options, placing.as_ref(), &read.rows);
        let mut rows = Rows::new(company, import, &options, None)
            .with_placing(placing.as_ref())
            .with_allotment(&allotment);
        if read.rows.len() as u64 == read.summary.rows {
            read.rows.iter().for_each(|row| rows.apply(row));
        }
        let row_events = rows.events;
        if self.on_error == OnError::RejectFile {
            BadRows::among(&row_events).check(read.summary.rows)?;
        }
        let counts = counted(counts, &row_events);
        let files = read.files.clone();
        let total = read.summary.rows;
        let mut events =
            vec![Event::ImportAccepted { import, files, options, total, warnings, ignored }];
        events.extend(invites.map(|Invites { channel, created_only }| {
            Event::ImportInvitesRequested { import, channel, created_only }
        }));
        events.extend(placing.map(|placing| {
            let Placing { organization, permission_group } = placing;
            Event::ImportPlaced { import, organization, permission_group }
        }));
        events.extend(row_events);
        let completed = counts.done() == total;
        let mut refusal = None;
        if completed {
            let completion =
                Ending { company, import, known: None, invites, dialect: &self.dialect, counts };
            // The rows are applied even if the run is refused: the run can be requested again.
            refusal = completion.add_events(&mut events).err();
            events.extend(refusal.clone().map(|refusal| refused(import, refusal)));
        }
        let run = invites.filter(|_| completed && refusal.is_none()).map(|_| run_of(import));
        let not_invited = refusal.map(|refusal| refusal.code);
        let counts = completed.then_some(counts);
        let state = if completed { Progress::Completed } else { Progress::Processing };
        let result = json!(Accepted { import, state, counts, run, not_invited });
        Ok(match self.mode {
            ImportMode::Commit => Decision::Append { events, result },
            ImportMode::Preview => Decision::Preview { events, result },
        })
    }
}

impl ImportFile {
    /// Whether the outcomes of the whole file must be known before the rule decides.
    pub fn is_planned(&self) -> bool {
        self.mode == ImportMode::Preview
            || self.plan_hash.is_some()
            || self.on_error == OnError::RejectFile
    }

    /// The options for reading and applying the file, from the command and the settings of the company.
    fn options(&self, company: &Company, summary: &FileSummary) -> ImportOptions {
        ImportOptions {
            dialect: self.dialect.clone(),
            existing: self.existing.unwrap_or(Existing::Skip),
            blank_means: self.blank_means.unwrap_or(company.settings.blank_means),
            add_to_corporate_phones: self.add_to_corporate_phones,
            send_welcome_email: self.send_welcome_email,
            assume_plus: company.settings.assume_plus,
            encoding: summary.encoding.clone(),
            delimiter: summary.delimiter,
            columns: self.columns.clone(),
        }
    }

    /// The earlier import with this id, if the file and all options are the same and it was not undone. A repeated id
    /// with other content is refused.
    fn repeat(
        &self,
        company: &Company,
        context: &Context<'_>,
        import: ImportId,
        known: &ImportState,
    ) -> Result<Decision, Refusal> {
        let read = context.facts.files().ok_or(Code::ImportUnexpectedFile)?;
        let same = !self.is_planned()
            && digests(&known.files) == digests(&read.files)
            && known.options == self.options(company, &read.summary)
            && known.undo == Undo::No
            && known.placing == self.placing(company)?
            && self.invites_as(company, context, import)?;
        if !same {
            return Err(Code::ImportAlreadyExists.into());
        }
        let run = Some(run_of(import)).filter(|run| company.runs.contains_key(run));
        let (counts, state) = match known.completed {
            true => (Some(known.counts), Progress::Completed),
            false => (None, Progress::Processing),
        };
        Ok(Decision::Repeat {
            result: json!(Accepted { import, state, counts, run, not_invited: None }),
        })
    }

    /// Warns that phones are to be added and the file has no column of phones.
    fn missing_phones(&self, summary: &FileSummary) -> Option<Problem> {
        let column = needed_phone(dialect::find(&self.dialect)?)?;
        let is_missing = self.add_to_corporate_phones && !summary.columns.contains(&column);
        is_missing.then(|| Problem::in_column(column, Code::CsvMissingPhoneColumn))
    }

    /// Refuses options that the dialect does not support: updates of existing people, invitations, phones.
    fn check_options(&self) -> Result<(), Refusal> {
        let Some(dialect) = dialect::find(&self.dialect) else { return Ok(()) };
        let never_updates = dialect.existing_is_duplicate() || dialect.opens_accounts();
        let options = [
            ("existing", never_updates && self.existing == Some(Existing::Update), "update"),
            ("auto_invite", !dialect.invites() && self.auto_invite, "invitation"),
            ("action", !dialect.invites() && self.action == Action::ImportAndInvite, "invitation"),
            (
                "add_to_corporate_phones",
                !dialect.has_phones() && self.add_to_corporate_phones,
                "phone",
            ),
        ];
        let Some((option, _, what)) =
            options.into_iter().find(|(_, is_unsupported, _)| *is_unsupported)
        else {
            return Ok(());
        };
        let words = format!("{option}: {} knows no {what}", self.dialect);
        Err(Refusal::new(Code::EnvelopeMalformed).saying(&words))
    }

    /// Rejects a file with more people than a run may have, where the product and the settings ask for it.
    fn check_limit(&self, company: &Company, rows: u64) -> Result<(), Refusal> {
        let limit = company.settings.bulk_integration_max_records;
        let is_limited =
            dialect::find(&self.dialect).is_some_and(|dialect| dialect.is_held_to_run_limit());
        if is_limited && company.settings.enforce_run_limit_at_import && rows > limit {
            let legacy_code = crate::decide::runs::start_bulk_integration::LEGACY_LIMIT_CODE;
            let details = json!({"limit": limit, "actual": rows, "legacy_code": legacy_code});
            let more = format!("{rows} rows, the limit is {limit}");
            return Err(Refusal::new(Code::ImportTooManyRows).saying(&more).with(details));
        }
        Ok(())
    }
}

/// The `result` of an import: its id and state, and the counts after its end.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ImportAccepted")]
struct Accepted {
    import: ImportId,
    state: Progress,
    #[serde(flatten)]
    counts: Option<Counts>,
    /// The run that invites the people of the import, after its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunId>,
    /// Why the import ended without the requested run.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_invited: Option<Code>,
}

/// The state of an import.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Progress {
    Processing,
    Completed,
}

/// Whether all rows fit in the commit that accepts the file.
pub fn fits_one_commit(rows: u64) -> bool {
    rows <= ROWS_PER_COMMIT as u64
}

fn digests(files: &[FileRef]) -> Vec<&str> {
    files.iter().map(|file| file.sha256.as_str()).collect()
}

/// A warning that names the first import of the same content.
fn same_content(company: &Company, files: &[FileRef]) -> Option<Problem> {
    let content = digests(files);
    let same = |import: &&ImportState| digests(&import.files) == content;
    let (earlier, _) = company
        .imports
        .iter()
        .filter(|(_, import)| same(import))
        .min_by_key(|(_, import)| import.ordinal)?;
    Some(Problem::new(Code::ImportSameContent).saying(&format!("import {earlier}")))
}

#[cfg(test)]
pub(crate) mod testing {
    use boarding_csv::CellValue;

    use super::*;
    use crate::event::IgnoredRows;
    use crate::user_file::{ParsedRow, RowValues};
    use crate::values::UserKey;

    pub(crate) fn import_id() -> ImportId {
        ImportId(ulid::Ulid(44))
    }

    pub(crate) fn row(number: u64, key: &str) -> ParsedRow {
        let values = RowValues {
            user: Some(UserKey::new(key.trim())),
            email: CellValue::Value(format!("{}@acme.example", key.trim().to_lowercase())),
            ..RowValues::default()
        };
        let (problems, warnings) = (vec![], vec![]);
        let (row, line, cells) = (number, number + 1, vec![]);
        ParsedRow { row, line, cells, values, problems, warnings, lost: 0, same_key: vec![] }
    }

    /// The same file as another import, with its phones.
    pub(crate) fn accepted_as(id: ImportId, total: u64, existing: Existing) -> Event {
        let mut event = accepted(total, true, existing);
        if let Event::ImportAccepted { import, .. } = &mut event {
            *import = id;
        }
        event
    }

    pub(crate) fn accepted(total: u64, phones: bool, existing: Existing) -> Event {
        let files =
            vec![FileRef { name: "people.csv".to_owned(), sha256: "ab".repeat(32), bytes: 10 }];
        let options = ImportOptions {
            dialect: "leapxpert".to_owned(),
            existing,
            blank_means: BlankMeans::Keep,
            add_to_corporate_phones: phones,
            send_welcome_email: false,
            assume_plus: false,
            encoding: "UTF-8".to_owned(),
            delimiter: ',',
            columns: BTreeMap::new(),
        };
        let (import, warnings, ignored) = (import_id(), vec![], IgnoredRows::default());
        Event::ImportAccepted { import, files, options, total, warnings, ignored }
    }
}

#[cfg(test)]
mod spec;
