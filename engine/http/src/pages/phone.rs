//! The simulated phone: a page that plays the provider of a channel, for demos and tests.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use boarding_commands::envelope::Answer;
use boarding_commands::mail_kinds::LinkTarget;
use boarding_commands::values::{Code, Refusal};
use boarding_core::engine::MailedLink;
use boarding_core::queries::QueryFailure;
use minijinja::context;
use serde_json::json;

use super::texts;
use super::{place, render};
use crate::html::texts::Texts;
use crate::response;
use crate::state::HttpState;

/// `GET /phone/<code>`: what the phone shows after it has scanned the code.
pub(crate) async fn get(
    State(state): State<Arc<HttpState>>,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Response {
    let texts = texts::accepted(&headers);
    if !state.pages.simulates_provider {
        return response::refused(Refusal::new(Code::HttpUnknownPath));
    }
    let shown = async {
        let Some(link) = find(&state, &code).await? else {
            return Ok(render::unknown(&state, texts));
        };
        if let LinkTarget::Invitation(id, generation) = link.target
            && let Err(ended) = state.engine.link_page(&link.company, id, generation).await?
        {
            return Ok(render::ended(&state, texts, ended));
        }
        let values = context! { title => texts.get("phone_title"), code => code };
        Ok(render::page(&state, StatusCode::OK, "phone.html", texts, values))
    };
    shown.await.unwrap_or_else(|failure: QueryFailure| render::failed(&state, texts, &failure))
}

/// `POST /phone/<code>`: the person confirms on the phone, so the provider reports that the link is completed.
pub(crate) async fn post(
    State(state): State<Arc<HttpState>>,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Response {
    let texts = texts::accepted(&headers);
    if !state.pages.simulates_provider {
        return response::refused(Refusal::new(Code::HttpUnknownPath));
    }
    let of_task = Arc::clone(&state);
    let done = state.finish(async move {
        let state = &*of_task;
        let Some(link) = find(state, &code).await? else {
            return Ok(render::unknown(state, texts));
        };
        let _place = place(state, &link)?;
        complete(state, &link, &code, texts).await
    });
    let done = done.await.flatten();
    done.unwrap_or_else(|failure| render::failed(&state, texts, &failure))
}

async fn complete(
    state: &HttpState,
    link: &MailedLink,
    code: &str,
    texts: &Texts,
) -> Result<Response, QueryFailure> {
    let body = json!({"token": code});
    let actor = "simulated-provider".to_owned();
    let title = texts.get("phone_title");
    match state.engine.execute_for_link(link, actor, "LinkCompleted", body).await {
        Answer::Accepted { .. } => {
            let said = texts.get("phone_done");
            Ok(render::message(state, StatusCode::OK, texts, title, &[said]))
        }
        Answer::Refused { code: Code::InvitationCodeExpired, .. } => {
            let said = texts.get("code_expired");
            Ok(render::message(state, StatusCode::GONE, texts, title, &[said]))
        }
        Answer::Refused { code, .. } => Ok(render::ended(state, texts, code)),
        Answer::Failed { code, message, .. } => Err(QueryFailure::Failed { code, why: message }),
    }
}

/// The link of an activation code.
async fn find(state: &HttpState, code: &str) -> Result<Option<MailedLink>, QueryFailure> {
    state.may_answer()?;
    let found = state.engine.find_link(code).await?;
    let is_code = |link: &MailedLink| {
        link.code_expires_at.is_some() && matches!(link.target, LinkTarget::Invitation(..))
    };
    Ok(found.filter(is_code))
}
