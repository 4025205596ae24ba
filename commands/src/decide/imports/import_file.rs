//! `ImportFile`: a file is accepted as a whole; its rows follow, each with an outcome of its own.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::{Company, ImportState, Invites, Placing, Undo};
use crate::decide::imports::import_rows::{ROWS_PER_COMMIT, counted};
use crate::decide::imports::import_run::{Ending, refused, run_of};
use crate::decide::imports::rows::Rows;
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

/// Asks for a file to be imported. Nothing happens until it is asked, and then it is one command (LX-10).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportFile {
    #[serde(alias = "import_id")]
    pub import: Option<ImportId>,
    #[schemars(with = "DialectName")]
    pub dialect: String,
    pub files: Vec<FileBody>,
    /// What happens to users who exist; the dialect's own rule unless given.
    pub existing: Option<Existing>,
    #[serde(default)]
    pub add_to_corporate_phones: bool,
    #[serde(default)]
    pub send_welcome_email: bool,
    pub blank_means: Option<BlankMeans>,
    /// The WHATWG name of the file's encoding; otherwise it must be UTF-8, or carry a mark.
    pub encoding: Option<String>,
    pub delimiter: Option<char>,
    /// The file's column names → the dialect's.
    #[serde(default, alias = "column_map")]
    pub columns: BTreeMap<String, String>,
    /// Invites everybody the file creates, and nobody else it names (OC-13).
    #[serde(default)]
    pub auto_invite: bool,
    /// Where to, for an import that invites; the only channel that is enabled, unless given.
    #[schemars(with = "Option<ChannelName>")]
    pub channel: Option<String>,
    #[serde(default)]
    pub action: Action,
    #[serde(default)]
    pub on_error: OnError,
    #[serde(default)]
    pub mode: ImportMode,
    /// What the preview answered: the file is refused if it would come out otherwise by now. Whoever asks
    /// the rule has compared the plans.
    pub plan_hash: Option<String>,
    /// The organization that the people of a MultiLine file belong to (ML-05).
    pub organization: Option<String>,
    /// The group of user permissions that they get (ML-04).
    pub permission_group: Option<String>,
}

/// A file as a command brings it: by its content, by where it was put, or by the digest of one that is
/// there already.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileBody {
    pub name: String,
    pub text: Option<String>,
    pub base64: Option<String>,
    pub object: Option<ObjectRef>,
    /// Checked against the content; hexadecimal.
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
    /// `SHA-256=` and the digest in base64url, as object stores write it; the object's own unless given.
    pub digest: Option<String>,
}

/// What follows the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    #[default]
    Import,
    /// A run for everybody the file names.
    ImportAndInvite,
}

/// What a bad row does to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Nothing.
    #[default]
    Continue,
    /// The file is refused as a whole, and changes nobody.
    RejectFile,
}

/// Whether the file is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    #[default]
    Commit,
    /// What it would come to is shown, and nothing is recorded.
    Preview,
}

