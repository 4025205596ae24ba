//! Dry run: applies a whole import to a temporary copy of the company.

use std::collections::HashMap;
use std::sync::Arc;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::decide::facts::{Facts, FileContents};
use boarding_commands::decide::imports::AllotmentBuilder;
use boarding_commands::decide::imports::forecast::{self, Change, Values};
use boarding_commands::decide::imports::import_file::{BadRows, OnError};
use boarding_commands::decide::imports::import_preview::NumbersForecast;
use boarding_commands::decide::{Authority, Command, ImportFile, ImportRows};
use boarding_commands::dialect;
use boarding_commands::event::{Event, FileRef, ImportOptions};
use boarding_commands::step::{CommandRequest, StepMode, StepOutcome};
use boarding_commands::values::{Code, ImportId, Problem};
use boarding_projections::import_preview::PreviewedImport;
use serde::Serialize;
use serde_json::{Value, json};

use super::losses::Losses;
use super::moves::Moves;
use super::plan::{Attention, ImportPlan};
use crate::actor::decide_step::State;
use crate::context::{ENGINE, EngineContext};
use crate::import_portions::{AcceptedFile, BoxError, Portions, ResumePoint};
use crate::intake::{self, CompanySays};
use crate::limits::{PREVIEW_ATTENTION_ROWS, PREVIEW_ROWS};
use crate::reply::Reply;
use crate::submission::Submission;
use boarding_log::codec::Encoded;

/// Plans an import of stored files. It blocks: it reads the log and the file.
///
/// The copy comes from the snapshot and the log, so the actor is not delayed by copying its state.
///
/// # Errors
/// The refusal or failure that the command would get.
pub(super) fn plan(
    context: &EngineContext,
    submission: &Submission,
    import: ImportFile,
    files: Vec<FileRef>,
) -> Result<(ImportPlan, FileContents), Reply> {
    let loaded = context
        .snapshots
        .load(&*context.log, &submission.company)
        .map_err(|error| failed(&boarding_log::error_chain(&error)))?;
    let version = loaded.company.version;
    let says = CompanySays::of(&loaded.company, &import.dialect);
    let contents = intake::read(&context.files, &import, files, says).map_err(Reply::rejected)?;
    let (command, facts) = (import.clone(), Facts::Files(contents.clone()));
    let request = submission.request(Command::ImportFile(import), facts, context.clock.now());
    let mut dry_run = DryRun { state: State::of(loaded), tally: Tally::default() };
    dry_run.state.check_version(&request).map_err(Reply::Refused)?;
    dry_run.accept(request.clone())?;
    let id = ImportId(command.import.map_or(request.id.0, |import| import.0));
    dry_run.apply_rows(context, &request, id)?;
    if command.on_error == OnError::RejectFile {
        let total = dry_run.tally.preview.counts().total;
        std::mem::take(&mut dry_run.tally.bad).check(total).map_err(Reply::Refused)?;
    }
    let sends_texts = request.mail_setup.texts_via.is_some();
    let invites = forecast::invites(&dry_run.state.company, id, sends_texts, request.at);
    let numbers = forecast::numbers(&dry_run.state.company, id);
    let mut plan = dry_run.tally.plan(version).map_err(|why| failed(&why))?;
    plan.warnings.extend(numbers.as_ref().and_then(NumbersForecast::shortage));
    (plan.invites, plan.numbers) = (invites, numbers);
    Ok((plan, contents))
}

fn failed(why: &str) -> Reply {
    Reply::Failed { code: Code::Unavailable, why: why.to_owned() }
}

/// The copy of the company, and the results so far.
struct DryRun {
    state: State,
    tally: Tally,
}

impl DryRun {
    /// Accepts the file. If its rows do not fit in the same commit, it accepts the file without rows.
    fn accept(&mut self, mut request: CommandRequest) -> Result<(), Reply> {
        let reply = match self.execute(&request) {
            Ok(()) => return Ok(()),
            Err(reply) => reply,
        };
        if let (Reply::TooLarge, Facts::Files(contents)) = (&*reply, &mut request.facts) {
            contents.rows.clear();
            return self.execute(&request).map_err(|reply| *reply);
        }
        Err(*reply)
    }

