//! Sends claimed mails: renders the template, calls the transport, and returns reports.

use std::collections::BTreeMap;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::event::{Event, MailKind, OutboxId};
use boarding_commands::mail_kinds;
use boarding_commands::template::{MailTemplate, PersonNames, QR_CODE_ID, Renderer};
use boarding_commands::values::{Code, Personal, Time};

use super::drafts::Draft;
use super::manager::ManagerContext;
use crate::delivery::mail::{Mail, MailId, Purpose};
use crate::delivery::{Lookup, Transport, TransportAnswer};

/// Parsed templates, cached for one batch.
#[derive(Debug, Default)]
struct Renderers(BTreeMap<(MailKind, String), (MailTemplate, Renderer)>);

/// Renders and sends the mails of the claims in these events. Returns one report per claim, in order. A report is
/// `None` if an external worker will report later.
pub(super) async fn send(manager: &ManagerContext, events: &[Event]) -> Vec<Option<MailOutcome>> {
    let claims: Vec<Event> = events.iter().filter(|event| is_claim(event)).cloned().collect();
    let drafts = drafts(manager, claims).await;
    // A mail without a link does not need the secret.
    let secret = match drafts.iter().flatten().any(Draft::shows_link) {
        true => check_secret(manager).await,
        false => Ok(()),
    };
    let (mut renderers, at) = (Renderers::default(), manager.context.clock.now());
    let (mut reports, mut mails) = (Vec::new(), Vec::new());
    for draft in drafts {
        if let (Some(draft), Err(why)) = (&draft, &secret)
            && draft.shows_link()
        {
            reports.push(Some(MailOutcome::unavailable(why.clone())));
            continue;
        }
        let rendered = match draft {
            Some(draft) => render(manager, draft, &mut renderers, at),
            None => Err((Code::TemplateInvalid, "no template was found".to_owned())),
        };
        // `None` is a placeholder until the transport has returned its outcome.
        reports.push(match rendered {
            Ok(mail) => {
                mails.push(mail);
                None
            }
            Err((code, detail)) => Some(MailOutcome::Failed { code, detail: Some(detail) }),
        });
    }
    let mut sent = send_all(&*manager.context.transport, mails).await.into_iter();
    let answered = |known: Option<MailOutcome>| {
        known.or_else(|| match sent.next() {
            Some(TransportAnswer::Outcome(outcome)) => Some(outcome),
            Some(TransportAnswer::HandedOver) => None,
            None => Some(MailOutcome::uncertain("the mail transport returned no outcome")),
        })
    };
    reports.into_iter().map(answered).collect()
}

/// Checks that the links mailed before were made with the present secret, and stores the secret on disk. A claim of an
/// earlier process may belong to another secret.
///
/// # Errors
/// Why no link can be mailed, as a text for people.
pub(super) async fn check_secret(manager: &ManagerContext) -> Result<(), String> {
    if has_other_secret(manager).await {
        return Err("the secret of the links is missing or was changed".to_owned());
    }
    let kept = manager.context.keep_secret();
    kept.map_err(|error| format!("the secret of the links cannot be written: {error}"))
}

/// Whether the links mailed before were made with a secret other than the present one.
pub(super) async fn has_other_secret(manager: &ManagerContext) -> bool {
    let known = manager.inspect(|company| company.settings.link_secret.clone()).await.flatten();
    known.is_some_and(|known| known != manager.context.tokens.fingerprint())
}

/// Why a mail of an earlier process is tried again.
pub(super) const NOT_WRITTEN: &str = "sending was interrupted before the mail was written";

/// Whether a mail may be sent again through its transport, without a new claim. `own` is the present outbox of that
/// transport. `repeats` says that the transport still recognizes a repeated mail and delivers it once.
pub(super) fn is_safe_again(
    found: Lookup,
    handed_to: Option<OutboxId>,
    own: Option<OutboxId>,
    repeats: bool,
) -> bool {
    match found {
        Lookup::Delivered => false,
        Lookup::NotDelivered => handed_to == own,
        Lookup::Unknown => repeats && handed_to.is_none(),
    }
}

/// Looks up mails of an earlier process, each mail in the outbox that received it. `purpose` selects the transport. The
/// answers are in the order of the mails.
pub(super) async fn look_up(
    manager: &ManagerContext,
    purpose: Purpose,
    mails: Vec<(Option<OutboxId>, MailId)>,
) -> Vec<Lookup> {
    let mut found = vec![Lookup::Unknown; mails.len()];
    let mut groups = BTreeMap::<_, (Vec<usize>, Vec<MailId>)>::new();
    for (index, (outbox, mail)) in mails.into_iter().enumerate() {
        let (indexes, mails) = groups.entry((outbox, mail.is_text)).or_default();
        indexes.push(index);
        mails.push(mail);
    }
    for ((outbox, is_text), (indexes, mails)) in groups {
        let answers = manager.context.look_up(outbox, purpose, is_text, mails).await;
        for (index, answer) in indexes.into_iter().zip(answers) {
            if let Some(found) = found.get_mut(index) {
                *found = answer;
            }
        }
    }
    found
}

