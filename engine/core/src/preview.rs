//! What a file would come to, and the commit of exactly that: previews of imports (P16).
//!
//! A plan is made on a copy of the company's state, by the rules, commits and projections of a real import
//! (`preview/rehearsal.rs`). It appends nothing, and the company's task goes on meanwhile. What comes between
//! a plan and the acceptance makes the plan anew; once accepted, the rows of a long file are judged as they come.

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

/// What a file would come to, were it imported into the company as it stands.
#[derive(Clone, PartialEq)]
pub struct ImportPlan {
    /// The digest of what would happen: a commit that names it does exactly that, or is refused.
    pub hash: String,
    pub counts: Counts,
    /// The first rows, as the query `import_rows` would show them.
    pub rows: Vec<Value>,
    /// The number of the first data row that `rows` leaves out; none if they are all there. It says that
    /// there is more, and where it begins: a command has no way to ask for the rows from there on, the
    /// import itself has (`import_rows`).
    pub next: Option<u64>,
    pub attention: Attention,
    /// What is worth saying about the file as a whole; they are among the counts' warnings.
    pub warnings: Vec<Problem>,
    /// Why nobody would be invited though somebody is to be.
    pub not_invited: Option<Problem>,
    /// The company's version that the plan was made at.
    version: u64,
}

/// The first rows of each kind that somebody should look at, wherever they stand in the file.
#[derive(Clone, PartialEq, Default)]
pub struct Attention {
    pub invalid: Vec<Value>,
    pub duplicate: Vec<Value>,
    pub skipped: Vec<Value>,
    /// People who would come in without their number.
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

/// Never shows the rows: they name people.
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
    /// What an `ImportFile` would come to, whatever its `mode` says. Nothing is appended.
    ///
    /// # Errors
    /// The answer that the command would be given instead: a refusal, or a failure.
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

    /// Shows what an import would come to, or imports exactly what was shown; a file that any invalid row
    /// is to refuse is imported if its plan has none.
    ///
    /// A plan that differs is refused; one that may have been overtaken while it was made is made anew. Where
    /// the company moves faster than plans are made, the command fails and may be sent again: that its plan
    /// has changed would be more than is known.
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

    /// Makes a plan beside the company's task; returns it with the content of the files.
    async fn plan(
        &self,
        submission: &Submission,
        import: &ImportFile,
        files: &[FileRef],
    ) -> Result<(ImportPlan, FileContents), Reply> {
        // The company stays awake: its snapshot is not written while it is read here.
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
