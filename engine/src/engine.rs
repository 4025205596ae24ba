//! The engine: opens a data folder, takes commands, answers queries, and sees to what goes on by itself.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use boarding_commands::code::{Code, Refusal};
use boarding_commands::decide::{Authority, Command};
use boarding_commands::digest::Digest;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::id::{CommandId, CompanyId};
use boarding_projections::rows::Table;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::channel::Channel;
use crate::channel::outbox::Outbox;
use crate::clock::Clock;
use crate::config::HOT_COMPANIES_MAX;
use crate::core::Core;
use crate::data_dir::{DataDir, DataDirError};
use crate::files::{self, Files};
use crate::hot::{Hot, Reply, Request};
use crate::ingest::{CompanySays, canonical_body};
use crate::log::file::{self as file_log, FileLog, OpenError, TornTail};
use crate::projector::{ProjectError, Projections};
use crate::store::{self, Store, StoreError};
use crate::token::Tokens;
use crate::work;

/// A running engine on the embedded log. Dropping it without [`Engine::close`] is like a crash: nothing
/// is lost, the next opening takes longer.
pub struct Engine {
    pub(crate) core: Arc<Core>,
    working: Mutex<HashMap<CompanyId, Working>>,
    found: Found,
    _folder: DataDir,
}

/// A company in memory, with its process managers.
struct Working {
    hot: Hot,
    _managers: JoinSet<()>,
    /// The number of its last use; the lowest goes first.
    used: u64,
}

/// How an engine is opened.
#[derive(Debug)]
pub struct Options {
    /// The data folder; made if it is not there.
    pub data: PathBuf,
    /// Where mails go; by default, into the data folder's outbox.
    pub channel: Option<Arc<dyn Channel>>,
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
        };
        let found = Found { torn_tail, set_aside };
        Ok(Self { core: Arc::new(core), working: Mutex::default(), found, _folder: folder })
    }

    /// What the opening found.
    pub fn found(&self) -> &Found {
        &self.found
    }

    pub fn clock(&self) -> &Clock {
        &self.core.clock
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
        let body = if envelope.body.is_null() { json!({}) } else { envelope.body.clone() };
        match self.prepare(company, name, body).await {
            Ok((command, body)) => self.ask(company, command, body, envelope, authority).await,
            Err(refusal) => Answer::refused(id, refusal),
        }
    }

    /// Reads the command, keeps its files, and adds what only the engine can find out.
    async fn prepare(
        &self,
        company: &CompanyId,
        name: &str,
        body: Value,
    ) -> Result<(Command, Digest), Refusal> {
        let mut command = Command::read(name, body.clone())?;
        let digest = match &mut command {
            Command::ImportFile(import) => {
                let files = self.core.keep(&import.files).await?;
                let digest = Digest::of_body(name, &canonical_body(&body, &files));
                let hot = self.hot(company).await;
                let says = hot.look(CompanySays::of).await.unwrap_or_default();
                import.read = Some(self.core.read(import, files, says).await?);
                digest
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

    /// The company's task, started if need be. A company whose chores are done makes room for another.
    pub async fn hot(&self, company: &CompanyId) -> Hot {
        let mut working = self.working.lock().await;
        let used = working.values().map(|one| one.used).max().unwrap_or(0) + 1;
        if let Some(known) = working.get_mut(company)
            && !known.hot.is_gone()
        {
            known.used = used;
            return known.hot.clone();
        }
        if working.len() >= HOT_COMPANIES_MAX {
            let idle = working.iter().filter(|(_, one)| one.hot.chores().borrow().is_idle());
            let oldest = idle.min_by_key(|(_, one)| one.used).map(|(id, _)| id.clone());
            oldest.map(|id| working.remove(&id));
        }
        let hot = Hot::start(Arc::clone(&self.core), company.clone());
        let managers = work::start(&self.core, &hot, company);
        working.insert(company.clone(), Working { hot: hot.clone(), _managers: managers, used });
        hot
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

    /// Stops: nothing new is begun, what is decided is appended, the read models are closed in peace.
    pub async fn close(self) {
        let working = std::mem::take(&mut *self.working.lock().await);
        for (_, one) in working {
            let Working { hot, _managers: mut managers, .. } = one;
            managers.shutdown().await;
            hot.end().await;
        }
        let projections = self.core.projections.clone();
        let _ = tokio::task::spawn_blocking(move || projections.stop()).await;
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("core", &self.core).finish_non_exhaustive()
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
