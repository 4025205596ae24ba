//! `boarding serve` as those who run it see it: starting, stopping, and what breaks in between.

use std::time::Duration;

use serde_json::{Value, json};

use super::caller::{Caller, people};
use super::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// How a start ended that came to nothing: its exit status, and what it said.
fn fails(serving: &ServeProcess, options: &[&str]) -> (i32, String) {
    let before = serving.log().len();
    let output = serving.command(options).output().unwrap();
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code().unwrap(), serving.log()[before..].to_owned())
}

/// Section 5: every answered command is there after a stop, and the stop takes less than ten seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_loses_no_answered_command() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut askers = tokio::task::JoinSet::new();
    for n in 0..32 {
        let (caller, told) = (caller.clone(), told.clone());
        askers.spawn(async move {
            for k in 0.. {
                let body = json!({"role": format!("r{n}-{k}"), "permissions": []});
                let envelope = caller.envelope(&body);
                let (headers, bytes) = caller.written(&envelope);
                let subject = caller.subject("command", "DefineRole");
                let sent = caller.client.request_with_headers(subject, headers, bytes.into());
                // Nobody is there any more.
                let Ok(answer) = sent.await else { return };
                let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
                if answer["outcome"] == "accepted" {
                    told.send((envelope, answer)).unwrap();
                } else {
                    assert_eq!(answer["retry"], true, "{answer}");
                }
            }
        });
    }
    drop(told);
    let mut accepted = Vec::new();
    while accepted.len() < 200 {
        accepted.push(heard.recv().await.unwrap());
    }
    serving.signal("-TERM");
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        eventually("it has stopped", async || serving.exit_status()).await
    });
    let status = ended.await.expect("it stops within ten seconds");
    assert_eq!(status.code(), Some(0), "{}", serving.log());
    assert!(!serving.log().contains("still asked"), "{}", serving.log());
    while let Some(one) = heard.recv().await {
        accepted.push(one);
    }
    while let Some(done) = askers.join_next().await {
        done.unwrap();
    }
    serving.restart(&[]);
    for (envelope, mut answer) in accepted {
        answer["duplicate"] = json!(true);
        assert_eq!(caller.ask("DefineRole", &envelope).await.ok(), answer);
    }
}

/// What cannot be answered before the stop is told to come again.
#[tokio::test]
async fn who_still_waits_at_the_stop_is_told_to_come_again() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    let waiting = caller.clone();
    let params = json!({"min_position": 1_000_000});
    let waiting = tokio::spawn(async move { waiting.query("users", params).await });
    // Questions are taken one after another: once this one is answered, that one was taken.
    tokio::task::yield_now().await;
    caller.query("users", json!({})).await;
    serving.signal("-TERM");
    let told = waiting.await.unwrap();
    assert_eq!(told.value["retry"], true);
    told.no("unavailable", 503);
    let status = eventually("it has stopped", async || serving.exit_status()).await;
    assert_eq!(status.code(), Some(0));
}

/// P27: what was interrupted goes on by itself, before anybody asks.
#[tokio::test]
async fn p27_a_killed_service_goes_on_with_its_run() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    caller.define_company().await;
    let file = json!({"name": "people.csv", "text": people(90)});
    let body = json!({"dialect": "leapxpert", "files": [file], "add_to_corporate_phones": true});
    let imported = caller.command("ImportFile", body).await.ok();
    let body = json!({
        "source": {"import": imported["result"]["import"]}, "channel": "whatsapp",
        "mode": "confirmed", "expected_recipients": 90,
    });
    let started = caller.command("StartBulkIntegration", body).await.ok();
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

/// F11: a lost connection is tried again for ever, and the log says so.
#[tokio::test]
async fn a_lost_connection_is_survived() {
    let mut server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    let envelope = caller.envelope(&json!({"company_name": "Acme"}));
    caller.ask("SetCompanyConfig", &envelope).await.ok();
    server.kill();
    eventually("it is noticed", async || {
        serving.log().contains("the connection to NATS is lost").then_some(())
    })
    .await;
    server.restart();
    let caller = Caller::on(&server.url()).await;
    let again = eventually("it answers again", async || {
        let (headers, bytes) = caller.written(&envelope);
        let subject = caller.subject("command", "SetCompanyConfig");
        let answer = caller.client.request_with_headers(subject, headers, bytes.into()).await;
        serde_json::from_slice::<Value>(&answer.ok()?.payload).ok()
    })
    .await;
    assert_eq!(again["duplicate"], true);
    assert!(serving.log().matches("IO error").count() <= 1, "{}", serving.log());
    // The queue is back as well.
    let jetstream = async_nats::jetstream::new(caller.client.clone());
    let body = caller.envelope(&json!({"company_name": "Left"}));
    let (headers, bytes) = caller.written(&body);
    let subject = caller.subject("queue", "SetCompanyConfig");
    eventually("it is left in the queue", async || {
        let left =
            jetstream.publish_with_headers(subject.clone(), headers.clone(), bytes.clone().into());
        left.await.ok()?.await.ok()
    })
    .await;
    eventually("it is done", async || {
        let row = caller.query("config", json!({})).await.value["row"].clone();
        (row["company_name"] == "Left").then_some(())
    })
    .await;
    // It stops in time even while the server is away.
    server.kill();
    serving.signal("-TERM");
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        eventually("it has stopped", async || serving.exit_status()).await
    });
    assert_eq!(ended.await.expect("it stops within ten seconds").code(), Some(0));
}

