//! An engine with a clock that the test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::{CompanyId, Time};
use boarding_core::clock::Clock;
use boarding_core::engine::{Engine, LogChoice, Options};
use boarding_core::queries::{QueryAnswer, QueryCaller, QueryFailure};
use serde_json::{Value, json};

/// The time at which the clock starts, in milliseconds since 1970.
pub(super) const START: i64 = 1_795_248_000_000;

/// An engine on a new data folder, for the company `acme`.
pub(super) struct TestEngine {
    _folder: tempfile::TempDir,
    now: Arc<AtomicI64>,
    engine: Engine,
    acme: CompanyId,
}

impl TestEngine {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(START));
        let clock = Clock::reading({
            let now = Arc::clone(&now);
            move || Time(now.load(Ordering::SeqCst))
        });
        let data = folder.path().join("data");
        let engine = Engine::open(Options {
            data,
            transport: None,
            texts: None,
            adopt_runs: false,
            carries_runs: true,
            link_page: None,
            secret: None,
            log: LogChoice::default(),
            clock,
        })
        .unwrap();
        engine.resume().await;
        Self { _folder: folder, now, engine, acme: "acme".parse().unwrap() }
    }

    /// Moves the clock ahead.
    pub(super) fn advance(&self, milliseconds: i64) {
        self.now.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// An envelope with a new id and this body.
    pub(super) fn envelope(&self, body: &Value) -> Value {
        json!({"id": self.engine.clock().id(), "actor": "olga", "body": body})
    }

    /// Submits a command and waits until all that follows from it is done.
    pub(super) async fn command(&self, name: &str, envelope: Value) -> Value {
        let envelope = Envelope::read(envelope).unwrap();
        let answer: Answer = self.engine.submit(&self.acme, name, envelope, Authority::All).await;
        self.engine.settle(&self.acme).await;
        json!(answer)
    }

    /// The answer of a query, or its refusal or failure as the contract describes them.
    pub(super) async fn query(&self, name: &str, params: Value) -> Result<Value, Value> {
        self.engine.caught_up().await.unwrap();
        let caller = QueryCaller {
            actor: "olga".to_owned(),
            authenticated: None,
            authority: Authority::All,
        };
        let params = params.as_object().cloned().unwrap();
        match self.engine.query(&self.acme, name, params, &caller).await {
            Ok(QueryAnswer::Json(answer)) => Ok(answer.value()),
            Ok(QueryAnswer::Csv(bytes)) => Ok(String::from_utf8(bytes).unwrap().into()),
            Err(QueryFailure::Refused(refusal)) => Err(json!({
                "outcome": "refused", "code": refusal.code, "message": refusal.message, "details": refusal.details,
            })),
            Err(QueryFailure::Failed { code, why }) => Err(json!({
                "outcome": "failed", "code": code, "message": why, "retry": true,
            })),
        }
    }

    pub(super) async fn close(self) {
        self.engine.close().await;
    }
}
