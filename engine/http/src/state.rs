//! The state that all requests share.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use boarding_commands::values::Code;
use boarding_core::engine::Engine;
use boarding_core::queries::QueryFailure;
use boarding_core::serving::CommandRoute;
use boarding_core::serving::admission::{Admission, Places};
use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use url::Url;

use crate::sessions::Sessions;
use crate::throttle::Throttle;

/// The state that all requests share.
#[derive(Debug)]
pub(super) struct HttpState {
    pub(super) engine: Arc<Engine>,
    pub(super) commands: Arc<dyn CommandRoute>,
    pub(super) admission: Admission,
    /// The places of uploads, which companies share.
    pub(super) uploads: Places,
    /// The places of streams of events, which companies share.
    pub(super) event_streams: Places,
    /// A permit for each piece of work that must end before the engine closes.
    pub(super) work: Arc<Semaphore>,
    /// The OpenAPI document.
    pub(super) openapi: String,
    pub(super) pages: Pages,
    pub(super) sessions: Sessions,
    /// The failed sign-ins to the console.
    pub(super) sign_ins: Throttle,
    /// Whether the server is stopping.
    pub(super) closing: watch::Receiver<bool>,
}

impl HttpState {
    /// The mark that work uses the engine. It is dropped after everything that holds the engine.
    pub(super) fn begin_work(&self) -> Result<OwnedSemaphorePermit, QueryFailure> {
        let busy = || QueryFailure::Failed {
            code: Code::Overloaded,
            why: "too much work is running".to_owned(),
        };
        Arc::clone(&self.work).try_acquire_owned().map_err(|_| busy())
    }

    /// Runs work to its end, also if its client closes the connection meanwhile.
    ///
    /// # Errors
    /// `internal` if it panics.
    pub(super) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, QueryFailure> {
        let permit = self.begin_work()?;
        let working = tokio::spawn(async move {
            let result = AssertUnwindSafe(work).catch_unwind().await;
            drop(permit);
            result
        });
        match working.await {
            Ok(Ok(result)) => Ok(result),
            _ => {
                tracing::error!("a request over HTTP panicked");
                let why = "see the engine's log".to_owned();
                Err(QueryFailure::Failed { code: Code::Internal, why })
            }
        }
    }

    /// Whether this engine may answer now.
    ///
    /// # Errors
    /// `unavailable` when another engine has taken its place.
    pub(super) fn may_answer(&self) -> Result<(), QueryFailure> {
        let unavailable = |why| QueryFailure::Failed { code: Code::Unavailable, why };
        self.commands.may_answer().map_err(unavailable)
    }
}

/// How the pages of links are served.
#[derive(Debug, Clone)]
pub struct Pages {
    /// The address of the server as people reach it, without a slash at its end.
    pub public_url: String,
    /// The path of that address; empty if there is none. A proxy may serve the engine below a path.
    pub(super) root: String,
    /// Whether the server plays the provider of the channels: then a page plays the phone that scans a code.
    pub simulates_provider: bool,
    /// The outbox whose mails everybody may read; for demos only.
    pub mailbox: Option<PathBuf>,
}

impl Pages {
    pub fn new(public_url: &str, simulates_provider: bool) -> Self {
        let public_url = public_url.trim_end_matches('/').to_owned();
        let root = Url::parse(&public_url).map(|url| url.path().trim_end_matches('/').to_owned());
        Self { root: root.unwrap_or_default(), public_url, simulates_provider, mailbox: None }
    }

    /// The address that the token of a link is appended to.
    pub fn link_base(&self) -> String {
        format!("{}/i/", self.public_url)
    }

    /// The address of the page that plays the phone for an activation code; none if there is no such page.
    pub(super) fn phone_address(&self, code: &str) -> Option<String> {
        self.simulates_provider.then(|| format!("{}/phone/{code}", self.public_url))
    }
}

/// Waits until the server is stopping.
pub(super) async fn stopping(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}
