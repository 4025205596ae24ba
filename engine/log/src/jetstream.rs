//! The log in NATS JetStream: one stream, one subject per company, one message per append.
//!
//! `FORMAT.md` describes the messages, decision 0010 gives the reasons. The log has its own thread and its
//! own connection, so a caller that blocks on it cannot block the log itself.

mod api;
mod error;
mod follow;
mod frame;
mod http;
mod open;
mod pages;
mod publish;
mod reader;
mod recent;
mod safety;
mod view;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{
    Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc,
};

use boarding_commands::commit::Recorded;
use boarding_commands::values::{CommandId, CompanyId};
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::sync::watch;

use super::{
    AppendError, AppendFuture, CommandLocation, Encoded, EventLog, Head, Location, ReadError,
    Reader,
};
use crate::connect::ServerAddress;
use api::Api;
use frame::{Message, Stored};
use reader::StreamReader;
use view::View;

pub use error::OpenError;
pub use frame::encode as payload;
pub use open::config as stream_config;

/// The default name of the stream.
const LOG_STREAM: &str = "BOARDING_LOG";

/// The prefix of the subjects of the log; a company id follows. Only engines may use them.
const SUBJECTS: &str = "boarding.log.v1";

/// Settings for opening a log in JetStream.
#[derive(Debug, Clone)]
pub struct Options {
    pub server: ServerAddress,
    pub stream: String,
    /// The prefix of its subjects; a company id follows.
    pub subjects: String,
    /// The number of replicas of a new stream; by default three in a cluster.
    pub copies: Option<usize>,
    /// Whether one replica in a cluster is accepted.
    pub accept_one_copy: bool,
    /// The monitoring addresses of the servers, `http://host[:port]`.
    pub monitors: Vec<String>,
    /// Whether a server without a monitoring address is accepted, although its sync setting is unknown.
    pub accept_unknown_sync: bool,
    /// A position that the log has reached before. The caller has an index of the commands up to it.
    pub indexed_up_to: u64,
}

impl Options {
    pub fn new(server: ServerAddress) -> Self {
        Self {
            server,
            stream: LOG_STREAM.to_owned(),
            subjects: SUBJECTS.to_owned(),
            copies: None,
            accept_one_copy: false,
            monitors: Vec::new(),
            accept_unknown_sync: false,
            indexed_up_to: 0,
        }
    }
}

/// The log in a stream. Dropping it leaves the outcome of running appends unknown.
#[derive(Debug)]
pub struct JetStreamLog {
    inner: Arc<Inner>,
    /// `Some` until the log is dropped.
    runtime: Option<Runtime>,
}

/// The state that the log, its readers and its tasks share.
#[derive(Debug)]
struct Inner {
    api: Api,
    /// Runs requests to the server.
    runtime: Handle,
    view: RwLock<View>,
    end: watch::Sender<u64>,
    append_bytes_max: usize,
    /// One lock per company: appends of a company run one after the other.
    turns: Mutex<HashMap<CompanyId, Arc<tokio::sync::Mutex<()>>>>,
    /// The damage of the stream, once it is found. Appends are rejected from then on.
    damage: OnceLock<String>,
}

