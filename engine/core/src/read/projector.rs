//! The projector: a thread that applies the log to read models, in atomic batches.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak, mpsc};
use std::thread;
use std::time::Duration;

use boarding_commands::values::{CommandId, CompanyId};
use boarding_projections::projectors;
use boarding_projections::rows::Table;
use tokio::sync::watch;

use crate::limits::{
    POLL_LOG_MILLIS, PROJECT_BEHIND_EVENTS_MAX, PROJECT_PAUSE_MILLIS, RETRY_MILLIS,
};
use crate::read::store::view::View;
use crate::read::store::{Meta, Store, StoreError, command_key};
use boarding_log::{CommandIndex, EventLog, Location, Reader};

mod error;
mod log_batch;
mod rebuild;
mod repair;
mod seen;
mod write_behind;

pub use error::ProjectError;
use log_batch::{check_log, next_entries, stage};
use seen::Seen;

/// A handle of the read models.
#[derive(Debug, Clone)]
pub struct ReadModels {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    view: RwLock<View>,
    /// The position that rows must reach before queries are answered: the end of the log at the start.
    target: AtomicU64,
    /// The commands of old commits, read again from the log. None unless the store is being filled again.
    reread: RwLock<Option<CommandIndex>>,
    /// The last applied position, or an error text while the rows cannot be used.
    seen: Seen,
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
    /// Write all rows and stop.
    Close,
    /// Stop at once, as after a crash.
    Stop,
}

