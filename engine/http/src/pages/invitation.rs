//! The page of an invitation: what to do, the code to scan, and the choice of a number.

use axum::http::StatusCode;
use axum::response::Response;
use boarding_commands::company::LinkPage;
use boarding_commands::envelope::Answer;
use boarding_commands::mail_kinds::LinkTarget;
use boarding_commands::settings::link_address;
use boarding_commands::template::channel_name;
use boarding_commands::values::{Code, InvitationId, Refusal};
use boarding_core::engine::MailedLink;
use boarding_core::limits::ACTIVATION_CODE_SECONDS;
use boarding_core::queries::QueryFailure;
use minijinja::{Value, context};
use serde_json::json;

use super::texts;
use super::{qr_code, render};
use crate::html;
use crate::html::form::Fields;
use crate::html::texts::Texts;
use crate::state::HttpState;

/// The most bytes of an actor's name.
const ACTOR_BYTES_MAX: usize = 256;

/// The invitation of a link, if it works.
async fn open(
    state: &HttpState,
    link: &MailedLink,
) -> Result<Result<(InvitationId, u32, LinkPage), Code>, QueryFailure> {
    let LinkTarget::Invitation(id, generation) = link.target else {
        return Ok(Err(Code::InvitationNotFound));
    };
    let page = state.engine.link_page(&link.company, id, generation).await?;
    Ok(page.map(|page| (id, generation, page)))
}

/// The page of the link. `is_click` records that it was opened.
pub(super) async fn show(
    state: &HttpState,
    link: &MailedLink,
    token: &str,
    accepted: &Texts,
    is_click: bool,
) -> Result<Response, QueryFailure> {
    let (id, generation, page) = match open(state, link).await? {
        Ok(open) => open,
        Err(code) => return Ok(render::ended(state, accepted, code)),
    };
    if is_click && !page.clicked {
        record_click(state, link, &page, token).await;
    }
    let code = code_values(state, link, (id, generation), &page);
    Ok(whole(state, token, &page, code, None))
}

async fn record_click(state: &HttpState, link: &MailedLink, page: &LinkPage, token: &str) {
    let (actor, body) = (actor_of(page), json!({"token": token}));
    let answer = state.engine.execute_for_link(link, actor, "RecordClick", body).await;
    if let Answer::Refused { code, .. } | Answer::Failed { code, .. } = answer {
        // The page is shown anyway: its reader cannot do anything about it.
        tracing::warn!(code = code.as_str(), company = %link.company, "a click is not recorded");
    }
}

/// The part of the page with a new activation code.
pub(super) async fn code(
    state: &HttpState,
    link: &MailedLink,
    accepted: &Texts,
) -> Result<Response, QueryFailure> {
    let (id, generation, page) = match open(state, link).await? {
        Ok(open) => open,
        Err(code) => return Ok(render::ended(state, accepted, code)),
    };
    if page.chooses_number {
        // The number was released meanwhile. The page is loaded again and offers others.
        let texts = texts_of(&page);
        let title = texts.get("choose_title");
        return Ok(render::message(state, StatusCode::CONFLICT, texts, title, &[]));
    }
    let values = code_values(state, link, (id, generation), &page);
    Ok(render::page(state, StatusCode::OK, "code.html", texts_of(&page), values))
}

/// Assigns the number that the person has chosen, and shows the page again.
pub(super) async fn choose_number(
    state: &HttpState,
    link: &MailedLink,
    token: &str,
    accepted: &Texts,
    fields: &Fields,
) -> Result<Response, QueryFailure> {
    let (id, generation, page) = match open(state, link).await? {
        Ok(open) => open,
        Err(code) => return Ok(render::ended(state, accepted, code)),
    };
    let number = fields.get("number");
    let (actor, body) = (actor_of(&page), json!({"number": number, "token": token}));
    match state.engine.execute_for_link(link, actor, "AssignNumber", body).await {
        Answer::Accepted { .. } => {
            let address = format!("{}/i/{token}", state.pages.root);
            Ok(html::redirect(StatusCode::SEE_OTHER, &address))
        }
        Answer::Refused { code, message, .. } if !code.as_str().starts_with("number.") => {
            Err(Refusal::new(code).saying(&message).into())
        }
        Answer::Refused { .. } => {
            // The page as it is now, with the numbers that are still free.
            let page = match open(state, link).await? {
                Ok((_, _, page)) => page,
                Err(code) => return Ok(render::ended(state, accepted, code)),
            };
            let code = code_values(state, link, (id, generation), &page);
            let note = texts_of(&page).get("choose_taken");
            Ok(whole(state, token, &page, code, Some(note)))
        }
        Answer::Failed { code, message, .. } => Err(QueryFailure::Failed { code, why: message }),
    }
}

/// The actor of what the person does on the page. A key alone could be the name of an administrator.
fn actor_of(page: &LinkPage) -> String {
    let mut actor = format!("person:{}", page.user.as_str());
    // The name of an actor has fewer bytes than a long key. The history names the link too.
    let end = (0..=ACTOR_BYTES_MAX).rev().find(|end| actor.is_char_boundary(*end)).unwrap_or(0);
    actor.truncate(end.min(actor.len()));
    actor
}

fn texts_of(page: &LinkPage) -> &'static Texts {
    // The language of the mail, else English.
    texts::of_tag(&page.language).unwrap_or_else(|| texts::accepted(&Default::default()))
}

fn whole(
    state: &HttpState,
    token: &str,
    page: &LinkPage,
    code: Value,
    note: Option<&str>,
) -> Response {
    let texts = texts_of(page);
    let channel = &[("channel", channel_name(page.channel))][..];
    let kind = if page.activates { "account" } else { "link" };
    let name = page.first_name.as_str();
    let hello = match name {
        "" => texts.get("hello").to_owned(),
        name => texts.filled("hello_name", &[("name", name)]),
    };
    let numbers: Vec<String> = page.numbers.iter().map(ToString::to_string).collect();
    let values = context! {
        title => texts.filled(&format!("title_{kind}"), channel),
        hello => hello,
        intro => texts.filled(&format!("intro_{kind}"), channel),
        company => page.company_name.as_str(),
        phone => page.masked_phone.as_str(),
        expires_at => page.expires_at.map(|at| at.to_string()),
        chooses_number => page.chooses_number,
        numbers => numbers,
        note => note,
        token => token,
    };
    let status = if note.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    render::page(state, status, "link.html", texts, context! { ..values, ..code })
}

/// The values of the part with the activation code. A person who still has to choose a number gets no code.
fn code_values(
    state: &HttpState,
    link: &MailedLink,
    (id, generation): (InvitationId, u32),
    page: &LinkPage,
) -> Value {
    if page.chooses_number {
        return context! {};
    }
    let code = state.engine.activation_code(&link.company, id, generation);
    let code = code.as_str();
    let address = match &page.activation_url {
        Some(base) => Some(link_address(base, code)),
        None => state.pages.phone_address(code),
    };
    let seconds = ACTIVATION_CODE_SECONDS.to_string();
    context! {
        svg => qr_code::svg(address.as_deref().unwrap_or(code)),
        seconds => seconds.as_str(),
        code_time => texts_of(page).filled("code_time", &[("seconds", &seconds)]),
        address => address,
        code => code,
    }
}
