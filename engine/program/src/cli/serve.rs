//! `boarding serve`: runs an engine as a service on NATS and over HTTP until a signal stops it.

use std::path::PathBuf;
use std::sync::Arc;

use async_nats::Client;
use clap::Args;
use serde_json::json;

use super::common::{Common, Optional, open_outbox, optional};
use super::failure::{self, CliResult, Done, Failure, unavailable};
use super::nats_options::{NatsOptions, connection_failure};
use super::opening::{self, open_engine};
use super::output::Out;
use boarding_core::engine::{Engine, LogChoice, Options};
use boarding_log::connect::{usual_copies, with_retry};
use boarding_nats::feed;
use boarding_nats::isolation;
use boarding_nats::log_lease::{LeaseHolder, LogLease};
use boarding_nats::ownership::{CompanyOwners, EngineId};
use boarding_nats::server::{self, NatsServer};
use boarding_nats::shared::KeptFiles;
use boarding_nats::text_work::TextQueue;
use boarding_nats::worker_queue::WorkQueue;
use boarding_nats::worker_transport::WorkerTransport;

mod demo;
mod link_secret;
mod metrics_file;
mod pages;
mod service;
mod settings;
mod stop_signals;

pub(super) use demo::serve_demo;
use link_secret::LinkSecret;
use metrics_file::MetricsFile;
use pages::PageOptions;
use service::Service;
pub(super) use service::listen;
use settings::{Log, Settings};
use stop_signals::StopSignals;

/// Serves other programs on NATS and over HTTP until it is stopped
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding serve --http 127.0.0.1:8080
  boarding serve --http 127.0.0.1:8080 --public-url https://people.example --smtp smtps://mail.example
  boarding serve --nats nats://localhost:4222
  BOARDING_NATS=nats://engine:secret@localhost:4222 boarding serve
  boarding serve --nats nats://localhost:4222 --workers
  boarding serve --nats nats://localhost:4222 --smtp smtp://mail.example --text-workers
  boarding serve --nats nats://a:4222,nats://b:4222,nats://c:4222 --log jetstream --replicas 3 \\
      --nats-monitor http://a:8222,http://b:8222,http://c:8222
  boarding serve --config /etc/boarding.toml
  boarding serve --nats nats://localhost:4222 --metrics-file /var/lib/node_exporter/boarding.prom

The file has the options without their dashes. Its paths are relative to the file. The command line and the
environment override it:
  data = \"/var/lib/boarding\"
  nats = \"tls://nats.example:4222\"
  nats-credentials = \"engine.creds\"
  smtp = \"smtps://mail.example\"

