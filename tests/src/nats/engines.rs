//! Several engines on one log, as processes: faults lose nothing, repeat no mail and stop no queue.
//!
//! Each fault is tried twice, and an outage of the server once, or as often as `BOARDING_FAULTS` says.

mod load;
mod site;

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use self::load::Load;
use self::site::Site;
use super::caller::Caller;
use super::retries::{all_rows, command_until_accepted, send_until_accepted};
use super::serve_process::ServeProcess;
use crate::support::nats::{Cluster, Server, faults};
use crate::support::wait::{Stopwatch, eventually};

/// How many people are in a run: enough that a fault interrupts it. A debug build invites about a hundred per second.
fn people() -> usize {
    if faults(2) > 2 { 1_500 } else { 500 }
}

/// How many runs are queued before each fault: enough that more people remain than can have been claimed.
fn runs() -> usize {
    if faults(2) > 2 { 6 } else { 3 }
}

/// How long an outage of the server lasts, in seconds: longer when `BOARDING_FAULTS` asks for many.
fn outage_seconds() -> u64 {
    if faults(2) > 2 { 30 } else { 7 }
}

/// How much longer one engine is gone when the other has continued its runs, in seconds.
fn more_seconds() -> u64 {
    if faults(2) > 2 { 30 } else { 2 }
}

/// How many mails of the first run are sent when the fault happens: another number for each trial.
fn mails_before_fault(trial: usize) -> usize {
    50 + trial * 97 % (people() * 3 / 5)
}

/// Waits so many seconds while something is broken.
async fn wait_during_outage(seconds: u64) {
    let outage = Duration::from_secs(seconds);
    let _ = tokio::time::timeout(outage, std::future::pending::<()>()).await;
}

/// P10: Two engines accept concurrent commands of 64 clients for one company. Each is done once.
#[tokio::test(flavor = "multi_thread")]
async fn two_engines_do_concurrent_commands_once() {
    let site = Site::on_one_server().await;
    let clients = (0..64).map(|n| {
        let caller = site.caller.clone();
        tokio::spawn(async move {
            for k in 0..5 {
                let envelope = caller.envelope(&json!({"user": format!("user-{n}-{k}")}));
                let first = send_until_accepted(&caller, "AddUser", &envelope).await;
                let repeat = send_until_accepted(&caller, "AddUser", &envelope).await;
                assert_eq!(
                    (&repeat["duplicate"], &repeat["version"]),
                    (&json!(true), &first["version"])
                );
            }
        })
    });
    for client in futures_util::future::join_all(clients).await {
        client.unwrap();
    }
    let last = command_until_accepted(&site.caller, "AddUser", json!({"user": "last"})).await;
    let params = json!({"min_position": last["position"]});
    let history: Vec<Value> = all_rows(&site.caller, "history", params).await;
    assert_eq!(history.len(), 321);
    assert!(history.iter().map(|event| event["version"].as_u64().unwrap()).eq(1..=321));
    site.check_feed().await;
}

/// Whether runs must continue during a fault.
#[derive(Clone, Copy, PartialEq)]
enum DuringFault {
    RunsContinue,
    NothingWorks,
}

/// Asserts that faults lose and repeat nothing: runs are in progress and commands are sent all the time.
///
/// Prints how long after the fault, or after its end, people are invited again.
async fn check_faults(
    site: Site,
    during_fault: DuringFault,
    break_it: impl AsyncFn(&mut Site, usize),
    repair: impl AsyncFn(&mut Site, usize),
) {
    let mut site = site;
    site.import_people(people()).await;
    let load = Load::start(&site.caller, "load-");
    // The two engines take turns. There is only one server.
    let trials = if during_fault == DuringFault::NothingWorks { faults(1) } else { faults(2) };
    for trial in 0..trials {
        let mut queued = Vec::new();
        for _ in 0..runs() {
            queued.push(site.start_run().await);
        }
        let before = site.wait_for_mails(&queued[0], mails_before_fault(trial)).await;
        break_it(&mut site, trial).await;
        if during_fault == DuringFault::NothingWorks {
            wait_during_outage(outage_seconds()).await;
            repair(&mut site, trial).await;
        }
        let watch = Stopwatch::start();
        site.wait_for_new_invitations(&queued).await;
        let elapsed = watch.elapsed();
        eprintln!("fault {trial} after {before} mails: more are sent {elapsed:?} later");
        if during_fault == DuringFault::RunsContinue {
            repair(&mut site, trial).await;
        }
        for run in &queued {
            site.wait_until_completed(run).await;
            site.check_mails(run).await;
        }
        site.wait_until_copies_are_current().await;
    }
    load.stop_and_check(&site.caller).await;
    site.check_feed().await;
}

