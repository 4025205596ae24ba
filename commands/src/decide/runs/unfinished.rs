//! Runs that have not ended, and the people of a new run who are in one: a second mail needs a second consent.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::company::selection::{Pick, Selection};
use crate::company::{Company, Run};
use crate::event::Channel;
use crate::values::{Code, Refusal, RunId};

/// Refuses people that an unfinished run on this channel has already, if the command says `"again": false`.
/// A person who was sent a mail by such a run counts too: the new run would send another one.
///
/// # Errors
/// `run.people_in_unfinished_run`, with the runs and the number of people in each.
pub(crate) fn check(
    company: &Company,
    selection: &Selection,
    channel: Channel,
    again: Option<bool>,
) -> Result<(), Refusal> {
    if again != Some(false) {
        return Ok(());
    }
    let mut all = BTreeSet::new();
    let mut runs = Vec::new();
    let mut texts = Vec::new();
    for (id, run) in unfinished(company).filter(|(_, run)| run.channel == channel) {
        let people = run.people();
        let known = |pick: &Pick| match pick {
            Pick::Known(user) => Some(*user).filter(|user| people.contains(user)),
            Pick::New(_) => None,
        };
        let shared: BTreeSet<_> = selection.picks.iter().filter_map(known).collect();
        if !shared.is_empty() {
            let state = state(run);
            texts.push(format!("run {id} is {} and has {} of them", text(&state), shared.len()));
            runs.push(json!({"run": id, "state": state, "people": shared.len()}));
            all.extend(shared);
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let details = json!({"people": all.len(), "total": selection.picks.len(), "runs": runs});
    Err(Refusal::new(Code::RunPeopleInUnfinishedRun).saying(&texts.join("; ")).with(details))
}

/// The run that holds the lock, and those that wait.
pub(crate) fn unfinished(company: &Company) -> impl Iterator<Item = (RunId, &Run)> {
    let holder = company.lock.holder().map(|holder| holder.run);
    let running = holder.and_then(|id| Some((id, company.runs.get(&id)?)));
    running.into_iter().chain(waiting(company))
}

/// The runs that wait for the lock or for their time.
pub(crate) fn waiting(company: &Company) -> impl Iterator<Item = (RunId, &Run)> {
    let ids = company.lock.queue().chain(company.scheduled.iter().copied());
    ids.filter_map(|id| Some((id, company.runs.get(&id)?)))
}

fn state(run: &Run) -> Value {
    json!(run.state)
}

fn text(state: &Value) -> &str {
    state.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::decide::testing::{
        a_running_run, given, phone_added, run_id, run_queued, user_created,
    };
    use crate::event::Event;
    use crate::values::Code;

    fn history() -> Vec<Event> {
        let mut events = a_running_run();
        events.extend([user_created("cid"), phone_added("cid", 3)]);
        events.extend(run_queued(run_id(2), &["ann"]));
        events
    }

    /// Field cases 58 and 73: a second run of people who are in an unfinished run needs a second consent.
    #[test]
    fn people_of_an_unfinished_run_are_refused_with_the_runs() {
        let body = json!({"source": {"users": ["ann", "bob", "cid"]}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 3, "again": false});
        let refusal = given(history())
            .when_json("StartBulkIntegration", body.clone())
            .then_refused(Code::RunPeopleInUnfinishedRun);
        assert_eq!((&refusal.details["people"], &refusal.details["total"]), (&json!(2), &json!(3)));
        let runs = [(run_id(1), "running", 2), (run_id(2), "pending", 1)];
        let runs = runs.map(|(run, state, n)| json!({"run": run, "state": state, "people": n}));
        assert_eq!(refusal.details["runs"], json!(runs));

        // The running run has changed the plan since the preview. The refusal still names the run.
        let mut changed = body.clone();
        changed["expected_recipients"] = json!(2);
        given(history())
            .when_json("StartBulkIntegration", changed)
            .then_refused(Code::RunPeopleInUnfinishedRun);
        let resend = json!({"users": ["bob"], "again": false});
        given(history())
            .when_json("ResendInvitation", resend)
            .then_refused(Code::RunPeopleInUnfinishedRun);
        for again in [json!(true), json!(null)] {
            let mut body = body.clone();
            body["again"] = again;
            assert!(given(history()).when_json("StartBulkIntegration", body).0.is_ok());
        }
        let other = json!({"users": ["cid"], "again": false});
        assert!(given(history()).when_json("ResendInvitation", other).0.is_ok());
    }
}
