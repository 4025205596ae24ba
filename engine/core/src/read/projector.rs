//! The projector: a thread that applies the log to read models, in atomic batches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak, mpsc};
use std::thread;
use std::time::Duration;

use boarding_commands::values::{CommandId, CompanyId};
use boarding_projections::projection::ProjectionError;
use boarding_projections::projectors;
use boarding_projections::rows::{StagedRows, Table};
use tokio::sync::watch;

use crate::limits::{FLUSH_AFTER_BATCHES, POLL_LOG_MILLIS, PROJECT_EVENTS_MAX, RETRY_MILLIS};
use crate::read::store::{Meta, Store, StoreError, View, command_key};
use boarding_log::{Entry, EventLog, Location, ReadError, Reader};

/// Why the read models have stopped. Commands still work; queries fail with this text.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("read the log for the read models")]
    Log(#[source] ReadError),
    #[error("keep the read models")]
    Store(#[source] StoreError),
    #[error("start the thread of the read models")]
    Thread(#[source] std::io::Error),
    #[error("project an event")]
    Stopped(#[source] ProjectionError),
    /// The rows contain events that the log lacks: the log was truncated or replaced.
    #[error(
        "the read models have seen position {seen} and the log ends at {end}: the log has lost its end; restore it from a backup"
    )]
    LogIsShorter { seen: u64, end: u64 },
    /// The last applied commit differs from the log.
    #[error(
        "the read models end at position {seen} with another commit than the log: they belong to another log; use the data folder that belongs to it"
    )]
    OtherLog { seen: u64 },
}

impl From<ReadError> for ProjectError {
    fn from(error: ReadError) -> Self {
        Self::Log(error)
    }
}

impl From<StoreError> for ProjectError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A handle of the read models.
#[derive(Debug, Clone)]
pub struct ReadModels {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    view: RwLock<View>,
    /// The last applied position, or an error text once the thread has stopped.
    seen: watch::Sender<Result<u64, Arc<str>>>,
    requests: mpsc::Sender<ProjectorRequest>,
    /// Whether a notification is pending already: one is enough.
    notified: AtomicBool,
    thread: std::sync::Mutex<Option<thread::JoinHandle<()>>>,
}

/// A message to the thread.
#[derive(Debug)]
enum ProjectorRequest {
    /// The log has grown.
    Refresh,
    Rebuild(Vec<Table>, mpsc::Sender<Result<(), String>>),
    Stop,
}

impl ReadModels {
    /// Starts to follow the log after the last applied position. Tables with a changed projection are rebuilt
    /// first.
    ///
    /// # Errors
    /// When the rows are ahead of the log, or the store fails.
    pub fn follow(log: Arc<dyn EventLog>, store: Store) -> Result<Self, ProjectError> {
        let meta = store.read_meta()?;
        if meta.position > log.end() {
            return Err(ProjectError::LogIsShorter { seen: meta.position, end: log.end() });
        }
        check_same_log(&*log, &store, meta.position)?;
        log.forget_commands_up_to(meta.position);
        let (requests, received) = mpsc::channel();
        let lease = Arc::new(());
        let shared = Arc::new(Shared {
            view: RwLock::new(store.view(meta.clone(), &lease)),
            seen: watch::Sender::new(Ok(meta.position)),
            store,
            requests,
            notified: AtomicBool::new(false),
            thread: std::sync::Mutex::new(None),
        });
        let (retired, unflushed) = (Vec::new(), 0);
        let follower =
            Follower { log, shared: Arc::clone(&shared), meta, lease, retired, unflushed };
        let thread = thread::Builder::new()
            .name("projector".to_owned())
            .spawn(move || follower.run(&received))
            .map_err(ProjectError::Thread)?;
        *shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Self { shared })
    }

    /// A view of the current rows.
    pub fn view(&self) -> View {
        self.shared.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last applied position, as it changes, or an error text once the thread has stopped.
    pub fn seen(&self) -> watch::Receiver<Result<u64, Arc<str>>> {
        self.shared.seen.subscribe()
    }

    /// Notifies the thread that the log has grown.
    pub fn refresh(&self) {
        if !self.shared.notified.swap(true, Ordering::AcqRel) {
            let _ = self.shared.requests.send(ProjectorRequest::Refresh);
        }
    }

    /// Rebuilds tables from the log, then replaces the old ones. Queries use the old ones until then.
    ///
    /// # Errors
    /// A text with the cause; the old rows stay.
    pub fn rebuild(&self, tables: &[Table]) -> Result<(), String> {
        let (done, wait) = mpsc::channel();
        let gone = |_| "the read models have stopped".to_owned();
        self.shared
            .requests
            .send(ProjectorRequest::Rebuild(tables.to_vec(), done))
            .map_err(|_| gone(()))?;
        wait.recv().map_err(|_| gone(()))?
    }

    /// Where the commit of a command is stored; `None` if it is unknown or not applied yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn find_command(
        &self,
        company: &CompanyId,
        command: CommandId,
    ) -> Result<Option<Location>, StoreError> {
        let bytes = self.shared.store.get_raw(&command_key(company, command))?;
        Ok(bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(|bytes| Location(u64::from_be_bytes(bytes))))
    }

    /// Stops the thread after its batch.
    pub fn end(&self) {
        let _ = self.shared.requests.send(ProjectorRequest::Stop);
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// Stops the thread after its batch and closes the store cleanly.
    pub fn stop(&self) {
        self.end();
        if let Err(error) = self.shared.store.close() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "closing the read models failed, they are rebuilt after a restart of the machine"
            );
        }
    }
}

