//! Queued commands: stored while no engine is up, and done once.

use std::collections::BTreeSet;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, stream::Stream};
use boarding_nats::names::QUEUE_STREAM;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::caller::{Caller, Response};
use super::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// A client that queues commands and receives their answers.
struct QueueClient {
    caller: Caller,
    jetstream: jetstream::Context,
    answers: async_nats::Subscriber,
}

const ANSWERS: &str = "answers.here";

impl QueueClient {
    async fn connect(server: &Server) -> Self {
        let caller = Caller::connect(&server.url()).await;
        let jetstream = jetstream::new(caller.client.clone());
        let answers = caller.client.subscribe(ANSWERS).await.unwrap();
        caller.client.flush().await.unwrap();
        Self { caller, jetstream, answers }
    }

    /// Queues a command. The command is in the stream when this returns.
    async fn enqueue(&self, caller: &Caller, name: &str, envelope: &Value) {
        let (headers, bytes) = caller.encode(envelope);
        self.publish(caller.subject("queue", name), headers, bytes, ANSWERS).await;
    }

    /// Publishes a message whose answer goes to the subject `reply_to`.
    async fn publish(
        &self,
        subject: String,
        mut headers: HeaderMap,
        bytes: Vec<u8>,
        reply_to: &str,
    ) {
        headers.insert("Boarding-Reply-To", reply_to);
        let published = self.jetstream.publish_with_headers(subject, headers, bytes.into());
        published.await.unwrap().await.unwrap();
    }

    async fn answer(&mut self) -> Response {
        let answer = tokio::time::timeout(std::time::Duration::from_secs(60), self.answers.next());
        Response::of(&answer.await.expect("no answer within 60 seconds").unwrap())
    }

    async fn stream(&self) -> Stream {
        eventually("the queue exists", async || self.jetstream.get_stream(QUEUE_STREAM).await.ok())
            .await
    }

    async fn wait_until_empty(&self) {
        let mut stream = self.stream().await;
        eventually("the queue is empty", async || {
            (stream.info().await.unwrap().state.messages == 0).then_some(())
        })
        .await;
    }
}

/// Commands that were queued while no engine was up are done and answered after the start.
#[tokio::test]
async fn commands_queued_without_an_engine_are_done_after_the_start() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let mut queue = QueueClient::connect(&server).await;
    queue.stream().await;
    serving.kill();
    let caller = queue.caller.clone();
    let msgpack = caller.with_msgpack();
    let valid = caller.envelope(&json!({"company_name": "Acme"}));
    let refused = caller.envelope(&json!({"colour": "red"}));
    queue.enqueue(&msgpack, "SetCompanyConfig", &valid).await;
    queue.enqueue(&caller, "SetCompanyConfig", &refused).await;
    let subject = caller.subject("queue", "SetCompanyConfig");
    queue.publish(subject.clone(), HeaderMap::new(), b"{".to_vec(), ANSWERS).await;
    // The engine does the command and sends no answer to a subject that clients may not publish to.
    let reply_to = "boarding.v1.acme.event.RunStarted";
    let mut events = caller.client.subscribe(reply_to).await.unwrap();
    let unanswered = caller.envelope(&json!({"role": "Unanswered", "permissions": []}));
    let (headers, bytes) = caller.encode(&unanswered);
    queue.publish(caller.subject("queue", "DefineRole"), headers, bytes, reply_to).await;

    serving.restart(&[]);
    let mut codes = BTreeSet::new();
    for _ in 0..3 {
        let answer = queue.answer().await;
        if answer.value["outcome"] == "accepted" {
            assert_eq!(answer.header("Content-Type"), Some("application/msgpack"));
            assert_eq!(answer.accepted()["command"], valid["id"]);
        } else {
            assert_eq!(answer.header("Nats-Service-Error-Code"), Some("400"));
            codes.insert(answer.code().to_owned());
        }
    }
    let expected = ["config.unknown_setting", "envelope.malformed"].map(str::to_owned);
    assert_eq!(codes, BTreeSet::from(expected));
    queue.wait_until_empty().await;
    assert!(serving.log().contains("queued command is malformed, dropped"), "{}", serving.log());
    // A request with the id of a queued command is a repeat.
    let again = caller.send_command("SetCompanyConfig", &valid).await.accepted();
    assert_eq!(again["duplicate"], true);
    assert_eq!(caller.send_command("DefineRole", &unanswered).await.accepted()["duplicate"], true);
    let event = tokio::time::timeout(std::time::Duration::from_millis(100), events.next());
    assert!(event.await.is_err(), "an answer was published as an event");
}

/// Queues a payload without a subject for its answer.
async fn leave(caller: &Caller, jetstream: &jetstream::Context, name: &str, payload: &str) {
    let subject = caller.subject("queue", name);
    let sent = jetstream.publish(subject, payload.to_owned().into()).await.unwrap();
    sent.await.unwrap();
}

