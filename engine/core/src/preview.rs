//! Import previews: plans of what an import would do, and imports bound to a plan.
//!
//! A dry run on a copy of the company makes the plan, with the rules, commits and projections of a real import.
//! It appends nothing, and the company continues meanwhile. If the company changes before the import is
//! accepted, the plan is made again. After acceptance, rows of a long file are decided when they are applied.

use std::sync::Arc;

use boarding_commands::decide::facts::{Facts, FileContents};
use boarding_commands::decide::imports::import_file::ImportMode;
use boarding_commands::decide::{Command, ImportFile, UndoImport};
use boarding_commands::event::FileRef;
use boarding_commands::values::{Code, Refusal};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::context::EngineContext;
use crate::intake::publish;
use crate::limits::{PLANS_AT_ONCE, PLANS_PER_COMMAND};
use crate::registry::Companies;
use crate::reply::Reply;
use crate::submission::Submission;

mod dry_run;
mod losses;
mod moves;
mod plan;
mod undo;

pub use losses::Losses;
pub use plan::{Attention, ImportPlan};

/// Plans imports and undos on copies of their companies.
#[derive(Debug)]
pub(crate) struct ImportPlanner {
    context: Arc<EngineContext>,
    companies: Arc<Companies>,
    /// Limits the plans that are made at once: each holds a copy of a company in memory.
    permits: Semaphore,
}

impl ImportPlanner {
    pub(crate) fn new(context: Arc<EngineContext>, companies: Arc<Companies>) -> Self {
        Self { context, companies, permits: Semaphore::new(PLANS_AT_ONCE) }
    }

    /// Returns the plan, or imports exactly what the plan says. With `on_error: reject_file`, the file is imported
    /// only if the plan has no invalid row.
    ///
    /// A different plan is refused. If the company changed during planning, the plan is made again. After several
    /// attempts the command fails as retryable, because it is unknown whether the plan differs.
    pub(crate) async fn import_as_planned(
        &self,
        submission: &Submission,
        import: ImportFile,
        files: Vec<FileRef>,
    ) -> Reply {
        for _ in 0..PLANS_PER_COMMAND {
            let (plan, contents) = match self.plan(submission, &import, &files).await {
                Ok(planned) => planned,
                Err(reply) => return reply,
            };
            if import.mode == ImportMode::Preview {
                return self.shown(&plan, import.attention);
            }
            if import.plan_hash.as_ref().is_some_and(|shown| *shown != plan.hash) {
                let details = json!({"plan_hash": plan.hash, "counts": plan.counts});
                return Reply::Refused(Refusal::new(Code::ImportPlanChanged).with(details));
            }
            // A file that only a plan was made of need not be where other engines find it.
            if let Err(reply) = publish(&self.context.files, &files).await {
                return reply;
            }
            let (command, facts) = (Command::ImportFile(import.clone()), Facts::Files(contents));
            match self.submit(submission, command, facts, Some(plan.version)).await {
                Reply::Refused(refusal) if refusal.code == Code::ImportPlanChanged => {}
                reply => return reply,
            }
        }
        let why =
            format!("the company changed while the import was planned, {PLANS_PER_COMMAND} times");
        Reply::Failed { code: Code::Overloaded, why }
    }

    fn shown(&self, plan: &ImportPlan, with_attention: bool) -> Reply {
        let result = match with_attention {
            true => plan.result_with_attention(),
            false => plan.result(),
        };
        Reply::Accepted {
            duplicate: false,
            version: plan.version,
            position: self.context.log.end(),
            result,
            events: Vec::new(),
        }
    }

    /// Makes a plan on a blocking thread. Returns it with the content of the files.
    pub(crate) async fn plan(
        &self,
        submission: &Submission,
        import: &ImportFile,
        files: &[FileRef],
    ) -> Result<(ImportPlan, FileContents), Reply> {
        // The held actor keeps the company in memory, so the command that follows is fast.
        let _handle = self.companies.actor(&submission.company).await;
        let _turn = self.permits.acquire().await.map_err(|_| Reply::stopped())?;
        let (context, submission) = (Arc::clone(&self.context), submission.clone());
        let (import, files) = (import.clone(), files.to_vec());
        let planning = tokio::task::spawn_blocking(move || {
            dry_run::plan(&context, &submission, import, files)
        });
        planning.await.unwrap_or_else(|error| {
            Err(Reply::Failed { code: Code::Unavailable, why: error.to_string() })
        })
    }

    /// Returns what an undo would do. It appends nothing.
    pub(crate) async fn preview_undo(&self, submission: &Submission, undo: UndoImport) -> Reply {
        let command = Command::UndoImport(undo.clone());
        let asked = self.submit(submission, command, Facts::None, None).await;
        if !matches!(asked, Reply::Accepted { duplicate: false, .. }) {
            return asked;
        }
        // The held actor keeps the company in memory, so the command that follows is fast.
        let _handle = self.companies.actor(&submission.company).await;
        let Ok(_turn) = self.permits.acquire().await else { return Reply::stopped() };
        let (context, submission) = (Arc::clone(&self.context), submission.clone());
        let looking =
            tokio::task::spawn_blocking(move || undo::preview(&context, &submission, undo));
        looking
            .await
            .unwrap_or_else(|error| Err(undo::failed(&error)))
            .unwrap_or_else(|reply| reply)
    }

    async fn submit(
        &self,
        submission: &Submission,
        command: Command,
        facts: Facts,
        planned_at: Option<u64>,
    ) -> Reply {
        submission.submit(&self.context, &self.companies, command, facts, planned_at).await
    }
}
