//! Channel workers outside the engine: each attempt is their work once, and every recipient has one outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::consumer::pull;
use boarding_commands::values::Code;
use boarding_core::delivery::mail::{Mail, Purpose};
use boarding_core::delivery::outbox::Outbox;
use boarding_core::delivery::{Channel, Sending};
use boarding_nats::channel::NatsChannel;
use boarding_nats::worker_queue::{WorkItem, WorkQueue};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::engine::{Site, file, ok, people, refused};
use crate::support::nats::Server;
use crate::support::wait::eventually;

async fn client(server: &Server) -> Client {
    let options = async_nats::ConnectOptions::new();
    let options = options.reconnect_delay_callback(|_| Duration::from_millis(50));
    options.connect(server.url()).await.unwrap()
}

/// The channel, with the clock of the site.
async fn channel(site: &Site, server: &Server) -> Arc<NatsChannel> {
    let queue = WorkQueue::new(client(server).await, site.engine().clock().clone(), 1);
    let outbox = Outbox::open(&site.data().join("outbox")).unwrap();
    Arc::new(NatsChannel::new(queue, Arc::new(outbox)))
}

/// A site whose invitations are workers' work.
async fn site(server: &Server) -> Site {
    let mut site = Site::acme(None).await;
    site.channel = Some(channel(&site, server).await);
    site.restart().await;
    ok(&site.ask("SetCompanyConfig", json!({"retry_backoff_seconds": 1})).await);
    site
}

