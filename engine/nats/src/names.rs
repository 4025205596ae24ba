//! The subjects of the contract (sections 2 to 4) and the names of the streams behind them.

use boarding_commands::values::CompanyId;
use ulid::Ulid;

/// The prefix of all subjects of this version of the contract.
pub const ROOT: &str = "boarding.v1";

/// The stream of events for other services.
pub const EVENT_STREAM: &str = "BOARDING_EVENTS";

/// The stream with the last event only, used when old events are removed.
pub const LAST_EVENT_STREAM: &str = "BOARDING_EVENTS_LAST";

/// The stream of queued commands.
pub const QUEUE_STREAM: &str = "BOARDING_QUEUE";

/// The stream of work for channel workers outside the engine.
pub const WORK_STREAM: &str = "BOARDING_WORK";

pub use boarding_core::object_store::FILES_BUCKET;

/// The bucket with the leases of engines.
pub const ENGINES_BUCKET: &str = "BOARDING_ENGINES";

/// The bucket with the owner of each company.
pub const OWNERS_BUCKET: &str = "BOARDING_OWNERS";

/// The bucket of files of running imports, for engines that share a log.
pub const KEPT_BUCKET: &str = "BOARDING_KEPT";

/// The bucket of secrets that engines on one log share. Only engines may read it.
pub const SECRETS_BUCKET: &str = "BOARDING_SECRETS";

/// The subject for commands that are forwarded to an engine: `boarding.engine.<engine id>.command`.
pub fn forwarded(engine: Ulid) -> String {
    format!("boarding.engine.{engine}.command")
}

/// The subject of a command: `boarding.v1.<company>.command.<CommandName>`.
pub fn command(company: &CompanyId, name: &str) -> String {
    format!("{ROOT}.{company}.command.{name}")
}

/// The subject of a query: `boarding.v1.<company>.query.<name>`.
pub fn query(company: &CompanyId, name: &str) -> String {
    format!("{ROOT}.{company}.query.{name}")
}

/// The subject of a queued command: `boarding.v1.<company>.queue.<CommandName>`.
pub fn queue(company: &CompanyId, name: &str) -> String {
    format!("{ROOT}.{company}.queue.{name}")
}

/// The subject of an event: `boarding.v1.<company>.event.<EventName>`.
pub fn event(company: &CompanyId, name: &str) -> String {
    format!("{ROOT}.{company}.event.{name}")
}

/// The subject pattern of all events of all companies.
pub fn all_events() -> String {
    format!("{ROOT}.*.event.*")
}

/// The subject of work for a channel: `boarding.v1.<company>.work.<channel>`.
pub fn work(company: &CompanyId, channel: &str) -> String {
    format!("{ROOT}.{company}.work.{channel}")
}

/// The last part of the subject of text messages, beside the channels of [`work`].
pub const TEXT_LANE: &str = "text";

/// The subject pattern of all work of all companies.
pub fn all_work() -> String {
    format!("{ROOT}.*.work.*")
}

/// The durable consumer for the workers of a company and channel: `<company>_<channel>`.
pub fn workers(company: &CompanyId, channel: &str) -> String {
    format!("{company}_{channel}")
}

/// The subject that records an attempt as handed to a worker, by the hash of its Message-ID:
/// `boarding.handed.v1.<company>.<mark>.<attempt>`.
pub fn handed(company: &CompanyId, mark: &str, attempt: u32) -> String {
    format!("{HANDED_ROOT}.{company}.{mark}.{attempt}")
}

/// The subject pattern of all recorded attempts.
pub fn all_handed() -> String {
    format!("{HANDED_ROOT}.*.*.*")
}

/// The prefix of recorded attempts. Only engines may use it.
const HANDED_ROOT: &str = "boarding.handed.v1";
