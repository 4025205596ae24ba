//! The engine: executes commands and queries and runs the background work.

use std::fmt;
use std::sync::Arc;

use boarding_commands::decide::imports::import_file::ImportMode;
use boarding_commands::decide::{Authority, Command};
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::{Code, CompanyId, Digest, check_actor};
use boarding_projections::rows::Table;
use serde_json::{Map, Value, json};

use crate::actor::ActorHandle;
use crate::clock::Clock;
use crate::context::EngineContext;
use crate::data_dir;
use crate::files::SharedFiles;
use crate::intake::{Intake, PreparedCommand};
use crate::metrics::{CompanyMetrics, Metrics, WorkMetrics};
use crate::object_store::Objects;
use crate::ownership::{AppendGuard, Ownership};
use crate::picture_removal::{self, taken_from_users};
use crate::preview::{ImportPlan, ImportPlanner};
use crate::queries::{PreparedQuery, Queries, QueryAnswer, QueryCaller, QueryFailure};
use crate::read::verification::{self, Verified, VerifyError};
use crate::refused_commands::RefusedCommands;
use crate::registry::Companies;
use crate::reply::Reply;
use crate::submission::Submission;

mod checkpoints;
mod damage;
mod earlier_commands;
mod engine_log;
mod examination;
mod link_secrets;
mod links;
mod opening;
mod reading;
mod resumption;
mod stored_files;
mod tokens;

pub use crate::known_links::OwnLinkPage;
pub use engine_log::EngineLog;
pub use examination::{HealthFinding, PartReport, Severity};
pub use links::{ImportLinkPage, MailedLink};
pub use opening::{EngineError, LogChoice, OpeningReport, Options};

/// A running engine. Dropping it without [`Engine::close`] is like a crash: nothing is lost, but the next
/// opening takes longer.
pub struct Engine {
    pub(crate) context: Arc<EngineContext>,
    companies: Arc<Companies>,
    intake: Intake,
    planner: ImportPlanner,
    queries: Queries,
    report: OpeningReport,
}

impl Engine {
    /// Opens a data folder. Blocks on the disk and the network: it checks the whole log.
    ///
    /// # Errors
    /// When the folder is in use, has a newer format or is damaged, or when the NATS servers are not safe. The
    /// message says what to do.
    pub fn open(options: Options) -> Result<Self, EngineError> {
        let (context, report) = opening::open(options)?;
        Ok(Self::of(context, report))
    }

    /// Opens a data folder to answer queries about it as it is now. Another process may use it, and it need not be
    /// writable: no file in it is changed. Commands fail. Blocks as [`Engine::open`] does.
    ///
    /// # Errors
    /// When the folder cannot be read, has a newer format or is damaged, or there is no place for temporary files.
    pub fn open_to_read(options: Options) -> Result<Self, EngineError> {
        let (context, report) = reading::open(options)?;
        Ok(Self::of(context, report))
    }

    fn of(context: EngineContext, report: OpeningReport) -> Self {
        let context = Arc::new(context);
        let companies = Arc::new(Companies::new(Arc::clone(&context)));
        let parts = || (Arc::clone(&context), Arc::clone(&companies));
        let (intake, planner, queries) = (parts(), parts(), parts());
        Self {
            intake: Intake::new(intake.0, intake.1),
            planner: ImportPlanner::new(planner.0, planner.1),
            queries: Queries::new(queries.0, queries.1),
            context,
            companies,
            report,
        }
    }

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

    /// Sets where the query `queued_commands` reads. Only the first call has an effect.
    pub fn read_refused_from(&self, refused: Arc<dyn RefusedCommands>) {
        let _ = self.context.refused.set(refused);
    }

    /// Shares imported files with other engines.
    pub fn share_files(&self, shared: Arc<dyn SharedFiles>) {
        self.context.files.share(shared);
    }

    /// The engine's log. The data folder stays in use as long as the handle lives.
    pub fn log(&self) -> EngineLog {
        EngineLog::of(Arc::clone(&self.context))
    }

    /// Whether mails leave by a mail server, as opposed to files or workers.
    pub fn sends_by_mail_server(&self) -> bool {
        self.context.transport.is_mail_server()
    }