fn names(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|n| format!("user{n}")).collect();
    people(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A worker for WhatsApp, as somebody else would write it.
struct Worker {
    messages: pull::Stream,
}

impl Worker {
    async fn start(server: &Server) -> Self {
        Self::of("acme", server).await
    }

    async fn of(company: &str, server: &Server) -> Self {
        let name = format!("{company}_whatsapp");
        let context = jetstream::new(client(server).await);
        let consumer: jetstream::consumer::PullConsumer =
            eventually("there is a queue to take from", async || {
                context.get_consumer_from_stream(&name, "BOARDING_WORK").await.ok()
            })
            .await;
        let messages = consumer.stream().max_messages_per_batch(1).messages().await.unwrap();
        Self { messages }
    }

    /// Takes the next piece, for good.
    async fn take(&mut self) -> WorkItem {
        let message = self.messages.next().await.unwrap().unwrap();
        message.double_ack().await.unwrap();
        serde_json::from_slice(&message.payload).unwrap()
    }

    async fn take_all(&mut self, count: usize) -> Vec<WorkItem> {
        let mut items = Vec::new();
        while items.len() < count {
            items.push(self.take().await);
        }
        items.sort_by_key(|item| item.user.as_str().to_owned());
        items
    }
}

/// How many pieces there have ever been; each comes with one entry of what was handed in.
async fn pieces(server: &Server) -> u64 {
    let context = jetstream::new(client(server).await);
    let stream = context.get_stream("BOARDING_WORK").await.unwrap();
    stream.cached_info().state.last_sequence / 2
}

/// The body of a report, with more beside.
fn about(item: &WorkItem, more: &Value) -> Value {
    let mut body =
        json!({"run": item.run, "user": item.user, "attempt": item.attempt, "fence": item.fence});
    let fields = body.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    body
}

async fn sent(site: &Site, item: &WorkItem) {
    ok(&site.ask("InviteSent", about(item, &json!({}))).await);
}

async fn counts(site: &Site, run: &str) -> [u64; 5] {
    let row = site.row("run", json!({"run": run})).await;
    ["total", "passed", "skipped", "failed", "remaining"].map(|name| row[name].as_u64().unwrap())
}

async fn code_of(site: &Site, run: &str, user: &str) -> Value {
    let rows = site.rows("integration_log", json!({"run": run, "search": user})).await;
    rows[0]["code"].clone()
}

/// Contract 4, LX-24 to LX-29: every outcome that a worker may report, and the run ends with exact counts.
#[tokio::test]
async fn a_worker_takes_work_and_reports_every_outcome() {
    let server = Server::start();
    let site = site(&server).await;
    site.import(&people(&["ann", "bob", "cid", "dan"])).await;
    let run = site.run().await;
    let mut worker = Worker::start(&server).await;
    let items = worker.take_all(4).await;
    let [ann, bob, cid, dan] = &items[..] else { panic!("{items:?}") };
    assert_eq!((ann.attempt, ann.company.as_str(), ann.run.to_string()), (1, "acme", run.clone()));
    assert_eq!(
        (ann.to.address.as_str(), ann.to.name.as_str()),
        ("ann@people.example", "First Last")
    );
    assert!(ann.text.contains(&ann.link) && ann.html.contains(&ann.link), "{}", ann.text);
    assert!(ann.phone.ends_with("000") && !ann.phone.contains("912345"), "{}", ann.phone);
    assert_eq!(ann.deadline, site.now().plus_seconds(900));
    assert_eq!(ann.expires_at, site.now().plus_seconds(24 * 3600));
    sent(&site, ann).await;
    let mut skipped = about(bob, &json!({"code": "recipient.already_linked"}));
    skipped.as_object_mut().unwrap().remove("attempt");
    ok(&site.ask("UserSkipped", skipped).await);
    let gone = json!({"code": "recipient.email_undeliverable", "permanent": true});
    ok(&site.ask("InviteFailed", about(cid, &gone)).await);
    // A report that does not say which attempt it is about is about the one under way.
    let mut busy = about(dan, &json!({"code": "delivery.temporary_failure", "permanent": false}));
    busy.as_object_mut().unwrap().remove("attempt");
    ok(&site.ask("InviteFailed", busy).await);
    assert_eq!(counts(&site, &run).await, [4, 1, 1, 1, 1]);
    site.pass(2);
    let again = worker.take().await;
    assert_eq!((again.attempt, &again.message_id), (2, &dan.message_id));
    assert_eq!(again.link, dan.link, "the invitation is the same");
    // P28: what is said of the first attempt from now on has no effect.
    ok(&site.ask("InviteSent", about(dan, &json!({}))).await);
    assert_eq!(counts(&site, &run).await, [4, 1, 1, 1, 1]);
    sent(&site, &again).await;
    site.settle().await;
    assert_eq!(counts(&site, &run).await, [4, 2, 1, 1, 0]);
    assert_eq!(code_of(&site, &run, "cid").await, "recipient.email_undeliverable");
    assert_eq!(pieces(&server).await, 5);
    assert!(site.outbox().is_empty(), "no invitation went by mail");
}

/// P30, P28, P22: a worker that never reports holds nobody up; what it says afterwards changes nothing.
#[tokio::test]
async fn p30_a_silent_worker_ends_at_the_deadline_and_the_next_run_starts() {
    let server = Server::start();
    let site = site(&server).await;
    site.import(&people(&["ann", "bob"])).await;
    let first = site.run().await;
    let second = site.run().await;
    let mut worker = Worker::start(&server).await;
    let silent = worker.take_all(2).await;
    site.pass(900);
    ok(&site.ask("Tick", json!({"now": site.now()})).await);
    assert_eq!(counts(&site, &first).await, [2, 0, 0, 2, 0]);
    assert_eq!(code_of(&site, &first, "ann").await, "delivery.timeout");
    let fresh = worker.take_all(2).await;
    assert!(fresh.iter().all(|item| item.run.to_string() == second));
    let late = site.ask("InviteSent", about(&silent[0], &json!({}))).await;
    refused(&late, Code::RecipientAlreadyTerminal);
    let mut stale = about(&fresh[0], &json!({}));
    stale["fence"] = json!(silent[0].fence);
    refused(&site.ask("InviteSent", stale).await, Code::RunStaleFence);
    assert_eq!(counts(&site, &first).await, [2, 0, 0, 2, 0]);
    assert_eq!(counts(&site, &second).await, [2, 0, 0, 0, 2]);
    for item in &fresh {
        sent(&site, item).await;
    }
    site.settle().await;
    assert_eq!(counts(&site, &second).await, [2, 2, 0, 0, 0]);
}

/// Where the engine dies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Death {
    BeforeHandingOver,
    AfterHandingOver,
}

