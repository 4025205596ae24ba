//! A company in an open data folder or in a running engine: submits commands, sends queries, waits, closes.

use std::collections::BTreeSet;
use std::future::Future;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use boarding_commands::envelope::Envelope;
use boarding_commands::values::{CommandId, CompanyId, Time};
use boarding_core::clock::Clock;
use boarding_core::read::verification::Verified;
use serde_json::Value;

use super::failure::{self, CliResult, Failure};
use super::fields::{set, text};
use super::output::Out;
use folder::Folder;
use remote::Remote;

mod answers;
mod company;
mod folder;
mod opening;
mod queries;
mod remote;
mod settling;

pub(super) use answers::{Accepted, StoredFile};
pub(super) use company::Wording;
pub(super) use queries::{Answered, Plan};
pub(super) use settling::is_open;

/// How long a verb may take to end after the log has failed, in milliseconds: the program ends within a second.
const LAST_WORDS_MILLIS: u64 = 200;

pub(super) struct Session<'a> {
    backend: Backend,
    pub company: CompanyId,
    pub out: &'a Out,
    /// The company and the data folder or the engine as options.
    location: String,
    clock: Clock,
    id: Option<CommandId>,
    as_of: Option<String>,
    /// The command that was submitted last. While there is one, work may be in progress.
    submitted: Mutex<Option<CommandId>>,
    /// The last command that was accepted and recorded.
    accepted: Mutex<Option<Accepted>>,
    /// The runs that were carried on: interrupted and due ones, and the verb's own.
    carried: Mutex<BTreeSet<String>>,
}

/// Where the company is.
enum Backend {
    /// In a data folder, which this process has opened.
    Folder(Box<Folder>),
    /// In a running engine, over HTTP.
    Remote(Remote),
}

impl<'a> Session<'a> {
    /// The time.
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// A new id for a command.
    pub(super) fn new_id(&self) -> CommandId {
        self.clock.id()
    }

