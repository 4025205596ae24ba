//! Invites the people of an import: the commit that ends the import requests a run.

use std::collections::HashSet;

use crate::company::selection::SelectionVersion;
use crate::company::{Company, ImportState, Invites};
use crate::decide::dialect_rules::run_limit;
use crate::decide::runs::start_bulk_integration::{RunRequest, read_channel};
use crate::event::{Counts, Event, Source, Who};
use crate::values::{Code, ImportId, Problem, Refusal, RunId};

/// The run that an import requests. It has the id of the import.
pub(crate) fn run_of(import: ImportId) -> RunId {
    RunId(import.0)
}

/// An import whose rows all have their outcome.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    pub company: &'a Company,
    pub import: ImportId,
    /// The state of the import; none if this commit accepts it.
    pub known: Option<&'a ImportState>,
    pub invites: Option<Invites>,
    /// The dialect of its files.
    pub dialect: &'a str,
    pub counts: Counts,
}

impl Ending<'_> {
    /// Adds the end of the import, and its run if one was requested. `events` has the events of the last rows.
    ///
    /// # Errors
    /// `run.*` and `channel.not_enabled`, if the run is refused. The end of the import is added nevertheless.
    pub(crate) fn add_events(&self, events: &mut Vec<Event>) -> Result<(), Refusal> {
        let people = self.people(events);
        let (import, counts) = (self.import, self.counts);
        events.push(Event::ImportCompleted { import, counts });
        let Some(invites) = self.invites else { return Ok(()) };
        if invites.created_only && people == 0 {
            let words = "The import created no user, and it invites only new ones.";
            return Err(Refusal::new(Code::RunEmptySelection).worded(words.to_owned()));
        }
        // The fold takes the recipients from the import, so the event need not list them.
        let source = Source::Import(import);
        let again = if invites.created_only { 0 } else { counts.duplicate };
        let channel = read_channel(self.company, invites.channel.as_str())?;
        let list = SelectionVersion::CURRENT;
        let request = RunRequest { run: run_of(import), channel, source, list };
        request.check_id(self.company)?;
        request.check_size(self.company, [(run_limit(self.dialect), people)])?;
        // The list is in further commits, because this one has rows already.
        let run = request.enter(self.company, (people, again), vec![], None);
        events.extend(run.into_events());
        Ok(())
    }

    /// The number of recipients of the run. It equals the number that the fold finds after these events.
    fn people(&self, events: &[Event]) -> u64 {
        if self.invites.is_some_and(|invites| invites.created_only) {
            return self.counts.created;
        }
        let keys: HashSet<String> =
            events.iter().filter_map(named_by_row).map(|key| key.folded()).collect();
        let is_new = |key: &&String| {
            let user = self.company.users.find(key);
            user.and_then(|(id, user)| self.known?.row_of(id, user)).is_none()
        };
        let before = self.known.map_or(0, |import| import.members.len());
        (before + keys.iter().filter(is_new).count()) as u64
    }
}

/// The event that records why the run for the import was refused.
pub(crate) fn refused(import: ImportId, refusal: Refusal) -> Event {
    let problem = Problem { column: None, code: refusal.code, message: refusal.message };
    Event::ImportInvitesRefused { import, problem }
}

/// The user key in the event of a row's outcome, if the row has a key.
fn named_by_row(event: &Event) -> Option<&Who> {
    event.row()?;
    match event {
        Event::UserCreated { user, .. }
        | Event::UserUpdated { user, .. }
        | Event::UserActivated { user, .. }
        | Event::UserDeactivated { user, .. }
        | Event::RowUnchanged { user, .. } => Some(user),
        Event::RowRefused { user, .. } => user.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod invites_spec;
#[cfg(test)]
mod link_spec;
#[cfg(test)]
mod spec;