/// The channel of an engine that dies with a batch in its hands.
#[derive(Debug)]
struct Dying {
    inner: Arc<NatsChannel>,
    death: Death,
    reached: watch::Sender<usize>,
    batches: AtomicUsize,
}

impl Channel for Dying {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn deduplicates(&self) -> bool {
        self.inner.deduplicates()
    }

    fn repeats_within_seconds(&self, purpose: Purpose) -> u64 {
        self.inner.repeats_within_seconds(purpose)
    }

    fn hands_over(&self) -> bool {
        self.inner.hands_over()
    }

    fn in_flight(&self) -> usize {
        self.inner.in_flight()
    }

    fn send_batch(&self, mails: Vec<Mail>) -> Sending<'_> {
        Box::pin(async move {
            let count = mails.len();
            self.batches.fetch_add(1, Ordering::SeqCst);
            if self.death == Death::AfterHandingOver {
                self.inner.send_batch(mails).await;
            }
            self.reached.send_modify(|reached| *reached += count);
            std::future::pending().await
        })
    }
}

/// An engine that dies with the claims of so many people open, and is down.
async fn dead(server: &Server, people: usize, death: Death) -> (Site, String) {
    let mut site = site(server).await;
    let inner = channel(&site, server).await;
    let reached = watch::Sender::new(0);
    let dying = Dying { inner, death, reached, batches: AtomicUsize::new(0) };
    let dying = Arc::new(dying);
    site.channel = Some(dying.clone());
    site.restart().await;
    site.import(&names(people)).await;
    let run = site.run().await;
    dying.reached.subscribe().wait_for(|reached| *reached == people).await.unwrap();
    site.channel = Some(channel(&site, server).await);
    site.crash().await;
    (site, run)
}

/// P7, P27: whatever the engine had in its hands, each person is a worker's work once.
#[tokio::test]
async fn p7_a_crash_before_or_after_handing_over_makes_one_piece_of_work_each() {
    for death in [Death::BeforeHandingOver, Death::AfterHandingOver] {
        let server = Server::start();
        let (mut site, run) = dead(&server, 10, death).await;
        site.open().await;
        let mut worker = Worker::start(&server).await;
        for item in worker.take_all(10).await {
            assert_eq!(item.attempt, 1);
            sent(&site, &item).await;
        }
        site.settle().await;
        assert_eq!(counts(&site, &run).await, [10, 10, 0, 0, 0], "{death:?}");
        assert_eq!(pieces(&server).await, 10, "{death:?}");
    }
}

/// P7: a server that was restarted has forgotten the ids of what was taken; it is still not handed in again.
#[tokio::test]
async fn p7_work_that_was_taken_is_not_handed_in_again_after_everything_restarts() {
    let mut server = Server::start();
    let (mut site, run) = dead(&server, 10, Death::AfterHandingOver).await;
    let mut worker = Worker::start(&server).await;
    let taken = worker.take_all(10).await;
    drop(worker);
    server.kill();
    server.restart();
    site.open().await;
    // The engine asks about them again before it has a look at whoever reports.
    let mut worker = Worker::start(&server).await;
    for item in &taken[1..] {
        sent(&site, item).await;
    }
    let busy = json!({"code": "delivery.temporary_failure", "permanent": false});
    ok(&site.ask("InviteFailed", about(&taken[0], &busy)).await);
    site.pass(2);
    let next = worker.take().await;
    assert_eq!(
        (&next.user, next.attempt),
        (&taken[0].user, 2),
        "nothing of the first attempt comes"
    );
    sent(&site, &next).await;
    site.settle().await;
    assert_eq!(counts(&site, &run).await, [10, 10, 0, 0, 0]);
    assert_eq!(pieces(&server).await, 11);
}

