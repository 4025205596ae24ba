//! The running service: an engine with its servers on NATS and over HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use boarding_core::engine::Engine;
use boarding_core::metrics::Metrics;
use boarding_core::serving::CommandRoute;
use boarding_http::server::{HttpListener, HttpServer, Options, Pages};
use boarding_nats::schema;
use boarding_nats::server::NatsServer;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::failure::{Failure, unavailable};

/// An engine that others reach on NATS, over HTTP, or both ways.
#[derive(Debug)]
pub(super) struct Service {
    http: Option<HttpServer>,
    engine: ServedEngine,
}

#[derive(Debug)]
enum ServedEngine {
    /// The server on NATS holds the engine.
    OnNats(Box<NatsServer>),
    OverHttpOnly(Arc<Engine>),
}

impl Service {
    pub(super) fn on_nats(server: NatsServer) -> Self {
        Self { http: None, engine: ServedEngine::OnNats(Box::new(server)) }
    }

    /// Serves an engine that NATS does not reach, and resumes its interrupted work.
    pub(super) async fn without_nats(engine: Engine) -> Self {
        engine.resume().await;
        Self { http: None, engine: ServedEngine::OverHttpOnly(Arc::new(engine)) }
    }

    /// Starts to serve over HTTP too. Returns the address that clients use.
    pub(super) fn serve_http(&mut self, listener: HttpListener, pages: Pages) -> String {
        let (engine, commands): (_, Arc<dyn CommandRoute>) = match &self.engine {
            ServedEngine::OnNats(server) => (server.engine(), server.command_route()),
            ServedEngine::OverHttpOnly(engine) => {
                (Arc::clone(engine), Arc::<Engine>::clone(engine))
            }
        };
        let openapi = schema::openapi().to_string();
        let announced = Arc::clone(&engine);
        let options = Options { engine, commands, openapi, pages };
        let server = HttpServer::open(listener, options);
        let local = server.address();
        if !local.ip().is_loopback() {
            tracing::warn!(
                address = %local,
                "HTTP is not encrypted here: other machines should reach it through a proxy with TLS only"
            );
        }
        self.http = Some(server);
        let address = format!("http://{local}");
        // A client on this machine cannot use an address such as 0.0.0.0.
        let mut reachable = local;
        match local.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => reachable.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => reachable.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        if let Err(error) = announced.announce(&format!("http://{reachable}")) {
            tracing::warn!(%error, "the address cannot be written into the data folder");
        }
        address
    }

    pub(super) async fn metrics(&self) -> Metrics {
        match &self.engine {
            ServedEngine::OnNats(server) => server.metrics().await,
            ServedEngine::OverHttpOnly(engine) => engine.metrics().await,
        }
    }

    /// Completes with a text when the log has failed; see [`Engine::log_failed`].
    pub(super) async fn log_failed(&self) -> String {
        match &self.engine {
            ServedEngine::OnNats(server) => server.log_failed().await,
            ServedEngine::OverHttpOnly(engine) => engine.log_failed().await,
        }
    }

    /// Completes with a text when another engine serves on NATS in place of this one.
    pub(super) async fn lease_lost(&self) -> String {
        match &self.engine {
            ServedEngine::OnNats(server) => server.lease_lost().await,
            ServedEngine::OverHttpOnly(_) => std::future::pending().await,
        }
    }

    /// Stops at once: the log has failed.
    pub(super) async fn abort(self) {
        // Dropping the HTTP server ends its connections with the process.
        drop(self.http);
        if let ServedEngine::OnNats(server) = self.engine {
            server.abort().await;
        }
    }

    /// Stops accepting requests, answers the accepted ones, and closes the engine.
    pub(super) async fn close(self) {
        if let ServedEngine::OverHttpOnly(engine) = &self.engine {
            engine.wind_down();
        }
        // The HTTP server uses the engine, so it ends first.
        if let Some(http) = self.http {
            http.close().await;
        }
        match self.engine {
            ServedEngine::OnNats(server) => server.close().await,
            ServedEngine::OverHttpOnly(engine) => match Arc::into_inner(engine) {
                Some(engine) => engine.close().await,
                None => {
                    tracing::warn!("engine stopped while requests were running; nothing is lost");
                }
            },
        }
    }
}

/// Listens on the address of `--http`, and lets the process have as many connections as the system permits.
///
/// # Errors
/// When the address cannot be listened on.
pub(in crate::cli) async fn listen(address: &str) -> Result<HttpListener, Failure> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    HttpListener::bind(address).await.map_err(|error| unavailable(&error))
}
