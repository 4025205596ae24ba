//! Ends the links whose conditions are no longer met.

use std::collections::{BTreeMap, BTreeSet};

use crate::company::link_life::LinkConditions;
use crate::company::{Company, Invitation, UserId, UserState};
use crate::decide::numbers::pool::released_with;
use crate::event::{Channel, Event};
use crate::values::{Code, InvitationId, Personal, Time, UserKey};

/// The most links that one commit ends because their channel is disabled. Each may release a number too, so they are
/// at most half of the events that a commit has room for. The next tick continues.
const MAX_LINKS: usize = 250;

/// Adds to a commit the ends of the links whose conditions its events change.
pub(crate) fn add_ends(company: &Company, events: &mut Vec<Event>, at: Time) {
    let mut changed = Changed::default();
    events.iter().for_each(|event| changed.note(company, event));
    if changed.people.is_empty() && changed.disabled.is_empty() {
        return;
    }
    let mut ends = Ends::after(company, events, at);
    for (id, conditions) in &changed.people {
        for channel in Channel::ALL {
            ends.end(*id, channel, |one| conditions.unmet(&one.basis, true));
        }
    }
    for channel in changed.disabled {
        ends.end_all_on(channel);
    }
    events.extend(ends.events);
}

/// The ends that a tick adds: of links on channels that are disabled, and of these people.
pub(crate) fn overdue(
    company: &Company,
    events: &[Event],
    people: impl IntoIterator<Item = UserId>,
    at: Time,
) -> Vec<Event> {
    let mut ends = Ends::after(company, events, at);
    for channel in Channel::ALL {
        if !company.settings.channel_enabled(channel) {
            ends.end_all_on(channel);
        }
    }
    for id in people {
        ends.end_unmet(id);
    }
    ends.events
}

/// What the events of a commit change for links.
#[derive(Debug, Default)]
struct Changed {
    /// What the links of each changed person depend on after the events.
    people: BTreeMap<UserId, LinkConditions>,
    disabled: BTreeSet<Channel>,
}

impl Changed {
    fn note(&mut self, company: &Company, event: &Event) {
        match event {
            Event::UserUpdated { user, person, .. } => self.change(company, user, |conditions| {
                conditions.set_contacts(
                    person.email.as_deref().filter(|email| !email.is_empty()),
                    person.phone,
                );
            }),
            Event::UserDeactivated { user, .. } => {
                self.change(company, user, |conditions| conditions.state = UserState::Deactivated);
            }
            Event::UserArchived { user } => {
                self.change(company, user, |conditions| conditions.state = UserState::Archived);
            }
            Event::UserRemoved { user } => {
                self.change(company, user, |conditions| conditions.state = UserState::NotCreated);
            }
            Event::UserActivated { user, .. } | Event::UserRestored { user } => {
                self.change(company, user, |conditions| conditions.state = UserState::Active);
            }
            Event::CorporatePhoneAdded { phone, user, .. } => {
                self.change(company, user, |conditions| conditions.listed.push(**phone));
            }
            Event::CorporatePhoneRemoved { phone, user } => {
                self.change(company, user, |conditions| {
                    conditions.listed.retain(|one| one != &**phone);
                });
            }
            Event::CompanyConfigChanged { setting, value } if value == false => {
                let is_it = |one: &Channel| setting.strip_prefix("channels.") == Some(one.as_str());
                self.disabled.extend(Channel::ALL.into_iter().find(is_it));
            }
            _ => {}
        }
    }

    fn change(
        &mut self,
        company: &Company,
        key: &UserKey,
        change: impl FnOnce(&mut LinkConditions),
    ) {
        let known = company.users.find(key.as_str()).filter(|(_, user)| user.has_links());
        let Some((id, _)) = known else { return };
        let Some(conditions) = LinkConditions::of(company, id) else { return };
        change(self.people.entry(id).or_insert(conditions));
    }
}

