//! `boarding move`: a log goes to JetStream and back with everything that it means, or stays where it is.

mod interrupted;
mod refused;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use boarding_commands::envelope::Answer;
use boarding_commands::values::Code;
use boarding_core::engine::{EngineError, LogChoice};
use boarding_core::read::queries::{Answer as Found, NoAnswer};
use boarding_log::contract::sample;
use boarding_log::file::{FileLog, Options as FileOptions};
use boarding_log::jetstream::{JetStreamLog, OpenError, Options};
use boarding_log::{EventLog, Head};
use boarding_nats::feed::{self, Feed};
use boarding_nats::names::EVENT_STREAM;
use boarding_program::migration::move_log;
use serde_json::{Value, json};

use crate::engine::{Site, id, ok, people};
use crate::support::nats::{Cluster, Server};
use crate::support::program::program;

const COMPANIES: [&str; 2] = ["acme", "globex"];

/// How a move ended: its exit status, the document it printed, and what it said besides.
struct Ended {
    status: i32,
    document: Value,
    said: String,
}

impl Ended {
    #[track_caller]
    fn with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{} {}", self.document, self.said);
        self
    }
}

/// The words that move a log.
fn mover(data: &Path, url: &str, words: &[&str]) -> Command {
    let mut command = Command::new(program());
    for name in ["COMPANY", "SMTP", "LOG", "NATS_CREDENTIALS", "NATS_INBOX", "NATS_MONITOR"] {
        command.env_remove(format!("BOARDING_{name}"));
    }
    command.env("BOARDING_DATA", data).env("BOARDING_NATS", url).arg("move").args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn ended(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        status: output.status.code().unwrap(),
        document: serde_json::from_str(&text(output.stdout)).unwrap_or_default(),
        said: text(output.stderr),
    }
}

fn monitored<'a>(words: &[&'a str], monitor: &'a str) -> Vec<&'a str> {
    [words, &["--nats-monitor", monitor]].concat()
}

fn moves(data: &Path, server: &Server, words: &[&str]) -> Ended {
    let monitor = server.monitor_url();
    let words = [monitored(words, &monitor), vec!["--json"]].concat();
    ended(mover(data, &server.url(), &words))
}

const TO: [&str; 2] = ["--to", "jetstream"];
const FROM: [&str; 2] = ["--from", "jetstream"];

fn options(server: &Server) -> Options {
    let connect = boarding_log::connect::Server { url: server.url(), ..Default::default() };
    Options { monitors: vec![server.monitor_url()], ..Options::new(connect) }
}

/// Two companies with imports, a run and what became of it, told in turns.
async fn history() -> Site {
    let site = Site::with(None).await;
    for company in COMPANIES {
        site.set_up(company).await;
    }
    let rows = users(30);
    for round in 0..2 {
        for company in COMPANIES {
            let bad = format!("bad{round},Bad,Row,no address,12,,\n");
            site.import_in(company, &(rows.clone() + &bad)).await;
        }
    }
    for company in COMPANIES {
        site.run_in(company).await;
        site.engine().settle(&id(company)).await;
    }
    site
}

fn users(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|n| format!("user{n}")).collect();
    people(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

async fn first_id(site: &Site, company: &str, list: &str, name: &str) -> Value {
    site.json_in(company, list, json!({})).await["rows"][0][name].clone()
}

/// What every query answers for every company, without positions: those are a log's own.
async fn answers(site: &Site) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for company in COMPANIES {
        let import = first_id(site, company, "imports", "import").await;
        let run = first_id(site, company, "runs", "run").await;
        let own = ["history", "failed_rows", "template"];
        for name in boarding_projections::queries().map(|query| query.name).chain(own) {
            let params = match name {
                "import"
                | "import_rows"
                | "import_progress"
                | "failed_rows"
                | "picture_import"
                | "picture_rows"
                | "batch_operation_report" => json!({"import": import}),
                "can_move" => json!({"accounts": ["user7"], "dest": "EMEA"}),
                "number_suggestions" => json!({"org_unit": "EMEA"}),
                "run" | "integration_log" => json!({"run": run}),
                "user" => json!({"user": "user7"}),
                "template" => json!({"dialect": "leapxpert"}),
                "history" => json!({"limit": 500}),
                _ => json!({}),
            };
            let answer = match site.get_in(company, name, params).await {
                Ok(Found::Json(mut answer)) => {
                    forget_positions(&mut answer);
                    answer
                }
                Ok(Found::Csv(bytes)) => json!(String::from_utf8(bytes).unwrap()),
                // There are no pictures and no accounts, before and after.
                Err(NoAnswer::Refused(no)) if no.code != Code::QueryMalformed => {
                    json!(no.to_string())
                }
                Err(no) => panic!("{name}: {no:?}"),
            };
            all.push((format!("{company} {name}"), answer));
        }
    }
    all
}

fn forget_positions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("position");
            fields.values_mut().for_each(forget_positions);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_positions),
        _ => {}
    }
}

#[track_caller]
fn assert_same(found: &[(String, Value)], expected: &[(String, Value)]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
}

