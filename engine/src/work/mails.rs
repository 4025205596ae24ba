//! From a claim to a mail: the company's wording, the person's name, the link.

use std::collections::HashMap;

use boarding_commands::code::Code;
use boarding_commands::company::{Company, Import, UserId};
use boarding_commands::decide::recipients::Report;
use boarding_commands::event::{Channel, Counts, Event, TemplateKind};
use boarding_commands::evolve::import_of_key;
use boarding_commands::id::{CompanyId, ImportId, UserKey};
use boarding_commands::personal::Personal;
use boarding_commands::template::{self, ImportValues, Renderer, Template, Values};
use boarding_commands::time::Time;

use super::Desk;
use crate::channel::Sent;
use crate::mail::{Claim as MailClaim, Mail, Purpose};

/// What a mail needs of the company, taken at the moment of the claim.
#[derive(Debug)]
struct Draft {
    user: UserKey,
    first_name: String,
    last_name: String,
    masked_phone: String,
    template: Template,
    /// The channel, for an invitation; what a welcome mail shows is the first one enabled.
    channel: Channel,
    token: Option<(boarding_commands::id::InvitationId, u32)>,
    company_name: String,
    from: String,
    link_base_url: String,
    expires_hours: u64,
    message_id: String,
    to: String,
    purpose: Purpose,
    kind: TemplateKind,
    open: Option<Open>,
    import: Option<About>,
}

/// The import that a mail is about.
#[derive(Debug)]
struct About {
    id: ImportId,
    file_name: String,
    counts: Counts,
    /// When the link ends.
    expires_at: Time,
}

impl About {
    fn of(id: ImportId, import: &Import) -> Self {
        Self {
            id,
            file_name: import.files.first().map(|file| file.name.clone()).unwrap_or_default(),
            counts: import.counts,
            expires_at: import.link.map_or(Time(0), |link| link.expires_at),
        }
    }
}

/// The claim of a recipient that has no report yet, as the company knows it.
#[derive(Debug, Clone, Copy)]
struct Open {
    attempt: u32,
    fence: u64,
    deadline: Time,
}

impl Open {
    fn of(company: &Company, purpose: Purpose, user: UserId) -> Option<Self> {
        let Purpose::Run(id) = purpose else { return None };
        let holder = company.lock.holder().filter(|holder| holder.run == id)?;
        let run = company.runs.get(&id)?;
        let (place, recipient) = run.recipient(user)?;
        let deadline = company.settings.recipient_deadline_seconds;
        let since = run.in_flight.get(&place)?;
        let (attempt, fence) = (recipient.attempt, holder.fence);
        Some(Self { attempt, fence, deadline: since.plus_seconds(deadline) })
    }
}

/// A claim's user, where its mail goes, and what it is for.
#[derive(Clone)]
struct Claim {
    pub user: UserKey,
    pub to: String,
    pub message_id: String,
    pub purpose: Purpose,
    pub kind: TemplateKind,
    pub channel: Channel,
    pub token: Option<(boarding_commands::id::InvitationId, u32)>,
    /// The import that the mail is about.
    pub import: Option<ImportId>,
}

impl Claim {
    /// The claim that an event tells of, if it does.
    fn of(event: &Event, channel: Channel) -> Option<Self> {
        match event {
            Event::InviteDispatched {
                run,
                user,
                invitation,
                generation,
                email,
                message_id,
                ..
            } => Some(Self {
                user: user.0.clone(),
                to: email.0.clone(),
                message_id: message_id.clone(),
                purpose: Purpose::Run(*run),
                kind: TemplateKind::ChannelInvitation,
                channel,
                token: Some((*invitation, *generation)),
                import: None,
            }),
            Event::NotificationDispatched { key, user, email, message_id } => {
                let import = import_of_key(key);
                let (purpose, kind) = match import {
                    Some(_) => (Purpose::Notice, TemplateKind::ImportCompleted),
                    None => (Purpose::Welcome, TemplateKind::Welcome),
                };
                Some(Self {
                    user: user.0.clone(),
                    to: email.0.clone(),
                    message_id: message_id.clone(),
                    purpose,
                    kind,
                    channel,
                    token: None,
                    import,
                })
            }
            _ => None,
        }
    }

