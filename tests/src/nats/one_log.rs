//! One NATS with the accounts of `nats.conf` serves one log: engines start at the same moment, are paused, or are cut
//! off from the network.
//!
//! Each fault is tried twice, or as often as `BOARDING_FAULTS` says.

use std::collections::BTreeSet;
use std::io::BufRead as _;
use std::time::Duration;

use boarding_commands::values::{CommandId, Time};
use boarding_core::clock::Clock;
use boarding_log::EventLog as _;
use boarding_log::file::{FileLog, Options};
use boarding_nats::limits::LOG_LEASE_SECONDS;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::caller::Caller;
use super::permissions::{config, server, url, url_of_port};
use super::retries::command_until_accepted;
use super::serve_process::ServeProcess;
use crate::support::nats::{Server, faults};
use crate::support::proxy::Proxy;
use crate::support::wait::eventually;

const ALREADY: &str = "another engine with its own log serves on this NATS already: engine ";
const WAITS: &str = "another engine holds the lease on serving, waiting for its end";

/// Starts the process. Returns the line that it prints when it is ready, or an empty one when it has ended.
async fn start(serving: &mut ServeProcess) -> String {
    let mut output = serving.spawn(&[]);
    let read = move || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

/// An engine on a server with the accounts of `nats.conf`.
fn not_started(server: &Server) -> ServeProcess {
    ServeProcess::at(url(server, "engine"))
}

fn started(server: &Server) -> ServeProcess {
    let mut serving = not_started(server);
    serving.restart(&[]);
    serving
}

async fn status(serving: &mut ServeProcess) -> Option<i32> {
    serving.ended().await.code()
}

/// Sends commands all the time, each once.
struct Load {
    tasks: JoinSet<Vec<CommandId>>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Load {
    fn start(caller: &Caller) -> Self {
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let caller = caller.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_millis(25));
            let mut sent = JoinSet::new();
            for n in 0.. {
                tokio::select! {
                    _ = pace.tick() => {}
                    _ = stopped.changed() => break,
                }
                let (caller, id) = (caller.clone(), caller.id());
                let body = json!({"role": format!("r{n}"), "permissions": []});
                sent.spawn(async move {
                    let envelope = json!({"id": id, "actor": "admin", "body": body});
                    let (headers, bytes) = caller.encode(&envelope);
                    let subject = caller.subject("command", "DefineRole");
                    let answer =
                        caller.client.request_with_headers(subject, headers, bytes.into()).await;
                    // A paused engine, or one that is cut off, does not answer.
                    let answer: Value = serde_json::from_slice(&answer.ok()?.payload).unwrap();
                    let is_accepted = answer["outcome"] == "accepted";
                    assert!(is_accepted || answer["code"] == "unavailable", "{answer}");
                    is_accepted.then_some(id)
                });
            }
            sent.join_all().await.into_iter().flatten().collect()
        });
        Self { tasks, stop }
    }

    /// Returns the commands that were accepted.
    async fn stop(mut self) -> BTreeSet<CommandId> {
        self.stop.send_replace(true);
        self.tasks.join_next().await.unwrap().unwrap().into_iter().collect()
    }
}

/// The commands in the log of the engine, which has ended, and their times.
fn log_of(serving: &ServeProcess) -> Vec<(CommandId, Time)> {
    let options = Options::new(Clock::system().now());
    let log = FileLog::open(&serving.data().join("log"), options).unwrap().log;
    let mut reader = log.read_all(1);
    let commits = std::iter::from_fn(|| reader.next().unwrap());
    commits.map(|entry| (entry.recorded.commit.command, entry.recorded.commit.at)).collect()
}

/// Breaks the first of two engines under load while the other one starts, and repairs it: after the other one serves,
/// or at a moment when its lease may be over. Asserts that one of them leaves, and that each accepted command is in the
/// one log that served at its time.
async fn check_one_log(
    trial: usize,
    through: Option<&Proxy>,
    server: &Server,
    break_it: impl Fn(&ServeProcess),
    repair: impl Fn(&ServeProcess),
) {
    let mut first = match through {
        Some(proxy) => ServeProcess::at(url_of_port(proxy.port, "engine")),
        None => not_started(server),
    };
    let mut second = not_started(server);
    first.restart(&[]);
    let caller = Caller::connect(&url(server, "acme-publisher")).await;
    caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.accepted();
    let load = Load::start(&caller);
    // Some commands are accepted before the fault, and some are on their way.
    caller.command("SetCompanyConfig", json!({"company_name": "Globex"})).await.accepted();
    break_it(&first);
    let starting = start(&mut second);
    let is_ready = if trial.is_multiple_of(2) {
        let line = starting.await;
        repair(&first);
        !line.is_empty()
    } else {
        let around_the_end = LOG_LEASE_SECONDS * 1_000 - 400 + trial as u64 * 37 % 800;
        let (line, ()) = tokio::join!(starting, async {
            let wait = Duration::from_millis(around_the_end);
            let _ = tokio::time::timeout(wait, std::future::pending::<()>()).await;
            repair(&first);
        });
        !line.is_empty()
    };
    let (mut winner, mut loser) = if is_ready { (second, first) } else { (first, second) };
    assert_eq!(status(&mut loser).await, Some(4), "{}", loser.log());
    let text = if is_ready { "another engine serves on this NATS now" } else { ALREADY };
    assert!(loser.log().contains(text), "{}", loser.log());
    caller.command("SetCompanyConfig", json!({"company_name": "Initech"})).await.accepted();
    let accepted = load.stop().await;
    winner.signal("-TERM");
    assert_eq!(status(&mut winner).await, Some(0), "{}", winner.log());

    let (of_winner, of_loser) = (log_of(&winner), log_of(&loser));
    let all: BTreeSet<CommandId> = of_winner.iter().chain(&of_loser).map(|(id, _)| *id).collect();
    assert!(accepted.is_subset(&all), "an accepted command is in no log");
    if is_ready {
        let last = of_loser.iter().map(|(_, at)| *at).max().unwrap();
        let first = of_winner.iter().map(|(_, at)| *at).min().unwrap();
        assert!(last < first, "both logs were served: {last:?} {first:?}");
    } else {
        assert!(of_loser.is_empty(), "an engine that did not start has accepted commands");
    }
    eprintln!("trial {trial}: the {} engine serves", if is_ready { "second" } else { "first" });
}

