//! `ClaimNotification`: a mail that is not an invitation is claimed before it is sent.

use serde_json::Value;

use crate::company::{Address, Addressee, Company, Notification, NotificationContent, UserState};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, HandedTo, MailKind, Permission, Topic, import_completed_key};
use crate::mail_kinds::{self, obsolete, waits};
use crate::template::Link;
use crate::values::{Code, Personal, Phone, Refusal, Time, UserKey, email};

/// Claims up to `most` notifications. One without a usable address is reported at once.
#[derive(Debug, Clone, Copy)]
pub struct ClaimNotification {
    pub most: usize,
    /// The transport that the claims will be handed to, by name. It takes over no mail that another transport tries.
    pub via: &'static str,
}

impl Decide for ClaimNotification {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        self.claim(company, context, |_| true)
    }
}

/// Like [`ClaimNotification`], but only text messages. The mails wait for their transport.
#[derive(Debug, Clone, Copy)]
pub struct ClaimTextNotifications(pub ClaimNotification);

impl Decide for ClaimTextNotifications {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        self.0.claim(company, context, Notification::is_text)
    }
}

impl ClaimNotification {
    /// Claims the mails of the kind that is `wanted`.
    fn claim(
        &self,
        company: &Company,
        context: &Context<'_>,
        wanted: impl Fn(&Notification) -> bool,
    ) -> Result<Decision, Refusal> {
        let waiting = company
            .notifications
            .iter()
            .filter(|(_, mail)| !mail.dispatched && !waits(company, mail));
        let deferred = company.deferred_notifications.of(self.via);
        let due = deferred.take_while(|(retry_at, ..)| *retry_at <= context.at);
        let waiting = due.map(|(_, key, mail)| (key, mail)).chain(waiting);
        let sends_texts = context.mail_setup.texts_via.is_some();
        let (mut events, mut mails_link) = (Vec::new(), false);
        for (key, mail) in waiting.filter(|(_, mail)| wanted(mail)).take(self.most) {
            let has_link = shows_link(company, mail);
            let to = address(company, key, mail, sends_texts, context.at);
            let to = to.map_err(|code| (code, None)).and_then(|to| {
                let checked = check_settings(company, context, mail, has_link);
                checked.map(|()| to).map_err(|refusal| (refusal.code, commands(&refusal)))
            });
            events.push(match to {
                Ok(to) => {
                    mails_link |= has_link;
                    dispatched(company, key, to)
                }
                Err((code, detail)) => Event::NotificationFailed { key: key.clone(), code, detail },
            });
        }
        let secret = context.link_secret_recorded(company).filter(|_| mails_link);
        let is_claim = |event: &Event| matches!(event, Event::NotificationDispatched { .. });
        let transports = self.transports_recorded(company, context);
        let transports = transports.filter(|_| events.iter().any(is_claim));
        let events = secret.into_iter().chain(transports).chain(events).collect();
        Ok(Decision::append_if_any(events))
    }

    /// The event that records the transports of the claims, if the claims before had others.
    fn transports_recorded(&self, company: &Company, context: &Context<'_>) -> Option<Event> {
        let setup = context.mail_setup;
        let via = setup.notifications_via.unwrap_or(self.via).to_owned();
        let mails = HandedTo { via, outbox: setup.notifications_outbox };
        let texts = setup.texts_via.map(str::to_owned);
        let texts = texts.map(|via| HandedTo { via, outbox: setup.texts_outbox });
        let transports = (mails, texts);
        let is_known = company.notification_transports.as_ref() == Some(&transports);
        let (mails, texts) = transports;
        (!is_known).then_some(Event::NotificationChannelsRecorded { mails, texts })
    }
}

/// Checks that the mail would have a link that works, and a sender that exists.
fn check_settings(
    company: &Company,
    context: &Context<'_>,
    mail: &Notification,
    has_link: bool,
) -> Result<(), Refusal> {
    if has_link {
        context.require_link_secret(company)?;
    }
    // A text has no sender, and leaves by no mail server.
    if mail.is_text() { Ok(()) } else { context.require_notification_settings(company, has_link) }
}

/// The commands that mend what a refusal is about, for people.
fn commands(refusal: &Refusal) -> Option<String> {
    let commands = refusal.details.get("commands")?.as_array()?;
    let commands: Vec<_> = commands.iter().filter_map(Value::as_str).collect();
    Some(commands.join("; "))
}

/// Whether the mail shows a link that the secret has made.
fn shows_link(company: &Company, mail: &Notification) -> bool {
    let Some(content) = mail.content.as_deref() else { return false };
    match &content.about {
        Topic::Import(id) if content.kind == MailKind::ImportCompleted => {
            company.import_mail_has_link(*id)
        }
        _ => mail_kinds::of(content.kind).facts().link != Link::None,
    }
}