async fn verified(site: &mut Site) {
    for company in COMPANIES {
        site.engine().settle(&id(company)).await;
    }
    site.engine().caught_up().await.unwrap();
    let engine = site.engine.take().unwrap();
    let (engine, verified) = tokio::task::spawn_blocking(move || {
        let verified = engine.verify_read_models();
        (engine, verified)
    })
    .await
    .unwrap();
    assert!(verified.unwrap().events > 100);
    site.engine = Some(engine);
}

/// How many messages the log's stream holds; none if there is no such stream.
async fn messages(server: &Server) -> Option<u64> {
    let client = async_nats::connect(server.url()).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("BOARDING_LOG").await;
    stream.ok().map(|stream| stream.cached_info().state.messages)
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(status.success());
}

/// P10, P12, LX-22, LX-24: wherever the log is, it says the same; and it comes back from there.
#[tokio::test(flavor = "multi_thread")]
async fn p12_a_log_means_the_same_wherever_it_moves() {
    let server = Server::start();
    let mut site = history().await;
    let (command, role) = (site.engine().clock().id(), json!({"role": "Old", "permissions": []}));
    let first = site.ask_as("acme", command, "DefineRole", role.clone()).await;
    ok(&first);
    let before = answers(&site).await;
    site.close().await;

    let moved = moves(&site.data(), &server, &TO).with(0).document;
    assert_eq!((&moved["companies"], &moved["verified"]), (&json!(2), &json!(true)), "{moved}");
    assert_eq!(moved["moved"], moved["commits"], "{moved}");
    assert_eq!(moved["take_along"], json!(["secret", "files/"]), "{moved}");

    // The old files are there, and are not taken for the log any more.
    let error = site.try_open().await.unwrap_err();
    assert!(matches!(error, EngineError::Moved { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains(&server.url()) && said.contains("move --from jetstream"), "{said}");
    moves(&site.data(), &server, &TO).with(1);

    // Servers where no log is, and none is begun.
    let elsewhere = Server::start();
    site.log = LogChoice::JetStream(options(&elsewhere));
    let error = site.try_open().await.unwrap_err();
    assert!(matches!(error, EngineError::JetStream(OpenError::Behind { .. })), "{error}");
    assert_eq!(messages(&elsewhere).await, None);

    site.log = LogChoice::JetStream(options(&server));
    site.open().await;
    assert_same(&answers(&site).await, &before);
    let (Answer::Accepted { version, .. }, Answer::Accepted { version: same, duplicate, .. }) =
        (&first, &site.ask_as("acme", command, "DefineRole", role).await)
    else {
        panic!("{first:?}")
    };
    assert_eq!((same, duplicate), (version, &true));
    site.import(&users(32)).await;
    let run = site.run().await;
    site.settle().await;
    let row = site.row("run", json!({"run": run})).await;
    assert_eq!((&row["state"], &row["passed"]), (&json!("completed"), &json!(32)), "{row}");
    verified(&mut site).await;
    let after = answers(&site).await;
    site.close().await;

    // Into a fresh folder, with what does not move put there by hand.
    let (data, kept) = (site.data(), site.data().with_file_name("kept"));
    std::fs::rename(&data, &kept).unwrap();
    moves(&data, &server, &FROM).with(0);
    std::fs::remove_dir(data.join("files")).unwrap();
    for part in ["secret", "files"] {
        copy(&kept.join(part), &data.join(part));
    }
    site.log = LogChoice::Files;
    site.open().await;
    assert_same(&answers(&site).await, &after);
    verified(&mut site).await;
    site.close().await;

    // Back to where it came from, behind what is there already.
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&kept, &data).unwrap();
    let back = moves(&data, &server, &FROM).with(0).document;
    assert_eq!(back["found"], moved["commits"], "{back}");
    assert!(back["moved"].as_u64() > Some(0), "{back}");
    site.open().await;
    assert_same(&answers(&site).await, &after);
    verified(&mut site).await;
    ok(&site.ask("DefineRole", json!({"role": "New", "permissions": []})).await);
    site.close().await;

    // What was done here meanwhile follows on what is there; and it is told whom positions mislead.
    assert_eq!(back["published_positions_are_old"], false, "{back}");
    let client = async_nats::connect(server.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let name = EVENT_STREAM.to_owned();
    let events = async_nats::jetstream::stream::Config {
        name,
        subjects: vec!["events".to_owned()],
        ..Default::default()
    };
    jetstream.create_stream(events).await.unwrap();
    jetstream.publish("events", "one".into()).await.unwrap().await.unwrap();
    let again = moves(&data, &server, &TO).with(0).document;
    assert_eq!(again["published_positions_are_old"], true, "{again}");
    assert_eq!((&again["found"], &again["moved"]), (&back["commits"], &json!(1)), "{again}");
}

/// Contract 4: who follows the events has each of them once and in order, wherever the log moves meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn events_go_on_after_a_move() {
    let server = Server::start();
    let mut site = history().await;
    publish(&site, &server).await;
    site.close().await;
    for (way, log) in [(TO, LogChoice::JetStream(options(&server))), (FROM, LogChoice::Files)] {
        let moved = moves(&site.data(), &server, &way).with(0).document;
        assert_eq!(moved["published_positions_are_old"], true, "{moved}");
        site.log = log;
        site.open().await;
        let mut versions = BTreeMap::new();
        for company in COMPANIES {
            site.import_in(company, &users(32)).await;
            let role = json!({"role": format!("after {way:?}"), "permissions": []});
            let answer = site.ask_in(company, "DefineRole", role).await;
            let Answer::Accepted { version, .. } = answer else { panic!("{answer:?}") };
            versions.insert(company.to_owned(), (1..=version).collect());
        }
        publish(&site, &server).await;
        assert_eq!(published_versions(&server).await, versions);
        site.close().await;
    }
}

/// Publishes everything that is in the log.
async fn publish(site: &Site, server: &Server) {
    let client = async_nats::connect(server.url()).await.unwrap();
    let feed = Feed::start(site.engine(), client, feed::Options::default());
    assert!(feed.finish(Duration::from_secs(30)).await, "all events are published");
}

/// The versions of each company's events, as they stand in the stream.
async fn published_versions(server: &Server) -> BTreeMap<String, Vec<u64>> {
    let client = async_nats::connect(server.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let stream = jetstream.get_stream(EVENT_STREAM).await.unwrap();
    let mut versions = BTreeMap::<String, Vec<u64>>::new();
    for sequence in 1..=stream.get_info().await.unwrap().state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let company = message.subject.split('.').nth(2).unwrap().to_owned();
        let row: Value = serde_json::from_slice(&message.payload).unwrap();
        versions.entry(company).or_default().push(row["version"].as_u64().unwrap());
    }
    versions
}

/// Three copies, and the words that people read.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_moves_to_a_cluster_in_three_copies_and_back() {
    let cluster = Cluster::start();
    let mut site = history().await;
    let before = answers(&site).await;
    site.close().await;
    let monitors: Vec<_> = cluster.servers.iter().map(Server::monitor_url).collect();
    let monitors = monitors.join(",");
    let words = [monitored(&TO, &monitors), vec!["--replicas", "3"]].concat();
    let output = mover(&site.data(), &cluster.url(), &words).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("of 2 companies moved and verified"), "{said}");
    assert!(said.contains("secret") && said.contains("files/"), "{said}");
    let client = async_nats::connect(cluster.servers[0].url()).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("BOARDING_LOG").await.unwrap();
    assert_eq!(stream.cached_info().config.num_replicas, 3);
    let back = ended(mover(&site.data(), &cluster.url(), &monitored(&FROM, &monitors))).with(0);
    assert!(!back.said.contains("BOARDING_EVENTS"), "{}", back.said);
    site.open().await;
    assert_same(&answers(&site).await, &before);
}