    /// The name of the transport of mails.
    pub fn transport_name(&self) -> &'static str {
        self.context.transport.name()
    }

    /// The companies that have a history.
    pub fn companies(&self) -> Vec<CompanyId> {
        self.context.log.companies()
    }

    /// What operators watch: the log, and the companies that this engine works for. It loads no company.
    pub async fn metrics(&self) -> Metrics {
        let of_company = |(company, work): (CompanyId, WorkMetrics)| {
            // The mark outlives the last deferred mail, and the manager of a company that is not in memory.
            let since = self.context.waiting.notifications_wait_since(&company);
            let notifications_wait_since = since.filter(|_| work.notifications_deferred > 0);
            CompanyMetrics { company, work, notifications_wait_since }
        };
        let companies = self.companies.metrics().await.into_iter().map(of_company).collect();
        let damaged = self.context.log.damaged_companies();
        let damaged = damaged.into_iter().map(|damage| damage.company).collect();
        Metrics { log_position: self.context.log.end(), companies, damaged }
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
        // An envelope without an actor comes from this process.
        if let Some(Err(refusal)) = envelope.actor.as_deref().map(check_actor) {
            return Answer::refused(id, refusal);
        }
        let prepared = match self.intake.prepare(company, name, &envelope, authority).await {
            Ok(prepared) => prepared,
            Err(reply) => return reply.into_answer(id),
        };
        let PreparedCommand { command, facts, body, kept, files: command_files } = prepared;
        let is_preview =
            matches!(&command, Command::ImportFile(import) if import.mode == ImportMode::Preview);
        let submission = self.submission(company, body, envelope, authority);
        let reply = match (command, kept) {
            (Command::ImportFile(import), Some(files)) => {
                self.planner.import_as_planned(&submission, import, files).await
            }
            (Command::UndoImport(undo), _) if undo.mode == ImportMode::Preview => {
                self.planner.preview_undo(&submission, undo).await
            }
            (command, _) => {
                submission.submit(&self.context, &self.companies, command, facts, None).await
            }
        };
        match is_preview {
            true => command_files.discard(&self.context.files),
            false => command_files.settle(&self.context.files, &reply),
        }
        if let Reply::Accepted { events, .. } = &reply {
            let taken = taken_from_users(events).collect();
            picture_removal::remove_unused(&self.context, taken).await;
        }
        reply.into_answer(id)
    }

    fn submission(
        &self,
        company: &CompanyId,
        body: Digest,
        envelope: Envelope,
        authority: Authority,
    ) -> Submission {
        Submission {
            company: company.clone(),
            body,
            envelope,
            authority,
            mail_setup: self.context.mail_setup(),
        }
    }

    /// Plans an `ImportFile` in any `mode`. It appends nothing.
    ///
    /// # Errors
    /// The refusal or failure that the command would get.
    pub async fn preview(
        &self,
        company: &CompanyId,
        mut envelope: Envelope,
        authority: Authority,
    ) -> Result<ImportPlan, Answer> {
        let id = envelope.id;
        if let Value::Object(fields) = &mut envelope.body {
            fields.insert("mode".to_owned(), json!("preview"));
        }
        let prepared = self.intake.prepare(company, "ImportFile", &envelope, authority).await;
        let rejected = |reply: Reply| reply.into_answer(id);
        let PreparedCommand { command, body, kept, files: command_files, .. } =
            prepared.map_err(rejected)?;
        let (Command::ImportFile(import), Some(files)) = (command, kept) else {
            command_files.discard(&self.context.files);
            return Err(rejected(Reply::Refused(Code::EnvelopeMalformed.into())));
        };
        let submission = self.submission(company, body, envelope, authority);
        let planned = self.planner.plan(&submission, &import, &files).await;
        command_files.discard(&self.context.files);
        planned.map(|(plan, _)| plan).map_err(rejected)
    }

    /// Answers a query by its contract name.
    ///
    /// # Errors
    /// `query.*`, `auth.*`, `not_yet_visible`, `unavailable`.
    pub async fn query(
        &self,
        company: &CompanyId,
        name: &str,
        params: Map<String, Value>,
        caller: &QueryCaller,
    ) -> Result<QueryAnswer, QueryFailure> {
        self.queries.query(company, name, params, caller).await
    }

    /// Reads a query, to wait for its position and to answer it separately.
    ///
    /// # Errors
    /// `query.*`, `auth.*`, `not_yet_visible`, `unavailable`.
    pub async fn prepare_query<'a>(
        &'a self,
        company: &CompanyId,
        name: &str,
        params: Map<String, Value>,
        caller: &'a QueryCaller,
    ) -> Result<PreparedQuery<'a>, QueryFailure> {
        self.queries.prepare(company, name, params, caller).await
    }

    /// Completes with a text when the log rejects all appends until it is opened again. Never completes while the
    /// log works. The process should end then: the next start opens the log again.
    pub async fn log_failed(&self) -> String {
        let error = self.context.log.failed().await;
        boarding_log::error_chain(&error)
    }

    /// Waits until the read models have applied a position, at most five seconds.
    ///
    /// # Errors
    /// `not_yet_visible`, or `unavailable` when they have stopped.
    pub async fn visible(&self, position: u64) -> Result<(), QueryFailure> {
        self.queries.visible(position).await
    }

    /// Why queries cannot be answered now: the read models are behind the log as it was at the start, or have stopped.
    pub fn queries_wait_for(&self) -> Option<String> {
        let target = self.context.read_models.target();
        match &*self.context.read_models.seen().borrow() {
            Ok(seen) if *seen >= target => None,
            Ok(seen) => Some(format!("the read models are at position {seen} of {target}")),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Waits without a time limit until the read models have seen the whole log as it is now.
    ///
    /// # Errors
    /// `unavailable` when they have stopped.
    pub async fn caught_up(&self) -> Result<(), QueryFailure> {
        self.queries.caught_up().await
    }

    /// Replays the log into empty tables and compares them with the read models. First call
    /// [`Engine::settle`] and [`Engine::caught_up`]. Blocks while it reads the whole log.
    ///
    /// # Errors
    /// The first difference, or a log or rows that cannot be read.
    pub fn verify_read_models(&self) -> Result<Verified, VerifyError> {
        verification::verify(&*self.context.log, &self.context.read_models)
    }

    /// Returns the actor of the company; starts it on demand. A held handle keeps the company in memory.
    pub async fn actor(&self, company: &CompanyId) -> ActorHandle {
        self.companies.actor(company).await
    }

    /// Shares the companies with other engines from now on. Call this once, before the first command, and call
    /// [`Engine::ownership_changed`] after each change of an owner.
    pub fn share(&self, ownership: Arc<dyn Ownership>) {
        if self.context.ownership.set(ownership).is_err() {
            tracing::warn!("ownership is set already, ignored");
        }
    }

    /// Appends only while the guard permits it. Call this once, before the first command.
    pub fn guard_appends(&self, guard: Arc<dyn AppendGuard>) {
        if self.context.append_guard.set(guard).is_err() {
            tracing::warn!("the guard of appends is set already, ignored");
        }
    }

    /// The id of the data folder; see [`data_dir::identity`].
    pub fn folder_identity(&self) -> Option<String> {
        data_dir::identity(self.context.folder.path())
    }

    /// Starts the process managers of companies that this engine has acquired, and stops those of companies that
    /// it has lost.
    pub async fn ownership_changed(&self) {
        self.companies.follow_ownership().await;
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

    /// Closes the engine: appends decided commands, then closes the read models. Returns at once when the log has
    /// failed or fails, because then nothing can be appended.
    pub async fn close(self) {
        tokio::select! {
            biased;
            _ = self.context.log.failed() => return,
            () = self.companies.close() => {}
        }
        let context = Arc::clone(&self.context);
        let _ = tokio::task::spawn_blocking(move || {
            context.read_models.stop();
            if context.folder.is_only_read() {
                context.folder.remove_derived_copy();
                return;
            }
            context.sign_or_report();
            context.note_end_of_damaged();
        })
        .await;
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("core", &self.context).finish_non_exhaustive()
    }
}
