//! The company actor: one task decides the commands of a company in order and appends them in batches.

mod batch;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use boarding_commands::company::Company;
use boarding_commands::step::CommandRequest;
use boarding_commands::values::{Code, CompanyId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::context::EngineContext;
use crate::limits::{BATCH_BYTES_MAX, CONFLICTS_MAX, INBOX_COMMANDS_MAX, SNAPSHOT_REST_SECONDS};
use crate::pending_work::PendingWork;
use crate::reply::Reply;
use batch::{Batch, BatchedCommand, BatchedOutcome, answer_all};
use boarding_log::codec::COMMIT_BYTES_MAX;
use boarding_log::{AppendError, CompanyDamage};

pub(crate) mod decide_step;

use decide_step::State;

/// A function that reads the company between two commands.
type Inspection = Box<dyn FnOnce(&Company) + Send>;

enum Message {
    Submit(Box<CommandRequest>, oneshot::Sender<Reply>),
    Inspect(Inspection),
}

/// A handle of a company actor; cheap to clone.
#[derive(Debug, Clone)]
pub struct ActorHandle {
    inbox: mpsc::Sender<Message>,
    pending: watch::Receiver<PendingWork>,
    /// The registry counts the handles in use by the strong count. A handle with `None` does not count.
    _in_use: Option<Arc<()>>,
}

impl ActorHandle {
    /// Starts the actor.
    pub(crate) fn start(context: Arc<EngineContext>, id: CompanyId) -> Self {
        let (inbox, messages) = mpsc::channel(INBOX_COMMANDS_MAX);
        let (published, pending) = watch::channel(PendingWork::default());
        let bytes_max = context.log.append_bytes_max().min(BATCH_BYTES_MAX + COMMIT_BYTES_MAX);
        let actor = CompanyActor {
            damage: context.log.damage(&id),
            context,
            id,
            published,
            bytes_max,
            state: None,
            requeued: VecDeque::new(),
            conflicts: 0,
            carries_runs: false,
        };
        tokio::spawn(actor.run(messages));
        Self { inbox, pending, _in_use: None }
    }

    /// A handle that counts as in use until it is dropped.
    pub(crate) fn in_use(&self, handles: &Arc<()>) -> Self {
        Self { _in_use: Some(Arc::clone(handles)), ..self.clone() }
    }

    /// Submits a command. Returns the reply after its events are durable, or `overloaded` if the inbox is full.
    pub async fn submit(&self, request: CommandRequest) -> Reply {
        let (reply, answer) = oneshot::channel();
        match self.inbox.try_send(Message::Submit(Box::new(request), reply)) {
            Ok(()) => answer.await.unwrap_or_else(|_| Reply::stopped()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                let why = format!("{INBOX_COMMANDS_MAX} commands are waiting");
                Reply::Failed { code: Code::Overloaded, why }
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Reply::stopped(),
        }
    }

    /// Submits a command of the engine itself. Waits if the inbox is full.
    pub async fn submit_own(&self, request: CommandRequest) -> Reply {
        let (reply, answer) = oneshot::channel();
        if self.inbox.send(Message::Submit(Box::new(request), reply)).await.is_err() {
            return Reply::stopped();
        }
        answer.await.unwrap_or_else(|_| Reply::stopped())
    }

    /// Reads the company as of its last durable commit. `None` if the actor stopped or could not load the company.
    pub async fn inspect<T: Send + 'static>(
        &self,
        inspect: impl FnOnce(&Company) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let inspect: Inspection = Box::new(move |company| {
            let _ = reply.send(inspect(company));
        });
        self.inbox.send(Message::Inspect(inspect)).await.ok()?;
        answer.await.ok()
    }

    /// The pending work of the company, as it changes.
    pub fn pending_work(&self) -> watch::Receiver<PendingWork> {
        self.pending.clone()
    }

    /// Drops the handle and waits until the actor has stopped. No other handle may exist.
    pub async fn end(self) {
        let Self { inbox, mut pending, .. } = self;
        drop(inbox);
        // The actor owns the sender, so an error shows that the actor has ended.
        while pending.changed().await.is_ok() {}
    }

    /// Whether the actor has stopped.
    pub fn has_stopped(&self) -> bool {
        self.inbox.is_closed()
    }
}

#[cfg(test)]
impl ActorHandle {
    /// An actor for tests that answers every second read and no command.
    pub(crate) fn unreliable(company: Company) -> Self {
        let (inbox, mut messages) = mpsc::channel(1);
        let (published, pending) = watch::channel(PendingWork::default());
        tokio::spawn(async move {
            while messages.recv().await.is_some() {
                if let Some(Message::Inspect(inspect)) = messages.recv().await {
                    inspect(&company);
                }
            }
            drop(published);
        });
        Self { inbox, pending, _in_use: None }
    }
}

/// The state of the actor task.
struct CompanyActor {
    context: Arc<EngineContext>,
    id: CompanyId,
    published: watch::Sender<PendingWork>,
    /// The most bytes of one batch.
    bytes_max: usize,
    state: Option<State>,
    /// Messages to handle before the inbox: they wait for the current batch, or are decided again.
    requeued: VecDeque<Message>,
    /// The number of consecutive conflicts with another writer.
    conflicts: usize,
    /// The value of `carries_runs` of the engine when the pending work was last published.
    carries_runs: bool,
    /// Why the company takes no commands: its log is damaged.
    damage: Option<CompanyDamage>,
}

impl CompanyActor {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        loop {
            let first = match self.requeued.pop_front() {
                Some(message) => message,
                None => match self.next(&mut messages).await {
                    Some(message) => message,
                    None => break,
                },
            };
            // All waiting callers get the error at once. The next message tries to load the company again.
            if let Err(why) = self.load().await {
                let requeued = std::mem::take(&mut self.requeued);
                fail_waiting([first].into_iter().chain(requeued), &mut messages, &why);
                continue;
            }
            let batch = self.decide_all(first, &mut messages);
            self.append(batch).await;
            self.publish_pending();
            if self.state.as_ref().is_some_and(State::needs_snapshot_while_busy) {
                self.snapshot().await;
            }
        }
        if self.state.as_ref().is_some_and(State::needs_snapshot_at_rest) {
            self.snapshot().await;
        }
    }

    /// Returns the next message of the inbox, or `None` after all senders are dropped. Writes a snapshot if the company
    /// comes to rest meanwhile.
    async fn next(&mut self, messages: &mut mpsc::Receiver<Message>) -> Option<Message> {
        if self.state.as_ref().is_some_and(State::needs_snapshot_at_rest) {
            let rest = Duration::from_secs(SNAPSHOT_REST_SECONDS);
            match tokio::time::timeout(rest, messages.recv()).await {
                Ok(message) => return message,
                Err(_) => self.snapshot().await,
            }
        }
        messages.recv().await
    }

    /// Decides waiting commands until the batch is full, or until a message must wait for the batch.
    fn decide_all(&mut self, first: Message, messages: &mut mpsc::Receiver<Message>) -> Batch {
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(message) = next.take() {
            if let Some(waits) = self.decide_one(message, &mut batch) {
                self.requeued.push_front(waits);
                break;
            }
            if batch.is_full(self.bytes_max) {
                break;
            }
            next = self.requeued.pop_front().or_else(|| messages.try_recv().ok());
        }
        batch
    }

    /// Loads the company. If the company is loaded already, reads only the later commits of other engines.
    async fn load(&mut self) -> Result<(), String> {
        let head = self.context.log.head(&self.id);
        if self.state.as_ref().is_some_and(|state| state.has_seen(head)) {
            return Ok(());
        }
        let (context, id, known) = (Arc::clone(&self.context), self.id.clone(), self.state.take());
        let load = move || match known {
            Some(state) => state.caught_up(&*context.log),
            None => context.snapshots.load(&*context.log, &id).map(State::of),
        };
        let loaded = match tokio::task::spawn_blocking(load).await {
            Ok(loaded) => loaded.map_err(|error| boarding_log::error_chain(&error))?,
            Err(error) => return Err(error.to_string()),
        };
        self.state = Some(loaded);
        self.publish_pending();
        Ok(())
    }

    /// Handles one message. Returns it if it must wait until the batch is durable.
    fn decide_one(&mut self, message: Message, batch: &mut Batch) -> Option<Message> {
        // The engine may have started to continue runs since the last publish. The new work is published before the
        // caller reads the company.
        if matches!(message, Message::Inspect(_))
            && batch.commits.is_empty()
            && self.carries_runs != self.context.carries_runs.load(Ordering::Acquire)
        {
            self.publish_pending();
        }
        // `run` has loaded the state, so no message is dropped here.
        let state = self.state.as_mut()?;
        let (request, reply) = match message {
            Message::Inspect(_) if !batch.commits.is_empty() => return Some(message),
            Message::Inspect(inspect) => {
                inspect(&state.company);
                return None;
            }
            // A repeated command waits for its first commit, and then gets the reply of that commit.
            Message::Submit(request, reply) if batch.ids.contains(&request.id) => {
                return Some(Message::Submit(request, reply));
            }
            Message::Submit(request, reply) => (request, reply),
        };
        if let Some(damage) = &self.damage {
            let why = damage.to_string();
            let _ = reply.send(Reply::Failed { code: Code::LogCompanyDamaged, why });
            return None;
        }
        let outcome = match decide_step::decide(&self.context, state, &request) {
            decide_step::Decided::Commit(encoded) => {
                let commit = encoded.commit();
                let (result, events) = (commit.result.clone(), commit.events.clone());
                batch.ids.insert(request.id);
                batch.bytes += encoded.bytes().len();
                batch.positions += commit.span();
                batch.commits.push(*encoded);
                BatchedOutcome::Commit { result, events }
            }
            // The reply may depend on an earlier command of this batch. It is sent after that command is durable.
            decide_step::Decided::Reply(reply) => BatchedOutcome::Reply(reply),
        };
        batch.decided.push(BatchedCommand { request, reply, outcome });
        None
    }

    async fn append(&mut self, batch: Batch) {
        let Batch { commits, decided, .. } = batch;
        if commits.is_empty() {
            return answer_all(decided, Vec::new());
        }
        if !decided.iter().all(BatchedCommand::reports_mails)
            && let Err(why) = self.context.may_append()
        {
            self.state = None;
            self.conflicts = 0;
            let failed = Reply::Failed { code: Code::Unavailable, why };
            // The reports of sent mails are decided again and appended without the other commands.
            let (reports, others): (Vec<_>, Vec<_>) =
                decided.into_iter().partition(BatchedCommand::reports_mails);
            self.decide_again(reports);
            return fail_all(others, &failed);
        }
        match self.context.log.append(commits).await {
            Ok(appended) => {
                self.conflicts = 0;
                answer_all(decided, appended);
                self.context.read_models.refresh();
            }
            Err(error) => {
                // The state contains events that were not appended, so it is loaded again.
                self.state = None;
                // No pause before the retry: after a conflict, the log already returns the commit of the other writer.
                if matches!(error, AppendError::Conflict { .. }) && self.conflicts < CONFLICTS_MAX {
                    self.conflicts += 1;
                    self.decide_again(decided);
                } else {
                    self.conflicts = 0;
                    fail_all(decided, &failed(&error));
                }
            }
        }
    }

    /// Requeues commands before all other messages, so that they are decided again. Their callers do not notice it.
    fn decide_again(&mut self, decided: Vec<BatchedCommand>) {
        for BatchedCommand { request, reply, .. } in decided.into_iter().rev() {
            self.requeued.push_front(Message::Submit(request, reply));
        }
    }

    /// Publishes the pending work if it has changed.
    fn publish_pending(&mut self) {
        let context = &self.context;
        self.carries_runs = context.carries_runs.load(Ordering::Acquire);
        // A damaged company has no work: nothing of it can be recorded.
        if let Some(state) = self.state.as_ref().filter(|_| self.damage.is_none()) {
            let pending = PendingWork::of(
                &state.company,
                &context.blocked,
                self.carries_runs,
                context.transport.name(),
                |transport| context.continues_runs_of(transport),
            );
            self.published.send_if_modified(|published| {
                let differs = *published != pending;
                *published = pending;
                differs
            });
        }
    }

    /// Writes a snapshot, so that the company loads faster next time.
    async fn snapshot(&mut self) {
        let Some(mut state) = self.state.take() else { return };
        let context = Arc::clone(&self.context);
        let write = move || {
            if let Err(error) = context.snapshots.write(&state.company, state.hash) {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "writing the snapshot of a company failed");
            }
            // Also reset after a failure, for example on a full disk. Later events then lead to the next attempt.
            state.since_snapshot = 0;
            state
        };
        self.state = tokio::task::spawn_blocking(write).await.ok();
    }
}

fn fail_all(decided: Vec<BatchedCommand>, failed: &Reply) {
    decided.into_iter().for_each(|one| drop(one.reply.send(failed.clone())));
}

fn failed(error: &AppendError) -> Reply {
    Reply::Failed { code: Code::Unavailable, why: boarding_log::error_chain(error) }
}

/// Answers all waiting commands with this error. Waiting reads get `None`.
fn fail_waiting(
    waiting: impl Iterator<Item = Message>,
    messages: &mut mpsc::Receiver<Message>,
    why: &str,
) {
    for message in waiting.chain(std::iter::from_fn(|| messages.try_recv().ok())) {
        if let Message::Submit(_, reply) = message {
            let _ = reply.send(Reply::Failed { code: Code::Unavailable, why: why.to_owned() });
        }
    }
}
