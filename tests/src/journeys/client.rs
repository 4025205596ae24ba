//! A client of the company `acme`: the program on a data folder, or NATS with a JetStream log.

use std::cell::Cell;
use std::path::Path;
use std::sync::Mutex;

use async_nats::jetstream;
use boarding_core::clock::Clock;
use boarding_nats::names::FILES_BUCKET;
use serde_json::{Map, Value, json};

use super::outbox;
use crate::nats::caller::Caller;
use crate::nats::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::paths::fixture;
use crate::support::program::Cli;
use crate::support::wait::eventually;

/// The largest file inside a command, in bytes. Larger files are stored in the object store.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// The name and content of a file to import.
pub(super) struct File {
    name: String,
    bytes: Vec<u8>,
}

impl File {
    pub(super) fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), bytes: bytes.into() }
    }

    /// A file of the fixtures.
    pub(super) fn fixture(path: &str) -> Self {
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        Self::new(name, std::fs::read(fixture(path)).unwrap())
    }
}

/// Both kinds of client return the same answers.
pub(super) enum JourneyClient {
    Program(Cli),
    Nats(Box<NatsClient>),
}

/// A client over NATS, with the engine process and the server.
pub(super) struct NatsClient {
    caller: Caller,
    engine: ServeProcess,
    _server: Server,
    /// The position of the last accepted command, for which queries wait.
    position: Mutex<Value>,
}

impl JourneyClient {
    pub(super) fn on_data_folder() -> Self {
        Self::Program(Cli::new())
    }

    pub(super) async fn on_jetstream() -> Self {
        let server = Server::start();
        let mut engine = ServeProcess::not_started(&server);
        engine.restart(&["--log", "jetstream", "--nats-monitor", &server.monitor_url()]);
        let caller = Caller::connect(&server.url()).await;
        let position = Mutex::new(json!(0));
        Self::Nats(Box::new(NatsClient { caller, engine, _server: server, position }))
    }

    /// Whether actors need permissions. The program on a data folder allows every actor everything.
    pub(super) fn checks_permissions(&self) -> bool {
        matches!(self, Self::Nats(_))
    }

    /// Grants the administrator every permission.
    pub(super) async fn grant_all(&self) {
        let all = json!([
            "bulk_integrate_users",
            "bulk_import_users",
            "view_org_units",
            "accounts",
            "administer"
        ]);
        self.accepted("GrantPermissions", json!({"actor": "admin", "permissions": all})).await;
    }

    /// Submits the commands of a file under `fixtures/company`.
    pub(super) async fn run_fixture_commands(&self, company: &str) {
        let commands = std::fs::read_to_string(fixture(&format!("company/{company}"))).unwrap();
        for command in serde_json::from_str::<Vec<Value>>(&commands).unwrap() {
            self.accepted(command["command"].as_str().unwrap(), command["body"].clone()).await;
        }
    }

    /// Submits a command as the administrator. Returns the answer of the contract.
    pub(super) async fn submit(&self, name: &str, body: Value) -> Value {
        self.submit_as("admin", name, body).await
    }

    pub(super) async fn submit_as(&self, actor: &str, name: &str, body: Value) -> Value {
        let id = Clock::system().id();
        self.submit_envelope(name, &json!({"id": id, "actor": actor, "body": body})).await
    }

    /// Submits a command with its envelope. Returns the answer of the contract.
    pub(super) async fn submit_envelope(&self, name: &str, envelope: &Value) -> Value {
        match self {
            Self::Program(cli) => {
                let args = ["command", name, "-", "--json"];
                let output = cli.run_with_input(&args, &envelope.to_string());
                // Status 5: the command succeeded, but a recipient or a row failed.
                assert!([0, 1, 5].contains(&output.status), "{name}: {output:?}");
                output.json()
            }
            Self::Nats(client) => {
                let answer = client.caller.send_command(name, envelope).await.value;
                if answer["outcome"] == "accepted" {
                    *client.position.lock().unwrap() = answer["position"].clone();
                }
                answer
            }
        }
    }

