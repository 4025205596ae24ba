//! `GET /v1/<company>/events`: the events of a company as server-sent events, from any position on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use boarding_commands::values::{Code, CompanyId, Refusal};
use boarding_core::engine::EngineLog;
use boarding_core::queries::QueryFailure;
use boarding_core::serving::admission::Place;
use boarding_core::serving::wire::{Encoding, WireResponse};
use boarding_log::{EventLog, ReadError};
use boarding_projections::history::{self, Entity};
use futures_util::{Stream, stream};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::caller::Caller;
use crate::limits::{COMMITS_READ_MAX, EVENTS_READ_MAX, KEEP_ALIVE_SECONDS};
use crate::parameters;
use crate::response;
use crate::state::{HttpState, stopping};

/// Where a stream of events begins, and what it is about.
struct Wanted {
    after: u64,
    entity: Option<Entity>,
}

pub(super) async fn get(
    State(state): State<Arc<HttpState>>,
    Path(company): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    match open(&state, &headers, &company, query.as_deref().unwrap_or_default()).await {
        Ok(response) => response,
        Err(no) => response::of(WireResponse::of_query(Encoding::Json, Err(no))),
    }
}

async fn open(
    state: &Arc<HttpState>,
    headers: &HeaderMap,
    company: &str,
    query: &str,
) -> Result<Response, QueryFailure> {
    let caller = Caller::of(state, headers, company).await?;
    let mut params = parameters::read(query)?;
    let entity = params.get("entity").cloned();
    let wanted = wanted(headers, &mut params)?;
    let mut history: Map<String, Value> = Map::from_iter([("limit".to_owned(), json!(1))]);
    history.extend(entity.map(|entity| ("entity".to_owned(), entity)));
    let place = state.event_streams.acquire(company, 0).ok_or_else(|| {
        let why = "too many streams of events are open".to_owned();
        QueryFailure::Failed { code: Code::Overloaded, why }
    })?;
    let feed = EventStream {
        log: state.engine.log(),
        state: Arc::clone(state),
        headers: headers.clone(),
        company: caller.company,
        history,
        wanted,
        next_version: None,
        waiting: Vec::new().into_iter(),
        closing: state.closing.clone(),
        _place: place,
    };
    feed.check().await?;
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(KEEP_ALIVE_SECONDS));
    let mut response = Sse::new(feed.events()).keep_alive(keep_alive).into_response();
    // A proxy would collect events before it passes them on.
    let no = axum::http::HeaderValue::from_static("no");
    response.headers_mut().insert("x-accel-buffering", no);
    Ok(response)
}

/// The start of a stream: after the last event that the client has seen, or the parameter `after`, or from the first
/// event on.
fn wanted(headers: &HeaderMap, params: &mut Map<String, Value>) -> Result<Wanted, Refusal> {
    let malformed = |parameter: &str, why: &str| {
        let details = json!({"parameter": parameter});
        Refusal::new(Code::QueryMalformed).saying(&format!("{parameter}: {why}")).with(details)
    };
    let seen = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?").to_owned());
    let after = params.remove("after").and_then(|after| after.as_str().map(str::to_owned));
    let after = match seen.or(after) {
        Some(text) => text.parse().map_err(|_| malformed("after", "expected a position"))?,
        None => 0,
    };
    let entity = params.remove("entity").and_then(|entity| entity.as_str().map(str::to_owned));
    let entity = entity.map(|entity| entity.parse::<Entity>()).transpose()?;
    match params.keys().next() {
        Some(other) => Err(malformed(other, "a stream of events has the parameters after, entity")),
        None => Ok(Wanted { after, entity }),
    }
}

/// The events of a company that a client has not got yet.
struct EventStream {
    log: EngineLog,
    state: Arc<HttpState>,
    /// The headers of the request, with the access token.
    headers: HeaderMap,
    company: CompanyId,
    /// The parameters of the query `history` for the same events.
    history: Map<String, Value>,
    wanted: Wanted,
    /// The version that is read next; none before the first read.
    next_version: Option<u64>,
    waiting: std::vec::IntoIter<Event>,
    closing: watch::Receiver<bool>,
    _place: Place,
}

