//! The engine: opens a data folder, takes commands, answers queries, and sees to what goes on by itself.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use boarding_commands::decide::facts::{Facts, FileContents};
use boarding_commands::decide::imports::import_file::ImportMode;
use boarding_commands::decide::{Authority, Command, ImportFile};
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::event::FileRef;
use boarding_commands::step::Request;
use boarding_commands::values::{Code, CommandId, CompanyId, Digest, Refusal, Time};
use boarding_log::EventLog;
use boarding_projections::rows::Table;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::actor::{ActorHandle, Reply};
use crate::clock::Clock;
use crate::context::EngineContext;
use crate::intake::files::SharedFiles;
use crate::intake::objects::Objects;
use crate::intake::{CompanySays, canonical_body};
use crate::registry::CompanyRegistry;

mod opening;

pub use opening::{EngineError, LogChoice, OpeningReport, Options};

/// A running engine. Dropping it without [`Engine::close`] is like a crash: nothing
/// is lost, the next opening takes longer.
pub struct Engine {
    pub(crate) context: Arc<EngineContext>,
    pub(crate) companies: Arc<CompanyRegistry>,
    /// Wakes companies that sleep; ends with the engine, and is started by the first who asks.
    timer: OnceLock<JoinSet<()>>,
    report: OpeningReport,
    /// How many plans of imports may be made at once: each holds a company in memory.
    pub(crate) plan_permits: Semaphore,
}

impl Engine {
    /// What the opening found.
    pub fn opening_report(&self) -> &OpeningReport {
        &self.report
    }

    pub fn clock(&self) -> &Clock {
        &self.context.clock
    }

    /// Says where files are fetched from that commands only name; the first word counts.
    pub fn fetch_from(&self, objects: Arc<dyn Objects>) {
        let _ = self.context.objects.set(objects);
    }

    /// Has files kept where other engines find them, and found where those keep them.
    pub fn share_files(&self, shared: Arc<dyn SharedFiles>) {
        self.context.files.share(shared);
    }

    /// The engine's log. The data folder stays in use as long as the handle lives.
    pub fn log(&self) -> EngineLog {
        EngineLog(Arc::clone(&self.context))
    }

    /// The companies that have a history.
    pub fn companies(&self) -> Vec<CompanyId> {
        self.context.log.companies()
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
        let reply = match self.prepare(company, name, &envelope, authority).await {
            Ok(PreparedCommand {
                command: Command::ImportFile(import),
                body,
                kept: Some(files),
                ..
            }) => {
                let submission = Submission { company: company.clone(), body, envelope, authority };
                self.import_as_planned(&submission, import, files).await
            }
            Ok(PreparedCommand { command: Command::UndoImport(undo), body, .. })
                if undo.mode == ImportMode::Preview =>
            {
                let submission = Submission { company: company.clone(), body, envelope, authority };
                self.preview_undo(&submission, undo).await
            }
            Ok(PreparedCommand { command, facts, body, .. }) => {
                let submission = Submission { company: company.clone(), body, envelope, authority };
                self.submit_prepared(&submission, command, facts, None).await
            }
            Err(reply) => reply,
        };
        answer(id, reply)
    }