/// Builds that were replaced together, by table and number.
struct Retired {
    lease: Weak<()>,
    builds: Vec<(Table, u8)>,
}

/// The state of the thread.
struct Follower {
    log: Arc<dyn EventLog>,
    shared: Arc<Shared>,
    meta: Meta,
    /// Batches since the last flush: unflushed data uses memory.
    unflushed: u32,
    /// The lease that every view of the current builds holds.
    lease: Arc<()>,
    /// Replaced builds, and the lease of the views that may still read them.
    retired: Vec<Retired>,
}

impl Follower {
    fn run(mut self, received: &mpsc::Receiver<ProjectorRequest>) {
        if let Err(error) = self.work(received) {
            let text = boarding_log::error_chain(&error);
            tracing::error!(%text, "read models stopped");
            drop(self.shared.seen.send_replace(Err(text.into())));
        }
    }

    fn work(&mut self, received: &mpsc::Receiver<ProjectorRequest>) -> Result<(), ProjectError> {
        for (table, build) in self.shared.store.forgotten_builds(&self.meta)? {
            self.shared.store.remove_build(table, build)?;
        }
        let outdated = self.meta.outdated();
        if !outdated.is_empty() {
            self.rebuild(&outdated)?;
        }
        let mut reader = self.log.read_all(self.meta.position + 1);
        loop {
            let notified = match self.catch_up(&mut *reader) {
                Ok(()) => Some(self.rest(received)),
                // A log on the network may be unreachable for a while.
                Err(ProjectError::Log(error)) if error.is_transient() => {
                    let text = boarding_log::error_chain(&error);
                    tracing::warn!(%text, "reading the log failed, retrying");
                    match received.recv_timeout(Duration::from_millis(RETRY_MILLIS)) {
                        Ok(notified) => Some(notified),
                        Err(mpsc::RecvTimeoutError::Timeout) => continue,
                        Err(mpsc::RecvTimeoutError::Disconnected) => None,
                    }
                }
                Err(error) => return Err(error),
            };
            match notified {
                Some(ProjectorRequest::Refresh) => {
                    self.shared.notified.store(false, Ordering::Release);
                }
                Some(ProjectorRequest::Rebuild(tables, done)) => {
                    let rebuilt = self.rebuild(&tables);
                    let _ = done.send(rebuilt.map_err(|error| boarding_log::error_chain(&error)));
                }
                Some(ProjectorRequest::Stop) | None => return Ok(()),
            }
        }
    }

