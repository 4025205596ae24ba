//! The log in NATS JetStream, for more than one machine: one stream, one subject a company, one message an
//! append.
//!
//! `FORMAT.md` describes the messages, decision 0010 why it is so. The log has threads and a connection of
//! its own: whoever waits for it blocks nothing that it needs to go on.

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

/// The stream of the log, unless another is named.
const LOG_STREAM: &str = "BOARDING_LOG";

/// What the subjects of the log begin with; a company's id follows. Only engines may use them.
const SUBJECTS: &str = "boarding.log.v1";

/// How a log in JetStream is opened.
#[derive(Debug, Clone)]
pub struct Options {
    pub server: ServerAddress,
    pub stream: String,
    /// What its subjects begin with; a company's id follows.
    pub subjects: String,
    /// How many servers keep the stream, when it is made; three in a cluster unless given.
    pub copies: Option<usize>,
    /// Whether one copy in a cluster will do.
    pub accept_one_copy: bool,
    /// The monitoring addresses of the servers, `http://host[:port]`.
    pub monitors: Vec<String>,
    /// Whether servers that no monitoring address speaks for are taken to keep what they acknowledge.
    pub accept_unknown_sync: bool,
    /// The log reached this position before, and commands up to it are found elsewhere.
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

/// The log in a stream. Dropping it leaves open what becomes of appends that are under way.
#[derive(Debug)]
pub struct JetStreamLog {
    inner: Arc<Inner>,
    /// There until the log is dropped.
    runtime: Option<Runtime>,
}

/// What the log, its readers and its tasks share.
#[derive(Debug)]
struct Inner {
    api: Api,
    /// Where questions to the server are asked.
    runtime: Handle,
    view: RwLock<View>,
    end: watch::Sender<u64>,
    append_bytes_max: usize,
    /// Held by the company's append that is under way.
    turns: Mutex<HashMap<CompanyId, Arc<tokio::sync::Mutex<()>>>>,
    /// What is wrong with the stream, once anything is: nothing is appended any more.
    damage: OnceLock<String>,
}

impl JetStreamLog {
    /// Opens the log: reads the whole stream and checks every hash. Blocks.
    ///
    /// # Errors
    /// When there is no connection; when the server or the stream may lose what was acknowledged, or has
    /// lost it already. The message says what to do.
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
                // A runtime must not be waited for where async code runs.
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
    /// A panic cannot leave the view half changed: it is changed only by inserts that do not fail.
    fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a message and tells of it.
    fn take(&self, message: &Message) -> Result<(), String> {
        let mut view = self.view_mut();
        view.take(message)?;
        let end = view.end;
        self.end.send_if_modified(|told| {
            let moves = *told < end;
            *told = end.max(*told);
            moves
        });
        Ok(())
    }

    /// The lock that a company's appends take one after the other.
    fn turn(&self, company: &CompanyId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(company.clone()).or_default())
    }

    /// Remembers that the stream is not what it was.
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

    /// Waits for a question about the message `sequence`.
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

/// Runs this on the log's own threads and blocks until it is done; nothing if they have stopped. The caller
/// may be a thread of another runtime: what else runs there goes on, if that has more threads than one.
fn wait_on<T: Send + 'static>(
    runtime: &Handle,
    asking: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (tell, told) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        let _ = tell.send(asking.await);
    });
    let has_threads = |here: Handle| here.runtime_flavor() == RuntimeFlavor::MultiThread;
    if Handle::try_current().is_ok_and(has_threads) {
        tokio::task::block_in_place(|| told.recv()).ok()
    } else {
        told.recv().ok()
    }
}

impl EventLog for JetStreamLog {
    /// Goes on when the future is dropped, so that what the server answers is not lost.
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
    /// As in [`JetStreamLog::open`]: a runtime must not be waited for here.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
