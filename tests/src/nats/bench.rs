//! `boarding bench nats`: measures everything and leaves no streams. The figures are not checked.

use std::process::{Command, Output};

use async_nats::jetstream;
use futures_util::TryStreamExt as _;
use serde_json::Value;

use super::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::program::program;

/// The measurements of the log, repeated for each number of appends in flight.
const LOG: [&str; 2] = ["raw publish, one event", "log alone"];

/// The other measurements, in order.
const OTHERS: [&str; 12] = [
    "commands, log in files",
    "raw publish, commands",
    "commands, log in JetStream",
    "query users",
    "query run",
    "query integration_log",
    "commands, feed on",
    "feed behind the answer",
    "commands, feed on",
    "feed behind the answer",
    "raw publish, events",
    "feed of a whole log",
];

fn bench(server: &Server, options: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.args(["bench", "nats", "--json", "--nats", &server.url()]).args(options);
    command.args(["--companies", "3", "--clients", "8", "--commands", "24", "--events", "50"]);
    command.env("BOARDING_DATA", folder.path()).env_remove("BOARDING_NATS_CREDENTIALS");
    command.output().unwrap()
}

async fn streams(server: &Server) -> Vec<String> {
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut names: Vec<String> = jetstream::new(client).stream_names().try_collect().await.unwrap();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn bench_measures_everything_and_leaves_no_streams() {
    let server = Server::start();
    let output = bench(&server, &["--monitor", &server.monitor_url()]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let what: Vec<&str> = lines.iter().map(|line| line["what"].as_str().unwrap()).collect();
    let expected: Vec<&str> = LOG.repeat(4).into_iter().chain(OTHERS).chain(["memory"]).collect();
    assert_eq!(what, expected);
    let (memory, measured) = lines.split_last().unwrap();
    for line in measured {
        assert!(line["in_flight"].as_u64().unwrap() > 0, "{line}");
        assert!(line["per_second"].as_f64().unwrap() > 0.0, "{line}");
        let [p50, p99] = ["p50_millis", "p99_millis"].map(|name| line[name].as_f64().unwrap());
        assert!(p50 <= p99, "{line}");
        let compared = ["log alone", "commands, log in JetStream", "feed of a whole log"];
        let has_ratio = compared.contains(&line["what"].as_str().unwrap());
        assert_eq!(line["ratio"].is_f64(), has_ratio, "{line}");
    }
    assert_eq!(memory["events"], 50);
    for name in
        ["import_seconds", "import_visible_seconds", "events_per_second", "peak_memory_bytes"]
    {
        assert!(memory[name].as_f64().unwrap() > 0.0, "{memory}");
    }
    assert_eq!(streams(&server).await, [""; 0]);
}

/// The bench does not touch the streams of an engine, and refuses servers that may lose acknowledged messages.
#[tokio::test]
async fn bench_refuses_unsafe_servers_and_servers_with_streams() {
    let server = Server::start();
    let output = bench(&server, &[]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && stderr.contains("monitoring address"), "{stderr}");
    assert_eq!(streams(&server).await, [""; 0]);
    let client = async_nats::connect(server.url()).await.unwrap();
    let config = jetstream::stream::Config {
        name: "BOARDING_EVENTS".to_owned(),
        subjects: vec!["boarding.v1.*.event.*".to_owned()],
        ..Default::default()
    };
    jetstream::new(client).create_stream(config).await.unwrap();
    let output = bench(&server, &["--accept-unknown-sync"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && stderr.contains("have the stream BOARDING_EVENTS"),
        "{stderr}"
    );
    assert_eq!(streams(&server).await, ["BOARDING_EVENTS"]);
}

/// `boarding bench places` counts the answers of a small company. The figures are not checked.
#[tokio::test(flavor = "multi_thread")]
async fn bench_counts_the_answers_of_a_small_company() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let mut command = Command::new(program());
    command.args(["bench", "places", "--json", "--nats", &server.url()]);
    command.args(["--commands", "8", "--waiting", "20", "--in-flight", "20"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let what: Vec<&str> = lines.iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["quiet", "waiting queries", "queries far ahead", "overload"]);
    assert!(lines.iter().all(|line| line["accepted"] == 8), "{lines:?}");
}

/// `boarding bench serve` measures both encodings beside an echo. The figures are not checked.
#[test]
fn bench_measures_commands_and_queries_over_nats() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.args(["bench", "serve", "--json", "--nats", &server.url(), "--companies", "2"]);
    command.args(["--requests", "64", "--rounds", "1"]);
    command.env("BOARDING_DATA", folder.path()).env_remove("BOARDING_NATS_CREDENTIALS");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for way in ["in process", "over NATS, JSON", "over NATS, MessagePack"] {
        for clients in [1, 16, 64, 256] {
            for kind in ["commands", "50 users"] {
                let what = format!("{kind} {way}, {clients} at once");
                let found = lines.iter().find(|line| line["what"] == what.as_str());
                let found = found.unwrap_or_else(|| panic!("{what} is missing"));
                assert!(found["per_second"].as_f64().unwrap() > 0.0, "{found}");
            }
        }
    }
}
