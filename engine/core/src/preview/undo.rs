//! Undo preview: reads the effects of an import from the log and simulates the undo.

use std::convert::Infallible;
use std::ops::ControlFlow;

use boarding_commands::commit::Commit;
use boarding_commands::company::{Company, Undo};
use boarding_commands::decide::imports::undo_import::preview_result;
use boarding_commands::decide::imports::unsupervised;
use boarding_commands::decide::{Authority, Command, Facts, UndoImport, UndoRows};
use boarding_commands::event::UndoCounts;
use boarding_commands::step::{CommandRequest, StepMode, StepOutcome, step};
use boarding_commands::values::{Code, ImportId};

use crate::actor::decide_step::State;
use crate::context::{ENGINE, EngineContext};
use crate::read::effects::read_effects;
use crate::reply::Reply;
use crate::submission::Submission;

/// Undoes the import on a temporary copy of its company. Returns the counts that the undo would have.
pub(super) fn preview(
    context: &EngineContext,
    submission: &Submission,
    undo: UndoImport,
) -> Result<Reply, Reply> {
    let (company, import) = (submission.company.clone(), undo.import);
    let loaded = context.snapshots.load(&*context.log, &company);
    let mut state = State::of(loaded.map_err(|error| failed(&error))?);
    let version = state.company.version;
    let facts = Facts::None;
    let started = submission.request(Command::UndoImport(undo), facts, context.clock.now());
    state.check_version(&started).map_err(Reply::Refused)?;
    execute(&mut state, &started)?;
    let mut failure = None;
    let mut undo_rows = |rows| {
        if *context.closing.borrow() {
            failure = Some(Reply::stopped());
            return ControlFlow::Break(());
        }
        // `last` would complete the undo, and its counts would no longer be in the state.
        let request = CommandRequest {
            command: UndoRows { import, rows, last: false }.into(),
            actor: ENGINE.to_owned(),
            authenticated: None,
            token: None,
            authority: Authority::All,
            ..started.clone()
        };
        match execute(&mut state, &request) {
            Ok(()) => ControlFlow::Continue(()),
            Err(reply) => {
                failure = Some(reply);
                ControlFlow::Break(())
            }
        }
    };
    read_effects(&*context.log, company, import, &mut undo_rows).map_err(|error| failed(&error))?;
    if let Some(reply) = failure {
        return Err(reply);
    }
    let left = unsupervised(&state.company, import);
    let result = preview_result(import, counts(&state.company, import), left);
    let position = context.log.end();
    Ok(Reply::Accepted { duplicate: false, version, position, result, events: Vec::new() })
}

/// Executes one step on the copy. The commit is not encoded, so an undo of any size can be shown.
fn execute(state: &mut State, request: &CommandRequest) -> Result<(), Reply> {
    let not_encoded = Ok::<Commit, Infallible>;
    match step(&mut state.company, state.hash, request, StepMode::DryRun, not_encoded) {
        StepOutcome::Commit(_) | StepOutcome::Answer(_) | StepOutcome::Repeat(_) => Ok(()),
        StepOutcome::Refused(refusal) => Err(Reply::Refused(refusal)),
        StepOutcome::NotEncoded(never) => match never {},
    }
}

fn counts(company: &Company, import: ImportId) -> UndoCounts {
    match company.imports.get(&import).map(|import| import.undo) {
        Some(Undo::Going { counts, .. }) => counts,
        Some(Undo::No | Undo::Done) | None => UndoCounts::default(),
    }
}

pub(super) fn failed(error: &(dyn std::error::Error + 'static)) -> Reply {
    Reply::Failed { code: Code::Unavailable, why: boarding_log::error_chain(error) }
}
