//! One company of the model world: decided, appended and answered as the engine does it.

use std::collections::BTreeMap;

use boarding_commands::code::{Code, Refusal};
use boarding_commands::commit::{Commit, SCHEMA};
use boarding_commands::company::Company;
use boarding_commands::csv_file::{self, FileError, Limits, Options, ParsedRow};
use boarding_commands::decide::imports::import_file::FileRead;
use boarding_commands::decide::imports::import_pictures::{PictureFile, PictureRead, PicturesRead};
use boarding_commands::decide::{Asked, Authority, Command};
use boarding_commands::dialect::{self, Dialect};
use boarding_commands::digest::Digest;
use boarding_commands::event::{Event, FileRef, PictureFormat};
use boarding_commands::id::{CommandId, CompanyId, ImportId};
use boarding_commands::personal::Personal;
use boarding_engine::token::Tokens;
use boarding_log::{Encoded, EventLog as _};
use serde_json::{Value, json};

use super::broken::{Law, holds};
use super::mailer::Mailer;
use super::watch::{Origin, Watch};
use super::worker::Worker;
use super::world::Shared;

/// A command on its way: from outside by name and body, or the engine's own.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub id: CommandId,
    pub name: &'static str,
    pub body: Value,
    pub actor: &'static str,
    /// The engine's own command, which is never repeated by its id.
    pub own: Option<Command>,
    /// Whether the rows of an imported file come in later commits.
    pub long: bool,
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

#[derive(Debug)]
pub(super) struct Tenant {
    pub id: CompanyId,
    pub company: Company,
    pub hash: Digest,
    pub watch: Watch,
    pub worker: Worker,
    pub mailer: Mailer,
    /// The rows of the files of imports that go on.
    pub files: BTreeMap<ImportId, Vec<ParsedRow>>,
    /// Commands asked so far, to be asked again.
    pub past: Vec<Asking>,
    first: BTreeMap<CommandId, (Digest, Reply)>,
    pub tokens: Tokens,
    /// A snapshot of an earlier moment.
    pub snapshot: Option<Vec<u8>>,
    /// A preview: its body, its answer, who it was for, and the version it was made at.
    pub preview: Option<Preview>,
}

/// What somebody was shown before confirming.
#[derive(Debug, Clone)]
pub(super) struct Preview {
    pub body: Value,
    pub answer: Value,
    pub version: u64,
}

impl Tenant {
    pub(super) fn new(name: &str, deduplicates: bool) -> Self {
        let id: CompanyId = name.parse().unwrap();
        Self {
            company: Company::new(id.clone()),
            id,
            hash: Digest::default(),
            watch: Watch::default(),
            worker: Worker::default(),
            mailer: Mailer { deduplicates, ..Mailer::default() },
            files: BTreeMap::new(),
            past: Vec::new(),
            first: BTreeMap::new(),
            tokens: Tokens::new([7; 32]),
            snapshot: None,
            preview: None,
        }
    }

