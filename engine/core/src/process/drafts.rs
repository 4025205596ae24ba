//! The content of a claimed mail, read from the company.

use boarding_commands::company::{Company, InvitationClaim, Notice, Run};
use boarding_commands::event::{Channel, Counts, Event, TemplateKind, Topic};
use boarding_commands::settings::link_address;
use boarding_commands::template::{
    ExpiredValues, ImportValues, MailTemplate, MailValues, NumberValues, RunValues, TopicValues,
};
use boarding_commands::values::{CompanyId, ImportId, InvitationId, Personal, Time, UserKey};

use crate::delivery::mail::{OpenInvitation, Purpose};
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
    link_target: Option<LinkTarget>,
    company_name: String,
    pub from: String,
    link_base_url: String,
    expires_hours: u64,
    pub message_id: String,
    pub to: String,
    pub purpose: Purpose,
    pub kind: TemplateKind,
    claim: Option<InvitationClaim>,
    topic: MailTopic,
}

/// The target of a link.
#[derive(Debug, Clone, Copy)]
enum LinkTarget {
    Invitation(InvitationId, u32),
    Import(ImportId),
}

/// What a mail is about, with the values from the company.
#[derive(Debug)]
enum MailTopic {
    Nothing,
    Import {
        import: ImportId,
        file_name: String,
        counts: Counts,
        /// When the link to invite the people of the import expires; none without a link.
        expires_at: Option<Time>,
    },
    Run(RunValues),
    Numbers {
        org_unit: String,
        /// All values except the name of the organization, which must be owned: it is in `org_unit`.
        values: NumberValues<'static>,
    },
    /// An invitation of the recipient, with the time of its expiry.
    Invitation(Time),
    Expired {
        since: Time,
        until: Time,
        whatsapp: u64,
        imessage: u64,
        people: Vec<String>,
    },
}

impl MailTopic {
    fn of(company: &Company, about: &Topic) -> Option<Self> {
        match about {
            Topic::Import(id) => {
                let import = company.imports.get(id)?;
                let file = import.files.first();
                Some(Self::Import {
                    import: *id,
                    file_name: file.map(|file| file.name.clone()).unwrap_or_default(),
                    counts: import.counts,
                    expires_at: import.link.map(|link| link.expires_at),
                })
            }
            Topic::Run(id) => {
                let Run { total, passed, skipped, failed, .. } = *company.runs.get(id)?;
                Some(Self::Run(RunValues { run: *id, total, passed, skipped, failed }))
            }
            Topic::Numbers { org_unit, total, used, available, needed } => {
                let (total, used, available, needed) = (*total, *used, *available, *needed);
                let threshold = company.settings.number_threshold_percent;
                let values =
                    NumberValues { org_unit: "", total, used, available, needed, threshold };
                Some(Self::Numbers { org_unit: org_unit.clone().unwrap_or_default(), values })
            }
            Topic::Invitation { channel, invitation, .. } => {
                let (user, _) = company.invitations.get(invitation)?;
                let newest = company.users.get(*user)?.link(*channel).invitation?;
                newest.expires_at.map(Self::Invitation)
            }
            Topic::Expired { since, until, whatsapp, imessage, people } => Some(Self::Expired {
                since: *since,
                until: *until,
                whatsapp: *whatsapp,
                imessage: *imessage,
                people: people.iter().map(|user| user.as_str().to_owned()).collect(),
            }),
        }
    }

    fn values(&self) -> TopicValues<'_> {
        match self {
            Self::Nothing | Self::Invitation(_) => TopicValues::Nothing,
            Self::Import { import, file_name, counts, .. } => {
                TopicValues::Import(ImportValues { import: *import, file_name, counts: *counts })
            }
            Self::Run(run) => TopicValues::Run(*run),
            Self::Numbers { org_unit, values } => {
                TopicValues::Numbers(NumberValues { org_unit, ..*values })
            }
            Self::Expired { since, until, whatsapp, imessage, people } => {
                let (since, until, whatsapp, imessage) = (*since, *until, *whatsapp, *imessage);
                TopicValues::Expired(ExpiredValues { since, until, whatsapp, imessage, people })
            }
        }
    }

    /// When the link of the mail expires. None if that depends on the time of sending.
    fn expires_at(&self) -> Option<Time> {
        match self {
            Self::Import { expires_at, .. } => *expires_at,
            Self::Invitation(expires_at) => Some(*expires_at),
            Self::Nothing | Self::Run(_) | Self::Numbers { .. } | Self::Expired { .. } => None,
        }
    }
}