/// Why a notification is not sent: the person left, the address has bounced, or the reminder is obsolete.
fn address(
    company: &Company,
    key: &str,
    mail: &Notification,
    sends_texts: bool,
    now: Time,
) -> Result<NotificationRecipient, Code> {
    let to = recipient(company, &mail.to).ok_or(Code::RecipientUserNotCreated)?;
    if let Addressee::User(id) = mail.to
        && company.users.get(id).is_none_or(|user| user.state != UserState::Active)
    {
        return Err(Code::RecipientUserArchived);
    }
    let content = mail.content.as_deref();
    // A text is written for a device, and a mail for an address. The account may have changed since the request.
    let is_text = mail.is_text();
    let address = match to.device.filter(|_| is_text) {
        Some(_) if !sends_texts => return Err(Code::DeliveryNoTextGateway),
        Some(device) => Address::Device(device),
        None if !is_text && email::check(&to.email).is_ok() => Address::Mail(&to.email),
        None => return Err(Code::RecipientEmailMissing),
    };
    if company.is_suppressed(address.mark()) {
        return Err(Code::DeliverySuppressed);
    }
    let obsolete = content.and_then(|content| {
        let replaced = is_replaced(company, key, content).then_some(Code::InvitationSuperseded);
        replaced.or_else(|| obsolete(company, &mail.to, content, now))
    });
    obsolete.map_or(Ok(to), Err)
}

/// Whether a newer mail about the import has replaced this one: every such mail shows the newest link.
fn is_replaced(company: &Company, key: &str, content: &NotificationContent) -> bool {
    let Topic::Import(import) = content.about else { return false };
    let link = company.imports.get(&import).and_then(|import| import.link);
    content.kind == MailKind::ImportCompleted
        && link.is_some_and(|link| key != import_completed_key(import, link.generation))
}

/// A claim of a notification without a report that an earlier process left.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenNotification {
    pub key: String,
    pub message_id: String,
    /// Whether it is a text message to a device.
    pub is_text: bool,
    pub is_welcome: bool,
    /// The transport that got it; none in a history that did not record it.
    pub handed_to: Option<HandedTo>,
    /// The claim, as its `NotificationDispatched` told it, or why the mail may not be sent any more.
    pub claim: Result<Event, Code>,
}

/// The open claims of an earlier process.
pub fn open_claims(company: &Company, sends_texts: bool, now: Time) -> Vec<OpenNotification> {
    let open = company.notifications.iter().filter(|(_, mail)| mail.dispatched);
    let (mails, texts) = match &company.notification_transports {
        Some((mails, texts)) => (Some(mails), texts.as_ref()),
        None => (None, None),
    };
    let claim = |(key, mail): (&String, &Notification)| {
        let is_text = mail.is_text();
        OpenNotification {
            key: key.clone(),
            message_id: message_id(company, key),
            is_text,
            is_welcome: mail.content.is_none(),
            handed_to: if is_text { texts } else { mails }.cloned(),
            claim: address(company, key, mail, sends_texts, now)
                .map(|to| dispatched(company, key, to)),
        }
    };
    open.map(claim).collect()
}

fn dispatched(company: &Company, key: &str, to: NotificationRecipient) -> Event {
    Event::NotificationDispatched {
        key: key.to_owned(),
        user: Personal(to.key),
        email: Personal(to.email),
        message_id: message_id(company, key),
        device: to.device.map(Personal),
    }
}

/// The recipient of a mail, with the address on record.
struct NotificationRecipient {
    /// The key of an administrator is the address.
    key: UserKey,
    /// Empty if there is none.
    email: String,
    /// The number of an account that is a device.
    device: Option<Phone>,
}

/// The recipient of a mail. `None` for a user who was not created.
fn recipient(company: &Company, to: &Addressee) -> Option<NotificationRecipient> {
    match to {
        Addressee::User(id) => {
            let user = company.users.get(*id).filter(|user| user.is_created())?;
            let email = user.email().unwrap_or_default().to_owned();
            Some(NotificationRecipient {
                key: user.key(),
                email,
                device: company.device(*id, user),
            })
        }
        Addressee::Admin(email) => {
            let key = UserKey::new(email);
            Some(NotificationRecipient { key, email: email.to_string(), device: None })
        }
    }
}