/// The ends of links, beside what the events of the commit end already.
struct Ends<'a> {
    company: &'a Company,
    at: Time,
    ended: BTreeSet<(InvitationId, u32)>,
    /// The invitations whose newest generation ended.
    closed: BTreeSet<InvitationId>,
    linked: BTreeSet<(UserId, Channel)>,
    released: BTreeSet<UserId>,
    events: Vec<Event>,
}

impl<'a> Ends<'a> {
    fn after(company: &'a Company, events: &[Event], at: Time) -> Self {
        let (ended, closed, linked, released) = Default::default();
        let mut ends = Self { company, at, ended, closed, linked, released, events: Vec::new() };
        let id = |key: &str| company.users.find(key).map(|(id, _)| id);
        for event in events {
            match event {
                Event::InvitationExpired { invitation, generation, .. }
                | Event::InvitationRevoked { invitation, generation, .. }
                | Event::InvitationEnded { invitation, generation, .. } => {
                    ends.note_end(*invitation, *generation);
                }
                Event::UserLinked { user, channel, .. } => {
                    ends.linked.extend(id(user.as_str()).map(|id| (id, *channel)));
                }
                Event::NumberReleased { user, .. } | Event::NumberRegistered { user, .. } => {
                    ends.released.extend(id(user.as_str()));
                }
                _ => {}
            }
        }
        ends
    }

    /// Notes the end of a link. False if it was noted before.
    fn note_end(&mut self, id: InvitationId, generation: u32) -> bool {
        if self.company.newest(id).is_some_and(|newest| newest.generation == generation) {
            self.closed.insert(id);
        }
        self.ended.insert((id, generation))
    }

    /// Ends the links of a person on a channel whose conditions are no longer met.
    fn end(&mut self, id: UserId, channel: Channel, unmet: impl Fn(&Invitation) -> Option<Code>) {
        let Some(user) = self.company.users.get(id) else { return };
        if self.linked.contains(&(id, channel)) {
            return;
        }
        let link = user.link(channel);
        for one in link.generations().filter(|one| one.may_be_used()) {
            let Some(code) = unmet(one) else { continue };
            if !self.note_end(one.id, one.generation) {
                continue;
            }
            self.events.push(Event::InvitationEnded {
                user: Personal(user.key()),
                channel,
                invitation: one.id,
                generation: one.generation,
                code,
            });
            if self.closed.contains(&one.id) && !self.released.contains(&id) {
                let released = released_with(self.company, id, user, &self.closed, self.at);
                self.released.extend(released.as_ref().map(|_| id));
                self.events.extend(released);
            }
        }
    }

    /// Ends the links of a person whose conditions are not met now.
    fn end_unmet(&mut self, id: UserId) {
        let Some(conditions) = LinkConditions::of(self.company, id) else { return };
        for channel in Channel::ALL {
            let enabled = self.company.settings.channel_enabled(channel);
            self.end(id, channel, |one| conditions.unmet(&one.basis, enabled));
        }
    }

