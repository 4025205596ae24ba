//! Queries on the current rows, on earlier rows, or on the log.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use boarding_commands::company::{Company, Grants, TokenFacts};
use boarding_commands::decide::Authority;
use boarding_commands::decide::imports::import_file::needed;
use boarding_commands::event::Permission;
use boarding_commands::values::{Code, CompanyId, ImportId, Refusal, TokenId};
use boarding_projections::query::Access;
use boarding_projections::rows::Rows;
use serde_json::{Map, Value, json};

use crate::context::EngineContext;
use crate::limits::{POSITIONS_AHEAD_MAX, VISIBLE_SECONDS_MAX};
use crate::registry::Companies;

mod answering;
mod common_params;
mod company_status;
mod engine_query;
mod failed_rows;
mod failure;
mod history;
mod latest;
mod list;
mod log_events;
mod mail_wording;
mod near_name;
mod picture;
mod query_schema;
mod queued_commands;
mod template;
mod unreached_people;
mod why;

use answering::{answer, rows_as_of};
use common_params::CommonParams;
use engine_query::stopping;
use failure::unavailable;
use list::ListedQuery;

pub use failure::{JsonAnswer, QueryAnswer, QueryFailure};
pub use list::query_schemas;
pub use query_schema::{QuerySchema, ResponseKind};
pub use template::template_row;

/// The caller of a query and its authority.
#[derive(Debug, Clone)]
pub struct QueryCaller {
    pub actor: String,
    /// The user that the NATS server has authenticated. None where the set-up cannot tell.
    pub authenticated: Option<String>,
    pub authority: Authority,
}

/// Answers queries, and waits until the read models have reached a position.
#[derive(Debug)]
pub(crate) struct Queries {
    context: Arc<EngineContext>,
    /// The companies, whose grants say what an actor may see.
    companies: Arc<Companies>,
}

impl Queries {
    pub(crate) fn new(context: Arc<EngineContext>, companies: Arc<Companies>) -> Self {
        Self { context, companies }
    }

    /// Answers a query by its contract name.
    ///
    /// # Errors
    /// `query.*`, `auth.*`, `not_yet_visible`, `unavailable`.
    pub(crate) async fn query(
        &self,
        company: &CompanyId,
        name: &str,
        params: Map<String, Value>,
        asker: &QueryCaller,
    ) -> Result<QueryAnswer, QueryFailure> {
        let prepared = self.prepare(company, name, params, asker).await?;
        prepared.wait().await?;
        prepared.answer().await
    }

