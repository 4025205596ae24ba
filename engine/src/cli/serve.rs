//! `boarding serve`: the engine as a service on NATS, until it is told to stop.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::common::Common;
use super::failure::{Done, Ending, Failure};
use super::output::Out;
use super::session::open_engine;
use crate::bus::connect::{ConnectError, Server};
use crate::bus::places::Limits;
use crate::bus::serve::Door;

mod settings;

use settings::Settings;

/// Serves other programs on NATS until it is stopped
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding serve --nats nats://localhost:4222
  BOARDING_NATS=nats://engine:secret@nats.example:4222 boarding serve --data /var/lib/boarding
  boarding serve --config /etc/boarding.toml

The file has the options without their dashes, and paths as seen from where it lies; what is given on the
command line or in the environment goes first:
  data = \"/var/lib/boarding\"
  nats = \"tls://nats.example:4222\"
  nats-credentials = \"engine.creds\"
  smtp = \"smtps://mail.example\"

When it is ready it prints one line with its addresses. SIGTERM and SIGINT stop it: what it has taken is
answered, mails on their way are given some seconds, the rest goes on with the next start.")]
pub(super) struct Serve {
    /// The NATS servers, with commas between: nats://[user:password@]host[:port] or tls://…
    #[arg(long, env = "BOARDING_NATS", hide_env_values = true, value_name = "URL")]
    nats: Option<String>,
    /// A file with a JWT and its key, as nsc makes them
    #[arg(long, env = "BOARDING_NATS_CREDENTIALS", value_name = "FILE")]
    nats_credentials: Option<PathBuf>,
    /// The certificates that the servers' may be signed by [default: the system's]
    #[arg(long, env = "BOARDING_NATS_CA", value_name = "FILE")]
    nats_ca: Option<PathBuf>,
    /// What the subjects of answers to the engine begin with [default: _INBOX.<user>, or _INBOX]
    #[arg(long, env = "BOARDING_NATS_INBOX", value_name = "PREFIX")]
    nats_inbox: Option<String>,
    /// Takes options from this TOML file
    #[arg(long, env = "BOARDING_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Serve {
    pub(super) async fn run(self, common: &Common, out: &Out) -> Ending {
        let mut stop = Stop::listen()?;
        let starting = Box::pin(self.start(common.clone(), out));
        let door = tokio::select! {
            door = starting => door?,
            () = stop.asked() => return Ok(Done::Well),
        };
        stop.asked().await;
        tracing::info!("stopping");
        door.close().await;
        tracing::info!("stopped");
        Ok(Done::Well)
    }

    /// Opens the door, and says so once it is open.
    async fn start(self, mut common: Common, out: &Out) -> Result<Door, Failure> {
        let mut settings = match &self.config {
            Some(file) => Settings::read(file)?,
            None => Settings::default(),
        };
        settings.fill(&mut common);
        let server = self.server(&mut settings)?;
        let shown = server.shown().map_err(|error| of_connection(&error))?;
        let client = server.connect("boarding").await.map_err(|error| of_connection(&error))?;
        let engine = open_engine(&common, out).await?;
        let door = Door::open(engine, client, Limits::default()).await;
        let door = door.map_err(|error| Failure::Unavailable(crate::error_chain(&error)))?;
        let data = common.data();
        if out.is_json() {
            let version = env!("CARGO_PKG_VERSION");
            out.document(&json!({"ready": true, "nats": shown, "data": data, "version": version}));
        } else {
            out.line(&format!("ready: {} · data {}", shown.join(","), data.display()));
        }
        Ok(door)
    }

    /// The NATS servers: as the command line or the environment says, or else the file.
    fn server(self, settings: &mut Settings) -> Result<Server, Failure> {
        let url = self.nats.or(settings.nats.take()).ok_or_else(|| {
            let text = "serve on what? give --nats URL, or set BOARDING_NATS";
            Failure::Usage(text.to_owned())
        })?;
        let inbox = self.nats_inbox.or(settings.nats_inbox.take());
        match inbox.as_deref().filter(|prefix| !is_prefix(prefix)) {
            Some(_) => {
                let text =
                    "--nats-inbox: expected words of letters, digits, - and _ with dots between";
                Err(Failure::Usage(text.to_owned()))
            }
            None => Ok(Server {
                url,
                credentials: self.nats_credentials.or(settings.nats_credentials.take()),
                authorities: self.nats_ca.or(settings.nats_ca.take()),
                inbox,
            }),
        }
    }
}

/// What an inbox may begin with: no wildcard, or others' answers would be read.
fn is_prefix(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.split('.').all(|token| !token.is_empty() && token.chars().all(plain))
}

/// An address that is none is the asker's to mend; a server that does not answer may come back.
fn of_connection(error: &ConnectError) -> Failure {
    let text = crate::error_chain(error);
    match error {
        ConnectError::Address(_) => Failure::Usage(format!("--nats: {text}")),
        ConnectError::Credentials { .. } | ConnectError::Connect { .. } => {
            Failure::Unavailable(text)
        }
    }
}

/// The two ways to ask a service to stop.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::Unavailable(format!("listen to signals: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_prefix_holds_no_wildcard() {
        assert!(is_prefix("_INBOX.engine"));
        for bad in ["", "a.", "_INBOX.>", "*", "a b"] {
            assert!(!is_prefix(bad), "{bad}");
        }
    }
}
