//! The event feed: what other services read is the history, whole and in order, whatever was killed meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::{Client, HeaderMap};
use boarding_engine::bus::feed::{Feed, Options};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use crate::engine::{Site, ok, people};
use crate::support::nats::{Cluster, Server};
use crate::support::random::SeededRandom;
use crate::support::wait::eventually;

/// How many people each file of the load has.
const PEOPLE: usize = 300;

/// How often a feeder is killed, and how long it lives at the most: from before its first question to
/// the stream until it has published what there is.
const KILLS: usize = 50;
const LIFE_MAX: Duration = Duration::from_millis(40);

/// A client that connects as soon as there is a server, and again after every fault.
async fn client(url: &str) -> Client {
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    let options = options.reconnect_delay_callback(|_| Duration::from_millis(50));
    let addresses: Vec<String> = url.split(',').map(str::to_owned).collect();
    options.connect(addresses).await.unwrap()
}

async fn feed(site: &Site, url: &str) -> Feed {
    Feed::start(site.engine(), client(url).await, Options::default())
}

/// A server whose stream knows ids again for a moment only: what it must not take it is told by place.
async fn forgetful() -> Server {
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

/// Waits until the stream has every event that the log has now.
async fn published(feed: &Feed) {
    eventually("everything is published", async || (feed.lag() == 0).then_some(())).await;
}

/// An event as another service sees it.
struct Seen {
    subject: String,
    headers: HeaderMap,
    row: Value,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.as_str())
    }
}

