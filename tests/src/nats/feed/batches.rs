//! Events in batches: what engines leave that die, servers that take none, and large events.

use async_nats::jetstream;
use async_nats::{Client, HeaderMap};
use boarding_log::connect::ServerAddress;
use boarding_nats::feed::{Feed, Options};
use serde_json::{Value, json};

use super::{
    PEOPLE, Received, assert_complete, client, feed, histories, people_from, receive_all,
    receive_from, two_companies, wait_until_published, with_short_deduplication,
};
use crate::engine::{EngineHarness, ok, people_rows};
use crate::support::nats::Server;

/// The headers of half a batch, as an engine leaves it that is killed while it publishes.
async fn leave_half_a_batch(client: &Client, name: &str) {
    for number in 1..=10 {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Batch-Id", name);
        headers.insert("Nats-Batch-Sequence", number.to_string());
        if number == 1 {
            headers.insert("Nats-Expected-Last-Sequence", "0");
        }
        let subject = "boarding.v1.acme.event.UserCreated";
        client.publish_with_headers(subject, headers, "{}".into()).await.unwrap();
    }
    client.flush().await.unwrap();
}

/// A client of this user.
async fn connect(server: &Server, user: &str) -> Client {
    let url = server.url().replace("nats://", &format!("nats://{user}"));
    ServerAddress { url, ..ServerAddress::default() }.connect("test").await.unwrap()
}

/// The number of events that came in batches.
fn count_batched(received: &[Received]) -> usize {
    received.iter().filter(|one| one.header("Nats-Batch-Id").is_some()).count()
}

/// An engine that dies while it sends a batch leaves nothing in the stream, and stops no other engine. The server
/// keeps 50 unfinished batches for ten seconds and refuses more: then events go one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_batches_of_dead_engines_leave_no_event() {
    let server = with_short_deduplication().await;
    let harness = two_companies().await;
    let names: Vec<String> = (0..PEOPLE).map(|n| format!("user{n}")).collect();
    harness.import(&people_from(&names, 0)).await;
    let first = feed(&harness, &server.url()).await;
    wait_until_published(&first).await;
    drop(first);
    let client = client(&server.url()).await;
    for number in 0..50 {
        leave_half_a_batch(&client, &format!("half-{number}")).await;
    }
    harness.import(&people_from(&names, 1)).await;
    let feed = feed(&harness, &server.url()).await;
    wait_until_published(&feed).await;
    let received = receive_all(&server.url()).await;
    assert_complete(&received, &histories(&harness, &["acme", "umbrella"]).await);
    assert!(received.len() > 2 * PEOPLE && count_batched(&received) > PEOPLE / 2);
}

/// The stream of an earlier version gets batches. A server that takes only smaller batches gets single events, and so
/// does a stream that the engine may not change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_in_batches_where_the_server_takes_them() {
    let limits = "jetstream { store_dir: \"STORE\", limits { batch { max_msgs: 9 } } }";
    let older = "jetstream { store_dir: \"STORE\" }\nauthorization { users: [{user: engine, password: p, \
        permissions: {publish: {deny: [\"$JS.API.STREAM.UPDATE.>\"]}}}, {user: admin, password: p}] }";
    for (server, user, batched) in [
        (Server::start(), "", true),
        (Server::with(limits), "", false),
        (Server::with(older), "engine:p@", false),
    ] {
        let admin = connect(&server, if user.is_empty() { "" } else { "admin:p@" }).await;
        let config = jetstream::stream::Config {
            name: "BOARDING_EVENTS".to_owned(),
            subjects: vec!["boarding.v1.*.event.*".to_owned()],
            ..Default::default()
        };
        jetstream::new(admin.clone()).create_stream(config).await.unwrap();
        let harness = EngineHarness::acme(None).await;
        let names: Vec<String> = (0..20).map(|n| format!("user{n}")).collect();
        harness.import(&people_from(&names, 0)).await;
        let engine = connect(&server, user).await;
        let feed = Feed::start(harness.engine(), engine, Options::default());
        wait_until_published(&feed).await;
        let received = receive_from(admin).await;
        assert_complete(&received, &histories(&harness, &["acme"]).await);
        assert_eq!(count_batched(&received) > 20, batched, "{user}");
    }
}

/// The default template with long text.
fn long_template() -> Value {
    let text = include_str!("../../../../commands/src/template/channel_invitation.en.txt");
    let html = include_str!("../../../../commands/src/template/channel_invitation.en.html");
    let long = "\"".repeat(4096);
    json!({"kind": "channel_invitation", "language": "en", "subject": "s",
        "text": format!("{text}{long}"), "html": format!("{html}<p>{long}</p>")})
}

/// An event larger than a message of the server is published without data and with a reference to the history.
#[tokio::test]
async fn event_too_large_for_the_server_becomes_a_reference() {
    let server = Server::with(
        "max_payload: 4096\njetstream { store_dir: \"STORE\", sync_interval: always }",
    );
    let harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["bob", "cid", "dan", "eve", "fay", "gus", "hal", "ida"])).await;
    ok(&harness.submit("SetTemplate", long_template()).await);
    ok(&harness.submit("AddUser", json!({"user": "ann"})).await);
    let feed = feed(&harness, &server.url()).await;
    wait_until_published(&feed).await;
    let received = receive_all(&server.url()).await;
    assert!(count_batched(&received) > 8, "the large event was in no batch");
    let history = &histories(&harness, &["acme"]).await["acme"];
    assert_eq!(received.len(), history.len());
    let shortened: Vec<_> = received.iter().filter(|one| one.row["data"].is_null()).collect();
    assert_eq!(shortened.len(), 1);
    let version = shortened[0].header("Boarding-Version").unwrap();
    let reference = format!("/v1/acme/history?cursor={version}&limit=1");
    assert_eq!(shortened[0].header("ce-dataref"), Some(reference.as_str()));
    let row = &harness.json("history", json!({"cursor": version, "limit": 1})).await["rows"][0];
    assert_eq!((&row["hash"], &row["event"]), (&shortened[0].row["hash"], &json!("TemplateSet")));
}
