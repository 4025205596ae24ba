//! A request of a signed-in operator: its session, its queries and commands, and its page.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use boarding_commands::values::{Code, CommandId, Refusal};
use boarding_core::queries::{QueryAnswer, QueryFailure};
use boarding_core::serving::TOO_MANY;
use minijinja::{Value, context};
use serde_json::{Map, Value as Json, json};
use url::form_urlencoded::Serializer;

use super::{cookie, render, texts};
use crate::caller::Caller;
use crate::calls;
use crate::html;
use crate::html::form::{self, Fields};
use crate::html::texts::Texts;
use crate::limits::{CONSOLE_FORM_BYTES_MAX, CONSOLE_ROWS_MAX};
use crate::secret::Secret;
use crate::state::HttpState;

/// The header of requests that the script of a page sends, not the operator. They do not lengthen a session.
const LIVE: &str = "boarding-live";

/// The end of the path that the script of a page reads.
const POSITIONS: &str = "/console/events";

/// The field of a form with the proof that a page of this session has made it.
pub(super) const PROOF: &str = "proof";

/// A request of a signed-in operator.
pub(super) struct Visit {
    pub(super) state: Arc<HttpState>,
    pub(super) caller: Caller,
    pub(super) texts: &'static Texts,
    /// The parameters in the address.
    pub(super) fields: Fields,
    path: String,
    form_secret: Secret,
    is_of_this_site: bool,
    /// The earliest position that a query of this page was answered at.
    position: AtomicU64,
    /// The permissions that parts of the page lack.
    lacking: Mutex<BTreeSet<String>>,
}

impl FromRequestParts<Arc<HttpState>> for Visit {
    type Rejection = Response;

    /// Finds the session, and checks its access token again. Without a live session, the answer redirects to the sign-in.
    async fn from_request_parts(head: &mut Head, state: &Arc<HttpState>) -> Result<Self, Response> {
        let texts = texts::accepted(&head.headers);
        let id = cookie::get(&head.headers, cookie::SESSION);
        let is_use = !head.headers.contains_key(LIVE) && !head.uri.path().ends_with(POSITIONS);
        let session = state.sessions.find(id, state.engine.clock().now(), is_use);
        let session = session.ok_or_else(|| signed_out(state, !id.is_empty()))?;
        let caller = Caller::of_session(state, session.company, session.token).await;
        let caller = caller.map_err(|failure| match &failure {
            QueryFailure::Refused(_) => {
                state.sessions.end(id);
                signed_out(state, true)
            }
            QueryFailure::Failed { .. } => render::failed(state, texts, &failure, context! {}),
        })?;
        Ok(Self {
            state: Arc::clone(state),
            caller,
            texts,
            fields: Fields::parse(head.uri.query().unwrap_or_default().as_bytes()),
            path: head.uri.path().to_owned(),
            form_secret: session.form_secret,
            is_of_this_site: is_of_this_site(state, &head.headers),
            position: AtomicU64::new(u64::MAX),
            lacking: Mutex::default(),
        })
    }
}

/// The way to the sign-in. `has_ended` says there that a session has ended.
fn signed_out(state: &HttpState, has_ended: bool) -> Response {
    let reason = if has_ended { "?ended=1" } else { "" };
    let address = format!("{}/console/sign-in{reason}", state.pages.root);
    let mut response = html::redirect(StatusCode::SEE_OTHER, &address);
    if has_ended {
        cookie::remove(&mut response, state, cookie::SESSION);
    }
    response
}

