//! The query `unreached_people`: the runs in which people failed before an invitation was made.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use boarding_commands::company::{Company, LastMail, Recipient, RecipientState, Run, UserId};
use boarding_commands::event::{Channel, Permission};
use boarding_commands::values::{RunId, UserKey};
use boarding_projections::query::{Access, AnswerRow, Param};
use schemars::JsonSchema;
use serde::Serialize;

use super::engine_query::{EngineQuery, EngineQueryRequest, text_of};
use super::failure::{JsonAnswer, QueryAnswer, QueryFailure};
use super::query_schema::{QuerySchema, ResponseKind};

/// A run with the number of its people who have no invitation. Such people are missing in the list of invitations.
#[derive(Serialize, JsonSchema)]
struct UnreachedPeople {
    run: RunId,
    people: u64,
}

/// The most runs of an answer, the newest first.
const RUNS_MAX: usize = 100;

pub(super) const QUERY: EngineQuery = EngineQuery {
    schema: QuerySchema {
        name: "unreached_people",
        params: &[Param::text("user")],
        one_of: &[],
        paged: false,
        has_csv: false,
        response: ResponseKind::Rows(UnreachedPeople::json_schema),
    },
    access: |_| Ok(Access::Permission(Permission::BulkIntegrateUsers)),
    answer: unreached_people,
};

/// Reads the company as of its last durable commit. With `user`, counts only that person.
fn unreached_people(request: &EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure> {
    let user = text_of(request.params, "user")?.map(|user| UserKey::new(&user).folded());
    let runs = request.actor().inspect(move |company| by_run(company, user.as_deref()))?;
    let row = |(run, people)| AnswerRow::of(&UnreachedPeople { run, people });
    let rows: Vec<_> = runs.into_iter().take(RUNS_MAX).map(row).collect();
    Ok(QueryAnswer::Json(JsonAnswer::rows(request.position, &rows, None)))
}

/// The runs in which people failed without a claim, newest first, each with the number of these people. A person counts
/// only in the newest run on the channel.
fn by_run(company: &Company, user: Option<&str>) -> Vec<(RunId, u64)> {
    let mut unreached: BTreeSet<(Channel, UserId)> = BTreeSet::new();
    for (id, person) in company.users.iter() {
        if user.is_some_and(|user| person.key().folded() != user) {
            continue;
        }
        let fails = |channel: &&Channel| {
            let link = person.link(**channel);
            link.last == LastMail::Failed && !link.linked
        };
        unreached.extend(Channel::ALL.iter().filter(fails).map(|channel| (*channel, id)));
    }
    let mut runs: Vec<_> = company.runs.iter().collect();
    runs.sort_unstable_by_key(|(_, run)| Reverse(run.number));
    let count = |(id, run): (&RunId, &Run)| {
        // Each person is removed in the newest run, so older runs do not count that person again.
        let newest = run.recipients.iter().filter(|one| unreached.remove(&(run.channel, one.user)));
        let failed = |one: &&Recipient| one.state == RecipientState::Failed && one.attempt == 0;
        (*id, newest.filter(failed).count() as u64)
    };
    runs.into_iter().map(count).filter(|(_, failed)| *failed > 0).collect()
}
