//! A company at work: one task decides its commands one after another and appends what was decided as one.

mod batch;

use std::collections::VecDeque;
use std::sync::Arc;

use boarding_commands::company::Company;
use boarding_commands::decide::{Authority, Command};
use boarding_commands::event::Event;
use boarding_commands::values::{Code, CommandId, CompanyId, Digest, Refusal, Time};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use ulid::Ulid;

use crate::context::Core;
use crate::limits::{BATCH_BYTES_MAX, CONFLICTS_MAX, INBOX_COMMANDS_MAX};
use crate::process::Chores;
use crate::read::snapshots;
use batch::{Batch, Decided, Outcome, answer_all};
use boarding_log::AppendError;
use boarding_log::codec::COMMIT_BYTES_MAX;

pub(crate) mod decide_step;

use decide_step::State;

/// A command on its way to a company.
#[derive(Debug, Clone)]
pub struct Request {
    pub command: Command,
    pub id: CommandId,
    /// The digest of name and body; none for what the engine asks of itself, which is never repeated by id.
    pub body: Option<Digest>,
    pub actor: String,
    pub authority: Authority,
    pub at: Time,
    pub correlation: Option<Ulid>,
    pub traceparent: Option<String>,
    pub expected_version: Option<u64>,
    /// The version at which it was planned: refused `import.plan_changed` if anything that bears on
    /// imports has happened since.
    pub planned_at: Option<u64>,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Durable. The events are those of a new commit; a repeat gets the first answer without them.
    Accepted {
        duplicate: bool,
        version: u64,
        position: u64,
        result: Value,
        events: Vec<Event>,
    },
    Refused(Refusal),
    /// Nothing was appended, or it is not known whether it was: the same command may be sent again.
    Failed {
        code: Code,
        why: String,
    },
    /// What was decided does not fit in one commit.
    TooLarge,
}

/// Looks at the company between two commands.
type Look = Box<dyn FnOnce(&Company) + Send>;

enum Message {
    Ask(Box<Request>, oneshot::Sender<Reply>),
    Look(Look),
}

/// The way to a company's task; cheap to clone.
#[derive(Debug, Clone)]
pub struct Hot {
    inbox: mpsc::Sender<Message>,
    chores: watch::Receiver<Chores>,
    /// Counts the handles that are out.
    _lent: Option<Arc<()>>,
}

impl Hot {
    /// Starts the company's task.
    pub fn start(core: Arc<Core>, id: CompanyId) -> Self {
        let (inbox, messages) = mpsc::channel(INBOX_COMMANDS_MAX);
        let (told, chores) = watch::channel(Chores::default());
        let bytes_max = core.log.append_bytes_max().min(BATCH_BYTES_MAX + COMMIT_BYTES_MAX);
        let task =
            Task { core, id, told, bytes_max, state: None, again: VecDeque::new(), conflicts: 0 };
        tokio::spawn(task.run(messages));
        Self { inbox, chores, _lent: None }
    }

    /// A handle that is counted as long as it lives.
    pub(crate) fn lent(&self, handles: &Arc<()>) -> Self {
        Self { _lent: Some(Arc::clone(handles)), ..self.clone() }
    }

    /// Asks a command; the answer is given when what it led to is durable.
    pub async fn ask(&self, request: Request) -> Reply {
        let (reply, answer) = oneshot::channel();
        match self.inbox.try_send(Message::Ask(Box::new(request), reply)) {
            Ok(()) => answer.await.unwrap_or_else(|_| gone()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                let why = format!("{INBOX_COMMANDS_MAX} commands are waiting");
                Reply::Failed { code: Code::Overloaded, why }
            }
            Err(mpsc::error::TrySendError::Closed(_)) => gone(),
        }
    }

    /// Asks a command of the engine's own, waiting for a place in the inbox.
    pub async fn ask_patiently(&self, request: Request) -> Reply {
        let (reply, answer) = oneshot::channel();
        if self.inbox.send(Message::Ask(Box::new(request), reply)).await.is_err() {
            return gone();
        }
        answer.await.unwrap_or_else(|_| gone())
    }

    /// Looks at the company's state as its last durable commit left it.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Company) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let look: Look = Box::new(move |company| {
            let _ = reply.send(look(company));
        });
        self.inbox.send(Message::Look(look)).await.ok()?;
        answer.await.ok()
    }

    /// What the company has to do by itself, as it changes.
    pub fn chores(&self) -> watch::Receiver<Chores> {
        self.chores.clone()
    }

    /// Lets go of the company and waits until its task has ended: no other handle may be left.
    pub async fn end(self) {
        let Self { inbox, mut chores, .. } = self;
        drop(inbox);
        while chores.changed().await.is_ok() {}
    }

    /// Whether its task has ended.
    pub fn is_gone(&self) -> bool {
        self.inbox.is_closed()
    }
}

pub(crate) fn gone() -> Reply {
    Reply::Failed { code: Code::Unavailable, why: "the engine is stopping".to_owned() }
}

#[cfg(test)]
impl Hot {
    /// A company whose task looks only every other time, and answers nothing else.
    pub(crate) fn distracted(company: Company) -> Self {
        let (inbox, mut messages) = mpsc::channel(1);
        let (told, chores) = watch::channel(Chores::default());
        tokio::spawn(async move {
            while messages.recv().await.is_some() {
                if let Some(Message::Look(look)) = messages.recv().await {
                    look(&company);
                }
            }
            drop(told);
        });
        Self { inbox, chores, _lent: None }
    }
}

