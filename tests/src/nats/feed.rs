//! The event feed: other services read each event once and in order, even after kills.

mod batches;

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::{Client, HeaderMap};
use boarding_nats::feed::{Feed, Options};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use crate::engine::{EngineHarness, ok, people_rows};
use crate::support::nats::{Cluster, Server};
use crate::support::random::SeededRandom;
use crate::support::wait::eventually;

/// The number of people in each imported file.
const PEOPLE: usize = 300;

/// How often a feed is killed, and how long it runs at most. Within that time it reads the stream's state and
/// publishes some events.
const KILLS: usize = 50;
const LIFETIME_MAX: Duration = Duration::from_millis(40);

/// A client that connects as soon as the server is up and reconnects after each fault.
async fn client(url: &str) -> Client {
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    let options = options.reconnect_delay_callback(|_| Duration::from_millis(50));
    let addresses: Vec<String> = url.split(',').map(str::to_owned).collect();
    options.connect(addresses).await.unwrap()
}

async fn feed(harness: &EngineHarness, url: &str) -> Feed {
    Feed::start(harness.engine(), client(url).await, Options::default())
}

/// A server whose stream deduplicates for 100 ms only, so that the feed itself must avoid repeats.
async fn with_short_deduplication() -> Server {
    let server = Server::start();
    let config = jetstream::stream::Config {
        name: "BOARDING_EVENTS".to_owned(),
        subjects: vec!["boarding.v1.*.event.*".to_owned()],
        duplicate_window: Duration::from_millis(100),
        deny_delete: true,
        deny_purge: true,
        ..Default::default()
    };
    jetstream::new(client(&server.url()).await).create_stream(config).await.unwrap();
    server
}

/// Waits until all events of the log are published.
async fn wait_until_published(feed: &Feed) {
    eventually("all events are published", async || (feed.lag() == 0).then_some(())).await;
}

/// An event as a consumer of the stream gets it.
struct Received {
    subject: String,
    headers: HeaderMap,
    row: Value,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.as_str())
    }
}

/// All events of the stream, in order, read with a durable consumer.
async fn receive_all(url: &str) -> Vec<Received> {
    receive_from(client(url).await).await
}

