//! `boarding serve`: start, stop, lost connections, configuration.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::caller::{Caller, people};
use super::serve_process::ServeProcess;
use crate::support::disk::{DyingDisk, forbid_writes, with_write_errors};
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// Starts the process, which must fail. Returns its exit status and its log.
fn start_failure(serving: &ServeProcess, options: &[&str]) -> (i32, String) {
    let before = serving.log().len();
    let output = serving.command(options).output().unwrap();
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code().unwrap(), serving.log()[before..].to_owned())
}

/// A stop takes less than ten seconds and loses no answered command.
#[tokio::test(flavor = "multi_thread")]
async fn stop_under_load_loses_no_answered_command() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..32 {
        let (caller, sender) = (caller.clone(), sender.clone());
        tasks.spawn(async move {
            for k in 0.. {
                let body = json!({"role": format!("r{n}-{k}"), "permissions": []});
                let envelope = caller.envelope(&body);
                let (headers, bytes) = caller.encode(&envelope);
                let subject = caller.subject("command", "DefineRole");
                let sent = caller.client.request_with_headers(subject, headers, bytes.into());
                // The engine has stopped.
                let Ok(answer) = sent.await else { return };
                let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
                if answer["outcome"] == "accepted" {
                    sender.send((envelope, answer)).unwrap();
                } else {
                    assert_eq!(answer["retry"], true, "{answer}");
                }
            }
        });
    }
    drop(sender);
    let mut accepted = Vec::new();
    while accepted.len() < 200 {
        accepted.push(receiver.recv().await.unwrap());
    }
    serving.signal("-TERM");
    let ended = tokio::time::timeout(Duration::from_secs(10), serving.ended());
    let status = ended.await.expect("the process stops within ten seconds");
    assert_eq!(status.code(), Some(0), "{}", serving.log());
    assert!(!serving.log().contains("requests were running"), "{}", serving.log());
    while let Some(one) = receiver.recv().await {
        accepted.push(one);
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    serving.restart(&[]);
    for (envelope, mut answer) in accepted {
        answer["duplicate"] = json!(true);
        assert_eq!(caller.send_command("DefineRole", &envelope).await.accepted(), answer);
    }
}

/// A request that waits at the stop gets an answer with `retry`.
#[tokio::test]
async fn waiting_request_gets_a_retry_answer_at_the_stop() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    let waiting = caller.clone();
    let params = json!({"min_position": 1_000_000});
    let waiting = tokio::spawn(async move { waiting.query("users", params).await });
    // The engine receives queries in order: when this one is answered, the waiting one was received.
    tokio::task::yield_now().await;
    caller.query("users", json!({})).await;
    serving.signal("-TERM");
    let answer = waiting.await.unwrap();
    assert_eq!(answer.value["retry"], true);
    answer.error("unavailable", 503);
    let status = serving.ended().await;
    assert_eq!(status.code(), Some(0));
}

/// P27: A restarted engine continues an interrupted run without a request.
#[tokio::test]
async fn restarted_engine_continues_an_interrupted_run() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    caller.define_company().await;
    let file = json!({"name": "people.csv", "text": people(90)});
    let body = json!({"dialect": "leapxpert", "files": [file], "add_to_corporate_phones": true});
    let imported = caller.command("ImportFile", body).await.accepted();
    let body = json!({
        "source": {"import": imported["result"]["import"]}, "channel": "whatsapp",
        "mode": "confirmed", "expected_recipients": 90,
    });
    let started = caller.command("StartBulkIntegration", body).await.accepted();
    serving.kill();
    serving.restart(&[]);
    let run = json!({"run": started["result"]["run"]});
    let row = eventually("the run is completed", async || {
        let row = caller.query("run", run.clone()).await.value["row"].clone();
        (row["state"] == "completed").then_some(row)
    })
    .await;
    assert_eq!(row["total"], 90, "{row}");
    assert_eq!(row["remaining"], 0, "{row}");
}