impl JetStreamLog {
    /// Opens the log: reads the whole stream and checks every hash. It blocks.
    ///
    /// # Errors
    /// When there is no connection, or when the server or the stream may lose acknowledged appends or has
    /// lost some. The message says what to do.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("jetstream-log")
            .enable_all()
            .build()
            .map_err(OpenError::Threads)?;
        let handle = runtime.handle().clone();
        let opening = open_on(handle.clone(), options);
        let stopped = || OpenError::Threads(std::io::Error::other("they have stopped"));
        match wait_on(&handle, opening).ok_or_else(stopped).flatten() {
            Ok(inner) => Ok(Self { inner, runtime: Some(runtime) }),
            Err(error) => {
                // Waiting for a runtime to stop panics inside async code.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }
}

async fn open_on(runtime: Handle, options: Options) -> Result<Arc<Inner>, OpenError> {
    let open::Ready { api, state, append_bytes_max } = open::open(&options).await?;
    let view = View { commands_from: options.indexed_up_to, ..View::default() };
    let inner = Arc::new(Inner {
        api,
        runtime: runtime.clone(),
        view: RwLock::new(view),
        end: watch::Sender::new(0),
        append_bytes_max,
        turns: Mutex::default(),
        damage: OnceLock::new(),
    });
    follow::read_up_to(&inner, 1, state.last_sequence).await?;
    let (end, seen) = (inner.view().end, options.indexed_up_to);
    if end < seen {
        return Err(OpenError::Behind { stream: options.stream, seen, end });
    }
    runtime.spawn(follow::follow(Arc::clone(&inner), state.last_sequence));
    Ok(inner)
}

impl Inner {
    // A panic cannot leave the view half changed, since only inserts that cannot fail change it. So a
    // poisoned lock is used on.
    fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message to the view and publishes the new end.
    fn apply(&self, message: &Message) -> Result<(), String> {
        let mut view = self.view_mut();
        view.apply(message)?;
        let end = view.end;
        self.end.send_if_modified(|published| {
            let rises = *published < end;
            *published = end.max(*published);
            rises
        });
        Ok(())
    }

    /// The lock that serializes the appends of a company.
    fn append_lock(&self, company: &CompanyId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(company.clone()).or_default())
    }

    /// Records that the stream is damaged.
    fn damaged(&self, what: String) -> AppendError {
        let what = self.damage.get_or_init(|| what).clone();
        AppendError::Damaged { stream: self.api.name.clone(), what }
    }

    fn check_whole(&self) -> Result<(), AppendError> {
        match self.damage.get() {
            None => Ok(()),
            Some(what) => Err(self.damaged(what.clone())),
        }
    }

    /// Blocks until a request about the message `sequence` completes.
    fn wait<T: Send + 'static>(
        &self,
        sequence: u64,
        asking: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let stream = || self.api.name.clone();
        wait_on(&self.runtime, asking).ok_or_else(|| ReadError::Unavailable {
            stream: stream(),
            sequence,
            why: "the log is closed".to_owned(),
        })
    }
}

/// Runs a future on the thread of the log and blocks until it completes. Returns `None` if the thread has
/// stopped. On a multi-threaded runtime of the caller, other tasks continue.
fn wait_on<T: Send + 'static>(
    runtime: &Handle,
    asking: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        let _ = sender.send(asking.await);
    });
    let has_threads = |here: Handle| here.runtime_flavor() == RuntimeFlavor::MultiThread;
    if Handle::try_current().is_ok_and(has_threads) {
        tokio::task::block_in_place(|| receiver.recv()).ok()
    } else {
        receiver.recv().ok()
    }
}

impl EventLog for JetStreamLog {
    /// Continues when the future is dropped, so that the acknowledgement of the server is not lost.
    fn append(&self, commits: Vec<Encoded>) -> AppendFuture<'_> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let appending = inner.runtime.spawn(publish::append(Arc::clone(&inner), commits));
            appending.await.unwrap_or(Err(AppendError::Closed))
        })
    }

    fn append_bytes_max(&self) -> usize {
        self.inner.append_bytes_max
    }

    fn head(&self, company: &CompanyId) -> Head {
        self.inner.view().company_head(company).head
    }

    fn companies(&self) -> Vec<CompanyId> {
        self.inner.view().companies.keys().cloned().collect()
    }

    fn end(&self) -> u64 {
        self.inner.view().end
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.inner.end.subscribe()
    }

    fn read_all(&self, position: u64) -> Box<dyn Reader> {
        Box::new(StreamReader::all(Arc::clone(&self.inner), position))
    }

    fn read_company(&self, company: &CompanyId, version: u64) -> Box<dyn Reader> {
        Box::new(StreamReader::company(Arc::clone(&self.inner), company.clone(), version))
    }

    fn read_at(&self, location: Location) -> Result<Recorded, ReadError> {
        reader::stored_at(&self.inner, location, |stored| stored.recorded())
    }

    fn find_command(
        &self,
        company: &CompanyId,
        command: CommandId,
    ) -> Result<Option<CommandLocation>, ReadError> {
        let found = self.inner.view().commands.find(company, command);
        let Some(location) = found else { return Ok(None) };
        reader::stored_at(&self.inner, location, |stored| {
            let Stored { position, envelope, .. } = stored;
            let is_it = envelope.company == company.as_str() && envelope.command == command;
            let (first_version, body) = (envelope.first_version, envelope.body);
            Ok(is_it.then_some(CommandLocation {
                first_version,
                body,
                position: *position,
                location,
            }))
        })
    }

    fn forget_commands_up_to(&self, position: u64) {
        self.inner.view_mut().forget_commands_up_to(position);
    }
}

impl Drop for JetStreamLog {
    // As in `open`: waiting for a runtime to stop panics inside async code.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
