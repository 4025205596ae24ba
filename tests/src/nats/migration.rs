//! `boarding move`: migration of a log to JetStream and back.

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
use boarding_core::queries::{QueryAnswer as Found, QueryFailure};
use boarding_log::contract::sample;
use boarding_log::file::{FileLog, Options as FileOptions};
use boarding_log::jetstream::{JetStreamLog, OpenError, Options};
use boarding_log::{EventLog, Head};
use boarding_nats::feed::{self, Feed};
use boarding_nats::names::EVENT_STREAM;
use boarding_program::migration::move_log;
use serde_json::{Value, json};

use super::permissions::{config, server};
use crate::engine::{EngineHarness, company_id, numbered_rows, ok};
use crate::support::nats::{Cluster, Server};
use crate::support::program::program;

const COMPANIES: [&str; 2] = ["acme", "globex"];

/// The exit status of a migration, the document on stdout, and stderr.
struct Output {
    status: i32,
    document: Value,
    stderr: String,
}

impl Output {
    #[track_caller]
    fn expect_status(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{} {}", self.document, self.stderr);
        self
    }
}

/// The command line of a migration.
fn move_command(data: &Path, url: &str, words: &[&str]) -> Command {
    let mut command = Command::new(program());
    for name in ["COMPANY", "SMTP", "LOG", "NATS_CREDENTIALS", "NATS_INBOX", "NATS_MONITOR"] {
        command.env_remove(format!("BOARDING_{name}"));
    }
    command.env("BOARDING_DATA", data).env("BOARDING_NATS", url).arg("move").args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(mut command: Command) -> Output {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Output {
        status: output.status.code().unwrap(),
        document: serde_json::from_str(&text(output.stdout)).unwrap_or_default(),
        stderr: text(output.stderr),
    }
}

fn with_monitor<'a>(words: &[&'a str], monitor: &'a str) -> Vec<&'a str> {
    [words, &["--nats-monitor", monitor]].concat()
}

fn run_move(data: &Path, server: &Server, words: &[&str]) -> Output {
    let monitor = server.monitor_url();
    let words = [with_monitor(words, &monitor), vec!["--json"]].concat();
    run(move_command(data, &server.url(), &words))
}

const TO: [&str; 2] = ["--to", "jetstream"];
const FROM: [&str; 2] = ["--from", "jetstream"];

fn options(server: &Server) -> Options {
    let connect = boarding_log::connect::ServerAddress { url: server.url(), ..Default::default() };
    Options { monitors: vec![server.monitor_url()], ..Options::new(connect) }
}

/// A harness with two companies, each with two imports and a completed run. Their commits alternate in the log.
async fn site_with_history() -> EngineHarness {
    let harness = EngineHarness::new(None).await;
    for company in COMPANIES {
        harness.set_up(company).await;
    }
    let rows = numbered_rows(30);
    for round in 0..2 {
        for company in COMPANIES {
            let bad = format!("bad{round},Bad,Row,no address,12,,\n");
            harness.import_in(company, &(rows.clone() + &bad)).await;
        }
    }
    for company in COMPANIES {
        harness.start_run_in(company).await;
        harness.engine().settle(&company_id(company)).await;
    }
    harness
}

async fn first_id(harness: &EngineHarness, company: &str, list: &str, name: &str) -> Value {
    harness.json_in(company, list, json!({})).await["rows"][0][name].clone()
}

