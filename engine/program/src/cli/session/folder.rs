//! The data folder of a session: the engine that this process has opened on it.

use std::io::Read;

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::CompanyId;
use boarding_core::clock::Clock;
use boarding_core::engine::{Engine, Options};
use boarding_core::queries::{QueryAnswer, QueryCaller};
use boarding_core::read::verification::Verified;
use boarding_log::CompanyDamage;
use futures_util::FutureExt as _;
use serde_json::{Map, Value, json};

use super::answers::StoredFile;
use crate::cli::common::Common;
use crate::cli::failure::{Failure, of_verification};
use crate::cli::http_client::Answered;
use crate::cli::opening::{open_engine, open_engine_to_read};
use crate::cli::output::Out;

/// The operator who can open the data folder has all permissions.
const AUTHORITY: Authority = Authority::All;

/// An open data folder.
pub(super) struct Folder {
    engine: Engine,
    caller: QueryCaller,
}

impl Folder {
    /// Opens the folder and waits until its read models have reached the end of the log.
    pub(super) async fn open(options: Options, actor: String, out: &Out) -> Result<Self, Failure> {
        let engine = open_engine(options, out).await?;
        engine.caught_up().await?;
        Ok(Self::of(engine, actor))
    }

    /// Opens the folder to read it, also while another process uses it.
    pub(super) async fn open_to_read(
        common: &Common,
        actor: String,
        out: &Out,
    ) -> Result<Self, Failure> {
        Ok(Self::of(open_engine_to_read(common, out).await?, actor))
    }

    fn of(engine: Engine, actor: String) -> Self {
        let caller = QueryCaller { actor, authenticated: None, authority: AUTHORITY };
        Self { engine, caller }
    }

    pub(super) fn clock(&self) -> Clock {
        self.engine.clock().clone()
    }

    pub(super) fn sends_by_mail_server(&self) -> bool {
        self.engine.sends_by_mail_server()
    }

    /// Completes with a text when the log cannot be written any more.
    pub(super) async fn log_failed(&self) -> String {
        self.engine.log_failed().await
    }

    /// Why the log cannot be written, if it has failed.
    pub(super) fn log_failure(&self) -> Option<String> {
        self.engine.log_failed().now_or_never()
    }

    /// The damage of a company's log.
    pub(super) fn damage(&self, company: &CompanyId) -> Option<CompanyDamage> {
        self.engine.damage(company)
    }

    /// Damage of the log that stops no known company, as a sentence.
    pub(super) fn further_damage(&self) -> Option<String> {
        self.engine.further_damage()
    }

    /// Warns of other companies that are damaged. The verb ends with the damage of the company it works on.
    pub(super) fn warn_of_others(&self, company: &CompanyId, out: &Out) {
        let damaged = &self.engine.opening_report().damaged;
        for damage in damaged.iter().filter(|damage| damage.company != *company) {
            out.warn(&format!("warning: {damage}"));
        }
    }

    /// The companies that have a history.
    pub(super) fn companies(&self) -> Vec<CompanyId> {
        self.engine.companies()
    }

    /// Carries runs on from now.
    pub(super) async fn carry_runs(&self, company: &CompanyId) {
        self.engine.carry_runs(company).await;
    }

    pub(super) async fn is_idle(&self, company: &CompanyId) -> bool {
        self.engine.actor(company).await.pending_work().borrow().is_idle()
    }

    /// Waits until no work is in progress.
    pub(super) async fn settle(&self, company: &CompanyId) {
        self.engine.settle(company).await;
    }

    /// Waits until the read models show the whole log.
    pub(super) async fn caught_up(&self) -> Result<(), Failure> {
        Ok(self.engine.caught_up().await?)
    }

    /// The accepted answer to a command.
    pub(super) async fn submit(
        &self,
        company: &CompanyId,
        name: &str,
        mut envelope: Envelope,
    ) -> Result<Value, Failure> {
        envelope.actor.get_or_insert_with(|| self.caller.actor.clone());
        match self.engine.submit(company, name, envelope, AUTHORITY).await {
            answer @ Answer::Accepted { .. } => Ok(json!(answer)),
            answer => Err(Failure::of_answer(&answer)),
        }
    }

    /// The result of the preview of an import, with the rows that need attention.
    pub(super) async fn preview(
        &self,
        company: &CompanyId,
        envelope: Envelope,
    ) -> Result<Value, Failure> {
        let actor = Some(self.caller.actor.clone());
        let envelope = Envelope { actor, ..envelope };
        let plan = self.engine.preview(company, envelope, AUTHORITY).await;
        plan.map(|plan| plan.result_with_attention()).map_err(|answer| Failure::of_answer(&answer))
    }

    pub(super) async fn query(
        &self,
        company: &CompanyId,
        name: &str,
        params: Map<String, Value>,
    ) -> Result<Answered, Failure> {
        Ok(match self.engine.query(company, name, params, &self.caller).await? {
            QueryAnswer::Json(answer) => Answered::Json(answer.value()),
            QueryAnswer::Csv(bytes) => Answered::File(bytes),
        })
    }

    pub(super) fn keep_file(&self, name: &str, content: impl Read) -> Result<StoredFile, Failure> {
        let kept = tokio::task::block_in_place(|| self.engine.keep_file(name, content))?;
        let body = json!({"name": kept.name, "sha256": kept.sha256});
        Ok(StoredFile { sha256: kept.sha256, body })
    }

    pub(super) fn discard_file(&self, sha256: &str) {
        self.engine.discard_file(sha256);
    }

    /// The reason why a stored file is missing; none if it is there.
    pub(super) fn missing_file(&self, sha256: &str) -> Option<String> {
        self.engine.missing_file(sha256)
    }

    pub(super) fn verify_read_models(&self) -> Result<Verified, Failure> {
        let verified = tokio::task::block_in_place(|| self.engine.verify_read_models());
        verified.map_err(|error| of_verification(&error))
    }

    /// Closes the folder. Returns why the log cannot be written, if it has failed.
    pub(super) async fn close(self) -> Option<String> {
        let log = self.engine.log();
        self.engine.close().await;
        log.failed().now_or_never().map(|error| boarding_log::error_chain(&error))
    }
}
