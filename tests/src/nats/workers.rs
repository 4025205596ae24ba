//! External channel workers: each attempt is one work item, and each recipient has one outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::consumer::pull;
use boarding_commands::company::InvitationClaim;
use boarding_commands::values::Code;
use boarding_core::delivery::mail::{Mail, Purpose};
use boarding_core::delivery::outbox::Outbox;
use boarding_core::delivery::text_gateway::WithTextGateway;
use boarding_core::delivery::{DeliveryFuture, Transport};
use boarding_nats::text_work::{ReportKeys, TextItem, TextQueue};
use boarding_nats::worker_queue::{WorkItem, WorkQueue};
use boarding_nats::worker_transport::WorkerTransport;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::engine::{EngineHarness, import_body, numbered_rows, ok, people_rows, refused};
use crate::support::nats::Server;
use crate::support::wait::eventually;

async fn client(server: &Server) -> Client {
    let options = async_nats::ConnectOptions::new();
    let options = options.reconnect_delay_callback(|_| Duration::from_millis(50));
    options.connect(server.url()).await.unwrap()
}

/// The transport of workers, with the clock of the harness.
async fn transport(harness: &EngineHarness, server: &Server) -> Arc<WorkerTransport> {
    let queue = WorkQueue::new(client(server).await, harness.engine().clock().clone(), 1);
    let outbox = Outbox::open(&harness.data().join("outbox")).unwrap();
    Arc::new(WorkerTransport::new(queue, Arc::new(outbox)))
}

/// A harness whose invitations are sent by workers.
async fn harness(server: &Server) -> EngineHarness {
    let mut harness = EngineHarness::acme(None).await;
    harness.transport = Some(transport(&harness, server).await);
    harness.restart().await;
    ok(&harness.submit("SetCompanyConfig", json!({"retry_backoff_seconds": 1})).await);
    harness
}

/// A worker, for WhatsApp or for text messages, that uses only the contract.
struct Worker {
    messages: pull::Stream,
}

impl Worker {
    async fn start(server: &Server) -> Self {
        Self::of("acme", server).await
    }

    async fn of(company: &str, server: &Server) -> Self {
        Self::on(company, "whatsapp", server).await
    }

    async fn on(company: &str, lane: &str, server: &Server) -> Self {
        let name = format!("{company}_{lane}");
        let context = jetstream::new(client(server).await);
        let consumer: jetstream::consumer::PullConsumer =
            eventually("the work queue exists", async || {
                context.get_consumer_from_stream(&name, "BOARDING_WORK").await.ok()
            })
            .await;
        let messages = consumer.stream().max_messages_per_batch(1).messages().await.unwrap();
        Self { messages }
    }

    /// Receives and acknowledges the next work item.
    async fn receive(&mut self) -> WorkItem {
        serde_json::from_slice(&self.receive_bytes().await).unwrap()
    }

    async fn receive_bytes(&mut self) -> Vec<u8> {
        let message = self.messages.next().await.unwrap().unwrap();
        message.double_ack().await.unwrap();
        message.payload.to_vec()
    }

    /// Receives this many work items, sorted by user.
    async fn receive_many(&mut self, count: usize) -> Vec<WorkItem> {
        let mut items = Vec::new();
        while items.len() < count {
            items.push(self.receive().await);
        }
        items.sort_by_key(|item| item.claim.user.as_str().to_owned());
        items
    }
}

/// The number of work items that were ever queued. The queue adds one more message for each item.
async fn queued_items(server: &Server) -> u64 {
    let context = jetstream::new(client(server).await);
    let stream = context.get_stream("BOARDING_WORK").await.unwrap();
    stream.cached_info().state.last_sequence / 2
}

/// The body of a report on a work item, with more fields.
fn report(item: &WorkItem, more: &Value) -> Value {
    let InvitationClaim { run, user, attempt, fence, .. } = &item.claim;
    let mut body = json!({"run": run, "user": user, "attempt": attempt, "fence": fence});
    let fields = body.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    body
}

async fn report_sent(harness: &EngineHarness, item: &WorkItem) {
    ok(&harness.submit("InviteSent", report(item, &json!({}))).await);
}

async fn counts(harness: &EngineHarness, run: &str) -> [u64; 5] {
    let row = harness.row("run", json!({"run": run})).await;
    ["total", "passed", "skipped", "failed", "remaining"].map(|name| row[name].as_u64().unwrap())
}

async fn code_of(harness: &EngineHarness, run: &str, user: &str) -> Value {
    let rows = harness.rows("integration_log", json!({"run": run, "search": user})).await;
    rows[0]["code"].clone()
}

