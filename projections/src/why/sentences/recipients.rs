//! Sentences about a recipient of a run and the recipient's link.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Delivery, Event, Source};

use super::runs::selection;
use super::words::{actor, coded};

pub(super) fn recipient(event: &Event, source: Option<&Source>) -> Option<String> {
    let user = event.subjects().user?.as_str();
    Some(match event {
        Event::RecipientQueued { .. } => match source {
            Some(source) => {
                format!("{user} was selected for the run, because {}.", selection(source))
            }
            None => format!("{user} was selected for the run."),
        },
        Event::InviteDispatched { attempt, via, .. } if via.is_empty() => {
            format!("Another program invited {user}: attempt {attempt}.")
        }
        Event::InviteDispatched { attempt, via, device, .. } => {
            let form = if device.is_some() { "text" } else { "mail" };
            format!("A {form} to {user} was claimed, to be sent by {via}: attempt {attempt}.")
        }
        Event::InviteDeferred { code, retry_at, attempt, .. } => format!(
            "Attempt {attempt} to invite {user} failed for now: {} The next try is at {retry_at}.",
            coded(*code)
        ),
        Event::InviteSent { attempt, expires_at, .. } => format!(
            "The invitation of {user} was sent: attempt {attempt}. Its link works until {expires_at}."
        ),
        Event::UserSkipped { code, .. } => {
            format!("{user} was skipped and got no invitation: {}", coded(*code))
        }
        Event::InviteFailed { code, .. } if code.leaves_delivery_open() => {
            format!("Whether {user} got the invitation is uncertain: {}", coded(*code))
        }
        Event::InviteFailed { code, .. } => {
            format!("The invitation of {user} failed: {}", coded(*code))
        }
        Event::DeliveryRecorded { delivery, .. } => {
            let what = match delivery {
                Delivery::Delivered => "was delivered",
                Delivery::BouncedHard => "came back for good",
                Delivery::BouncedSoft => "came back for now",
                Delivery::Complained => "was reported as spam",
            };
            format!("A delivery report says that the mail to {user} {what}.")
        }
        _ => return None,
    })
}

pub(super) fn link(recorded: &RecordedEvent<'_>) -> Option<String> {
    let user = recorded.event.subjects().user?.as_str();
    Some(match recorded.event {
        Event::UserLinked { channel, .. } => format!("{user} was linked on {}.", channel.as_str()),
        Event::UserUnlinked { channel, .. } => {
            format!("{} removed the link of {user} on {}.", actor(recorded), channel.as_str())
        }
        Event::InvitationClicked { .. } => format!("The page of the link of {user} was opened."),
        Event::InvitationExpired { .. } => {
            format!("The link of {user} expired before it was used.")
        }
        Event::InvitationRevoked { .. } => {
            format!("{} revoked the link of {user}.", actor(recorded))
        }
        Event::InvitationEnded { code, .. } => {
            format!("The link of {user} ended: {}", coded(*code))
        }
        Event::InviteDispatched { run, .. } => format!(
            "The run {run} invited {user} again. When its mail is sent, its newer link replaces this link."
        ),
        _ => return None,
    })
}
