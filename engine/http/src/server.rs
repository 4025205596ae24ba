//! The server: accepts connections, and stops gracefully.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use boarding_core::engine::Engine;
use boarding_core::limits::UPLOADS_SWEEP_SECONDS;
use boarding_core::serving::CommandRoute;
use boarding_core::serving::admission::{Admission, AdmissionLimits, Places};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::limits::{
    ACCEPT_RETRY_MILLIS, CONNECTIONS_MAX, DRAIN_MILLIS_MAX, EVENT_STREAMS_MAX, HEAD_SECONDS_MAX,
    UPLOADS_AT_ONCE_MAX, WORK_MAX, WORK_MILLIS_MAX,
};
use crate::routes;
use crate::sessions::Sessions;
use crate::state::{HttpState, stopping};
use crate::throttle::Throttle;

pub use crate::state::Pages;

/// Why the HTTP server could not start.
#[derive(Debug, thiserror::Error)]
#[error("listen on {address}; name a free address and port, for example 127.0.0.1:8080")]
pub struct HttpError {
    address: String,
    source: std::io::Error,
}

/// What the HTTP server serves.
#[derive(Debug)]
pub struct Options {
    pub engine: Arc<Engine>,
    /// The route of commands to the engine that works for their company.
    pub commands: Arc<dyn CommandRoute>,
    /// The OpenAPI document.
    pub openapi: String,
    pub pages: Pages,
}

/// Serves an engine over HTTP until it is closed.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    closing: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    sweeping: JoinHandle<()>,
    work: Arc<Semaphore>,
}

/// An address that is listened on. Clients wait until there is a server.
#[derive(Debug)]
pub struct HttpListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl HttpListener {
    /// Starts listening on an address such as `127.0.0.1:8080`; port 0 takes any free port.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(address: &str) -> Result<Self, HttpError> {
        let failed = |source| HttpError { address: address.to_owned(), source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }
}

impl HttpListener {
    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl HttpServer {
    /// Starts to answer the clients of an address.
    pub fn open(listener: HttpListener, options: Options) -> Self {
        let HttpListener { listener, address } = listener;
        let (closing, watched) = watch::channel(false);
        let work = Arc::new(Semaphore::new(WORK_MAX as usize));
        let Options { engine, commands, openapi, pages } = options;
        let state = Arc::new(HttpState {
            engine,
            commands,
            openapi,
            pages,
            admission: Admission::new(AdmissionLimits::default()),
            uploads: Places::new(UPLOADS_AT_ONCE_MAX, 0),
            event_streams: Places::new(EVENT_STREAMS_MAX, 0),
            sessions: Sessions::default(),
            sign_ins: Throttle::default(),
            work: Arc::clone(&work),
            closing: watched.clone(),
        });
        let sweeping = tokio::spawn(sweep_uploads(Arc::downgrade(&state)));
        let router = routes::router(state);
        let accepting = tokio::spawn(accept_all(listener, router, watched));
        Self { address, closing, accepting, sweeping, work }
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more requests, answers those that it has, and closes all connections.
    pub async fn close(self) {
        self.closing.send_replace(true);
        let _ = self.accepting.await;
        self.sweeping.abort();
        let _ = self.sweeping.await;
        let ended = self.work.acquire_many(WORK_MAX);
        let _ = tokio::time::timeout(Duration::from_millis(WORK_MILLIS_MAX), ended).await;
    }
}

/// Removes uploads whose time is over, again and again.
async fn sweep_uploads(state: Weak<HttpState>) {
    let mut interval = tokio::time::interval(Duration::from_secs(UPLOADS_SWEEP_SECONDS));
    loop {
        interval.tick().await;
        let Some(state) = state.upgrade() else { return };
        let Ok(permit) = state.begin_work() else { continue };
        let sweeping = move || {
            state.engine.sweep_uploads();
            drop(state);
            drop(permit);
        };
        let _ = tokio::task::spawn_blocking(sweeping).await;
    }
}

/// Accepts connections until the server closes. Returns when all of them have ended.
async fn accept_all(listener: TcpListener, router: Router, mut closing: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            biased;
            () = stopping(&mut closing) => break,
            Some(_) = connections.join_next() => continue,
            (place, accepted) = accepted => match accepted {
                Ok((stream, _)) => (place, stream),
                Err(error) => {
                    tracing::warn!(%error, "accepting an HTTP connection failed, retrying");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_MILLIS)).await;
                    continue;
                }
            },
        };
        let _ = stream.set_nodelay(true);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(HEAD_SECONDS_MAX));
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        connections.spawn(async move {
            // A connection that breaks concerns its client only.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    let drained = Duration::from_millis(DRAIN_MILLIS_MAX);
    if tokio::time::timeout(drained, graceful.shutdown()).await.is_err() {
        tracing::info!("HTTP connections closed before their requests ended");
    }
    connections.shutdown().await;
}