impl EventStream {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        stream::unfold(self, |mut feed| async move {
            let event = feed.next().await?;
            Some((Ok(event), feed))
        })
    }

    /// Checks the access token again, and the permission: the history of the same events needs the same one.
    async fn check(&self) -> Result<(), QueryFailure> {
        self.state.may_answer()?;
        let caller = Caller::of(&self.state, &self.headers, self.company.as_str()).await?;
        let (history, asker) = (self.history.clone(), caller.of_query());
        self.state.engine.prepare_query(&self.company, "history", history, &asker).await?;
        Ok(())
    }

    /// The next event. None when the server stops, the token or the permission has ended, or the log cannot be read: the
    /// client connects again, and goes on or learns why it may not.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.next() {
                return Some(event);
            }
            let mut end = self.log.watch();
            end.mark_unchanged();
            if self.has_more() {
                self.check().await.ok()?;
                self.read().await?;
                continue;
            }
            tokio::select! {
                changed = end.changed() => changed.ok()?,
                () = stopping(&mut self.closing) => return None,
            }
        }
    }

    /// Whether the company has events that were not read yet.
    fn has_more(&self) -> bool {
        let version = self.log.head(&self.company).version;
        self.next_version.is_none_or(|next| next <= version)
    }

    /// Reads events that follow. None if the log cannot be read.
    async fn read(&mut self) -> Option<()> {
        let (log, company) = (self.log.clone(), self.company.clone());
        let (after, entity) = (self.wanted.after, self.wanted.entity.clone());
        let next_version = self.next_version;
        let reading = tokio::task::spawn_blocking(move || {
            let from = match next_version {
                Some(version) => version,
                None => first_version_after(&*log, &company, after)?,
            };
            read(&*log, &company, from, after, entity.as_ref())
        });
        match reading.await {
            Ok(Ok((next_version, events))) => {
                self.next_version = Some(next_version);
                self.waiting = events.into_iter();
                Some(())
            }
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "reading events for a stream failed");
                None
            }
            // The engine is stopping, or the read has panicked.
            Err(_) => None,
        }
    }
}

/// The first version of the company whose event has a later position. Positions rise with versions.
fn first_version_after(
    log: &dyn EventLog,
    company: &CompanyId,
    position: u64,
) -> Result<u64, ReadError> {
    let (mut first, mut end) = (1, log.head(company).version + 1);
    while position > 0 && first < end {
        let middle = first + (end - first) / 2;
        let entry = log.read_company(company, middle).next()?;
        let is_later = entry.is_none_or(|entry| {
            let at = entry.recorded.events().find(|recorded| recorded.version == middle);
            at.is_none_or(|recorded| recorded.position > position)
        });
        match is_later {
            true => end = middle,
            false => first = middle + 1,
        }
    }
    Ok(first)
}

/// The next events from this version on that the client wants, and the version to read after them.
fn read(
    log: &dyn EventLog,
    company: &CompanyId,
    from: u64,
    after: u64,
    entity: Option<&Entity>,
) -> Result<(u64, Vec<Event>), ReadError> {
    let (mut next, mut events) = (from, Vec::new());
    let mut reader = log.read_company(company, from);
    let mut left = COMMITS_READ_MAX;
    while events.len() < EVENTS_READ_MAX
        && left > 0
        && let Some(entry) = reader.next()?
    {
        left -= 1;
        for recorded in entry.recorded.events().filter(|recorded| recorded.version >= from) {
            next = recorded.version + 1;
            let is_wanted = entity.is_none_or(|entity| entity.concerns(recorded.event));
            if recorded.position > after && is_wanted {
                let data = history::event_json(&recorded).to_string();
                let event = Event::default().event(recorded.event.name());
                events.push(event.id(recorded.position.to_string()).data(data));
            }
        }
    }
    Ok((next, events))
}
