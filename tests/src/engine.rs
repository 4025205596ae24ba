//! The engine as a whole, at its Rust API: real folders, the real log, the real outbox, a real mail server.

mod data_folder;
mod dialects;
mod generators;
mod held_channel;
mod idempotency;
mod import_progress;
mod invitation_links;
mod jetstream;
mod load;
mod mail_delivery;
mod multiline;
mod notifications;
mod number_pool;
mod officechat;
mod officechat_cells;
mod permissions;
mod preview_agreement;
mod previews;
mod privacy;
mod queries;
mod read_models;
mod reject_file;
mod reports_from_log;
mod restart;
mod runs;
mod undo;
mod undo_generated;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::{Code, CommandId, CompanyId, Time};
use boarding_core::clock::Clock;
use boarding_core::data_dir::DataDirError;
use boarding_core::delivery::Channel;
use boarding_core::engine::{Engine, EngineError, LogChoice, Options};
use boarding_core::read::queries::{Answer as Found, Asker, NoAnswer};
use serde_json::{Map, Value, json};

/// When tests begin: the clock stands still until a test moves it.
const START: i64 = 1_795_248_000_000;
const HEADER: &str = "username,first_name,last_name,email,phone_number,org_unit,role\n";

/// A data folder, its clock, and the engine that has it open.
pub(crate) struct EngineHarness {
    folder: tempfile::TempDir,
    hand: Arc<AtomicI64>,
    pub(crate) channel: Option<Arc<dyn Channel>>,
    adopt_runs: bool,
    pub(crate) log: LogChoice,
    pub(crate) engine: Option<Engine>,
}

pub(crate) fn company_id(text: &str) -> CompanyId {
    text.parse().unwrap()
}

impl EngineHarness {
    /// A new folder; mails go into its outbox unless there is another channel.
    pub(crate) async fn new(channel: Option<Arc<dyn Channel>>) -> Self {
        Self::with_log(LogChoice::Files, channel).await
    }

    pub(crate) async fn with_log(log: LogChoice, channel: Option<Arc<dyn Channel>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hand = Arc::new(AtomicI64::new(START));
        let mut harness = Self { folder, hand, channel, adopt_runs: false, log, engine: None };
        harness.open().await;
        harness
    }

    /// The same, with the company `acme` that may invite.
    pub(crate) async fn acme(channel: Option<Arc<dyn Channel>>) -> Self {
        let harness = Self::new(channel).await;
        harness.set_up("acme").await;
        harness
    }

