//! Several engines on one log, as processes: they share the work, and whatever breaks, nothing is lost,
//! nobody gets a second mail, and the queue goes on.
//!
//! Each fault is tried twice; `BOARDING_FAULTS=20` tries it so many times.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::Request;
use async_nats::jetstream::{self, context::ContextBuilder};
use boarding_core::limits::CLAIM_MAX;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::caller::{Caller, people};
use super::serve_process::ServeProcess;
use crate::support::nats::{Cluster, Server};
use crate::support::proxy::Proxy;
use crate::support::wait::{Stopwatch, eventually};

/// How many people a run has: it lasts long enough to be interrupted.
const PEOPLE: usize = 1_500;

/// How often each fault is tried.
fn faults() -> usize {
    std::env::var("BOARDING_FAULTS").ok().and_then(|n| n.parse().ok()).unwrap_or(2)
}

/// How many runs are queued for each fault: enough that a fast program is still at work when it strikes.
fn runs() -> usize {
    if faults() > 2 { 6 } else { 3 }
}

/// How many people an engine with an outbox has claimed at most whose mails it has not sent.
const CLAIMED_MAX: usize = CLAIM_MAX;

/// How often a command is asked before it is given up: more than a minute's worth.
const TRIES_MAX: usize = 3_000;

/// How long a fault lasts that is one of time, in seconds: half a minute where faults are tried in earnest.
fn fault_seconds() -> u64 {
    if faults() > 2 { 30 } else { 7 }
}

/// Lets a fault last.
async fn while_it_lasts() {
    let fault = Duration::from_secs(fault_seconds());
    let _ = tokio::time::timeout(fault, std::future::pending::<()>()).await;
}

/// Two engines on one log, and a client of the company `acme`.
struct Site {
    servers: Vec<Server>,
    engines: Vec<ServeProcess>,
    /// Between each engine and the server, if there is only one.
    wires: Vec<Proxy>,
    caller: Caller,
}

impl Site {
    /// On one server, to which each engine has a wire of its own.
    async fn start() -> Self {
        let server = Server::start();
        let wires = [Proxy::to(server.port).await, Proxy::to(server.port).await];
        let engines = wires.each_ref().map(|wire| format!("nats://127.0.0.1:{}", wire.port));
        Self::on(vec![server], engines.map(ServeProcess::at).into(), wires.into()).await
    }

    /// On a cluster of three.
    async fn on_cluster() -> Self {
        let cluster = Cluster::start();
        let engines = vec![ServeProcess::at(cluster.url()), ServeProcess::at(cluster.url())];
        Self::on(cluster.servers, engines, Vec::new()).await
    }

    async fn on(servers: Vec<Server>, engines: Vec<ServeProcess>, wires: Vec<Proxy>) -> Self {
        let url = servers.iter().map(Server::url).collect::<Vec<_>>().join(",");
        let caller = Caller::on(&url).await;
        let mut site = Self { servers, engines, wires, caller };
        for n in 0..site.engines.len() {
            site.restart(n);
        }
        site
    }

    fn restart(&mut self, n: usize) {
        let monitors: Vec<String> = self.servers.iter().map(Server::monitor_url).collect();
        let (monitors, copies) = (monitors.join(","), self.servers.len().to_string());
        let options = ["--log", "jetstream", "--nats-monitor", &monitors, "--replicas", &copies];
        self.engines[n].restart(&options);
    }

    /// Which server leads the stream of the log, or another one.
    async fn server(&self, leads: bool) -> usize {
        let jetstream = jetstream::new(self.caller.client.clone());
        let leader = eventually("the log has a leader", async || {
            let info = jetstream.get_stream("BOARDING_LOG").await.ok()?.get_info().await.ok()?;
            info.cluster?.leader?.strip_prefix('n')?.parse::<usize>().ok()
        })
        .await;
        if leads { leader - 1 } else { leader % self.servers.len() }
    }

