//! Decides which events belong to a chain, and which step each event is.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Channel, Event, RowOutcome, RowRef, Source, welcome_key};
use boarding_commands::values::{ImportId, InvitationId, RunId, UserKey};

use super::sentences;
use super::step::Step;
use crate::tables::runs::RunRow;

/// The import of a chain, and the number of the row; none for any row that names the user.
#[derive(Debug, Clone, Copy)]
pub(super) struct ImportRows {
    pub import: ImportId,
    pub row: Option<u64>,
}

/// A run that lists the user.
#[derive(Debug)]
pub(super) struct InvitingRun {
    pub run: RunId,
    pub channel: Channel,
    pub source: Source,
}

impl InvitingRun {
    pub(super) fn of(run: &RunRow) -> Self {
        Self { run: run.run, channel: run.channel, source: run.source.clone() }
    }
}

/// A link that a run of the chain made for the user.
#[derive(Debug)]
struct Link {
    invitation: InvitationId,
    generation: u32,
}

/// Decides about the events of one chain, which it gets in order.
#[derive(Debug)]
pub(super) struct Explainer {
    /// The folded key of the user.
    user: Option<String>,
    imported: Option<ImportRows>,
    runs: Vec<InvitingRun>,
    /// The version of the last event of the import, the runs and the recipient. After it, only links matter.
    end: u64,
    /// The number of the row that was found.
    row: Option<u64>,
    links: Vec<Link>,
    /// Whether the newest link of the chain can still be used.
    life: LinkLife,
}

/// Whether a link can still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkLife {
    /// It can still be used.
    Open,
    Used,
    /// It ended, or the user was removed. Later events belong to other links.
    Over,
}

impl Explainer {
    pub(super) fn new(
        user: Option<&UserKey>,
        imported: Option<ImportRows>,
        runs: Vec<InvitingRun>,
        end: u64,
    ) -> Self {
        let user = user.map(UserKey::folded);
        Self { user, imported, runs, end, row: None, links: Vec::new(), life: LinkLife::Open }
    }

    /// The sentence of an event of the chain.
    pub(super) fn sentence(&self, step: Step, recorded: &RecordedEvent<'_>) -> String {
        let run = recorded.event.subjects().run;
        let run = run.and_then(|id| self.runs.iter().find(|run| run.run == id));
        sentences::sentence(step, recorded, run.map(|run| &run.source))
    }

    /// The step that the event is; none if it does not belong to the chain.
    pub(super) fn step(&mut self, recorded: &RecordedEvent<'_>) -> Option<Step> {
        let event = recorded.event;
        if let Some((outcome, row)) = event.row()
            && self.is_row(outcome, row)
        {
            // A later row may name a user validly whose first row was invalid.
            if outcome != RowOutcome::Invalid || self.row.is_none() {
                self.row = Some(row.row);
            }
            return Some(Step::Row);
        }
        let subjects = event.subjects();
        let is_of_user = subjects.user.is_none_or(|user| Some(user.folded()) == self.user);
        if !is_of_user {
            return None;
        }
        if subjects.user.is_none() {
            return self.milestone(event);
        }
        // The phone of a row is in the same commit as the row.
        let is_before_end = recorded.commit.first_version <= self.end;
        let step = self.of_recipient(event).or_else(|| self.of_row(event));
        let step = step.or_else(|| self.of_link(event, is_before_end));
        step.or_else(|| is_before_end.then(|| Self::of_user(recorded)).flatten())
    }

    fn is_row(&self, outcome: RowOutcome, row: &RowRef) -> bool {
        let Some(imported) = self.imported.filter(|imported| imported.import == row.import) else {
            return false;
        };
        match imported.row {
            Some(number) => number == row.row,
            None => outcome != RowOutcome::Duplicate,
        }
    }

    fn has_import(&self, import: ImportId) -> bool {
        self.imported.is_some_and(|imported| imported.import == import)
    }

    fn has_run(&self, id: RunId) -> bool {
        self.runs.iter().any(|run| run.run == id)
    }

    /// The step of an event about the import or a run as a whole.
    fn milestone(&mut self, event: &Event) -> Option<Step> {
        let subjects = event.subjects();
        let is_ours = subjects.import.is_some_and(|import| self.has_import(import))
            || subjects.run.is_some_and(|run| self.has_run(run));
        let step = match event {
            Event::ImportAccepted { .. } | Event::ImportPlaced { .. } => Step::ImportAccepted,
            Event::ImportCompleted { .. } => Step::ImportEnded,
            Event::ImportInvitesRequested { .. }
            | Event::ImportInvitesRefused { .. }
            | Event::ImportNotificationRequested { .. }
            | Event::ImportLinkUsed { .. } => Step::ImportInvites,
            Event::ImportUndoStarted { .. }
            | Event::ImportUndone { .. }
            | Event::ImportUndoKept { .. } => Step::Undo,
            Event::RunRequested { run, source, .. } => {
                // The row of a run has only the first names of a long source.
                if let Some(known) = self.runs.iter_mut().find(|known| known.run == *run) {
                    known.source = source.clone();
                }
                Step::RunRequested
            }
            Event::RunScheduled { .. }
            | Event::RunQueued { .. }
            | Event::RunWaiting { .. }
            | Event::RunResumed { .. }
            | Event::RunGivenUp { .. } => Step::RunWaiting,
            Event::RunStarted { .. } => Step::RunStarted,
            Event::RunCompleted { .. } | Event::RunWithdrawn { .. } => Step::RunEnded,
            _ => return None,
        };
        is_ours.then_some(step)
    }