/// The Message-ID of the mail of this key.
fn message_id(company: &Company, key: &str) -> String {
    format!("{key}@{}.boarding.invalid", company.id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::ImportRows;
    use crate::decide::imports::import_file::testing::{accepted, import_id, row};
    use crate::decide::numbers::pool::testing::setting;
    use crate::decide::testing::{given, user_created, who};
    use crate::event::Existing;
    use crate::values::ImportId;

    /// LX-14: a welcome mail is claimed once.
    #[test]
    fn welcome_mail_is_claimed_once() {
        let import = ImportId(ulid::Ulid(4));
        let asked = Event::WelcomeEmailRequested { user: who("ann"), import, row: 1 };
        let company = given([user_created("ann"), asked]);
        assert_eq!(
            company.when(ClaimNotification { most: 9, via: "outbox" }).names(),
            ["NotificationChannelsRecorded", "NotificationDispatched"]
        );
        let company = company.after(ClaimNotification { most: 9, via: "outbox" });
        assert!(!company.when(ClaimNotification { most: 9, via: "outbox" }).0.unwrap().is_append());
    }

    /// P7: an open claim knows the transport that got it, until the next claims are handed to another one.
    #[test]
    fn open_claim_knows_its_transport() {
        let import = ImportId(ulid::Ulid(4));
        let asked = |row| Event::WelcomeEmailRequested { user: who("ann"), import, row };
        let claim = |via| ClaimNotification { most: 1, via };
        let company = given([user_created("ann"), asked(1), asked(2), asked(3)]);
        let company = company.after(claim("smtp"));
        let open = open_claims(&company.0, true, crate::decide::testing::NOW);
        let handed_to = open[0].handed_to.as_ref().map(|to| (to.via.as_str(), to.outbox));
        assert_eq!(handed_to, Some(("smtp", None)));
        assert_eq!(company.when(claim("smtp")).names(), ["NotificationDispatched"]);
        assert_eq!(company.when(claim("outbox")).names()[0], "NotificationChannelsRecorded");
    }

    /// The events of the claim of two mails by a mail server: the report of an import, and its link for the administrator.
    fn claimed(settings: &[Event]) -> Vec<Event> {
        let admins = [
            setting("designated_admin_emails", json!(["una@acme.example"])),
            setting("network_admin_email", json!("admin@acme.example")),
            accepted(1, false, Existing::Skip),
        ];
        let company = given(settings.iter().cloned().chain(admins));
        let company = company.after(ImportRows::alone(import_id(), vec![row(1, "ann")]));
        let claim = ClaimNotification { most: 9, via: "smtp" };
        let mut events = company.by_mail_server().when(claim).events();
        events.retain(|event| !matches!(event, Event::NotificationChannelsRecorded { .. }));
        events
    }

    /// The details of the mails that failed.
    fn failed(settings: &[Event]) -> Vec<String> {
        let detail = |event: Event| match event {
            Event::NotificationFailed { code, detail, .. } => {
                assert_eq!(code, Code::ConfigLinkBaseUrlUnset);
                detail
            }
            _ => None,
        };
        claimed(settings).into_iter().filter_map(detail).collect()
    }

    fn sender() -> Event {
        setting("mail_from", json!("on@acme.example"))
    }

    fn base() -> Event {
        setting("link_base_url", json!("https://link.acme.example/"))
    }

    #[test]
    fn mail_without_a_link_needs_only_its_sender() {
        let [report, _] = failed(&[]).try_into().unwrap();
        assert!(report.contains("boarding config set mail_from"), "{report}");
        assert!(!report.contains("set link_base_url"), "{report}");
    }

    #[test]
    fn mail_with_a_link_names_the_commands_for_both_settings() {
        let [_, link] = failed(&[]).try_into().unwrap();
        let both = ["config set mail_from", "; ", "config set link_base_url"];
        assert!(both.iter().all(|part| link.contains(part)), "{link}");
    }

    #[test]
    fn mail_with_a_sender_names_only_the_missing_base_url() {
        let [link] = failed(&[sender()]).try_into().unwrap();
        assert!(link.contains("config set link_base_url"), "{link}");
        assert!(!link.contains("mail_from") && !link.contains("; "), "{link}");
    }

    #[test]
    fn complete_settings_let_every_mail_leave() {
        let names: Vec<_> = claimed(&[sender(), base()]).iter().map(Event::name).collect();
        assert_eq!(names, ["NotificationDispatched"; 2]);
    }

    #[test]
    fn message_id_has_key_of_mail_and_company() {
        for event in claimed(&[sender(), base()]) {
            let Event::NotificationDispatched { key, message_id, .. } = event else { panic!() };
            assert_eq!(message_id, format!("{key}@acme.boarding.invalid"));
        }
    }
}
