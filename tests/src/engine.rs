//! Tests of the whole engine through its Rust API, with real folders, log, outbox and mail server.

mod access_tokens;
mod clock_jumps;
mod data_folder;
mod dialects;
mod full_disk;
mod generators;
mod held_outbox;
mod held_transport;
mod idempotency;
mod import_progress;
mod invitation_links;
mod jetstream;
mod link_life;
mod load;
mod mail_delivery;
mod mail_outages;
mod multiline;
mod notice_outages;
mod notifications;
mod number_pool;
mod officechat;
mod officechat_cells;
mod one_phone;
mod one_transport_down;
mod own_clock;
mod permissions;
mod pictures;
mod preview_agreement;
mod previews;
mod privacy;
mod queries;
mod read_models;
mod reject_file;
mod reports_from_log;
mod restart;
mod rows_add_up;
mod runs;
mod runs_end;
mod undo;
mod undo_generated;
mod why;

use std::path::{Component, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::{Code, CommandId, CompanyId, Time};
use boarding_core::clock::Clock;
use boarding_core::data_dir::DataDirError;
use boarding_core::delivery::Transport;
use boarding_core::engine::{Engine, EngineError, LogChoice, Options};
use boarding_core::queries::{QueryAnswer as Found, QueryCaller, QueryFailure};
use serde_json::{Map, Value, json};

use crate::support::answers::{check_command, check_query};
use crate::support::mail_text::decoded;
use crate::support::paths::files_under;

/// The time at which tests start, in milliseconds. The clock advances only when a test says so.
const START: i64 = 1_795_248_000_000;
const HEADER: &str = "username,first_name,last_name,email,phone_number,org_unit,role\n";

/// A temporary data folder, a manual clock, and the engine that has the folder open.
pub(crate) struct EngineHarness {
    folder: tempfile::TempDir,
    /// The time of the machine's clock, in milliseconds.
    clock: Arc<AtomicI64>,
    /// How long the machine runs, in milliseconds.
    uptime: Arc<AtomicI64>,
    /// Whether the engine notices that the clock jumps, as in the program.
    is_guarded: bool,
    pub(crate) transport: Option<Arc<dyn Transport>>,
    adopt_runs: bool,
    pub(crate) log: LogChoice,
    pub(crate) engine: Option<Engine>,
}

pub(crate) fn company_id(text: &str) -> CompanyId {
    text.parse().unwrap()
}

impl EngineHarness {
    /// An engine on a new folder. Without a transport, mails are written to the outbox.
    pub(crate) async fn new(transport: Option<Arc<dyn Transport>>) -> Self {
        Self::with_log(LogChoice::Files, transport).await
    }

    pub(crate) async fn with_log(log: LogChoice, transport: Option<Arc<dyn Transport>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        let uptime = Arc::new(AtomicI64::new(0));
        let (is_guarded, adopt_runs, engine) = (false, false, None);
        let mut harness =
            Self { folder, clock, uptime, is_guarded, transport, adopt_runs, log, engine };
        harness.open().await;
        harness
    }

    /// An engine with the company `acme`, which may invite users.
    pub(crate) async fn acme(transport: Option<Arc<dyn Transport>>) -> Self {
        let harness = Self::new(transport).await;
        harness.set_up("acme").await;
        harness
    }

    /// An engine with the company of `fixtures/company/multiline.json` under the id `acme`.
    pub(crate) async fn meridian() -> Self {
        let harness = Self::new(None).await;
        harness.run_commands("acme", include_str!("../../fixtures/company/multiline.json")).await;
        harness
    }

    /// Sets up another company with the commands of `fixtures/company/acme.json`.
    pub(crate) async fn set_up(&self, company: &str) {
        self.run_commands(company, include_str!("../../fixtures/company/acme.json")).await;
    }

    /// Submits the commands of a JSON list. All must be accepted.
    pub(crate) async fn run_commands(&self, company: &str, commands: &str) {
        for command in serde_json::from_str::<Vec<Value>>(commands).unwrap() {
            let name = command["command"].as_str().unwrap();
            ok(&self.submit_to(company, name, command["body"].clone()).await);
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn options(&self) -> Options {
        let millis = Arc::clone(&self.clock);
        let read = move || Time(millis.load(Ordering::SeqCst));
        let uptime = Arc::clone(&self.uptime);
        let clock = match self.is_guarded {
            true => Clock::guarded(read, move || uptime.load(Ordering::SeqCst) * 1_000),
            false => Clock::reading(read),
        };
        let (transport, adopt_runs) = (self.transport.clone(), self.adopt_runs);
        let log = self.log.clone();
        let data = self.data();
        Options {
            data,
            log,
            transport,
            texts: None,
            adopt_runs,
            carries_runs: true,
            link_page: None,
            secret: None,
            clock,
        }
    }

    /// Opens the folder, as soon as a dropped engine has released it.
    pub(crate) async fn open(&mut self) {
        self.engine = Some(self.try_open().await.unwrap());
        self.engine().resume().await;
    }

    pub(crate) async fn try_open(&self) -> Result<Engine, EngineError> {
        loop {
            match Engine::open(self.options()) {
                Err(EngineError::Folder(DataDirError::InUse { .. })) if self.engine.is_none() => {
                    tokio::task::yield_now().await;
                }
                opened => return opened,
            }
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    /// Drops the engine without closing it, and waits until it has released the folder.
    pub(crate) async fn crash(&mut self) {
        drop(self.engine.take());
        drop(self.lock_folder().await);
    }

    async fn lock_folder(&self) -> boarding_core::data_dir::DataDir {
        loop {
            match boarding_core::data_dir::DataDir::open(self.data()) {
                Err(DataDirError::InUse { .. }) => tokio::task::yield_now().await,
                opened => return opened.unwrap(),
            }
        }
    }

    pub(crate) async fn close(&mut self) {
        self.engine.take().unwrap().close().await;
    }

    /// Crashes the engine and opens the folder again.
    pub(crate) async fn restart(&mut self) {
        self.crash().await;
        self.open().await;
    }

    pub(crate) fn advance_clock(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
        self.uptime.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Time {
        Time(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) async fn submit(&self, name: &str, body: Value) -> Answer {
        self.submit_to("acme", name, body).await
    }

    pub(crate) async fn submit_to(&self, company: &str, name: &str, body: Value) -> Answer {
        let command = self.engine().clock().id();
        self.submit_with_id(company, command, name, body).await
    }

    pub(crate) async fn submit_with_id(
        &self,
        company: &str,
        command: CommandId,
        name: &str,
        body: Value,
    ) -> Answer {
        let envelope = envelope(command, "admin", &body);
        let answer =
            self.engine().submit(&company_id(company), name, envelope, Authority::All).await;
        check_command(name, &json!(answer));
        answer
    }

    /// Submits a command to `acme` as an actor who has only granted permissions.
    async fn submit_as(&self, actor: &str, name: &str, body: Value) -> Answer {
        let envelope = envelope(self.engine().clock().id(), actor, &body);
        let answer =
            self.engine().submit(&company_id("acme"), name, envelope, Authority::Granted).await;
        check_command(name, &json!(answer));
        answer
    }

    /// Grants a permission. The first grant of a company has an administrator.
    async fn grant(&self, actor: &str, permission: &str) {
        for (actor, permission) in [("admin", "administer"), (actor, permission)] {
            let body = json!({"actor": actor, "permissions": [permission]});
            ok(&self.submit("GrantPermissions", body).await);
        }
    }

    /// Imports these LeapXpert rows with their phones. The rows have no header.
    pub(crate) async fn import(&self, rows: &str) -> Value {
        self.import_in("acme", rows).await
    }

    pub(crate) async fn import_in(&self, company: &str, rows: &str) -> Value {
        let answer = self.submit_to(company, "ImportFile", import_body("people.csv", rows)).await;
        self.engine().settle(&company_id(company)).await;
        ok(&answer)
    }

    /// Undoes an import and waits for its end. Returns the row of the import.
    async fn undo_import(&self, import: &Value) -> Value {
        ok(&self.submit("UndoImport", json!({"import": import})).await);
        self.settle().await;
        self.row("import", json!({"import": import})).await
    }

    /// Starts a run on WhatsApp for the newest import. Returns its id.
    pub(crate) async fn start_run(&self) -> String {
        self.start_run_in("acme").await
    }

    pub(crate) async fn start_run_in(&self, company: &str) -> String {
        let body = json!({"source": {"import": "latest"}, "channel": "whatsapp"});
        let body = self.as_shown(company, body).await;
        let result = ok(&self.submit_to(company, "StartBulkIntegration", body).await);
        result["run"].as_str().unwrap().to_owned()
    }

    /// The body that confirms a run as its preview shows it.
    pub(crate) async fn as_shown(&self, company: &str, mut body: Value) -> Value {
        body["mode"] = json!("preview");
        let shown = ok(&self.submit_to(company, "StartBulkIntegration", body.clone()).await);
        body["mode"] = json!("confirmed");
        body["plan_hash"] = shown["plan_hash"].clone();
        body
    }

    /// Waits until `acme` has no pending work and the read models are up to date.
    pub(crate) async fn settle(&self) {
        self.engine().settle(&company_id("acme")).await;
        self.engine().caught_up().await.unwrap();
    }

    async fn query(&self, name: &str, params: Value) -> Result<Found, QueryFailure> {
        self.query_in("acme", name, params).await
    }

    pub(crate) async fn query_in(
        &self,
        company: &str,
        name: &str,
        params: Value,
    ) -> Result<Found, QueryFailure> {
        self.engine().caught_up().await.unwrap();
        let asker = QueryCaller {
            actor: "admin".to_owned(),
            authenticated: None,
            authority: Authority::All,
        };
        let answer = self.engine().query(&company_id(company), name, object(params), &asker).await;
        if let Ok(Found::Json(answer)) = &answer {
            check_query(name, &answer.value());
        }
        answer
    }

    pub(crate) async fn json(&self, name: &str, params: Value) -> Value {
        self.json_in("acme", name, params).await
    }

    pub(crate) async fn json_in(&self, company: &str, name: &str, params: Value) -> Value {
        match self.query_in(company, name, params).await {
            Ok(Found::Json(answer)) => answer.value(),
            other => panic!("{name}: {other:?}"),
        }
    }

    pub(crate) async fn rows(&self, name: &str, params: Value) -> Vec<Value> {
        self.json(name, params).await["rows"].as_array().unwrap().clone()
    }

    pub(crate) async fn row(&self, name: &str, params: Value) -> Value {
        self.json(name, params).await["row"].clone()
    }

    /// The rows of all pages of a query.
    async fn all_rows(&self, name: &str, mut params: Value) -> Vec<Value> {
        let mut rows = Vec::new();
        loop {
            let answer = self.json(name, params.clone()).await;
            rows.extend(answer["rows"].as_array().unwrap().clone());
            if answer["next"].is_null() {
                return rows;
            }
            params["cursor"] = answer["next"].clone();
        }
    }

    async fn csv(&self, name: &str, params: Value) -> String {
        match self.query(name, params).await {
            Ok(Found::Csv(bytes)) => String::from_utf8(bytes).unwrap(),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// The names of the company's first 500 events.
    async fn events(&self) -> Vec<String> {
        let rows = self.rows("history", json!({"limit": 500})).await;
        rows.iter().map(|row| row["event"].as_str().unwrap().to_owned()).collect()
    }

    /// The decoded text of every mail in the outbox.
    pub(crate) fn outbox(&self) -> Vec<String> {
        let mut found = files_under(&self.data().join("outbox"));
        // Mails that are being written, the files that try whether there is room, and the id of the outbox.
        let is_hidden = |name: &str| [".unfinished", ".id"].contains(&name);
        let is_own = |part: Component| part.as_os_str().to_str().is_some_and(is_hidden);
        found.retain(|path| !path.components().any(is_own));
        found.iter().map(|path| decoded(&std::fs::read_to_string(path).unwrap())).collect()
    }

    /// The path and content of every file of the log.
    fn log_bytes(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = self.data().join("log");
        assert!(folder.is_dir());
        files_under(&folder)
            .into_iter()
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect()
    }
}

fn envelope(command: CommandId, actor: &str, body: &Value) -> Envelope {
    Envelope::read(json!({"id": command, "actor": actor, "body": body})).unwrap()
}

/// The members of a JSON object. Empty for any other value.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// The body of an `ImportFile` command with these LeapXpert rows.
pub(crate) fn import_body(name: &str, rows: &str) -> Value {
    json!({
        "dialect": "leapxpert",
        "files": [{"name": name, "text": format!("{HEADER}{rows}")}],
        "add_to_corporate_phones": true,
    })
}

/// The outcomes of rows, as the counts of an import name them.
const ROW_OUTCOMES: [&str; 8] = [
    "created",
    "updated",
    "unchanged",
    "activated",
    "deactivated",
    "skipped",
    "duplicate",
    "invalid",
];

/// One LeapXpert row per name. The local part of the address is the name, to which the mail server reacts.
pub(crate) fn people_rows<T: AsRef<str>>(names: &[T]) -> String {
    let row = |(at, name): (usize, &T)| {
        let name = name.as_ref();
        let user = name.replace(['.', '-'], "_");
        format!("{user},First,Last,{name}@people.example,+84912{:06},,\n", at + 345_000)
    };
    names.iter().enumerate().map(row).collect()
}

/// LeapXpert rows of the users `user0`, `user1` and so on.
pub(crate) fn numbered_rows(count: usize) -> String {
    people_rows(&(0..count).map(|n| format!("user{n}")).collect::<Vec<_>>())
}

/// The result of an accepted command. Panics on any other answer.
#[track_caller]
pub(crate) fn ok(answer: &Answer) -> Value {
    match answer {
        Answer::Accepted { result, .. } => result.clone(),
        other => panic!("{other:?}"),
    }
}

/// The details of a refusal with this code. Panics on any other answer.
#[track_caller]
pub(crate) fn refused(answer: &Answer, expected: Code) -> Value {
    match answer {
        Answer::Refused { code, details, .. } if *code == expected => details.clone(),
        other => panic!("expected {expected:?}: {other:?}"),
    }
}