    /// The result of a command. Panics unless the command is accepted.
    #[track_caller]
    pub(super) fn accepted(&self, name: &str, body: Value) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.submit(name, body).await;
            assert_eq!(answer["outcome"], "accepted", "{at}: {name}: {answer}");
            answer["result"].clone()
        }
    }

    /// The answer to a command. Panics unless the command is refused with this code.
    #[track_caller]
    pub(super) fn refused(
        &self,
        name: &str,
        body: Value,
        code: &str,
    ) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.submit(name, body).await;
            assert_eq!(answer["code"], code, "{at}: {name}: {answer}");
            answer
        }
    }

    /// The answer of a query.
    pub(super) async fn query(&self, name: &str, params: Value) -> Value {
        serde_json::from_str(&self.query_text(name, params).await).unwrap()
    }

    /// The CSV text of a query.
    pub(super) async fn csv(&self, name: &str, mut params: Value) -> String {
        if name != "failed_rows" {
            params["format"] = json!("csv");
        }
        self.query_text(name, params).await
    }

    async fn query_text(&self, name: &str, mut params: Value) -> String {
        match self {
            Self::Program(cli) => {
                let mut args = vec!["query".to_owned(), name.to_owned(), "--json".to_owned()];
                for (key, value) in params.as_object().unwrap() {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    args.push(format!("{key}={value}"));
                }
                let args: Vec<_> = args.iter().map(String::as_str).collect();
                let output = cli.run(&args);
                // Status 5: the query succeeded, but a recipient or a row failed.
                assert!([0, 1, 5].contains(&output.status), "{name}: {output:?}");
                output.stdout
            }
            Self::Nats(client) => {
                params["actor"] = json!("admin");
                if params["as_of"].is_null() {
                    params["min_position"] = client.position.lock().unwrap().clone();
                }
                String::from_utf8(client.caller.query(name, params).await.bytes).unwrap()
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

    /// Imports files and waits for the end of the import and its run. Returns the row of the import.
    #[track_caller]
    pub(super) fn import(
        &self,
        dialect: &str,
        files: &[File],
        options: Value,
    ) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let row = self.try_import(dialect, files, &options).await;
            row.unwrap_or_else(|answer| panic!("{at}: {answer}"))
        }
    }

    /// The answer to an import. Panics unless the import is refused with this code.
    #[track_caller]
    pub(super) fn refused_import(
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
            Self::Program(cli) => import_by_program(cli, dialect, files, options),
            Self::Nats(client) => {
                let mut body = options.clone();
                body["dialect"] = json!(dialect);
                let mut references = Vec::new();
                for file in files {
                    references.push(client.file_reference(file).await);
                }
                body["files"] = references.into();
                let answer = self.submit("ImportFile", body).await;
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
                    let has_run =
                        !invites || !row["run"].is_null() || !row["not_invited"].is_null();
                    (row["state"] == "completed" && has_run).then_some(row)
                });
                let row = row.await;
                if !row["run"].is_null() {
                    self.completed_run(&row["run"]).await;
                }
                Ok(row)
            }
        }
    }

    /// Imports an archive of pictures. Returns the row of the import.
    pub(super) async fn pictures(&self, archive: &File) -> Value {
        match self {
            Self::Program(cli) => {
                let path = write_file(cli, archive);
                let output = cli.run(&["pictures", &path, "--match", "agent_id", "--json"]);
                assert!([0, 5].contains(&output.status), "{output:?}");
                output.json()
            }
            Self::Nats(client) => {
                let file = client.file_reference(archive).await;
                let body = json!({"file": file, "match_attribute": "agent_id"});
                let import = self.accepted("ImportPictures", body).await["import"].clone();
                self.row("picture_import", json!({"import": import})).await
            }
        }
    }

    /// Waits for the end of a run. Returns its row.
    pub(super) async fn completed_run(&self, run: &Value) -> Value {
        if let Self::Program(cli) = self {
            cli.run(&["runs", "resume"]);
        }
        eventually("the run is completed", async || {
            let row = self.row("run", json!({"run": run})).await;
            (row["state"] == "completed").then_some(row)
        })
        .await
    }

    /// Previews a run, confirms it and waits for its end. Returns the previewed number of recipients and the row
    /// of the run.
    pub(super) async fn invite(&self, source: Value, channel: &str) -> (u64, Value) {
        let mut body = json!({"source": source, "channel": channel, "mode": "preview"});
        let shown = self.accepted("StartBulkIntegration", body.clone()).await;
        body["mode"] = json!("confirmed");
        body["plan_hash"] = shown["plan_hash"].clone();
        let run = self.accepted("StartBulkIntegration", body).await["run"].clone();
        (shown["recipient_count"].as_u64().unwrap(), self.completed_run(&run).await)
    }

    /// The decoded text of all mails in the outbox, oldest first.
    pub(super) fn mails(&self) -> Vec<String> {
        let outbox = match self {
            Self::Program(cli) => cli.outbox(),
            Self::Nats(client) => client.engine.data().join("outbox/acme"),
        };
        outbox::mails_under(&outbox)
    }

    /// The mails to this address, oldest first.
    pub(super) fn mails_to(&self, address: &str) -> Vec<String> {
        let mut mails = self.mails();
        mails.retain(|one| outbox::to_header(one).contains(address));
        mails
    }

    /// Waits for a mail to this address with this text.
    pub(super) async fn wait_for_mail(&self, address: &str, text: &str) -> String {
        eventually(&format!("a mail to {address} contains {text:?}"), async || {
            self.mails_to(address).into_iter().find(|mail| mail.contains(text))
        })
        .await
    }
}

