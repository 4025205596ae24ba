//! Two engines on one log, and a client, on servers with the accounts of `nats.conf`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::{self, context::ContextBuilder};
use boarding_core::limits::CLAIM_MAX;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::super::caller::{Caller, people};
use super::super::permissions::{config, lines, server, url, url_of_port, urls};
use super::super::retries::{all_rows, command_until_accepted, request};
use super::super::serve_process::ServeProcess;
use crate::support::nats::{Cluster, Server};
use crate::support::proxy::Proxy;
use crate::support::wait::eventually;

/// The largest number of recipients that an engine with an outbox has claimed and not sent to.
const CLAIMED_MAX: usize = CLAIM_MAX;

/// Two engines on one log, and a client of the company `acme`.
pub(super) struct Site {
    pub(super) servers: Vec<Server>,
    pub(super) engines: Vec<ServeProcess>,
    /// The proxy between each engine and the server. Empty on a cluster.
    pub(super) proxies: Vec<Proxy>,
    pub(super) caller: Caller,
    /// Reads the streams of the engines.
    jetstream: jetstream::Context,
}

impl Site {
    /// Two engines on one server, each connected through a proxy.
    pub(super) async fn on_one_server() -> Self {
        let server = server(&config());
        let proxies = [Proxy::to(server.port).await, Proxy::to(server.port).await];
        let urls = proxies.each_ref().map(|proxy| url_of_port(proxy.port, "engine"));
        Self::start(vec![server], urls.map(ServeProcess::at).into(), proxies.into()).await
    }

    /// One engine on one server.
    pub(super) async fn with_one_engine() -> Self {
        let server = server(&config());
        let engine = ServeProcess::at(url(&server, "engine"));
        Self::start(vec![server], vec![engine], Vec::new()).await
    }

    /// Two engines on a cluster of three servers.
    pub(super) async fn on_cluster() -> Self {
        let servers = Cluster::with(&lines(&config())).servers;
        let engines = [(); 2].map(|()| ServeProcess::at(urls(&servers, "engine")));
        Self::start(servers, engines.into(), Vec::new()).await
    }

    async fn start(servers: Vec<Server>, engines: Vec<ServeProcess>, proxies: Vec<Proxy>) -> Self {
        let caller = Caller::connect(&urls(&servers, "acme-publisher")).await;
        let engine = Caller::connect(&urls(&servers, "engine")).await;
        let options = ContextBuilder::new().timeout(Duration::from_secs(1));
        let jetstream = options.build(engine.client);
        let mut site = Self { servers, engines, proxies, caller, jetstream };
        for n in 0..site.engines.len() {
            site.restart_engine(n);
        }
        site
    }

    pub(super) fn restart_engine(&mut self, n: usize) {
        let monitors: Vec<String> = self.servers.iter().map(Server::monitor_url).collect();
        let (monitors, copies) = (monitors.join(","), self.servers.len().to_string());
        let options = ["--log", "jetstream", "--nats-monitor", &monitors, "--replicas", &copies];
        self.engines[n].restart(&options);
    }

    /// The index of the server that leads the stream of the log, or of another server.
    pub(super) async fn server_index(&self, is_leader: bool) -> usize {
        let leader = eventually("the log has a leader", async || {
            let info =
                self.jetstream.get_stream("BOARDING_LOG").await.ok()?.get_info().await.ok()?;
            info.cluster?.leader?.strip_prefix('n')?.parse::<usize>().ok()
        })
        .await;
        if is_leader { leader - 1 } else { leader % self.servers.len() }
    }