    /// Asks a command as the engine does, and checks what holds for every answer (P10, P11, P31).
    pub(super) fn ask(&mut self, shared: &mut Shared, asking: &Asking) -> Result<Reply, String> {
        let (end, head) = (shared.log.end(), shared.log.head(&self.id));
        let reply = self.answer(shared, asking)?;
        let recorded =
            matches!(reply, Reply::Accepted { duplicate: false, .. }) && shared.log.end() != end;
        let name = asking.name;
        holds!(
            recorded || shared.log.head(&self.id) == head,
            "P11 {name} changed the log without a commit"
        );
        holds!(
            recorded || shared.log.end() == end,
            "P10 the log grew by a repeat or a refusal of {name}"
        );
        if let Reply::Refused(refusal) = &reply {
            shared.secrets.check("a refusal", &format!("{refusal} {}", refusal.details))?;
            shared.met.insert(refusal.code.to_string());
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
        shared.told.push(format!("{} {} {name} {} -> {outcome}", self.id, shared.now, asking.body));
        Ok(reply)
    }

    fn answer(&mut self, shared: &mut Shared, asking: &Asking) -> Result<Reply, String> {
        let (command, body, origin) = match self.prepare(asking) {
            Ok(prepared) => prepared,
            Err(refusal) => return Ok(Reply::Refused(refusal)),
        };
        shared.secrets.check("the Debug of a command", &format!("{command:?}"))?;
        if asking.own.is_none()
            && let Some((first_body, first)) = self.first_answer(shared, asking.id)?
        {
            let conflict = Reply::Refused(Code::CommandDuplicateConflict.into());
            return Ok(if first_body == body { first } else { conflict });
        }
        let authority = if asking.own.is_some() { Authority::All } else { Authority::Granted };
        let asked =
            Asked { command: &(), id: asking.id, actor: asking.actor, authority, at: shared.now };
        let decision = match command.decide(&self.company, &asked) {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Reply::Refused(refusal)),
        };
        if !decision.recorded {
            let (version, result) = (self.company.version, decision.result);
            return Ok(Reply::Accepted { duplicate: false, version, result, events: Vec::new() });
        }
        let commit = Commit {
            company: self.id.clone(),
            first_version: self.company.version + 1,
            command: asking.id,
            body,
            actor: Personal(asking.actor.to_owned()),
            at: shared.now,
            correlation: None,
            causation: None,
            traceparent: None,
            schema: SCHEMA,
            result: decision.result,
            previous: self.hash,
            events: decision.events,
        };
        self.record(shared, commit, origin, asking.own.is_none())
    }

    fn record(
        &mut self,
        shared: &mut Shared,
        commit: Commit,
        origin: Origin,
        remember: bool,
    ) -> Result<Reply, String> {
        let (id, body) = (commit.command, commit.body);
        let encoded = Encoded::of(commit).map_err(|error| format!("P11 encode: {error}"))?;
        let recorded = shared.append(encoded)?;
        for event in &recorded.commit.events {
            shared.secrets.check("the Debug of an event", &format!("{event:?}"))?;
        }
        self.watch.note(&recorded, origin)?;
        self.company.apply(&recorded.commit);
        self.hash = recorded.hash;
        self.watch.runs.agree_with(&shared.ask(&self.id, "runs", json!({})))?;
        let Commit { result, events, .. } = recorded.commit;
        let version = self.company.version;
        if remember {
            let again = Reply::Accepted {
                duplicate: true,
                version,
                result: result.clone(),
                events: Vec::new(),
            };
            self.first.insert(id, (body, again));
        }
        Ok(Reply::Accepted { duplicate: false, version, result, events })
    }

    /// P10: what the log says of a command of this id is what was answered then.
    fn first_answer(
        &self,
        shared: &Shared,
        id: CommandId,
    ) -> Result<Option<(Digest, Reply)>, String> {
        let found = shared.log.find_command(&self.id, id).map_err(|error| error.to_string())?;
        let Some(place) = found else {
            holds!(!self.first.contains_key(&id), "P10 the log forgot a command");
            return Ok(None);
        };
        let commit = shared.log.read_at(place.place).map_err(|error| error.to_string())?.commit;
        let version = commit.last_version();
        let again =
            Reply::Accepted { duplicate: true, version, result: commit.result, events: Vec::new() };
        let first = (commit.body, again);
        holds!(self.first.get(&id) == Some(&first), "P10 a repeat is answered otherwise");
        Ok(Some(first))
    }

    /// Whether a command of this id was accepted and remembered.
    pub(super) fn was_accepted(&self, id: &CommandId) -> bool {
        self.first.contains_key(id)
    }