    /// Waits until every server has what its cluster keeps: before, a second one that is lost is one too many.
    async fn in_step(&self) {
        let soon = ContextBuilder::new().timeout(Duration::from_secs(1));
        let jetstream = soon.build(self.caller.client.clone());
        let peers = self.servers.len() - 1;
        eventually("every server is in step", async || {
            let mut streams = jetstream.streams();
            while let Some(stream) = streams.next().await {
                let Some(cluster) = stream.ok()?.cluster else { continue };
                let current = cluster.replicas.iter().filter(|one| one.current && !one.offline);
                if cluster.leader.is_none() || current.count() < peers {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    /// A company whose people may all be invited in one run.
    async fn with_people(site: Self, people_count: usize) -> Self {
        site.caller.define_company().await;
        let limit = json!({"bulk_integration_max_records": people_count});
        until_accepted(&site.caller, "SetCompanyConfig", limit).await;
        let store = eventually("there is a bucket for files", async || {
            let jetstream = jetstream::new(site.caller.client.clone());
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
        until_accepted(&site.caller, "ImportFile", import).await;
        eventually("the import is done", async || {
            let imports = site.caller.query("imports", json!({})).await.value;
            (imports["rows"][0]["state"] == "completed").then_some(())
        })
        .await;
        site
    }

    /// Starts a run for everybody; its id.
    async fn run(&self) -> String {
        let body =
            json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed"});
        let started = until_accepted(&self.caller, "StartBulkIntegration", body).await;
        started["result"]["run"].as_str().unwrap().to_owned()
    }

    async fn row(&self, run: &str) -> Option<Value> {
        let mut told = asked(&self.caller, "query", "run", json!({"run": run})).await?;
        // Any engine may answer the next question: it is to have seen what this one has.
        let position = told["position"].clone();
        let mut row = told.get_mut("row").map(Value::take)?;
        row["position"] = position;
        Some(row)
    }

    /// Waits until so many recipients of a run have an outcome.
    async fn done(&self, run: &str, least: u64) -> u64 {
        eventually("the run gets on", async || {
            let row = self.row(run).await?;
            let done = row["total"].as_u64()? - row["remaining"].as_u64()?;
            (row["state"] != "pending" && (done >= least || row["state"] == "completed"))
                .then_some(done)
        })
        .await
    }

    /// How many mails of these runs were sent, by whichever engine.
    fn mails(&self, runs: &[String]) -> usize {
        let outboxes = self.engines.iter().map(|engine| engine.data().join("outbox/acme"));
        outboxes.flat_map(|outbox| runs.iter().map(move |run| files(&outbox.join(run)).len())).sum()
    }

    /// Waits until more mails were sent than can have been claimed before. No engine is asked, since one that
    /// is asleep would keep the answer waiting; and the feed may have news of before to tell yet.
    async fn invites_anew(&self, runs: &[String]) {
        let before = self.mails(runs);
        eventually("people are invited", async || {
            (self.mails(runs) > before + CLAIMED_MAX).then_some(())
        })
        .await;
    }

    async fn completed(&self, run: &str) -> Value {
        eventually("the run is completed", async || {
            self.row(run).await.filter(|row| row["state"] == "completed")
        })
        .await
    }

    /// Everybody has one outcome, and nobody two mails, whichever engine sent them.
    async fn check_mails(&self, run: &str) {
        let row = self.completed(run).await;
        let number = |name: &str| row[name].as_u64().unwrap();
        assert_eq!(
            number("passed") + number("skipped") + number("failed"),
            number("total"),
            "{row}"
        );
        let log = every_row(
            &self.caller,
            "integration_log",
            json!({"run": run, "min_position": row["position"]}),
        )
        .await;
        let mut outcomes = BTreeMap::new();
        for row in &log {
            let before = outcomes.insert(row["username"].as_str().unwrap().to_owned(), row.clone());
            assert!(before.is_none(), "two rows: {row}");
        }
        assert_eq!(outcomes.len() as u64, number("total"));
        let mut mails = BTreeMap::<String, usize>::new();
        for engine in &self.engines {
            for name in files(&engine.data().join("outbox/acme").join(run)) {
                *mails.entry(name).or_default() += 1;
            }
        }
        let twice: Vec<_> = mails.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "mailed twice: {twice:?}");
        let sent = log.iter().filter(|row| row["status"] == "success").count();
        let doubt = log.iter().filter(|row| row["code"] == "delivery.uncertain").count();
        assert!(
            mails.len() >= sent && mails.len() <= sent + doubt,
            "{} mails, {sent} sent, {doubt} in doubt",
            mails.len()
        );
    }

    /// The feed holds the company's whole history, in order.
    async fn check_feed(&self) {
        let mark = until_accepted(&self.caller, "AddUser", json!({"user": "the-last"})).await;
        let history =
            every_row(&self.caller, "history", json!({"min_position": mark["position"]})).await;
        let last = history.last().unwrap()["version"].as_u64().unwrap();
        let jetstream = jetstream::new(self.caller.client.clone());
        let mut seen = eventually("the feed has come so far", async || {
            let stream = jetstream.get_stream("BOARDING_EVENTS").await.ok()?;
            let event =
                stream.get_last_raw_message_by_subject("boarding.v1.acme.event.*").await.ok()?;
            let event: Value = serde_json::from_slice(&event.payload).ok()?;
            (event["version"].as_u64()? >= last).then_some(stream)
        })
        .await;
        let total = usize::try_from(seen.info().await.unwrap().state.messages).unwrap();
        let consumer =
            seen.create_consumer(jetstream::consumer::pull::OrderedConfig::default()).await;
        let events = consumer.unwrap().messages().await.unwrap().take(total);
        let versions: Vec<u64> = events
            .map(|event| serde_json::from_slice::<Value>(&event.unwrap().payload).unwrap())
            .map(|event| event["version"].as_u64().unwrap())
            .collect()
            .await;
        let once: BTreeSet<u64> = versions.iter().copied().collect();
        assert_eq!(once.len() as u64, *once.last().unwrap(), "there is a gap");
        let mut highest = 0;
        for version in versions {
            assert!(version <= highest + 1, "version {version} after {highest}");
            highest = highest.max(version);
        }
    }
}

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Asks once; nothing if there is no answer.
async fn asked(caller: &Caller, kind: &str, name: &str, value: Value) -> Option<Value> {
    let (headers, bytes) = caller.written(&value);
    let subject = caller.subject(kind, name);
    // An engine that sleeps is asked as well, and never answers.
    let patience = Some(Duration::from_secs(2));
    let request = Request::new().headers(headers).payload(bytes.into()).timeout(patience);
    let answer = caller.client.send_request(subject, request).await.ok()?;
    serde_json::from_slice(&answer.payload).ok()
}

/// Asks a command until it is accepted, always under one id, as the contract tells askers to.
async fn until_accepted(caller: &Caller, name: &str, body: Value) -> Value {
    accepted(caller, name, &caller.envelope(&body)).await
}

async fn accepted(caller: &Caller, name: &str, envelope: &Value) -> Value {
    let mut again = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..TRIES_MAX {
        again.tick().await;
        let Some(answer) = asked(caller, "command", name, envelope.clone()).await else { continue };
        assert_ne!(answer["outcome"], "refused", "{answer}");
        if answer["outcome"] == "accepted" {
            return answer;
        }
    }
    panic!("{name} is not accepted");
}

async fn every_row(caller: &Caller, name: &str, params: Value) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut params = params.clone();
        params["limit"] = json!(500);
        if !cursor.is_null() {
            params["cursor"] = cursor;
        }
        let page = eventually("a page is answered", async || {
            asked(caller, "query", name, params.clone())
                .await
                .filter(|page| page["rows"].is_array())
        })
        .await;
        rows.extend(page["rows"].as_array().unwrap().clone());
        cursor = page["next"].clone();
        if cursor.is_null() {
            return rows;
        }
    }
}

/// Commands all the time, each asked under one id until it is accepted.
struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(Vec<String>, Value)>,
}

impl Load {
    fn start(caller: &Caller, prefix: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, caller) = (Arc::clone(&stop), caller.clone());
        let task = tokio::spawn(async move {
            let (mut accepted, mut position) = (Vec::new(), Value::Null);
            while !ended.load(Ordering::Relaxed) {
                let user = format!("{prefix}{}", accepted.len());
                let answer = until_accepted(&caller, "AddUser", json!({"user": user})).await;
                accepted.push(user);
                position = answer["position"].clone();
            }
            (accepted, position)
        });
        Self { stop, task }
    }

    /// Every command that was acknowledged is in the history, and once.
    async fn check(self, caller: &Caller) {
        self.stop.store(true, Ordering::Relaxed);
        let (accepted, position) = self.task.await.unwrap();
        let history = every_row(caller, "history", json!({"min_position": position})).await;
        let mut created = BTreeMap::<&str, usize>::new();
        for event in history.iter().filter(|event| event["event"] == "UserCreated") {
            *created.entry(event["data"]["user"].as_str().unwrap()).or_default() += 1;
        }
        for user in &accepted {
            assert_eq!(created.get(user.as_str()), Some(&1), "{user}");
        }
        let versions = history.iter().map(|event| event["version"].as_u64().unwrap());
        assert!(versions.eq(1..=history.len() as u64), "the history has no gap");
    }
}

/// P10 on two engines: of concurrent commands from 64 clients none is lost or done twice.
#[tokio::test(flavor = "multi_thread")]
async fn p10_two_engines_take_commands_of_64_clients_for_one_company() {
    let site = Site::start().await;
    let clients = (0..64).map(|n| {
        let caller = site.caller.clone();
        tokio::spawn(async move {
            for k in 0..5 {
                let envelope = caller.envelope(&json!({"user": format!("user-{n}-{k}")}));
                let first = accepted(&caller, "AddUser", &envelope).await;
                let again = accepted(&caller, "AddUser", &envelope).await;
                assert_eq!(
                    (&again["duplicate"], &again["version"]),
                    (&json!(true), &first["version"])
                );
            }
        })
    });
    for client in futures_util::future::join_all(clients).await {
        client.unwrap();
    }
    let mark = until_accepted(&site.caller, "AddUser", json!({"user": "mark"})).await;
    let history =
        every_row(&site.caller, "history", json!({"min_position": mark["position"]})).await;
    assert_eq!(history.len(), 321);
    assert!(history.iter().map(|event| event["version"].as_u64().unwrap()).eq(1..=321));
    site.check_feed().await;
}

/// Whether the others go on while a fault lasts.
#[derive(Clone, Copy, PartialEq)]
enum Meanwhile {
    OthersGoOn,
    NothingGoes,
}

/// What every fault must leave as it was: runs at its hands, commands all the while. Tells after how
/// long the queue moved again, from the fault or else from its end.
async fn survives(
    site: Site,
    meanwhile: Meanwhile,
    break_it: impl AsyncFn(&mut Site, usize),
    mend: impl AsyncFn(&mut Site, usize),
) {
    let mut site = Site::with_people(site, PEOPLE).await;
    let load = Load::start(&site.caller, "load-");
    for trial in 0..faults() {
        let mut queued = Vec::new();
        for _ in 0..runs() {
            queued.push(site.run().await);
        }
        let before = site.done(&queued[0], 50 + (trial as u64 * 97) % 900).await;
        break_it(&mut site, trial).await;
        if meanwhile == Meanwhile::NothingGoes {
            while_it_lasts().await;
            mend(&mut site, trial).await;
        }
        let watch = Stopwatch::start();
        site.invites_anew(&queued).await;
        let moved = watch.elapsed();
        eprintln!("fault {trial}: after {before} people; the queue moved {moved:?} later");
        site.done(&queued[0], before + 1).await;
        if meanwhile == Meanwhile::OthersGoOn {
            mend(&mut site, trial).await;
        }
        for run in &queued {
            site.completed(run).await;
            site.check_mails(run).await;
        }
        site.in_step().await;
    }
    load.check(&site.caller).await;
    site.check_feed().await;
}

/// P7, P30: kill -9 of an engine, now the one that works for the company and now the other.
#[tokio::test(flavor = "multi_thread")]
async fn p7_p30_an_engine_is_killed_and_the_other_goes_on() {
    survives(
        Site::start().await,
        Meanwhile::OthersGoOn,
        async |site, trial| site.engines[trial % 2].kill(),
        async |site, trial| site.restart(trial % 2),
    )
    .await;
}

/// P28: an engine that was stopped for longer than its lease and goes on then is fenced off.
#[tokio::test(flavor = "multi_thread")]
async fn p28_an_engine_that_slept_longer_than_its_lease_does_no_harm() {
    survives(
        Site::start().await,
        Meanwhile::OthersGoOn,
        async |site: &mut Site, trial: usize| site.engines[trial % 2].signal("-STOP"),
        async |site: &mut Site, trial: usize| {
            while_it_lasts().await;
            site.engines[trial % 2].signal("-CONT");
        },
    )
    .await;
}

/// P7: the NATS server is killed, is away for a while, and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn p7_the_server_of_the_log_is_killed_and_comes_back() {
    survives(
        Site::start().await,
        Meanwhile::NothingGoes,
        async |site: &mut Site, _| site.servers[0].kill(),
        async |site: &mut Site, _| site.servers[0].restart(),
    )
    .await;
}

/// P28, P30: the network between one engine and NATS is cut, and nobody is told.
#[tokio::test(flavor = "multi_thread")]
async fn p28_p30_the_network_of_one_engine_is_cut_for_a_while() {
    survives(
        Site::start().await,
        Meanwhile::OthersGoOn,
        async |site: &mut Site, trial: usize| site.wires[trial % 2].cut(),
        async |site: &mut Site, trial: usize| {
            while_it_lasts().await;
            site.wires[trial % 2].restore();
        },
    )
    .await;
}

/// P7: in a cluster, the server that leads the log is killed, or one that follows.
#[tokio::test(flavor = "multi_thread")]
async fn p7_a_server_of_the_cluster_is_killed_the_leader_or_another() {
    let killed = std::sync::Mutex::new(0);
    survives(
        Site::on_cluster().await,
        Meanwhile::OthersGoOn,
        async |site: &mut Site, trial: usize| {
            let server = site.server(trial.is_multiple_of(2)).await;
            site.servers[server].kill();
            *killed.lock().unwrap() = server;
        },
        async |site, _| {
            let server = *killed.lock().unwrap();
            site.servers[server].restart();
        },
    )
    .await;
}

/// P7: whatever an engine makes in a cluster is kept by three servers, unless it is told otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn p7_all_that_an_engine_makes_in_a_cluster_outlives_a_server() {
    let cluster = Cluster::start();
    let monitors: Vec<String> = cluster.servers.iter().map(Server::monitor_url).collect();
    let mut serving = ServeProcess::at(cluster.url());
    serving.restart(&["--workers", "--log", "jetstream", "--nats-monitor", &monitors.join(",")]);
    let client = Caller::on(&cluster.url()).await.client;
    let jetstream = jetstream::new(client);
    let expected = ["BOARDING_LOG", "BOARDING_QUEUE", "BOARDING_EVENTS", "OBJ_BOARDING_FILES"];
    let copies = eventually("all of it is made", async || {
        let mut copies = BTreeMap::new();
        let mut streams = jetstream.streams();
        while let Some(stream) = streams.next().await {
            let config = stream.ok()?.config;
            copies.insert(config.name, config.num_replicas);
        }
        expected.iter().all(|name| copies.contains_key(*name)).then_some(copies)
    })
    .await;
    assert!(copies.values().all(|copies| *copies == 3), "{copies:?}");
    assert!(copies.len() > expected.len(), "{copies:?}");
}
