//! The engine: opens a data folder, takes commands, answers queries, and sees to what goes on by itself.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use boarding_commands::code::{Code, Refusal};
use boarding_commands::decide::{Authority, Command, ImportFile};
use boarding_commands::digest::Digest;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::event::Permission;
use boarding_commands::id::{CommandId, CompanyId};
use boarding_projections::rows::Table;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::channel::Channel;
use crate::channel::outbox::Outbox;
use crate::clock::Clock;
use crate::companies::Companies;
use crate::core::Core;
use crate::data_dir::{DataDir, DataDirError};
use crate::files::{self, Files};
use crate::hot::{Hot, Reply, Request};
use crate::ingest::objects::Objects;
use crate::ingest::{CompanySays, canonical_body};
use crate::log::file::{self as file_log, FileLog, OpenError, TornTail};
use crate::projector::{ProjectError, Projections};
use crate::store::{self, Store, StoreError};
use crate::token::Tokens;

/// A running engine on the embedded log. Dropping it without [`Engine::close`] is like a crash: nothing
/// is lost, the next opening takes longer.
pub struct Engine {
    pub(crate) core: Arc<Core>,
    companies: Arc<Companies>,
    /// Wakes companies that sleep; ends with the engine, and is started by the first who asks.
    alarm: OnceLock<JoinSet<()>>,
    found: Found,
}

/// How an engine is opened.
#[derive(Debug)]
pub struct Options {
    /// The data folder; made if it is not there.
    pub data: PathBuf,
    /// Where mails go; by default, into the data folder's outbox.
    pub channel: Option<Arc<dyn Channel>>,
    /// Whether runs that were begun with another channel go on with this one; otherwise they wait.
    pub adopt_runs: bool,
    pub clock: Clock,
}

/// What an opening found that an operator may want to know.
#[derive(Debug, Default)]
pub struct Found {
    /// The end of a write that was interrupted; never acknowledged, and cut off.
    pub torn_tail: Option<TornTail>,
    /// Read models that could not be trusted, set aside; they are built anew.
    pub set_aside: Option<PathBuf>,
}

/// Why a data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Folder(#[from] DataDirError),
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Projections(#[from] ProjectError),
    #[error("open the outbox in {}", folder.display())]
    Outbox { folder: PathBuf, source: std::io::Error },
    #[error("sweep the files in {}", folder.display())]
    Sweep { folder: PathBuf, source: std::io::Error },
}

impl EngineError {
    /// Whether the log failed its check: not a fault of the moment but of what is stored.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Log(error) => {
                matches!(
                    error,
                    OpenError::Damaged { .. }
                        | OpenError::Unreadable { .. }
                        | OpenError::Shorter { .. }
                )
            }
            Self::Projections(ProjectError::LogIsShorter { .. }) => true,
            _ => false,
        }
    }
}

impl Engine {
    /// Opens a data folder. Blocks on the disk: a long log is checked from end to end.
    ///
    /// # Errors
    /// When the folder is in use, of a newer format, or damaged; the message says what to do.
    pub fn open(options: Options) -> Result<Self, EngineError> {
        let folder = DataDir::open(&options.data)?;
        let files = folder.files();
        files::sweep(&files)
            .map_err(|source| EngineError::Sweep { folder: files.clone(), source })?;
        let (store, opened) = Store::open(&folder.derived())?;
        let mut log_options = file_log::Options::new(options.clock.now());
        log_options.commands_indexed_up_to = store.read_meta()?.position;
        let file_log::Opened { log, torn: torn_tail, .. } =
            FileLog::open(&folder.log(), log_options)?;
        let log: Arc<dyn crate::log::EventLog> = Arc::new(log);
        let projections = Projections::follow(Arc::clone(&log), store.clone())?;
        let channel = match options.channel {
            Some(channel) => channel,
            None => {
                let outbox = folder.outbox();
                let opened = Outbox::open(&outbox);
                Arc::new(opened.map_err(|source| EngineError::Outbox { folder: outbox, source })?)
            }
        };
        let set_aside = match opened {
            store::Opened::Empty { set_aside } => set_aside,
            store::Opened::Kept => None,
        };
        let core = Core {
            log,
            store,
            projections,
            clock: options.clock,
            files: Files::new(files),
            tokens: Tokens::new(*folder.secret().bytes()),
            channel,
            adopt_runs: options.adopt_runs,
            objects: OnceLock::new(),
            closing: watch::Sender::new(false),
            folder,
        };
        let found = Found { torn_tail, set_aside };
        let core = Arc::new(core);
        let companies = Arc::new(Companies::new(Arc::clone(&core)));
        Ok(Self { core, companies, alarm: OnceLock::new(), found })
    }