    /// Ends links on a channel that is disabled, up to the most that fit in the commit.
    fn end_all_on(&mut self, channel: Channel) {
        let company = self.company;
        let room = MAX_LINKS.saturating_sub(self.events.len());
        for (id, _) in company.link_ends.on(channel).take(room) {
            let Some((user, _)) = company.invitations.get(&id) else { continue };
            let Some(conditions) = LinkConditions::of(company, *user) else { continue };
            self.end(*user, channel, |one| conditions.unmet(&one.basis, false));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::company::tick::Tick;
    use crate::decide::invitations::link_completed::testing::invited;
    use crate::decide::numbers::pool::testing::{assigned, number, number_added, setting};
    use crate::decide::testing::{NOW, given, phone, phone_added, who};
    use crate::event::SentOn;

    /// The names of the events that a commit has after the ends of links are added.
    fn with_ends(company: &Company, mut events: Vec<Event>) -> Vec<&'static str> {
        add_ends(company, &mut events, NOW);
        events.iter().map(Event::name).collect()
    }

    fn deactivated() -> Event {
        Event::UserDeactivated { user: who("ann"), row: None }
    }

    fn channel(enabled: bool) -> Event {
        setting("channels.whatsapp", json!(enabled))
    }

    /// Ann's invitation has reserved a number for her.
    fn invited_with_number() -> Company {
        given(invited().into_iter().chain([number_added(1, None), assigned(1, "ann")])).0
    }

    #[test]
    fn link_of_a_removed_user_ends() {
        let removed = Event::UserRemoved { user: who("ann") };
        let names = with_ends(&given(invited()).0, vec![removed]);
        assert_eq!(names, ["UserRemoved", "InvitationEnded"]);
    }

    #[test]
    fn link_of_a_disabled_channel_ends() {
        let names = with_ends(&given(invited()).0, vec![channel(false)]);
        assert_eq!(names, ["CompanyConfigChanged", "InvitationEnded"]);
    }

    #[test]
    fn link_of_an_enabled_channel_does_not_end() {
        assert_eq!(with_ends(&given(invited()).0, vec![channel(true)]), ["CompanyConfigChanged"]);
    }

    #[test]
    fn user_who_returns_in_the_same_commit_keeps_the_link() {
        let company = given(invited()).0;
        let back = Event::UserActivated { user: who("ann"), row: None };
        let names = with_ends(&company, vec![deactivated(), back]);
        assert_eq!(names, ["UserDeactivated", "UserActivated"]);
    }

    #[test]
    fn phone_that_returns_in_the_same_commit_keeps_the_link() {
        let mut events = invited();
        for event in &mut events {
            if let Event::InviteDispatched { sent_on, .. } = event {
                *sent_on = Some(SentOn { phone: Some(Personal(phone(1))), on_record: false });
            }
        }
        let company = given(events).0;
        let added = phone_added("ann", 1);
        let removed = Event::CorporatePhoneRemoved { phone: Personal(phone(1)), user: who("ann") };
        let names = with_ends(&company, vec![removed, added]);
        assert_eq!(names, ["CorporatePhoneRemoved", "CorporatePhoneAdded"]);
    }

    #[test]
    fn link_that_the_commit_revokes_does_not_end_again() {
        let invitation = InvitationId(ulid::Ulid(5));
        let (user, channel) = (who("ann"), Channel::Whatsapp);
        let revoked = Event::InvitationRevoked { user, channel, invitation, generation: 1 };
        let names = with_ends(&given(invited()).0, vec![revoked, deactivated()]);
        assert_eq!(names, ["InvitationRevoked", "UserDeactivated"]);
    }

    #[test]
    fn link_that_the_commit_uses_does_not_end() {
        let (user, channel) = (who("ann"), Channel::Whatsapp);
        let linked = Event::UserLinked { user, channel, invitation: None };
        let names = with_ends(&given(invited()).0, vec![linked, deactivated()]);
        assert_eq!(names, ["UserLinked", "UserDeactivated"]);
    }

    #[test]
    fn number_is_released_with_the_last_link() {
        let names = with_ends(&invited_with_number(), vec![deactivated()]);
        assert_eq!(names, ["UserDeactivated", "InvitationEnded", "NumberReleased"]);
    }

    #[test]
    fn number_that_the_commit_releases_is_released_once() {
        let number = Personal(number(1));
        let released = Event::NumberReleased { number, user: who("ann"), cooling_until: None };
        let names = with_ends(&invited_with_number(), vec![released, deactivated()]);
        assert_eq!(names, ["NumberReleased", "UserDeactivated", "InvitationEnded"]);
    }

    /// An older history has no ends for the disabled channel.
    #[test]
    fn tick_ends_the_links_of_a_disabled_channel() {
        let company = given(invited().into_iter().chain([channel(false)]));
        assert_eq!(company.when(Tick { now: NOW }).names(), ["InvitationEnded"]);
    }

    #[test]
    fn overdue_link_of_an_inactive_user_ends() {
        let company = given(invited().into_iter().chain([deactivated()])).0;
        let (ann, _) = company.users.find("ann").unwrap();
        let ends = overdue(&company, &[], [ann], NOW);
        assert_eq!(ends.iter().map(Event::name).collect::<Vec<_>>(), ["InvitationEnded"]);
    }
}