/// P7, P27: An engine that was killed finds in its own outbox which mails it has sent. No mail is uncertain.
#[tokio::test(flavor = "multi_thread")]
async fn killed_engine_knows_the_mails_of_its_outbox() {
    let mut site = Site::with_one_engine().await;
    site.import_people(people()).await;
    let run = site.start_run().await;
    site.wait_for_mails(&run, 1).await;
    site.restart_engine(0);
    let row = site.wait_until_completed(&run).await;
    assert_eq!((&row["passed"], &row["failed"]), (&row["total"], &json!(0)));
    site.check_mails(&run).await;
}

/// P7, P30: An engine is killed, in turn the one that owns the company and the other.
#[tokio::test(flavor = "multi_thread")]
async fn other_engine_continues_after_an_engine_is_killed() {
    check_faults(
        Site::on_one_server().await,
        DuringFault::RunsContinue,
        async |site, trial| site.engines[trial % 2].kill(),
        async |site, trial| site.restart_engine(trial % 2),
    )
    .await;
}

/// P28: An engine that was suspended for longer than its lease is fenced off when it continues.
#[tokio::test(flavor = "multi_thread")]
async fn engine_suspended_longer_than_its_lease_is_fenced_off() {
    check_faults(
        Site::on_one_server().await,
        DuringFault::RunsContinue,
        async |site: &mut Site, trial: usize| site.engines[trial % 2].signal("-STOP"),
        async |site: &mut Site, trial: usize| {
            wait_during_outage(more_seconds()).await;
            site.engines[trial % 2].signal("-CONT");
        },
    )
    .await;
}

/// P7: The NATS server is killed and restarted later.
#[tokio::test(flavor = "multi_thread")]
async fn engines_continue_after_an_outage_of_the_server() {
    check_faults(
        Site::on_one_server().await,
        DuringFault::NothingWorks,
        async |site: &mut Site, _| site.servers[0].kill(),
        async |site: &mut Site, _| site.servers[0].restart(),
    )
    .await;
}

/// P28, P30: The network between one engine and NATS drops all traffic for a while.
#[tokio::test(flavor = "multi_thread")]
async fn other_engine_continues_while_the_network_of_one_is_cut() {
    check_faults(
        Site::on_one_server().await,
        DuringFault::RunsContinue,
        async |site: &mut Site, trial: usize| site.proxies[trial % 2].cut(),
        async |site: &mut Site, trial: usize| {
            wait_during_outage(more_seconds()).await;
            site.proxies[trial % 2].restore();
        },
    )
    .await;
}

/// P7: In a cluster, the leader of the log or a follower is killed.
#[tokio::test(flavor = "multi_thread")]
async fn engines_continue_after_a_server_of_the_cluster_is_killed() {
    let killed = std::sync::Mutex::new(0);
    check_faults(
        Site::on_cluster().await,
        DuringFault::RunsContinue,
        async |site: &mut Site, trial: usize| {
            let server = site.server_index(trial.is_multiple_of(2)).await;
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

/// P7: In a cluster, all streams of an engine have three copies by default.
#[tokio::test(flavor = "multi_thread")]
async fn streams_in_a_cluster_have_three_copies_by_default() {
    let cluster = Cluster::start();
    let monitors: Vec<String> = cluster.servers.iter().map(Server::monitor_url).collect();
    let mut serving = ServeProcess::at(cluster.url());
    serving.restart(&["--workers", "--log", "jetstream", "--nats-monitor", &monitors.join(",")]);
    let client = Caller::connect(&cluster.url()).await.client;
    let jetstream = jetstream::new(client);
    let expected = ["BOARDING_LOG", "BOARDING_QUEUE", "BOARDING_EVENTS", "OBJ_BOARDING_FILES"];
    let copies = eventually("all streams exist", async || {
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
