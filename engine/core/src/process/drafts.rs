//! The content of a claimed mail, read from the company.

use boarding_commands::company::{Company, InvitationClaim, NotificationContent, User, UserId};
use boarding_commands::event::{Channel, Event, MailKind};
use boarding_commands::mail_kinds::{self, LinkTarget, TopicFacts};
use boarding_commands::settings::{Settings, link_address};
use boarding_commands::template::{AppAddresses, Link, MailTemplate, MailValues};
use boarding_commands::values::{CompanyId, Personal, Phone, Time, UserKey};

use crate::delivery::mail::{OpenInvitation, Purpose, TextMessage};
use crate::delivery::token::Tokens;

/// Everything a mail shows: its values and its wording.
#[derive(Debug)]
pub(super) struct Draft {
    user: UserKey,
    pub first_name: String,
    pub last_name: String,
    masked_phone: String,
    pub template: MailTemplate,
    /// The channel of the invitation or run. Other mails have WhatsApp here, and do not show it.
    channel: Channel,
    company_name: String,
    pub from: String,
    link_base_url: String,
    app: App,
    expires_hours: u64,
    pub message_id: String,
    pub to: String,
    /// The number of a device, which gets a text message.
    device: Option<Personal<Phone>>,
    pub purpose: Purpose,
    pub kind: MailKind,
    claim: Option<InvitationClaim>,
    topic: TopicFacts,
}

/// The addresses of the product's app; each is empty if it is not set.
#[derive(Debug)]
struct App {
    download_link: String,
    web_link: String,
    logo: String,
    market_code: String,
}

impl App {
    fn of(settings: &Settings) -> Self {
        let text = |setting: &Option<String>| setting.clone().unwrap_or_default();
        Self {
            download_link: text(&settings.app_download_link),
            web_link: text(&settings.web_app_link),
            logo: text(&settings.logo_url),
            market_code: text(&settings.market_code),
        }
    }

    fn addresses(&self) -> AppAddresses<'_> {
        AppAddresses {
            download_link: &self.download_link,
            web_link: &self.web_link,
            logo: &self.logo,
            market_code: &self.market_code,
        }
    }
}

/// The parts of a mail that depend on its kind.
struct DraftContent {
    kind: MailKind,
    purpose: Purpose,
    topic: TopicFacts,
}

impl Draft {
    /// The content of the mail that this event claims. `own_page` is the address of the engine's page for links. None for
    /// another event, and if the company has lost the user, the topic or the template since.
    pub(super) fn of(company: &Company, event: &Event, own_page: Option<&str>) -> Option<Self> {
        let (user, to, device, message_id, wording) = match event {
            Event::InviteDispatched { user, email, device, message_id, template, .. } => {
                (user, email, device, message_id, template.as_ref())
            }
            Event::NotificationDispatched { user, email, device, message_id, .. } => {
                (user, email, device, message_id, None)
            }
            _ => return None,
        };
        let known = company.users.find(user.as_str());
        let content = DraftContent::of(company, event, known)?;
        // A notification may go to an administrator who is no user of the company.
        if known.is_none() && content.purpose != Purpose::Notification {
            return None;
        }
        let person = known.map(|(_, user)| user.person()).unwrap_or_default();
        let language = person.attributes.get("language").map(String::as_str);
        // A mail keeps the wording of its claim, also when it is sent again after a restart.
        let claimed = wording.and_then(|wording| company.worded(content.kind, wording));
        let in_force = || {
            let wording = company.wording(content.kind, language)?;
            company.worded(content.kind, &wording)
        };
        let settings = &company.settings;
        let channel = content.topic.channel.unwrap_or(Channel::Whatsapp);
        Some(Self {
            masked_phone: known
                .and_then(|(id, _)| company.corporate_phone(id).or_else(|| company.numbers.of(id)))
                .map(|phone| phone.masked())
                .unwrap_or_default(),
            template: claimed.or_else(in_force)?,
            user: known.map_or_else(|| user.0.clone(), |(_, user)| user.key()),
            first_name: person.first_name.unwrap_or_default(),
            last_name: person.last_name.unwrap_or_default(),
            channel,
            company_name: settings.company_name.clone().unwrap_or_default(),
            from: settings.mail_from.clone(),
            link_base_url: settings.link_base(own_page).to_owned(),
            app: App::of(settings),
            expires_hours: settings.invitation_ttl_seconds(channel) / 3600,
            message_id: message_id.clone(),
            to: device.as_ref().map_or_else(|| to.0.clone(), |number| number.to_string()),
            device: device.clone(),
            purpose: content.purpose,
            kind: content.kind,
            claim: company.open_claim(event),
            topic: content.topic,
        })
    }
}

