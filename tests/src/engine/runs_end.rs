//! The law of runs: each run ends, for every behaviour of the transport and with other commands between.
//!
//! The time is simulated: it stands still until the engine has nothing to do, and then goes on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::values::{Code, Time};
use boarding_core::delivery::mail::Mail;
use boarding_core::delivery::{DeliveryFuture, ReadyFuture, Transport, TransportAnswer};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{EngineHarness, company_id, ok, people_rows};
use crate::support::wait::Stopwatch;

const PEOPLE: [&str; 5] = ["ann", "bob", "cid", "dee", "eve"];
/// The longest waits that a history may set, in minutes.
const RELAY_WAIT: u64 = 40;
const RETRIES: u64 = 20;
/// The deadline of a claim without a report, in minutes.
const DEADLINE: u64 = 15;
/// How long the silent transport takes to give up one mail, in seconds.
const SILENCE_SECONDS: u64 = 60;
/// The longest time until a scheduled run starts, in minutes.
const SCHEDULED: u64 = 10;
/// What a run may take beside all these, in minutes: pauses between tries, and a last try.
const SLACK: u64 = 5;
/// The simulated time passes in steps of so many seconds.
const STEP_SECONDS: u64 = 15;
/// How long the engine may take for what is due: longer than a busy machine needs.
const LONG: Duration = Duration::from_secs(30);

/// What the transport does with mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Works,
    /// Refuses everybody for now.
    RefusesForNow,
    /// Refuses some people for now.
    RefusesSome,
    RefusesForGood,
    /// Closes the connection: no mail is taken.
    Breaks,
    /// Cannot be reached.
    Gone,
    /// Takes a long time and then gives up.
    Silent,
    /// Loses the answer.
    Loses,
}

const MOODS: [Mood; 8] = [
    Mood::Works,
    Mood::RefusesForNow,
    Mood::RefusesSome,
    Mood::RefusesForGood,
    Mood::Breaks,
    Mood::Gone,
    Mood::Silent,
    Mood::Loses,
];

/// A transport with a mood. Its mails take no time, unless it is silent.
#[derive(Debug)]
struct MoodyTransport {
    mood: Mutex<Mood>,
    /// Batches that are under way.
    asleep: AtomicUsize,
    /// Whether workers outside the engine send the mails, and report or vanish.
    hands_over: bool,
}

impl MoodyTransport {
    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    fn answer(mood: Mood, mail: &Mail) -> TransportAnswer {
        let for_now = |code| MailOutcome::Retry { code, detail: Some("451 later".to_owned()) };
        let is_some = mail.to.as_str().starts_with(['a', 'c']);
        TransportAnswer::Outcome(match mood {
            Mood::Works => MailOutcome::SENT,
            Mood::RefusesSome if !is_some => MailOutcome::SENT,
            Mood::RefusesForNow | Mood::RefusesSome => for_now(Code::DeliveryTemporaryFailure),
            Mood::RefusesForGood => MailOutcome::failed(Code::RecipientEmailUndeliverable),
            Mood::Breaks | Mood::Gone | Mood::Silent => for_now(Code::DeliveryServerUnavailable),
            Mood::Loses => MailOutcome::failed(Code::DeliveryUncertain),
        })
    }
}

impl Transport for MoodyTransport {
    fn name(&self) -> &'static str {
        "moody"
    }

    fn deduplicates(&self) -> bool {
        false
    }

    fn is_mail_server(&self) -> bool {
        true
    }

    fn hands_over(&self) -> bool {
        self.hands_over
    }

    fn in_flight(&self) -> usize {
        8
    }

    fn ready(&self) -> ReadyFuture<'_> {
        let is_gone = self.mood() == Mood::Gone;
        Box::pin(async move { if is_gone { Err("not reachable".to_owned()) } else { Ok(()) } })
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        let mood = self.mood();
        Box::pin(async move {
            if self.hands_over {
                return vec![TransportAnswer::HandedOver; mails.len()];
            }
            if mood == Mood::Silent {
                self.asleep.fetch_add(1, Ordering::SeqCst);
                let silence = Duration::from_secs(SILENCE_SECONDS);
                drop(tokio::time::timeout(silence, std::future::pending::<()>()).await);
                self.asleep.fetch_sub(1, Ordering::SeqCst);
            }
            mails.iter().map(|mail| Self::answer(mood, mail)).collect()
        })
    }
}

/// A pause of the machine's time; the simulated time stands still.
async fn breathe() {
    let pause = || std::thread::park_timeout(Duration::from_millis(1));
    tokio::task::spawn_blocking(pause).await.unwrap();
}

/// A company with people, whose engine has a moody transport and simulated time.
struct World {
    harness: EngineHarness,
    transport: Arc<MoodyTransport>,
}

