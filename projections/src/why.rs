//! Why a row or a recipient has its outcome: the chain of events (query `why`).
//!
//! The engine reads the events from the log. [`Question::chain`] lists the versions to read,
//! [`Chain::explain`] turns each event into a row of the answer.

mod chain;
mod explained;
mod explainer;
mod milestones;
mod sentences;
mod step;

use crate::projector::Projector;
use crate::query::QueryError;
use crate::read_model::ReadModel;
use crate::rows::Rows;
use boarding_commands::event::Permission;
use boarding_commands::values::{CompanyId, ImportId, RunId, UserKey};
use milestones::MilestoneProjection;

pub use chain::{Chain, STEPS_MAX};
pub use explained::ExplainedEvent;

pub(crate) const MODEL: ReadModel =
    ReadModel { projectors: &[Projector::of::<MilestoneProjection>()], queries: &[] };

/// The permissions that an actor needs, all of them: those of the histories of imports, of runs and of users. A chain crosses
/// from one to the other.
pub const PERMISSIONS: [Permission; 2] =
    [Permission::BulkImportUsers, Permission::BulkIntegrateUsers];

/// The outcome that a caller wants explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A row of the file of an import, by its number from 1.
    Row { import: ImportId, row: u64 },
    /// A recipient of a run.
    Recipient { run: RunId, user: UserKey },
}

impl Question {
    /// The events that led to the outcome.
    ///
    /// # Errors
    /// `query.not_found` names the parameter: `import`, `row`, `run` or `user`.
    pub fn chain(&self, rows: &dyn Rows, company: &CompanyId) -> Result<Chain, QueryError> {
        match self {
            Self::Row { import, row } => chain::of_row(rows, company, *import, *row),
            Self::Recipient { run, user } => chain::of_recipient(rows, company, *run, user),
        }
    }
}