/// Runs all trials, two at a time: most of their time they wait for the end of a lease.
async fn for_each_trial(trial: impl AsyncFn(usize)) {
    futures_util::stream::iter(0..faults(2)).for_each_concurrent(2, |n| trial(n)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_engines_starts_at_the_same_moment() {
    for _ in 0..faults(2) {
        let server = server(&config());
        let mut engines = [(); 2].map(|()| not_started(&server));
        let [one, other] = &mut engines;
        let lines = tokio::join!(start(one), start(other));
        let winner = usize::from(lines.0.is_empty());
        let [one, other] = engines;
        let (winner, mut loser) = if winner == 0 { (one, other) } else { (other, one) };
        assert!(lines.0.is_empty() != lines.1.is_empty(), "{lines:?} {}", loser.log());
        assert_eq!(status(&mut loser).await, Some(4), "{}", loser.log());
        // The message names the engine that serves, and how long its lease is valid after a crash.
        let data = winner.data();
        for part in [ALREADY, data.to_str().unwrap(), "its lease ends after 10 s"] {
            assert!(loser.log().contains(part), "{}", loser.log());
        }
        let caller = Caller::connect(&url(&server, "acme-publisher")).await;
        caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.accepted();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_engine_leaves_when_another_has_started() {
    for_each_trial(async |trial| {
        let server = server(&config());
        let pause = |engine: &ServeProcess| engine.signal("-STOP");
        check_one_log(trial, None, &server, pause, |engine| engine.signal("-CONT")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_cut_off_leaves_when_another_has_started() {
    for_each_trial(async |trial| {
        let server = server(&config());
        let proxy = Proxy::to(server.port).await;
        check_one_log(trial, Some(&proxy), &server, |_| proxy.cut(), |_| proxy.restore()).await;
    })
    .await;
}

/// No other engine has started meanwhile, so the engine goes on.
#[tokio::test]
async fn engine_goes_on_after_an_outage_longer_than_its_lease() {
    let mut server = server(&config());
    let mut serving = started(&server);
    let caller = Caller::connect(&url(&server, "acme-publisher")).await;
    caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.accepted();
    server.kill();
    eventually("the lease is over", async || {
        serving.log().contains("renewing the lease on serving failed").then_some(())
    })
    .await;
    server.restart();
    let caller = Caller::connect(&url(&server, "acme-publisher")).await;
    let globex = json!({"company_name": "Globex"});
    command_until_accepted(&caller, "SetCompanyConfig", globex).await;
    assert!(serving.exit_status().is_none());
}

/// An engine that was killed starts again at once: it has the lock of its folder. One that was stopped has released
/// the lease for all.
#[tokio::test]
async fn engine_starts_at_once_after_a_kill_or_a_stop() {
    let server = server(&config());
    let mut serving = started(&server);
    serving.kill();
    serving.restart(&[]);
    serving.signal("-TERM");
    assert_eq!(status(&mut serving).await, Some(0), "{}", serving.log());
    let other = started(&server);
    for engine in [&serving, &other] {
        assert!(!engine.log().contains(WAITS), "{}", engine.log());
    }
}

#[tokio::test]
async fn engines_with_own_and_with_shared_log_exclude_each_other() {
    let server = server(&config());
    let monitor = server.monitor_url();
    let shared = ["--log", "jetstream", "--nats-monitor", &monitor];
    let mut alone = started(&server);
    let mut sharing = not_started(&server);
    drop(sharing.spawn(&shared));
    assert_eq!(status(&mut sharing).await, Some(4), "{}", sharing.log());
    assert!(sharing.log().contains(ALREADY), "{}", sharing.log());
    alone.signal("-TERM");
    assert_eq!(status(&mut alone).await, Some(0), "{}", alone.log());

    sharing.restart(&shared);
    let mut second = not_started(&server);
    second.restart(&shared);
    drop(alone.spawn(&[]));
    assert_eq!(status(&mut alone).await, Some(4), "{}", alone.log());
    let text = "engines that share a log in JetStream serve on this NATS already: engine ";
    assert!(alone.log().contains(text), "{}", alone.log());
    assert!(sharing.exit_status().is_none() && second.exit_status().is_none());
}