    /// What the opening found.
    pub fn found(&self) -> &Found {
        &self.found
    }

    pub fn clock(&self) -> &Clock {
        &self.core.clock
    }

    /// Says where files are fetched from that commands only name; the first word counts.
    pub fn fetch_from(&self, objects: Arc<dyn Objects>) {
        let _ = self.core.objects.set(objects);
    }

    /// The companies that have a history.
    pub fn companies(&self) -> Vec<CompanyId> {
        self.core.log.companies()
    }

    /// Asks a command by its contract name. An accepted answer is given when it is durable.
    pub async fn submit(
        &self,
        company: &CompanyId,
        name: &str,
        envelope: Envelope,
        authority: Authority,
    ) -> Answer {
        let id = envelope.id;
        match self.prepare(company, name, &envelope, authority).await {
            Ok((command, body)) => self.ask(company, command, body, envelope, authority).await,
            Err(reply) => answer(id, reply),
        }
    }

    /// Reads the command, keeps its files, and adds what only the engine can find out.
    async fn prepare(
        &self,
        company: &CompanyId,
        name: &str,
        envelope: &Envelope,
        authority: Authority,
    ) -> Result<(Command, Digest), Reply> {
        let body = if envelope.body.is_null() { json!({}) } else { envelope.body.clone() };
        let mut command = Command::read(name, body.clone()).map_err(no)?;
        let digest = match &mut command {
            Command::ImportFile(import) => {
                let digest = self.prepare_import(company, import, &body, envelope, authority);
                digest.await?
            }
            Command::LinkCompleted(link) => {
                let token = link.token.as_ref();
                link.verified = token.and_then(|token| self.core.tokens.read(company, token));
                Digest::of_body(name, &body)
            }
            _ => Digest::of_body(name, &body),
        };
        Ok((command, digest))
    }

    /// Keeps and reads an import's file, for those who may import; a repeat is known before it is read,
    /// since what the company's settings say of reading may have changed since.
    async fn prepare_import(
        &self,
        company: &CompanyId,
        import: &mut ImportFile,
        body: &Value,
        envelope: &Envelope,
        authority: Authority,
    ) -> Result<Digest, Reply> {
        let hot = self.hot(company).await;
        let actor = envelope.actor.clone().unwrap_or_default();
        let needed = Permission::BulkImportUsers;
        let look = hot
            .look(move |company| (CompanySays::of(company), company.grants.allows(&actor, needed)));
        let (says, allowed) = look.await.ok_or_else(crate::hot::gone)?;
        let known = self.core.knows(company, envelope.id);
        if authority == Authority::Granted && !allowed && !known {
            let refusal = Refusal::new(Code::AuthPermissionDenied).saying(needed.as_str());
            return Err(no(refusal.with(json!({"permission": needed.as_str()}))));
        }
        let recalled = match known {
            true => self.core.recall(company, envelope.id, &import.files).map_err(no)?,
            false => None,
        };
        let files = match recalled {
            Some(files) => files,
            None => self.core.keep(company, &import.files, authority).await.map_err(no)?,
        };
        let digest = Digest::of_body("ImportFile", &canonical_body(body, &files));
        if let Some(first) = self.core.first_answer(company, envelope.id, digest) {
            return Err(first);
        }
        import.read = Some(self.core.read(import, files, says).await.map_err(no)?);
        Ok(digest)
    }

