//! The subjects of the contract (sections 2 to 4) and the names of the streams behind them.

use boarding_commands::id::CompanyId;

/// What all subjects of this version of the contract begin with.
pub const ROOT: &str = "boarding.v1";

/// The log itself, where it is in JetStream; one subject a company, and nobody's but the engine's.
pub const LOG_STREAM: &str = "BOARDING_LOG";

/// What the subjects of the log begin with; a company's id follows.
pub const LOG: &str = "boarding.log.v1";

/// The events for other services.
pub const EVENT_STREAM: &str = "BOARDING_EVENTS";

/// Commands that were left while no engine was up.
pub const QUEUE_STREAM: &str = "BOARDING_QUEUE";

/// Work for channel workers outside the engine.
pub const WORK_STREAM: &str = "BOARDING_WORK";

/// The bucket of files that are too large for a command.
pub const FILES_BUCKET: &str = "BOARDING_FILES";

/// The bucket that says which engine works for which company.
pub const OWNERS_BUCKET: &str = "BOARDING_OWNERS";

/// Where commands of one kind are asked: `boarding.v1.<company>.command.<CommandName>`.
pub fn command(company: &CompanyId, name: &str) -> String {
    format!("{ROOT}.{company}.command.{name}")
}

/// Where a query is asked: `boarding.v1.<company>.query.<name>`.
pub fn query(company: &CompanyId, name: &str) -> String {
    format!("{ROOT}.{company}.query.{name}")
}

/// Where a command is left for later: `boarding.v1.<company>.queue.<CommandName>`.
pub fn queue(company: &CompanyId, name: &str) -> String {
    format!("{ROOT}.{company}.queue.{name}")
}

/// Where an event is published: `boarding.v1.<company>.event.<EventName>`.
pub fn event(company: &CompanyId, name: &str) -> String {
    format!("{ROOT}.{company}.event.{name}")
}

/// Where work for a channel's workers waits: `boarding.v1.<company>.work.<channel>`.
pub fn work(company: &CompanyId, channel: &str) -> String {
    format!("{ROOT}.{company}.work.{channel}")
}

/// Where a company's commits are kept, in the log's own stream: `boarding.log.v1.<company>`.
pub fn log(company: &CompanyId) -> String {
    format!("{LOG}.{company}")
}
