//! Version 5 of the list procedure. Frozen: a change would change the history of stored runs.
//!
//! An import lists only its people without a working invitation on the channel.

use super::list::{Pick, Selection};
use super::v2;
use crate::company::{Company, Invitation, InvitationState, Link};
use crate::event::{Channel, Source};
use crate::values::Time;

/// The people of the source. Of an import: the people without a working invitation, and those without a user.
pub(super) fn select(company: &Company, source: &Source, channel: Channel, at: Time) -> Selection {
    let Source::Import(id) = source else { return v2::select(company, source, channel, at) };
    let Some(import) = company.imports.get(id) else { return Selection::default() };
    let lacks = |id| company.users.get(id).is_none_or(|user| lacks_invitation(&user.link(channel)));
    let people = import.members.iter().copied().filter(|id| lacks(*id));
    Selection { picks: people.map(Pick::Known).collect(), duplicates_removed: 0 }
}

/// Whether a person is not linked and has no invitation that works or may work. Either no mail was ever sent, or the
/// newest invitation has expired or ended, or its only mail has certainly failed.
pub(in crate::company) fn lacks_invitation(link: &Link) -> bool {
    let is_over = |newest: Invitation| match newest.state {
        InvitationState::Ended(_) | InvitationState::Expired => true,
        // A mail that was sent and came back may have been read before. Its link works.
        InvitationState::Bounced => !newest.was_mailed(),
        _ => false,
    };
    !link.linked && (!link.mailed || link.invitation.is_some_and(is_over))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::company::selection::SelectionVersion;
    use crate::decide::ImportRows;
    use crate::decide::imports::import_file::testing::{accepted, import_id, row};
    use crate::decide::testing::{NOW, dispatched, given, run_id, run_started, user_created, who};
    use crate::event::{Event, Existing};
    use crate::values::{Code, InvitationId};

    /// A3, OC-14: a person whose link has expired and whose next mail has failed is listed by version 5. Stored runs of
    /// version 4 keep their lists.
    #[test]
    fn failed_mail_is_no_invitation_since_version_5() {
        let before = [user_created("ann"), accepted(1, true, Existing::Update)];
        let mut company = given(before).after(ImportRows::alone(import_id(), vec![row(1, "ann")]));
        let (channel, invitation) = (Channel::Whatsapp, InvitationId(ulid::Ulid(1)));
        let (message_id, code) = ("m".to_owned(), Code::RecipientEmailUndeliverable);
        let [first, second] = [1, 2].map(run_id);
        let user = || who("ann");
        let sent =
            Event::InviteSent { run: first, user: user(), attempt: 1, message_id, expires_at: NOW };
        let expired = Event::InvitationExpired { user: user(), channel, invitation, generation: 1 };
        let failed =
            Event::InviteFailed { run: second, user: user(), attempt: 1, code, detail: None };
        let mut events = run_started(first, &["ann"]);
        events.extend([dispatched(first, "ann", 1, 1), sent, expired]);
        events.extend(run_started(second, &["ann"]));
        events.extend([dispatched(second, "ann", 1, 2), failed]);
        company.append(NOW, "jane", &events);
        let listed = |stored| {
            let version = SelectionVersion::of_event(Some(stored));
            company.0.select(version, &Source::Import(import_id()), channel, NOW).picks.len()
        };
        assert_eq!((listed(4), listed(5)), (0, 1));
    }
}
