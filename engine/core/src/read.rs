//! The read side: the projector, the store of rows, verification and snapshots.

pub(crate) mod effects;
pub mod projector;
pub(crate) mod snapshots;
pub mod store;
pub mod verification;