    /// Waits until all copies of all streams are current. Losing another server before that loses the majority.
    pub(super) async fn wait_until_copies_are_current(&self) {
        let peers = self.servers.len() - 1;
        eventually("all copies are current", async || {
            let mut names = self.jetstream.stream_names();
            while let Some(name) = names.next().await {
                let stream = self.jetstream.get_stream(name.ok()?).await.ok()?;
                let Some(cluster) = stream.cached_info().cluster.clone() else { continue };
                let current = cluster.replicas.iter().filter(|one| one.current && !one.offline);
                if cluster.leader.is_none() || current.count() < peers {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    /// Defines the company and imports this many people, who may all be invited in one run.
    pub(super) async fn import_people(&self, people_count: usize) {
        self.caller.define_company().await;
        let limit = json!({"bulk_integration_max_records": people_count});
        command_until_accepted(&self.caller, "SetCompanyConfig", limit).await;
        let store = eventually("the bucket for files exists", async || {
            let jetstream = jetstream::new(self.caller.client.clone());
            jetstream.get_object_store("BOARDING_FILES").await.ok()
        })
        .await;
        let text = people(people_count);
        store.put("acme/people.csv", &mut text.as_bytes()).await.unwrap();
        let object = json!({"bucket": "BOARDING_FILES", "name": "acme/people.csv"});
        let import = json!({
            "dialect": "leapxpert", "add_to_corporate_phones": true,
            "files": [{"name": "people.csv", "object": object}],
        });
        command_until_accepted(&self.caller, "ImportFile", import).await;
        eventually("the import is completed", async || {
            let imports = self.caller.query("imports", json!({})).await.value;
            (imports["rows"][0]["state"] == "completed").then_some(())
        })
        .await;
    }

    /// Starts a run of all people and returns its id.
    pub(super) async fn start_run(&self) -> String {
        let mut body =
            json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "preview"});
        let shown =
            command_until_accepted(&self.caller, "StartBulkIntegration", body.clone()).await;
        body["mode"] = json!("confirmed");
        body["expected_recipients"] = shown["result"]["recipient_count"].clone();
        let started = command_until_accepted(&self.caller, "StartBulkIntegration", body).await;
        started["result"]["run"].as_str().unwrap().to_owned()
    }

    async fn row(&self, run: &str) -> Option<Value> {
        let mut answer = request(&self.caller, "query", "run", json!({"run": run})).await?;
        // Another engine may answer the next query. The position makes it wait for what this engine has read.
        let position = answer["position"].clone();
        let mut row = answer.get_mut("row").map(Value::take)?;
        row["position"] = position;
        Some(row)
    }

    /// Waits until this many mails of a run were sent, and returns their number.
    ///
    /// The check reads the outboxes. A query may wait for an engine that was just cut off, and the runs would be over.
    pub(super) async fn wait_for_mails(&self, run: &str, least: usize) -> usize {
        let runs = [run.to_owned()];
        eventually("mails are sent", async || {
            Some(self.mail_count(&runs)).filter(|count| *count >= least)
        })
        .await
    }

    /// The number of mails of these runs, from all engines.
    fn mail_count(&self, runs: &[String]) -> usize {
        let outboxes = self.engines.iter().map(|engine| engine.data().join("outbox/acme"));
        outboxes.flat_map(|outbox| runs.iter().map(move |run| files(&outbox.join(run)).len())).sum()
    }

    /// Waits until more mails were sent than recipients can be claimed now.
    ///
    /// The check reads the outboxes: a suspended engine does not answer queries, and the feed may be late.
    pub(super) async fn wait_for_new_invitations(&self, runs: &[String]) {
        let before = self.mail_count(runs);
        eventually("more people are invited", async || {
            (self.mail_count(runs) > before + CLAIMED_MAX).then_some(())
        })
        .await;
    }

    /// Waits until a run is completed and returns its row.
    pub(super) async fn wait_until_completed(&self, run: &str) -> Value {
        eventually("the run is completed", async || {
            self.row(run).await.filter(|row| row["state"] == "completed")
        })
        .await
    }

    /// Asserts that each recipient of a run has one outcome and at most one mail, over all engines.
    pub(super) async fn check_mails(&self, run: &str) {
        let row = self.wait_until_completed(run).await;
        let number = |name: &str| row[name].as_u64().unwrap();
        assert_eq!(
            number("passed") + number("skipped") + number("failed"),
            number("total"),
            "{row}"
        );
        let params = json!({"run": run, "min_position": row["position"]});
        let log = all_rows(&self.caller, "integration_log", params).await;
        let mut users = BTreeSet::new();
        for row in &log {
            assert!(users.insert(row["username"].as_str().unwrap()), "two rows: {row}");
        }
        assert_eq!(users.len() as u64, number("total"));
        let mut mails = BTreeMap::<String, usize>::new();
        for engine in &self.engines {
            for name in files(&engine.data().join("outbox/acme").join(run)) {
                *mails.entry(name).or_default() += 1;
            }
        }
        let repeated: Vec<_> = mails.iter().filter(|(_, count)| **count > 1).collect();
        assert!(repeated.is_empty(), "two mails to one recipient: {repeated:?}");
        let sent = log.iter().filter(|row| row["status"] == "success").count();
        let uncertain = log.iter().filter(|row| row["code"] == "delivery.uncertain").count();
        assert!(
            mails.len() >= sent && mails.len() <= sent + uncertain,
            "{} mails, {sent} sent, {uncertain} uncertain",
            mails.len()
        );
    }

    /// Asserts that the feed has the company's whole history. An event may be published again, but never early.
    pub(super) async fn check_feed(&self) {
        let body = json!({"user": "the-last"});
        let added = command_until_accepted(&self.caller, "AddUser", body).await;
        let params = json!({"min_position": added["position"]});
        let history = all_rows(&self.caller, "history", params).await;
        let last = history.last().unwrap()["version"].as_u64().unwrap();
        let versions = self.published_versions(last).await;
        let distinct: BTreeSet<u64> = versions.iter().copied().collect();
        assert_eq!(distinct.len() as u64, *distinct.last().unwrap(), "the feed has a gap");
        let mut highest = 0;
        for version in versions {
            assert!(version <= highest + 1, "version {version} after {highest}");
            highest = highest.max(version);
        }
    }

    /// Waits until the event of this version is published, and returns all published versions in order.
    async fn published_versions(&self, last: u64) -> Vec<u64> {
        let mut stream = eventually("the last event is published", async || {
            let stream = self.jetstream.get_stream("BOARDING_EVENTS").await.ok()?;
            let event =
                stream.get_last_raw_message_by_subject("boarding.v1.acme.event.*").await.ok()?;
            let event: Value = serde_json::from_slice(&event.payload).ok()?;
            (event["version"].as_u64()? >= last).then_some(stream)
        })
        .await;
        let total = usize::try_from(stream.info().await.unwrap().state.messages).unwrap();
        let consumer =
            stream.create_consumer(jetstream::consumer::pull::OrderedConfig::default()).await;
        let events = consumer.unwrap().messages().await.unwrap().take(total);
        events
            .map(|event| serde_json::from_slice::<Value>(&event.unwrap().payload).unwrap())
            .map(|event| event["version"].as_u64().unwrap())
            .collect()
            .await
    }
}

/// The names of the files in a folder, which may be missing.
fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
