//! One simulated company: prepares, decides and appends commands as the engine does.

use std::collections::BTreeMap;

use boarding_audit::Rules;
use boarding_commands::commit::Commit;
use boarding_commands::company::Company;
use boarding_commands::decide::facts::{
    ArchiveContents, ArchivePicture, FileContents, StoredPicture,
};
use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::decide::{Authority, Command, Facts, MailSetup};
use boarding_commands::dialect::{self, Dialect};
use boarding_commands::event::{Event, FileRef, PictureFormat};
use boarding_commands::step::{self, StepMode, StepOutcome};
use boarding_commands::user_file::{self, FileError, ParsedRow, ReadOptions};
use boarding_commands::values::{Code, CommandId, CompanyId, Digest, ImportId, Personal, Refusal};
use boarding_core::delivery::token::Tokens;
use boarding_csv::{Limits, Options};
use boarding_log::{Encoded, EventLog as _};
use serde_json::{Value, json};

use super::checkers::{InvariantCheckers, Origin};
use super::environment::Environment;
use super::mailer::{ClaimedMail, Mailer};
use super::violation::{CheckResult, ensure};

/// A command of a user, by name and body, or an internal command of the engine.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub id: CommandId,
    pub name: &'static str,
    pub body: Value,
    pub actor: &'static str,
    /// An internal command of the engine. Its id is not checked for repeats.
    pub internal: Option<Command>,
    /// Whether an imported file's rows are appended by later commits.
    pub splits_import: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Accepted { duplicate: bool, version: u64, result: Value, events: Vec<Event> },
    Refused(Refusal),
}

impl Reply {
    pub(super) fn events(&self) -> &[Event] {
        match self {
            Self::Accepted { events, .. } => events,
            Self::Refused(_) => &[],
        }
    }

    pub(super) fn code(&self) -> Option<Code> {
        match self {
            Self::Accepted { .. } => None,
            Self::Refused(refusal) => Some(refusal.code),
        }
    }
}

/// The run worker's memory, which a crash clears.
#[derive(Debug, Clone, Default)]
pub(super) struct Worker {
    pub claims: Vec<ClaimedMail>,
    pub reports: Vec<(ClaimedMail, MailOutcome)>,
    /// The last reports, which may be submitted a second time.
    pub last_reports: Vec<(ClaimedMail, MailOutcome)>,
}

#[derive(Debug)]
pub(super) struct SimulatedCompany {
    pub id: CompanyId,
    pub state: Company,
    pub hash: Digest,
    pub checkers: InvariantCheckers,
    /// What `boarding audit verify` checks: it must find nothing in any history.
    audit_rules: Rules,
    pub worker: Worker,
    pub mailer: Mailer,
    /// The parsed rows of accepted imports.
    pub import_rows: BTreeMap<ImportId, Vec<ParsedRow>>,
    /// The submitted requests, which later steps may repeat.
    pub submitted: Vec<Request>,
    /// The body digest of each accepted command, and the answer to a repeat of it.
    first_answers: BTreeMap<CommandId, (Digest, Reply)>,
    pub tokens: Tokens,
    /// The encoded state at an earlier version.
    pub snapshot: Option<Vec<u8>>,
    pub preview: Option<PreviewedRun>,
}

/// A run that was previewed and not yet confirmed.
#[derive(Debug, Clone)]
pub(super) struct PreviewedRun {
    pub body: Value,
    pub answer: Value,
    /// The company's version at the preview.
    pub version: u64,
}

impl SimulatedCompany {
    pub(super) fn new(name: &str, deduplicates: bool) -> Self {
        let id: CompanyId = name.parse().unwrap();
        Self {
            state: Company::new(id.clone()),
            id,
            hash: Digest::default(),
            checkers: InvariantCheckers::default(),
            audit_rules: Rules::default(),
            worker: Worker::default(),
            mailer: Mailer { deduplicates, ..Mailer::default() },
            import_rows: BTreeMap::new(),
            submitted: Vec::new(),
            first_answers: BTreeMap::new(),
            tokens: Tokens::new([7; 32]),
            snapshot: None,
            preview: None,
        }
    }

    /// Submits a command and checks P10, P11 and P31 of the answer.
    pub(super) fn submit(
        &mut self,
        env: &mut Environment,
        request: &Request,
    ) -> Result<Reply, String> {
        let (end, head) = (env.log.end(), env.log.head(&self.id));
        let reply = self.decide(env, request)?;
        let appended =
            matches!(reply, Reply::Accepted { duplicate: false, .. }) && env.log.end() != end;
        let name = request.name;
        ensure!(
            appended || env.log.head(&self.id) == head,
            "P11 {name} changed the log without a commit"
        );
        ensure!(
            appended || env.log.end() == end,
            "P10 a repeat or a refusal of {name} appended to the log"
        );
        if let Reply::Refused(refusal) = &reply {
            env.secrets.check("a refusal", &format!("{refusal} {}", refusal.details))?;
            env.outcomes.insert(refusal.code.to_string());
        }
        let outcome = match &reply {
            Reply::Accepted { duplicate, events, .. } => {
                format!(
                    "duplicate {duplicate}, {:?}",
                    events.iter().map(Event::name).collect::<Vec<_>>()
                )
            }
            Reply::Refused(refusal) => refusal.code.to_string(),
        };
        env.transcript
            .push(format!("{} {} {name} {} -> {outcome}", self.id, env.now, request.body));
        Ok(reply)
    }

