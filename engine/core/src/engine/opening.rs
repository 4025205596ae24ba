//! Opens an engine: data folder, log, read models and transport.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::watch;

use crate::acknowledged;
use crate::clock::Clock;
use crate::context::EngineContext;
use crate::data_dir::{DataDir, DataDirError, Secret};
use crate::delivery::Transport;
use crate::delivery::outbox::Outbox;
use crate::delivery::text_gateway::WithTextGateway;
use crate::delivery::token::Tokens;
use crate::derived_copy;
use crate::files::{self, Files};
use crate::known_links::{KnownLinks, OwnLinkPage};
use crate::pending_work::BlockedImports;
use crate::read::projector::{ProjectError, ReadModels};
use crate::read::snapshots::Snapshots;
use crate::read::store::{self, Store, StoreError};
use crate::uploads::Uploads;
use crate::waiting::WaitingMails;
use boarding_audit::{Signing, SigningError, newest_position};
use boarding_log::file::{self as file_log, FileLog, OpenError, TornTail};
use boarding_log::jetstream::{self, JetStreamLog};
use boarding_log::{CompanyDamage, EventLog};

/// Settings for opening an engine.
#[derive(Debug)]
pub struct Options {
    /// The data folder; created if it does not exist.
    pub data: PathBuf,
    /// The log to use. With a log in JetStream the folder holds only derived data, files and the outbox.
    pub log: LogChoice,
    /// The transport for mails; by default the outbox in the data folder.
    pub transport: Option<Arc<dyn Transport>>,
    /// The transport for text messages; by default that of the transport for mails.
    pub texts: Option<Arc<dyn Transport>>,
    /// Whether runs that started with another transport continue with this one; otherwise they wait.
    pub adopt_runs: bool,
    /// Whether runs are carried on. Without it they rest, and the engine only changes and shows them.
    pub carries_runs: bool,
    /// The page of this engine that links in mails lead to, unless a company sets another page.
    pub link_page: Option<OwnLinkPage>,
    /// The link secret that engines share; by default the one in the data folder.
    pub secret: Option<Secret>,
    pub clock: Clock,
}

#[cfg(test)]
impl Options {
    /// An engine on a folder, with its log in files.
    pub(crate) fn of_folder(data: &std::path::Path) -> Self {
        Self {
            data: data.to_owned(),
            log: LogChoice::Files,
            transport: None,
            texts: None,
            adopt_runs: false,
            carries_runs: true,
            link_page: None,
            secret: None,
            clock: Clock::system(),
        }
    }
}

/// The kind of log.
#[derive(Debug, Clone, Default)]
pub enum LogChoice {
    /// Files in the data folder, for one machine.
    #[default]
    Files,
    /// A stream in NATS JetStream, for several machines.
    JetStream(jetstream::Options),
}

/// What opening found, for operators.
#[derive(Debug, Default)]
pub struct OpeningReport {
    /// The torn tail that was cut off. It was never acknowledged.
    pub torn_tail: Option<TornTail>,
    /// The new path of unusable read models. They are rebuilt.
    pub set_aside: Option<PathBuf>,
    /// The log's folder that this one was copied from while that was in use. The log was completed from there.
    pub completed_from: Option<PathBuf>,
    /// The companies that lost commits by damage. They can be read up to the damage, and take no commands.
    pub damaged: Vec<CompanyDamage>,
}

/// Why a data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Folder(#[from] DataDirError),
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    JetStream(#[from] jetstream::OpenError),
    #[error(
        "open {} with a log in JetStream: it holds its own log; use another data folder, or move the log with `boarding move --to jetstream`", folder.display()
    )]
    HasItsOwnLog { folder: PathBuf },
    #[error(
        "open the log in the files of {}: the log is in {to}, and the files may hold only a beginning of it; open it there, or bring it back with `boarding move --from jetstream --data {0} --nats URL`", folder.display()
    )]
    Moved { folder: PathBuf, to: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    ReadModels(#[from] ProjectError),
    #[error("open the outbox in {}", folder.display())]
    Outbox { folder: PathBuf, source: io::Error },
    #[error("sweep the files in {}", folder.display())]
    Sweep { folder: PathBuf, source: io::Error },
    #[error("read the log in {}: it has none, the log is perhaps in JetStream", folder.display())]
    NoLogToRead { folder: PathBuf },
}

impl EngineError {
    /// Whether the stored log is damaged, as opposed to a temporary fault.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Log(error) => error.is_damage(),
            Self::JetStream(error) => error.is_damage(),
            Self::ReadModels(ProjectError::LogIsShorter { .. }) => true,
            _ => false,
        }
    }

    /// Whether the folder can be read although it cannot be opened: another process uses it, or it cannot be written.
    pub fn hinders_only_writing(&self) -> bool {
        if matches!(self, Self::Folder(DataDirError::InUse { .. })) {
            return true;
        }
        let mut cause: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return matches!(
                    error.kind(),
                    io::ErrorKind::ReadOnlyFilesystem
                        | io::ErrorKind::PermissionDenied
                        | io::ErrorKind::StorageFull
                        | io::ErrorKind::QuotaExceeded
                        | io::ErrorKind::FileTooLarge
                );
            }
            cause = error.source();
        }
        false
    }
}