/// LX-24 to LX-29: A worker reports each kind of outcome, and the run ends with exact counts.
#[tokio::test]
async fn worker_reports_every_kind_of_outcome() {
    let server = Server::start();
    let harness = harness(&server).await;
    harness.import(&people_rows(&["ann", "bob", "cid", "dan"])).await;
    let run = harness.start_run().await;
    let mut worker = Worker::start(&server).await;
    let items = worker.receive_many(4).await;
    let [ann, bob, cid, dan] = &items[..] else { panic!("{items:?}") };
    assert_eq!(
        (ann.claim.attempt, ann.claim.company.as_str(), ann.claim.run.to_string()),
        (1, "acme", run.clone())
    );
    assert_eq!(
        (ann.to.address.as_str(), ann.to.name.as_str()),
        ("ann@people.example", "First Last")
    );
    assert!(
        ann.content.text.contains(&ann.link) && ann.content.html.contains(&ann.link),
        "{}",
        ann.content.text
    );
    assert!(ann.phone.ends_with("000") && !ann.phone.contains("912345"), "{}", ann.phone);
    assert_eq!(ann.claim.deadline, harness.now().plus_seconds(900));
    assert_eq!(ann.expires_at, harness.now().plus_seconds(24 * 3600));
    report_sent(&harness, ann).await;
    let mut skipped = report(bob, &json!({"code": "recipient.already_linked"}));
    skipped.as_object_mut().unwrap().remove("attempt");
    ok(&harness.submit("UserSkipped", skipped).await);
    let undeliverable = json!({"code": "recipient.email_undeliverable", "permanent": true});
    ok(&harness.submit("InviteFailed", report(cid, &undeliverable)).await);
    // A report without an attempt number applies to the current attempt.
    let mut busy = report(dan, &json!({"code": "delivery.temporary_failure", "permanent": false}));
    busy.as_object_mut().unwrap().remove("attempt");
    ok(&harness.submit("InviteFailed", busy).await);
    assert_eq!(counts(&harness, &run).await, [4, 1, 1, 1, 1]);
    harness.advance_clock(2);
    let second = worker.receive().await;
    assert_eq!((second.claim.attempt, &second.claim.message_id), (2, &dan.claim.message_id));
    assert_eq!(second.link, dan.link, "the second attempt has another link");
    // P28: A late report on the first attempt has no effect.
    ok(&harness.submit("InviteSent", report(dan, &json!({}))).await);
    assert_eq!(counts(&harness, &run).await, [4, 1, 1, 1, 1]);
    report_sent(&harness, &second).await;
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [4, 2, 1, 1, 0]);
    assert_eq!(code_of(&harness, &run, "cid").await, "recipient.email_undeliverable");
    assert_eq!(queued_items(&server).await, 5);
    assert!(harness.outbox().is_empty(), "an invitation was sent by mail");
}

/// P30, P28, P22: The recipients of a silent worker fail at their deadline, and the next run starts. Late reports
/// change nothing.
#[tokio::test]
async fn run_of_a_silent_worker_ends_at_the_deadline() {
    let server = Server::start();
    let harness = harness(&server).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    let first = harness.start_run().await;
    let second = harness.start_run().await;
    let mut worker = Worker::start(&server).await;
    let silent = worker.receive_many(2).await;
    harness.advance_clock(900);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    assert_eq!(counts(&harness, &first).await, [2, 0, 0, 2, 0]);
    assert_eq!(code_of(&harness, &first, "ann").await, "delivery.timeout");
    let fresh = worker.receive_many(2).await;
    assert!(fresh.iter().all(|item| item.claim.run.to_string() == second));
    let late = harness.submit("InviteSent", report(&silent[0], &json!({}))).await;
    refused(&late, Code::RecipientAlreadyTerminal);
    let mut stale = report(&fresh[0], &json!({}));
    stale["fence"] = json!(silent[0].claim.fence);
    refused(&harness.submit("InviteSent", stale).await, Code::RunStaleFence);
    assert_eq!(counts(&harness, &first).await, [2, 0, 0, 2, 0]);
    assert_eq!(counts(&harness, &second).await, [2, 0, 0, 0, 2]);
    for item in &fresh {
        report_sent(&harness, item).await;
    }
    harness.settle().await;
    assert_eq!(counts(&harness, &second).await, [2, 2, 0, 0, 0]);
}

/// The point of `send_batch` at which the engine crashes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum CrashPoint {
    BeforeQueueing,
    AfterQueueing,
}

/// A transport that never returns from `send_batch`, so that the test can crash the engine there.
#[derive(Debug)]
struct BlockingTransport {
    inner: Arc<WorkerTransport>,
    crash_point: CrashPoint,
    reached: watch::Sender<usize>,
    batches: AtomicUsize,
}

