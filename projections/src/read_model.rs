//! A read model: its projections and its queries.

use crate::projection::Projector;
use crate::query::Query;

/// What a read model adds: projections that write its tables, queries that read them.
#[derive(Debug)]
pub struct ReadModel {
    pub projectors: &'static [Projector],
    pub queries: &'static [Query],
}