    /// Whether the company is in a running engine, which carries runs and sends mails itself.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.backend, Backend::Remote(_))
    }

    /// Carries interrupted and due runs on, and remembers these. A running engine carries them anyway.
    pub(super) async fn carry_runs(&self, runs: impl Iterator<Item = String>) {
        let Backend::Folder(folder) = &self.backend else { return };
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).extend(runs);
        folder.carry_runs(&self.company).await;
    }

    /// The runs that were carried on.
    pub(super) fn take_carried(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.carried.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the work ends or the operator presses Ctrl-C.
    pub(super) async fn run(&self, work: impl Future<Output = CliResult>) -> CliResult {
        let mut work = Box::pin(work);
        let result = tokio::select! {
            result = &mut work => result,
            _ = tokio::signal::ctrl_c() => return Err(self.interrupted().await),
            why = self.log_failed() => {
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

    /// Completes with a text when the log of the folder cannot be written any more.
    async fn log_failed(&self) -> String {
        match &self.backend {
            Backend::Folder(folder) => folder.log_failed().await,
            Backend::Remote(_) => std::future::pending().await,
        }
    }

    /// Why the log cannot be written, if it has failed.
    fn log_failure(&self) -> Option<String> {
        match &self.backend {
            Backend::Folder(folder) => folder.log_failure(),
            Backend::Remote(_) => None,
        }
    }

    /// A failure after an accepted command says so: a repeat under a new id could send all mails a second time.
    fn with_acceptance(&self, failure: Failure) -> Failure {
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (accepted, failure) {
            (Some(accepted), failure @ (Failure::Unavailable(_) | Failure::Failed { .. })) => {
                self.after_acceptance(&accepted, &failure)
            }
            // A refused query has changed nothing of what was accepted. A later command may be refused.
            (Some(accepted), failure @ Failure::Refused { .. }) if !failure.is_of_command() => {
                self.after_acceptance(&accepted, &failure)
            }
            (_, failure) => failure,
        }
    }

    /// The failure after an accepted command: what was accepted, what goes on with it, and what failed.
    fn after_acceptance(&self, accepted: &Accepted, failure: &Failure) -> Failure {
        let (run, import) = (accepted.id("run"), accepted.id("import"));
        let goes_on = match self.is_remote() {
            true => "the engine goes on with it, also after a restart",
            false => "to go on: boarding runs resume",
        };
        let what = match (run.as_str(), import.as_str()) {
            ("", "") => format!("command {} is accepted", text(&accepted.document, "command")),
            ("", import) => format!("import {import} is accepted; {goes_on}"),
            (run, _) => format!("run {run} is accepted; {goes_on}"),
        };
        let message = format!("{what}; do not repeat the command\n  {}", failure.text());
        let mut document = accepted.document.clone();
        set(&mut document, "message", message.clone());
        Failure::AfterAcceptance { document, message }
    }

    async fn interrupted(&self) -> Failure {
        let mut text = "interrupted".to_owned();
        match (&self.backend, self.submitted()) {
            (_, None) => {}
            (Backend::Remote(_), Some(id)) => text.push_str(&format!(
                "; the engine goes on with what it has accepted; the last command has the id {id}"
            )),
            (Backend::Folder(folder), _) if folder.is_idle(&self.company).await => {}
            (Backend::Folder(_), _) => {
                text.push_str("; no mail is sent twice; to continue: boarding runs resume");
            }
        }
        Failure::Interrupted(text)
    }

    /// Closes the folder. The next opening is fast then.
    pub(super) async fn close(self) {
        if let Backend::Folder(folder) = self.backend {
            folder.close().await;
        }
    }

    /// Closes the folder after the work has ended. A failure names the log if that has failed only now, as on a disk on
    /// which nothing can be written.
    pub(super) async fn end(self, result: CliResult) -> CliResult {
        let has_submitted = self.has_submitted();
        let folder = match self.backend {
            Backend::Folder(folder) => folder,
            Backend::Remote(remote) => {
                remote.remove_uploads(&self.company).await;
                return result;
            }
        };
        let damage = folder.damage(&self.company);
        // A command that was done is done. A verb that only reads ends with what the log's check has found.
        let further = folder.further_damage().map(|damage| failure::further_damage(&damage));
        let result = match (result, folder.close().await) {
            (Err(failure), Some(why)) => Err(failure.with_failed_log(&why)),
            (result, _) => failure::unless_damaged(result, damage),
        };
        match (result, further) {
            (Ok(_), Some(text)) if !has_submitted => Err(Failure::Damaged(text)),
            (result, Some(text)) => {
                self.out.warn(&format!("warning: {text}"));
                result
            }
            (result, None) => result,
        }
    }

    /// The company and data folder as options, for suggested commands.
    pub(super) fn location_options(&self) -> String {
        self.location.clone()
    }

    /// The same, with the way to send mails, for suggested commands that send some. A running engine has its own way.
    pub(super) fn sending_options(&self) -> String {
        let by_mail_server = match &self.backend {
            Backend::Folder(folder) => folder.sends_by_mail_server(),
            Backend::Remote(_) => false,
        };
        let smtp = if by_mail_server { " --smtp URL" } else { "" };
        format!("{}{smtp}", self.location)
    }

    fn submitted(&self) -> Option<CommandId> {
        *self.submitted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the verb has submitted a command.
    pub(super) fn has_submitted(&self) -> bool {
        self.submitted().is_some()
    }

    /// The id of `--id`.
    pub(super) fn given_id(&self) -> Option<CommandId> {
        self.id
    }

    /// Submits a command under the id of `--id`, or a new id.
    pub(super) async fn submit(&self, name: &str, body: Value) -> Result<Accepted, Failure> {
        let id = self.id.unwrap_or_else(|| self.new_id());
        self.submit_envelope(name, Envelope::of(id, body)).await
    }

    /// Submits a command under a new id, for verbs that submit several commands.
    pub(super) async fn submit_new(&self, name: &str, body: Value) -> Result<Accepted, Failure> {
        self.submit_envelope(name, Envelope::of(self.new_id(), body)).await
    }

    /// Submits a command in its envelope. Without an actor in the envelope the operator is the actor, or with `--url`
    /// the owner of the token.
    pub(super) async fn submit_envelope(
        &self,
        name: &str,
        envelope: Envelope,
    ) -> Result<Accepted, Failure> {
        self.check_now()?;
        *self.submitted.lock().unwrap_or_else(PoisonError::into_inner) = Some(envelope.id);
        // A preview is accepted as well, but records nothing. A tick or a resend of notifications only continues what
        // was accepted before, so the verb may be repeated.
        let continues = ["Tick", "ResendNotifications"].contains(&name);
        let records = !continues && text(&envelope.body, "mode") != "preview";
        let id = envelope.id;
        let answered = match &self.backend {
            Backend::Folder(folder) => folder.submit(&self.company, name, envelope).await,
            Backend::Remote(remote) => remote.submit(&self.company, name, envelope).await,
        };
        match answered {
            Ok(document) => {
                let result = document.get("result").cloned().unwrap_or_default();
                let accepted = Accepted { document, result };
                if records {
                    let known = Some(accepted.clone());
                    *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = known;
                }
                Ok(accepted)
            }
            Err(Failure::Failed { document, message }) if records => {
                let message = format!("{message}\n  {}", repeat(name, id));
                Err(Failure::Failed { document, message })
            }
            Err(failure) => Err(failure),
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

    /// Stores a file for a command, before the command is sent.
    pub(super) async fn keep_file(
        &self,
        name: &str,
        content: Box<dyn Read + Send>,
    ) -> Result<StoredFile, Failure> {
        match &self.backend {
            Backend::Folder(folder) => folder.keep_file(name, content),
            Backend::Remote(remote) => remote.upload(&self.company, name, content).await,
        }
    }

    /// Removes a stored file that no accepted command uses. Uploads to a running engine are removed at the end.
    pub(super) fn discard_file(&self, sha256: &str) {
        if let Backend::Folder(folder) = &self.backend {
            folder.discard_file(sha256);
        }
    }

    /// Replays the log of the folder and compares the read models.
    pub(super) fn verify_read_models(&self) -> Result<Verified, Failure> {
        match &self.backend {
            Backend::Folder(folder) => folder.verify_read_models(),
            Backend::Remote(_) => {
                Err(Failure::Usage("a log is verified in its data folder".to_owned()))
            }
        }
    }
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