    fn draft(self, company: &Company) -> Option<Draft> {
        let known = company.users.find(self.user.as_str());
        // An administrator need not be one of the company's people.
        if known.is_none() && self.import.is_none() {
            return None;
        }
        let person = known.map(|(_, user)| user.person()).unwrap_or_default();
        let import = self.import.and_then(|id| Some((id, company.imports.get(&id)?)));
        let language = person.attributes.get("language").map(String::as_str);
        let own = |kind: TemplateKind, language: &str| {
            let own = company.templates.get(&(kind, language.to_owned()))?;
            Some(Template {
                language: language.to_owned(),
                subject: own.subject.clone(),
                text: own.text.clone(),
                html: own.html.clone(),
            })
        };
        let settings = &company.settings;
        Some(Draft {
            masked_phone: known
                .and_then(|(id, _)| company.corporate_phone(id).or_else(|| company.numbers.of(id)))
                .map(|phone| phone.masked())
                .unwrap_or_default(),
            template: template::choose(self.kind, language, &settings.language, own)?,
            user: known.map_or_else(|| self.user.clone(), |(_, user)| user.key()),
            first_name: person.first_name.unwrap_or_default(),
            last_name: person.last_name.unwrap_or_default(),
            channel: self.channel,
            token: self.token,
            company_name: settings.company_name.clone().unwrap_or_default(),
            from: settings.mail_from.clone(),
            link_base_url: settings.link_base_url.clone(),
            expires_hours: settings.invitation_ttl_seconds(self.channel) / 3600,
            message_id: self.message_id,
            to: self.to,
            purpose: self.purpose,
            kind: self.kind,
            open: known.and_then(|(id, _)| Open::of(company, self.purpose, id)),
            import: import.map(|(id, import)| About::of(id, import)),
        })
    }
}

/// Templates that were read once for the mails of a batch.
#[derive(Debug, Default)]
struct Renderers(HashMap<(TemplateKindKey, String), (Template, Renderer)>);

type TemplateKindKey = u8;

impl Desk {
    /// Words and sends the mails of the claims among these events; what became of each, in their order,
    /// and nothing where somebody outside will tell.
    pub(super) async fn send(&self, events: &[Event], channel: Channel) -> Vec<Option<Report>> {
        let claims = events.iter().filter_map(|event| Claim::of(event, channel)).collect();
        let (mut renderers, at) = (Renderers::default(), self.core.clock.now());
        let (mut reports, mut mails) = (Vec::new(), Vec::new());
        for draft in self.drafts(claims).await {
            let worded = match &draft {
                Some(draft) => self.word(draft, &mut renderers, at),
                None => Err((Code::TemplateInvalid, "no template was found".to_owned())),
            };
            // A mail's place is held by nobody until the channel has answered.
            reports.push(match worded {
                Ok(mail) => {
                    mails.push(mail);
                    None
                }
                Err((code, detail)) => Some(Report::Permanent { code, detail: Some(detail) }),
            });
        }
        let mut sent = self.core.channel.send_batch(mails).await.into_iter();
        let unanswered = || Sent::Uncertain { detail: "the channel gave no answer".to_owned() };
        let answered = |known: Option<Report>| {
            known.or_else(|| report(sent.next().unwrap_or_else(unanswered)))
        };
        reports.into_iter().map(answered).collect()
    }

    /// Takes from the company what the claims' mails need; in the order of the claims.
    async fn drafts(&self, claims: Vec<Claim>) -> Vec<Option<Draft>> {
        let count = claims.len();
        let drafts = self.look(move |company| {
            claims.into_iter().map(|claim| claim.draft(company)).collect::<Vec<_>>()
        });
        drafts.await.unwrap_or_else(|| (0..count).map(|_| None).collect())
    }