/// F11: The engine reconnects after an outage of NATS and logs it.
#[tokio::test]
async fn engine_reconnects_after_an_outage_of_nats() {
    let mut server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    let envelope = caller.envelope(&json!({"company_name": "Acme"}));
    caller.send_command("SetCompanyConfig", &envelope).await.accepted();
    server.kill();
    eventually("the loss is logged", async || {
        serving.log().contains("connection to NATS lost, reconnecting").then_some(())
    })
    .await;
    server.restart();
    let caller = Caller::connect(&server.url()).await;
    let again = eventually("the engine answers again", async || {
        let (headers, bytes) = caller.encode(&envelope);
        let subject = caller.subject("command", "SetCompanyConfig");
        let answer = caller.client.request_with_headers(subject, headers, bytes.into()).await;
        serde_json::from_slice::<Value>(&answer.ok()?.payload).ok()
    })
    .await;
    assert_eq!(again["duplicate"], true);
    assert!(serving.log().matches("IO error").count() <= 1, "{}", serving.log());
    // The queue works again too.
    let jetstream = async_nats::jetstream::new(caller.client.clone());
    let body = caller.envelope(&json!({"company_name": "Queued"}));
    let (headers, bytes) = caller.encode(&body);
    let subject = caller.subject("queue", "SetCompanyConfig");
    eventually("the command is queued", async || {
        let published =
            jetstream.publish_with_headers(subject.clone(), headers.clone(), bytes.clone().into());
        published.await.ok()?.await.ok()
    })
    .await;
    eventually("the command is done", async || {
        let row = caller.query("config", json!({})).await.value["row"].clone();
        (row["company_name"] == "Queued").then_some(())
    })
    .await;
    // The engine stops in time even while the server is down.
    server.kill();
    serving.signal("-TERM");
    let ended = tokio::time::timeout(Duration::from_secs(10), serving.ended());
    assert_eq!(ended.await.expect("the process stops within ten seconds").code(), Some(0));
}

/// Exit statuses, the ready line, and no password in the output.
#[test]
fn serve_prints_a_ready_line_or_why_it_cannot_start() {
    let server = Server::start();
    let mut serving = ServeProcess::not_started(&server);
    let secret = "nats://engine:s3cret@127.0.0.1:1";
    let (status, log) = start_failure(&serving, &["--nats", secret]);
    assert_eq!(status, 4, "{log}");
    assert!(log.contains("127.0.0.1:1") && !log.contains("s3cret"), "{log}");
    assert!(!serving.data().exists(), "a data folder was created");
    let (status, log) = start_failure(&serving, &["--nats", "http://[:s3cret"]);
    assert_eq!(status, 2, "{log}");
    assert!(!log.contains("s3cret"), "{log}");
    assert_eq!(start_failure(&serving, &["--nats-inbox", "_INBOX.>"]).0, 2);
    assert_eq!(start_failure(&serving, &["--nats-credentials", "/nowhere"]).0, 4);
    let mut without_nats = serving.command(&[]);
    assert_eq!(without_nats.env_remove("BOARDING_NATS").output().unwrap().status.code(), Some(2));

    serving.restart(&["--json"]);
    let ready: Value = serde_json::from_str(&serving.ready).unwrap();
    assert_eq!((&ready["ready"], &ready["nats"]), (&json!(true), &json!([server.url()])));
    let (status, log) = start_failure(&serving, &[]);
    assert_eq!(status, 4, "the folder is in use: {log}");
    // Two engines with different logs would each get a part of the requests.
    let second = ServeProcess::not_started(&server);
    let (status, log) = start_failure(&second, &[]);
    assert_eq!(status, 4, "{log}");
    assert!(log.contains("another engine with its own log serves on this NATS"), "{log}");
    serving.kill();
    serving.restart(&[]);
    assert!(serving.ready.starts_with(&format!("ready: {}", server.url())), "{}", serving.ready);
}

