//! The pages of mailed links: finding the company of a link, and what its page shows.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boarding_commands::company::{Company, ImportInvites, LinkPage};
use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::event::Channel;
use boarding_commands::mail_kinds::LinkTarget;
use boarding_commands::values::{Code, CompanyId, ImportId, InvitationId, Time};
use serde_json::Value;

use super::Engine;
use crate::context::EngineContext;
use crate::delivery::token::{ACTIVATION_CODE_CHARS, IMPORT_TOKEN_CHARS, TOKEN_CHARS, Tokens};
use crate::limits::{
    ACTIVATION_CODE_SECONDS, ACTIVATION_GRACE_SECONDS, LINK_SEARCH_MILLIS_MAX, LISTED_PEOPLE_MAX,
    OFFERED_NUMBERS_MAX, UNKNOWN_LINK_PAUSE_MILLIS,
};
use crate::queries::QueryFailure;

/// A genuine link of a mail, or the activation code of one.
#[derive(Debug, Clone)]
pub struct MailedLink {
    pub company: CompanyId,
    pub target: LinkTarget,
    /// When the activation code expires; none for a link.
    pub code_expires_at: Option<Time>,
}

/// What the page of an administrator's link shows: the people that the link invites.
#[derive(Debug, Clone)]
pub struct ImportLinkPage {
    pub import: ImportId,
    pub file_name: String,
    pub company_name: String,
    /// The language of the mail with the link, a BCP 47 tag.
    pub language: String,
    /// The address of the administrator, who acts through the link.
    pub administrator: Option<String>,
    /// The channels that are enabled.
    pub channels: Vec<Channel>,
    pub invites: ImportInvites,
    /// The first people without a working invitation: key, full name, and why if it is known. At most 200.
    pub left: Vec<(String, String, Option<Code>)>,
    /// Why the link does not work; none if it does.
    pub ended: Option<Code>,
}

impl Engine {
    /// The company and the target of a link's token, or of an activation code. None if no company has made it.
    ///
    /// # Errors
    /// `overloaded` while too many unknown tokens are tried.
    pub async fn find_link(&self, token: &str) -> Result<Option<MailedLink>, QueryFailure> {
        if ![TOKEN_CHARS, IMPORT_TOKEN_CHARS, ACTIVATION_CODE_CHARS].contains(&token.len()) {
            return Ok(None);
        }
        let Some(id) = id_in(token) else { return Ok(None) };
        let context = &self.context;
        // Callers choose the ids of imports, so two companies may have one id. The remembered one is only tried first.
        if let Some(company) = context.known_links.get(id)
            && let Some(link) = of_company(&context.tokens, company, token)
        {
            return Ok(Some(link));
        }
        let overloaded = || {
            let why = "too many unknown links are looked up".to_owned();
            QueryFailure::Failed { code: Code::Overloaded, why }
        };
        let wait = Duration::from_millis(LINK_SEARCH_MILLIS_MAX);
        let place = tokio::time::timeout(wait, context.known_links.searches.acquire()).await;
        let Ok(Ok(place)) = place else { return Err(overloaded()) };
        let (searched, wanted) = (Arc::clone(context), token.to_owned());
        let searching = tokio::task::spawn_blocking(move || search(&searched, &wanted));
        let found = searching.await.ok().flatten();
        // Genuine links do not wait for the pause of others.
        drop(place);
        match &found {
            Some(link) => context.known_links.remember(id, link.company.clone()),
            None => {
                let pausing = context.known_links.pauses.try_acquire();
                let _pausing = pausing.map_err(|_| overloaded())?;
                tokio::time::sleep(Duration::from_millis(UNKNOWN_LINK_PAUSE_MILLIS)).await;
            }
        }
        Ok(found)
    }

    /// What the page of an invitation's link shows.
    ///
    /// # Errors
    /// The `invitation.*` code that says why the link does not work; `unavailable`.
    pub async fn link_page(
        &self,
        company: &CompanyId,
        invitation: InvitationId,
        generation: u32,
    ) -> Result<Result<LinkPage, Code>, QueryFailure> {
        let now = self.context.clock.now();
        let page = move |company: &Company| {
            company.link_page(invitation, generation, now, OFFERED_NUMBERS_MAX)
        };
        self.actor(company).await.inspect(page).await.ok_or_else(stopping)
    }