impl ReadModels {
    /// Starts to follow the log after the last applied position. Tables with a changed projection are rebuilt
    /// first.
    ///
    /// # Errors
    /// When the rows are ahead of the log, or the store fails.
    pub fn follow(log: Arc<dyn EventLog>, store: Store) -> Result<Self, ProjectError> {
        // A store that cannot be opened at the moment is opened by the thread.
        let is_open = store.is_open();
        let meta = if is_open { store.read_meta()? } else { Meta::empty() };
        check_log(&*log, &store, meta.position)?;
        log.forget_commands_up_to(meta.position);
        let (requests, received) = mpsc::channel();
        let lease = Arc::new(());
        let shared = Arc::new(Shared {
            view: RwLock::new(store.view(meta.clone(), &lease)),
            target: AtomicU64::new(log.end()),
            reread: RwLock::new((!is_open).then(CommandIndex::default)),
            seen: Seen::at(meta.position),
            store,
            requests,
            notified: AtomicBool::new(false),
            thread: std::sync::Mutex::new(None),
        });
        let (retired, indexed, repairs) = (Vec::new(), meta.position, 0);
        let follower = Follower {
            log,
            shared: Arc::clone(&shared),
            meta,
            lease,
            retired,
            unwritten_batches: 0,
            indexed,
            repairs,
            has_swept: false,
        };
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

    /// Completes when this position is applied, or with an error text while the rows cannot be used.
    pub async fn reached(&self, position: u64) -> Result<(), Arc<str>> {
        self.shared.seen.reached(position).await
    }

    /// The position that rows must reach before queries are answered. Until then rows are of the past.
    pub fn target(&self) -> u64 {
        self.shared.target.load(Ordering::Acquire)
    }

    /// Reports a row that cannot be decoded: the rows are rebuilt.
    pub(crate) fn report_damage(&self) {
        let _ = self.shared.store.damage();
        self.refresh();
        self.shared.seen.end_pause();
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
        self.shared.seen.end_pause();
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
        let reread = self.shared.reread.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(reread) = &*reread {
            return Ok(reread.find(company, command));
        }
        drop(reread);
        let bytes = self.shared.store.get_row(&command_key(company, command))?;
        Ok(bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(|bytes| Location(u64::from_be_bytes(bytes))))
    }

    /// Stops the thread after its batch. Rows that are not written are applied again after the next start.
    pub fn end(&self) {
        self.send_last(ProjectorRequest::Stop);
    }

    fn send_last(&self, request: ProjectorRequest) {
        let _ = self.shared.requests.send(request);
        self.shared.seen.end_pause();
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// Stops the thread after its batch, writes all rows and closes the store cleanly.
    pub fn stop(&self) {
        self.send_last(ProjectorRequest::Close);
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
    /// The batches that are not written yet.
    unwritten_batches: u32,
    /// The lease that every view of the current builds holds.
    lease: Arc<()>,
    /// Replaced builds, and the lease of the views that may still read them.
    retired: Vec<Retired>,
    /// The highest position whose commands the log may have forgotten.
    indexed: u64,
    /// How often damaged rows were rebuilt.
    repairs: u32,
    /// Whether folders that were set aside are removed already.
    has_swept: bool,
}

impl Follower {
    fn run(mut self, received: &mpsc::Receiver<ProjectorRequest>) {
        let mut worked = self.work(received);
        while let Err(error) = worked {
            worked = match self.repair(&error, received) {
                Some(Ok(())) => self.work(received),
                Some(Err(error)) => Err(error),
                None => {
                    let text = boarding_log::error_chain(&error);
                    tracing::error!(%text, "read models stopped");
                    self.shared.seen.report(Err(text.into()));
                    return;
                }
            };
        }
    }

    fn work(&mut self, received: &mpsc::Receiver<ProjectorRequest>) -> Result<(), ProjectError> {
        for (table, build) in self.shared.store.forgotten_builds(&self.meta)? {
            self.shared.store.remove_build(table, build)?;
        }
        self.shared.store.remove_former_snapshots()?;
        let outdated = self.meta.outdated();
        if !outdated.is_empty() {
            self.rebuild(&outdated)?;
        }
        let mut reader = self.log.read_all(self.meta.position + 1);
        loop {
            let notified = match self.catch_up(&mut *reader, received) {
                Ok(Some(request)) => Some(request),
                Ok(None) => Some(self.rest(received)?),
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
                    let text = rebuilt.as_ref().map_err(|error| boarding_log::error_chain(error));
                    let _ = done.send(text.copied());
                    rebuilt.or_else(|error| match error {
                        ProjectError::Store(_) => Err(error),
                        _ => Ok(()),
                    })?;
                }
                Some(ProjectorRequest::Close) => {
                    if let Err(error) = self.write_all() {
                        let text = boarding_log::error_chain(&error);
                        tracing::warn!(%text, "writing rows failed, they are applied again after the next start");
                    }
                    return Ok(());
                }
                Some(ProjectorRequest::Stop) | None => return Ok(()),
            }
        }
    }

    /// Waits for a message, or until another writer has appended.
    ///
    /// # Errors
    /// When a query has found damage, or rows cannot be written.
    fn rest(
        &mut self,
        received: &mpsc::Receiver<ProjectorRequest>,
    ) -> Result<ProjectorRequest, ProjectError> {
        loop {
            if let Some(error) = self.shared.store.failure() {
                return Err(error.into());
            }
            match received.recv_timeout(Duration::from_millis(POLL_LOG_MILLIS)) {
                Ok(requests) => return Ok(requests),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(ProjectorRequest::Stop),
                Err(mpsc::RecvTimeoutError::Timeout) if self.log.end() > self.meta.position => {
                    return Ok(ProjectorRequest::Refresh);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => self.write_all()?,
            }
        }
    }

    /// Applies the rest of the log and removes unused builds. Ends early and returns the message if another one than
    /// that the log has grown arrives: under load the log grows all the time.
    ///
    /// # Errors
    /// When a query has found damage, or a batch cannot be applied.
    fn catch_up(
        &mut self,
        reader: &mut dyn Reader,
        received: &mpsc::Receiver<ProjectorRequest>,
    ) -> Result<Option<ProjectorRequest>, ProjectError> {
        while self.batch(reader)? {
            self.give_way();
            self.sweep()?;
            if let Some(error) = self.shared.store.failure() {
                return Err(error.into());
            }
            match received.try_recv() {
                Ok(ProjectorRequest::Refresh) => {
                    self.shared.notified.store(false, Ordering::Release);
                }
                Ok(other) => return Ok(Some(other)),
                Err(mpsc::TryRecvError::Empty) => {}
                Err(mpsc::TryRecvError::Disconnected) => return Ok(Some(ProjectorRequest::Stop)),
            }
        }
        if !self.has_swept {
            self.shared.store.remove_older_aside();
            self.has_swept = true;
        }
        self.sweep()?;
        Ok(None)
    }

    /// Leaves the processor to commands for a moment: their answers do not wait for rows. The next batch is larger then,
    /// and a row that many of its events change is read and written once.
    fn give_way(&self) {
        let behind = self.log.end().saturating_sub(self.meta.position);
        let is_near = (1..PROJECT_BEHIND_EVENTS_MAX).contains(&behind);
        if is_near && self.meta.position >= self.shared.target.load(Ordering::Acquire) {
            self.shared.seen.pause(Duration::from_millis(PROJECT_PAUSE_MILLIS));
        }
    }

    /// Applies one batch. Returns whether there was one.
    fn batch(&mut self, reader: &mut dyn Reader) -> Result<bool, ProjectError> {
        // Read before the entries: damage hides a commit up to there that is not read now.
        let end = self.log.end();
        let entries = next_entries(reader, u64::MAX)?;
        let Some(last) = entries.last() else { return self.pass_damage(end) };
        let mut meta = self.meta.clone();
        meta.position = last.recorded.last_position();
        let view = self.shared.store.view(self.meta.clone(), &self.lease);
        let every: Vec<Table> = projectors().map(|one| one.table).collect();
        let mut changes = stage(&view, &entries, &every)?;
        changes.extend(entries.iter().map(|entry| {
            let commit = &entry.recorded.commit;
            let location = entry.location.0.to_be_bytes().as_slice().into();
            (command_key(&commit.company, commit.command), Some(location))
        }));
        self.shared.store.add(changes);
        self.unwritten_batches += 1;
        // Only after the batch: until then, the log alone finds these commands. See `EngineContext::location_of`.
        self.log.forget_commands_up_to(meta.position);
        self.indexed = self.indexed.max(meta.position);
        let is_indexed = meta.position >= self.indexed;
        self.adopt(meta);
        self.write_when_many()?;
        if is_indexed {
            *self.shared.reread.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(true)
    }

    fn adopt(&mut self, meta: Meta) {
        self.meta = meta;
        let view = self.shared.store.view(self.meta.clone(), &self.lease);
        *self.shared.view.write().unwrap_or_else(PoisonError::into_inner) = view;
        self.shared.seen.report(Ok(self.meta.position));
    }
}