/// Everything that is in the stream, in its order, as a durable consumer gets it.
async fn all(url: &str) -> Vec<Seen> {
    let context = jetstream::new(client(url).await);
    let stream = context.get_stream("BOARDING_EVENTS").await.unwrap();
    let state = stream.get_info().await.unwrap().state;
    assert_eq!(state.messages, state.last_sequence, "nothing was removed");
    let config = pull::Config {
        durable_name: Some("reader".to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ..Default::default()
    };
    // A cluster that has just lost a server makes none until it has a leader for that again.
    let consumer = eventually("a consumer is made", async || {
        stream.get_or_create_consumer("reader", config.clone()).await.ok()
    })
    .await;
    let count = usize::try_from(state.messages).unwrap();
    let mut messages = consumer.messages().await.unwrap().take(count);
    let mut seen = Vec::new();
    while let Some(message) = messages.try_next().await.unwrap() {
        message.ack().await.unwrap();
        seen.push(Seen {
            subject: message.subject.to_string(),
            headers: message.headers.clone().unwrap_or_default(),
            row: serde_json::from_slice(&message.payload).unwrap(),
        });
    }
    seen
}

/// The histories of these companies, from the query.
async fn histories(site: &Site, companies: &[&str]) -> BTreeMap<String, Vec<Value>> {
    let mut all = BTreeMap::new();
    for company in companies {
        let (mut rows, mut params) = (Vec::new(), json!({"limit": 500}));
        loop {
            let answer = site.json_in(company, "history", params.clone()).await;
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

/// Holds the stream against the histories: each event once, in the order of the log, none too many.
#[track_caller]
fn assert_is_the_log(seen: &[Seen], histories: &BTreeMap<String, Vec<Value>>) {
    let mut expected: Vec<_> = histories
        .iter()
        .flat_map(|(company, rows)| rows.iter().map(move |row| (company.as_str(), row)))
        .collect();
    expected.sort_by_key(|(_, row)| row["position"].as_u64().unwrap());
    assert_eq!(seen.len(), expected.len());
    for (seen, (company, row)) in seen.iter().zip(expected) {
        let event = row["event"].as_str().unwrap();
        let id = format!("{company}-{}", row["version"]);
        assert_eq!(&seen.row, row);
        assert_eq!(seen.subject, format!("boarding.v1.{company}.event.{event}"));
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
            assert_eq!(seen.header(name), Some(expected), "{name} of {id}");
        }
    }
}

/// Imports in two companies while `meanwhile` goes on.
async fn load(site: &Site, first: usize, rounds: usize, mut meanwhile: impl AsyncFnMut(usize)) {
    for round in first..first + rounds {
        let company = ["acme", "umbrella"][round % 2];
        let names: Vec<String> = (0..PEOPLE).map(|n| format!("user{round}x{n}")).collect();
        let rows = people_from(&names, round);
        let (imported, ()) = tokio::join!(site.import_in(company, &rows), meanwhile(round));
        assert!(imported["import"].is_string(), "{imported}");
    }
}

/// People with phones of their own.
fn people_from(names: &[String], round: usize) -> String {
    let row = |(at, name): (usize, &String)| {
        format!("{name},First,Last,{name}@people.example,+8491{:07},,\n", round * 1000 + at)
    };
    names.iter().enumerate().map(row).collect()
}

async fn two_companies() -> Site {
    let site = Site::acme(None).await;
    site.set_up("umbrella").await;
    for company in ["acme", "umbrella"] {
        let body = json!({"bulk_integration_max_records": PEOPLE});
        ok(&site.ask_in(company, "SetCompanyConfig", body).await);
    }
    site
}

/// Contract 4: each event of an import and a run, with its headers; what came before the feed as well.
#[tokio::test]
async fn the_stream_is_the_history_of_each_company() {
    let server = Server::start();
    let site = two_companies().await;
    site.import(&people(&["ann", "bob"])).await;
    let feed = feed(&site, &server.url()).await;
    published(&feed).await;
    site.import_in("umbrella", &people(&["cid"])).await;
    let run = site.run().await;
    site.settle().await;
    published(&feed).await;
    let seen = all(&server.url()).await;
    assert_is_the_log(&seen, &histories(&site, &["acme", "umbrella"]).await);
    let sent = seen.iter().find(|seen| seen.subject.ends_with(".InviteSent")).unwrap();
    assert_eq!(sent.header("ce-subject"), Some(format!("run:{run}").as_str()));
    let created = seen.iter().find(|seen| seen.subject.ends_with(".UserCreated")).unwrap();
    let import = created.row["data"]["row"]["import"].as_str().unwrap();
    assert_eq!(created.header("ce-subject"), Some(format!("import:{import}").as_str()));
}

/// An engine that is closed leaves nothing unsaid, if it is given the time.
#[tokio::test]
async fn what_is_appended_last_is_published_before_the_end() {
    let server = Server::start();
    let mut site = Site::acme(None).await;
    let feed = feed(&site, &server.url()).await;
    site.import(&people(&["ann", "bob"])).await;
    site.close().await;
    assert!(feed.finish(Duration::from_secs(60)).await);
    site.open().await;
    assert_is_the_log(&all(&server.url()).await, &histories(&site, &["acme"]).await);
}

/// A header stands in logs and traces of others: it names nobody.
#[tokio::test]
async fn no_header_names_a_person() {
    let server = Server::start();
    let site = Site::acme(None).await;
    let feed = feed(&site, &server.url()).await;
    site.import(&people(&["zebediah"])).await;
    ok(&site.ask("ArchiveUser", json!({"user": "zebediah"})).await);
    published(&feed).await;
    let seen = all(&server.url()).await;
    assert!(seen.iter().any(|seen| seen.row.to_string().contains("zebediah")));
    for seen in seen {
        assert!(!format!("{:?}", seen.headers).contains("zebediah"), "{:?}", seen.headers);
        assert!(!format!("{:?}", seen.headers).contains("8491"), "{:?}", seen.headers);
    }
}

/// Whenever a feeder dies, the next goes on right after what arrived.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feeder_killed_fifty_times_leaves_no_gap() {
    let server = forgetful().await;
    let site = two_companies().await;
    let mut moments = SeededRandom::from_environment().spread_durations(KILLS, LIFE_MAX);
    let mut died_early = 0;
    load(&site, 0, 10, async |_| {
        for _ in 0..KILLS / 10 {
            let feed = feed(&site, &server.url()).await;
            let done = feed.finish(moments.pop().unwrap()).await;
            died_early += usize::from(!done);
        }
    })
    .await;
    assert!(moments.is_empty() && died_early > KILLS / 10, "{died_early} died at work");
    let feed = feed(&site, &server.url()).await;
    published(&feed).await;
    assert_is_the_log(&all(&server.url()).await, &histories(&site, &["acme", "umbrella"]).await);
}

/// Two engines may publish the same log: the server refuses whoever is late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_feeders_at_once_make_one_stream() {
    let server = forgetful().await;
    let site = two_companies().await;
    let (one, two) = (feed(&site, &server.url()).await, feed(&site, &server.url()).await);
    load(&site, 0, 10, async |_| ()).await;
    published(&one).await;
    published(&two).await;
    assert_is_the_log(&all(&server.url()).await, &histories(&site, &["acme", "umbrella"]).await);
}

/// What was not acknowledged when the server died is looked up, not guessed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_gets_every_event_once() {
    let mut server = forgetful().await;
    let site = two_companies().await;
    let feed = feed(&site, &server.url()).await;
    load(&site, 0, 6, async |round| {
        if round % 2 == 1 {
            server.kill();
            server.restart();
        }
    })
    .await;
    published(&feed).await;
    assert_is_the_log(&all(&server.url()).await, &histories(&site, &["acme", "umbrella"]).await);
}