    /// Reads the command, keeps its files, and finds the facts that its rule needs.
    pub(crate) async fn prepare(
        &self,
        company: &CompanyId,
        name: &str,
        envelope: &Envelope,
        authority: Authority,
    ) -> Result<PreparedCommand, Reply> {
        let body = if envelope.body.is_null() { json!({}) } else { envelope.body.clone() };
        let command = Command::read(name, body.clone()).map_err(rejected)?;
        let mut kept = None;
        let (digest, facts) = match &command {
            Command::ImportFile(import) => {
                match self.prepare_import(company, import, &body, envelope, authority).await? {
                    (digest, ImportFacts::Read(contents)) => (digest, Facts::Files(contents)),
                    (digest, ImportFacts::ReadWithPlan(files)) => {
                        kept = Some(files);
                        (digest, Facts::None)
                    }
                }
            }
            Command::ImportPictures(pictures) => {
                let prepared =
                    self.prepare_pictures(company, pictures, &body, envelope, authority).await?;
                (prepared.0, Facts::Archive(prepared.1))
            }
            Command::LinkCompleted(link) => {
                let token = link.token.as_ref();
                let read = token.and_then(|token| self.context.tokens.read(company, token));
                let facts =
                    read.map_or(Facts::None, |(id, generation)| Facts::Invitation(id, generation));
                (Digest::of_body(name, &body), facts)
            }
            Command::StartBulkIntegration(start) => {
                let token = start.source.token.as_ref();
                let read = token.and_then(|token| self.context.tokens.read_import(company, token));
                (Digest::of_body(name, &body), read.map_or(Facts::None, Facts::Import))
            }
            _ => (Digest::of_body(name, &body), Facts::None),
        };
        Ok(PreparedCommand { command, facts, body: digest, kept })
    }

    /// Keeps and reads an import's file, for those who may import; a repeat is known before it is read,
    /// since what the company's settings say of reading may have changed since. The files of an import that
    /// is planned are read with its plan.
    async fn prepare_import(
        &self,
        company: &CompanyId,
        import: &ImportFile,
        body: &Value,
        envelope: &Envelope,
        authority: Authority,
    ) -> Result<(Digest, ImportFacts), Reply> {
        let handle = self.actor(company).await;
        let actor = envelope.actor.clone().unwrap_or_default();
        let needed = import.needs();
        let dialect = import.dialect.clone();
        let inspection = handle.inspect(move |company| {
            (CompanySays::of(company, &dialect), company.grants.allows(&actor, needed))
        });
        let (says, allowed) = inspection.await.ok_or_else(crate::actor::stopped)?;
        let known = self.context.knows(company, envelope.id);
        if authority == Authority::Granted && !allowed && !known {
            let refusal = Refusal::new(Code::AuthPermissionDenied).saying(needed.as_str());
            return Err(rejected(refusal.with(json!({"permission": needed.as_str()}))));
        }
        let recalled = match known {
            true => self.context.recall(company, envelope.id, &import.files).map_err(rejected)?,
            false => None,
        };
        let files = match recalled {
            Some(files) => files,
            None => self.context.keep(company, &import.files, authority).await.map_err(rejected)?,
        };
        let digest = Digest::of_body("ImportFile", &canonical_body(body, &files));
        if let Some(first) = self.context.first_answer(company, envelope.id, digest) {
            return Err(first);
        }
        if import.is_planned() {
            return Ok((digest, ImportFacts::ReadWithPlan(files)));
        }
        let contents = self.context.read(import, files, says).await.map_err(rejected)?;
        Ok((digest, ImportFacts::Read(contents)))
    }

    /// Asks a command of its company; `planned_at` is the version that its plan was made at, if it has one.
    pub(crate) async fn submit_prepared(
        &self,
        submission: &Submission,
        command: Command,
        facts: Facts,
        planned_at: Option<u64>,
    ) -> Reply {
        let at = self.context.clock.now();
        let mut request = Request { planned_at, ..submission.request(command, facts, at) };
        let handle = self.actor(&submission.company).await;
        let mut reply = handle.submit(request.clone()).await;
        if let (Reply::TooLarge, Facts::Files(contents)) = (&reply, &mut request.facts) {
            // What the rows lead to does not fit beside the acceptance: they follow in the background.
            contents.rows.clear();
            reply = handle.submit(request).await;
        }
        reply
    }

    /// The company's task, started if need be. While the handle is held, the company stays in memory.
    pub async fn actor(&self, company: &CompanyId) -> ActorHandle {
        self.timer.get_or_init(|| {
            let (companies, mut timer) = (Arc::clone(&self.companies), JoinSet::new());
            timer.spawn(async move { companies.load_when_due().await });
            timer
        });
        self.companies.actor(company).await
    }

