//! The pages behind mailed links: for the invited person, for the administrator of an import, and the simulated phone.

mod import;
mod invitation;
pub(crate) mod mailbox;
pub(crate) mod phone;
mod qr_code;
mod render;
mod texts;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use boarding_commands::mail_kinds::LinkTarget;
use boarding_commands::values::Code;
use boarding_core::engine::MailedLink;
use boarding_core::queries::QueryFailure;
use boarding_core::serving::TOO_MANY;
use boarding_core::serving::admission::Place;

use crate::html::{self, form};
use crate::limits::PAGE_FORM_BYTES_MAX;
use crate::state::HttpState;

/// `GET /i/<token>`: the page of a link. It uses nothing up; the first time that it is opened is recorded.
pub(crate) async fn get(
    State(state): State<Arc<HttpState>>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let texts = texts::accepted(&headers);
    let of_task = Arc::clone(&state);
    let shown = state.finish(async move {
        let state = &*of_task;
        let Some(link) = find(state, &token).await? else {
            return Ok(render::unknown(state, texts));
        };
        let _place = place(state, &link)?;
        match link.target {
            LinkTarget::Invitation(..) => {
                let is_click = method == Method::GET;
                invitation::show(state, &link, &token, texts, is_click).await
            }
            LinkTarget::Import(import, generation) => {
                import::show(state, &link, (import, generation), &token, None).await
            }
        }
    });
    let shown = shown.await.flatten();
    shown.unwrap_or_else(|failure| render::failed(&state, texts, &failure))
}

/// `GET /link/<token>`: the address of links in older mails.
pub(crate) async fn moved(
    State(state): State<Arc<HttpState>>,
    Path(token): Path<String>,
) -> Response {
    match token.bytes().all(is_token_byte) {
        true => html::redirect(
            StatusCode::PERMANENT_REDIRECT,
            &format!("{}/i/{token}", state.pages.root),
        ),
        false => render::unknown(&state, texts::accepted(&HeaderMap::new())),
    }
}

/// `GET /i/<token>/state`: whether the link is still open, for the page that waits for its use.
pub(crate) async fn link_state(
    State(state): State<Arc<HttpState>>,
    Path(token): Path<String>,
) -> Response {
    let read = async {
        let link = find(&state, &token).await?;
        let Some((link, LinkTarget::Invitation(id, generation))) =
            link.map(|link| (link.clone(), link.target))
        else {
            return Ok("unknown");
        };
        let _place = place(&state, &link)?;
        let page = state.engine.link_page(&link.company, id, generation).await?;
        Ok::<_, QueryFailure>(match page {
            Ok(_) => "open",
            Err(Code::InvitationAlreadyUsed) => "used",
            Err(_) => "ended",
        })
    };
    match read.await {
        Ok(word) => {
            let text = format!("{{\"state\":\"{word}\"}}");
            crate::response::text(StatusCode::OK, "application/json", text)
        }
        Err(failure) => render::failed(&state, texts::accepted(&HeaderMap::new()), &failure),
    }
}

/// `GET /i/<token>/code`: the part of the page with a new activation code.
pub(crate) async fn code(
    State(state): State<Arc<HttpState>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let texts = texts::accepted(&headers);
    let read = async {
        match find(&state, &token).await? {
            Some(link) => {
                let _place = place(&state, &link)?;
                invitation::code(&state, &link, texts).await
            }
            None => Ok(render::unknown(&state, texts)),
        }
    };
    read.await.unwrap_or_else(|failure| render::failed(&state, texts, &failure))
}

/// `POST /i/<token>/number`: the person chooses a number.
pub(crate) async fn number(
    State(state): State<Arc<HttpState>>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let texts = texts::accepted(request.headers());
    let fields = form::read(request, PAGE_FORM_BYTES_MAX).await;
    let of_task = Arc::clone(&state);
    let done = state.finish(async move {
        let state = &*of_task;
        let fields = fields?;
        let Some(link) = find(state, &token).await? else {
            return Ok(render::unknown(state, texts));
        };
        let _place = place(state, &link)?;
        invitation::choose_number(state, &link, &token, texts, &fields).await
    });
    let done = done.await.flatten();
    done.unwrap_or_else(|failure| render::failed(&state, texts, &failure))
}

/// `POST /i/<token>/invite`: the administrator starts the run for the people of the import.
pub(crate) async fn invite(
    State(state): State<Arc<HttpState>>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let texts = texts::accepted(request.headers());
    let fields = form::read(request, PAGE_FORM_BYTES_MAX).await;
    let of_task = Arc::clone(&state);
    let done = state.finish(async move {
        let state = &*of_task;
        let fields = fields?;
        let Some(link) = find(state, &token).await? else {
            return Ok(render::unknown(state, texts));
        };
        let LinkTarget::Import(import, generation) = link.target else {
            return Ok(render::unknown(state, texts));
        };
        let _place = place(state, &link)?;
        import::invite(state, &link, (import, generation), &token, &fields).await
    });
    let done = done.await.flatten();
    done.unwrap_or_else(|failure| render::failed(&state, texts, &failure))
}

/// The link of a token. None if no company has made it, and for an activation code, which is no link.
async fn find(state: &HttpState, token: &str) -> Result<Option<MailedLink>, QueryFailure> {
    state.may_answer()?;
    let found = state.engine.find_link(token).await?;
    Ok(found.filter(|link| link.code_expires_at.is_none()))
}

/// A place for a page of the link's company.
fn place(state: &HttpState, link: &MailedLink) -> Result<Place, QueryFailure> {
    let busy = || QueryFailure::Failed { code: Code::Overloaded, why: TOO_MANY.to_owned() };
    state.admission.queries.acquire(link.company.as_str(), 0).ok_or_else(busy)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
