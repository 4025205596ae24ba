//! Queries and commands of a known caller, for every kind of request.

use std::sync::Arc;

use boarding_commands::values::Code;
use boarding_core::queries::{QueryAnswer, QueryFailure};
use boarding_core::serving::wire::WireResponse;
use boarding_core::serving::{self, AskedQuery, TOO_MANY, TokenCommand};
use serde_json::{Map, Value};

use crate::caller::Caller;
use crate::state::HttpState;

/// Answers a query with parameters of this many bytes.
///
/// # Errors
/// Those of the query, and `overloaded`.
pub(super) async fn query(
    state: &Arc<HttpState>,
    caller: &Caller,
    name: &str,
    params: Map<String, Value>,
    bytes: usize,
) -> Result<QueryAnswer, QueryFailure> {
    let place = state.admission.queries.acquire(caller.company.as_str(), bytes);
    let place = place
        .ok_or_else(|| QueryFailure::Failed { code: Code::Overloaded, why: TOO_MANY.to_owned() })?;
    // The place is held until the answer is made, also if the client closes its connection before.
    let (of_task, caller, name) = (Arc::clone(state), caller.clone(), name.to_owned());
    let answered = state.finish(async move {
        of_task.may_answer()?;
        let asker = caller.of_query();
        let asked = AskedQuery { company: caller.company, name: &name, params };
        let admission = &of_task.admission;
        let answered = serving::answer(&of_task.engine, asked, &asker, admission, place).await?;
        of_task.may_answer().map(|()| answered)
    });
    Box::pin(answered).await.flatten()
}

/// Executes a command whose envelope has the caller as its actor. The response is in JSON.
pub(super) async fn command(
    state: &HttpState,
    caller: &Caller,
    name: &str,
    envelope: Value,
) -> WireResponse {
    let command = TokenCommand { company: &caller.company, name, envelope, token: caller.token };
    let response = state.commands.execute(command).await;
    tracing::debug!(token = %caller.token, company = %caller.company, name, code = ?response.code, "command over HTTP");
    response
}