    /// Goes on with everything that was going on when the engine was closed or killed.
    pub async fn resume(&self) {
        for company in self.companies() {
            let handle = self.actor(&company).await;
            handle.inspect(|_| ()).await;
        }
    }

    /// Waits until the company's imports, runs and mails are done.
    pub async fn settle(&self, company: &CompanyId) {
        let handle = self.actor(company).await;
        handle.inspect(|_| ()).await;
        let mut pending = handle.pending_work();
        while !pending.borrow_and_update().is_idle() {
            if pending.changed().await.is_err() {
                return;
            }
        }
    }

    /// Builds read models anew from the log, beside those that are read.
    ///
    /// # Errors
    /// What went wrong, in words; the old rows stay.
    pub fn rebuild(&self, tables: &[Table]) -> Result<(), String> {
        self.context.read_models.rebuild(tables)
    }

    /// Begins to stop: what goes on by itself comes to a halt; commands and queries are still answered.
    pub fn wind_down(&self) {
        self.context.closing.send_replace(true);
    }

    /// Stops: nothing new is begun, what is decided is appended, the read models are closed in peace.
    pub async fn close(self) {
        drop(self.timer);
        self.companies.close().await;
        let read_models = self.context.read_models.clone();
        let _ = tokio::task::spawn_blocking(move || read_models.stop()).await;
    }
}

/// The log of an engine, with the data folder that it needs; clones share it.
#[derive(Debug, Clone)]
pub struct EngineLog(Arc<EngineContext>);

impl Deref for EngineLog {
    type Target = dyn EventLog;

    fn deref(&self) -> &Self::Target {
        &*self.0.log
    }
}

/// A command that was read, and what is known of it.
#[derive(Debug)]
pub(crate) struct PreparedCommand {
    pub command: Command,
    /// The facts that its rule needs.
    pub facts: Facts,
    /// The digest by which a repeat is recognised.
    pub body: Digest,
    /// The files of an import that is to be planned first.
    pub kept: Option<Vec<FileRef>>,
}

/// What is known of an import's files before its command reaches the company.
enum ImportFacts {
    Read(FileContents),
    /// The files are kept; they are read together with the plan.
    ReadWithPlan(Vec<FileRef>),
}

/// Who asks what, of which company.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub company: CompanyId,
    pub body: Digest,
    pub envelope: Envelope,
    pub authority: Authority,
}

impl Submission {
    pub(crate) fn request(&self, command: Command, facts: Facts, at: Time) -> Request {
        let envelope = &self.envelope;
        Request {
            command,
            facts,
            id: envelope.id,
            body: Some(self.body),
            actor: envelope.actor.clone().unwrap_or_default(),
            authority: self.authority,
            at,
            correlation: envelope.correlation,
            traceparent: envelope.traceparent.clone(),
            expected_version: envelope.expected_version,
            planned_at: None,
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("core", &self.context).finish_non_exhaustive()
    }
}

/// The reply to a command that does not reach its company: a fault may pass, a broken rule stays.
pub(crate) fn rejected(refusal: Refusal) -> Reply {
    if refusal.code == Code::Unavailable {
        Reply::Failed { code: refusal.code, why: refusal.message }
    } else {
        Reply::Refused(refusal)
    }
}

/// The answer that a reply makes.
pub(crate) fn answer(command: CommandId, reply: Reply) -> Answer {
    match reply {
        Reply::Accepted { duplicate, version, position, result, .. } => {
            Answer::Accepted { command, duplicate, version, position, result }
        }
        Reply::Refused(refusal) => Answer::refused(command, refusal),
        Reply::Failed { code, why } => Answer::failed(command, code, &why),
        Reply::TooLarge => {
            let refusal = Refusal::new(Code::EnvelopeMalformed)
                .saying("it leads to more than one commit holds; ask for fewer people, numbers or pictures at once");
            Answer::refused(command, refusal)
        }
    }
}