impl Transport for BlockingTransport {
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

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        Box::pin(async move {
            let count = mails.len();
            self.batches.fetch_add(1, Ordering::SeqCst);
            if self.crash_point == CrashPoint::AfterQueueing {
                self.inner.send_batch(mails).await;
            }
            self.reached.send_modify(|reached| *reached += count);
            std::future::pending().await
        })
    }
}

/// A harness whose engine crashed with open claims of this many people, and the run.
async fn crashed(
    server: &Server,
    people: usize,
    crash_point: CrashPoint,
) -> (EngineHarness, String) {
    let mut harness = harness(server).await;
    let inner = transport(&harness, server).await;
    let reached = watch::Sender::new(0);
    let blocking = BlockingTransport { inner, crash_point, reached, batches: AtomicUsize::new(0) };
    let blocking = Arc::new(blocking);
    harness.transport = Some(blocking.clone());
    harness.restart().await;
    harness.import(&numbered_rows(people)).await;
    let run = harness.start_run().await;
    blocking.reached.subscribe().wait_for(|reached| *reached == people).await.unwrap();
    harness.transport = Some(transport(&harness, server).await);
    harness.crash().await;
    (harness, run)
}

/// P7, P27: After a crash before or after queueing, each recipient is one work item.
#[tokio::test]
async fn crash_around_queueing_makes_one_work_item_each() {
    for crash_point in [CrashPoint::BeforeQueueing, CrashPoint::AfterQueueing] {
        let server = Server::start();
        let (mut harness, run) = crashed(&server, 10, crash_point).await;
        harness.open().await;
        let mut worker = Worker::start(&server).await;
        for item in worker.receive_many(10).await {
            assert_eq!(item.claim.attempt, 1);
            report_sent(&harness, &item).await;
        }
        harness.settle().await;
        assert_eq!(counts(&harness, &run).await, [10, 10, 0, 0, 0], "{crash_point:?}");
        assert_eq!(queued_items(&server).await, 10, "{crash_point:?}");
    }
}

/// P7: A restarted server no longer deduplicates work that was acknowledged. The engine still does not queue it again.
#[tokio::test]
async fn acknowledged_work_is_not_queued_again_after_restarts() {
    let mut server = Server::start();
    let (mut harness, run) = crashed(&server, 10, CrashPoint::AfterQueueing).await;
    let mut worker = Worker::start(&server).await;
    let taken = worker.receive_many(10).await;
    drop(worker);
    server.kill();
    server.restart();
    harness.open().await;
    // The engine tries to queue the open claims again before it processes reports.
    let mut worker = Worker::start(&server).await;
    for item in &taken[1..] {
        report_sent(&harness, item).await;
    }
    let busy = json!({"code": "delivery.temporary_failure", "permanent": false});
    ok(&harness.submit("InviteFailed", report(&taken[0], &busy)).await);
    harness.advance_clock(2);
    let next = worker.receive().await;
    assert_eq!(
        (&next.claim.user, next.claim.attempt),
        (&taken[0].claim.user, 2),
        "a work item of the first attempt was queued"
    );
    report_sent(&harness, &next).await;
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [10, 10, 0, 0, 0]);
    assert_eq!(queued_items(&server).await, 11);
}

/// P7: A claim older than the queue's deduplication window is not queued again. Its recipient is uncertain.
#[tokio::test]
async fn claim_older_than_the_deduplication_window_is_uncertain() {
    let server = Server::start();
    let (mut harness, run) = crashed(&server, 3, CrashPoint::AfterQueueing).await;
    harness.open().await;
    ok(&harness
        .submit("SetCompanyConfig", json!({"recipient_deadline_seconds": 10_000_000}))
        .await);
    assert_eq!(counts(&harness, &run).await, [3, 0, 0, 0, 3]);
    harness.crash().await;
    harness.advance_clock(7 * 24 * 3600);
    harness.open().await;
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [3, 0, 0, 3, 0]);
    assert_eq!(code_of(&harness, &run, "user0").await, "delivery.uncertain");
    assert_eq!(queued_items(&server).await, 3);
}

/// At most 200 work items are open at a time. Each report allows one more.
#[tokio::test]
async fn number_of_open_work_items_is_limited() {
    let server = Server::start();
    let harness = harness(&server).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 1000})).await);
    harness.import(&numbered_rows(230)).await;
    let run = harness.start_run().await;
    let mut worker = Worker::start(&server).await;
    let first = worker.receive_many(200).await;
    let dispatched = async || {
        let answer =
            harness.rows("integration_log", json!({"run": run, "status": "dispatching"})).await;
        answer.len()
    };
    let queued = harness.rows("integration_log", json!({"run": run, "status": "queued"})).await;
    assert_eq!(queued.len(), 30);
    for item in &first[..20] {
        report_sent(&harness, item).await;
    }
    let more = worker.receive_many(20).await;
    let queued = harness.rows("integration_log", json!({"run": run, "status": "queued"})).await;
    assert_eq!((queued.len(), queued_items(&server).await), (10, 220));
    assert!(dispatched().await > 0);
    for item in first[20..].iter().chain(&more) {
        report_sent(&harness, item).await;
    }
    for item in worker.receive_many(10).await {
        report_sent(&harness, &item).await;
    }
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [230, 230, 0, 0, 0]);
}