/// The permissions in `nats.conf` suffice for the engine, and for clients that send commands and files.
#[tokio::test]
async fn permissions_of_nats_conf_suffice() {
    let server = super::permissions::server(&super::permissions::config());
    let url = |user: &str| server.url().replace("//", &format!("//{user}:{user}@"));
    let mut serving = ServeProcess::not_started(&server);
    serving.restart(&["--nats", &url("engine")]);

    let publisher = Caller::connect(&url("acme-publisher")).await;
    publisher.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.accepted();
    let jetstream = async_nats::jetstream::new(publisher.client.clone());
    let store = jetstream.get_object_store("BOARDING_FILES").await.unwrap();
    store.put("acme/people.csv", &mut people(2).as_bytes()).await.unwrap();
    let object = json!({"bucket": "BOARDING_FILES", "name": "acme/people.csv"});
    let body = json!({"dialect": "leapxpert", "files": [{"name": "people.csv", "object": object}]});
    publisher.queue("ImportFile", &publisher.envelope(&body)).await.accepted();

    let operator = Caller::connect(&url("operator")).await;
    operator.client.request("$SRV.PING.boarding", "".into()).await.unwrap();
    let auditor = Caller::connect(&url("auditor")).await;
    assert_eq!(
        auditor.query("imports", json!({})).await.value["rows"].as_array().unwrap().len(),
        1
    );
    assert!(!serving.log().contains("ermissions"), "{}", serving.log());
    assert!(!serving.log().contains(":engine@"), "{}", serving.log());
}

/// Breaks the log of a process that `change` has started, and checks that the engine answers, says what failed, and ends
/// with status 4. The next start opens the log again.
async fn engine_ends_when(change: impl Fn(Command) -> Command, break_log: impl Fn(u32)) {
    let server = Server::start();
    let mut serving = ServeProcess::not_started(&server);
    let mut command = change(serving.command(&[]));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let caller = Caller::connect(&server.url()).await;
    let envelope = caller.envelope(&json!({"company_name": "Acme"}));
    let mut first = caller.send_command("SetCompanyConfig", &envelope).await.accepted();
    break_log(child.id());
    let other = caller.envelope(&json!({"company_name": "Globex"}));
    let failed = caller.send_command("SetCompanyConfig", &other).await.error("unavailable", 503);
    assert_eq!(failed["retry"], true, "{failed}");

    let status = eventually("the process has ended", async || child.try_wait().unwrap()).await;
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(status.code(), Some(4), "{log}");
    assert!(log.contains("the log cannot be written") && log.contains(".log"), "{log}");
    serving.restart(&[]);
    first["duplicate"] = json!(true);
    assert_eq!(caller.send_command("SetCompanyConfig", &envelope).await.accepted(), first);
    caller.send_command("SetCompanyConfig", &other).await.accepted();
}

/// Fault 8: A failed write of the log ends the engine, so that a supervisor restarts it.
#[tokio::test]
async fn engine_ends_when_its_log_cannot_be_written() {
    engine_ends_when(|command| with_write_errors(&command), forbid_writes).await;
}

/// Fault 8: A failed sync of the log ends the engine too. It waits less than a second for its last answers, which
/// `ABORT_MILLIS_MAX` bounds; this test waits as long as a busy machine needs.
#[tokio::test]
async fn engine_ends_when_its_log_cannot_be_synced() {
    let disk = DyingDisk::new();
    let on_disk = |mut command: Command| {
        disk.use_for(&mut command);
        command
    };
    engine_ends_when(on_disk, |_| disk.die()).await;
}

/// Options may come from a file. An unknown key is reported with its line.
#[tokio::test]
async fn options_are_read_from_a_file() {
    let server = Server::start();
    let serving = ServeProcess::not_started(&server);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boarding.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "nats = \"x\"\nnast = \"nats://engine:s3cret@x\"\n").unwrap();
    let (status, log) = start_failure(&serving, &["--config", path]);
    assert_eq!(status, 2, "{log}");
    assert!(log.contains("nast") && log.contains("line 2") && !log.contains("s3cret"), "{log}");

    std::fs::write(&file, format!("nats = \"{}\"\ndata = \"here\"\n", server.url())).unwrap();
    let mut command = serving.command(&["--config", path]);
    command.env_remove("BOARDING_NATS").env_remove("BOARDING_DATA");
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    let caller = Caller::connect(&server.url()).await;
    caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.accepted();
    let pid = child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let status = eventually("the process has stopped", async || child.try_wait().unwrap()).await;
    assert_eq!(status.code(), Some(0));
    assert!(line.contains("here") && folder.path().join("here/log").exists(), "{line}");
}