    /// Reads a command and adds what the engine finds out: the file's rows, what the token says.
    fn prepare(&self, asking: &Asking) -> Result<(Command, Digest, Origin), Refusal> {
        if let Some(own) = &asking.own {
            let claims = matches!(own, Command::ClaimRecipients(_));
            let origin = if claims { Origin::Claim } else { Origin::Other };
            return Ok((own.clone(), Digest::of(asking.name.as_bytes()), origin));
        }
        let mut command = Command::read(asking.name, asking.body.clone())?;
        let mut origin = Origin::Other;
        match &mut command {
            Command::ImportFile(import) => {
                let text =
                    import.files.first().and_then(|file| file.text.clone()).unwrap_or_default();
                import.read = Some(self.read(&import.dialect, &text, asking.long)?);
            }
            Command::ImportPictures(pictures) => {
                let text = pictures.file.text.clone().unwrap_or_default();
                pictures.read = Some(archive(&text));
            }
            Command::LinkCompleted(link) => {
                let said = link.token.as_ref().and_then(|token| self.tokens.read(&self.id, token));
                link.verified = said;
                origin =
                    said.map_or(Origin::Other, |(id, generation)| Origin::Token(id, generation));
            }
            _ => {}
        }
        Ok((command, Digest::of_body(asking.name, &asking.body), origin))
    }

    fn read(&self, dialect: &str, text: &str, long: bool) -> Result<FileRead, Refusal> {
        let dialect = dialect::find(dialect).ok_or(Code::ImportUnknownDialect)?;
        let (options, limits) = (self.options(dialect), Limits::default());
        let summary =
            csv_file::scan(text.as_bytes(), dialect, &options, &limits).map_err(refused)?;
        let rows = if long { Vec::new() } else { self.rows(dialect.name(), text) };
        let sha256 = Digest::of(text.as_bytes()).to_string();
        let file = FileRef { name: "people.csv".to_owned(), sha256, bytes: text.len() as u64 };
        Ok(FileRead { files: vec![file], summary, rows })
    }

    /// The rows of a file that reads well.
    pub(super) fn rows(&self, dialect: &str, text: &str) -> Vec<ParsedRow> {
        let Some(dialect) = dialect::find(dialect) else { return Vec::new() };
        let (options, limits) = (self.options(dialect), Limits::default());
        let rows = csv_file::named(text.as_bytes(), dialect, &options, &limits).and_then(|named| {
            csv_file::rows(text.as_bytes(), dialect, &options, &limits)?.knowing(named).collect()
        });
        rows.unwrap_or_default()
    }

    fn options(&self, dialect: &dyn Dialect) -> Options {
        let settings = &self.company.settings;
        let withheld = dialect.withheld(settings).into_iter().map(str::to_owned).collect();
        Options { assume_plus: settings.assume_plus, withheld, ..Options::default() }
    }

    /// P12: the state thrown away and made again from the log alone is the state that was.
    pub(super) fn replayed(&self, shared: &Shared) -> Law {
        let mut again = Company::new(self.id.clone());
        let commits = shared.commits(Some(&self.id));
        commits.iter().for_each(|recorded| again.apply(&recorded.commit));
        holds!(again == self.company, "P12 the replayed company differs from the live one");
        let Some(bytes) = &self.snapshot else { return Ok(()) };
        let mut later: Company =
            rmp_serde::from_slice(bytes).map_err(|error| format!("P12 snapshot: {error}"))?;
        let version = later.version;
        let tail = commits.iter().filter(|one| one.commit.first_version > version);
        tail.for_each(|recorded| later.apply(&recorded.commit));
        holds!(later == self.company, "P12 snapshot and tail differ from the full replay");
        Ok(())
    }
}

/// An archive of pictures as the engine finds it: here a line for each, none of which is read.
fn archive(text: &str) -> PicturesRead {
    let picture = |name: &str| {
        let sha256 = Digest::of(name.as_bytes()).to_string();
        let file = PictureFile { sha256, bytes: 9, format: PictureFormat::Png };
        let is_picture = [".png", ".jpg"].iter().any(|end| name.ends_with(end));
        let content = if is_picture { Ok(file) } else { Err(Code::PictureUnsupportedFormat) };
        PictureRead { name: Personal(name.to_owned()), content }
    };
    let sha256 = Digest::of(text.as_bytes()).to_string();
    let file = FileRef { name: "Archive.zip".to_owned(), sha256, bytes: text.len() as u64 };
    PicturesRead { file, pictures: text.lines().map(picture).collect() }
}

fn refused(error: FileError) -> Refusal {
    match error {
        FileError::Refused(refusal) => refusal,
        FileError::Io(error) => Refusal::new(Code::Unavailable).saying(&error.to_string()),
    }
}