    /// The step of an event about the user as a recipient of a run.
    fn of_recipient(&mut self, event: &Event) -> Option<Step> {
        event.subjects().run.filter(|run| self.has_run(*run))?;
        match event {
            Event::RecipientQueued { .. } => Some(Step::Selected),
            Event::InviteDispatched { invitation, generation, .. } => {
                self.links.push(Link { invitation: *invitation, generation: *generation });
                self.life = LinkLife::Open;
                Some(Step::Claim)
            }
            Event::InviteDeferred { .. } => Some(Step::Retry),
            Event::InviteSent { .. } | Event::UserSkipped { .. } | Event::InviteFailed { .. } => {
                Some(Step::Outcome)
            }
            Event::DeliveryRecorded { .. } => Some(Step::Delivery),
            _ => None,
        }
    }

    /// The step of an event about the user's link. Until the outcome, every link on the channel matters. After it, only the
    /// newest link of the chain matters, until it is used or over.
    fn of_link(&mut self, event: &Event, is_before_end: bool) -> Option<Step> {
        let on_channel = |channel: &Channel| self.runs.iter().any(|run| run.channel == *channel);
        let newest = |id: InvitationId| {
            let of = self.links.iter().filter(|link| link.invitation == id);
            of.map(|link| link.generation).max()
        };
        let is_over = self.life == LinkLife::Over && !is_before_end;
        let life = match event {
            _ if is_over => return None,
            Event::UserLinked { channel, .. } if is_before_end => {
                on_channel(channel).then_some(LinkLife::Used)
            }
            Event::UserUnlinked { channel, .. } if is_before_end => {
                on_channel(channel).then_some(LinkLife::Open)
            }
            Event::UserLinked { invitation, .. } => {
                invitation.and_then(newest).map(|_| LinkLife::Used)
            }
            Event::UserUnlinked { channel, .. } => {
                (self.life == LinkLife::Used && on_channel(channel)).then_some(LinkLife::Over)
            }
            Event::InvitationExpired { invitation, generation, .. }
            | Event::InvitationRevoked { invitation, generation, .. }
            | Event::InvitationEnded { invitation, generation, .. } => {
                let is_ours =
                    |link: &Link| link.invitation == *invitation && link.generation == *generation;
                let is_newest = newest(*invitation) == Some(*generation);
                let life = if is_newest { LinkLife::Over } else { self.life };
                self.links.iter().any(is_ours).then_some(life)
            }
            Event::InvitationClicked { invitation, generation, .. } => {
                let is_ours =
                    |link: &Link| link.invitation == *invitation && link.generation == *generation;
                self.links.iter().any(is_ours).then_some(self.life)
            }
            // Another run made a newer link of the same invitation.
            Event::InviteDispatched { invitation, generation, .. } => {
                newest(*invitation).is_some_and(|own| own < *generation).then_some(LinkLife::Over)
            }
            // The same key may name another person later.
            Event::UserRemoved { .. } if !is_before_end => {
                self.life = LinkLife::Over;
                return (!self.links.is_empty()).then_some(Step::User);
            }
            _ => None,
        };
        self.life = life?;
        Some(Step::Link)
    }

    /// The step of an event that names a row of the import by its number, also after the outcome.
    fn of_row(&self, event: &Event) -> Option<Step> {
        let (imported, row) = self.imported.zip(self.row)?;
        let is_row = |import: ImportId, number: u64| import == imported.import && number == row;
        match event {
            Event::WelcomeEmailRequested { import, row, .. } => {
                is_row(*import, *row).then_some(Step::Mail)
            }
            Event::NotificationDispatched { key, .. } => {
                (*key == welcome_key(imported.import, row)).then_some(Step::Mail)
            }
            Event::RowUndone { import, row, .. } => is_row(*import, *row).then_some(Step::Undo),
            _ => None,
        }
    }

    /// The step of another event about the user, until the outcome.
    fn of_user(recorded: &RecordedEvent<'_>) -> Option<Step> {
        match recorded.event {
            Event::UserCreated { .. }
            | Event::UserActivated { .. }
            | Event::UserDeactivated { .. }
            | Event::UserArchived { .. }
            | Event::UserRestored { .. }
            | Event::UserRemoved { .. } => Some(Step::User),
            // Of the changes of values, only those that matter to the mail and the selection.
            Event::UserUpdated { changed, .. } => {
                let matters =
                    |name: &String| matches!(name.as_str(), "email" | "phone" | "org_unit");
                changed.iter().any(matters).then_some(Step::User)
            }
            Event::CorporatePhoneAdded { .. } | Event::CorporatePhoneRemoved { .. } => {
                Some(Step::Phone)
            }
            Event::AccountOpened { .. }
            | Event::NumberAssigned { .. }
            | Event::NumberRegistered { .. }
            | Event::NumberReleased { .. } => Some(Step::Number),
            _ => None,
        }
    }
}
