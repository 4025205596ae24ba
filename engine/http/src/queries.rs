//! `GET /v1/<company>/<query>`: answers a query. The query string has its parameters.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, IF_NONE_MATCH};
use axum::response::Response;
use boarding_commands::values::Digest;
use boarding_core::queries::QueryAnswer;
use boarding_core::serving::wire::{Encoding, WireResponse};

use crate::caller::Caller;
use crate::calls;
use crate::parameters;
use crate::response;
use crate::state::HttpState;

pub(super) async fn get(
    State(state): State<Arc<HttpState>>,
    Path((company, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let encoding = accepted(&headers);
    let caller = match Caller::of(&state, &headers, &company).await {
        Ok(caller) => caller,
        Err(no) => return response::of(WireResponse::of_query(encoding, Err(no))),
    };
    let params = match parameters::read(query.as_deref().unwrap_or_default()) {
        Ok(params) => params,
        Err(refusal) => return response::of(WireResponse::refused(encoding, None, refusal)),
    };
    let bytes = query.map_or(0, |query| query.len());
    let answered = calls::query(&state, &caller, &name, params, bytes).await;
    let tag = answered.as_ref().ok().map(|answer| tag(answer, encoding));
    if let Some(tag) = &tag
        && knows(&headers, tag)
    {
        return response::not_modified(tag);
    }
    let is_file = matches!(answered, Ok(QueryAnswer::Csv(_)));
    let response = response::of(WireResponse::of_query(encoding, answered));
    let response =
        if is_file { response::as_file(response, &format!("{name}.csv")) } else { response };
    match tag {
        Some(tag) => response::with_tag(response, &tag),
        None => response,
    }
}

/// The tag of an answer: the digest of its rows. Two answers with the same rows at different positions have one tag.
fn tag(answer: &QueryAnswer, encoding: Encoding) -> String {
    let rows = match answer {
        QueryAnswer::Json(answer) => answer.text_without_position().as_bytes(),
        QueryAnswer::Csv(bytes) => bytes,
    };
    let kind = match encoding {
        Encoding::Json => "j",
        Encoding::MessagePack => "m",
    };
    format!("\"{kind}{}\"", Digest::of(rows))
}

/// Whether the client has the answer of this tag already.
fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let known =
        headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    // A server that compresses may have marked the tag as weak.
    known.split(',').map(str::trim).any(|one| one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// The encoding that the client accepts: MessagePack if it names that one, else JSON.
fn accepted(headers: &HeaderMap) -> Encoding {
    let named = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match named.contains(Encoding::MessagePack.content_type()) {
        true => Encoding::MessagePack,
        false => Encoding::Json,
    }
}
