//! Helpers that several themes share.

pub(crate) mod clients;
pub(crate) mod nats;
pub(crate) mod patience;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod sink;