/// Opens a data folder. Blocks on the disk and the network: it checks the whole log.
///
/// # Errors
/// When the folder is in use, has a newer format or is damaged, or when the NATS servers are not safe. The
/// message says what to do.
pub(super) fn open(options: Options) -> Result<(EngineContext, OpeningReport), EngineError> {
    let Options { data, log, transport, texts, adopt_runs, carries_runs, link_page, secret, clock } =
        options;
    let mut folder = match log {
        LogChoice::Files => DataDir::open(&data)?,
        LogChoice::JetStream(_) => DataDir::open_without_log(&data)?,
    };
    if let Some(secret) = &secret {
        folder.adopt_secret(secret);
    }
    check_place(&log, &folder)?;
    let files = folder.files();
    files::sweep(&files).map_err(|source| EngineError::Sweep { folder: files.clone(), source })?;
    let open_both = || {
        let (store, opened) = Store::open(&folder.derived())?;
        // Without a store the log keeps all commands in memory.
        let indexed_up_to = store.read_meta().map_or(0, |meta| meta.position);
        let opened_log = open_log(log.clone(), &folder, &clock, indexed_up_to)?;
        Ok::<_, EngineError>((store, opened, opened_log))
    };
    let (mut store, mut opened, mut opened_log) = open_both()?;
    let damage_text = opened_log.log.damage_text();
    // Rows behind the damage must not be shown, and those that were lost come back with a repair.
    if folder.is_derived_of_other_damage(&damage_text)? {
        check_position(&store, &*opened_log.log)?;
        drop((store, opened_log));
        folder.begin_derived(&damage_text)?;
        (store, opened, opened_log) = open_both()?;
    }
    let OpenedLog { log, torn_tail, completed_from } = opened_log;
    let former_outbox = match transport {
        Some(_) => Outbox::existing(&folder.outbox()),
        None => None,
    };
    let transport = match transport {
        Some(transport) => transport,
        None => {
            let outbox = folder.outbox();
            let opened = Outbox::open(&outbox);
            Arc::new(opened.map_err(|source| EngineError::Outbox { folder: outbox, source })?)
        }
    };
    let transport: Arc<dyn Transport> = match texts {
        Some(texts) => Arc::new(WithTextGateway::new(transport, texts)),
        None => transport,
    };
    let set_aside = match opened {
        store::Opened::Empty { set_aside } => set_aside,
        store::Opened::Kept | store::Opened::Waiting => None,
    };
    let damaged = report_damage(&*log);
    let signing = open_signing(&folder, &*log, &clock);
    let parts = Parts {
        folder,
        log,
        store,
        transport,
        former_outbox,
        signing,
        clock,
        link_page,
        secret,
        adopt_runs,
        carries_runs,
    };
    let context = build(parts)?;
    context.uploads.sweep(true);
    derived_copy::remove_all_left();
    Ok((context, OpeningReport { torn_tail, set_aside, completed_from, damaged }))
}

/// Logs the damage of the log, and returns the companies that lost commits.
fn report_damage(log: &dyn EventLog) -> Vec<CompanyDamage> {
    let damaged = log.damaged_companies();
    for damage in &damaged {
        tracing::error!(company = %damage.company, damage = %damage, "company takes no commands");
    }
    if let Some(damage) = log.further_damage() {
        tracing::error!(damage, "the log is damaged");
    }
    damaged
}

/// Checks that the rows are not ahead of the log: their position is right, also if the log has lost commits before it.
pub(super) fn check_position(store: &Store, log: &dyn EventLog) -> Result<(), EngineError> {
    let (seen, end) = (store.read_meta().map_or(0, |meta| meta.position), log.end());
    if seen > end {
        return Err(ProjectError::LogIsShorter { seen, end }.into());
    }
    Ok(())
}

/// What an engine is built from.
pub(super) struct Parts {
    pub(super) folder: DataDir,
    pub(super) log: Arc<dyn EventLog>,
    pub(super) store: Store,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) former_outbox: Option<Outbox>,
    pub(super) signing: Option<Signing>,
    pub(super) clock: Clock,
    pub(super) link_page: Option<OwnLinkPage>,
    pub(super) secret: Option<Secret>,
    pub(super) adopt_runs: bool,
    pub(super) carries_runs: bool,
}