    pub(crate) async fn set_up(&self, company: &str) {
        let commands = include_str!("../../fixtures/company/acme.json");
        for command in serde_json::from_str::<Vec<Value>>(commands).unwrap() {
            let name = command["command"].as_str().unwrap();
            ok(&self.submit_to(company, name, command["body"].clone()).await);
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn options(&self) -> Options {
        let hand = Arc::clone(&self.hand);
        let clock = Clock::reading(move || Time(hand.load(Ordering::SeqCst)));
        let (channel, adopt_runs) = (self.channel.clone(), self.adopt_runs);
        let log = self.log.clone();
        Options { data: self.data(), log, channel, adopt_runs, secret: None, clock }
    }

    /// Opens the folder, as soon as the engine that was dropped has let go of it.
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

    /// Drops the engine without closing it, and waits until nobody is at work in the folder.
    pub(crate) async fn crash(&mut self) {
        drop(self.engine.take());
        drop(self.try_folder().await);
    }

    async fn try_folder(&self) -> boarding_core::data_dir::DataDir {
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

    /// A crash, and a new start.
    pub(crate) async fn restart(&mut self) {
        self.crash().await;
        self.open().await;
    }

    pub(crate) fn advance_clock(&self, seconds: i64) {
        self.hand.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Time {
        Time(self.hand.load(Ordering::SeqCst))
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
        let asked = envelope(command, "admin", &body);
        self.engine().submit(&company_id(company), name, asked, Authority::All).await
    }

    /// Imports these rows (without the header), with their phones.
    pub(crate) async fn import(&self, rows: &str) -> Value {
        self.import_in("acme", rows).await
    }

    pub(crate) async fn import_in(&self, company: &str, rows: &str) -> Value {
        let answer = self.submit_to(company, "ImportFile", import_body("people.csv", rows)).await;
        self.engine().settle(&company_id(company)).await;
        ok(&answer)
    }

    /// A confirmed run on WhatsApp for the newest import.
    pub(crate) async fn start_run(&self) -> String {
        self.start_run_in("acme").await
    }

    pub(crate) async fn start_run_in(&self, company: &str) -> String {
        let body =
            json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed"});
        let result = ok(&self.submit_to(company, "StartBulkIntegration", body).await);
        result["run"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn settle(&self) {
        self.engine().settle(&company_id("acme")).await;
        self.engine().caught_up().await.unwrap();
    }

    async fn query(&self, name: &str, params: Value) -> Result<Found, NoAnswer> {
        self.query_in("acme", name, params).await
    }

    pub(crate) async fn query_in(
        &self,
        company: &str,
        name: &str,
        params: Value,
    ) -> Result<Found, NoAnswer> {
        self.engine().caught_up().await.unwrap();
        let asker = Asker { actor: "admin".to_owned(), authority: Authority::All };
        self.engine().query(&company_id(company), name, object(params), &asker).await
    }

    pub(crate) async fn json(&self, name: &str, params: Value) -> Value {
        self.json_in("acme", name, params).await
    }

    pub(crate) async fn json_in(&self, company: &str, name: &str, params: Value) -> Value {
        match self.query_in(company, name, params).await {
            Ok(Found::Json(answer)) => answer,
            other => panic!("{name}: {other:?}"),
        }
    }

    pub(crate) async fn rows(&self, name: &str, params: Value) -> Vec<Value> {
        self.json(name, params).await["rows"].as_array().unwrap().clone()
    }

    pub(crate) async fn row(&self, name: &str, params: Value) -> Value {
        self.json(name, params).await["row"].clone()
    }

    async fn csv(&self, name: &str, params: Value) -> String {
        match self.query(name, params).await {
            Ok(Found::Csv(bytes)) => String::from_utf8(bytes).unwrap(),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// The names of the company's events so far.
    async fn events(&self) -> Vec<String> {
        let rows = self.rows("history", json!({"limit": 500})).await;
        rows.iter().map(|row| row["event"].as_str().unwrap().to_owned()).collect()
    }

    /// Every mail in the outbox, decoded enough to be searched.
    pub(crate) fn outbox(&self) -> Vec<String> {
        let mut found = Vec::new();
        files_under(&self.data().join("outbox"), &mut found);
        found.iter().map(|path| decoded(&std::fs::read_to_string(path).unwrap())).collect()
    }

    /// The bytes of the log as they stand on the disk.
    fn log_bytes(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        files_under(&self.data().join("log"), &mut found);
        found.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }
}

fn files_under(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files_under(&path, found) } else { found.push(path) }
    }
}

/// Quoted-printable undone: its soft line ends, and the characters that links hold.
fn decoded(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=3D", "=")
}

fn envelope(command: CommandId, actor: &str, body: &Value) -> Envelope {
    Envelope::read(json!({"id": command, "actor": actor, "body": body})).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// The body of an import of these rows.
pub(crate) fn import_body(name: &str, rows: &str) -> Value {
    json!({
        "dialect": "leapxpert",
        "files": [{"name": name, "text": format!("{HEADER}{rows}")}],
        "add_to_corporate_phones": true,
    })
}

/// A row for each name; the e-mail's first word is the name, which a mail server may act on.
pub(crate) fn people_rows(names: &[&str]) -> String {
    let row = |(at, name): (usize, &&str)| {
        let user = name.replace(['.', '-'], "_");
        format!("{user},First,Last,{name}@people.example,+84912{:06},,\n", at + 345_000)
    };
    names.iter().enumerate().map(row).collect()
}

#[track_caller]
pub(crate) fn ok(answer: &Answer) -> Value {
    match answer {
        Answer::Accepted { result, .. } => result.clone(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn refused(answer: &Answer, expected: Code) -> Value {
    match answer {
        Answer::Refused { code, details, .. } if *code == expected => details.clone(),
        other => panic!("expected {expected:?}: {other:?}"),
    }
}

// ALIASES-BEGIN
pub(crate) use self::{
    EngineHarness as Site, company_id as id, import_body as file, people_rows as people,
};

impl EngineHarness {
    pub(crate) async fn with(channel: Option<Arc<dyn Channel>>) -> Self {
        Self::new(channel).await
    }

    pub(crate) async fn ask(&self, name: &str, body: Value) -> Answer {
        self.submit(name, body).await
    }

    pub(crate) async fn ask_in(&self, company: &str, name: &str, body: Value) -> Answer {
        self.submit_to(company, name, body).await
    }

    pub(crate) async fn ask_as(
        &self,
        company: &str,
        command: CommandId,
        name: &str,
        body: Value,
    ) -> Answer {
        self.submit_with_id(company, command, name, body).await
    }

    pub(crate) async fn run(&self) -> String {
        self.start_run().await
    }

    pub(crate) async fn run_in(&self, company: &str) -> String {
        self.start_run_in(company).await
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.advance_clock(seconds);
    }

    pub(crate) async fn get_in(
        &self,
        company: &str,
        name: &str,
        params: Value,
    ) -> Result<Found, NoAnswer> {
        self.query_in(company, name, params).await
    }
}
// ALIASES-END