    /// Answers a repeat from the log. Otherwise decides the command and appends its events.
    fn decide(&mut self, env: &mut Environment, request: &Request) -> Result<Reply, String> {
        let (command, facts, body, origin) = match self.prepare(request) {
            Ok(prepared) => prepared,
            Err(refusal) => return Ok(Reply::Refused(refusal)),
        };
        env.secrets.check("the Debug of a command", &format!("{command:?}"))?;
        if request.internal.is_none()
            && let Some((first_body, first)) = self.first_answer(env, request.id)?
        {
            let conflict = Reply::Refused(Code::CommandDuplicateConflict.into());
            return Ok(if first_body == body { first } else { conflict });
        }
        let engine_request = step::CommandRequest {
            authenticated: None,
            token: None,
            command,
            facts,
            id: request.id,
            body: Some(body),
            actor: request.actor.to_owned(),
            authority: if request.internal.is_some() { Authority::All } else { Authority::Granted },
            at: env.now,
            correlation: None,
            traceparent: None,
            mail_setup: MailSetup { texts_via: Some("outbox"), ..MailSetup::default() },
            expected_version: None,
            planned_at: None,
        };
        match step::step(&mut self.state, self.hash, &engine_request, StepMode::Append, Encoded::of)
        {
            StepOutcome::Commit(encoded) => {
                self.append(env, encoded, origin, request.internal.is_none())
            }
            StepOutcome::Answer(result) => Ok(self.answer(false, result)),
            StepOutcome::Repeat(result) => Ok(self.answer(true, result)),
            StepOutcome::Refused(refusal) => Ok(Reply::Refused(refusal)),
            StepOutcome::NotEncoded(error) => Err(format!("P11 encode: {error}")),
        }
    }

    fn answer(&self, duplicate: bool, result: Value) -> Reply {
        Reply::Accepted { duplicate, version: self.state.version, result, events: Vec::new() }
    }

    /// Appends a commit whose events the state already contains, and runs the invariant checkers.
    fn append(
        &mut self,
        env: &mut Environment,
        encoded: Encoded,
        origin: Origin,
        keep_answer: bool,
    ) -> Result<Reply, String> {
        let (id, body) = (encoded.commit().command, encoded.commit().body);
        let recorded = env.append(encoded)?;
        for event in &recorded.commit.events {
            env.secrets.check("the Debug of an event", &format!("{event:?}"))?;
        }
        self.checkers.observe(&recorded, origin)?;
        let legal = self.audit_rules.observe(&recorded);
        legal.map_err(|broken| format!("the audit finds {}: {broken}", broken.rule.as_str()))?;
        self.hash = recorded.hash;
        self.checkers.runs.check_query(&env.query_rows(&self.id, "runs", json!({})))?;
        let Commit { result, events, .. } = recorded.commit;
        let version = self.state.version;
        if keep_answer {
            let repeat = Reply::Accepted {
                duplicate: true,
                version,
                result: result.clone(),
                events: Vec::new(),
            };
            self.first_answers.insert(id, (body, repeat));
        }
        Ok(Reply::Accepted { duplicate: false, version, result, events })
    }

    /// P10: the log's answer for a command id equals the first answer. `None` if the id is new.
    fn first_answer(
        &self,
        env: &Environment,
        id: CommandId,
    ) -> Result<Option<(Digest, Reply)>, String> {
        let found = env.log.find_command(&self.id, id).map_err(|error| error.to_string())?;
        let Some(place) = found else {
            ensure!(!self.first_answers.contains_key(&id), "P10 the log has lost a command");
            return Ok(None);
        };
        let commit = env.log.read_at(place.location).map_err(|error| error.to_string())?.commit;
        let version = commit.last_version();
        let repeat =
            Reply::Accepted { duplicate: true, version, result: commit.result, events: Vec::new() };
        let first = (commit.body, repeat);
        ensure!(self.first_answers.get(&id) == Some(&first), "P10 a repeat got another answer");
        Ok(Some(first))
    }

    /// Whether a command with this id was accepted.
    pub(super) fn was_accepted(&self, id: &CommandId) -> bool {
        self.first_answers.contains_key(id)
    }

