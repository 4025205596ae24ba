//! `boarding serve`: the engine as a service on NATS, until it is told to stop.

use std::path::PathBuf;
use std::sync::Arc;

use async_nats::Client;
use clap::Args;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::common::Common;
use super::failure::{Done, Ending, Failure};
use super::nats_options::{NatsOptions, of_connection};
use super::output::Out;
use super::session::{self, open_engine};
use boarding_core::clock::Clock;
use boarding_core::data_dir::DataDir;
use boarding_core::delivery::Channel;
use boarding_core::delivery::outbox::Outbox;
use boarding_core::engine::{Engine, EngineError, LogChoice};
use boarding_log::connect::{usual_copies, with_retry};
use boarding_nats::channel::NatsChannel;
use boarding_nats::feed;
use boarding_nats::ownership::CompanyOwners;
use boarding_nats::server::{self, NatsServer};
use boarding_nats::shared::{self, KeptFiles};
use boarding_nats::worker_queue::WorkQueue;

mod settings;

use settings::{Log, Settings};

/// Serves other programs on NATS until it is stopped
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding serve --nats nats://localhost:4222
  BOARDING_NATS=nats://engine:secret@nats.example:4222 boarding serve --data /var/lib/boarding
  boarding serve --nats nats://localhost:4222 --workers
  boarding serve --nats nats://a:4222,nats://b:4222,nats://c:4222 --log jetstream --replicas 3 \\
      --nats-monitor http://a:8222,http://b:8222,http://c:8222
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
    #[command(flatten)]
    nats: NatsOptions,
    /// Where the log is: in files in the data folder, or in NATS JetStream, where several engines may share
    /// it [default: file]
    #[arg(long, env = "BOARDING_LOG_IN", value_name = "WHERE")]
    log: Option<Log>,
    /// Hands invitations to channel workers over NATS, instead of mailing them
    #[arg(long, env = "BOARDING_WORKERS")]
    workers: bool,
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
    async fn start(mut self, mut common: Common, out: &Out) -> Result<NatsServer, Failure> {
        let mut settings = match &self.config {
            Some(file) => Settings::read(file)?,
            None => Settings::default(),
        };
        settings.fill(&mut common);
        self.fill(&mut settings);
        let server = self.nats.server()?;
        let shown = server.shown().map_err(|error| of_connection(&error))?;
        let client = server.connect("boarding").await.map_err(|error| of_connection(&error))?;
        let door = match self.log {
            Some(Log::Jetstream) => self.open_shared(&common, out, client).await?,
            _ => self.open_alone(&common, out, client).await?,
        };
        let data = common.data();
        if out.is_json() {
            let version = env!("CARGO_PKG_VERSION");
            out.document(&json!({"ready": true, "nats": shown, "data": data, "version": version}));
        } else {
            out.line(&format!("ready: {} · data {}", shown.join(","), data.display()));
        }
        Ok(door)
    }

    /// An engine with a log of its own.
    async fn open_alone(
        &self,
        common: &Common,
        out: &Out,
        client: Client,
    ) -> Result<NatsServer, Failure> {
        let mut options = session::options(common)?;
        options.channel = self.channel(options.channel, &client, &options.clock, common)?;
        let copies = self.copies(&client);
        let engine = open_engine(options, out).await?;
        let options = self.server_options(None, copies);
        open_door(engine, client, options).await
    }

    /// An engine beside others, on a log in JetStream.
    async fn open_shared(
        &self,
        common: &Common,
        out: &Out,
        client: Client,
    ) -> Result<NatsServer, Failure> {
        let (context, copies) = (async_nats::jetstream::new(client.clone()), self.copies(&client));
        let mut options = session::options(common)?;
        // The folder is opened by the engine in a moment; here it only says its secret.
        let ours = DataDir::open(common.data()).map_err(EngineError::from)?.secret().clone();
        let secret = shared::secret(&context, &ours, copies).await.map_err(|e| unavailable(&e))?;
        options.secret = Some(secret);
        options.log = LogChoice::JetStream(self.nats.log()?);
        options.channel = self.channel(options.channel, &client, &options.clock, common)?;
        let me = options.clock.id().0;
        let engine = open_engine(options, out).await?;
        let kept = with_retry(&client, async || KeptFiles::open(&context, copies).await).await;
        let kept = kept.map_err(|e| unavailable(&e))?;
        engine.share_files(Arc::new(kept));
        let owners =
            with_retry(&client, async || CompanyOwners::join(&context, me, copies).await).await;
        let owners = owners.map_err(|e| unavailable(&e))?;
        let options = self.server_options(Some(owners), copies);
        open_door(engine, client, options).await
    }

    /// Where invitations go: to workers outside, if they are to; all other mails as ever.
    fn channel(
        &self,
        mail: Option<Arc<dyn Channel>>,
        client: &Client,
        clock: &Clock,
        common: &Common,
    ) -> Result<Option<Arc<dyn Channel>>, Failure> {
        if !self.workers {
            return Ok(mail);
        }
        let mail = match mail {
            Some(mail) => mail,
            None => {
                let folder = common.data().join("outbox");
                let failed =
                    |error| Failure::Unavailable(format!("open {}: {error}", folder.display()));
                Arc::new(Outbox::open(&folder).map_err(failed)?)
            }
        };
        let work = WorkQueue::new(client.clone(), clock.clone(), self.copies(client));
        Ok(Some(Arc::new(NatsChannel::new(work, mail))))
    }

    fn server_options(&self, owners: Option<CompanyOwners>, copies: usize) -> server::Options {
        let feed = Some(feed::Options { copies, ..feed::Options::default() });
        server::Options { owners, feed, copies: Some(copies), ..Default::default() }
    }

    /// In how many copies everything is kept that is made beside the log.
    fn copies(&self, client: &Client) -> usize {
        self.nats.replicas.map_or_else(|| usual_copies(client), usize::from)
    }

    /// Takes from the file what neither the command line nor the environment says.
    fn fill(&mut self, settings: &mut Settings) {
        self.log = self.log.or(settings.log);
        self.workers |= settings.workers.unwrap_or(false);
        let nats = &mut self.nats;
        nats.nats = nats.nats.take().or(settings.nats.take());
        nats.nats_credentials = nats.nats_credentials.take().or(settings.nats_credentials.take());
        nats.nats_ca = nats.nats_ca.take().or(settings.nats_ca.take());
        nats.nats_inbox = nats.nats_inbox.take().or(settings.nats_inbox.take());
        nats.replicas = nats.replicas.or(settings.replicas);
        nats.accept_unknown_sync |= settings.accept_unknown_sync.unwrap_or(false);
        nats.accept_one_copy |= settings.accept_one_copy.unwrap_or(false);
        if nats.nats_monitor.is_empty() {
            nats.nats_monitor = settings.nats_monitor.take().unwrap_or_default();
        }
    }
}

async fn open_door(
    engine: Engine,
    client: Client,
    options: server::Options,
) -> Result<NatsServer, Failure> {
    NatsServer::open(engine, client, options).await.map_err(|error| unavailable(&error))
}

fn unavailable(error: &dyn std::error::Error) -> Failure {
    Failure::Unavailable(boarding_log::error_chain(error))
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