impl World {
    async fn new(hands_over: bool) -> Self {
        let (mood, asleep) = (Mutex::new(Mood::Works), AtomicUsize::new(0));
        let transport = Arc::new(MoodyTransport { mood, asleep, hands_over });
        let harness = EngineHarness::acme(Some(Arc::clone(&transport) as _)).await;
        let settings = json!({
            "relay_wait_minutes": RELAY_WAIT, "delivery_retry_minutes": RETRIES,
            "recipient_deadline_seconds": DEADLINE * 60,
        });
        ok(&harness.submit("SetCompanyConfig", settings).await);
        harness.import(&people_rows(&PEOPLE)).await;
        Self { harness, transport }
    }

    /// Waits, in the machine's time, until nothing is due. Returns whether a run is left.
    async fn quiet(&self) -> bool {
        let waited = Stopwatch::start();
        for breath in 1.. {
            match self.due().await {
                Ok(is_left) => return is_left,
                Err(due) if waited.elapsed() > LONG => panic!("the engine leaves this: {due}"),
                Err(_) => breathe().await,
            }
            // A pause of the engine may have begun only after the time has advanced.
            if breath % 50 == 0 {
                tokio::time::advance(Duration::from_secs(1)).await;
            }
        }
        unreachable!()
    }

    /// Whether a run is left, if nothing is due now.
    ///
    /// # Errors
    /// What is due.
    async fn due(&self) -> Result<bool, String> {
        let now = self.harness.now();
        let actor = self.harness.engine().actor(&company_id("acme")).await;
        let opened = actor.inspect(|company| {
            let holder = company.lock.holder();
            let run = holder.and_then(|holder| Some((holder.run, company.runs.get(&holder.run)?)));
            let run =
                run.map(|(id, run)| (id, run.deferred.len(), run.in_flight.len(), run.waits_since));
            (run, company.lock.queue().len() + company.scheduled.len())
        });
        let (run, queued) = opened.await.unwrap();
        let pending = actor.pending_work().borrow().clone();
        if !pending.imports.is_empty() || !pending.listing.is_empty() {
            return Err("an import or a list".to_owned());
        }
        if pending.tick_at.is_some_and(|at| at <= now) {
            return Err(format!("a tick at {:?}", pending.tick_at));
        }
        let Some((id, deferred, claimed, waits_since)) = run else { return Ok(queued > 0) };
        if self.transport.asleep.load(Ordering::SeqCst) > 0 {
            return Ok(true);
        }
        let row = self.harness.row("run", json!({"run": id})).await;
        if waits_since.is_some() {
            let next_try = row["waiting_for"]["next_try"].as_str();
            let next_try: Option<Time> = next_try.map(|at| at.parse().unwrap());
            return match next_try.filter(|at| *at > now) {
                Some(_) => Ok(true),
                None => Err(format!("a try of the transport: {row}")),
            };
        }
        // A worker has each claimed recipient until a report or the deadline comes.
        let with_workers = if self.transport.hands_over { claimed } else { 0 };
        let is_later = deferred == 0 || pending.retry_at.is_some_and(|at| at > now);
        match is_later && pending.remaining == (deferred + with_workers) as u64 {
            true => Ok(true),
            false => Err(format!("a recipient of {row}: {pending:?}")),
        }
    }

    /// Lets this time pass in steps, each after the engine has done what is due. Stops when no run is left.
    async fn pass(&self, seconds: u64) -> bool {
        for _ in 0..seconds.div_ceil(STEP_SECONDS) {
            if !self.quiet().await {
                return false;
            }
            self.harness.advance_clock(STEP_SECONDS.cast_signed());
            tokio::time::advance(Duration::from_secs(STEP_SECONDS)).await;
        }
        self.quiet().await
    }

    /// Submits a command that the company may refuse.
    async fn ask(&self, name: &str, body: Value) {
        drop(self.harness.submit(name, body).await);
    }

    async fn start_run(&self, detail: u8) {
        let users: Vec<_> = PEOPLE.iter().skip(usize::from(detail % 4)).collect();
        let mut body = json!({"source": {"users": users}, "channel": "whatsapp"});
        body["mode"] = json!("confirmed");
        body["expected_recipients"] = json!(users.len());
        if detail.is_multiple_of(5) {
            body["not_before"] = json!(self.harness.now().plus_seconds(SCHEDULED * 60));
        }
        self.ask("StartBulkIntegration", body).await;
    }

    /// The id of one of the runs.
    async fn a_run(&self, detail: u8) -> Option<Value> {
        let runs = self.harness.rows("runs", json!({})).await;
        let at = usize::from(detail) % runs.len().max(1);
        runs.get(at).map(|row| row["run"].clone())
    }