/// Three copies of the stream, and each of their servers dies once under load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_loses_one_server_after_another_gets_every_event_once() {
    let mut cluster = Cluster::start();
    let url = cluster.url();
    let site = two_companies().await;
    let options = Options { copies: 3, ..Options::default() };
    let feed = Feed::start(site.engine(), client(&url).await, options);
    for at in 0..3 {
        published(&feed).await;
        cluster.servers[at].kill();
        load(&site, at * 2, 2, async |_| ()).await;
        published(&feed).await;
        cluster.servers[at].restart();
    }
    eventually("the stream has a leader", async || {
        let context = jetstream::new(client(&url).await);
        let stream = context.get_stream("BOARDING_EVENTS").await.ok()?;
        stream.get_info().await.ok().filter(|info| info.state.messages > 0).map(|_| ())
    })
    .await;
    assert_is_the_log(&all(&url).await, &histories(&site, &["acme", "umbrella"]).await);
}

/// The engine works without NATS; the feed says that it waits, and catches up by itself.
#[tokio::test]
async fn nats_may_come_later_than_the_engine() {
    let mut server = Server::start();
    server.kill();
    let site = Site::acme(None).await;
    let feed = feed(&site, &server.url()).await;
    site.import(&people(&["ann"])).await;
    assert!(feed.lag() > 0);
    eventually("it says so", async || feed.state().borrow().trouble.clone()).await;
    server.restart();
    published(&feed).await;
    assert_eq!(feed.state().borrow().trouble, None);
    assert_is_the_log(&all(&server.url()).await, &histories(&site, &["acme"]).await);
}

/// A data folder that is not the one of the stream publishes nothing.
#[tokio::test]
async fn another_log_is_not_mixed_in() {
    let server = Server::start();
    let site = Site::acme(None).await;
    let feed_of_it = feed(&site, &server.url()).await;
    site.import(&people(&["ann"])).await;
    published(&feed_of_it).await;
    let expected = histories(&site, &["acme"]).await;
    drop(feed_of_it);
    // A new folder, which is shorter; and then one that has become longer.
    let other = Site::with(None).await;
    let feed = feed(&other, &server.url()).await;
    let mut state = feed.state();
    let trouble = state.wait_for(|state| state.trouble.is_some()).await.unwrap().trouble.clone();
    assert!(trouble.as_ref().unwrap().contains("the log ends before it"), "{trouble:?}");
    other.set_up("acme").await;
    other.import(&people(&["bob", "cid"])).await;
    let is_another = |state: &boarding_engine::bus::feed::State| {
        state.trouble.as_ref().is_some_and(|text| text.contains("not what stands in the log"))
    };
    state.wait_for(is_another).await.unwrap();
    assert_is_the_log(&all(&server.url()).await, &expected);
}

