//! The engine: executes commands and queries and runs the background work.

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

/// A running engine. Dropping it without [`Engine::close`] is like a crash: nothing is lost, but the next
/// opening takes longer.
pub struct Engine {
    pub(crate) context: Arc<EngineContext>,
    pub(crate) companies: Arc<CompanyRegistry>,
    /// Loads evicted companies when their timers are due. The first use of a company starts it.
    timer: OnceLock<JoinSet<()>>,
    report: OpeningReport,
    /// Limits import plans that run at once: each holds a copy of a company in memory.
    pub(crate) plan_permits: Semaphore,
}

impl Engine {
    /// What opening the data folder found.
    pub fn opening_report(&self) -> &OpeningReport {
        &self.report
    }

    pub fn clock(&self) -> &Clock {
        &self.context.clock
    }

    /// Sets the source of files that commands only name. Only the first call has an effect.
    pub fn fetch_from(&self, objects: Arc<dyn Objects>) {
        let _ = self.context.objects.set(objects);
    }

    /// Shares imported files with other engines.
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

    /// Executes a command by its contract name. Returns `accepted` only when it is durable.
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

    /// Parses the command, stores its files, and collects the facts that its rule needs.
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

    /// Stores and reads the file of an import, if the actor may import. A repeated command is detected before
    /// reading, because the settings for reading may have changed. Files of a planned import are read later, with
    /// its plan.
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

    /// Submits a command to its company. `planned_at` is the version of its plan, if it has one.
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
            // The events of the rows do not fit in the commit of the acceptance, so the import worker applies them.
            contents.rows.clear();
            reply = handle.submit(request).await;
        }
        reply
    }

    /// Returns the actor of the company; starts it on demand. A held handle keeps the company in memory.
    pub async fn actor(&self, company: &CompanyId) -> ActorHandle {
        self.timer.get_or_init(|| {
            let (companies, mut timer) = (Arc::clone(&self.companies), JoinSet::new());
            timer.spawn(async move { companies.load_when_due().await });
            timer
        });
        self.companies.actor(company).await
    }

    /// Resumes the interrupted background work of all companies.
    pub async fn resume(&self) {
        for company in self.companies() {
            let handle = self.actor(&company).await;
            handle.inspect(|_| ()).await;
        }
    }

    /// Waits until the imports, runs and mails of the company are done.
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

    /// Rebuilds read models from the log. Queries use the old ones until then.
    ///
    /// # Errors
    /// A text with the cause; the old rows stay.
    pub fn rebuild(&self, tables: &[Table]) -> Result<(), String> {
        self.context.read_models.rebuild(tables)
    }

    /// Stops the background work. Commands and queries are still served.
    pub fn wind_down(&self) {
        self.context.closing.send_replace(true);
    }

    /// Closes the engine: appends decided commands, then closes the read models.
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

/// A parsed command with its facts and digest.
#[derive(Debug)]
pub(crate) struct PreparedCommand {
    pub command: Command,
    /// The facts that its rule needs.
    pub facts: Facts,
    /// The digest that identifies a repeated command.
    pub body: Digest,
    /// The stored files of an import that is planned first.
    pub kept: Option<Vec<FileRef>>,
}

/// The files of an import before its command reaches the company.
enum ImportFacts {
    Read(FileContents),
    /// The files are stored, and are read together with the plan.
    ReadWithPlan(Vec<FileRef>),
}

/// The envelope of a command and its company.
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

/// The reply for a command that does not reach its company: a temporary failure, or a refusal.
pub(crate) fn rejected(refusal: Refusal) -> Reply {
    if refusal.code == Code::Unavailable {
        Reply::Failed { code: refusal.code, why: refusal.message }
    } else {
        Reply::Refused(refusal)
    }
}

/// Converts a reply to an answer.
pub(crate) fn answer(command: CommandId, reply: Reply) -> Answer {
    match reply {
        Reply::Accepted { duplicate, version, position, result, .. } => {
            Answer::Accepted { command, duplicate, version, position, result }
        }
        Reply::Refused(refusal) => Answer::refused(command, refusal),
        Reply::Failed { code, why } => Answer::failed(command, code, &why),
        Reply::TooLarge => {
            let refusal = Refusal::new(Code::EnvelopeMalformed)
                .saying("its events do not fit in one commit; send fewer people, numbers or pictures at once");
            Answer::refused(command, refusal)
        }
    }
}