/// The answers of all queries for both companies, without positions, which differ from log to log.
async fn answers(harness: &EngineHarness) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for company in COMPANIES {
        let import = first_id(harness, company, "imports", "import").await;
        let run = first_id(harness, company, "runs", "run").await;
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
                "user" | "account" => json!({"user": "user7"}),
                "template" => json!({"dialect": "leapxpert"}),
                "history" => json!({"limit": 500}),
                _ => json!({}),
            };
            let answer = match harness.query_in(company, name, params).await {
                Ok(Found::Json(answer)) => {
                    let mut answer = answer.value();
                    forget_positions(&mut answer);
                    answer
                }
                Ok(Found::Csv(bytes)) => json!(String::from_utf8(bytes).unwrap()),
                // Queries on pictures and accounts are refused: there are none.
                Err(QueryFailure::Refused(refusal)) if refusal.code != Code::QueryMalformed => {
                    json!(refusal.to_string())
                }
                Err(error) => panic!("{name}: {error:?}"),
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

/// Asserts that the read models are those of a replay of the log.
async fn verify_read_models(harness: &mut EngineHarness) {
    for company in COMPANIES {
        harness.engine().settle(&company_id(company)).await;
    }
    harness.engine().caught_up().await.unwrap();
    let engine = harness.engine.take().unwrap();
    let (engine, verified) = tokio::task::spawn_blocking(move || {
        let verified = engine.verify_read_models();
        (engine, verified)
    })
    .await
    .unwrap();
    assert!(verified.unwrap().events > 100);
    harness.engine = Some(engine);
}

/// The number of messages in the stream of the log, or none if the stream does not exist.
async fn messages(server: &Server) -> Option<u64> {
    let client = async_nats::connect(server.url()).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("BOARDING_LOG").await;
    stream.ok().map(|stream| stream.cached_info().state.messages)
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(status.success());
}

/// P10, P12, LX-22, LX-24: Queries and repeats answer the same after a migration to JetStream and back.
#[tokio::test(flavor = "multi_thread")]
async fn log_answers_the_same_after_each_migration() {
    let server = Server::start();
    let mut harness = site_with_history().await;
    let (command, role) =
        (harness.engine().clock().id(), json!({"role": "Old", "permissions": []}));
    let first = harness.submit_with_id("acme", command, "DefineRole", role.clone()).await;
    ok(&first);
    let before = answers(&harness).await;
    harness.close().await;

    let moved = run_move(&harness.data(), &server, &TO).expect_status(0).document;
    assert_eq!((&moved["companies"], &moved["verified"]), (&json!(2), &json!(true)), "{moved}");
    assert_eq!(moved["moved"], moved["commits"], "{moved}");
    assert_eq!(moved["take_along"], json!(["secret", "files/"]), "{moved}");
    check_moved_folder_is_refused(&mut harness, &server).await;

    harness.log = LogChoice::JetStream(options(&server));
    harness.open().await;
    assert_same(&answers(&harness).await, &before);
    let (Answer::Accepted { version, .. }, Answer::Accepted { version: same, duplicate, .. }) =
        (&first, &harness.submit_with_id("acme", command, "DefineRole", role).await)
    else {
        panic!("{first:?}")
    };
    assert_eq!((same, duplicate), (version, &true));
    harness.import(&numbered_rows(32)).await;
    let run = harness.start_run().await;
    harness.settle().await;
    let row = harness.row("run", json!({"run": run})).await;
    assert_eq!((&row["state"], &row["passed"]), (&json!("completed"), &json!(32)), "{row}");
    verify_read_models(&mut harness).await;
    let after = answers(&harness).await;
    harness.close().await;
    harness.log = LogChoice::Files;

    check_migration_into_a_new_folder(&mut harness, &server, &after).await;
    let back = check_migration_into_the_old_folder(&mut harness, &server, &moved, &after).await;
    check_second_migration(&mut harness, &server, &back).await;
}

/// Asserts that an engine opens neither the old files nor a server without the log.
async fn check_moved_folder_is_refused(harness: &mut EngineHarness, server: &Server) {
    let error = harness.try_open().await.unwrap_err();
    assert!(matches!(error, EngineError::Moved { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&server.url()) && text.contains("move --from jetstream"), "{text}");
    run_move(&harness.data(), server, &TO).expect_status(1);

    let other_server = Server::start();
    harness.log = LogChoice::JetStream(options(&other_server));
    let error = harness.try_open().await.unwrap_err();
    assert!(matches!(error, EngineError::JetStream(OpenError::Behind { .. })), "{error}");
    assert_eq!(messages(&other_server).await, None);
}

/// Migrates into an empty folder. Secret and files are copied by hand, as the operator must do.
async fn check_migration_into_a_new_folder(
    harness: &mut EngineHarness,
    server: &Server,
    expected: &[(String, Value)],
) {
    let (data, old_data) = (harness.data(), harness.data().with_file_name("old"));
    std::fs::rename(&data, &old_data).unwrap();
    run_move(&data, server, &FROM).expect_status(0);
    std::fs::remove_dir(data.join("files")).unwrap();
    for part in ["secret", "files"] {
        copy(&old_data.join(part), &data.join(part));
    }
    harness.open().await;
    assert_same(&answers(harness).await, expected);
    verify_read_models(harness).await;
    harness.close().await;
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&old_data, &data).unwrap();
}

/// Migrates into the folder that the log came from. Only the new commits are appended to its files.
async fn check_migration_into_the_old_folder(
    harness: &mut EngineHarness,
    server: &Server,
    moved: &Value,
    expected: &[(String, Value)],
) -> Value {
    let back = run_move(&harness.data(), server, &FROM).expect_status(0).document;
    assert_eq!(back["found"], moved["commits"], "{back}");
    assert!(back["moved"].as_u64() > Some(0), "{back}");
    harness.open().await;
    assert_same(&answers(harness).await, expected);
    verify_read_models(harness).await;
    ok(&harness.submit("DefineRole", json!({"role": "New", "permissions": []})).await);
    harness.close().await;
    assert_eq!(back["published_positions_are_old"], false, "{back}");
    back
}

/// Migrates to JetStream again, with an event stream there. The new commit is appended to the stream of the log,
/// and the document says that the positions of published events are old.
async fn check_second_migration(harness: &mut EngineHarness, server: &Server, back: &Value) {
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
    let again = run_move(&harness.data(), server, &TO).expect_status(0).document;
    assert_eq!(again["published_positions_are_old"], true, "{again}");
    assert_eq!((&again["found"], &again["moved"]), (&back["commits"], &json!(1)), "{again}");
}

/// The event stream has each event once and in order after migrations.
#[tokio::test(flavor = "multi_thread")]
async fn event_stream_is_complete_after_migrations() {
    let server = Server::start();
    let mut harness = site_with_history().await;
    publish(&harness, &server).await;
    harness.close().await;
    for (direction, log) in [(TO, LogChoice::JetStream(options(&server))), (FROM, LogChoice::Files)]
    {
        let moved = run_move(&harness.data(), &server, &direction).expect_status(0).document;
        assert_eq!(moved["published_positions_are_old"], true, "{moved}");
        harness.log = log;
        harness.open().await;
        let mut versions = BTreeMap::new();
        for company in COMPANIES {
            harness.import_in(company, &numbered_rows(32)).await;
            let role = json!({"role": format!("after {direction:?}"), "permissions": []});
            let answer = harness.submit_to(company, "DefineRole", role).await;
            let Answer::Accepted { version, .. } = answer else { panic!("{answer:?}") };
            versions.insert(company.to_owned(), (1..=version).collect());
        }
        publish(&harness, &server).await;
        assert_eq!(published_versions(&server).await, versions);
        harness.close().await;
    }
}

/// Publishes all events of the log.
async fn publish(harness: &EngineHarness, server: &Server) {
    let client = async_nats::connect(server.url()).await.unwrap();
    let feed = Feed::start(harness.engine(), client, feed::Options::default());
    assert!(feed.finish(Duration::from_secs(30)).await, "not all events were published");
}

/// The versions of each company's events, in the order of the stream.
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

/// The migration creates three copies, and prints a summary without `--json`.
#[tokio::test(flavor = "multi_thread")]
async fn log_migrates_to_three_copies_in_a_cluster_and_back() {
    let cluster = Cluster::start();
    let mut harness = site_with_history().await;
    let before = answers(&harness).await;
    harness.close().await;
    let monitors: Vec<_> = cluster.servers.iter().map(Server::monitor_url).collect();
    let monitors = monitors.join(",");
    let words = [with_monitor(&TO, &monitors), vec!["--replicas", "3"]].concat();
    let output = move_command(&harness.data(), &cluster.url(), &words).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("of 2 companies moved and verified"), "{stdout}");
    assert!(stdout.contains("secret") && stdout.contains("files/"), "{stdout}");
    let client = async_nats::connect(cluster.servers[0].url()).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("BOARDING_LOG").await.unwrap();
    assert_eq!(stream.cached_info().config.num_replicas, 3);
    let back = run(move_command(&harness.data(), &cluster.url(), &with_monitor(&FROM, &monitors)))
        .expect_status(0);
    assert!(!back.stderr.contains("BOARDING_EVENTS"), "{}", back.stderr);
    harness.open().await;
    assert_same(&answers(&harness).await, &before);
}

/// The permissions of the user `engine` in `nats.conf` suffice for a migration.
#[tokio::test(flavor = "multi_thread")]
async fn permissions_of_the_user_engine_suffice_for_a_migration() {
    let server = server(&config());
    let url = server.url().replace("://", "://engine:engine@");
    let folder = tempfile::tempdir().unwrap();
    drop(boarding_core::data_dir::DataDir::open(folder.path()).unwrap());
    let log = files(&folder.path().join("log"));
    log.append(vec![sample::next(&*log, &sample::company("acme"), 3)]).await.unwrap();
    drop(log);
    let monitor = server.monitor_url();
    for direction in [TO, FROM] {
        let moved = run(move_command(folder.path(), &url, &with_monitor(&direction, &monitor)))
            .expect_status(0);
        assert!(!moved.stderr.contains("ermissions"), "{}", moved.stderr);
    }
}

/// The server accepts messages with one commit of the largest size and no more.
#[tokio::test(flavor = "multi_thread")]
async fn appends_of_a_migration_fit_into_small_messages() {
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