/// P7: what the queue no longer remembers is not handed in again; the people are in doubt.
#[tokio::test]
async fn p7_a_claim_older_than_the_memory_of_the_queue_is_in_doubt() {
    let server = Server::start();
    let (mut site, run) = dead(&server, 3, Death::AfterHandingOver).await;
    site.open().await;
    ok(&site.ask("SetCompanyConfig", json!({"recipient_deadline_seconds": 10_000_000})).await);
    assert_eq!(counts(&site, &run).await, [3, 0, 0, 0, 3]);
    site.crash().await;
    site.pass(7 * 24 * 3600);
    site.open().await;
    site.settle().await;
    assert_eq!(counts(&site, &run).await, [3, 0, 0, 3, 0]);
    assert_eq!(code_of(&site, &run, "user0").await, "delivery.uncertain");
    assert_eq!(pieces(&server).await, 3);
}

/// No more is handed out than workers do in time; each report makes room for one more.
#[tokio::test]
async fn so_many_are_in_the_hands_of_workers_and_no_more() {
    let server = Server::start();
    let site = site(&server).await;
    ok(&site.ask("SetCompanyConfig", json!({"bulk_integration_max_records": 1000})).await);
    site.import(&names(230)).await;
    let run = site.run().await;
    let mut worker = Worker::start(&server).await;
    let first = worker.take_all(200).await;
    let dispatched = async || {
        let answer =
            site.rows("integration_log", json!({"run": run, "status": "dispatching"})).await;
        answer.len()
    };
    let queued = site.rows("integration_log", json!({"run": run, "status": "queued"})).await;
    assert_eq!(queued.len(), 30);
    for item in &first[..20] {
        sent(&site, item).await;
    }
    let more = worker.take_all(20).await;
    let queued = site.rows("integration_log", json!({"run": run, "status": "queued"})).await;
    assert_eq!((queued.len(), pieces(&server).await), (10, 220));
    assert!(dispatched().await > 0);
    for item in first[20..].iter().chain(&more) {
        sent(&site, item).await;
    }
    for item in worker.take_all(10).await {
        sent(&site, &item).await;
    }
    site.settle().await;
    assert_eq!(counts(&site, &run).await, [230, 230, 0, 0, 0]);
}

/// LX-35: each company's workers get their own company's people, and nobody else's.
#[tokio::test]
async fn lx_35_workers_of_a_company_see_no_other_companys_work() {
    let server = Server::start();
    let site = site(&server).await;
    site.set_up("umbrella").await;
    for (company, person) in [("acme", "ann"), ("umbrella", "zoe")] {
        site.import_in(company, &people(&[person])).await;
        site.run_in(company).await;
    }
    for (company, person) in [("umbrella", "zoe"), ("acme", "ann")] {
        let item = Worker::of(company, &server).await.take().await;
        assert_eq!((item.company.as_str(), item.user.as_str()), (company, person));
        let sent = site.ask_in(company, "InviteSent", about(&item, &json!({}))).await;
        ok(&sent);
    }
    assert_eq!(pieces(&server).await, 2);
}

/// LX-14: a welcome mail is a mail, whoever sends the invitations.
#[tokio::test]
async fn lx_14_welcome_mails_go_out_by_mail() {
    let server = Server::start();
    let site = site(&server).await;
    let mut body = file("people.csv", &people(&["ann", "bob"]));
    body["send_welcome_email"] = json!(true);
    ok(&site.ask("ImportFile", body).await);
    site.settle().await;
    assert_eq!(site.outbox().len(), 2);
}

/// A server that is away when work is to be handed over gets it when it is back, once.
#[tokio::test]
async fn work_waits_for_a_server_that_is_away() {
    let mut server = Server::start();
    let site = site(&server).await;
    site.import(&names(5)).await;
    server.kill();
    let run = site.run().await;
    let row = site.row("run", json!({"run": run})).await;
    assert_eq!(row["state"], "running");
    server.restart();
    let mut worker = Worker::start(&server).await;
    for item in worker.take_all(5).await {
        sent(&site, &item).await;
    }
    site.settle().await;
    assert_eq!(counts(&site, &run).await, [5, 5, 0, 0, 0]);
    assert_eq!(pieces(&server).await, 5);
}