/// A move needs no more than the user `engine` of our `nats.conf` may do.
#[tokio::test(flavor = "multi_thread")]
async fn the_engines_user_of_our_configuration_may_move_a_log() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("nats.conf")).unwrap();
    let users = text[text.find("authorization {").unwrap()..].to_owned();
    let users = users.split('\n').map(|line| match line.split_once("password: $") {
        Some((before, _)) => format!("{before}password: secret\n"),
        None => format!("{line}\n"),
    });
    let safe = "jetstream { store_dir: \"STORE\", sync_interval: always }\n".to_owned();
    let server = Server::with(&(safe + &users.collect::<String>()));
    let url = server.url().replace("://", "://engine:secret@");
    let folder = tempfile::tempdir().unwrap();
    drop(boarding_core::data_dir::DataDir::open(folder.path()).unwrap());
    let log = files(&folder.path().join("log"));
    log.append(vec![sample::next(&*log, &sample::company("acme"), 3)]).await.unwrap();
    drop(log);
    let monitor = server.monitor_url();
    for way in [TO, FROM] {
        let moved = ended(mover(folder.path(), &url, &monitored(&way, &monitor))).with(0);
        assert!(!moved.said.contains("ermissions"), "{}", moved.said);
    }
}

/// A server whose messages hold one commit of the largest size and little more.
#[tokio::test(flavor = "multi_thread")]
async fn an_append_of_a_move_fits_the_messages_of_the_server() {
    let lines = "max_payload: 270000\njetstream { store_dir: \"STORE\", sync_interval: always }";
    let server = Server::with(lines);
    let folder = tempfile::tempdir().unwrap();
    let source = files(folder.path());
    let acme = sample::company("acme");
    for _ in 0..12 {
        source.append(vec![sample::next(&*source, &acme, 1_000)]).await.unwrap();
    }
    let options = options(&server);
    let target = tokio::task::spawn_blocking(move || JetStreamLog::open(options).unwrap());
    let target: Arc<dyn EventLog> = Arc::new(target.await.unwrap());
    let moved = move_log(&source, &target, |_| ()).await.unwrap();
    assert_eq!((moved.moved, moved.events), (12, 12_000));
    let head: Head = target.head(&acme);
    assert_eq!(head, source.head(&acme));
}

fn files(folder: &Path) -> Arc<dyn EventLog> {
    let options = FileOptions::new(boarding_commands::values::Time(0));
    Arc::new(FileLog::open(folder, options).unwrap().log)
}