    /// Words one mail.
    ///
    /// # Errors
    /// A code and a text, when the company's template cannot be filled in.
    fn word(
        &self,
        draft: &Draft,
        renderers: &mut Renderers,
        at: Time,
    ) -> Result<Mail, (Code, String)> {
        let link_url = draft.link(&self.company, self);
        let renderer = renderers.of(draft).map_err(|error| (Code::TemplateInvalid, error))?;
        let values = Values {
            first_name: &draft.first_name,
            last_name: &draft.last_name,
            username: draft.user.as_str(),
            company_name: &draft.company_name,
            channel: draft.channel,
            masked_phone: &draft.masked_phone,
            link_url: &link_url,
            expires_hours: draft.expires_hours,
            expires_at: draft
                .import
                .as_ref()
                .map_or(at.plus_seconds(draft.expires_hours * 3600), |about| about.expires_at),
            import: draft.import.as_ref().map_or_else(ImportValues::default, |about| {
                ImportValues { file_name: &about.file_name, counts: about.counts }
            }),
        };
        let content =
            renderer.render(&values).map_err(|error| (Code::TemplateInvalid, error.to_string()))?;
        let to_name =
            [draft.first_name.as_str(), draft.last_name.as_str()].join(" ").trim().to_owned();
        Ok(Mail {
            company: self.company.clone(),
            purpose: draft.purpose,
            message_id: draft.message_id.clone(),
            from: draft.from.clone(),
            to: draft.to.clone(),
            to_name,
            date: at,
            content,
            claim: draft.claim(&link_url, values.expires_at),
        })
    }
}

impl Draft {
    fn claim(&self, link: &str, expires_at: Time) -> Option<MailClaim> {
        let (Open { attempt, fence, deadline }, (invitation, generation)) =
            (self.open?, self.token?);
        Some(MailClaim {
            user: Personal(self.user.clone()),
            attempt,
            fence,
            channel: self.channel,
            invitation,
            generation,
            deadline,
            masked_phone: self.masked_phone.clone(),
            language: self.template.language.clone(),
            link: Personal(link.to_owned()),
            expires_at,
        })
    }

    fn link(&self, company: &CompanyId, desk: &Desk) -> String {
        let tokens = &desk.core.tokens;
        let token = self.token.map(|(id, generation)| tokens.token(company, id, generation));
        let about = self.import.as_ref().map(|about| tokens.import_token(company, about.id));
        let token = token.or(about);
        format!("{}{}", self.link_base_url, token.unwrap_or_default())
    }
}

impl Renderers {
    fn of(&mut self, draft: &Draft) -> Result<&Renderer, String> {
        let key = (draft.kind as TemplateKindKey, draft.template.language.clone());
        let known = self.0.get(&key).is_some_and(|(template, _)| *template == draft.template);
        if !known {
            let renderer =
                Renderer::new(draft.kind, &draft.template).map_err(|error| error.to_string())?;
            self.0.insert(key.clone(), (draft.template.clone(), renderer));
        }
        self.0.get(&key).map(|(_, renderer)| renderer).ok_or_else(|| "no template".to_owned())
    }
}

/// What a channel's word means for the recipient; nothing yet, where somebody else has the mail in hand.
fn report(sent: Sent) -> Option<Report> {
    Some(match sent {
        Sent::HandedOver => return None,
        Sent::Sent => Report::Sent { message_id: None },
        Sent::TemporaryFailure { code, detail } => Report::Temporary { code, detail: Some(detail) },
        Sent::PermanentFailure { code, detail } => Report::Permanent { code, detail: Some(detail) },
        Sent::Uncertain { detail } => {
            Report::Permanent { code: Code::DeliveryUncertain, detail: Some(detail) }
        }
    })
}