/// Section 5: exit statuses, the line that says it is ready, and no password anywhere.
#[test]
fn it_says_how_it_starts_and_why_it_does_not() {
    let server = Server::start();
    let mut serving = ServeProcess::not_started(&server);
    let secret = "nats://engine:s3cret@127.0.0.1:1";
    let (status, said) = fails(&serving, &["--nats", secret]);
    assert_eq!(status, 4, "{said}");
    assert!(said.contains("127.0.0.1:1") && !said.contains("s3cret"), "{said}");
    assert!(!serving.data().exists(), "a folder was made for nothing");
    let (status, said) = fails(&serving, &["--nats", "http://[:s3cret"]);
    assert_eq!(status, 2, "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    assert_eq!(fails(&serving, &["--nats-inbox", "_INBOX.>"]).0, 2);
    assert_eq!(fails(&serving, &["--nats-credentials", "/nowhere"]).0, 4);
    let mut without = serving.command(&[]);
    assert_eq!(without.env_remove("BOARDING_NATS").output().unwrap().status.code(), Some(2));

    serving.restart(&["--json"]);
    let ready: Value = serde_json::from_str(&serving.ready).unwrap();
    assert_eq!((&ready["ready"], &ready["nats"]), (&json!(true), &json!([server.url()])));
    let (status, said) = fails(&serving, &[]);
    assert_eq!(status, 4, "the folder is in use: {said}");
    // Two engines with a log each would share the requests out between them.
    let second = ServeProcess::not_started(&server);
    let (status, said) = fails(&second, &[]);
    assert_eq!(status, 4, "{said}");
    assert!(said.contains("another engine serves here"), "{said}");
    serving.kill();
    serving.restart(&[]);
    assert!(serving.ready.starts_with(&format!("ready: {}", server.url())), "{}", serving.ready);
}

/// The rights in `nats.conf` are enough for the engine and for those who hand in commands and files.
#[tokio::test]
async fn the_rights_of_the_sample_configuration_are_enough() {
    let server = super::permissions::server(&super::permissions::config());
    let url = |user: &str| server.url().replace("//", &format!("//{user}:{user}@"));
    let mut serving = ServeProcess::not_started(&server);
    serving.restart(&["--nats", &url("engine")]);

    let publisher = Caller::on(&url("acme-publisher")).await;
    publisher.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.ok();
    let jetstream = async_nats::jetstream::new(publisher.client.clone());
    let store = jetstream.get_object_store("BOARDING_FILES").await.unwrap();
    store.put("acme/people.csv", &mut people(2).as_bytes()).await.unwrap();
    let object = json!({"bucket": "BOARDING_FILES", "name": "acme/people.csv"});
    let body = json!({"dialect": "leapxpert", "files": [{"name": "people.csv", "object": object}]});
    let inbox = publisher.client.new_inbox();
    let mut answers = publisher.client.subscribe(inbox.clone()).await.unwrap();
    let (mut headers, bytes) = publisher.written(&publisher.envelope(&body));
    headers.insert("Boarding-Reply-To", inbox.as_str());
    let subject = publisher.subject("queue", "ImportFile");
    let left = jetstream.publish_with_headers(subject, headers, bytes.into()).await.unwrap();
    left.await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(30), {
        use futures_util::StreamExt as _;
        answers.next()
    });
    super::caller::Told::of(&answer.await.unwrap().unwrap()).ok();

    let operator = Caller::on(&url("operator")).await;
    operator.client.request("$SRV.PING.boarding", "".into()).await.unwrap();
    let auditor = Caller::on(&url("auditor")).await;
    assert_eq!(
        auditor.query("imports", json!({})).await.value["rows"].as_array().unwrap().len(),
        1
    );
    assert!(!serving.log().contains("ermissions"), "{}", serving.log());
    assert!(!serving.log().contains(":engine@"), "{}", serving.log());
}

/// The options as a file; a key that is not known is named.
#[tokio::test]
async fn the_options_may_come_from_a_file() {
    let server = Server::start();
    let serving = ServeProcess::not_started(&server);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boarding.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "nats = \"x\"\nnast = \"nats://engine:s3cret@x\"\n").unwrap();
    let (status, said) = fails(&serving, &["--config", path]);
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("nast") && said.contains("line 2") && !said.contains("s3cret"), "{said}");

    std::fs::write(&file, format!("nats = \"{}\"\ndata = \"here\"\n", server.url())).unwrap();
    let mut command = serving.command(&["--config", path]);
    command.env_remove("BOARDING_NATS").env_remove("BOARDING_DATA");
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
    let caller = Caller::on(&server.url()).await;
    caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.ok();
    let pid = child.id().to_string();
    std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let status = eventually("it has stopped", async || child.try_wait().unwrap()).await;
    assert_eq!(status.code(), Some(0));
    assert!(line.contains("here") && folder.path().join("here/log").exists(), "{line}");
}
