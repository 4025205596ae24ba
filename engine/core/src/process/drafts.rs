//! The content of a mail, read from the company when it is claimed.

use boarding_commands::company::{Company, InvitationClaim, Notice, Run};
use boarding_commands::event::{Channel, Counts, Event, TemplateKind, Topic};
use boarding_commands::template::{
    ExpiredValues, ImportValues, MailTemplate, MailValues, NumberValues, RunValues, TopicValues,
};
use boarding_commands::values::{CompanyId, ImportId, InvitationId, Personal, Time, UserKey};

use crate::delivery::mail::{OpenInvitation, Purpose};
use crate::delivery::token::Tokens;

/// The values and the wording of a mail.
#[derive(Debug)]
pub(super) struct Draft {
    user: UserKey,
    pub first_name: String,
    pub last_name: String,
    masked_phone: String,
    pub template: MailTemplate,
    /// The channel of an invitation; WhatsApp for other mails.
    channel: Channel,
    token: Option<LinkTarget>,
    company_name: String,
    pub from: String,
    link_base_url: String,
    expires_hours: u64,
    pub message_id: String,
    pub to: String,
    pub purpose: Purpose,
    pub kind: TemplateKind,
    claim: Option<InvitationClaim>,
    subject: MailSubject,
}

/// The target of a link.
#[derive(Debug, Clone, Copy)]
enum LinkTarget {
    Invitation(InvitationId, u32),
    Import(ImportId),
}

/// The subject of a mail, with values from the company.
#[derive(Debug)]
enum MailSubject {
    Nothing,
    Import {
        import: ImportId,
        file_name: String,
        counts: Counts,
        /// When the link to it expires, if there is one.
        expires_at: Option<Time>,
    },
    Run(RunValues),
    Numbers {
        org_unit: String,
        /// All values except the name, which is in `org_unit`.
        values: NumberValues<'static>,
    },
    /// An invitation of the person, with its expiry.
    Invitation(Time),
    Expired {
        since: Time,
        until: Time,
        whatsapp: u64,
        imessage: u64,
        people: Vec<String>,
    },
}

impl MailSubject {
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

    /// When the link of the mail expires, if that is fixed.
    fn expires_at(&self) -> Option<Time> {
        match self {
            Self::Import { expires_at, .. } => *expires_at,
            Self::Invitation(expires_at) => Some(*expires_at),
            Self::Nothing | Self::Run(_) | Self::Numbers { .. } | Self::Expired { .. } => None,
        }
    }
}

/// The content of a claimed mail that depends on the company.
struct DraftContent {
    kind: TemplateKind,
    purpose: Purpose,
    channel: Channel,
    token: Option<LinkTarget>,
    subject: MailSubject,
}

impl Draft {
    /// Reads the content of the mail that this event claims. `None` for any other event, and if the company has no
    /// record of the mail any more.
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
        // An administrator who gets a notice need not be a user of the company.
        if known.is_none() && content.purpose != Purpose::Notice {
            return None;
        }
        let person = known.map(|(_, user)| user.person()).unwrap_or_default();
        let language = person.attributes.get("language").map(String::as_str);
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
            token: content.token,
            company_name: settings.company_name.clone().unwrap_or_default(),
            from: settings.mail_from.clone(),
            link_base_url: settings.link_base_url.clone(),
            expires_hours: settings.invitation_ttl_seconds(content.channel) / 3600,
            message_id: message_id.clone(),
            to: to.0.clone(),
            purpose: content.purpose,
            kind: content.kind,
            claim: company.open_claim(event),
            subject: content.subject,
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
                token: Some(LinkTarget::Invitation(*invitation, *generation)),
                subject: MailSubject::Nothing,
            }),
            Event::NotificationDispatched { key, .. } => {
                match company.notifications.get(key)?.notice.as_deref() {
                    Some(notice) => Self::of_notice(company, notice),
                    None => Some(Self {
                        kind: TemplateKind::Welcome,
                        purpose: Purpose::Welcome,
                        channel: Channel::Whatsapp,
                        token: None,
                        subject: MailSubject::Nothing,
                    }),
                }
            }
            _ => None,
        }
    }

    fn of_notice(company: &Company, notice: &Notice) -> Option<Self> {
        let token = match (notice.kind, &notice.about) {
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
            token,
            subject: MailSubject::of(company, &notice.about)?,
        })
    }
}

impl Draft {
    /// The template values of the mail with this link, if it is sent at this time.
    pub(super) fn values<'a>(&'a self, link_url: &'a str, at: Time) -> MailValues<'a> {
        let lives = at.plus_seconds(self.expires_hours * 3600);
        MailValues {
            first_name: &self.first_name,
            last_name: &self.last_name,
            username: self.user.as_str(),
            company_name: &self.company_name,
            channel: self.channel,
            masked_phone: &self.masked_phone,
            link_url,
            expires_hours: self.expires_hours,
            expires_at: self.subject.expires_at().unwrap_or(lives),
            about: self.subject.values(),
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

    pub(super) fn link(&self, company: &CompanyId, tokens: &Tokens) -> String {
        let token = self.token.map(|token| match token {
            LinkTarget::Invitation(id, generation) => tokens.token(company, id, generation),
            LinkTarget::Import(import) => tokens.import_token(company, import),
        });
        format!("{}{}", self.link_base_url, token.unwrap_or_default())
    }
}