/// The task's own.
struct Task {
    core: Arc<Core>,
    id: CompanyId,
    told: watch::Sender<Chores>,
    /// The most bytes of a batch.
    bytes_max: usize,
    state: Option<State>,
    /// Messages that go before the inbox: they wait for a batch, or are decided anew.
    again: VecDeque<Message>,
    /// How many appends in a row found that another writer was faster.
    conflicts: usize,
}

impl Task {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        loop {
            let first = match self.again.pop_front() {
                Some(message) => message,
                None => match messages.recv().await {
                    Some(message) => message,
                    None => break,
                },
            };
            if let Err(why) = self.wake().await {
                let again = std::mem::take(&mut self.again);
                refuse_all([first].into_iter().chain(again), &mut messages, &why);
                continue;
            }
            let batch = self.decide_all(first, &mut messages);
            self.append(batch).await;
            self.tell();
        }
        self.leave();
    }

    /// Decides what waits, as far as it may be appended as one.
    fn decide_all(&mut self, first: Message, messages: &mut mpsc::Receiver<Message>) -> Batch {
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(message) = next.take() {
            if let Some(waits) = self.take(message, &mut batch) {
                self.again.push_front(waits);
                break;
            }
            if batch.is_full(self.bytes_max) {
                break;
            }
            next = self.again.pop_front().or_else(|| messages.try_recv().ok());
        }
        batch
    }

    /// Loads the company's state if it is not there, or what other engines have appended since.
    async fn wake(&mut self) -> Result<(), String> {
        let head = self.core.log.head(&self.id);
        if self.state.as_ref().is_some_and(|state| state.has_seen(head)) {
            return Ok(());
        }
        let (core, id, known) = (Arc::clone(&self.core), self.id.clone(), self.state.take());
        let load = move || match known {
            Some(state) => state.caught_up(&*core.log),
            None => snapshots::load(&*core.log, Some(&core.store), &id).map(State::of),
        };
        let loaded = match tokio::task::spawn_blocking(load).await {
            Ok(loaded) => loaded.map_err(|error| boarding_log::error_chain(&error))?,
            Err(error) => return Err(error.to_string()),
        };
        self.state = Some(loaded);
        self.tell();
        Ok(())
    }

    /// Takes one message into the batch; gives it back if it has to wait for the batch to be durable.
    fn take(&mut self, message: Message, batch: &mut Batch) -> Option<Message> {
        let state = self.state.as_mut()?;
        let (request, reply) = match message {
            Message::Look(_) if !batch.commits.is_empty() => return Some(message),
            Message::Look(look) => {
                look(&state.company);
                return None;
            }
            Message::Ask(request, reply) if batch.ids.contains(&request.id) => {
                return Some(Message::Ask(request, reply));
            }
            Message::Ask(request, reply) => (request, reply),
        };
        let outcome = match decide_step::decide(&self.core, state, &request) {
            Ok((encoded, result)) => {
                let events = encoded.commit().events.clone();
                batch.ids.insert(request.id);
                batch.bytes += encoded.bytes().len();
                batch.positions += encoded.commit().span();
                state.note(&encoded);
                batch.commits.push(encoded);
                Outcome::Commit { result, events }
            }
            // What refuses may be of this very batch: it is told once that is durable.
            Err(answer) => Outcome::Answer(answer),
        };
        batch.decided.push(Decided { request, reply, outcome });
        None
    }

    async fn append(&mut self, batch: Batch) {
        let Batch { commits, decided, .. } = batch;
        if commits.is_empty() {
            return answer_all(decided, Vec::new());
        }
        match self.core.log.append(commits).await {
            Ok(appended) => {
                self.conflicts = 0;
                answer_all(decided, appended);
                self.core.projections.look();
            }
            Err(error) => {
                // What was decided rests on what was not appended: look again before deciding anew.
                self.state = None;
                if matches!(error, AppendError::Conflict { .. }) && self.conflicts < CONFLICTS_MAX {
                    self.conflicts += 1;
                    self.decide_again(decided);
                } else {
                    self.conflicts = 0;
                    let failed = failed(&error);
                    decided.into_iter().for_each(|one| drop(one.reply.send(failed.clone())));
                }
            }
        }
    }

    /// Another writer was faster: to those who asked, nothing is wrong.
    fn decide_again(&mut self, decided: Vec<Decided>) {
        for Decided { request, reply, .. } in decided.into_iter().rev() {
            self.again.push_front(Message::Ask(request, reply));
        }
    }

    fn tell(&self) {
        if let Some(state) = &self.state {
            let chores = Chores::of(&state.company, &self.core);
            self.told.send_if_modified(|told| {
                let differs = *told != chores;
                *told = chores;
                differs
            });
        }
    }

    /// Keeps the state for the next time, if loading it would take long.
    fn leave(&mut self) {
        let Some(state) = self.state.take() else { return };
        if !snapshots::worth_it(&state.company, state.tail) {
            return;
        }
        if let Err(error) = snapshots::write(&self.core.store, &state.company, state.hash) {
            tracing::warn!(error = &error as &dyn std::error::Error, "no snapshot was written");
        }
    }
}

fn failed(error: &AppendError) -> Reply {
    Reply::Failed { code: Code::Unavailable, why: boarding_log::error_chain(error) }
}

fn refuse_all(
    waiting: impl Iterator<Item = Message>,
    messages: &mut mpsc::Receiver<Message>,
    why: &str,
) {
    for message in waiting.chain(std::iter::from_fn(|| messages.try_recv().ok())) {
        if let Message::Ask(_, reply) = message {
            let _ = reply.send(Reply::Failed { code: Code::Unavailable, why: why.to_owned() });
        }
    }
}