impl NatsClient {
    /// A file in the form of the contract: as text, or as an object that this function stores.
    async fn file_reference(&self, file: &File) -> Value {
        match std::str::from_utf8(&file.bytes) {
            Ok(text) if text.len() < INLINE_BYTES_MAX => json!({"name": file.name, "text": text}),
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

/// Runs `boarding import` with the options of the contract as flags.
fn import_by_program(
    cli: &Cli,
    dialect: &str,
    files: &[File],
    options: &Value,
) -> Result<Value, Value> {
    let mut args = vec!["import".to_owned()];
    args.extend(files.iter().map(|file| write_file(cli, file)));
    args.extend(["--dialect", dialect, "--json", "--actor", "admin"].map(str::to_owned));
    for (name, value) in options.as_object().unwrap_or(&Map::new()) {
        match (name.as_str(), value) {
            ("add_to_corporate_phones", Value::Bool(true)) => args.push("--add-phones".to_owned()),
            ("action", Value::String(action)) if action == "import_and_invite" => {
                args.push("--invite".to_owned());
            }
            (name, Value::Bool(true)) => args.push(format!("--{}", name.replace('_', "-"))),
            (name, Value::String(value)) => {
                args.extend([format!("--{}", name.replace('_', "-")), value.clone()]);
            }
            other => panic!("the program has no such option: {other:?}"),
        }
    }
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let output = cli.run(&args);
    match output.status {
        0 | 5 => Ok(output.json()),
        1 => Err(output.json()),
        _ => panic!("{output:?}"),
    }
}

/// Writes a file for the program. Returns its path.
fn write_file(cli: &Cli, file: &File) -> String {
    let path = cli.path().join(&file.name);
    std::fs::write(&path, &file.bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// One column of these rows.
pub(super) fn column(rows: &[Value], name: &str) -> Vec<Value> {
    rows.iter().map(|row| row[name].clone()).collect()
}

/// The numbers of these columns of a row.
#[track_caller]
pub(super) fn counts<const N: usize>(row: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| row[name].as_u64().unwrap_or_else(|| panic!("{name}: {row}")))
}
