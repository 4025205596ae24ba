//! The state that all tasks of the server share, and the execution of requests.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use async_nats::Client;
use boarding_commands::values::Code;
use boarding_core::engine::Engine;
use boarding_core::ownership::AppendGuard;
use boarding_core::serving::admission::Admission;
use boarding_core::serving::wire::WireResponse;
use boarding_core::serving::{self, CommandFuture, CommandRoute, TokenCommand};
use futures_util::FutureExt as _;
use tokio::sync::watch;

use super::forward;
use super::isolation::Isolation;
use super::log_lease::LogLease;
use super::micro::Service;
use super::names;
use super::objects::ObjectBucket;
use super::ownership::CompanyOwners;
use super::refused_commands::RefusedStream;
use super::requests::{self, Request, broken};
use super::wire::headers_of;

/// The phase of the shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Phase {
    Open,
    /// New requests are no longer accepted.
    Draining,
    /// Requests without an answer get a retryable failure.
    Late,
}

/// The state that all tasks of the server share.
#[derive(Debug)]
pub(super) struct ServerState {
    pub(super) engine: Arc<Engine>,
    pub(super) client: Client,
    pub(super) bucket: Arc<ObjectBucket>,
    pub(super) refused: Arc<RefusedStream>,
    /// How often each queued command failed by a fault of this engine. The key is its sequence in the queue.
    pub(super) faults: Mutex<HashMap<u64, u32>>,
    /// The number of replicas of a new queue.
    pub(super) copies: usize,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) service: Service,
    /// The index of the service's endpoint for commands.
    pub(super) commands: usize,
    pub(super) admission: Admission,
    pub(super) isolation: Isolation,
    /// The ownership of companies; `None` if this is the only engine of the log.
    pub(super) owners: Option<CompanyOwners>,
    /// The lease on serving. `None` if the engine checks only at its start that no other engine serves here.
    pub(super) lease: Option<LogLease>,
}

impl ServerState {
    /// Counts a fault of this queued command. Returns the number of its faults so far.
    pub(super) fn count_fault(&self, number: u64) -> u32 {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let count = faults.entry(number).or_default();
        *count += 1;
        *count
    }

    /// Removes the count of a queued command that is finished.
    pub(super) fn forget_faults(&self, number: u64) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }

    /// Waits until new requests are no longer accepted.
    pub(super) async fn closing(&self) {
        let _ = self.phase.clone().wait_for(|phase| *phase > Phase::Open).await;
    }

    /// Executes a command from a request or from the queue.
    pub(super) async fn command(&self, request: Request<'_>) -> WireResponse {
        let executing = async {
            let request = match self.with_user(request).await {
                Ok(request) => request,
                Err(response) => return response,
            };
            if request.forwarded {
                // A forwarded command is executed here in any case. Otherwise two engines could forward it to each other
                // without end.
                self.guarded(request, requests::command(&self.engine, request)).await
            } else {
                let owners = self.owners.as_ref();
                let command = forward::command(&self.engine, owners, &self.client, request);
                self.guarded(request, command).await
            }
        };
        self.while_leased(request, Box::pin(executing)).await
    }

    /// The request with the user that the server has authenticated. A user in the subject counts only if no other
    /// client can write such subjects.
    pub(super) async fn with_user<'a>(
        &self,
        request: Request<'a>,
    ) -> Result<Request<'a>, WireResponse> {
        let Some(user) = request.subject_parts().user else { return Ok(request) };
        match self.isolation.tells_users(&self.client).await {
            Some(true) => Ok(Request { user: Some(user), ..request }),
            Some(false) => Ok(request),
            None => {
                let why = "the NATS server does not say which account the engine has";
                Err(forward::later(request, why))
            }
        }
    }

    /// Runs `work` while this engine has the lease on serving. Returns a failure without the lease, also if the lease
    /// ended during `work`. Another engine may have answered requests from its own log meanwhile.
    pub(super) async fn while_leased(
        &self,
        request: Request<'_>,
        work: impl Future<Output = WireResponse>,
    ) -> WireResponse {
        if let Err(why) = self.may_answer() {
            return forward::later(request, &why);
        }
        let response = work.await;
        match self.may_answer() {
            Ok(()) => response,
            Err(why) => forward::later(request, &why),
        }
    }

    /// Runs `work` and returns its response. Returns a failure after a panic, and when the shutdown takes too long.
    pub(super) async fn guarded(
        &self,
        request: Request<'_>,
        work: impl Future<Output = WireResponse>,
    ) -> WireResponse {
        let mut phase = self.phase.clone();
        tokio::select! {
            // A response that is ready is sent, even if the time for it is over.
            biased;
            response = AssertUnwindSafe(work).catch_unwind() => response.unwrap_or_else(|_| {
                tracing::error!(subject = request.subject, "request panicked");
                broken(request.summary())
            }),
            _ = phase.wait_for(|phase| *phase == Phase::Late) => {
                let summary = request.summary();
                WireResponse::failed(summary.encoding, summary.id, Code::Unavailable, "the engine is stopping")
            }
        }
    }

    pub(super) async fn send(&self, to: &str, response: WireResponse) {
        let headers = headers_of(&response);
        let sent =
            self.client.publish_with_headers(to.to_owned(), headers, response.body.into()).await;
        if let Err(error) = sent {
            tracing::warn!(error = &error as &dyn std::error::Error, "sending a response failed");
        }
    }
}

impl CommandRoute for ServerState {
    fn may_answer(&self) -> Result<(), String> {
        self.lease.as_ref().map_or(Ok(()), AppendGuard::check)
    }

    fn execute<'a>(&'a self, command: TokenCommand<'a>) -> CommandFuture<'a> {
        Box::pin(async move {
            let TokenCommand { company, name, ref envelope, token } = command;
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                // No command has such a name, and it must not become a part of a subject.
                return serving::execute(&self.engine, command).await;
            }
            let (subject, payload) = (names::command(company, name), envelope.to_string());
            let request = Request {
                subject: &subject,
                headers: None,
                payload: payload.as_bytes(),
                user: None,
                forwarded: false,
                token: Some(token),
            };
            self.command(request).await
        })
    }
}