/// The parts of a mail that depend on its kind.
struct DraftContent {
    kind: TemplateKind,
    purpose: Purpose,
    channel: Channel,
    link_target: Option<LinkTarget>,
    topic: MailTopic,
}

impl Draft {
    /// The content of the mail that this event claims. None for another event, and if the company has lost the
    /// user, the topic or the template since.
    pub(super) fn of(company: &Company, event: &Event) -> Option<Self> {
        let (user, to, message_id, wording) = match event {
            Event::InviteDispatched { user, email, message_id, template, .. } => {
                (user, email, message_id, template.as_ref())
            }
            Event::NotificationDispatched { user, email, message_id, .. } => {
                (user, email, message_id, None)
            }
            _ => return None,
        };
        let content = DraftContent::of(company, event)?;
        let known = company.users.find(user.as_str());
        // A notice may go to an administrator who is no user of the company.
        if known.is_none() && content.purpose != Purpose::Notice {
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
        Some(Self {
            masked_phone: known
                .and_then(|(id, _)| company.corporate_phone(id).or_else(|| company.numbers.of(id)))
                .map(|phone| phone.masked())
                .unwrap_or_default(),
            template: claimed.or_else(in_force)?,
            user: known.map_or_else(|| user.0.clone(), |(_, user)| user.key()),
            first_name: person.first_name.unwrap_or_default(),
            last_name: person.last_name.unwrap_or_default(),
            channel: content.channel,
            link_target: content.link_target,
            company_name: settings.company_name.clone().unwrap_or_default(),
            from: settings.mail_from.clone(),
            link_base_url: settings.link_base_url.clone(),
            expires_hours: settings.invitation_ttl_seconds(content.channel) / 3600,
            message_id: message_id.clone(),
            to: to.0.clone(),
            purpose: content.purpose,
            kind: content.kind,
            claim: company.open_claim(event),
            topic: content.topic,
        })
    }
}

impl DraftContent {
    fn of(company: &Company, event: &Event) -> Option<Self> {
        match event {
            Event::InviteDispatched { run, invitation, generation, .. } => Some(Self {
                kind: TemplateKind::ChannelInvitation,
                purpose: Purpose::Run(*run),
                channel: company.runs.get(run)?.channel,
                link_target: Some(LinkTarget::Invitation(*invitation, *generation)),
                topic: MailTopic::Nothing,
            }),
            Event::NotificationDispatched { key, .. } => {
                match company.notifications.get(key)?.notice.as_deref() {
                    Some(notice) => Self::of_notice(company, notice),
                    None => Some(Self {
                        kind: TemplateKind::Welcome,
                        purpose: Purpose::Welcome,
                        channel: Channel::Whatsapp,
                        link_target: None,
                        topic: MailTopic::Nothing,
                    }),
                }
            }
            _ => None,
        }
    }

    fn of_notice(company: &Company, notice: &Notice) -> Option<Self> {
        let link_target = match (notice.kind, &notice.about) {
            (TemplateKind::ImportCompleted, Topic::Import(import)) => {
                Some(LinkTarget::Import(*import))
            }
            (_, Topic::Invitation { invitation, generation, .. }) => {
                Some(LinkTarget::Invitation(*invitation, *generation))
            }
            _ => None,
        };
        let channel = match &notice.about {
            Topic::Invitation { channel, .. } => Some(*channel),
            Topic::Run(run) => company.runs.get(run).map(|run| run.channel),
            Topic::Import(_) | Topic::Numbers { .. } | Topic::Expired { .. } => None,
        };
        Some(Self {
            kind: notice.kind,
            purpose: Purpose::Notice,
            channel: channel.unwrap_or(Channel::Whatsapp),
            link_target,
            topic: MailTopic::of(company, &notice.about)?,
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
            expires_at: self.topic.expires_at().unwrap_or(expires_after_sending),
            about: self.topic.values(),
        }
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

    /// The address of the link; only the base address if the mail has no link target.
    pub(super) fn link(&self, company: &CompanyId, tokens: &Tokens) -> String {
        let token = self.link_target.map(|target| match target {
            LinkTarget::Invitation(id, generation) => tokens.token(company, id, generation),
            LinkTarget::Import(import) => tokens.import_token(company, import),
        });
        link_address(&self.link_base_url, &token.unwrap_or_default())
    }
}
