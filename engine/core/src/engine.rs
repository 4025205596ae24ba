//! The engine: opens a data folder, takes commands, answers queries, and sees to what goes on by itself.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use boarding_commands::decide::imports::import_file::ImportMode;
use boarding_commands::decide::{Authority, Command, ImportFile};
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::event::FileRef;
use boarding_commands::values::{Code, CommandId, CompanyId, Digest, Refusal, Time};
use boarding_log::EventLog;
use boarding_projections::rows::Table;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::actor::{Hot, Reply, Request};
use crate::clock::Clock;
use crate::context::Core;
use crate::intake::files::Elsewhere;
use crate::intake::objects::Objects;
use crate::intake::{CompanySays, canonical_body};
use crate::registry::Companies;

mod opening;

pub use opening::{EngineError, Found, LogChoice, Options};

/// A running engine. Dropping it without [`Engine::close`] is like a crash: nothing
/// is lost, the next opening takes longer.
pub struct Engine {
    pub(crate) core: Arc<Core>,
    pub(crate) companies: Arc<Companies>,
    /// Wakes companies that sleep; ends with the engine, and is started by the first who asks.
    alarm: OnceLock<JoinSet<()>>,
    found: Found,
    /// How many plans of imports may be made at once: each holds a company in memory.
    pub(crate) planning: Semaphore,
}

impl Engine {
    /// What the opening found.
    pub fn found(&self) -> &Found {
        &self.found
    }

    pub fn clock(&self) -> &Clock {
        &self.core.clock
    }

    /// Says where files are fetched from that commands only name; the first word counts.
    pub fn fetch_from(&self, objects: Arc<dyn Objects>) {
        let _ = self.core.objects.set(objects);
    }

    /// Has files kept where other engines find them, and found where those keep them.
    pub fn share_files(&self, elsewhere: Arc<dyn Elsewhere>) {
        self.core.files.share(elsewhere);
    }

    /// The engine's log. The data folder stays in use as long as the handle lives.
    pub fn log(&self) -> EngineLog {
        EngineLog(Arc::clone(&self.core))
    }

