//! `RecordWait`: the run worker reports that a run waits for its mails to be sent, or goes on.

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision};
use crate::decide::runs::recipients::running;
use crate::event::{Event, Permission};
use crate::values::{Refusal, RunId, Time};

/// The start of a wait, or its end. It is stored once for each wait: a run that waits already changes nothing.
#[derive(Debug, Clone)]
pub struct RecordWait {
    pub run: RunId,
    pub fence: u64,
    /// Why the run waits; none if it goes on.
    pub wait: Option<RunWait>,
}

/// Why the mails of a run cannot be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunWait {
    /// The transport, by name. The run stays with it.
    pub via: &'static str,
    /// What the run waits for, in words for people.
    pub what: &'static str,
    /// The last words of the server, or the cause.
    pub last_words: String,
    pub next_try: Time,
}

impl Decide for RecordWait {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let run = running(company, self.run, self.fence)?;
        let event = match &self.wait {
            Some(wait) if run.waits_since.is_none() && run.given_up.is_none() => {
                Some(Event::RunWaiting {
                    run: self.run,
                    via: wait.via.to_owned(),
                    what: wait.what.to_owned(),
                    last_words: wait.last_words.clone(),
                    next_try: wait.next_try,
                })
            }
            None if run.waits_since.is_some() => Some(Event::RunResumed { run: self.run }),
            Some(_) | None => None,
        };
        Ok(Decision::append_if_any(event.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{NOW, a_running_run, given, run_id};
    use crate::values::Code;

    /// A31: each wait has one start and one end, and the run stays with the transport that it waits for.
    #[test]
    fn wait_is_stored_once() {
        let fence = a_running_run().len() as u64;
        let (via, what, last_words) = ("smtp", "mail server", "421 closing".to_owned());
        let wait = Some(RunWait { via, what, last_words, next_try: NOW });
        let waits = RecordWait { run: run_id(1), fence, wait };
        let goes_on = RecordWait { wait: None, ..waits };
        let company = given(a_running_run());
        assert!(!company.when(goes_on.clone()).0.unwrap().is_append());
        assert_eq!(company.when(waits.clone()).names(), ["RunWaiting"]);
        let company = company.after(waits.clone());
        assert!(!company.when(waits.clone()).0.unwrap().is_append());
        let run = company.0.runs.get(&run_id(1)).unwrap();
        assert_eq!((run.waits_since, run.via.as_deref()), (Some(NOW), Some("smtp")));
        assert_eq!(company.when(goes_on).names(), ["RunResumed"]);
        let stale = RecordWait { fence: fence + 1, ..waits };
        company.when(stale).then_refused(Code::RunStaleFence);
    }
}
