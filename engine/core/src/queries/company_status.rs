//! The query `company_status`: the work in progress of a company, and what commands about it depend on.

use boarding_commands::company::{Company, Run, RunState};
use boarding_commands::decide::imports::forecast;
use boarding_commands::values::{CommandId, ImportId, Problem, RunId, Time};
use boarding_projections::query::{Access, AnswerRow, Param};
use schemars::JsonSchema;
use serde::Serialize;

use super::engine_query::{EngineQuery, EngineQueryRequest, id_of};
use super::failure::{JsonAnswer, QueryAnswer, QueryFailure};
use super::query_schema::{QuerySchema, ResponseKind};
use crate::pending_work::PendingWork;
use boarding_commands::values::Code;

/// The state of a company's work. Three fields are there only if the request names the command, the import or the run
/// that they are about.
#[derive(Serialize, JsonSchema)]
struct CompanyStatus {
    /// The number of the company's last event.
    version: u64,
    /// The last position of the log. With it as `min_position`, a query shows everything that this row does.
    end: u64,
    /// The transport of mails of the engine that answers: `smtp`, `outbox` and so on.
    transport: String,
    /// Whether mails leave by a mail server.
    by_mail_server: bool,
    /// The newest import that is completed and not undone.
    latest_import: Option<ImportId>,
    /// Imports with rows that are not applied yet.
    imports: Vec<ImportId>,
    /// Archives with pictures that have no outcome yet.
    pictures: Vec<ImportId>,
    /// Imports that are being undone.
    undoing: Vec<ImportId>,
    /// Imports and archives that cannot continue.
    blocked: Vec<BlockedImport>,
    /// Runs whose list of recipients is not complete yet.
    listing: Vec<RunId>,
    /// The transport that the running run waits for, if the engine has another one.
    other_transport: Option<String>,
    /// Runs that are queued, running or due.
    due_runs: u64,
    /// The transport with which the running run was started.
    running_via: Option<String>,
    /// Mails other than invitations that are queued or being sent.
    mails_open: u64,
    /// Mails that are tried again later, and how many of them by a mail server.
    mails_waiting: u64,
    mails_waiting_by_smtp: u64,
    /// Those that the engine that answers tries again.
    mails_waiting_here: u64,
    /// The settings of mails that are placeholders, with an example of their value.
    placeholders: Vec<Placeholder>,
    /// The last position of the command, if it was accepted.
    command_position: Option<u64>,
    /// The warning that the accounts of the import need more numbers than there are.
    shortage: Option<Problem>,
    /// The transport with which the run was started.
    run_via: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct BlockedImport {
    import: ImportId,
    reason: String,
}

#[derive(Serialize, JsonSchema)]
struct Placeholder {
    setting: String,
    example: String,
}

pub(super) const QUERY: EngineQuery = EngineQuery {
    schema: QuerySchema {
        name: "company_status",
        params: &[Param::id("command"), Param::id("import"), Param::id("run")],
        one_of: &[],
        paged: false,
        has_csv: false,
        response: ResponseKind::Row(CompanyStatus::json_schema),
    },
    access: |_| Ok(Access::AnyPermission),
    answer: company_status,
};

/// Reads the company as of its last durable commit. The read models may be behind.
fn company_status(request: &EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure> {
    let EngineQueryRequest { context, company, params, position, .. } = *request;
    let command: Option<CommandId> = id_of(params, "command")?;
    let (import, run) = (id_of(params, "import")?, id_of(params, "run")?);
    let unavailable = |why| QueryFailure::Failed { code: Code::Unavailable, why };
    let command_position = match command {
        Some(command) => context.last_position_of(company, command).map_err(unavailable)?,
        None => None,
    };
    let now = context.clock.now();
    let actor = request.actor();
    let status = actor.inspect(move |company| CompanyStatus::of(company, now, import, run))?;
    // The actor publishes its pending work before it lets callers read the company.
    let mut status = status.with_work(&actor.pending_work());
    if context.own_link_page().is_some() {
        status.placeholders.retain(|unset| unset.setting != "link_base_url");
    }
    let status = CompanyStatus {
        transport: context.transport.name().to_owned(),
        by_mail_server: context.transport.is_mail_server(),
        end: context.log.end(),
        command_position,
        ..status
    };
    Ok(QueryAnswer::Json(JsonAnswer::row(position, &AnswerRow::of(&status))))
}

impl CompanyStatus {
    fn of(company: &Company, now: Time, import: Option<ImportId>, run: Option<RunId>) -> Self {
        let is_due = |run: &&Run| match run.state {
            RunState::Running | RunState::Pending => true,
            RunState::Scheduled => run.not_before.is_some_and(|at| at <= now),
            RunState::Requested | RunState::Completed | RunState::Withdrawn => false,
        };
        let running = company.lock.holder().and_then(|holder| company.runs.get(&holder.run));
        let numbers = import.and_then(|import| forecast::numbers(company, import));
        let placeholders = company.settings.mail_placeholders(true).into_iter();
        let waiting = &company.deferred_notifications;
        Self {
            version: company.version,
            end: 0,
            transport: String::new(),
            by_mail_server: false,
            latest_import: company.latest_import,
            imports: Vec::new(),
            pictures: Vec::new(),
            undoing: Vec::new(),
            blocked: Vec::new(),
            listing: Vec::new(),
            other_transport: None,
            due_runs: company.runs.values().filter(is_due).count() as u64,
            running_via: running.and_then(|run| run.via.as_deref()).map(str::to_owned),
            mails_open: 0,
            mails_waiting: waiting.len() as u64,
            mails_waiting_by_smtp: waiting.count("smtp") as u64,
            mails_waiting_here: 0,
            placeholders: placeholders
                .map(|(setting, example)| Placeholder {
                    setting: setting.to_owned(),
                    example: example.to_owned(),
                })
                .collect(),
            command_position: None,
            shortage: numbers.and_then(|numbers| numbers.shortage()),
            run_via: run.and_then(|run| company.runs.get(&run)?.via.as_deref()).map(str::to_owned),
        }
    }

    fn with_work(self, work: &PendingWork) -> Self {
        let blocked = work.blocked.iter().chain(&work.blocked_pictures).cloned();
        Self {
            imports: work.imports.clone(),
            pictures: work.pictures.clone(),
            undoing: work.undoing.clone(),
            blocked: blocked.map(|(import, reason)| BlockedImport { import, reason }).collect(),
            listing: work.listing.clone(),
            other_transport: work.other_transport.clone(),
            mails_open: work.notifications_open as u64,
            mails_waiting_here: work.notifications_deferred_here as u64,
            ..self
        }
    }
}