impl Decide for ImportFile {
    // Which one depends on the dialect: the rule asks for it.
    const NEEDS: Option<Permission> = None;
    const TAKES_NUMBERS: bool = true;

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Accepted::json_schema(generator)
    }

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        context.require(company, self.needs())?;
        let import = ImportId(self.import.map_or(context.id.0, |import| import.0));
        let read = context.facts.files().ok_or(Code::ImportUnexpectedFile)?;
        if let Some(known) = company.imports.get(&import) {
            return self.again(company, context, import, known);
        }
        if company.picture_imports.contains(&import) {
            return Err(Code::ImportAlreadyExists.into());
        }
        let placing = self.placing(company)?;
        self.check_limit(company, read.summary.rows)?;
        self.check_taken()?;
        let invites = self.invites(company, context, import)?;
        let options = self.options(company, &read.summary);
        let mut warnings = read.summary.warnings.clone();
        warnings.extend(same_content(company, &read.files));
        let counts = Counts {
            total: read.summary.rows,
            warnings: warnings.len() as u64,
            ..Counts::default()
        };
        let mut rows = Rows::new(company, import, &options, None).placing(placing.as_ref());
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
        let mut events = vec![Event::ImportAccepted { import, files, options, total, warnings }];
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
                Ending { company, import, known: None, invites, counts, at: context.at };
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
    /// Whether it is to be known what the whole file would come to, before anything is decided.
    pub fn is_planned(&self) -> bool {
        self.mode == ImportMode::Preview
            || self.plan_hash.is_some()
            || self.on_error == OnError::RejectFile
    }

    /// How the file is read and applied, from what was asked and what the company's settings say.
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

    /// N81: an import's id with the same content is the same import, whichever command asks for it, as long as
    /// all that was asked is the same and it stands.
    fn again(
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

    /// A product is not asked for what it does not have: an update of those who exist (OCM-15, A22), people to
    /// invite, a column of phones.
    fn check_taken(&self) -> Result<(), Refusal> {
        let Some(dialect) = dialect::find(&self.dialect) else { return Ok(()) };
        let never_updates = dialect.existing_is_duplicate() || dialect.opens_accounts();
        let asked = [
            ("existing", never_updates && self.existing == Some(Existing::Update), "update"),
            ("auto_invite", !dialect.invites() && self.auto_invite, "invitation"),
            ("action", !dialect.invites() && self.action == Action::ImportAndInvite, "invitation"),
            (
                "add_to_corporate_phones",
                !dialect.has_phones() && self.add_to_corporate_phones,
                "phone",
            ),
        ];
        let Some((option, _, what)) = asked.into_iter().find(|(_, is_asked, _)| *is_asked) else {
            return Ok(());
        };
        let words = format!("{option}: {} knows no {what}", self.dialect);
        Err(Refusal::new(Code::EnvelopeMalformed).saying(&words))
    }

    /// LX-07, by its literal text: a file with more people than a run may have is not imported (A1).
    fn check_limit(&self, company: &Company, rows: u64) -> Result<(), Refusal> {
        let limit = company.settings.bulk_integration_max_records;
        let held =
            dialect::find(&self.dialect).is_some_and(|dialect| dialect.is_held_to_run_limit());
        if held && company.settings.enforce_run_limit_at_import && rows > limit {
            let legacy_code = crate::decide::runs::start_bulk_integration::LEGACY_LIMIT_CODE;
            let details = json!({"limit": limit, "actual": rows, "legacy_code": legacy_code});
            let more = format!("{rows} rows, the limit is {limit}");
            return Err(Refusal::new(Code::ImportTooManyRows).saying(&more).with(details));
        }
        Ok(())
    }
}

/// The `result` of an import: its id and state, and the counts once it is over.
#[derive(Debug, Serialize, JsonSchema)]
struct Accepted {
    import: ImportId,
    state: Progress,
    #[serde(flatten)]
    counts: Option<Counts>,
    /// The run that invites its people, once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunId>,
    /// Why there is none though one was asked for, once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_invited: Option<Code>,
}

/// How far an import is.
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

