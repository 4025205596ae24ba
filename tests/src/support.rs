//! Helpers that several themes share.

pub(crate) mod program;
pub(crate) mod sink;