async fn receive_from(client: Client) -> Vec<Received> {
    let context = jetstream::new(client);
    let stream = context.get_stream("BOARDING_EVENTS").await.unwrap();
    let state = stream.get_info().await.unwrap().state;
    assert_eq!(state.messages, state.last_sequence, "messages were removed");
    let config = pull::Config {
        durable_name: Some("reader".to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ..Default::default()
    };
    // A cluster that has just lost a server creates no consumer until it has a leader again.
    let consumer = eventually("a consumer is created", async || {
        stream.get_or_create_consumer("reader", config.clone()).await.ok()
    })
    .await;
    let count = usize::try_from(state.messages).unwrap();
    let mut messages = consumer.messages().await.unwrap().take(count);
    let mut received = Vec::new();
    while let Some(message) = messages.try_next().await.unwrap() {
        message.ack().await.unwrap();
        received.push(Received {
            subject: message.subject.to_string(),
            headers: message.headers.clone().unwrap_or_default(),
            row: serde_json::from_slice(&message.payload).unwrap(),
        });
    }
    received
}

/// The histories of these companies, from the query `history`.
async fn histories(harness: &EngineHarness, companies: &[&str]) -> BTreeMap<String, Vec<Value>> {
    let mut all = BTreeMap::new();
    for company in companies {
        let (mut rows, mut params) = (Vec::new(), json!({"limit": 500}));
        loop {
            let answer = harness.json_in(company, "history", params.clone()).await;
            rows.extend(answer["rows"].as_array().unwrap().clone());
            if answer["next"].is_null() {
                break;
            }
            params["cursor"] = answer["next"].clone();
        }
        all.insert((*company).to_owned(), rows);
    }
    all
}

/// Asserts that the stream has exactly the events of these histories, in the order of the log.
#[track_caller]
fn assert_complete(received: &[Received], histories: &BTreeMap<String, Vec<Value>>) {
    let mut expected: Vec<_> = histories
        .iter()
        .flat_map(|(company, rows)| rows.iter().map(move |row| (company.as_str(), row)))
        .collect();
    expected.sort_by_key(|(_, row)| row["position"].as_u64().unwrap());
    assert_eq!(received.len(), expected.len());
    for (received, (company, row)) in received.iter().zip(expected) {
        let event = row["event"].as_str().unwrap();
        let id = format!("{company}-{}", row["version"]);
        assert_eq!(&received.row, row);
        assert_eq!(received.subject, format!("boarding.v1.{company}.event.{event}"));
        let source = format!("/companies/{company}");
        let kind = format!("boarding.v1.{event}");
        let (position, version) = (row["position"].to_string(), row["version"].to_string());
        for (name, expected) in [
            ("Nats-Msg-Id", id.as_str()),
            ("ce-id", &id),
            ("ce-specversion", "1.0"),
            ("ce-type", &kind),
            ("ce-source", &source),
            ("ce-time", row["at"].as_str().unwrap()),
            ("Content-Type", "application/json"),
            ("Boarding-Position", &position),
            ("Boarding-Version", &version),
        ] {
            assert_eq!(received.header(name), Some(expected), "{name} of {id}");
        }
    }
}

/// Imports in two companies in turn, and runs `meanwhile` during each import.
async fn load(
    harness: &EngineHarness,
    first: usize,
    rounds: usize,
    mut meanwhile: impl AsyncFnMut(usize),
) {
    for round in first..first + rounds {
        let company = ["acme", "umbrella"][round % 2];
        let names: Vec<String> = (0..PEOPLE).map(|n| format!("user{round}x{n}")).collect();
        let rows = people_from(&names, round);
        let (imported, ()) = tokio::join!(harness.import_in(company, &rows), meanwhile(round));
        assert!(imported["import"].is_string(), "{imported}");
    }
}

/// Rows of people, each with another phone.
fn people_from(names: &[String], round: usize) -> String {
    let row = |(at, name): (usize, &String)| {
        format!("{name},First,Last,{name}@people.example,+8491{:07},,\n", round * 1000 + at)
    };
    names.iter().enumerate().map(row).collect()
}

async fn two_companies() -> EngineHarness {
    let harness = EngineHarness::acme(None).await;
    harness.set_up("umbrella").await;
    for company in ["acme", "umbrella"] {
        let body = json!({"bulk_integration_max_records": PEOPLE});
        ok(&harness.submit_to(company, "SetCompanyConfig", body).await);
    }
    harness
}

/// The stream has each event of an import and a run with its headers, and the events from
/// before the feed started.
#[tokio::test]
async fn stream_has_the_history_of_each_company() {
    let server = Server::start();
    let harness = two_companies().await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    let feed = feed(&harness, &server.url()).await;
    wait_until_published(&feed).await;
    harness.import_in("umbrella", &people_rows(&["cid"])).await;
    let run = harness.start_run().await;
    harness.settle().await;
    wait_until_published(&feed).await;
    let received = receive_all(&server.url()).await;
    assert_complete(&received, &histories(&harness, &["acme", "umbrella"]).await);
    let sent = received.iter().find(|one| one.subject.ends_with(".InviteSent")).unwrap();
    assert_eq!(sent.header("ce-subject"), Some(format!("run:{run}").as_str()));
    let created = received.iter().find(|one| one.subject.ends_with(".UserCreated")).unwrap();
    let import = created.row["data"]["row"]["import"].as_str().unwrap();
    assert_eq!(created.header("ce-subject"), Some(format!("import:{import}").as_str()));
}

/// `Feed::finish` publishes the last events if its time suffices.
#[tokio::test]
async fn last_events_are_published_before_the_feed_ends() {
    let server = Server::start();
    let mut harness = EngineHarness::acme(None).await;
    let feed = feed(&harness, &server.url()).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    harness.close().await;
    assert!(feed.finish(Duration::from_secs(60)).await);
    harness.open().await;
    assert_complete(&receive_all(&server.url()).await, &histories(&harness, &["acme"]).await);
}

/// Other services log headers, so headers must not contain personal data.
#[tokio::test]
async fn headers_contain_no_personal_data() {
    let server = Server::start();
    let harness = EngineHarness::acme(None).await;
    let feed = feed(&harness, &server.url()).await;
    harness.import(&people_rows(&["zebediah"])).await;
    ok(&harness.submit("ArchiveUser", json!({"user": "zebediah"})).await);
    wait_until_published(&feed).await;
    let received = receive_all(&server.url()).await;
    assert!(received.iter().any(|one| one.row.to_string().contains("zebediah")));
    for one in received {
        assert!(!format!("{:?}", one.headers).contains("zebediah"), "{:?}", one.headers);
        assert!(!format!("{:?}", one.headers).contains("8491"), "{:?}", one.headers);
    }
}

/// After each kill the next feed continues after the last published event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feed_killed_fifty_times_publishes_every_event_once() {
    let server = with_short_deduplication().await;
    let harness = two_companies().await;
    let mut lifetimes = SeededRandom::from_environment().spread_durations(KILLS, LIFETIME_MAX);
    let mut killed_early = 0;
    load(&harness, 0, 10, async |_| {
        for _ in 0..KILLS / 10 {
            let feed = feed(&harness, &server.url()).await;
            let is_done = feed.finish(lifetimes.pop().unwrap()).await;
            killed_early += usize::from(!is_done);
        }
    })
    .await;
    assert!(lifetimes.is_empty() && killed_early > KILLS / 10, "{killed_early} killed too late");
    let feed = feed(&harness, &server.url()).await;
    wait_until_published(&feed).await;
    assert_complete(
        &receive_all(&server.url()).await,
        &histories(&harness, &["acme", "umbrella"]).await,
    );
}

