//! `GET /console/events`: the positions of the company's new events, so that open pages are read again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use boarding_commands::values::Code;
use boarding_core::engine::EngineLog;
use boarding_core::queries::QueryFailure;
use boarding_core::serving::admission::Place;
use futures_util::{Stream, stream};
use tokio::sync::watch;

use super::cookie;
use super::visit::Visit;
use crate::caller::Caller;
use crate::limits::{CONSOLE_UPDATE_MILLIS, KEEP_ALIVE_SECONDS};
use crate::state::{HttpState, stopping};

pub(super) async fn get(visit: Visit, headers: HeaderMap) -> Response {
    let company = visit.caller.company.as_str();
    let Some(place) = visit.state.event_streams.acquire(company, 0) else {
        let why = "too many streams of events are open".to_owned();
        return visit.answered(Err(QueryFailure::Failed { code: Code::Overloaded, why }));
    };
    let log = visit.state.engine.log();
    let positions = Positions {
        seen: log.head(&visit.caller.company).version,
        log,
        session: cookie::get(&headers, cookie::SESSION).to_owned(),
        caller: visit.caller.clone(),
        closing: visit.state.closing.clone(),
        state: Arc::clone(&visit.state),
        _place: place,
    };
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(KEEP_ALIVE_SECONDS));
    let mut response = Sse::new(positions.events()).keep_alive(keep_alive).into_response();
    // A proxy would collect events before it passes them on.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The positions of a company that a page has not got yet.
struct Positions {
    log: EngineLog,
    state: Arc<HttpState>,
    session: String,
    caller: Caller,
    /// The version of the company that the page knows of.
    seen: u64,
    closing: watch::Receiver<bool>,
    _place: Place,
}

impl Positions {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        stream::unfold(self, |mut positions| async move {
            let event = positions.next().await?;
            Some((Ok(event), positions))
        })
    }

    /// The next position. None when the server stops, or the session or its token has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let mut end = self.log.watch();
            end.mark_unchanged();
            let head = self.log.head(&self.caller.company);
            if head.version > self.seen {
                self.check().await?;
                self.seen = head.version;
                let event = Event::default().data(self.log.end().to_string());
                // Events that follow at once are in the next position.
                tokio::time::sleep(Duration::from_millis(CONSOLE_UPDATE_MILLIS)).await;
                return Some(event);
            }
            tokio::select! {
                changed = end.changed() => changed.ok()?,
                () = stopping(&mut self.closing) => return None,
            }
        }
    }

    /// Checks the session and its token again.
    async fn check(&self) -> Option<()> {
        self.state.sessions.find(&self.session, self.state.engine.clock().now(), false)?;
        let (company, token) = (self.caller.company.clone(), self.caller.token);
        Caller::of_session(&self.state, company, token).await.ok().map(drop)
    }
}