/// LX-35: Workers get the work items of their own company only.
#[tokio::test]
async fn workers_get_the_work_of_their_company_only() {
    let server = Server::start();
    let harness = harness(&server).await;
    harness.set_up("umbrella").await;
    for (company, person) in [("acme", "ann"), ("umbrella", "zoe")] {
        harness.import_in(company, &people_rows(&[person])).await;
        harness.start_run_in(company).await;
    }
    for (company, person) in [("umbrella", "zoe"), ("acme", "ann")] {
        let item = Worker::of(company, &server).await.receive().await;
        assert_eq!((item.claim.company.as_str(), item.claim.user.as_str()), (company, person));
        let sent = harness.submit_to(company, "InviteSent", report(&item, &json!({}))).await;
        ok(&sent);
    }
    assert_eq!(queued_items(&server).await, 2);
}

/// LX-14: Welcome mails are sent by mail even when workers send the invitations.
#[tokio::test]
async fn welcome_mails_are_sent_by_mail() {
    let server = Server::start();
    let harness = harness(&server).await;
    let mut body = import_body("people.csv", &people_rows(&["ann", "bob"]));
    body["send_welcome_email"] = json!(true);
    ok(&harness.submit("ImportFile", body).await);
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 2);
}

/// Work that cannot be queued because the server is down is queued once when it is up again.
#[tokio::test]
async fn work_is_queued_once_after_an_outage_of_nats() {
    let mut server = Server::start();
    let harness = harness(&server).await;
    harness.import(&numbered_rows(5)).await;
    server.kill();
    let run = harness.start_run().await;
    let row = harness.row("run", json!({"run": run})).await;
    assert_eq!(row["state"], "running");
    server.restart();
    let mut worker = Worker::start(&server).await;
    for item in worker.receive_many(5).await {
        report_sent(&harness, &item).await;
    }
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [5, 5, 0, 0, 0]);
    assert_eq!(queued_items(&server).await, 5);
}

/// An outbox for mails, and the work queue for text messages.
async fn with_text_gateway(harness: &EngineHarness, server: &Server) -> Arc<dyn Transport> {
    let queue = WorkQueue::new(client(server).await, harness.engine().clock().clone(), 1);
    let outbox = Outbox::open(&harness.data().join("outbox")).unwrap();
    Arc::new(WithTextGateway::new(Arc::new(outbox), Arc::new(TextQueue::new(queue))))
}

/// A44: a text gateway gets each device once, also when the engine restarts meanwhile. Mails go their own way.
#[tokio::test]
async fn text_gateway_gets_each_device_once() {
    let server = Server::start();
    let mut harness = EngineHarness::meridian().await;
    harness.transport = Some(with_text_gateway(&harness, &server).await);
    harness.restart().await;
    let text = "email address or device,social_messaging,monitor_calls,monitor_sms\n\
        +84923448071,No,off,off\nann@meridian.example,No,off,off\n";
    let body = json!({
        "dialect": "multiline", "files": [{"name": "accounts.csv", "text": text}], "channel": "whatsapp",
        "organization": "EMEA", "permission_group": "Traders", "action": "import_and_invite",
    });
    let run = ok(&harness.submit("ImportFile", body).await)["import"].as_str().unwrap().to_owned();
    let mut texts = Worker::on("acme", "text", &server).await;
    let item: TextItem = serde_json::from_slice(&texts.receive_bytes().await).unwrap();
    assert_eq!(
        (item.number.to_string().as_str(), item.text.contains(&item.link)),
        ("+84923448071", true)
    );
    eventually("the mail is sent", async || {
        (counts(&harness, &run).await == [2, 1, 0, 0, 1]).then_some(())
    })
    .await;
    harness.transport = Some(with_text_gateway(&harness, &server).await);
    harness.restart().await;
    assert_eq!(counts(&harness, &run).await, [2, 1, 0, 0, 1], "the text is still under way");
    let ReportKeys { run: of, attempt, fence } = item.report.unwrap();
    let report = json!({"run": of, "user": item.user, "attempt": attempt, "fence": fence});
    ok(&harness.submit("InviteSent", report).await);
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [2, 2, 0, 0, 0]);
    assert_eq!((queued_items(&server).await, harness.outbox().len()), (1, 1));
}