/// Two engines may publish the same log: the server refuses the second publish of each event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_feeds_of_one_log_publish_every_event_once() {
    let server = with_short_deduplication().await;
    let harness = two_companies().await;
    let (one, two) = (feed(&harness, &server.url()).await, feed(&harness, &server.url()).await);
    load(&harness, 0, 10, async |_| ()).await;
    wait_until_published(&one).await;
    wait_until_published(&two).await;
    assert_complete(
        &receive_all(&server.url()).await,
        &histories(&harness, &["acme", "umbrella"]).await,
    );
}

/// After a kill of the server the feed reads the end of the stream and continues there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_killed_under_load_gets_every_event_once() {
    let mut server = with_short_deduplication().await;
    let harness = two_companies().await;
    let feed = feed(&harness, &server.url()).await;
    load(&harness, 0, 6, async |round| {
        if round % 2 == 1 {
            server.kill();
            server.restart();
        }
    })
    .await;
    wait_until_published(&feed).await;
    assert_complete(
        &receive_all(&server.url()).await,
        &histories(&harness, &["acme", "umbrella"]).await,
    );
}

/// The stream has three copies, and each server is killed once under load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_losing_each_server_once_gets_every_event_once() {
    let mut cluster = Cluster::start();
    let url = cluster.url();
    let harness = two_companies().await;
    let options = Options { copies: 3, ..Options::default() };
    let feed = Feed::start(harness.engine(), client(&url).await, options);
    for at in 0..3 {
        wait_until_published(&feed).await;
        cluster.servers[at].kill();
        load(&harness, at * 2, 2, async |_| ()).await;
        wait_until_published(&feed).await;
        cluster.servers[at].restart();
    }
    eventually("the stream has a leader", async || {
        let context = jetstream::new(client(&url).await);
        let stream = context.get_stream("BOARDING_EVENTS").await.ok()?;
        stream.get_info().await.ok().filter(|info| info.state.messages > 0).map(|_| ())
    })
    .await;
    assert_complete(&receive_all(&url).await, &histories(&harness, &["acme", "umbrella"]).await);
}

