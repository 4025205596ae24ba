//! How events change notifications: waiting mails, reminders, alarms, the digest of expired invitations.

use crate::company::notification::Expired;
use crate::company::{Addressee, Company, Notification, TemplateText};
use crate::event::{Channel, Event, MailKind, MailTo, NotificationEvent, Source, Topic};
use crate::values::{Time, email};

/// The most people that a digest of expired invitations names: a reader sees them at a glance.
const NAMED_PEOPLE: usize = 20;

impl Company {
    pub(super) fn evolve_notification(&mut self, at: Time, event: NotificationEvent<'_>) {
        match event {
            NotificationEvent::NotificationRequested { kind, key, to, about } => {
                self.mark_notified(at, *kind, to, about);
                let to = match to {
                    MailTo::User(user) => Addressee::User(self.users.enter(user.as_str())),
                    MailTo::Address(email) => Addressee::Admin(email.as_str().into()),
                };
                // A notification that is requested twice is sent once.
                let mail = || Notification::new(to, *kind, about.clone());
                self.notifications.entry(key.clone()).or_insert_with(mail);
            }
            NotificationEvent::NoticeTemplateSet { kind, language, subject, text, html } => {
                let template = TemplateText {
                    subject: subject.clone(),
                    text: text.clone(),
                    html: html.clone(),
                };
                self.set_template(*kind, language, template);
            }
            NotificationEvent::NotificationDispatched { key, .. } => {
                let deferred = self.deferred_notifications.remove(key);
                self.notifications.extend(deferred.map(|mail| (key.clone(), mail)));
                if let Some(notification) = self.notifications.get_mut(key) {
                    notification.dispatched = true;
                }
            }
            NotificationEvent::NotificationDeferred { key, via, code, retry_at, .. } => {
                let Some(mut mail) = self.notifications.remove(key) else { return };
                mail.dispatched = false;
                let refused = mail.refused.as_deref().copied().unwrap_or_default();
                mail.refused = Some(Box::new(refused.and(*code, at)));
                self.deferred_notifications.insert(key, mail, via, *retry_at);
            }
            NotificationEvent::NotificationChannelsRecorded { mails, texts } => {
                self.notification_transports = Some((mails.clone(), texts.clone()));
            }
            NotificationEvent::NotificationRequeued { key } => {
                // A mail that waits keeps its time, however often it is sent again.
                let deferred = self.deferred_notifications.remove(key);
                let mail = deferred.or_else(|| {
                    let failed = self.failed_notifications.remove(key)?;
                    Some(Notification { refused: None, ..failed })
                });
                let waits = |mail| Notification { dispatched: false, ..mail };
                self.notifications.extend(mail.map(|mail| (key.clone(), waits(mail))));
            }
            NotificationEvent::NotificationSent { key } => {
                self.notifications.remove(key);
            }
            NotificationEvent::NotificationFailed { key, .. } => {
                let mail = self.notifications.remove(key);
                let mail = mail.or_else(|| self.deferred_notifications.remove(key));
                self.failed_notifications.extend(mail.map(|mail| (key.clone(), mail)));
            }
        }
    }

    /// Records that a notification was sent, so that it is not repeated.
    fn mark_notified(&mut self, at: Time, kind: MailKind, to: &MailTo, about: &Topic) {
        match (about, to) {
            (Topic::Numbers { org_unit, .. }, _) => {
                self.numbers.mark_notified(kind, org_unit.as_deref());
            }
            (Topic::Expired { .. }, _) => self.expired = None,
            (Topic::Invitation { channel, generation, .. }, MailTo::User(user)) => {
                let user = self.users.enter(user.as_str());
                let wait = self.settings.reminder_after_seconds();
                self.change_invitation(user, *channel, *generation, |invitation| {
                    invitation.reminders = invitation.reminders.saturating_add(1);
                    // The tick's time may be later than the clock's, by which the commit was written.
                    invitation.mailed_at = at.max(invitation.mailed_at.plus_seconds(wait));
                });
            }
            _ => {}
        }
    }

