//! The subjects of the contract (sections 2 to 4) and the names of the streams behind them.

use boarding_commands::values::CompanyId;
use ulid::Ulid;

/// The prefix of all subjects of this version of the contract.
pub const ROOT: &str = "boarding.v1";

/// The prefix of subjects that the NATS server writes. A user of another account publishes to
/// `boarding.v1.<company>.…`, and the message arrives as `boarding.by.<user>.v1.<company>.…`. See `nats.conf`.
const BY_ROOT: &str = "boarding.by";

/// The company token of a user who belongs to no company.
pub const NO_COMPANY: &str = "_";

/// The stream of events for other services.
pub const EVENT_STREAM: &str = "BOARDING_EVENTS";

/// The stream with a copy of the last event. It is needed if old events are removed from the event stream.
pub const LAST_EVENT_STREAM: &str = "BOARDING_EVENTS_LAST";

/// The stream of queued commands.
pub const QUEUE_STREAM: &str = "BOARDING_QUEUE";

/// The stream of queued commands that were refused or given up. Only engines may use it.
pub const REFUSED_STREAM: &str = "BOARDING_REFUSED";

/// The stream of work for channel workers outside the engine.
pub const WORK_STREAM: &str = "BOARDING_WORK";

pub use boarding_core::object_store::FILES_BUCKET;

/// The stream behind the bucket of files, by the name that clients know.
pub const FILES_STREAM: &str = "OBJ_BOARDING_FILES";

/// The bucket with the leases of engines.
pub const ENGINES_BUCKET: &str = "BOARDING_ENGINES";

/// The bucket with the owner of each company, and with the lease on serving.
pub const OWNERS_BUCKET: &str = "BOARDING_OWNERS";

/// The bucket of files of running imports, for engines that share a log.
pub const KEPT_BUCKET: &str = "BOARDING_KEPT";

/// The bucket of secrets that engines on one log share. Only engines may read it.
pub const SECRETS_BUCKET: &str = "BOARDING_SECRETS";

/// The subject for commands that are forwarded to an engine: `boarding.engine.<engine id>.command`.
pub fn forwarded(engine: Ulid) -> String {
    format!("boarding.engine.{engine}.command")
}

/// The subject for commands over HTTP that are forwarded to an engine with their access token. An earlier version of the
/// engine forwards all headers of its clients, but not to this subject.
pub fn forwarded_with_token(engine: Ulid) -> String {
    format!("boarding.engine.{engine}.{TOKEN_COMMAND}")
}

const TOKEN_COMMAND: &str = "token_command";

/// Whether commands on the subject have an access token.
pub fn has_token(subject: &str) -> bool {
    is_for_engines(subject) && subject.rsplit('.').next() == Some(TOKEN_COMMAND)
}

/// Whether only engines may use the subject.
pub fn is_for_engines(subject: &str) -> bool {
    subject.starts_with("boarding.engine.")
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

/// The patterns of all subjects of a kind: `command`, `query` or `queue`. The first pattern has no user, the second has
/// the user that the server has written.
pub fn all(kind: &str) -> [String; 2] {
    [format!("{ROOT}.*.{kind}.*"), format!("{BY_ROOT}.*.v1.*.{kind}.*")]
}

/// The pattern of the calls of the JetStream API that the engine answers for users of other accounts:
/// `boarding.by.<user>.v1.<company>.api.<call>`.
pub fn all_api_calls() -> String {
    format!("{BY_ROOT}.*.v1.*.api.>")
}

/// The subject of an answer to a user of another account: `boarding.answer.<user>.<inbox>`. The server delivers the
/// answer to the inbox of the user.
pub fn answer(user: &str, inbox: &str) -> String {
    format!("boarding.answer.{user}.{inbox}")
}

/// The parts of the subject of a request. Each part may be empty or malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestSubject<'a> {
    /// The user in the subject. Clients can forge it unless no other user shares the engine's account; see
    /// `ServerState::with_user`.
    pub user: Option<&'a str>,
    pub company: &'a str,
    pub kind: &'a str,
    /// All tokens after the kind, with the dots between them.
    pub name: &'a str,
}

impl<'a> RequestSubject<'a> {
    /// Reads `boarding.v1.<company>.<kind>.<name>`, also with `boarding.by.<user>` in front.
    pub fn read(subject: &'a str) -> Self {
        let by = subject.strip_prefix(BY_ROOT).and_then(|rest| rest.strip_prefix('.'));
        let (user, rest) = match by.and_then(|rest| rest.split_once('.')) {
            Some((user, rest)) => (Some(user), rest.strip_prefix("v1.")),
            None => (None, subject.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('.'))),
        };
        let mut words = rest.unwrap_or_default().splitn(3, '.');
        let [company, kind, name] = [(); 3].map(|()| words.next().unwrap_or_default());
        Self { user, company, kind, name }
    }
}

/// The bucket of files for a company's own users. These users see the bucket as `BOARDING_FILES`.
pub fn files_bucket(company: &CompanyId) -> String {
    format!("{FILES_BUCKET}_{company}")
}

/// The durable consumer of a company's auditor. Other programs of the company use the consumer with the company's name.
pub fn auditor(company: &str) -> String {
    format!("{company}_auditor")
}

/// The subject of a company's refused commands: `boarding.refused.v1.<company>`.
pub fn refused(company: &CompanyId) -> String {
    format!("{REFUSED_ROOT}.{company}")
}

/// The subject pattern of the refused commands of all companies.
pub fn all_refused() -> String {
    format!("{REFUSED_ROOT}.*")
}

/// The prefix of refused commands. Only engines may use it.
const REFUSED_ROOT: &str = "boarding.refused.v1";

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

/// The last token of the [`work`] subject of text messages. Other work has its channel there.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_names_company_kind_name_and_user() {
        let plain =
            RequestSubject { user: None, company: "acme", kind: "command", name: "AddUser" };
        assert_eq!(RequestSubject::read("boarding.v1.acme.command.AddUser"), plain);
        let by = RequestSubject { user: Some("acme-hr"), ..plain };
        assert_eq!(RequestSubject::read("boarding.by.acme-hr.v1.acme.command.AddUser"), by);
        let call = RequestSubject::read("boarding.by.acme-hr.v1.acme.api.STREAM.INFO.X");
        assert_eq!((call.kind, call.name), ("api", "STREAM.INFO.X"));
        for bad in
            ["boarding.v1", "boarding.by.x", "boarding.by.x.v2.acme.command.A", "", "boarding.by"]
        {
            assert_eq!(RequestSubject::read(bad).company, "", "{bad}");
        }
    }
}