    /// Applies the remaining rows in the same portions as the import worker.
    fn apply_rows(
        &mut self,
        context: &EngineContext,
        accepted: &CommandRequest,
        id: ImportId,
    ) -> Result<(), Reply> {
        let import = self.state.company.imports.get(&id);
        let Some(import) = import.filter(|import| !import.completed) else { return Ok(()) };
        let Some(resume_point) = ResumePoint::of(import) else { return Ok(()) };
        let fault = |fault: BoxError| failed(&boarding_log::error_chain(&*fault));
        let file = AcceptedFile::open(&context.files, &resume_point).map_err(fault)?;
        let mut builder = AllotmentBuilder::default();
        if file.needs_allotment(&self.state.company) {
            for rows in file.all_without_warnings().map_err(fault)? {
                builder.add(&self.state.company, id, &rows.map_err(fault)?);
            }
        }
        let allotment = Arc::new(builder.allot());
        for rows in file.rest().map_err(fault)? {
            if *context.closing.borrow() {
                return Err(Reply::stopped());
            }
            let mut portions = Portions::of(rows.map_err(fault)?);
            while let Some(rows) = portions.next() {
                let rows = Arc::new(rows);
                let request = CommandRequest {
                    command: ImportRows {
                        import: id,
                        rows: Arc::clone(&rows),
                        allotment: Some(Arc::clone(&allotment)),
                    }
                    .into(),
                    facts: Facts::None,
                    body: None,
                    actor: ENGINE.to_owned(),
                    authenticated: None,
                    token: None,
                    authority: Authority::All,
                    correlation: Some(id.0),
                    traceparent: None,
                    ..accepted.clone()
                };
                match self.execute(&request).map_err(|reply| *reply) {
                    Err(Reply::TooLarge) => {
                        portions.split(Arc::unwrap_or_clone(rows)).map_err(fault)?;
                    }
                    other => other?,
                }
            }
        }
        Ok(())
    }

    /// The values of the users that the rows of a request name.
    fn values_before(&self, request: &CommandRequest) -> HashMap<String, Values> {
        let company = &self.state.company;
        let (dialect, rows) = match (&request.command, &request.facts) {
            (Command::ImportRows(rows), _) => {
                let import = company.imports.get(&rows.import);
                (import.map(|import| import.options.dialect.as_str()), &*rows.rows)
            }
            (Command::ImportFile(import), Facts::Files(contents)) => {
                (Some(import.dialect.as_str()), &contents.rows)
            }
            _ => return HashMap::new(),
        };
        let dialect = dialect.and_then(dialect::find);
        dialect.map_or_else(HashMap::new, |one| forecast::values_before(company, one, rows))
    }

    /// Executes the same step as the actor, without appending.
    fn execute(&mut self, request: &CommandRequest) -> Result<(), Box<Reply>> {
        let before = self.values_before(request);
        match self.state.step(request, StepMode::DryRun) {
            StepOutcome::Commit(encoded) => self.tally.note(&encoded, &before),
            StepOutcome::Answer(_) | StepOutcome::Repeat(_) => {}
            StepOutcome::Refused(refusal) => return Err(Box::new(Reply::Refused(refusal))),
            StepOutcome::NotEncoded(error) => return Err(Box::new(Reply::not_encoded(&error))),
        }
        Ok(())
    }
}

/// The results so far. Except for `moves`, their size does not depend on the file.
#[derive(Default)]
struct Tally {
    preview: PreviewedImport,
    rows: Vec<Value>,
    next: Option<u64>,
    attention: Attention,
    losses: Losses,
    warnings: Vec<Problem>,
    not_invited: Option<Problem>,
    changed: Vec<Value>,
    changed_rows: u64,
    moves: Moves,
    bad: BadRows,
    digest: PlanDigest,
}

