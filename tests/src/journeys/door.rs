//! The way in: the company `acme`, reached by the program on a data folder, or over NATS at an engine whose log
//! is in JetStream. What is asked and what is answered is the same.

use std::cell::Cell;
use std::path::Path;
use std::sync::Mutex;

use async_nats::jetstream;
use boarding_core::clock::Clock;
use boarding_nats::names::FILES_BUCKET;
use serde_json::{Map, Value, json};

use super::mail;
use crate::nats::caller::Caller;
use crate::nats::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::paths::fixture;
use crate::support::program::Cli;
use crate::support::wait::eventually;

/// What fits in a command besides everything else, in bytes: a larger file goes into the object store.
const INLINE_BYTES: usize = 64 * 1024;

/// A file as it is chosen in a dialog: its name and its bytes.
pub(super) struct File {
    name: String,
    bytes: Vec<u8>,
}

impl File {
    pub(super) fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), bytes: bytes.into() }
    }

    /// A fixture, byte for byte.
    pub(super) fn fixture(path: &str) -> Self {
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        Self::new(name, std::fs::read(fixture(path)).unwrap())
    }
}

pub(super) enum Door {
    Folder(Cli),
    Served(Box<Served>),
}

/// An engine on a log in JetStream, and a client.
pub(super) struct Served {
    caller: Caller,
    serving: ServeProcess,
    _server: Server,
    /// What was accepted last: queries wait until it can be seen.
    position: Mutex<Value>,
}

impl Door {
    pub(super) fn to_a_folder() -> Self {
        Self::Folder(Cli::new())
    }

    pub(super) async fn to_jetstream() -> Self {
        let server = Server::start();
        let mut serving = ServeProcess::not_started(&server);
        serving.restart(&["--log", "jetstream", "--nats-monitor", &server.monitor_url()]);
        let caller = Caller::connect(&server.url()).await;
        let position = Mutex::new(json!(0));
        Self::Served(Box::new(Served { caller, serving, _server: server, position }))
    }

    /// Whether who asks is told apart: whoever has the data folder in hand may do everything in it.
    pub(super) fn tells_askers_apart(&self) -> bool {
        matches!(self, Self::Served(_))
    }

    /// Defines the company as a fixture has it.
    pub(super) async fn define(&self, company: &str) {
        let commands = std::fs::read_to_string(fixture(&format!("company/{company}"))).unwrap();
        for command in serde_json::from_str::<Vec<Value>>(&commands).unwrap() {
            self.ok(command["command"].as_str().unwrap(), command["body"].clone()).await;
        }
    }

    /// A command, by the administrator; the answer of the contract.
    pub(super) async fn ask(&self, name: &str, body: Value) -> Value {
        self.ask_as("admin", name, body).await
    }

    pub(super) async fn ask_as(&self, actor: &str, name: &str, body: Value) -> Value {
        let id = Clock::system().id();
        self.send(name, &json!({"id": id, "actor": actor, "body": body})).await
    }

    /// A command in its envelope; the answer of the contract.
    pub(super) async fn send(&self, name: &str, envelope: &Value) -> Value {
        match self {
            Self::Folder(place) => {
                let words = ["command", name, "-", "--json"];
                let ended = place.run_with_input(&words, &envelope.to_string());
                // 5: done, but somebody or some row did not come through.
                assert!([0, 1, 5].contains(&ended.status), "{name}: {ended:?}");
                ended.json()
            }
            Self::Served(served) => {
                let answer = served.caller.send_command(name, envelope).await.value;
                if answer["outcome"] == "accepted" {
                    *served.position.lock().unwrap() = answer["position"].clone();
                }
                answer
            }
        }
    }

