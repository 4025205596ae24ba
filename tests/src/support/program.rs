//! The real program, run as a user would: its words in, its exit status and what it printed out.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_engine::clock::Clock;
use boarding_engine::engine::{Engine, LogChoice, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The program as built: `BOARDING_PROGRAM` names one that is up to date; otherwise it is built first,
/// since the build of the tests alone does not build it.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os("BOARDING_PROGRAM") {
        Some(path) => path.into(),
        None => build(),
    })
}

/// Builds it into the folder that this test was built into: `target/<profile>/deps/<test>`.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "boarding-engine", "--bin", "boarding"]);
    cargo.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    cargo.arg("--target-dir").arg(profile.parent().unwrap());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "the program does not build");
    profile.join("boarding")
}

/// The fixtures, wherever the tests are run from.
pub(crate) fn fixture(path: &str) -> String {
    format!("{}/../fixtures/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// What a call of the program left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON lines on stdout.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A data folder of its own, and the company acme in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// An empty place.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A place where the sample company is defined: by the engine itself, since a process for each of
    /// its many commands would take most of the test's time.
    pub(crate) fn with_company() -> Self {
        let place = Self::new();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(define_company(place.data()));
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn outbox(&self) -> PathBuf {
        self.data().join("outbox/acme")
    }

    /// Writes a file into the place and gives its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    }

    /// Writes a small file of people: `user,phone,org unit`.
    pub(crate) fn people(&self, name: &str, people: &[(&str, &str)]) -> String {
        let mut text =
            "username,first_name,last_name,email,phone_number,org_unit,role\n".to_owned();
        for (user, phone) in people {
            text += &format!("{user},{user},Doe,{user}@acme.example,{phone},Fixed Income Desk,\n");
        }
        self.file(name, &text)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        for name in ["COMPANY", "DATA", "SMTP", "LOG"] {
            command.env_remove(format!("BOARDING_{name}"));
        }
        command.env("BOARDING_DATA", self.data()).env("BOARDING_COMPANY", "acme");
        command.env("USER", "olga").args(args).current_dir(self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).spawn().unwrap())
    }

    /// Runs it with this text on its standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Ended {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        ended(child)
    }

    /// The one document that it prints with `--json`, having done what was asked.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).with(0).json()
    }

    /// The rows that it prints with `--json`.
    #[track_caller]
    pub(crate) fn rows(&self, args: &[&str]) -> Vec<Value> {
        self.run(&[args, &["--json"]].concat()).with(0).rows()
    }

    /// Imports people with their phones; the import's row.
    #[track_caller]
    pub(crate) fn import(&self, file: &str) -> Value {
        let words = ["import", file, "--dialect", "leapxpert", "--add-phones", "--json"];
        self.run(&words).json()
    }

    /// Starts a run without asking; its answer and row.
    #[track_caller]
    pub(crate) fn start(&self, source: &[&str]) -> Value {
        let words = ["runs", "start", "--channel", "whatsapp", "--yes", "--json"];
        self.run(&[&words, source].concat()).json()
    }

    /// The code of a refusal, which must be told on both stdout and stderr.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str]) -> Value {
        let ended = self.run(&[args, &["--json"]].concat()).with(1);
        let answer = ended.json();
        assert_eq!(answer["outcome"], json!("refused"));
        assert!(ended.err.contains(answer["code"].as_str().unwrap()), "{}", ended.err);
        assert!(ended.err.contains(answer["message"].as_str().unwrap()), "{}", ended.err);
        answer
    }
}

async fn define_company(data: PathBuf) {
    let commands = std::fs::read_to_string(fixture("company/acme.json")).unwrap();
    let commands: Vec<Value> = serde_json::from_str(&commands).unwrap();
    let engine = Engine::open(Options {
        data,
        log: LogChoice::Files,
        channel: None,
        adopt_runs: false,
        secret: None,
        clock: Clock::system(),
    })
    .unwrap();
    for command in commands {
        let envelope =
            json!({"id": engine.clock().id(), "actor": "setup", "body": command["body"]});
        let envelope = Envelope::read(envelope).unwrap();
        let (acme, name) = ("acme".parse().unwrap(), command["command"].as_str().unwrap());
        let answer = engine.submit(&acme, name, envelope, Authority::All).await;
        assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
    }
    engine.close().await;
}

fn ended(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    Ended {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The keys of an object, sorted.
#[track_caller]
pub(crate) fn keys(row: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = row.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
