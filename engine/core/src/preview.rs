//! Import previews: plans of what an import would do, and imports bound to a plan.
//!
//! A dry run on a copy of the company makes the plan, with the rules, commits and projections of a real import.
//! It appends nothing, and the company continues meanwhile. If the company changes before the import is
//! accepted, the plan is made again. After acceptance, rows of a long file are decided when they are applied.

use std::fmt;
use std::sync::Arc;

use boarding_commands::decide::facts::{Facts, FileContents};
use boarding_commands::decide::imports::import_file::ImportMode;
use boarding_commands::decide::{Authority, Command, ImportFile};
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::event::{Counts, FileRef};
use boarding_commands::values::{Code, CompanyId, Problem, Refusal};
use serde_json::{Value, json};

use crate::actor::Reply;
use crate::engine::{Engine, PreparedCommand, Submission, answer};
use crate::limits::PLANS_PER_COMMAND;

mod dry_run;
pub(crate) mod undo;

/// What an import would do in the current state of the company.
#[derive(Clone, PartialEq)]
pub struct ImportPlan {
    /// The digest of the plan. An import with this digest does exactly that, or is refused.
    pub hash: String,
    pub counts: Counts,
    /// The first rows, in the form of the query `import_rows`.
    pub rows: Vec<Value>,
    /// The number of the first data row that is not in `rows`; `None` if all rows are there. A preview has no
    /// further pages; the query `import_rows` shows all rows after the import.
    pub next: Option<u64>,
    pub attention: Attention,
    /// Warnings about the whole file. The counts include them.
    pub warnings: Vec<Problem>,
    /// Why no person would be invited, although the command wants invitations.
    pub not_invited: Option<Problem>,
    /// The version of the company when the plan was made.
    version: u64,
}

/// The first rows of each kind of problem, from the whole file.
#[derive(Clone, PartialEq, Default)]
pub struct Attention {
    pub invalid: Vec<Value>,
    pub duplicate: Vec<Value>,
    pub skipped: Vec<Value>,
    /// Rows whose person would be imported without the phone.
    pub phone_refused: Vec<Value>,
}

impl ImportPlan {
    /// The `result` of an accepted preview.
    pub fn result(&self) -> Value {
        let mut result = json!({
            "plan_hash": self.hash,
            "counts": self.counts,
            "rows": self.rows,
            "next": self.next,
        });
        if let (Some(problem), Some(fields)) = (&self.not_invited, result.as_object_mut()) {
            fields.insert("not_invited".to_owned(), json!(problem.code));
        }
        result
    }
}

/// Never shows the rows, which contain personal data.
impl fmt::Debug for ImportPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hash, counts, version, .. } = self;
        f.debug_struct("Plan")
            .field("hash", hash)
            .field("counts", counts)
            .field("version", version)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Attention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attention(***)")
    }
}

impl Engine {
    /// Plans an `ImportFile`, whatever its `mode`. It appends nothing.
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
        let prepared = self.prepare(company, "ImportFile", &envelope, authority).await;
        let rejected = |reply| answer(id, reply);
        let PreparedCommand { command, body, kept, .. } = prepared.map_err(rejected)?;
        let (Command::ImportFile(import), Some(files)) = (command, kept) else {
            return Err(rejected(Reply::Refused(Code::EnvelopeMalformed.into())));
        };
        let submission = Submission { company: company.clone(), body, envelope, authority };
        let planned = self.plan(&submission, &import, &files).await;
        planned.map(|(plan, _)| plan).map_err(rejected)
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
                return self.shown(&plan);
            }
            if import.plan_hash.as_ref().is_some_and(|shown| *shown != plan.hash) {
                let details = json!({"plan_hash": plan.hash, "counts": plan.counts});
                return Reply::Refused(Refusal::new(Code::ImportPlanChanged).with(details));
            }
            let (command, facts) = (Command::ImportFile(import.clone()), Facts::Files(contents));
            match self.submit_prepared(submission, command, facts, Some(plan.version)).await {
                Reply::Refused(refusal) if refusal.code == Code::ImportPlanChanged => {}
                reply => return reply,
            }
        }
        let why =
            format!("the company changed while the import was planned, {PLANS_PER_COMMAND} times");
        Reply::Failed { code: Code::Overloaded, why }
    }

    fn shown(&self, plan: &ImportPlan) -> Reply {
        Reply::Accepted {
            duplicate: false,
            version: plan.version,
            position: self.context.log.end(),
            result: plan.result(),
            events: Vec::new(),
        }
    }

    /// Makes a plan on a blocking thread. Returns it with the content of the files.
    async fn plan(
        &self,
        submission: &Submission,
        import: &ImportFile,
        files: &[FileRef],
    ) -> Result<(ImportPlan, FileContents), Reply> {
        // The held actor prevents eviction, which would write the snapshot that is read here.
        let _handle = self.actor(&submission.company).await;
        let _turn = self.plan_permits.acquire().await.map_err(|_| crate::actor::stopped())?;
        let (context, submission) = (Arc::clone(&self.context), submission.clone());
        let (import, files) = (import.clone(), files.to_vec());
        let planning = tokio::task::spawn_blocking(move || {
            dry_run::plan(&context, &submission, import, files)
        });
        planning.await.unwrap_or_else(|error| {
            Err(Reply::Failed { code: Code::Unavailable, why: error.to_string() })
        })
    }
}
