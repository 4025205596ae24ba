//! The log of an engine, for other crates.

use std::ops::Deref;
use std::sync::Arc;

use crate::context::EngineContext;
use boarding_log::EventLog;

/// The log of an engine, with the data folder that it needs; clones share it.
#[derive(Debug, Clone)]
pub struct EngineLog(Arc<EngineContext>);

impl EngineLog {
    pub(super) fn of(context: Arc<EngineContext>) -> Self {
        Self(context)
    }
}

impl Deref for EngineLog {
    type Target = dyn EventLog;

    fn deref(&self) -> &Self::Target {
        &*self.0.log
    }
}
