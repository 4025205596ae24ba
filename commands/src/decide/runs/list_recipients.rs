//! `ListRecipients`: the engine continues a list of recipients that is too long for one commit.

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision};
use crate::decide::runs::start_bulk_integration::RECIPIENTS_PER_COMMIT;
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal, RunId};

#[derive(Debug, Clone, Copy)]
pub struct ListRecipients {
    pub run: RunId,
}

impl Decide for ListRecipients {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let run = company.runs.get(&self.run).ok_or(Code::RunNotFound)?;
        let people =
            run.unlisted.iter().filter_map(|id| company.users.get(*id)).take(RECIPIENTS_PER_COMMIT);
        let events =
            people.map(|user| Event::RecipientQueued { run: self.run, user: Personal(user.key()) });
        Ok(Decision::append_if_any(events.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, run_id, run_queued};

    #[test]
    fn a_long_list_goes_on_until_everybody_is_listed() {
        let keys: Vec<String> = (0..1_200).map(|n| format!("user{n}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let whole = run_queued(run_id(1), &keys);
        let first = whole.into_iter().take(1 + RECIPIENTS_PER_COMMIT);
        let after = given(first).after(ListRecipients { run: run_id(1) });
        assert_eq!(after.0.runs[&run_id(1)].recipients.len(), 1_000);
        let after = after.after(ListRecipients { run: run_id(1) });
        assert_eq!(after.0.runs[&run_id(1)].recipients.len(), 1_200);
        assert!(!after.when(ListRecipients { run: run_id(1) }).0.unwrap().is_append());
    }
}
