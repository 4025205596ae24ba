//! A machine whose clock jumps: time goes on for runs, retries, timers and invitations.

use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::values::Code;
use boarding_core::delivery::mail::Mail;
use boarding_core::delivery::{DeliveryFuture, Transport, TransportAnswer};
use serde_json::{Value, json};

use super::{EngineHarness, ok, people_rows};
use crate::support::mail_text::link_token;

const DAY: i64 = 86_400;
/// How much time passes between two checks of the engine, in seconds.
const STEP: i64 = 30;
/// More checks than anything in this test needs.
const CHECKS_MAX: usize = 5_000;
/// How often bob is refused for now.
const REFUSALS: usize = 4;

/// A mail server that refuses bob some times.
#[derive(Debug, Default)]
struct Greylisting {
    refusals: AtomicUsize,
    sent: Mutex<Vec<Mail>>,
}

impl Transport for Greylisting {
    fn name(&self) -> &'static str {
        "greylisting"
    }

    fn deduplicates(&self) -> bool {
        false
    }

    fn in_flight(&self) -> usize {
        4
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        let answer = |mail: Mail| {
            let is_bob = mail.to.as_str().starts_with("bob");
            if is_bob && self.refusals.fetch_add(1, Ordering::SeqCst) < REFUSALS {
                let code = Code::DeliveryTemporaryFailure;
                return MailOutcome::Retry { code, detail: Some("450 later".to_owned()) }.into();
            }
            self.sent.lock().unwrap().push(mail);
            TransportAnswer::SENT
        };
        Box::pin(async move { mails.into_iter().map(answer).collect() })
    }
}

/// A company with ann and bob on a machine whose clock jumps. Its time is simulated.
struct World {
    harness: EngineHarness,
    transport: Arc<Greylisting>,
}

impl World {
    async fn new() -> Self {
        let mut harness = EngineHarness::new(None).await;
        harness.close().await;
        let transport = Arc::new(Greylisting::default());
        harness.transport = Some(Arc::clone(&transport) as _);
        harness.is_guarded = true;
        harness.open().await;
        harness.set_up("acme").await;
        harness.import(&people_rows(&["ann", "bob"])).await;
        Self { harness, transport }
    }

    /// Sets the machine's clock by so many seconds ahead, or back.
    fn jump(&self, seconds: i64) {
        self.harness.clock.fetch_add(seconds * 1_000, Ordering::SeqCst);
        self.harness.engine().clock().now();
    }

    /// The seconds that have passed for the engine.
    fn passed(&self) -> i64 {
        (self.harness.engine().clock().now().0 - super::START) / 1_000
    }

    /// Lets time pass until this is so.
    async fn until(&self, what: &str, mut check: impl AsyncFnMut() -> bool) {
        for _ in 0..CHECKS_MAX {
            if check().await {
                return;
            }
            self.harness.advance_clock(STEP);
            tokio::time::advance(Duration::from_secs(STEP.cast_unsigned())).await;
            // A pause of the machine's time, so that the threads of the read models have their turn.
            let pause = || std::thread::park_timeout(Duration::from_millis(1));
            tokio::task::spawn_blocking(pause).await.unwrap();
        }
        panic!("time has passed in vain until {what}");
    }

    async fn is_completed(&self, run: &str) -> bool {
        let row = self.harness.row("run", json!({"run": run})).await;
        row["state"] == "completed" && row["passed"] == 2
    }

    async fn states(&self) -> Vec<Value> {
        let rows = self.harness.rows("invitations", json!({})).await;
        rows.iter().map(|row| row["state"].clone()).collect()
    }

    fn refusals(&self) -> usize {
        self.transport.refusals.load(Ordering::SeqCst)
    }
}

/// Keeps what is logged in this thread, where the engine's tasks run.
fn logged_to(file: File) -> impl Drop {
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::new(file)).finish();
    tracing_subscriber::util::SubscriberInitExt::set_default(subscriber)
}

/// Two years ahead while bob is refused, and right again before the jump has lasted.
async fn jump_ahead(world: &World) {
    let run = world.harness.start_run().await;
    world.until("bob is refused", async || world.refusals() == 1).await;
    world.jump(730 * DAY);
    world.until("bob is tried again", async || world.refusals() > 1).await;
    assert!(world.passed() < 15 * 60, "the jump is held, and the retry comes meanwhile");
    assert!(!world.states().await.contains(&json!("expired")));
    world.jump(-730 * DAY);
    world.until("the run is completed", async || world.is_completed(&run).await).await;
    assert_eq!(world.states().await, ["sent", "sent"]);
    assert!(world.passed() < DAY / 2, "{}", world.passed());
}

/// A day back before a scheduled run. It starts at its time, and its links work and end.
async fn jump_back(world: &World) {
    world.jump(-DAY);
    let later = world.harness.engine().clock().now().plus_seconds(600);
    let source = json!({"import": "latest"});
    let body = json!({"source": source, "channel": "whatsapp", "not_before": later});
    let body = world.harness.as_shown("acme", body).await;
    let again = ok(&world.harness.submit("StartBulkIntegration", body).await);
    assert_eq!(again["state"], "scheduled");
    let again = again["run"].as_str().unwrap();
    world.until("the scheduled run is completed", async || world.is_completed(again).await).await;
    let mails = world.transport.sent.lock().unwrap().clone();
    let of_ann = mails.iter().rfind(|mail| mail.to.as_str().starts_with("ann")).unwrap();
    let body = json!({"token": link_token(&of_ann.content.text)});
    ok(&world.harness.submit("LinkCompleted", body).await);
    let has_expired = async || world.states().await.contains(&json!("expired"));
    world.until("bob's link has expired after its time", has_expired).await;
}

async fn history() {
    let folder = tempfile::tempdir().unwrap();
    let words = folder.path().join("log");
    let logging = logged_to(File::create(&words).unwrap());
    let world = World::new().await;
    jump_ahead(&world).await;
    jump_back(&world).await;
    let events = world.harness.rows("history", json!({"limit": 500})).await;
    let times: Vec<&str> = events.iter().map(|event| event["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    drop(logging);
    let words = std::fs::read_to_string(words).unwrap();
    for jump in ["the machine's clock jumped ahead", "the machine's clock is behind the log"] {
        assert_eq!(words.matches(jump).count(), 1, "{jump}: {words}");
    }
}

/// Fault 20: Retries, timers and runs go on. No invitation expires for good. Time never goes back. Each jump is said
/// once.
#[test]
fn jumping_clock_freezes_nothing_and_expires_nobody() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
    // While a blocking task is under way, the simulated time advances only when the test says so.
    let (done, waits) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || waits.recv().is_err());
    runtime.block_on(history());
    drop(done);
}
