//! Servers with the accounts of `nats.conf` are killed during appends: acknowledged commits are in the log, once and in
//! order.
//!
//! Each fault is tried a few times, or as often as `BOARDING_FAULTS` says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use boarding_commands::values::{CompanyId, Digest};
use boarding_log::contract::sample;
use boarding_log::jetstream::{JetStreamLog, Options};
use boarding_log::{AppendError, EventLog};
use tokio::task::JoinSet;

use super::super::caller::Caller;
use super::super::permissions::{config, lines, server, urls};
use super::{check_chains, open, options, options_of};
use crate::support::nats::{Cluster, Server, faults};
use crate::support::wait::eventually;

/// How many companies are appended to at once.
const COMPANIES: usize = 6;

/// How long a cluster may refuse appends after its leader was killed.
const OUTAGE_MAX: Duration = Duration::from_secs(15);

/// Concurrent appends to several companies until `stop` is set.
struct Load {
    log: Arc<JetStreamLog>,
    acknowledged: Vec<Arc<AtomicU64>>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<(CompanyId, Vec<Digest>)>,
}

impl Load {
    fn start(log: JetStreamLog) -> Self {
        let log = Arc::new(log);
        let (stop, mut tasks) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        let mut acknowledged = Vec::new();
        for n in 0..COMPANIES {
            let count = Arc::new(AtomicU64::new(0));
            let company = sample::company(&format!("c-{n}"));
            let load = append_all(Arc::clone(&log), company, Arc::clone(&count), Arc::clone(&stop));
            acknowledged.push(count);
            tasks.spawn(load);
        }
        Self { log, acknowledged, stop, tasks }
    }

    /// Waits until each company has this many more acknowledged appends.
    async fn wait_for_appends(&self, more: u64) {
        let now = || self.acknowledged.iter().map(|count| count.load(Ordering::Relaxed));
        let targets: Vec<u64> = now().map(|count| count + more).collect();
        eventually("every company is appended to", async || {
            now().zip(&targets).all(|(count, target)| count >= *target).then_some(())
        })
        .await;
    }

    /// Stops the appends. Returns the log and the hashes of acknowledged commits.
    async fn end(mut self) -> (Arc<JetStreamLog>, BTreeMap<CompanyId, Vec<Digest>>) {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = BTreeMap::new();
        while let Some(ended) = self.tasks.join_next().await {
            all.extend([ended.unwrap()]);
        }
        (self.log, all)
    }
}

/// Appends one commit after the other. Returns the hashes of the acknowledged commits.
async fn append_all(
    log: Arc<JetStreamLog>,
    company: CompanyId,
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> (CompanyId, Vec<Digest>) {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match log.append(vec![sample::next(&*log, &company, 2)]).await {
            Ok(appended) => {
                acknowledged.push(appended[0].hash);
                count.fetch_add(1, Ordering::Relaxed);
            }
            // The next commit is built on the new head.
            Err(AppendError::Conflict { .. }) => {}
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
    (company, acknowledged)
}

/// Asserts that all acknowledged commits are in the log, in order and once.
fn check(log: &dyn EventLog, acknowledged: &BTreeMap<CompanyId, Vec<Digest>>) {
    let mut found: BTreeMap<CompanyId, Vec<Digest>> = BTreeMap::new();
    for entry in check_chains(log) {
        found.entry(entry.recorded.commit.company).or_default().push(entry.recorded.hash);
    }
    for (company, hashes) in acknowledged {
        let mut stored = found[company].iter();
        assert!(hashes.iter().all(|hash| stored.any(|one| one == hash)), "{company}");
    }
}

/// Options of an engine on servers with accounts.
fn options_of_engine(servers: &[Server]) -> Options {
    let monitors = servers.iter().map(Server::monitor_url).collect();
    Options { monitors, ..options(&urls(servers, "engine")) }
}

/// P27: One server is killed and restarted.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_commits_survive_kills_of_the_server() {
    let mut servers = [server(&config())];
    let load = Load::start(open(options_of_engine(&servers)).unwrap());
    for _ in 0..faults(3) {
        load.wait_for_appends(15).await;
        servers[0].kill();
        servers[0].restart();
    }
    load.wait_for_appends(15).await;
    let (log, acknowledged) = load.end().await;
    check(&*log, &acknowledged);
    let end = log.end();
    drop(log);
    let again = open(options_of_engine(&servers)).unwrap();
    assert_eq!(again.end(), end);
    check(&again, &acknowledged);
}

/// The index of the server that leads the stream, as soon as all copies are current.
async fn leader(servers: &[Server]) -> usize {
    let engine = Caller::connect(&urls(servers, "engine")).await;
    let jetstream = async_nats::jetstream::new(engine.client);
    eventually("the stream has a leader and three current copies", async || {
        let stream = jetstream.get_stream("BOARDING_LOG").await.ok()?;
        let state = stream.cached_info().cluster.clone()?;
        let current = state.replicas.len() == 2 && state.replicas.iter().all(|one| one.current);
        let number: usize = state.leader?.strip_prefix('n')?.parse().ok()?;
        current.then_some(number - 1)
    })
    .await
}

/// P27, F10: The leader of a cluster is killed.
#[tokio::test(flavor = "multi_thread")]
async fn appends_continue_within_seconds_after_the_leader_is_killed() {
    let mut servers = Cluster::with(&lines(&config())).servers;
    let load = Load::start(open(options_of_engine(&servers)).unwrap());
    for _ in 0..faults(2) {
        load.wait_for_appends(5).await;
        let leader = leader(&servers).await;
        servers[leader].kill();
        tokio::time::timeout(OUTAGE_MAX, load.wait_for_appends(5)).await.expect("a new leader");
        servers[leader].restart();
    }
    leader(&servers).await;
    let (log, acknowledged) = load.end().await;
    check(&*log, &acknowledged);
    let again = open(options_of_engine(&servers)).unwrap();
    assert_eq!(again.end(), log.end());
    check(&again, &acknowledged);
}

/// P10: `find_command` finds the command of each commit that a reader returns.
#[tokio::test(flavor = "multi_thread")]
async fn reader_returns_only_indexed_commits() {
    let server = Server::start();
    let (ours, theirs) = (open(options_of(&server)).unwrap(), open(options_of(&server)).unwrap());
    let company = sample::company("acme");
    let writing = tokio::spawn(async move {
        let company = sample::company("acme");
        for round in 0..500 {
            theirs.append(vec![sample::next(&theirs, &company, round % 3)]).await.unwrap();
        }
    });
    let mut read = 0;
    while !writing.is_finished() || read < 500 {
        let mut reader = ours.read_company(&company, 1);
        read = 0;
        while let Some(entry) = reader.next().unwrap() {
            let commit = &entry.recorded.commit;
            let found = ours.find_command(&company, commit.command).unwrap();
            assert!(found.is_some(), "version {}", commit.last_version());
            read += 1;
        }
    }
    writing.await.unwrap();
}
