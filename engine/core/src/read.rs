//! The read side: the projector, the store of rows, queries, verification and snapshots.

pub mod projector;
pub mod queries;
pub mod snapshots;
pub mod store;
pub mod verification;