/// Whether a request with effects comes from a page of this server. Browsers send no origin with pages that send no
/// referrer; then `Sec-Fetch-Site` decides, and else the proof in the form alone.
pub(super) fn is_of_this_site(state: &HttpState, headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if header("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = header("origin").filter(|origin| *origin != "null") else { return true };
    let public = url::Url::parse(&state.pages.public_url);
    let is_public = public.is_ok_and(|url| url.origin().ascii_serialization() == origin);
    let host = origin.split_once("://").map(|(_, host)| host);
    is_public || (host.is_some() && host == header("host"))
}

/// The refusal of a form that no page of this session has made.
pub(super) fn forged() -> QueryFailure {
    let why = "the form was not sent from a page of this session; open the page again";
    Refusal::new(Code::AuthUnauthenticated).saying(why).into()
}

/// An accepted command.
pub(super) struct Accepted {
    pub(super) position: u64,
    pub(super) result: Json,
}

impl Visit {
    /// The form in the body of a request.
    ///
    /// # Errors
    /// `auth.unauthenticated` if no page of this session has made it, and those of [`form::read`].
    pub(super) async fn form(&self, request: Request) -> Result<Fields, QueryFailure> {
        self.form_of(request, CONSOLE_FORM_BYTES_MAX).await
    }

    /// As [`Self::form`], of at most `limit` bytes.
    ///
    /// # Errors
    /// Those of [`Self::form`].
    pub(super) async fn form_of(
        &self,
        request: Request,
        limit: usize,
    ) -> Result<Fields, QueryFailure> {
        let fields = form::read(request, limit).await?;
        self.check(&fields)?;
        Ok(fields)
    }

    /// Checks that a page of this session has made a form.
    ///
    /// # Errors
    /// `auth.unauthenticated`.
    pub(super) fn check(&self, fields: &Fields) -> Result<(), QueryFailure> {
        let is_known = self.form_secret.has_made(fields.get(PROOF));
        if is_known && self.is_of_this_site { Ok(()) } else { Err(forged()) }
    }

    /// A new id for a command of a form, as text.
    pub(super) fn new_id(&self) -> String {
        self.state.engine.clock().id().to_string()
    }

    /// The answer of a query. Empty parameters are left out. The answer includes the position that the address names.
    ///
    /// # Errors
    /// Those of the query.
    pub(super) async fn query(&self, name: &str, params: Json) -> Result<Json, QueryFailure> {
        match self.answer(name, params).await? {
            QueryAnswer::Json(answer) => {
                let answer = answer.value();
                let position = answer.get("position").and_then(Json::as_u64).unwrap_or(u64::MAX);
                self.position.fetch_min(position, Ordering::Relaxed);
                Ok(answer)
            }
            QueryAnswer::Csv(_) => Ok(Json::Null),
        }
    }

    /// The answer of a query in the form that it has.
    ///
    /// # Errors
    /// Those of the query.
    pub(super) async fn answer(
        &self,
        name: &str,
        params: Json,
    ) -> Result<QueryAnswer, QueryFailure> {
        let mut given: Map<String, Json> = match params {
            Json::Object(params) => params,
            _ => Map::new(),
        };
        given.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
        let after = self.fields.get("after");
        if !after.is_empty() {
            given.insert("min_position".to_owned(), after.into());
        }
        let bytes = given.values().filter_map(Json::as_str).map(str::len).sum();
        calls::query(&self.state, &self.caller, name, given, bytes).await
    }

    /// The answer of a query for a part of the page; null if the operator lacks the permission, which the page then names.
    ///
    /// # Errors
    /// Those of the query, but for a lacking permission.
    pub(super) async fn part(&self, name: &str, params: Json) -> Result<Json, QueryFailure> {
        match self.query(name, params).await {
            Err(QueryFailure::Refused(refusal)) if refusal.code == Code::AuthPermissionDenied => {
                let permission = refusal.details.get("permission").and_then(Json::as_str);
                let mut lacking = self.lacking.lock().unwrap_or_else(PoisonError::into_inner);
                lacking.insert(permission.unwrap_or_default().to_owned());
                Ok(Json::Null)
            }
            answered => answered,
        }
    }

    /// A page of a list, from the cursor in the address on.
    ///
    /// # Errors
    /// Those of the query.
    pub(super) async fn list(&self, name: &str, mut params: Json) -> Result<Json, QueryFailure> {
        if let Json::Object(params) = &mut params {
            params.insert("limit".to_owned(), CONSOLE_ROWS_MAX.into());
            params.insert("cursor".to_owned(), self.fields.get("cursor").into());
        }
        self.query(name, params).await
    }

    /// The links to the first and the next page of a list.
    pub(super) fn pager(&self, answer: &Json) -> Value {
        self.pager_by("cursor", answer)
    }

    /// The links to the first and the next page of a list whose cursor has this name in the address.
    pub(super) fn pager_by(&self, cursor: &str, answer: &Json) -> Value {
        let next = answer.get("next").and_then(Json::as_str).map(|next| self.with(cursor, next));
        let first = Some(self.with(cursor, "")).filter(|_| !self.fields.get(cursor).is_empty());
        context! { first => first, next => next }
    }

    /// The address of this page with another value of one parameter.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let mut query = Serializer::new(String::new());
        for (field, value) in self.fields.iter() {
            if field != name && field != "after" && !value.is_empty() {
                query.append_pair(field, value);
            }
        }
        if !value.is_empty() {
            query.append_pair(name, value);
        }
        format!("{}{}?{}", self.state.pages.root, self.path, query.finish())
    }

    /// Executes a command with this id, also if the browser closes the connection meanwhile.
    ///
    /// # Errors
    /// The refusal or failure of the command.
    pub(super) async fn command(
        &self,
        name: &'static str,
        id: &str,
        body: Json,
    ) -> Result<Accepted, QueryFailure> {
        let id: CommandId = id.parse().map_err(|_| forged())?;
        let bytes = body.to_string().len();
        let place = self.state.admission.commands.acquire(self.caller.company.as_str(), bytes);
        let overloaded =
            || QueryFailure::Failed { code: Code::Overloaded, why: TOO_MANY.to_owned() };
        let place = place.ok_or_else(overloaded)?;
        let envelope = json!({"id": id, "actor": self.caller.actor, "body": body});
        let (state, caller) = (Arc::clone(&self.state), self.caller.clone());
        let executed = self.state.finish(async move {
            let response = calls::command(&state, &caller, name, envelope).await;
            drop(place);
            response
        });
        let response = executed.await?;
        accepted(&serde_json::from_slice(&response.body).unwrap_or_default())
    }

    /// A page of the console.
    pub(super) fn page(&self, template: &str, values: Value) -> Response {
        self.page_with(StatusCode::OK, template, values)
    }

    pub(super) fn page_with(&self, status: StatusCode, template: &str, values: Value) -> Response {
        let values = context! { ..values, ..self.common() };
        render::page(&self.state, status, template, self.texts, values)
    }

    /// The page, or why there is none.
    pub(super) fn answered(&self, page: Result<Response, QueryFailure>) -> Response {
        page.unwrap_or_else(|failure| {
            render::failed(&self.state, self.texts, &failure, self.common())
        })
    }

    /// The page of a request that no page answers.
    pub(super) fn lacks_page(&self, code: Code, text: &str) -> Response {
        let refusal = Refusal::new(code).worded(self.texts.get(text).to_owned());
        let values = context! { is_text => true, ..self.common() };
        render::failed(&self.state, self.texts, &refusal.into(), values)
    }

    /// The way to another page of the console, after a command that was accepted at this position.
    pub(super) fn go(&self, path: &str, position: u64) -> Response {
        let address = format!("{}/console/{path}?after={position}", self.state.pages.root);
        html::redirect(StatusCode::SEE_OTHER, &address)
    }

    /// What every page shows.
    fn common(&self) -> Value {
        let position = Some(self.position.load(Ordering::Relaxed)).filter(|end| *end != u64::MAX);
        let lacking = self.lacking.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let section = self.path.trim_start_matches("/console").trim_matches('/');
        let section = section.split('/').next().unwrap_or_default();
        context! {
            company => self.caller.company.as_str(),
            actor => self.caller.actor.as_str(),
            // Without random numbers the forms of the page are refused.
            proof => self.form_secret.form_token().unwrap_or_default(),
            section => section,
            position => position,
            lacking => lacking,
        }
    }
}

/// The answer to a command.
fn accepted(answer: &Json) -> Result<Accepted, QueryFailure> {
    let text = |name: &str| answer.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let code = answer.get("code").cloned().and_then(|code| serde_json::from_value(code).ok());
    let code = code.unwrap_or(Code::Internal);
    match text("outcome").as_str() {
        "accepted" => Ok(Accepted {
            position: answer.get("position").and_then(Json::as_u64).unwrap_or_default(),
            result: answer.get("result").cloned().unwrap_or_default(),
        }),
        "refused" => {
            let details = answer.get("details").cloned().unwrap_or_default();
            Err(Refusal::new(code).worded(text("message")).with(details).into())
        }
        _ => Err(QueryFailure::Failed { code, why: text("message") }),
    }
}
