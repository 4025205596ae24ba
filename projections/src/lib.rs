//! What can be seen: read models and the queries on them. Pure: no IO, no clock, no async.
//!
//! ```text
//! facts ── key, evolve ──► rows ── query ──► answer
//! projection.rs            rows.rs  query.rs
//! ```
//! One file a read model: its row, its key, its evolve, its query beside it, its tests. To add one:
//! the file, its `mod` line and its line in [`READ_MODELS`] here, its table in `rows.rs`.

pub mod batch_reports;
pub mod config;
pub mod history;
pub mod import_progress;
pub mod import_rows;
pub mod imports;
pub mod integration_log;
pub mod invitations;
pub mod lock;
pub mod notifications;
pub mod numbers;
pub mod org_units;
pub mod outlook;
pub mod permission_groups;
pub mod phone_list;
pub mod pictures;
pub mod projection;
pub mod query;
pub mod roles;
pub mod rows;
pub mod runs;
pub mod sheet;
pub mod templates;
pub mod users;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod testing;

use projection::{Projector, Stopped};
use query::Query;
use rows::RowsMut;

/// A read model: how its rows come to be, and how they are asked for.
#[derive(Debug)]
pub struct ReadModel {
    pub projectors: &'static [Projector],
    pub queries: &'static [Query],
}

/// Every read model there is.
pub const READ_MODELS: &[ReadModel] = &[
    batch_reports::MODEL,
    config::MODEL,
    history::MODEL,
    import_progress::MODEL,
    import_rows::MODEL,
    imports::MODEL,
    integration_log::MODEL,
    invitations::MODEL,
    lock::MODEL,
    notifications::MODEL,
    numbers::MODEL,
    org_units::MODEL,
    permission_groups::MODEL,
    phone_list::MODEL,
    pictures::MODEL,
    roles::MODEL,
    runs::MODEL,
    templates::MODEL,
    users::MODEL,
];

/// Every table's projector. Their order means nothing: each one writes and reads its own table only.
pub fn projectors() -> impl Iterator<Item = &'static Projector> {
    READ_MODELS.iter().flat_map(|model| model.projectors)
}

/// Every query that rows can answer.
pub fn queries() -> impl Iterator<Item = &'static Query> {
    READ_MODELS.iter().flat_map(|model| model.queries)
}

/// Lets every projection take note of one fact.
///
/// # Errors
/// [`Stopped`] names the table and the position; rows written before it in this call stand.
pub fn apply(
    fact: &boarding_commands::commit::Fact<'_>,
    rows: &mut dyn RowsMut,
) -> Result<(), Stopped> {
    projectors().try_for_each(|projector| projector.apply(fact, rows))
}
