//! The users `engine` and `acme-worker` of `nats.conf`.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::{Client, Request};
use boarding_core::delivery::null::NullTransport;
use boarding_nats::feed::{Feed, Options};
use boarding_nats::worker_queue::{WorkItem, WorkQueue};
use boarding_nats::worker_transport::WorkerTransport;
use futures_util::StreamExt as _;
use serde_json::json;

use super::permissions::{config, server};
use crate::engine::{EngineHarness, ok, people_rows};
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// How long the test waits for an answer that must not come.
const NO_ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

async fn client(server: &Server, user: &str) -> Client {
    let options = async_nats::ConnectOptions::new()
        .user_and_password(user.to_owned(), user.to_owned())
        .custom_inbox_prefix(format!("_INBOX.{user}"));
    options.connect(server.url()).await.unwrap()
}

#[tokio::test]
async fn worker_reads_work_and_nothing_else() {
    let server = server(&config());
    let engine = client(&server, "engine").await;
    let mut harness = EngineHarness::acme(None).await;
    let queue = WorkQueue::new(engine.clone(), harness.engine().clock().clone(), 1);
    harness.transport = Some(Arc::new(WorkerTransport::new(queue, Arc::new(NullTransport))));
    harness.restart().await;
    let feed = Feed::start(harness.engine(), engine.clone(), Options::default());
    harness.import(&people_rows(&["ann"])).await;
    let run = harness.start_run().await;
    eventually("the events are published", async || (feed.lag() == 0).then_some(())).await;

    let worker = client(&server, "acme-worker").await;
    let context = jetstream::new(worker.clone());
    let consumer: PullConsumer = eventually("the work queue exists", async || {
        context.get_consumer_from_stream("acme_whatsapp", "BOARDING_WORK").await.ok()
    })
    .await;
    // A server that is slow may know the consumer before it answers requests for messages.
    let message =
        eventually("work is given", async || consumer.messages().await.ok()?.next().await?.ok())
            .await;
    message.double_ack().await.unwrap();
    let item: WorkItem = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(item.claim.run.to_string(), run);

    for subject in [
        "$JS.API.STREAM.MSG.GET.BOARDING_EVENTS",
        "$JS.API.STREAM.MSG.GET.BOARDING_WORK",
        "$JS.API.CONSUMER.CREATE.BOARDING_WORK",
        "$JS.API.STREAM.DELETE.BOARDING_WORK",
    ] {
        let question = json!({"seq": 1, "stream_name": "BOARDING_WORK", "config": {}});
        let request =
            Request::new().payload(question.to_string().into()).timeout(Some(NO_ANSWER_TIMEOUT));
        let answer = worker.send_request(subject, request).await;
        assert!(answer.is_err(), "{subject}: {answer:?}");
    }
    // The engine has the permission and gets an answer.
    let request = Request::new().payload(json!({"seq": 1}).to_string().into());
    engine.send_request("$JS.API.STREAM.MSG.GET.BOARDING_EVENTS", request).await.unwrap();
    ok(&harness.submit("InviteSent", json!({"run": run, "user": "ann"})).await);
    harness.settle().await;
}