/// Starts the read models and builds the context.
pub(super) fn build(parts: Parts) -> Result<EngineContext, EngineError> {
    let Parts { folder, log, store, clock, .. } = parts;
    // The time of the log never goes back, even if the machine's clock did.
    if let Ok(Some(last)) = log.read_all(log.end()).next() {
        clock.not_before(last.recorded.commit.at);
    }
    Ok(EngineContext {
        read_models: ReadModels::follow(Arc::clone(&log), store.clone())?,
        log,
        store,
        snapshots: Snapshots::inside(&folder.derived()),
        files: Files::new(folder.files()),
        uploads: Uploads::inside(folder.path(), clock.clone()),
        tokens: Tokens::new(*parts.secret.as_ref().unwrap_or(folder.secret()).bytes()),
        clock,
        link_page: parts.link_page,
        known_links: KnownLinks::default(),
        transport: parts.transport,
        signing: Mutex::new(parts.signing),
        former_outbox: parts.former_outbox,
        adopt_runs: parts.adopt_runs,
        carries_runs: parts.carries_runs.into(),
        waiting: WaitingMails::default(),
        blocked: BlockedImports::default(),
        ownership: OnceLock::new(),
        append_guard: OnceLock::new(),
        objects: OnceLock::new(),
        refused: OnceLock::new(),
        closing: watch::Sender::new(false),
        folder,
    })
}

/// Checks that the log is where the options say, before any file is opened or created.
pub(super) fn check_place(choice: &LogChoice, folder: &DataDir) -> Result<(), EngineError> {
    let path = || folder.path().to_owned();
    match (choice, folder.moved_to()?) {
        (LogChoice::Files, Some(to)) => Err(EngineError::Moved { folder: path(), to }),
        (LogChoice::JetStream(_), None) if folder.has_log()? => {
            Err(EngineError::HasItsOwnLog { folder: path() })
        }
        _ => Ok(()),
    }
}

/// The log, and what opening found.
struct OpenedLog {
    log: Arc<dyn EventLog>,
    torn_tail: Option<TornTail>,
    completed_from: Option<PathBuf>,
}

/// Opens the chosen log.
fn open_log(
    choice: LogChoice,
    folder: &DataDir,
    clock: &Clock,
    indexed_up_to: u64,
) -> Result<OpenedLog, EngineError> {
    match choice {
        LogChoice::Files => {
            let options = options_of_files(folder, clock, indexed_up_to)?;
            let file_log::Opened { log, torn, completed_from, .. } =
                FileLog::open(&folder.log(), options)?;
            Ok(OpenedLog { log: Arc::new(log), torn_tail: torn, completed_from })
        }
        LogChoice::JetStream(options) => {
            // A moved log has commits, so an empty stream is another one or was lost.
            let at_least = u64::from(folder.moved_to()?.is_some());
            let indexed_up_to = indexed_up_to.max(at_least);
            let options = jetstream::Options { indexed_up_to, ..options };
            let log = Arc::new(JetStreamLog::open(options)?);
            Ok(OpenedLog { log, torn_tail: None, completed_from: None })
        }
    }
}

/// The options of a log in files, with the positions that other files of the folder name.
pub(super) fn options_of_files(
    folder: &DataDir,
    clock: &Clock,
    indexed_up_to: u64,
) -> Result<file_log::Options, EngineError> {
    let mut options = file_log::Options::new(clock.now());
    options.commands_indexed_up_to = indexed_up_to;
    let log = match file_log::log_id(&folder.log()) {
        // Opening the log decides what damage it can have.
        Err(error) if error.is_damage() => None,
        found => found?,
    };
    let origin = log.map(|log| file_log::origin(&log));
    let (audit, origin) = (folder.audit(), origin.as_deref());
    options.answered_up_to = acknowledged::answered_up_to(&audit, origin);
    // A copy may be completed up to a position that only a hint names.
    let hint = origin.and_then(|origin| newest_position(&audit, origin)).unwrap_or(0);
    options.expected_end = indexed_up_to.max(options.answered_up_to).max(hint);
    Ok(options)
}

/// Opens the key that signs checkpoints. Without it the engine works and signs nothing.
fn open_signing(folder: &DataDir, log: &dyn EventLog, clock: &Clock) -> Option<Signing> {
    log.heads()?;
    let opened = Signing::open(&folder.audit(), &log.origin(), clock.now());
    let report = |error: &SigningError| {
        let error = boarding_log::error_chain(error);
        tracing::error!(error, "the signing key cannot be used: no checkpoints are signed");
    };
    opened.inspect_err(report).ok()
}