/// N81: the same content was imported before.
fn same_content(company: &Company, files: &[FileRef]) -> Option<Problem> {
    let asked = digests(files);
    let same = |import: &&ImportState| digests(&import.files) == asked;
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
        ParsedRow { row: number, line: number + 1, cells: vec![], values, problems, warnings }
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
        Event::ImportAccepted { import: import_id(), files, options, total, warnings: vec![] }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::testing::{accepted, import_id, row};
    use super::*;
    use crate::decide::Command;
    use crate::decide::facts::{Facts, FileContents};
    use crate::decide::testing::{Input, Then, given};
    use crate::user_file::ParsedRow;
    use crate::values::Personal;

    fn import(
        events: impl IntoIterator<Item = Event>,
        total: u64,
        rows: Vec<ParsedRow>,
        extra: &Value,
    ) -> Then {
        let mut body =
            json!({"dialect": "leapxpert", "files": [{"name": "people.csv", "text": ""}]});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let command = Command::read("ImportFile", body).unwrap();
        let files =
            vec![FileRef { name: "people.csv".to_owned(), sha256: "ab".repeat(32), bytes: 10 }];
        let summary = FileSummary {
            rows: total,
            encoding: "UTF-8".to_owned(),
            delimiter: ',',
            warnings: vec![],
        };
        let facts = Facts::Files(FileContents { files, summary, rows });
        given(events).when(Input { command, facts })
    }

    /// LX-08, LX-10: a small file is one command, one commit, one answer with the counts.
    #[test]
    fn lx_10_a_small_file_is_over_at_once() {
        let then = import([], 2, vec![row(1, "ann"), row(2, "bob")], &json!({}));
        assert_eq!(
            then.names(),
            ["ImportAccepted", "UserCreated", "UserCreated", "ImportCompleted"]
        );
        let result = then.result();
        assert_eq!((&result["state"], &result["created"]), (&json!("completed"), &json!(2)));
    }

    /// P16: a preview decides what a commit decides, and records none of it; what refuses the one refuses
    /// the other.
    #[test]
    fn p16_a_preview_decides_the_same_and_records_nothing() {
        let rows = || vec![row(1, "ann"), row(2, "ann")];
        let shown = import([], 2, rows(), &json!({"mode": "preview"})).0.unwrap();
        let done = import([], 2, rows(), &json!({})).0.unwrap();
        assert_eq!((shown.is_append(), done.is_append()), (false, true));
        assert_eq!(shown.events(), done.events());
        import([], 101, vec![], &json!({"mode": "preview"})).then_refused(Code::ImportTooManyRows);
    }

    /// One bad row and nobody of the file comes in; a row that is only left out refuses nothing.
    #[test]
    fn a_bad_row_rejects_the_file_where_that_is_asked() {
        let asked = json!({"on_error": "reject_file"});
        let mut bad = row(2, "bob");
        bad.problems = vec![Problem::in_column("email", Code::FieldInvalidEmail)];
        let rows = vec![row(1, "ann"), bad, row(3, "ann")];
        let refusal = import([], 3, rows.clone(), &asked).then_refused(Code::ImportInvalidRows);
        let first = json!({"row": 2, "line": 3, "column": "email", "code": "field.invalid_email"});
        assert_eq!(refusal.details, json!({"invalid": 1, "total": 3, "problems": [first]}));
        assert!(import([], 3, rows, &json!({"on_error": "continue"})).0.is_ok());
        let left_out = vec![row(1, "ann"), row(2, "ann")];
        assert!(
            import([crate::decide::testing::user_created("ann")], 2, left_out, &asked).0.is_ok()
        );
    }

    /// N45: a big file is accepted and goes on in the background.
    #[test]
    fn a_big_file_goes_on_in_the_background() {
        let setting = "bulk_integration_max_records".to_owned();
        let raised = Event::CompanyConfigChanged { setting, value: json!(5_000) };
        let then = import([raised], 5_000, vec![], &json!({}));
        assert_eq!(then.names(), ["ImportAccepted"]);
        assert_eq!(then.result()["state"], "processing");
    }

    /// LX-07, A1, N43: one row over the limit refuses the whole file, with both numbers.
    #[test]
    fn lx_07_a_file_over_the_limit_is_refused_whole() {
        assert!(import([], 100, vec![], &json!({})).0.is_ok());
        let refusal = import([], 101, vec![], &json!({})).then_refused(Code::ImportTooManyRows);
        assert_eq!(refusal.details, json!({"limit": 100, "actual": 101, "legacy_code": 20001}));
        let setting = "enforce_run_limit_at_import".to_owned();
        let off = Event::CompanyConfigChanged { setting, value: json!(false) };
        assert!(import([off], 101, vec![], &json!({})).0.is_ok());
    }

    /// LX-14: the log-in mail is asked for created users only, and only when wanted.
    #[test]
    fn lx_14_welcome_mails_are_for_created_users_only() {
        let known = crate::decide::testing::user_created("ann");
        let rows = || vec![row(1, "ann"), row(2, "bob")];
        let then = import([known.clone()], 2, rows(), &json!({"send_welcome_email": true}));
        let expected = [
            "ImportAccepted",
            "RowRefused",
            "UserCreated",
            "WelcomeEmailRequested",
            "ImportCompleted",
        ];
        assert_eq!(then.names(), expected);
        assert!(!import([known], 2, rows(), &json!({})).names().contains(&"WelcomeEmailRequested"));
    }

    /// N81: the same content again is a new import with a warning that names the first.
    #[test]
    fn n81_the_same_content_again_warns() {
        let then = import([accepted(1, false, Existing::Skip)], 1, vec![row(1, "ann")], &json!({}));
        let events = then.events();
        let Event::ImportAccepted { warnings, .. } = &events[0] else { panic!() };
        assert_eq!(warnings[0].code, Code::ImportSameContent);
        assert!(warnings[0].message.contains(&import_id().to_string()));
    }

    /// LX-02: importing needs its permission.
    #[test]
    fn lx_02_importing_needs_its_permission() {
        let actor = Personal("jane@acme.example".to_owned());
        let granted =
            Event::PermissionsGranted { actor, permissions: vec![Permission::BulkIntegrateUsers] };
        let refusal = import([granted], 1, vec![row(1, "ann")], &json!({}))
            .then_refused(Code::AuthPermissionDenied);
        assert_eq!(refusal.details, json!({"permission": "bulk_import_users"}));
    }

    /// OCM-15: a product without updates is not asked for one.
    #[test]
    fn ocm_15_no_update_is_asked_of_ocm() {
        let ocm = |extra: &Value| {
            let mut body = json!({"dialect": "ocm"});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            import([], 1, vec![row(1, "ann")], &body)
        };
        ocm(&json!({"existing": "update"})).then_refused(Code::EnvelopeMalformed);
        assert!(ocm(&json!({"existing": "skip"})).0.is_ok() && ocm(&json!({})).0.is_ok());
    }

    /// Catalogue 3.7: OCM invites nobody and has no phones; who asks for either is told.
    #[test]
    fn ocm_neither_invites_nor_lists_phones() {
        for (extra, words) in [
            (
                json!({"auto_invite": true, "channel": "whatsapp"}),
                "auto_invite: ocm knows no invitation",
            ),
            (
                json!({"action": "import_and_invite", "channel": "whatsapp"}),
                "action: ocm knows no invitation",
            ),
            (
                json!({"add_to_corporate_phones": true}),
                "add_to_corporate_phones: ocm knows no phone",
            ),
        ] {
            let mut body = json!({"dialect": "ocm"});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let refusal =
                import([], 1, vec![row(1, "ann")], &body).then_refused(Code::EnvelopeMalformed);
            assert!(refusal.message.contains(words), "{}", refusal.message);
        }
        let off = json!({"dialect": "ocm", "auto_invite": false, "action": "import", "add_to_corporate_phones": false});
        assert!(import([], 1, vec![row(1, "ann")], &off).0.is_ok());
    }

    /// N81: with the same content it is the same import, whatever it has come to.
    #[test]
    fn one_id_names_one_import() {
        let taken = json!({"import": import_id()});
        let file = FileRef { name: "Archive.zip".to_owned(), sha256: "ab".repeat(32), bytes: 10 };
        let (import_id, match_attribute) = (import_id(), "agent_id".to_owned());
        let (inserted, invalid) = (0, 0);
        let pictures =
            Event::PicturesImported { import: import_id, file, match_attribute, inserted, invalid };
        let ann = || vec![row(1, "ann")];
        let update = json!({"import": import_id, "existing": "update"});
        for (first, extra) in [(accepted(1, false, Existing::Skip), &update), (pictures, &taken)] {
            import([first], 1, ann(), extra).then_refused(Code::ImportAlreadyExists);
        }
        let again = import([accepted(1, false, Existing::Skip)], 1, ann(), &taken).0.unwrap();
        assert!(matches!(again, Decision::Repeat { .. }));
    }
}