    /// What the page of an administrator's link shows. None for an import that has no link.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn import_link_page(
        &self,
        company: &CompanyId,
        import: ImportId,
        generation: u32,
    ) -> Result<Option<ImportLinkPage>, QueryFailure> {
        let now = self.context.clock.now();
        let page = move |company: &Company| import_page(company, import, generation, now);
        self.actor(company).await.inspect(page).await.ok_or_else(stopping)
    }

    /// A new activation code for a link. It is shown for a minute, and works a little longer.
    pub fn activation_code(
        &self,
        company: &CompanyId,
        invitation: InvitationId,
        generation: u32,
    ) -> String {
        let seconds = ACTIVATION_CODE_SECONDS + ACTIVATION_GRACE_SECONDS;
        let end = self.context.clock.now().plus_seconds(seconds);
        self.context.tokens.activation_code(company, invitation, generation, end)
    }

    /// Executes a command for the person who opened a link. The history names the link beside the actor.
    pub async fn execute_for_link(
        &self,
        link: &MailedLink,
        actor: String,
        name: &str,
        body: Value,
    ) -> Answer {
        let authenticated = match link.target {
            LinkTarget::Invitation(invitation, _) => format!("link:{invitation}"),
            LinkTarget::Import(import, _) => format!("link:{import}"),
        };
        let mut envelope = Envelope::of(self.context.clock.id(), body);
        (envelope.actor, envelope.authenticated) = (Some(actor), Some(authenticated));
        self.submit(&link.company, name, envelope, Authority::All).await
    }
}

fn stopping() -> QueryFailure {
    QueryFailure::Failed { code: Code::Unavailable, why: "the engine is stopping".to_owned() }
}

/// The id that a token begins with.
fn id_in(token: &str) -> Option<u128> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    Some(u128::from_be_bytes(*bytes.first_chunk()?))
}

fn search(context: &EngineContext, token: &str) -> Option<MailedLink> {
    let companies = context.log.companies().into_iter();
    companies.into_iter().find_map(|company| of_company(&context.tokens, company, token))
}

fn of_company(tokens: &Tokens, company: CompanyId, token: &str) -> Option<MailedLink> {
    let (target, code_expires_at) = if let Some((id, generation)) = tokens.read(&company, token) {
        (LinkTarget::Invitation(id, generation), None)
    } else if let Some((import, generation)) = tokens.read_import(&company, token) {
        (LinkTarget::Import(import, generation), None)
    } else {
        let (id, generation, end) = tokens.read_activation_code(&company, token)?;
        (LinkTarget::Invitation(id, generation), Some(end))
    };
    Some(MailedLink { company, target, code_expires_at })
}

fn import_page(
    company: &Company,
    id: ImportId,
    generation: u32,
    now: Time,
) -> Option<ImportLinkPage> {
    let import = company.imports.get(&id)?;
    let ended = match import.link? {
        link if link.generation != generation => Some(Code::InvitationSuperseded),
        link if link.used => Some(Code::InvitationAlreadyUsed),
        link if link.expires_at <= now => Some(Code::InvitationExpired),
        _ => None,
    };
    let invites = company.import_invites(id, LISTED_PEOPLE_MAX)?;
    let person = |(user, code): &(_, Option<Code>)| {
        let user = company.users.get(*user)?;
        let person = user.person();
        let names = [person.first_name, person.last_name].into_iter().flatten();
        Some((user.key().as_str().to_owned(), names.collect::<Vec<_>>().join(" "), *code))
    };
    let left = invites.first_left.iter().filter_map(person).collect();
    let settings = &company.settings;
    let enabled = Channel::ALL.iter().copied().filter(|one| settings.channel_enabled(*one));
    Some(ImportLinkPage {
        import: id,
        file_name: import.files.first().map(|file| file.name.clone()).unwrap_or_default(),
        company_name: settings.company_name.clone().unwrap_or_default(),
        language: settings.language.clone(),
        administrator: import.link_to.as_ref().map(|email| email.0.clone()),
        channels: enabled.collect(),
        invites,
        left,
        ended,
    })
}
