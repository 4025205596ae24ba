//! An open data folder for one company: submits commands, sends queries, waits, closes.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::{CommandId, CompanyId, ImportId};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::common::{Common, DEFAULT_DATA};
use super::failure::{self, CliResult, Failure};
use super::fields::{set, text};
use super::opening::{open_engine, options};
use super::output::Out;
use super::words::quoted;
use boarding_core::engine::{Engine, Options};
use boarding_core::preview::ImportPlan;
use boarding_core::queries::QueryCaller;

mod queries;

/// The operator who can open the data folder has all permissions.
const AUTHORITY: Authority = Authority::All;

/// How long a verb may take to end after the log has failed, in milliseconds: the program ends within a second.
const LAST_WORDS_MILLIS: u64 = 200;

pub(super) struct Session<'a> {
    pub engine: Engine,
    pub company: CompanyId,
    pub out: &'a Out,
    data: PathBuf,
    caller: QueryCaller,
    id: Option<CommandId>,
    as_of: Option<String>,
    /// Whether a command was submitted, so that work may be in progress.
    has_submitted: AtomicBool,
    /// The last command that was accepted and recorded.
    accepted: Mutex<Option<Accepted>>,
    /// The runs that were carried on: interrupted and due ones, and the verb's own.
    carried: Mutex<BTreeSet<String>>,
}

/// A command that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Accepted {
    /// The whole answer.
    pub document: Value,
    /// The field `result` of the answer.
    pub result: Value,
}

impl Accepted {
    /// A text field of the result, or an empty text.
    pub(super) fn id(&self, name: &str) -> String {
        self.result.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Whether an earlier command with the same id had this answer.
    pub(super) fn is_repeat(&self) -> bool {
        self.document.get("duplicate") == Some(&Value::Bool(true))
    }
}

impl<'a> Session<'a> {
    /// Opens the data folder and waits until its read models have reached the end of the log. Runs rest as they are until
    /// [`Session::carry_runs`].
    pub(super) async fn open(common: &Common, out: &'a Out) -> Result<Self, Failure> {
        common.company()?;
        common.actor()?;
        let data = common.data();
        if !data.exists() {
            out.note(&format!("creating the data folder {}", data.display()));
        }
        let options = Options { carries_runs: false, ..options(common)? };
        Self::open_with(options, common, out).await
    }

    /// Carries interrupted and due runs on, and remembers these.
    pub(super) async fn carry_runs(&self, runs: impl Iterator<Item = String>) {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).extend(runs);
        self.engine.carry_runs(&self.company).await;
    }

