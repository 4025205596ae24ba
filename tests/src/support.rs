//! Helpers that several themes share.

pub(crate) mod sink;