    async fn step(&mut self, step: u8, detail: u8) {
        let user = PEOPLE[usize::from(detail) % PEOPLE.len()];
        match step % 16 {
            0..3 => *self.transport.mood.lock().unwrap() = MOODS[usize::from(detail) % MOODS.len()],
            3..6 => self.start_run(detail).await,
            6 => self.ask("ArchiveUser", json!({"user": user})).await,
            7 => self.ask("RestoreUser", json!({"user": user})).await,
            8 => {
                let on = !detail.is_multiple_of(3);
                self.ask("SetCompanyConfig", json!({"channels.whatsapp": on})).await;
            }
            9 => {
                let (wait, retries) = (u64::from(detail) % RELAY_WAIT, u64::from(detail) % RETRIES);
                let body =
                    json!({"relay_wait_minutes": 1 + wait, "delivery_retry_minutes": 1 + retries});
                self.ask("SetCompanyConfig", body).await;
            }
            10 => {
                if let Some(run) = self.a_run(detail).await {
                    let name = if detail.is_multiple_of(2) { "GiveUpRun" } else { "CancelRun" };
                    self.ask(name, json!({"run": run})).await;
                }
            }
            11 => {
                let body = json!({"users": [user], "channel": "whatsapp"});
                self.ask("ResendInvitation", body).await;
            }
            12 => {
                self.transport.asleep.store(0, Ordering::SeqCst);
                self.harness.restart().await;
            }
            13 => drop(self.pass(u64::from(detail) * 20).await),
            14 => {
                let Some(run) = self.a_run(0).await else { return };
                let (name, body) = match detail % 3 {
                    0 => ("InviteSent", json!({"run": run, "user": user})),
                    kind => {
                        let code = "delivery.temporary_failure";
                        let permanent = kind == 1;
                        (
                            "InviteFailed",
                            json!({"run": run, "user": user, "code": code, "permanent": permanent}),
                        )
                    }
                };
                self.ask(name, body).await;
            }
            _ => drop(self.pass(u64::from(detail) % 90).await),
        }
    }

    /// The longest time that the runs that are left may take, in seconds.
    async fn longest(&self) -> u64 {
        let runs = self.harness.rows("runs", json!({})).await;
        let ended = |row: &&Value| row["state"] == "completed" || row["state"] == "withdrawn";
        let left = runs.len() - runs.iter().filter(ended).count();
        let each = RELAY_WAIT + RETRIES + DEADLINE + SLACK;
        60 * (SCHEDULED + left as u64 * each)
    }

    /// Each run has ended, and each recipient has one outcome in it.
    async fn check(&self) -> Result<(), TestCaseError> {
        for run in self.harness.rows("runs", json!({})).await {
            let state = run["state"].as_str().unwrap();
            prop_assert!(["completed", "withdrawn"].contains(&state), "a run has not ended: {run}");
            let id = run["run"].as_str().unwrap();
            let entity = json!({"entity": format!("run:{id}"), "limit": 500});
            let mut outcomes: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for row in self.harness.rows("history", entity).await {
                let event = row["event"].as_str().unwrap();
                let user = row["data"]["user"].to_string();
                match event {
                    "RecipientQueued" => drop(outcomes.entry(user).or_default()),
                    "InviteSent" | "InviteFailed" | "UserSkipped" => {
                        outcomes.entry(user).or_default().push(event.to_owned());
                    }
                    _ => {}
                }
            }
            let expected = usize::from(state == "completed");
            let one_each = outcomes.values().all(|outcomes| outcomes.len() == expected);
            prop_assert!(one_each, "{state}: {outcomes:?}");
            prop_assert_eq!(outcomes.len() as u64, run["total"].as_u64().unwrap());
        }
        Ok(())
    }
}

async fn history(steps: Vec<(u8, u8)>, hands_over: bool) -> Result<(), TestCaseError> {
    let mut world = World::new(hands_over).await;
    for (step, detail) in steps {
        world.step(step, detail).await;
    }
    let longest = world.longest().await;
    let is_left = world.pass(longest).await;
    prop_assert!(
        !is_left,
        "after {longest} s a run is left: {:?}",
        world.harness.rows("runs", json!({})).await
    );
    world.check().await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() })]

    /// A31, P30, P4: each run ends within the longest wait, and each of its recipients has one outcome.
    #[test]
    fn run_ends_whatever_the_transport_does(
        steps in proptest::collection::vec(any::<(u8, u8)>(), 1..30),
        hands_over in proptest::bool::weighted(0.25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
        // While a blocking task is under way, the simulated time advances only when the test says so.
        let (done, waits) = std::sync::mpsc::channel::<()>();
        runtime.spawn_blocking(move || waits.recv().is_err());
        let result = runtime.block_on(history(steps, hands_over));
        drop(done);
        result?;
    }
}