/// The engine works without NATS. The feed reports the fault and catches up when the server is up.
#[tokio::test]
async fn feed_catches_up_when_nats_starts_later() {
    let mut server = Server::start();
    server.kill();
    let harness = EngineHarness::acme(None).await;
    let feed = feed(&harness, &server.url()).await;
    harness.import(&people_rows(&["ann"])).await;
    assert!(feed.lag() > 0);
    eventually("the feed reports the fault", async || feed.state().borrow().trouble.clone()).await;
    server.restart();
    wait_until_published(&feed).await;
    assert_eq!(feed.state().borrow().trouble, None);
    assert_complete(&receive_all(&server.url()).await, &histories(&harness, &["acme"]).await);
}

/// A data folder whose log is not the log of the stream publishes nothing.
#[tokio::test]
async fn another_log_publishes_nothing() {
    let server = Server::start();
    let harness = EngineHarness::acme(None).await;
    let first_feed = feed(&harness, &server.url()).await;
    harness.import(&people_rows(&["ann"])).await;
    wait_until_published(&first_feed).await;
    let expected = histories(&harness, &["acme"]).await;
    drop(first_feed);
    // The other log is shorter than the stream at first, and then longer.
    let other = EngineHarness::new(None).await;
    let feed = feed(&other, &server.url()).await;
    let mut state = feed.state();
    let trouble = state.wait_for(|state| state.trouble.is_some()).await.unwrap().trouble.clone();
    assert!(trouble.as_ref().unwrap().contains("the log ends before it"), "{trouble:?}");
    other.set_up("acme").await;
    other.import(&people_rows(&["bob", "cid"])).await;
    let is_another = |state: &boarding_nats::feed::State| {
        state.trouble.as_ref().is_some_and(|text| text.contains("differs from the log"))
    };
    state.wait_for(is_another).await.unwrap();
    assert_complete(&receive_all(&server.url()).await, &expected);
}

/// The feed refuses a stream whose configuration drops events.
#[tokio::test]
async fn stream_that_drops_events_is_refused() {
    let server = Server::start();
    let context = jetstream::new(client(&server.url()).await);
    let config = jetstream::stream::Config {
        name: "BOARDING_EVENTS".to_owned(),
        subjects: vec!["boarding.v1.*.event.*".to_owned()],
        max_messages: 1,
        ..Default::default()
    };
    context.create_stream(config).await.unwrap();
    let harness = EngineHarness::acme(None).await;
    let feed = feed(&harness, &server.url()).await;
    let mut state = feed.state();
    let trouble = state.wait_for(|state| state.trouble.is_some()).await.unwrap().trouble.clone();
    assert!(trouble.unwrap().contains("limits the number or the size of its events"));
}

/// The feed continues after the last event even if the stream has expired all events.
#[tokio::test]
async fn feed_continues_on_a_stream_whose_events_expired() {
    let server = Server::start();
    let harness = EngineHarness::acme(None).await;
    let options = Options { max_age_seconds: 1, copies: 1 };
    let feed = Feed::start(harness.engine(), client(&server.url()).await, options);
    assert!(feed.finish(Duration::from_secs(60)).await);
    let context = jetstream::new(client(&server.url()).await);
    let stream = context.get_stream("BOARDING_EVENTS").await.unwrap();
    let last = stream.get_info().await.unwrap().state.last_sequence;
    eventually("all events have expired", async || {
        (stream.get_info().await.unwrap().state.messages == 0).then_some(())
    })
    .await;
    let mut next = client(&server.url()).await.subscribe("boarding.v1.*.event.*").await.unwrap();
    let feed = Feed::start(harness.engine(), client(&server.url()).await, options);
    ok(&harness.submit("AddUser", json!({"user": "ann"})).await);
    let first = next.next().await.unwrap();
    assert_eq!(
        &*first.subject, "boarding.v1.acme.event.UserCreated",
        "an event was published twice"
    );
    wait_until_published(&feed).await;
    assert_eq!(stream.get_info().await.unwrap().state.last_sequence, last + 1);
}