    /// The companies that have a history.
    pub fn companies(&self) -> Vec<CompanyId> {
        self.core.log.companies()
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
            Ok(Prepared { command: Command::ImportFile(import), body, kept: Some(files) }) => {
                let asking = Asking { company: company.clone(), body, envelope, authority };
                self.import_as_planned(&asking, import, files).await
            }
            Ok(Prepared { command: Command::UndoImport(undo), body, .. })
                if undo.mode == ImportMode::Preview =>
            {
                let asking = Asking { company: company.clone(), body, envelope, authority };
                self.foresee_undo(&asking, undo).await
            }
            Ok(Prepared { command, body, .. }) => {
                let asking = Asking { company: company.clone(), body, envelope, authority };
                self.ask(&asking, command, None).await
            }
            Err(reply) => reply,
        };
        answer(id, reply)
    }

    /// Reads the command, keeps its files, and adds what only the engine can find out.
    pub(crate) async fn prepare(
        &self,
        company: &CompanyId,
        name: &str,
        envelope: &Envelope,
        authority: Authority,
    ) -> Result<Prepared, Reply> {
        let body = if envelope.body.is_null() { json!({}) } else { envelope.body.clone() };
        let mut command = Command::read(name, body.clone()).map_err(no)?;
        let mut kept = None;
        let digest = match &mut command {
            Command::ImportFile(import) => {
                let prepared = self.prepare_import(company, import, &body, envelope, authority);
                let (digest, files) = prepared.await?;
                kept = files;
                digest
            }
            Command::ImportPictures(pictures) => {
                self.prepare_pictures(company, pictures, &body, envelope, authority).await?
            }
            Command::LinkCompleted(link) => {
                let token = link.token.as_ref();
                link.verified = token.and_then(|token| self.core.tokens.read(company, token));
                Digest::of_body(name, &body)
            }
            Command::StartBulkIntegration(start) => {
                let token = start.source.token.as_ref();
                start.source.verified =
                    token.and_then(|token| self.core.tokens.read_import(company, token));
                Digest::of_body(name, &body)
            }
            _ => Digest::of_body(name, &body),
        };
        Ok(Prepared { command, body: digest, kept })
    }

    /// Keeps and reads an import's file, for those who may import; a repeat is known before it is read,
    /// since what the company's settings say of reading may have changed since. The files of an import that
    /// is planned are read with its plan.
    async fn prepare_import(
        &self,
        company: &CompanyId,
        import: &mut ImportFile,
        body: &Value,
        envelope: &Envelope,
        authority: Authority,
    ) -> Result<(Digest, Option<Vec<FileRef>>), Reply> {
        let hot = self.hot(company).await;
        let actor = envelope.actor.clone().unwrap_or_default();
        let needed = import.needs();
        let dialect = import.dialect.clone();
        let look = hot.look(move |company| {
            (CompanySays::of(company, &dialect), company.grants.allows(&actor, needed))
        });
        let (says, allowed) = look.await.ok_or_else(crate::actor::gone)?;
        let known = self.core.knows(company, envelope.id);
        if authority == Authority::Granted && !allowed && !known {
            let refusal = Refusal::new(Code::AuthPermissionDenied).saying(needed.as_str());
            return Err(no(refusal.with(json!({"permission": needed.as_str()}))));
        }
        let recalled = match known {
            true => self.core.recall(company, envelope.id, &import.files).map_err(no)?,
            false => None,
        };
        let files = match recalled {
            Some(files) => files,
            None => self.core.keep(company, &import.files, authority).await.map_err(no)?,
        };
        let digest = Digest::of_body("ImportFile", &canonical_body(body, &files));
        if let Some(first) = self.core.first_answer(company, envelope.id, digest) {
            return Err(first);
        }
        if import.is_planned() {
            return Ok((digest, Some(files)));
        }
        import.read = Some(self.core.read(import, files, says).await.map_err(no)?);
        Ok((digest, None))
    }

    /// Asks a command of its company; `planned_at` is the version that its plan was made at, if it has one.
    pub(crate) async fn ask(
        &self,
        asking: &Asking,
        mut command: Command,
        planned_at: Option<u64>,
    ) -> Reply {
        let at = self.core.clock.now();
        let request = |command: Command| Request { planned_at, ..asking.request(command, at) };
        let hot = self.hot(&asking.company).await;
        let mut reply = hot.ask(request(command.clone())).await;
        if let (Reply::TooLarge, Command::ImportFile(import)) = (&reply, &mut command)
            && let Some(read) = &mut import.read
        {
            // What the rows lead to does not fit beside the acceptance: they follow in the background.
            read.rows.clear();
            reply = hot.ask(request(command)).await;
        }
        reply
    }

    /// The company's task, started if need be. While the handle is held, the company stays in memory.
    pub async fn hot(&self, company: &CompanyId) -> Hot {
        self.alarm.get_or_init(|| {
            let (companies, mut alarm) = (Arc::clone(&self.companies), JoinSet::new());
            alarm.spawn(async move { companies.wake_in_time().await });
            alarm
        });
        self.companies.hot(company).await
    }

    /// Goes on with everything that was going on when the engine was closed or killed.
    pub async fn resume(&self) {
        for company in self.companies() {
            let hot = self.hot(&company).await;
            hot.look(|_| ()).await;
        }
    }

    /// Waits until the company's imports, runs and mails are done.
    pub async fn settle(&self, company: &CompanyId) {
        let hot = self.hot(company).await;
        hot.look(|_| ()).await;
        let mut chores = hot.chores();
        while !chores.borrow_and_update().is_idle() {
            if chores.changed().await.is_err() {
                return;
            }
        }
    }

    /// Builds read models anew from the log, beside those that are read.
    ///
    /// # Errors
    /// What went wrong, in words; the old rows stay.
    pub fn rebuild(&self, tables: &[Table]) -> Result<(), String> {
        self.core.projections.rebuild(tables)
    }

    /// Begins to stop: what goes on by itself comes to a halt; commands and queries are still answered.
    pub fn wind_down(&self) {
        self.core.closing.send_replace(true);
    }

    /// Stops: nothing new is begun, what is decided is appended, the read models are closed in peace.
    pub async fn close(self) {
        drop(self.alarm);
        self.companies.close().await;
        let projections = self.core.projections.clone();
        let _ = tokio::task::spawn_blocking(move || projections.stop()).await;
    }
}

/// The log of an engine, with the data folder that it needs; clones share it.
#[derive(Debug, Clone)]
pub struct EngineLog(Arc<Core>);

impl Deref for EngineLog {
    type Target = dyn EventLog;

    fn deref(&self) -> &Self::Target {
        &*self.0.log
    }
}

/// A command that was read, and what is known of it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub command: Command,
    /// The digest by which a repeat is recognised.
    pub body: Digest,
    /// The files of an import that is to be planned first.
    pub kept: Option<Vec<FileRef>>,
}

/// Who asks what, of which company.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    pub company: CompanyId,
    pub body: Digest,
    pub envelope: Envelope,
    pub authority: Authority,
}

impl Asking {
    pub(crate) fn request(&self, command: Command, at: Time) -> Request {
        let envelope = &self.envelope;
        Request {
            command,
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
        f.debug_struct("Engine").field("core", &self.core).finish_non_exhaustive()
    }
}

/// The reply to a command that does not reach its company: a fault may pass, a broken rule stays.
pub(crate) fn no(refusal: Refusal) -> Reply {
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