/// A queued command that was refused, or that cannot be read, leaves a trace that its company can query.
#[tokio::test]
async fn refused_queued_commands_are_listed_for_their_company() {
    let server = Server::start();
    let serving = ServeProcess::start(&server);
    let queue = QueueClient::connect(&server).await;
    let (acme, globex) = (queue.caller.clone(), queue.caller.for_company("globex"));
    queue.stream().await;
    let none = acme.query("queued_commands", json!({})).await.value;
    assert_eq!((&none["rows"], &none["next"]), (&json!([]), &Value::Null));
    let refused = acme.envelope(&json!({"colour": "red"}));
    leave(&acme, &queue.jetstream, "SetCompanyConfig", &refused.to_string()).await;
    queue.wait_until_empty().await;
    leave(&acme, &queue.jetstream, "DefineRole", "{\"id\":").await;
    let accepted = acme.envelope(&json!({"role": "Done", "permissions": []}));
    leave(&acme, &queue.jetstream, "DefineRole", &accepted.to_string()).await;
    leave(&globex, &queue.jetstream, "NoSuchCommand", &globex.envelope(&json!({})).to_string())
        .await;
    queue.wait_until_empty().await;

    let answer = acme.query("queued_commands", json!({})).await.value;
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{answer}");
    assert_eq!(rows[1]["id"], refused["id"]);
    for (name, expected) in [
        ("name", "SetCompanyConfig"),
        ("outcome", "refused"),
        ("code", "config.unknown_setting"),
        ("actor", "admin"),
    ] {
        assert_eq!(rows[1][name], expected, "{answer}");
    }
    assert!(rows[1]["reason"].as_str().unwrap().contains("colour"), "{answer}");
    assert_eq!((&rows[0]["id"], &rows[0]["code"]), (&Value::Null, &json!("envelope.malformed")));
    let first = acme.query("queued_commands", json!({"limit": 1})).await.value;
    let second =
        acme.query("queued_commands", json!({"limit": 1, "cursor": first["next"]})).await.value;
    assert_eq!([&first["rows"][0], &second["rows"][0]], [&rows[0], &rows[1]]);
    assert_eq!(second["next"], Value::Null);
    let others = globex.query("queued_commands", json!({})).await.value;
    assert_eq!(others["rows"].as_array().unwrap().len(), 1, "{others}");
    assert_eq!(others["rows"][0]["name"], "NoSuchCommand");
    let log = serving.log();
    assert!(log.contains("queued command is malformed, dropped"), "{log}");
    assert!(log.contains(refused["id"].as_str().unwrap()), "{log}");
    let kept = queue.jetstream.get_stream("BOARDING_REFUSED").await.unwrap();
    let config = &kept.cached_info().config;
    let bounds = [config.max_messages_per_subject, config.max_messages, config.max_bytes];
    assert!(bounds.iter().all(|bound| *bound > 0) && !config.max_age.is_zero(), "{config:?}");
}

/// P10, P27: An engine that is killed between a command and its acknowledgement neither loses nor repeats it.
#[tokio::test]
async fn killed_engine_does_every_queued_command_once() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let mut queue = QueueClient::connect(&server).await;
    let stream = queue.stream().await;
    serving.kill();
    let caller = queue.caller.clone();
    let mut queued = Vec::new();
    let mut unacknowledged = 0;
    for round in 0..10 {
        for n in 0..150 {
            let body = json!({"role": format!("r{round}-{n}"), "permissions": []});
            let envelope = caller.envelope(&body);
            queue.enqueue(&caller, "DefineRole", &envelope).await;
            queued.push(envelope);
        }
        serving.restart(&[]);
        queue.answer().await;
        serving.kill();
        let mut consumer: PullConsumer = stream.get_consumer("engine").await.unwrap();
        unacknowledged = consumer.info().await.unwrap().num_ack_pending;
        if unacknowledged > 0 {
            break;
        }
    }
    assert!(unacknowledged > 0, "no command was unacknowledged at a kill");
    serving.restart(&[]);
    queue.wait_until_empty().await;
    for envelope in &queued {
        let again = caller.send_command("DefineRole", envelope).await.accepted();
        assert_eq!(again["duplicate"], true, "a command was lost");
    }
    let last = caller.command("SetCompanyConfig", json!({"company_name": "A"})).await.accepted();
    assert_eq!(last["version"], queued.len() + 1, "a command was done twice");
}

/// Only the event stream and the queues need JetStream; commands and queries do not.
#[tokio::test]
async fn requests_are_answered_without_jetstream() {
    let server = Server::with("");
    let serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.accepted();
    eventually("the log says that the queue is off", async || {
        serving.log().contains("command queue unavailable").then_some(())
    })
    .await;
    let object = json!({"bucket": "BOARDING_FILES", "name": "acme/a.csv"});
    let body = json!({"dialect": "leapxpert", "files": [{"name": "a.csv", "object": object}]});
    let answer = caller.command("ImportFile", body).await.error("unavailable", 503);
    assert_eq!(answer["retry"], true);
}