    /// Records an expired invitation, if administrators are notified of these.
    pub(super) fn note_expired(&mut self, at: Time, event: &Event) {
        let Event::InvitationExpired { user, channel, generation, .. } = event else { return };
        if !self.settings.notify.expired_digest {
            return;
        }
        let user = self.users.enter(user.as_str());
        let link = self.users.get(user).map(|user| user.link(*channel)).unwrap_or_default();
        let end = link.generation(*generation).and_then(|invitation| invitation.expires_at);
        // The tick's time may be later than the clock's, by which the commit was written.
        let since = end.map_or(at, |end| at.max(end));
        let expired = self.expired.get_or_insert_with(|| Expired::since(since));
        match channel {
            Channel::Whatsapp => expired.whatsapp += 1,
            Channel::Imessage => expired.imessage += 1,
        }
        if expired.people.len() < NAMED_PEOPLE && !expired.people.contains(&user) {
            expired.people.push(user);
        }
    }

    /// Updates the notifications after a setting was changed.
    pub(super) fn note_setting(&mut self, setting: &str) {
        match setting {
            "number_threshold_percent" => {
                self.numbers.set_threshold(self.settings.number_threshold_percent);
            }
            "notify.expired_digest" if !self.settings.notify.expired_digest => self.expired = None,
            "reminder_after_days" => self.index_reminders(),
            _ => {}
        }
    }

    fn index_reminders(&mut self) {
        self.reminders.clear();
        if !self.settings.reminds() {
            return;
        }
        for (id, (user, channel)) in &self.invitations {
            let link = self.users.get(*user).map(|user| user.link(*channel));
            let newest = link.and_then(|link| link.invitation);
            if let Some(invitation) = newest.filter(|invitation| invitation.id == *id) {
                self.reminders.add(&invitation);
            }
        }
    }

    /// Records the actor who requested an import or a run, if the actor is an address. A run that an import requests
    /// belongs to the actor of the import.
    pub(crate) fn note_starter(&mut self, actor: &str, event: &Event) {
        let address = || email::check(actor).is_ok().then(|| Box::from(actor));
        match event {
            Event::ImportAccepted { import, .. } => {
                if let Some(import) = self.imports.get_mut(import) {
                    import.starter = address();
                }
            }
            Event::RunRequested { run, source, .. } => {
                let own = |import: &&crate::values::ImportId| import.0 == run.0;
                let import = match source {
                    Source::Import(import) => Some(import).filter(own),
                    Source::OrgUnits { .. }
                    | Source::Users(_)
                    | Source::Resend { .. }
                    | Source::FailedOf { .. } => None,
                };
                let import = import.and_then(|import| self.imports.get(import));
                let starter = import.map_or_else(address, |import| import.starter.clone());
                if let Some(run) = self.runs.get_mut(run) {
                    run.starter = starter;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::numbers::pool::testing::setting;
    use crate::decide::testing::{given, who};

    fn expired(key: &str, channel: Channel) -> Event {
        let invitation = crate::values::InvitationId(ulid::Ulid(1));
        Event::InvitationExpired { user: who(key), channel, invitation, generation: 1 }
    }

    #[test]
    fn expired_invitations_are_collected_while_a_mail_reports_them() {
        let on = || setting("notify.expired_digest", json!(true));
        let mut events = vec![on(), expired("ann", Channel::Whatsapp)];
        events.extend(["ann", "bob"].map(|key| expired(key, Channel::Imessage)));
        let after = |more: Vec<Event>| given(events.iter().cloned().chain(more)).0.expired;
        let found = after(vec![]).unwrap();
        assert_eq!((found.whatsapp, found.imessage, found.people.len()), (1, 2, 2));
        assert!(after(vec![on(), setting("reminder_max", json!(2))]).is_some());
        assert!(after(vec![setting("notify.expired_digest", json!(false))]).is_none());
        assert!(given([expired("ann", Channel::Whatsapp)]).0.expired.is_none());
    }

    #[test]
    fn expired_invitations_name_the_first_people() {
        let mut events = vec![setting("notify.expired_digest", json!(true))];
        events.extend((0..=NAMED_PEOPLE).map(|n| expired(&format!("u{n}"), Channel::Whatsapp)));
        let found = given(events).0.expired.unwrap();
        assert_eq!(found.people.len(), NAMED_PEOPLE);
        assert_eq!(found.whatsapp, NAMED_PEOPLE as u64 + 1);
    }
}