    /// The result of a command that must be accepted.
    #[track_caller]
    pub(super) fn ok(&self, name: &str, body: Value) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.ask(name, body).await;
            assert_eq!(answer["outcome"], "accepted", "{at}: {name}: {answer}");
            answer["result"].clone()
        }
    }

    /// A command that must be refused with this code; the answer.
    #[track_caller]
    pub(super) fn no(&self, name: &str, body: Value, code: &str) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.ask(name, body).await;
            assert_eq!(answer["code"], code, "{at}: {name}: {answer}");
            answer
        }
    }

    /// The answer of a query.
    pub(super) async fn query(&self, name: &str, params: Value) -> Value {
        serde_json::from_str(&self.query_text(name, params).await).unwrap()
    }

    /// A query that answers in CSV.
    pub(super) async fn csv(&self, name: &str, mut params: Value) -> String {
        if name != "failed_rows" {
            params["format"] = json!("csv");
        }
        self.query_text(name, params).await
    }

    async fn query_text(&self, name: &str, mut params: Value) -> String {
        match self {
            Self::Folder(place) => {
                let mut words = vec!["query".to_owned(), name.to_owned(), "--json".to_owned()];
                for (key, value) in params.as_object().unwrap() {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    words.push(format!("{key}={value}"));
                }
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                let ended = place.run(&words);
                // 5: done, but somebody or some row did not come through.
                assert!([0, 1, 5].contains(&ended.status), "{name}: {ended:?}");
                ended.stdout
            }
            Self::Served(served) => {
                params["actor"] = json!("admin");
                if params["as_of"].is_null() {
                    params["min_position"] = served.position.lock().unwrap().clone();
                }
                String::from_utf8(served.caller.query(name, params).await.bytes).unwrap()
            }
        }
    }

    pub(super) async fn row(&self, name: &str, params: Value) -> Value {
        let mut answer = self.query(name, params).await;
        assert!(answer["row"].is_object(), "{name}: {answer}");
        answer["row"].take()
    }

    pub(super) async fn rows(&self, name: &str, mut params: Value) -> Vec<Value> {
        params["limit"] = json!(500);
        let mut answer = self.query(name, params).await;
        assert!(answer["rows"].is_array() && answer["next"].is_null(), "{name}: {answer}");
        match answer["rows"].take() {
            Value::Array(rows) => rows,
            other => panic!("{name}: {other}"),
        }
    }

    /// Imports files together, and sees it through to its end; the import's row.
    #[track_caller]
    pub(super) fn import(
        &self,
        dialect: &str,
        files: &[File],
        options: Value,
    ) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let done = self.try_import(dialect, files, &options).await;
            done.unwrap_or_else(|answer| panic!("{at}: {answer}"))
        }
    }

    /// An import that must be refused with this code; the answer.
    #[track_caller]
    pub(super) fn no_import(
        &self,
        dialect: &str,
        files: &[File],
        options: Value,
        code: &str,
    ) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.try_import(dialect, files, &options).await.expect_err(code);
            assert_eq!(answer["code"], code, "{at}: {answer}");
            answer
        }
    }

    async fn try_import(
        &self,
        dialect: &str,
        files: &[File],
        options: &Value,
    ) -> Result<Value, Value> {
        match self {
            Self::Folder(place) => import_by_program(place, dialect, files, options),
            Self::Served(served) => {
                let mut body = options.clone();
                body["dialect"] = json!(dialect);
                let mut given = Vec::new();
                for file in files {
                    given.push(served.given(file).await);
                }
                body["files"] = given.into();
                let answer = self.ask("ImportFile", body).await;
                if answer["outcome"] != "accepted" {
                    return Err(answer);
                }
                let invites = options["auto_invite"] == true || options["action"].is_string();
                let params = json!({"import": answer["result"]["import"]});
                let processed = Cell::new(0);
                let row = eventually("the import is completed", async || {
                    let progress = self.row("import_progress", params.clone()).await;
                    let before = processed.replace(progress["processed"].as_u64().unwrap());
                    assert!(processed.get() >= before, "progress fell from {before}: {progress}");
                    let row = self.row("import", params.clone()).await;
                    let told = !invites || !row["run"].is_null() || !row["not_invited"].is_null();
                    (row["state"] == "completed" && told).then_some(row)
                });
                let row = row.await;
                if !row["run"].is_null() {
                    self.ended(&row["run"]).await;
                }
                Ok(row)
            }
        }
    }

    /// Imports an archive of pictures; what became of it.
    pub(super) async fn pictures(&self, archive: &File) -> Value {
        match self {
            Self::Folder(place) => {
                let path = put(place, archive);
                let ended = place.run(&["pictures", &path, "--match", "agent_id", "--json"]);
                assert!([0, 5].contains(&ended.status), "{ended:?}");
                ended.json()
            }
            Self::Served(served) => {
                let file = served.given(archive).await;
                let body = json!({"file": file, "match_attribute": "agent_id"});
                let import = self.ok("ImportPictures", body).await["import"].clone();
                self.row("picture_import", json!({"import": import})).await
            }
        }
    }

    /// The run's row, once it is over.
    pub(super) async fn ended(&self, run: &Value) -> Value {
        eventually("the run is completed", async || {
            let row = self.row("run", json!({"run": run})).await;
            (row["state"] == "completed").then_some(row)
        })
        .await
    }

    /// Confirms what a preview of the run shows, and sees it through to its end; the number that was
    /// shown, and the run's row.
    pub(super) async fn invite(&self, source: Value, channel: &str) -> (u64, Value) {
        let mut body = json!({"source": source, "channel": channel, "mode": "preview"});
        let shown = self.ok("StartBulkIntegration", body.clone()).await;
        body["mode"] = json!("confirmed");
        body["plan_hash"] = shown["plan_hash"].clone();
        let run = self.ok("StartBulkIntegration", body).await["run"].clone();
        (shown["recipient_count"].as_u64().unwrap(), self.ended(&run).await)
    }

    /// The mails in the outbox, decoded enough to be searched.
    pub(super) fn mails(&self) -> Vec<String> {
        let outbox = match self {
            Self::Folder(place) => place.outbox(),
            Self::Served(served) => served.serving.data().join("outbox/acme"),
        };
        mail::all_under(&outbox)
    }

    /// The mails to this address, the oldest first.
    pub(super) fn mails_to(&self, address: &str) -> Vec<String> {
        let mut mails = self.mails();
        mails.retain(|one| mail::to(one).contains(address));
        mails
    }

    /// The mail to this address with these words in it, as soon as it is there.
    pub(super) async fn mail(&self, address: &str, words: &str) -> String {
        eventually(&format!("a mail to {address} says {words:?}"), async || {
            self.mails_to(address).into_iter().find(|mail| mail.contains(words))
        })
        .await
    }
}