/// A stream that is made to lose events is not used.
#[tokio::test]
async fn a_stream_that_loses_events_is_refused() {
    let server = Server::start();
    let context = jetstream::new(client(&server.url()).await);
    let config = jetstream::stream::Config {
        name: "BOARDING_EVENTS".to_owned(),
        subjects: vec!["boarding.v1.*.event.*".to_owned()],
        max_messages: 1,
        ..Default::default()
    };
    context.create_stream(config).await.unwrap();
    let site = Site::acme(None).await;
    let feed = feed(&site, &server.url()).await;
    let mut state = feed.state();
    let trouble = state.wait_for(|state| state.trouble.is_some()).await.unwrap().trouble.clone();
    assert!(trouble.unwrap().contains("forgets events by their number"));
}

/// Where events are forgotten after a time, the feed still knows where it was.
#[tokio::test]
async fn a_stream_that_has_forgotten_all_is_gone_on_with() {
    let server = Server::start();
    let site = Site::acme(None).await;
    let options = Options { max_age_seconds: 1, copies: 1 };
    let feed = Feed::start(site.engine(), client(&server.url()).await, options);
    assert!(feed.finish(Duration::from_secs(60)).await);
    let context = jetstream::new(client(&server.url()).await);
    let stream = context.get_stream("BOARDING_EVENTS").await.unwrap();
    let last = stream.get_info().await.unwrap().state.last_sequence;
    eventually("all is forgotten", async || {
        (stream.get_info().await.unwrap().state.messages == 0).then_some(())
    })
    .await;
    let mut next = client(&server.url()).await.subscribe("boarding.v1.*.event.*").await.unwrap();
    let feed = Feed::start(site.engine(), client(&server.url()).await, options);
    ok(&site.ask("AddUser", json!({"user": "ann"})).await);
    let first = next.next().await.unwrap();
    assert_eq!(&*first.subject, "boarding.v1.acme.event.UserCreated", "nothing comes again");
    published(&feed).await;
    assert_eq!(stream.get_info().await.unwrap().state.last_sequence, last + 1);
}

/// Our own template, made long.
fn long_template() -> Value {
    let text = include_str!("../../../commands/src/template/channel_invitation.en.txt");
    let html = include_str!("../../../commands/src/template/channel_invitation.en.html");
    let long = "\"".repeat(4096);
    json!({"kind": "channel_invitation", "language": "en", "subject": "s",
        "text": format!("{text}{long}"), "html": format!("{html}<p>{long}</p>")})
}

/// An event that does not fit into a message of this server is named, and does not stop the others.
#[tokio::test]
async fn an_event_too_large_for_the_server_is_named_and_left_in_the_log() {
    let server = Server::with(
        "max_payload: 4096\njetstream { store_dir: \"STORE\", sync_interval: always }",
    );
    let site = Site::acme(None).await;
    let feed = feed(&site, &server.url()).await;
    ok(&site.ask("SetTemplate", long_template()).await);
    ok(&site.ask("AddUser", json!({"user": "ann"})).await);
    published(&feed).await;
    let seen = all(&server.url()).await;
    let history = &histories(&site, &["acme"]).await["acme"];
    assert_eq!(seen.len(), history.len());
    let cut: Vec<_> = seen.iter().filter(|seen| seen.row["data"].is_null()).collect();
    assert_eq!(cut.len(), 1);
    let version = cut[0].header("Boarding-Version").unwrap();
    let reference = format!("/v1/acme/history?cursor={version}&limit=1");
    assert_eq!(cut[0].header("ce-dataref"), Some(reference.as_str()));
    let row = &site.json("history", json!({"cursor": version, "limit": 1})).await["rows"][0];
    assert_eq!((&row["hash"], &row["event"]), (&cut[0].row["hash"], &json!("TemplateSet")));
}
