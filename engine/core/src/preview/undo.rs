//! Undo preview: reads the effects of an import from the log and simulates the undo.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use boarding_commands::commit::Commit;
use boarding_commands::company::{Company, Effects, RowEffect, Undo};
use boarding_commands::decide::imports::undo_import::foreseen;
use boarding_commands::decide::{Authority, Command, Facts, UndoImport, UndoRows};
use boarding_commands::event::UndoCounts;
use boarding_commands::step::{Outcome, Purpose, Request, step};
use boarding_commands::values::{Code, CompanyId, ImportId};

use crate::actor::Reply;
use crate::actor::decide_step::State;
use crate::context::EngineContext;
use crate::engine::{Engine, Submission};
use crate::process::ENGINE;
use crate::read::snapshots;
use boarding_log::{EventLog, ReadError};

/// Reads the effects of an import from the log: for each commit, the rows that changed something. Stops when the
/// receiver breaks. It blocks, and costs a replay of the company up to the end of the import.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn effects(
    log: &dyn EventLog,
    company: CompanyId,
    import: ImportId,
    each: &mut dyn FnMut(Vec<RowEffect>) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let mut reader = log.read_company(&company, 1);
    let mut effects = Effects::new(company, import);
    while !effects.is_over()
        && let Some(entry) = reader.next()?
    {
        if each(effects.take(&entry.recorded.commit)).is_break() {
            break;
        }
    }
    Ok(())
}

impl Engine {
    /// Returns what an undo would do. It appends nothing.
    pub(crate) async fn preview_undo(&self, submission: &Submission, undo: UndoImport) -> Reply {
        let asked = self
            .submit_prepared(submission, Command::UndoImport(undo.clone()), Facts::None, None)
            .await;
        if !matches!(asked, Reply::Accepted { duplicate: false, .. }) {
            return asked;
        }
        // The held actor prevents eviction, which would write the snapshot that is read here.
        let _handle = self.actor(&submission.company).await;
        let Ok(_turn) = self.plan_permits.acquire().await else { return crate::actor::stopped() };
        let (context, submission) = (Arc::clone(&self.context), submission.clone());
        let looking = tokio::task::spawn_blocking(move || foresee(&context, &submission, undo));
        looking.await.unwrap_or_else(|error| Err(failed(&error))).unwrap_or_else(|reply| reply)
    }
}

/// Undoes the import on a temporary copy of its company.
fn foresee(
    context: &EngineContext,
    submission: &Submission,
    undo: UndoImport,
) -> Result<Reply, Reply> {
    let (company, import) = (submission.company.clone(), undo.import);
    let loaded = snapshots::load(&*context.log, Some(&context.store), &company);
    let mut state = State::of(loaded.map_err(|error| failed(&error))?);
    let version = state.company.version;
    let facts = Facts::None;
    let started = submission.request(Command::UndoImport(undo), facts, context.clock.now());
    state.check_version(&started).map_err(Reply::Refused)?;
    fold(&mut state, &started)?;
    let mut refused = None;
    let mut take = |rows| {
        if *context.closing.borrow() {
            refused = Some(crate::actor::stopped());
            return ControlFlow::Break(());
        }
        let request = Request {
            command: UndoRows { import, rows, last: false }.into(),
            actor: ENGINE.to_owned(),
            authority: Authority::All,
            ..started.clone()
        };
        match fold(&mut state, &request) {
            Ok(()) => ControlFlow::Continue(()),
            Err(reply) => {
                refused = Some(reply);
                ControlFlow::Break(())
            }
        }
    };
    effects(&*context.log, company, import, &mut take).map_err(|error| failed(&error))?;
    if let Some(reply) = refused {
        return Err(reply);
    }
    let result = foreseen(import, counts(&state.company, import));
    let position = context.log.end();
    Ok(Reply::Accepted { duplicate: false, version, position, result, events: Vec::new() })
}

/// Executes one step on the copy. The commit is not encoded, so an undo of any size can be shown.
fn fold(state: &mut State, request: &Request) -> Result<(), Reply> {
    let unencoded = Ok::<Commit, Infallible>;
    match step(&mut state.company, state.hash, request, Purpose::DryRun, unencoded) {
        Outcome::Commit(_) | Outcome::Answer(_) | Outcome::Repeat(_) => Ok(()),
        Outcome::Refused(refusal) => Err(Reply::Refused(refusal)),
        Outcome::NotEncoded(never) => match never {},
    }
}

fn counts(company: &Company, import: ImportId) -> UndoCounts {
    match company.imports.get(&import).map(|import| import.undo) {
        Some(Undo::Going { counts, .. }) => counts,
        Some(Undo::No | Undo::Done) | None => UndoCounts::default(),
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Reply {
    Reply::Failed { code: Code::Unavailable, why: boarding_log::error_chain(error) }
}
