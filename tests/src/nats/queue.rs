//! Commands that are left in the queue: done once an engine is up, kept until they are, and done once.

use std::collections::BTreeSet;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, stream::Stream};
use boarding_nats::names::QUEUE_STREAM;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::caller::{Caller, Told};
use super::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// Somebody who leaves commands and waits for what comes of them.
struct Leaver {
    caller: Caller,
    jetstream: jetstream::Context,
    answers: async_nats::Subscriber,
}

const ANSWERS: &str = "answers.here";

impl Leaver {
    async fn on(server: &Server) -> Self {
        let caller = Caller::on(&server.url()).await;
        let jetstream = jetstream::new(caller.client.clone());
        let answers = caller.client.subscribe(ANSWERS).await.unwrap();
        caller.client.flush().await.unwrap();
        Self { caller, jetstream, answers }
    }

    /// Leaves a command; it is in the stream when this returns.
    async fn leave(&self, caller: &Caller, name: &str, envelope: &Value) {
        let (headers, bytes) = caller.written(envelope);
        self.leave_as(caller.subject("queue", name), headers, bytes, ANSWERS).await;
    }

    async fn leave_as(&self, subject: String, mut headers: HeaderMap, bytes: Vec<u8>, to: &str) {
        headers.insert("Boarding-Reply-To", to);
        let left = self.jetstream.publish_with_headers(subject, headers, bytes.into());
        left.await.unwrap().await.unwrap();
    }

    async fn answer(&mut self) -> Told {
        let answer = tokio::time::timeout(std::time::Duration::from_secs(60), self.answers.next());
        Told::of(&answer.await.expect("there is an answer").unwrap())
    }

    async fn stream(&self) -> Stream {
        eventually("the queue is there", async || {
            self.jetstream.get_stream(QUEUE_STREAM).await.ok()
        })
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

/// Section 4: what is left while no engine is up is done after the start, and answered.
#[tokio::test]
async fn commands_left_while_no_engine_is_up_are_done_after_the_start() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let mut leaver = Leaver::on(&server).await;
    leaver.stream().await;
    serving.kill();
    let caller = leaver.caller.clone();
    let packed = caller.packed();
    let good = caller.envelope(&json!({"company_name": "Acme"}));
    let refused = caller.envelope(&json!({"colour": "red"}));
    leaver.leave(&packed, "SetCompanyConfig", &good).await;
    leaver.leave(&caller, "SetCompanyConfig", &refused).await;
    let subject = caller.subject("queue", "SetCompanyConfig");
    leaver.leave_as(subject.clone(), HeaderMap::new(), b"{".to_vec(), ANSWERS).await;
    // No answer may go to where only the engine speaks; the command is done all the same.
    let to = "boarding.v1.acme.event.RunStarted";
    let mut forged = caller.client.subscribe(to).await.unwrap();
    let quiet = caller.envelope(&json!({"role": "Quiet", "permissions": []}));
    let (headers, bytes) = caller.written(&quiet);
    leaver.leave_as(caller.subject("queue", "DefineRole"), headers, bytes, to).await;

    serving.restart(&[]);
    let mut codes = BTreeSet::new();
    for _ in 0..3 {
        let told = leaver.answer().await;
        if told.value["outcome"] == "accepted" {
            assert_eq!(told.header("Content-Type"), Some("application/msgpack"));
            assert_eq!(told.ok()["command"], good["id"]);
        } else {
            assert_eq!(told.header("Nats-Service-Error-Code"), Some("400"));
            codes.insert(told.code().to_owned());
        }
    }
    let expected = ["config.unknown_setting", "envelope.malformed"].map(str::to_owned);
    assert_eq!(codes, BTreeSet::from(expected));
    leaver.wait_until_empty().await;
    assert!(serving.log().contains("cannot be read, and is given up"), "{}", serving.log());
    // Left and asked, it is one command.
    let again = caller.ask("SetCompanyConfig", &good).await.ok();
    assert_eq!(again["duplicate"], true);
    assert_eq!(caller.ask("DefineRole", &quiet).await.ok()["duplicate"], true);
    let nothing = tokio::time::timeout(std::time::Duration::from_millis(100), forged.next());
    assert!(nothing.await.is_err(), "an answer was published as an event");
}

/// P10, P27: an engine that is killed between taking a command and saying so loses none and does none twice.
#[tokio::test]
async fn p10_p27_a_killed_engine_loses_no_command_and_does_none_twice() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let mut leaver = Leaver::on(&server).await;
    let stream = leaver.stream().await;
    serving.kill();
    let caller = leaver.caller.clone();
    let mut left = Vec::new();
    let mut in_doubt = 0;
    for round in 0..10 {
        for n in 0..150 {
            let body = json!({"role": format!("r{round}-{n}"), "permissions": []});
            let envelope = caller.envelope(&body);
            leaver.leave(&caller, "DefineRole", &envelope).await;
            left.push(envelope);
        }
        serving.restart(&[]);
        leaver.answer().await;
        serving.kill();
        let mut consumer: PullConsumer = stream.get_consumer("engine").await.unwrap();
        in_doubt = consumer.info().await.unwrap().num_ack_pending;
        if in_doubt > 0 {
            break;
        }
    }
    assert!(in_doubt > 0, "nothing was in doubt when the engine was killed");
    serving.restart(&[]);
    leaver.wait_until_empty().await;
    for envelope in &left {
        let again = caller.ask("DefineRole", envelope).await.ok();
        assert_eq!(again["duplicate"], true, "a command was lost");
    }
    let last = caller.command("SetCompanyConfig", json!({"company_name": "A"})).await.ok();
    assert_eq!(last["version"], left.len() + 1, "a command was done twice");
}

/// Section 4 needs JetStream; sections 2 and 3 do not.
#[tokio::test]
async fn without_jetstream_requests_are_answered_and_the_log_says_what_is_off() {
    let server = Server::with("");
    let serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.ok();
    eventually("the log says so", async || serving.log().contains("queue.* is off").then_some(()))
        .await;
    let object = json!({"bucket": "BOARDING_FILES", "name": "acme/a.csv"});
    let body = json!({"dialect": "leapxpert", "files": [{"name": "a.csv", "object": object}]});
    let no = caller.command("ImportFile", body).await.no("unavailable", 503);
    assert_eq!(no["retry"], true);
}
