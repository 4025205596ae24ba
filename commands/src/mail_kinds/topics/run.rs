//! A run as the topic of a mail: its counts and its channel.

use super::facts::TopicFacts;
use crate::company::{Company, Run};
use crate::template::TopicVariables;
use crate::values::RunId;
use ulid::Ulid;

pub(super) fn facts(company: &Company, id: RunId) -> Option<TopicFacts> {
    let Run { channel, total, passed, skipped, failed, .. } = *company.runs.get(&id)?;
    Some(TopicFacts {
        variables: variables(id, total, [passed, skipped, failed]),
        channel: Some(channel),
        ..TopicFacts::default()
    })
}

fn variables(run: RunId, total: u64, [passed, skipped, failed]: [u64; 3]) -> TopicVariables {
    TopicVariables::default()
        .id("run", &run)
        .number("total", total)
        .number("passed", passed)
        .number("skipped", skipped)
        .number("failed", failed)
}

pub(crate) fn sample() -> TopicVariables {
    variables(RunId(Ulid(1)), 70_911, [30_777, 20_645, 19_489])
}