impl Served {
    /// A file as a command names it.
    async fn given(&self, file: &File) -> Value {
        match std::str::from_utf8(&file.bytes) {
            Ok(text) if text.len() < INLINE_BYTES => json!({"name": file.name, "text": text}),
            _ => {
                let store = jetstream::new(self.caller.client.clone());
                let store = store.get_object_store(FILES_BUCKET).await.unwrap();
                let name = format!("acme/{}/{}", self.caller.id(), file.name);
                store.put(name.as_str(), &mut file.bytes.as_slice()).await.unwrap();
                json!({"name": file.name, "object": {"bucket": FILES_BUCKET, "name": name}})
            }
        }
    }
}

/// By `boarding import`, with the options of the contract as the program spells them.
fn import_by_program(
    place: &Cli,
    dialect: &str,
    files: &[File],
    options: &Value,
) -> Result<Value, Value> {
    let mut words = vec!["import".to_owned()];
    words.extend(files.iter().map(|file| put(place, file)));
    words.extend(["--dialect", dialect, "--json", "--actor", "admin"].map(str::to_owned));
    for (name, value) in options.as_object().unwrap_or(&Map::new()) {
        match (name.as_str(), value) {
            ("add_to_corporate_phones", Value::Bool(true)) => words.push("--add-phones".to_owned()),
            ("action", Value::String(action)) if action == "import_and_invite" => {
                words.push("--invite".to_owned());
            }
            (name, Value::Bool(true)) => words.push(format!("--{}", name.replace('_', "-"))),
            (name, Value::String(value)) => {
                words.extend([format!("--{}", name.replace('_', "-")), value.clone()]);
            }
            other => panic!("no option of the program: {other:?}"),
        }
    }
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let ended = place.run(&words);
    match ended.status {
        0 | 5 => Ok(ended.json()),
        1 => Err(ended.json()),
        _ => panic!("{ended:?}"),
    }
}

/// Writes a file where the program finds it.
fn put(place: &Cli, file: &File) -> String {
    let path = place.path().join(&file.name);
    std::fs::write(&path, &file.bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A column of rows.
pub(super) fn column(rows: &[Value], name: &str) -> Vec<Value> {
    rows.iter().map(|row| row[name].clone()).collect()
}

/// Some numbers of a row.
#[track_caller]
pub(super) fn counts<const N: usize>(row: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| row[name].as_u64().unwrap_or_else(|| panic!("{name}: {row}")))
}
