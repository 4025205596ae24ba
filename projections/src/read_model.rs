//! The definition of a read model.

use crate::projector::Projector;
use crate::query::Query;

/// A read model: the projections that write its tables, and the queries that read them.
#[derive(Debug)]
pub struct ReadModel {
    pub projectors: &'static [Projector],
    pub queries: &'static [Query],
}
