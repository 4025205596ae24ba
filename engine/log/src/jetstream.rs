//! The log in NATS JetStream: one stream, one subject per company, one message per append.
//!
//! `FORMAT.md` describes the messages, decision 0010 gives the reasons. The log has its own thread and its
//! own connection. So a caller that blocks until a read completes does not block the log.

mod api;
mod error;
mod follow;
mod frame;
mod http;
mod open;
mod options;
mod pages;
mod publish;
mod reader;
mod recent;
mod safety;
mod shared;
mod view;

use std::sync::{Arc, Mutex, OnceLock, RwLock};

use boarding_commands::commit::RecordedCommit;
use boarding_commands::values::{CommandId, CompanyId};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use super::{
    AppendError, AppendFuture, CommandLocation, Encoded, EventLog, Head, Location, LogHeads,
    ReadError, Reader,
};
use frame::Stored;
use reader::StreamReader;
use shared::{Inner, wait_on};
use view::View;

pub use error::OpenError;
pub use frame::encode as payload;
pub use open::config as stream_config;
pub use options::Options;

/// The log in a stream. When it is dropped, the outcome of appends in flight is unknown.
#[derive(Debug)]
pub struct JetStreamLog {
    inner: Arc<Inner>,
    /// `Some` until the log is dropped: `drop` must own the runtime to shut it down.
    runtime: Option<Runtime>,
}

impl JetStreamLog {
    /// Opens the log. Blocks until the whole stream is read and every hash is checked.
    ///
    /// # Errors
    /// When no server can be reached. When the server or the stream has lost acknowledged appends, or may lose
    /// them. The message of the error says what to do.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("jetstream-log")
            .enable_all()
            .build()
            .map_err(OpenError::Threads)?;
        let handle = runtime.handle().clone();
        let opening = open_on(handle.clone(), options);
        let stopped = || OpenError::Threads(std::io::Error::other("the thread has stopped"));
        match wait_on(&handle, opening).ok_or_else(stopped).flatten() {
            Ok(inner) => Ok(Self { inner, runtime: Some(runtime) }),
            Err(error) => {
                // The caller may be async code. Dropping a runtime waits for its threads, so it panics in async code.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }
}

async fn open_on(runtime: Handle, options: Options) -> Result<Arc<Inner>, OpenError> {
    let open::Ready { api, state, append_bytes_max } = open::open(&options).await?;
    let view = View { commands_indexed_up_to: options.indexed_up_to, ..View::default() };
    let inner = Arc::new(Inner {
        api,
        runtime: runtime.clone(),
        view: RwLock::new(view),
        end: watch::Sender::new(0),
        append_bytes_max,
        append_locks: Mutex::default(),
        damage: OnceLock::new(),
    });
    follow::read_up_to(&inner, 1, state.last_sequence).await?;
    let (end, seen) = (inner.view().end, options.indexed_up_to);
    // The indexes of this data folder know more commits than the stream holds.
    if end < seen {
        return Err(OpenError::Behind { stream: options.stream, seen, end });
    }
    runtime.spawn(follow::follow(Arc::clone(&inner), state.last_sequence));
    Ok(inner)
}

impl EventLog for JetStreamLog {
    fn is_shared(&self) -> bool {
        true
    }

    /// The append continues after its future is dropped. Otherwise the acknowledgement of the server could be lost.
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

    fn heads(&self) -> Option<LogHeads> {
        None
    }

    fn origin(&self) -> String {
        format!("boarding.log/jetstream/{}", self.inner.api.name)
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

    fn read_at(&self, location: Location) -> Result<RecordedCommit, ReadError> {
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
            // The index holds only hashes, so the commit may belong to another command.
            let is_same = envelope.company == company.as_str() && envelope.command == command;
            let (first_version, body) = (envelope.first_version, envelope.body);
            Ok(is_same.then_some(CommandLocation {
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
    // As in `open`: dropping the runtime itself would panic inside async code.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