    async fn ask(
        &self,
        company: &CompanyId,
        mut command: Command,
        body: Digest,
        envelope: Envelope,
        authority: Authority,
    ) -> Answer {
        let id = envelope.id;
        let request = |command: Command| Request {
            command,
            id,
            body: Some(body),
            actor: envelope.actor.clone().unwrap_or_default(),
            authority,
            at: self.core.clock.now(),
            correlation: envelope.correlation,
            traceparent: envelope.traceparent.clone(),
            expected_version: envelope.expected_version,
        };
        let hot = self.hot(company).await;
        let mut reply = hot.ask(request(command.clone())).await;
        if let (Reply::TooLarge, Command::ImportFile(import)) = (&reply, &mut command)
            && let Some(read) = &mut import.read
        {
            // What the rows lead to does not fit beside the acceptance: they follow in the background.
            read.rows.clear();
            reply = hot.ask(request(command)).await;
        }
        answer(id, reply)
    }

    /// The company's task, started if need be. While the handle is held, the company stays in memory.
    pub async fn hot(&self, company: &CompanyId) -> Hot {
        self.alarm.get_or_init(|| {
            let (companies, mut alarm) = (Arc::clone(&self.companies), JoinSet::new());
            alarm.spawn(async move { companies.wake_in_time().await });
            alarm
        });
        self.companies.hot(company).await
    }

    /// Goes on with everything that was going on when the engine was closed or killed.
    pub async fn resume(&self) {
        for company in self.companies() {
            let hot = self.hot(&company).await;
            hot.look(|_| ()).await;
        }
    }

    /// Waits until the company's imports, runs and mails are done.
    pub async fn settle(&self, company: &CompanyId) {
        let hot = self.hot(company).await;
        hot.look(|_| ()).await;
        let mut chores = hot.chores();
        while !chores.borrow_and_update().is_idle() {
            if chores.changed().await.is_err() {
                return;
            }
        }
    }

    /// Builds read models anew from the log, beside those that are read.
    ///
    /// # Errors
    /// What went wrong, in words; the old rows stay.
    pub fn rebuild(&self, tables: &[Table]) -> Result<(), String> {
        self.core.projections.rebuild(tables)
    }

    /// Begins to stop: what goes on by itself comes to a halt; commands and queries are still answered.
    pub fn wind_down(&self) {
        self.core.closing.send_replace(true);
    }

    /// Stops: nothing new is begun, what is decided is appended, the read models are closed in peace.
    pub async fn close(self) {
        drop(self.alarm);
        self.companies.close().await;
        let projections = self.core.projections.clone();
        let _ = tokio::task::spawn_blocking(move || projections.stop()).await;
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("core", &self.core).finish_non_exhaustive()
    }
}

/// The reply to a command that does not reach its company: a fault may pass, a broken rule stays.
fn no(refusal: Refusal) -> Reply {
    if refusal.code == Code::Unavailable {
        Reply::Failed { code: refusal.code, why: refusal.message }
    } else {
        Reply::Refused(refusal)
    }
}

/// The answer that a reply makes.
fn answer(command: CommandId, reply: Reply) -> Answer {
    match reply {
        Reply::Accepted { duplicate, version, position, result, .. } => {
            Answer::Accepted { command, duplicate, version, position, result }
        }
        Reply::Refused(refusal) => Answer::refused(command, refusal),
        Reply::Failed { code, why } => Answer::failed(command, code, &why),
        Reply::TooLarge => {
            let refusal = Refusal::new(Code::EnvelopeMalformed)
                .saying("the command is too large for one commit");
            Answer::refused(command, refusal)
        }
    }
}