    /// The runs that were carried on.
    pub(super) fn take_carried(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.carried.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As [`Session::open`], without the note about a new folder.
    pub(super) async fn open_new(common: &Common, out: &'a Out) -> Result<Self, Failure> {
        Self::open_with(options(common)?, common, out).await
    }

    async fn open_with(options: Options, common: &Common, out: &'a Out) -> Result<Self, Failure> {
        let (company, actor) = (common.company()?, common.actor()?);
        let session = Self {
            engine: open_engine(options, out).await?,
            company,
            out,
            data: common.data(),
            caller: QueryCaller { actor, authenticated: None, authority: AUTHORITY },
            id: common.command_id,
            as_of: common.as_of.clone(),
            has_submitted: AtomicBool::new(false),
            accepted: Mutex::new(None),
            carried: Mutex::default(),
        };
        session.engine.caught_up().await?;
        Ok(session)
    }

    /// Waits until the work ends or the operator presses Ctrl-C.
    pub(super) async fn run(&self, work: impl Future<Output = CliResult>) -> CliResult {
        let mut work = Box::pin(work);
        let result = tokio::select! {
            result = &mut work => result,
            _ = tokio::signal::ctrl_c() => return Err(self.interrupted().await),
            why = self.engine.log_failed() => {
                // The command that has met the failure says how it can be repeated.
                let soon = Duration::from_millis(LAST_WORDS_MILLIS);
                match tokio::time::timeout(soon, work).await {
                    Ok(ended) => ended,
                    Err(_) => return Err(self.with_acceptance(failure::of_log(&why))),
                }
            }
        };
        let result = match (result, self.log_failure()) {
            (Err(failure), Some(why)) if failure.status() == failure::of_log(&why).status() => {
                Err(failure::of_log(&format!("{why}\n  {}", failure.text())))
            }
            (result, _) => result,
        };
        result.map_err(|failure| self.with_acceptance(failure))
    }

    /// Why the log cannot be written, if it has failed.
    fn log_failure(&self) -> Option<String> {
        self.engine.log_failed().now_or_never()
    }

    /// A failure after an accepted command says so: a repeat under a new id could send all mails a second time.
    fn with_acceptance(&self, failure: Failure) -> Failure {
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (accepted, failure) {
            (Some(accepted), failure @ (Failure::Unavailable(_) | Failure::Failed { .. })) => {
                after_acceptance(&accepted, &failure)
            }
            (_, failure) => failure,
        }
    }

    async fn interrupted(&self) -> Failure {
        let mut text = "interrupted".to_owned();
        if self.has_submitted.load(Ordering::Relaxed) && !self.is_idle().await {
            text.push_str("; no mail is sent twice; to continue: boarding runs resume");
        }
        Failure::Interrupted(text)
    }

    /// The other transport with which the running run was started, if it waits for that transport.
    pub(super) async fn other_transport(&self) -> Option<String> {
        self.engine.actor(&self.company).await.pending_work().borrow().other_transport.clone()
    }

    pub(super) async fn is_idle(&self) -> bool {
        self.engine.actor(&self.company).await.pending_work().borrow().is_idle()
    }

    /// Closes the folder. The next opening is fast then.
    pub(super) async fn close(self) {
        self.engine.close().await;
    }

    /// Closes the folder after the work has ended. A failure names the log if that has failed only now, as on a disk on
    /// which nothing can be written.
    pub(super) async fn end(self, result: CliResult) -> CliResult {
        let log = self.engine.log();
        self.engine.close().await;
        let why = log.failed().now_or_never().map(|error| boarding_log::error_chain(&error));
        match (result, why) {
            (Err(failure), Some(why)) => Err(failure.with_failed_log(&why)),
            (result, _) => result,
        }
    }

    /// The company and data folder as options, for suggested commands.
    pub(super) fn location_options(&self) -> String {
        let data = self.data.to_string_lossy();
        match data.as_ref() {
            DEFAULT_DATA => format!("--company {}", self.company),
            path => format!("--company {} --data {}", self.company, quoted(path)),
        }
    }

    /// The same, with the way to send mails, for suggested commands that send some.
    pub(super) fn sending_options(&self) -> String {
        let smtp = if self.engine.sends_by_mail_server() { " --smtp URL" } else { "" };
        format!("{}{smtp}", self.location_options())
    }

    /// Whether the verb has submitted a command.
    pub(super) fn has_submitted(&self) -> bool {
        self.has_submitted.load(Ordering::Relaxed)
    }

    /// The id of `--id`.
    pub(super) fn given_id(&self) -> Option<CommandId> {
        self.id
    }

    /// Submits a command under the id of `--id`, or a new id.
    pub(super) async fn submit(&self, name: &str, body: Value) -> Result<Accepted, Failure> {
        let id = self.id.unwrap_or_else(|| self.engine.clock().id());
        self.submit_as(id, name, body).await
    }

    /// Submits a command under a new id, for verbs that submit several commands.
    pub(super) async fn submit_new(&self, name: &str, body: Value) -> Result<Accepted, Failure> {
        self.submit_as(self.engine.clock().id(), name, body).await
    }

    async fn submit_as(&self, id: CommandId, name: &str, body: Value) -> Result<Accepted, Failure> {
        self.submit_envelope(name, Envelope::of(id, body)).await
    }

    /// The plan of an `ImportFile` with this body.
    pub(super) async fn preview(&self, body: Value) -> Result<ImportPlan, Failure> {
        self.check_now()?;
        let id = self.id.unwrap_or_else(|| self.engine.clock().id());
        let actor = Some(self.caller.actor.clone());
        let envelope = Envelope { actor, ..Envelope::of(id, body) };
        let plan = self.engine.preview(&self.company, envelope, AUTHORITY).await;
        plan.map_err(|answer| Failure::of_answer(&answer))
    }

    /// Submits a command in its envelope. Without an actor in the envelope the operator is the actor.
    pub(super) async fn submit_envelope(
        &self,
        name: &str,
        mut envelope: Envelope,
    ) -> Result<Accepted, Failure> {
        self.check_now()?;
        self.has_submitted.store(true, Ordering::Relaxed);
        envelope.actor.get_or_insert_with(|| self.caller.actor.clone());
        // A preview is accepted as well, but records nothing. A tick or a resend of notifications only continues what
        // was accepted before, so the verb may be repeated.
        let continues = ["Tick", "ResendNotifications"].contains(&name);
        let records = !continues && text(&envelope.body, "mode") != "preview";
        let id = envelope.id;
        let answer = self.engine.submit(&self.company, name, envelope, AUTHORITY).await;
        match &answer {
            Answer::Accepted { result, .. } => {
                let accepted = Accepted { document: json!(answer), result: result.clone() };
                if records {
                    let known = Some(accepted.clone());
                    *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = known;
                }
                Ok(accepted)
            }
            _ => Err(match Failure::of_answer(&answer) {
                Failure::Failed { document, message } if records => {
                    let message = format!("{message}\n  {}", repeat(name, id));
                    Failure::Failed { document, message }
                }
                failure => failure,
            }),
        }
    }

    fn check_now(&self) -> Result<(), Failure> {
        if self.as_of.is_some() {
            let text = "--as-of shows an earlier state, which cannot be changed; leave out --as-of";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(())
    }

    /// Refuses `--as-of` for a verb that shows the current state only.
    pub(super) fn check_current(&self, verb: &str) -> Result<(), Failure> {
        match &self.as_of {
            None => Ok(()),
            Some(_) => Err(Failure::Usage(format!(
                "{verb} shows the current state only; leave out --as-of"
            ))),
        }
    }

    /// The company's imports of people and of pictures that cannot continue, with reasons.
    pub(super) async fn blocked_imports(&self) -> Vec<(ImportId, String)> {
        let pending = self.engine.actor(&self.company).await.pending_work();
        let pending = pending.borrow();
        pending.blocked.iter().chain(&pending.blocked_pictures).cloned().collect()
    }

    /// Waits until all work in progress is done and the read models show it.
    pub(super) async fn settle(&self) -> Result<(), Failure> {
        self.engine.settle(&self.company).await;
        Ok(self.engine.caught_up().await?)
    }
}

/// The failure after an accepted command: what was accepted, what goes on with it, and what failed.
fn after_acceptance(accepted: &Accepted, failure: &Failure) -> Failure {
    let (run, import) = (accepted.id("run"), accepted.id("import"));
    let what = match (run.as_str(), import.as_str()) {
        ("", "") => format!("command {} is accepted", text(&accepted.document, "command")),
        ("", import) => format!("import {import} is accepted; to go on: boarding runs resume"),
        (run, _) => format!("run {run} is accepted; to go on: boarding runs resume"),
    };
    let message = format!("{what}; do not repeat the command\n  {}", failure.text());
    let mut document = accepted.document.clone();
    set(&mut document, "message", message.clone());
    Failure::AfterAcceptance { document, message }
}

/// How to go on after a failed command. It may be stored nevertheless, and under a new id it would be done twice.
fn repeat(name: &str, id: CommandId) -> String {
    match name {
        "StartBulkIntegration" | "ResendInvitation" => format!(
            "first look whether the run was stored: boarding runs show {id}; if it was, to go on: boarding runs resume"
        ),
        "IssueToken" => {
            format!(
                "its secret is lost; if the token was stored, revoke it: boarding tokens revoke {id}"
            )
        }
        _ => format!("repeat it with --id {id}: if it was stored, it is not done twice"),
    }
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.company)
    }
}