impl DraftContent {
    /// `known` is the user of the mail, if it goes to a user.
    fn of(company: &Company, event: &Event, known: Option<(UserId, &User)>) -> Option<Self> {
        match event {
            Event::InviteDispatched { run, invitation, generation, device, .. } => {
                let channel = company.runs.get(run)?.channel;
                let kind = match (device, known) {
                    (Some(_), _) => MailKind::TextInvitation,
                    (None, Some((id, user))) => company.mailed_invitation_kind(id, user),
                    (None, None) => MailKind::ChannelInvitation,
                };
                let of_device = known.filter(|_| device.is_some());
                let variables = of_device
                    .map(|(id, _)| mail_kinds::invitation_variables(company, id, channel))
                    .unwrap_or_default();
                let topic = TopicFacts {
                    channel: Some(channel),
                    link: Some(LinkTarget::Invitation(*invitation, *generation)),
                    variables,
                    ..TopicFacts::default()
                };
                Some(Self { kind, purpose: Purpose::Run(*run), topic })
            }
            Event::NotificationDispatched { key, .. } => {
                match company.notifications.get(key)?.content.as_deref() {
                    Some(content) => Self::of_notification(company, content),
                    None => Some(Self {
                        kind: MailKind::Welcome,
                        purpose: Purpose::Welcome,
                        topic: TopicFacts::default(),
                    }),
                }
            }
            _ => None,
        }
    }

    fn of_notification(company: &Company, content: &NotificationContent) -> Option<Self> {
        Some(Self {
            kind: content.kind,
            purpose: Purpose::Notification,
            topic: mail_kinds::topic_facts(company, &content.about)?,
        })
    }
}

impl Draft {
    /// The values for the template, if the mail has this link and is sent at this time.
    pub(super) fn values<'a>(&'a self, link_url: &'a str, at: Time) -> MailValues<'a> {
        let expires_after_sending = at.plus_seconds(self.expires_hours * 3600);
        MailValues {
            first_name: &self.first_name,
            last_name: &self.last_name,
            username: self.user.as_str(),
            company_name: &self.company_name,
            channel: self.channel,
            masked_phone: &self.masked_phone,
            link_url,
            expires_hours: self.expires_hours,
            expires_at: self.topic.expires_at.unwrap_or(expires_after_sending),
            app: self.app.addresses(),
            about: &self.topic.variables,
        }
    }

    /// The number and the link, if it is a text message.
    pub(super) fn text_message(&self, link: &str, expires_at: Time) -> Option<TextMessage> {
        Some(TextMessage {
            number: self.device.clone()?,
            link: Personal(link.to_owned()),
            language: self.template.language.clone(),
            user: self.user.clone(),
            expires_at,
        })
    }

    /// The invitation as an external worker needs it. `None` once the claim has a report.
    pub(super) fn invitation(&mut self, link: String, expires_at: Time) -> Option<OpenInvitation> {
        Some(OpenInvitation {
            claim: self.claim.take()?,
            phone: self.masked_phone.clone(),
            language: self.template.language.clone(),
            link: Personal(link),
            expires_at,
        })
    }

    /// Whether the mail shows a link that the secret has made.
    pub(super) fn shows_link(&self) -> bool {
        mail_kinds::of(self.kind).facts().link != Link::None
    }

    /// The address of the link; only the base address if the mail has no link target.
    pub(super) fn link(&self, company: &CompanyId, tokens: &Tokens) -> String {
        let target = self.topic.link.filter(|_| self.shows_link());
        let token = target.map(|target| match target {
            LinkTarget::Invitation(id, generation) => tokens.token(company, id, generation),
            LinkTarget::Import(import, generation) => {
                tokens.import_token(company, import, generation)
            }
        });
        link_address(&self.link_base_url, &token.unwrap_or_default())
    }
}