    /// Waits for a message, or until another writer has appended.
    fn rest(&self, received: &mpsc::Receiver<ProjectorRequest>) -> ProjectorRequest {
        loop {
            match received.recv_timeout(Duration::from_millis(POLL_LOG_MILLIS)) {
                Ok(requests) => return requests,
                Err(mpsc::RecvTimeoutError::Disconnected) => return ProjectorRequest::Stop,
                Err(mpsc::RecvTimeoutError::Timeout) if self.log.end() > self.meta.position => {
                    return ProjectorRequest::Refresh;
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Applies the rest of the log and removes unused builds.
    fn catch_up(&mut self, reader: &mut dyn Reader) -> Result<(), ProjectError> {
        while self.batch(reader)? {}
        self.sweep()
    }

    /// Applies one batch. Returns whether there was one.
    fn batch(&mut self, reader: &mut dyn Reader) -> Result<bool, ProjectError> {
        let entries = next_entries(reader, u64::MAX)?;
        let Some(last) = entries.last() else { return Ok(false) };
        let mut meta = self.meta.clone();
        meta.position = last.recorded.last_position();
        let view = self.shared.store.view(self.meta.clone(), &self.lease);
        let mut batch = sled::Batch::default();
        let every: Vec<Table> = projectors().map(|one| one.table).collect();
        stage(&view, &entries, &every, &mut batch)?;
        for entry in &entries {
            let commit = &entry.recorded.commit;
            let key = command_key(&commit.company, commit.command);
            batch.insert(key, &entry.location.0.to_be_bytes());
        }
        self.shared.store.stage_meta(&meta, &mut batch)?;
        self.shared.store.apply(batch)?;
        self.unflushed += 1;
        if self.unflushed >= FLUSH_AFTER_BATCHES {
            self.shared.store.flush()?;
            self.unflushed = 0;
        }
        self.log.forget_commands_up_to(meta.position);
        self.adopt(meta);
        Ok(true)
    }

    fn adopt(&mut self, meta: Meta) {
        self.meta = meta;
        let view = self.shared.store.view(self.meta.clone(), &self.lease);
        *self.shared.view.write().unwrap_or_else(PoisonError::into_inner) = view;
        drop(self.shared.seen.send_replace(Ok(self.meta.position)));
    }

    /// Rebuilds tables up to the position of the others.
    fn rebuild(&mut self, tables: &[Table]) -> Result<(), ProjectError> {
        let old = self.meta.clone();
        let meta = old.rebuilt(tables);
        for &table in tables {
            self.shared.store.remove_build(table, meta.build(table))?;
        }
        let lease = Arc::new(());
        let view = self.shared.store.view(meta.clone(), &lease);
        let mut reader = self.log.read_all(1);
        loop {
            let entries = next_entries(&mut *reader, meta.position)?;
            if entries.is_empty() {
                break;
            }
            let mut batch = sled::Batch::default();
            stage(&view, &entries, tables, &mut batch)?;
            self.shared.store.apply(batch)?;
        }
        let mut batch = sled::Batch::default();
        self.shared.store.stage_meta(&meta, &mut batch)?;
        self.shared.store.apply(batch)?;
        let before = std::mem::replace(&mut self.lease, lease);
        let builds = tables.iter().map(|&table| (table, old.build(table))).collect();
        self.retired.push(Retired { lease: Arc::downgrade(&before), builds });
        self.adopt(meta);
        Ok(())
    }

    /// Removes replaced builds that no query reads any more.
    fn sweep(&mut self) -> Result<(), ProjectError> {
        let (over, read) = std::mem::take(&mut self.retired)
            .into_iter()
            .partition(|one| one.lease.strong_count() == 0);
        self.retired = read;
        for (table, build) in Vec::into_iter(over).flat_map(|one: Retired| one.builds) {
            self.shared.store.remove_build(table, build)?;
        }
        Ok(())
    }
}

/// Whether the log has the last applied commit at the same location.
fn check_same_log(log: &dyn EventLog, store: &Store, seen: u64) -> Result<(), ProjectError> {
    if seen == 0 {
        return Ok(());
    }
    let other = ProjectError::OtherLog { seen };
    let Some(Entry { location, recorded }) = log.read_all(seen).next()? else { return Err(other) };
    let key = command_key(&recorded.commit.company, recorded.commit.command);
    let known = store.get_raw(&key)?;
    let is_same = recorded.last_position() == seen
        && known.is_some_and(|known| known.as_slice() == location.0.to_be_bytes());
    if is_same { Ok(()) } else { Err(other) }
}

/// Reads commits of about one batch up to this position. Returns the commits before a fault. The
/// next call then returns the fault.
fn next_entries(reader: &mut dyn Reader, end: u64) -> Result<Vec<Entry>, ReadError> {
    let (mut entries, mut events) = (Vec::new(), 0);
    while events < PROJECT_EVENTS_MAX {
        match reader.next() {
            Ok(Some(entry)) if entry.recorded.position <= end => {
                events += entry.recorded.commit.span();
                entries.push(entry);
            }
            Err(error) if entries.is_empty() => return Err(error),
            _ => break,
        }
    }
    Ok(entries)
}

fn stage(
    view: &View,
    entries: &[Entry],
    tables: &[Table],
    batch: &mut sled::Batch,
) -> Result<(), ProjectError> {
    let mut staged = StagedRows::over(view);
    let projectors: Vec<_> = projectors().filter(|one| tables.contains(&one.table)).collect();
    for fact in entries.iter().flat_map(|entry| entry.recorded.facts()) {
        for projector in &projectors {
            projector.apply(&fact, &mut staged).map_err(ProjectError::Stopped)?;
        }
    }
    view.stage(staged.into_changes(), batch);
    Ok(())
}