/// Whether the event is the claim of a mail.
pub(super) fn is_claim(event: &Event) -> bool {
    matches!(event, Event::InviteDispatched { .. } | Event::NotificationDispatched { .. })
}

/// Whether the event claims a text message to a device.
pub(super) fn is_text(event: &Event) -> bool {
    matches!(
        event,
        Event::InviteDispatched { device: Some(_), .. }
            | Event::NotificationDispatched { device: Some(_), .. }
    )
}

/// Sends mails through the transport, and text messages through its transport of texts. The answers are in the order of
/// `mails`.
async fn send_all(transport: &dyn Transport, mails: Vec<Mail>) -> Vec<TransportAnswer> {
    let is_text: Vec<bool> = mails.iter().map(|mail| mail.text_message.is_some()).collect();
    let (texts, mails): (Vec<_>, Vec<_>) =
        mails.into_iter().partition(|mail| mail.text_message.is_some());
    let send_texts = async {
        match transport.texts() {
            _ if texts.is_empty() => Vec::new(),
            Some(transport) => transport.send_batch(texts).await,
            None => {
                let outcome = MailOutcome::failed(Code::DeliveryNoTextGateway);
                vec![TransportAnswer::Outcome(outcome); texts.len()]
            }
        }
    };
    let (mails, texts) = tokio::join!(transport.send_batch(mails), send_texts);
    let (mut mails, mut texts) = (mails.into_iter(), texts.into_iter());
    let answer = |is_text| if is_text { texts.next() } else { mails.next() };
    let lost = || MailOutcome::uncertain("the mail transport returned no outcome").into();
    is_text.into_iter().map(answer).map(|answer| answer.unwrap_or_else(lost)).collect()
}

/// Reads the content of the mails from the company, in the order of the claims.
async fn drafts(manager: &ManagerContext, claims: Vec<Event>) -> Vec<Option<Draft>> {
    let count = claims.len();
    let own_page = manager.context.own_link_page().map(str::to_owned);
    let drafts = manager.inspect(move |company| {
        let draft = |claim| Draft::of(company, claim, own_page.as_deref());
        claims.iter().map(draft).collect::<Vec<_>>()
    });
    drafts.await.unwrap_or_else(|| (0..count).map(|_| None).collect())
}

/// Renders one mail.
///
/// # Errors
/// A code and a text, when the template of the company cannot be rendered.
fn render(
    manager: &ManagerContext,
    mut draft: Draft,
    renderers: &mut Renderers,
    at: Time,
) -> Result<Mail, (Code, String)> {
    let link_url = draft.link(&manager.company, &manager.context.tokens);
    let renderer = renderers.of(&draft).map_err(|error| (Code::TemplateInvalid, error))?;
    let values = draft.values(&link_url, at);
    let content =
        renderer.render(&values).map_err(|error| (Code::TemplateInvalid, error.to_string()))?;
    let expires_at = values.expires_at;
    let to_name = PersonNames::of(&draft.first_name, &draft.last_name).full;
    Ok(Mail {
        company: manager.company.clone(),
        purpose: draft.purpose,
        coded_link: content
            .html
            .contains(&format!("\"cid:{QR_CODE_ID}\""))
            .then(|| Personal(link_url.clone())),
        text_message: draft.text_message(&link_url, expires_at),
        invitation: draft.invitation(link_url, expires_at),
        message_id: draft.message_id,
        from: draft.from,
        to: draft.to,
        to_name,
        date: at,
        content,
    })
}

impl Renderers {
    /// Returns the cached renderer of the draft's template. Creates one if the template is new or has changed.
    fn of(&mut self, draft: &Draft) -> Result<&Renderer, String> {
        let key = (draft.kind, draft.template.language.clone());
        let known = self.0.get(&key).is_some_and(|(template, _)| *template == draft.template);
        if !known {
            let renderer = Renderer::new(mail_kinds::of(draft.kind).facts(), &draft.template)
                .map_err(|error| error.to_string())?;
            self.0.insert(key.clone(), (draft.template.clone(), renderer));
        }
        self.0.get(&key).map(|(_, renderer)| renderer).ok_or_else(|| "no template".to_owned())
    }
}
