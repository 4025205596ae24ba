//! The subjects of the contract (sections 2 to 4) and the names of the streams behind them.

use boarding_commands::values::CompanyId;
use ulid::Ulid;

/// What all subjects of this version of the contract begin with.
pub const ROOT: &str = "boarding.v1";

/// The events for other services.
pub const EVENT_STREAM: &str = "BOARDING_EVENTS";

/// The last event alone, kept for as long as the events are forgotten after a time.
pub const LAST_EVENT_STREAM: &str = "BOARDING_EVENTS_LAST";

/// Commands that were left while no engine was up.
pub const QUEUE_STREAM: &str = "BOARDING_QUEUE";

/// Work for channel workers outside the engine.
pub const WORK_STREAM: &str = "BOARDING_WORK";

pub use boarding_core::intake::objects::FILES_BUCKET;

/// The bucket in which each engine says that it lives.
pub const ENGINES_BUCKET: &str = "BOARDING_ENGINES";

/// The bucket that says which engine works for which company.
pub const OWNERS_BUCKET: &str = "BOARDING_OWNERS";

/// The bucket of the files that imports need until they are done, for engines that share a log.
pub const KEPT_BUCKET: &str = "BOARDING_KEPT";

/// The bucket of what engines that share a log must have in common, and nobody else may read.
pub const SECRETS_BUCKET: &str = "BOARDING_SECRETS";

/// Where one engine hands commands on to another: `boarding.engine.<engine id>.command`.
pub fn forwarded(engine: Ulid) -> String {
    format!("boarding.engine.{engine}.command")
}

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

/// Where all events of all companies are published.
pub fn all_events() -> String {
    format!("{ROOT}.*.event.*")
}

/// Where work for a channel's workers waits: `boarding.v1.<company>.work.<channel>`.
pub fn work(company: &CompanyId, channel: &str) -> String {
    format!("{ROOT}.{company}.work.{channel}")
}

/// Where all work of all companies waits.
pub fn all_work() -> String {
    format!("{ROOT}.*.work.*")
}

/// The durable consumer by which a company's workers for a channel take work: `<company>_<channel>`.
pub fn workers(company: &CompanyId, channel: &str) -> String {
    format!("{company}_{channel}")
}

/// Where it is remembered that an attempt at a mail was handed to a worker, by the mark of its
/// Message-ID: `boarding.handed.v1.<company>.<mark>.<attempt>`.
pub fn handed(company: &CompanyId, mark: &str, attempt: u32) -> String {
    format!("{HANDED_ROOT}.{company}.{mark}.{attempt}")
}

/// All that was handed to workers.
pub fn all_handed() -> String {
    format!("{HANDED_ROOT}.*.*.*")
}

/// Nobody's but the engine's.
const HANDED_ROOT: &str = "boarding.handed.v1";