    /// Reads a command and finds the facts for it: the file's rows, the token's invitation.
    fn prepare(&self, request: &Request) -> Result<(Command, Facts, Digest, Origin), Refusal> {
        if let Some(command) = &request.internal {
            let claims = matches!(command, Command::ClaimRecipients(_));
            let origin = if claims { Origin::Claim } else { Origin::Other };
            let digest = Digest::of(request.name.as_bytes());
            return Ok((command.clone(), Facts::None, digest, origin));
        }
        let command = Command::read(request.name, request.body.clone())?;
        let mut origin = Origin::Other;
        let facts = match &command {
            Command::ImportFile(import) => {
                let text =
                    import.files.first().and_then(|file| file.text.clone()).unwrap_or_default();
                Facts::Files(self.read_file(&import.dialect, &text, request.splits_import)?)
            }
            Command::ImportPictures(pictures) => {
                let text = pictures.file.text.clone().unwrap_or_default();
                Facts::Archive(read_archive(&text))
            }
            Command::LinkCompleted(link) => {
                let read = link.token.as_ref().and_then(|token| self.tokens.read(&self.id, token));
                match read {
                    Some((id, generation)) => {
                        origin = Origin::Token(id, generation);
                        Facts::Invitation(id, generation)
                    }
                    None => Facts::None,
                }
            }
            _ => Facts::None,
        };
        Ok((command, facts, Digest::of_body(request.name, &request.body), origin))
    }

    fn read_file(&self, dialect: &str, text: &str, split: bool) -> Result<FileContents, Refusal> {
        let dialect = dialect::find(dialect).ok_or(Code::ImportUnknownDialect)?;
        let (options, limits) = (self.options(dialect), Limits::default());
        let summary =
            user_file::scan(text.as_bytes(), dialect, &options, &limits).map_err(refusal)?;
        let rows = if split { Vec::new() } else { self.rows(dialect.name(), text) };
        let sha256 = Digest::of(text.as_bytes()).to_string();
        let file = FileRef { name: "people.csv".to_owned(), sha256, bytes: text.len() as u64 };
        Ok(FileContents { files: vec![file], summary, rows })
    }

    /// The rows of a readable file. Empty if the file cannot be read.
    pub(super) fn rows(&self, dialect: &str, text: &str) -> Vec<ParsedRow> {
        let Some(dialect) = dialect::find(dialect) else { return Vec::new() };
        let (options, limits) = (self.options(dialect), Limits::default());
        let rows =
            user_file::facts(text.as_bytes(), dialect, &options, &limits).and_then(|facts| {
                let rows = user_file::rows(text.as_bytes(), dialect, &options, &limits)?;
                rows.with_facts(facts).collect()
            });
        rows.unwrap_or_default()
    }

    fn options(&self, dialect: &dyn Dialect) -> ReadOptions {
        let settings = &self.state.settings;
        let withheld = dialect.withheld(settings).into_iter().map(str::to_owned).collect();
        let csv = Options { withheld, ..Options::default() };
        ReadOptions { csv, assume_plus: settings.assume_plus }
    }

    /// P12: replaying the log gives the live state, with and without a snapshot.
    pub(super) fn check_replay(&self, env: &Environment) -> CheckResult {
        let mut replayed = Company::new(self.id.clone());
        let commits = env.commits(Some(&self.id));
        commits.iter().for_each(|recorded| replayed.apply(&recorded.commit));
        ensure!(replayed == self.state, "P12 the replayed company differs from the live one");
        let Some(bytes) = &self.snapshot else { return Ok(()) };
        let mut restored: Company =
            rmp_serde::from_slice(bytes).map_err(|error| format!("P12 snapshot: {error}"))?;
        let version = restored.version;
        let tail = commits.iter().filter(|one| one.commit.first_version > version);
        tail.for_each(|recorded| restored.apply(&recorded.commit));
        ensure!(restored == self.state, "P12 snapshot and tail differ from the full replay");
        Ok(())
    }
}

/// A picture archive, made from a text with one file name per line. No picture has real content.
fn read_archive(text: &str) -> ArchiveContents {
    let picture = |name: &str| {
        let sha256 = Digest::of(name.as_bytes()).to_string();
        let file = StoredPicture { sha256, bytes: 9, format: PictureFormat::Png };
        let is_picture = [".png", ".jpg"].iter().any(|end| name.ends_with(end));
        let content = if is_picture { Ok(file) } else { Err(Code::PictureUnsupportedFormat) };
        ArchivePicture { name: Personal(name.to_owned()), content }
    };
    let sha256 = Digest::of(text.as_bytes()).to_string();
    let file = FileRef { name: "Archive.zip".to_owned(), sha256, bytes: text.len() as u64 };
    let pictures: Vec<_> = text.lines().map(picture).collect();
    ArchiveContents { file, total: pictures.len() as u64, pictures }
}

fn refusal(error: FileError) -> Refusal {
    match error {
        FileError::Refused(refusal) => refusal,
        FileError::Io(error) => Refusal::new(Code::Unavailable).saying(&error.to_string()),
    }
}