impl Tally {
    fn note(&mut self, encoded: &Encoded, before: &HashMap<String, Values>) {
        let commit = encoded.commit();
        let mut changes = HashMap::new();
        for event in &commit.events {
            if let Event::UserUpdated { user, .. } = event {
                // A user may be changed twice in one commit. The last event has all values.
                changes.insert(user.folded(), forecast::changes(before, event));
            }
        }
        for (event, version) in commit.events.iter().zip(commit.first_version..) {
            // Shown values do not depend on the position, so the version stands in for it.
            self.bad.add(event);
            let recorded =
                RecordedEvent { position: version, version, event, commit, hash: encoded.hash() };
            if let Event::ImportAccepted { files, options, warnings, .. } = event {
                self.digest.accepted(files, options, warnings);
                self.warnings.clone_from(warnings);
            }
            if let Event::ImportInvitesRefused { problem, .. } = event {
                self.not_invited = Some(problem.clone());
            }
            if let Event::ImportInvitesRequested { channel, created_only, .. } = event {
                self.digest.add(&(channel, created_only));
            }
            if let Event::ImportPlaced { organization, permission_group, .. } = event {
                self.digest.add(&(organization, permission_group));
            }
            if let Some(row) = self.preview.apply(&recorded) {
                let user = event.subjects().user.map(|user| user.folded());
                let changes = user.and_then(|user| Some((changes.remove(&user)?, user)));
                if let Some((changes, user)) = changes {
                    self.moves.add(&user, &changes);
                    self.note_changes(&row, &changes);
                }
                self.digest.add(&row);
                self.attention.note(&row);
                self.losses.add(&row);
                self.keep(row);
            }
        }
    }

    /// Notes the changed values of a row.
    fn note_changes(&mut self, row: &Value, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        self.changed_rows += 1;
        if self.changed.len() < PREVIEW_ROWS {
            let field = |name: &str| row.get(name).cloned().unwrap_or_default();
            self.changed.push(json!({
                "row": field("row"), "line": field("line"), "key": field("key"), "changes": changes,
            }));
        }
    }

    fn keep(&mut self, row: Value) {
        if self.rows.len() < PREVIEW_ROWS {
            self.rows.push(row);
        } else if self.next.is_none() {
            self.next = row.get("row").and_then(Value::as_u64);
        }
    }

    fn plan(self, version: u64) -> Result<ImportPlan, String> {
        if !self.preview.is_completed() {
            return Err("the file has fewer rows than were counted".to_owned());
        }
        let Self { preview, rows, next, attention, mut warnings, not_invited, digest, .. } = self;
        let counts = preview.counts();
        let hash = digest.finish(&counts);
        warnings.extend(self.moves.warnings());
        Ok(ImportPlan {
            hash,
            counts,
            rows,
            next,
            attention,
            losses: self.losses,
            warnings,
            changed: self.changed,
            changed_rows: self.changed_rows,
            invites: None,
            numbers: None,
            not_invited,
            version,
        })
    }
}

impl Attention {
    fn note(&mut self, row: &Value) {
        let text = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or_default();
        let changed = match text("outcome") {
            "activated" => Some(&mut self.activated),
            "deactivated" => Some(&mut self.deactivated),
            _ => None,
        };
        changed.into_iter().for_each(|kind| keep(kind, row));
        let kind = match text("outcome") {
            "invalid" => &mut self.invalid,
            "duplicate" => &mut self.duplicate,
            "skipped" => &mut self.skipped,
            _ if text("phone").starts_with("rejected") => &mut self.phone_refused,
            _ if row
                .get("warnings")
                .and_then(Value::as_array)
                .is_some_and(|all| !all.is_empty()) =>
            {
                &mut self.warned
            }
            _ => return,
        };
        keep(kind, row);
    }
}

/// Keeps one row more than is shown: a list that would leave out a single row shows it instead.
fn keep(kind: &mut Vec<Value>, row: &Value) {
    if kind.len() <= PREVIEW_ATTENTION_ROWS {
        kind.push(row.clone());
    }
}

/// The digest of a plan: the files, the options, each row, and the counts. It excludes the version of the company
/// and the id of the import, so that unrelated changes keep the digest.
#[derive(Default)]
struct PlanDigest(blake3::Hasher);

impl PlanDigest {
    fn accepted(&mut self, files: &[FileRef], options: &ImportOptions, warnings: &[Problem]) {
        self.0.update(PLAN_FORMAT);
        files.iter().for_each(|file| self.add(&file.sha256));
        self.add(options);
        let codes: Vec<Code> = warnings.iter().map(|warning| warning.code).collect();
        self.add(&codes);
    }

    /// Adds one part as canonical JSON with a line break, which the JSON itself never contains.
    fn add(&mut self, part: &impl Serialize) {
        let text = serde_json::to_string(part).unwrap_or_default();
        self.0.update(text.as_bytes());
        self.0.update(b"\n");
    }

    fn finish(mut self, counts: &impl Serialize) -> String {
        self.add(counts);
        self.0.finalize().to_hex().to_string()
    }
}

/// The prefix of the digest: another planning algorithm must use another prefix.
const PLAN_FORMAT: &[u8] = b"boarding import plan 1\n";