When the engine is ready it prints one line with its addresses. SIGTERM and SIGINT stop it: it answers all
requests it has received and waits some seconds for mails in flight. The next start sends the remaining mails.")]
pub(super) struct Serve {
    #[command(flatten)]
    nats: NatsOptions,
    /// Serves over HTTP on this address and port, also without NATS; clients need access tokens: boarding tokens
    #[arg(long, env = "BOARDING_HTTP", value_name = "ADDR", value_parser = optional::<String>)]
    http: Option<Optional<String>>,
    #[command(flatten)]
    pages: PageOptions,
    /// The storage of the log: files in the data folder, or NATS JetStream, where several engines can share
    /// it [default: file]
    #[arg(long, env = "BOARDING_LOG_IN", value_name = "WHERE")]
    log: Option<Log>,
    /// Queues invitations for channel workers on NATS instead of mailing them
    #[arg(long, env = "BOARDING_WORKERS")]
    workers: bool,
    /// Queues text messages to devices for a text gateway on NATS; mails go where they go without it
    #[arg(long, env = "BOARDING_TEXT_WORKERS")]
    text_workers: bool,
    /// Makes a new link secret for a log in JetStream whose own one is lost: links mailed before do not work
    #[arg(long)]
    new_link_secret: bool,
    /// Accepts a NATS server whose users share one account: then no company is kept apart from the others
    #[arg(long, env = "BOARDING_ACCEPT_SHARED_ACCOUNT")]
    accept_shared_account: bool,
    /// Writes metrics into this file every ten seconds, in the text format of Prometheus: whether mails wait for their
    /// mail server, since when, and the runs of each company
    #[arg(long, env = "BOARDING_METRICS_FILE", value_name = "FILE", value_parser = optional::<PathBuf>)]
    metrics_file: Option<Optional<PathBuf>>,
    /// Reads options from this TOML file
    #[arg(long, env = "BOARDING_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Serve {
    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        let mut signals = StopSignals::listen()?;
        let starting = Box::pin(self.start(common.clone(), out));
        let (server, metrics) = tokio::select! {
            started = starting => started?,
            () = signals.received() => return Ok(Done::Completely),
        };
        let writing_metrics = async {
            match &metrics {
                Some(file) => file.keep_writing(&server).await,
                None => std::future::pending().await,
            }
        };
        let failed = tokio::select! {
            () = writing_metrics => None,
            () = signals.received() => None,
            why = server.log_failed() => Some(failure::of_log(&why)),
            why = server.lease_lost() => {
                // Unlike after a failure of the log, the outcomes of mails in flight can still be appended.
                server.close().await;
                return Err(Failure::Unavailable(why));
            }
        };
        if let Some(failure) = failed {
            server.abort().await;
            return Err(failure);
        }
        tracing::info!("stopping");
        if let Some(file) = &metrics {
            file.write_last(&server).await;
        }
        server.close().await;
        tracing::info!("stopped");
        Ok(Done::Completely)
    }

    /// Starts the engine and its server, and prints the ready line.
    async fn start(
        mut self,
        mut common: Common,
        out: &Out,
    ) -> Result<(Service, Option<MetricsFile>), Failure> {
        let mut settings = match &self.config {
            Some(file) => Settings::read(file)?,
            None => Settings::default(),
        };
        settings.fill(&mut common);
        self.fill(&mut settings);
        let metrics = self.metrics_file.take().and_then(|file| file.0);
        let metrics = metrics.map(|file| MetricsFile::open(&file)).transpose()?;
        // An address that is taken is found before the engine starts to work.
        let http = match self.http.take().and_then(|http| http.0) {
            Some(address) => {
                let listener = listen(&address).await?;
                let (pages, link_page) = self.pages.of_server(listener.address())?;
                common.link_page = link_page;
                Some((listener, pages))
            }
            None => None,
        };
        let (mut service, shown) = match http.is_some() && self.nats.nats.is_none() {
            true => (self.open_without_nats(&common, out).await?, None),
            false => {
                let (server, shown) = self.open_on_nats(&common, out).await?;
                (Service::on_nats(server), Some(shown))
            }
        };
        let http = http.map(|(listener, pages)| service.serve_http(listener, pages));
        let console = http.as_ref().map(|http| format!("{http}/console/"));
        let data = common.data();
        if out.is_json() {
            let version = env!("CARGO_PKG_VERSION");
            out.document(&json!({
                "ready": true, "nats": shown, "http": http, "console": console, "data": data,
                "version": version,
            }));
        } else {
            let servers: Vec<_> =
                shown.map(|shown| shown.join(",")).into_iter().chain(http).collect();
            let console = console.map(|console| format!(" · console {console}"));
            let console = console.unwrap_or_default();
            let servers = servers.join(" · ");
            out.line(&format!("ready: {servers} · data {}{console}", data.display()));
        }
        Ok((service, metrics))
    }

    /// Connects to NATS and opens the engine there. Also returns the addresses to show.
    async fn open_on_nats(
        &self,
        common: &Common,
        out: &Out,
    ) -> Result<(NatsServer, Vec<String>), Failure> {
        if self.nats.nats.is_none() {
            let text = "no NATS server is given; add --nats URL, or set BOARDING_NATS; to serve over HTTP alone: --http 127.0.0.1:8080";
            return Err(Failure::Usage(text.to_owned()));
        }
        let address = self.nats.server()?;
        let shown = address.shown().map_err(|error| connection_failure(&error))?;
        let client =
            address.connect("boarding").await.map_err(|error| connection_failure(&error))?;
        self.check_isolation(&client).await?;
        let server = match self.log {
            Some(Log::Jetstream) => self.open_shared(common, out, client).await?,
            _ => self.open_alone(common, out, client).await?,
        };
        Ok((server, shown))
    }

    /// Opens the engine without NATS.
    async fn open_without_nats(&self, common: &Common, out: &Out) -> Result<Service, Failure> {
        if self.workers || self.text_workers || matches!(self.log, Some(Log::Jetstream)) {
            let text =
                "--workers, --text-workers and --log jetstream need a NATS server; add --nats URL";
            return Err(Failure::Usage(text.to_owned()));
        }
        let engine = open_engine(opening::options(common)?, out).await?;
        Ok(Service::without_nats(engine).await)
    }

    /// Refuses a server that does not keep companies apart, unless the operator accepts it.
    async fn check_isolation(&self, client: &Client) -> Result<(), Failure> {
        match isolation::check(client).await {
            Err(error) if self.accept_shared_account => {
                tracing::warn!(error = &error as &dyn std::error::Error, "accepted as asked");
                Ok(())
            }
            checked => checked.map_err(|error| unavailable(&error)),
        }
    }

    /// Opens an engine whose log is in the files of its data folder.
    async fn open_alone(
        &self,
        common: &Common,
        out: &Out,
        client: Client,
    ) -> Result<NatsServer, Failure> {
        let mut options = opening::options(common)?;
        self.use_workers(&mut options, &client, common)?;
        let copies = self.copies(&client);
        let engine_id = options.clock.id().0;
        let engine = open_engine(options, out).await?;
        let lease = lease(&client, &engine, engine_id, false, common, copies).await?;
        let options = self.server_options(None, lease, copies);
        open_server(engine, client, options).await
    }

    /// Opens an engine whose log is in JetStream. Other engines may share this log.
    async fn open_shared(
        &self,
        common: &Common,
        out: &Out,
        client: Client,
    ) -> Result<NatsServer, Failure> {
        let (context, copies) = (async_nats::jetstream::new(client.clone()), self.copies(&client));
        let (engine, engine_id) = self.open_with_secret(common, out, &client, &context).await?;
        let files = with_retry(&client, async || KeptFiles::open(&context, copies).await).await;
        let files = files.map_err(|e| unavailable(&e))?;
        engine.share_files(Arc::new(files));
        let lease = lease(&client, &engine, engine_id, true, common, copies).await?;
        let owners =
            with_retry(&client, async || CompanyOwners::join(&context, engine_id, copies).await)
                .await;
        let owners = owners.map_err(|e| unavailable(&e))?;
        let options = self.server_options(Some(owners), lease, copies);
        open_server(engine, client, options).await
    }

    /// Opens the engine with the link secret that all engines of its log use. Returns the engine and its id.
    async fn open_with_secret(
        &self,
        common: &Common,
        out: &Out,
        client: &Client,
        context: &async_nats::jetstream::Context,
    ) -> Result<(Engine, EngineId), Failure> {
        let (copies, makes_new) = (self.copies(client), self.new_link_secret);
        loop {
            let mut options = opening::options(common)?;
            let secret = LinkSecret::read(context, &common.data(), copies).await?;
            options.secret = Some(secret.used.clone());
            options.log = LogChoice::JetStream(self.nats.log()?);
            self.use_workers(&mut options, client, common)?;
            let engine_id = options.clock.id().0;
            let engine = open_engine(options, out).await?;
            if secret.check_and_store(&engine, context, &common.data(), makes_new, copies).await? {
                return Ok((engine, engine_id));
            }
            // Another engine started at the same moment and stored its own secret. The next turn opens with it.
            engine.close().await;
        }
    }

    /// Replaces the transports of mails and texts. `--workers` queues invitations and texts for workers; other mails
    /// keep their transport. `--text-workers` queues texts only.
    fn use_workers(
        &self,
        options: &mut Options,
        client: &Client,
        common: &Common,
    ) -> Result<(), Failure> {
        if !self.workers && !self.text_workers {
            return Ok(());
        }
        if options.texts.is_some() {
            let text = "--text-outbox writes texts into a folder, and --workers and --text-workers queue them on NATS; leave out one";
            return Err(Failure::Usage(text.to_owned()));
        }
        let work = WorkQueue::new(client.clone(), options.clock.clone(), self.copies(client));
        if self.workers {
            let mail = match options.transport.take() {
                Some(mail) => mail,
                None => open_outbox(&common.own_outbox())?,
            };
            options.transport = Some(Arc::new(WorkerTransport::new(work, mail)));
        } else {
            options.texts = Some(Arc::new(TextQueue::new(work)));
        }
        Ok(())
    }

    fn server_options(
        &self,
        owners: Option<CompanyOwners>,
        lease: Option<LogLease>,
        copies: usize,
    ) -> server::Options {
        let feed = Some(feed::Options { copies, ..feed::Options::default() });
        server::Options { owners, lease, feed, copies: Some(copies), ..Default::default() }
    }

    /// The number of copies of all streams and buckets except the log.
    fn copies(&self, client: &Client) -> usize {
        self.nats.replicas.map_or_else(|| usual_copies(client), usize::from)
    }

    /// Copies an option from the file if neither the command line nor the environment sets it.
    fn fill(&mut self, settings: &mut Settings) {
        self.log = self.log.or(settings.log);
        self.workers |= settings.workers.unwrap_or(false);
        self.text_workers |= settings.text_workers.unwrap_or(false);
        self.accept_shared_account |= settings.accept_shared_account.unwrap_or(false);
        Optional::fill(&mut self.metrics_file, settings.metrics_file.take());
        Optional::fill(&mut self.http, settings.http.take());
        self.pages.fill(settings);
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

/// Acquires the lease on serving: one NATS serves only one log. Returns `None` without JetStream, which would store the
/// lease.
async fn lease(
    client: &Client,
    engine: &Engine,
    id: EngineId,
    shares: bool,
    common: &Common,
    copies: usize,
) -> Result<Option<LogLease>, Failure> {
    if !client.server_info().jetstream {
        tracing::warn!(
            "this NATS server has no JetStream: two engines with logs of their own are noticed only at their start"
        );
        return Ok(None);
    }
    let data = common.data();
    let data = std::path::absolute(&data).unwrap_or(data).display().to_string();
    let holder = LeaseHolder::new(id, shares, data, engine.folder_identity());
    let lease = LogLease::acquire(client, holder, copies).await;
    lease.map(Some).map_err(|error| unavailable(&error))
}

async fn open_server(
    engine: Engine,
    client: Client,
    options: server::Options,
) -> Result<NatsServer, Failure> {
    NatsServer::open(engine, client, options).await.map_err(|error| unavailable(&error))
}