    /// Parses a query, checks the permission of its caller, and refuses a `min_position` far beyond the log. If the
    /// permission depends on the newest import or run, it is checked later, when that is known. Before the first answers
    /// it waits, at most five seconds, until the rows have reached the end that the log had when the engine started.
    ///
    /// # Errors
    /// `query.*`, `auth.*`, `not_yet_visible`, `unavailable`.
    pub(crate) async fn prepare<'a>(
        &'a self,
        company: &CompanyId,
        name: &str,
        params: Map<String, Value>,
        asker: &'a QueryCaller,
    ) -> Result<PreparedQuery<'a>, QueryFailure> {
        let query = list::find(name)?;
        let common = CommonParams::take(query.own_names(params)?)?;
        if common.as_of.is_some() {
            query.check_has_past()?;
        }
        query.check_groups(&common.rest)?;
        let latest = latest::wanted(query.params(), &common.rest);
        if latest.is_none() {
            self.check_permission(company, query, &common.rest, asker).await?;
        }
        if common.as_of.is_none() {
            self.up_to_date().await?;
        }
        let end = self.context.log.end();
        let is_ahead = |position: &u64| *position > end.saturating_add(POSITIONS_AHEAD_MAX);
        if let Some(position) = common.min_position.filter(is_ahead) {
            let refusal = Refusal::new(Code::QueryPositionAhead)
                .saying(&format!("min_position: {position} and the log ends at {end}"));
            let details = json!({"parameter": "min_position", "end": end});
            return Err(refusal.with(details).into());
        }
        Ok(PreparedQuery { queries: self, company: company.clone(), query, common, latest, asker })
    }

    async fn answer(&self, prepared: PreparedQuery<'_>) -> Result<QueryAnswer, QueryFailure> {
        let PreparedQuery { company, query, mut common, latest, asker, .. } = prepared;
        let context = Arc::clone(&self.context);
        let mut past = None;
        if let Some(latest) = latest {
            let (context, of) = (Arc::clone(&context), company.clone());
            let resolving = tokio::task::spawn_blocking(move || {
                let past = common.as_of.map(|as_of| rows_as_of(&context, &of, as_of));
                let past = past.transpose()?;
                let view = context.read_models.view();
                let rows: &dyn Rows = past.as_ref().map_or(&view, |(_, rows)| rows);
                latest.resolve(&of, &mut common.rest, rows).map(|()| (common, past))
            });
            (common, past) = resolving.await.map_err(|error| unavailable(&error))??;
            // The permission may depend on the import.
            self.check_permission(&company, query, &common.rest, asker).await?;
        }
        let companies = Arc::clone(&self.companies);
        let answering = tokio::task::spawn_blocking(move || {
            answer(&context, &companies, &company, query, &common, past)
        });
        answering.await.map_err(|error| unavailable(&error))?
    }

    /// Waits until the read models have applied the log as it was when the engine started. Until then they would show old rows as
    /// the current ones. Waits at most five seconds.
    ///
    /// # Errors
    /// `not_yet_visible` with the progress, or `unavailable` when they cannot be used.
    async fn up_to_date(&self) -> Result<(), QueryFailure> {
        let target = self.context.read_models.target();
        let seen = || self.context.read_models.seen().borrow().clone();
        if seen().is_ok_and(|seen| seen >= target) {
            return Ok(());
        }
        self.visible(target).await.map_err(|failure| match (failure, seen()) {
            (QueryFailure::Failed { code: Code::NotYetVisible, .. }, Ok(seen)) => {
                let percent = (seen * 100).checked_div(target).unwrap_or(100);
                let why = format!(
                    "the read models are being rebuilt from the log: position {seen} of {target}, {percent} %"
                );
                QueryFailure::Failed { code: Code::NotYetVisible, why }
            }
            (failure, _) => failure,
        })
    }

    /// Waits until the read models have applied a position, at most five seconds.
    ///
    /// # Errors
    /// `not_yet_visible`, or `unavailable` when they have stopped.
    pub(crate) async fn visible(&self, position: u64) -> Result<(), QueryFailure> {
        self.context.read_models.refresh();
        let arrived = self.context.read_models.reached(position);
        match tokio::time::timeout(Duration::from_secs(VISIBLE_SECONDS_MAX), arrived).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => {
                Err(QueryFailure::Failed { code: Code::Unavailable, why: why.to_string() })
            }
            Err(_) => {
                let why =
                    format!("position {position} was not applied within {VISIBLE_SECONDS_MAX} s");
                Err(QueryFailure::Failed { code: Code::NotYetVisible, why })
            }
        }
    }

    fn has_applied(&self, position: u64) -> bool {
        self.context.read_models.seen().borrow().as_ref().is_ok_and(|seen| *seen >= position)
    }

    /// Waits without limit until the read models have applied all current events.
    ///
    /// # Errors
    /// `unavailable` when they have stopped.
    pub(crate) async fn caught_up(&self) -> Result<(), QueryFailure> {
        let end = self.context.log.end();
        while let Err(no) = self.visible(end).await {
            if !matches!(no, QueryFailure::Failed { code: Code::NotYetVisible, .. }) {
                return Err(no);
            }
        }
        Ok(())
    }

    async fn check_permission(
        &self,
        company: &CompanyId,
        query: ListedQuery,
        params: &Value,
        asker: &QueryCaller,
    ) -> Result<(), QueryFailure> {
        if asker.authority == Authority::All {
            return Ok(());
        }
        let needed = match query.access(params)? {
            Access::Everyone => return self.check_binding(company, asker).await,
            Access::Permission(permission) => Some(permission),
            Access::Permissions(permissions) => {
                let mut lacking = None;
                for permission in permissions {
                    if !self.allowed(company, asker, *permission).await? {
                        lacking = Some(*permission);
                    }
                }
                lacking
            }
            Access::AnyPermission => {
                match self.granted(company, asker, Grants::allows_any).await? {
                    true => None,
                    false => Some(Permission::BulkImportUsers),
                }
            }
            Access::ImportFile => Some(self.needed_to_import(company, params).await),
            // An actor who may import a file may see its outcome, and so may an actor who imports users.
            Access::ImportOutcome => {
                match self.allowed(company, asker, Permission::BulkImportUsers).await? {
                    true => None,
                    false => Some(self.needed_to_import(company, params).await),
                }
            }
        };
        let Some(needed) = needed else { return Ok(()) };
        if self.allowed(company, asker, needed).await? {
            return Ok(());
        }
        let refusal = Refusal::new(Code::AuthPermissionDenied).saying(needed.as_str());
        Err(refusal.with(json!({"permission": needed.as_str()})).into())
    }

    /// Refuses an actor that the authenticated user may not name.
    async fn check_binding(
        &self,
        company: &CompanyId,
        asker: &QueryCaller,
    ) -> Result<(), QueryFailure> {
        self.granted(company, asker, |_, _| true).await.map(|_| ())
    }

    async fn allowed(
        &self,
        company: &CompanyId,
        asker: &QueryCaller,
        permission: Permission,
    ) -> Result<bool, QueryFailure> {
        self.granted(company, asker, move |grants, actor| grants.allows(actor, permission)).await
    }

    /// What the grants of the company say about the actor. Refuses one that the authenticated user may not name.
    async fn granted(
        &self,
        company: &CompanyId,
        asker: &QueryCaller,
        look: impl FnOnce(&Grants, &str) -> bool + Send + 'static,
    ) -> Result<bool, QueryFailure> {
        let QueryCaller { actor, authenticated, authority } = asker.clone();
        let granted = move |company: &Company| {
            let named = Some(&*actor).filter(|actor| !actor.is_empty());
            if authority != Authority::TokenOwner {
                company.check_binding(authenticated.as_deref(), named)?;
            }
            Ok::<_, Refusal>(look(&company.grants, &actor))
        };
        let granted = self.companies.actor(company).await.inspect(granted).await;
        Ok(granted.ok_or_else(stopping)??)
    }

    /// What the company knows of an access token; none if it has issued no such token.
    ///
    /// # Errors
    /// `unavailable`.
    pub(crate) async fn token(
        &self,
        company: &CompanyId,
        token: TokenId,
    ) -> Result<Option<TokenFacts>, QueryFailure> {
        // The caller is not known yet, and must not start actors of companies that do not exist.
        if self.context.log.head(company).version == 0 {
            return Ok(None);
        }
        let find = move |company: &Company| company.access_tokens.get(token).cloned();
        let found = self.companies.actor(company).await.inspect(find).await;
        found.ok_or_else(stopping)
    }

    /// The permission for importing this file. It also permits to see the outcome.
    async fn needed_to_import(&self, company: &CompanyId, params: &Value) -> Permission {
        let import = params.get("import").and_then(Value::as_str);
        let import: Option<ImportId> = import.and_then(|text| text.parse().ok());
        let dialect = move |company: &Company| {
            let import = company.imports.get(&import?)?;
            Some(import.options.dialect.clone())
        };
        let dialect = self.companies.actor(company).await.inspect(dialect).await.flatten();
        needed(&dialect.unwrap_or_default())
    }
}

/// A query that was read, and may have to wait for its position.
pub struct PreparedQuery<'a> {
    queries: &'a Queries,
    company: CompanyId,
    query: ListedQuery,
    common: CommonParams,
    latest: Option<latest::Wanted>,
    asker: &'a QueryCaller,
}

impl fmt::Debug for PreparedQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedQuery").field("company", &self.company).finish_non_exhaustive()
    }
}

impl PreparedQuery<'_> {
    /// Whether the read models have not reached the position of the query.
    pub fn must_wait(&self) -> bool {
        self.common.min_position.is_some_and(|position| !self.queries.has_applied(position))
    }

    /// Waits until the read models have applied the position of the query, at most five seconds.
    ///
    /// # Errors
    /// `not_yet_visible`, or `unavailable` when they have stopped.
    pub async fn wait(&self) -> Result<(), QueryFailure> {
        match self.common.min_position {
            Some(position) => self.queries.visible(position).await,
            None => Ok(()),
        }
    }

    /// Answers the query.
    ///
    /// # Errors
    /// `query.*`, `auth.permission_denied`, `unavailable`.
    pub async fn answer(self) -> Result<QueryAnswer, QueryFailure> {
        self.queries.answer(self).await
    }
}
