//! Runs the program `boarding` as a user does: arguments in, exit status and output out.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_core::clock::Clock;
use boarding_core::engine::{Engine, LogChoice, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::answers::{check_command, check_query, check_result, check_row};
use super::paths::{fixture, repository};

/// The path of the program: `BOARDING_PROGRAM`, or a fresh build.
///
/// Building the tests does not build the program, so this function does it, once per test process.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os("BOARDING_PROGRAM") {
        Some(path) => path.into(),
        None => build(),
    })
}

/// Builds the program into the target folder of this test: `target/<profile>/deps/<test>`.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "boarding-program", "--bin", "boarding"]);
    cargo.arg("--manifest-path").arg(repository().join("Cargo.toml"));
    cargo.arg("--target-dir").arg(profile.parent().unwrap());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "the program does not build");
    profile.join("boarding")
}

/// The exit status and the output of a finished program.
#[derive(Debug)]
pub(crate) struct Output {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    #[track_caller]
    pub(crate) fn expect_status(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON lines on stdout.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs the program for the company `acme` on a new data folder.
pub(crate) struct Cli {
    folder: TempDir,
}

impl Cli {
    /// A data folder that does not exist yet.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A data folder with the sample company.
    ///
    /// The engine in this process defines it: one process for each command would take most of the test's time.
    pub(crate) fn with_company() -> Self {
        Self::with_company_of("company/acme.json")
    }

    /// A data folder with the company that this fixture defines.
    pub(crate) fn with_company_of(commands: &str) -> Self {
        let cli = Self::new();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(define_company(cli.data(), commands));
        cli
    }

    /// The sample company with three imported people who have phones: ann, bob and cid.
    pub(crate) fn with_three_people() -> Self {
        let cli = Self::with_company();
        let people = [("ann", "+84923448071"), ("bob", "+84923448072"), ("cid", "+84923448073")];
        cli.import(&cli.people("three.csv", &people));
        cli
    }

    /// The sample company with this many imported people who have phones: u0, u1 and so on.
    pub(crate) fn with_many_people(count: usize) -> Self {
        let cli = Self::with_company();
        cli.run(&["config", "set", "bulk_integration_max_records", "2000"]).expect_status(0);
        let phone = |n| format!("+1212200{n:04}");
        let people: Vec<_> = (0..count).map(|n| (format!("u{n}"), phone(n))).collect();
        let people: Vec<_> = people.iter().map(|(user, phone)| (&**user, &**phone)).collect();
        cli.import(&cli.people("many.csv", &people));
        cli
    }

    /// The working folder of the program.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn outbox(&self) -> PathBuf {
        self.data().join("outbox/acme")
    }

    /// Writes a file into the working folder and returns its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    }

    /// Writes a CSV file of the dialect `leapxpert` with a row for each `(user, phone)`, and returns its path.
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
        for name in ["COMPANY", "DATA", "SMTP", "LOG", "URL", "TOKEN"] {
            command.env_remove(format!("BOARDING_{name}"));
        }
        command.env("BOARDING_DATA", self.data()).env("BOARDING_COMPANY", "acme");
        command.env("USER", "olga").args(args).current_dir(self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let output = output(self.command(args).spawn().unwrap());
        check(args, &output.stdout);
        output
    }

    /// Runs the program to its end with this text on its standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Output {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = output(child);
        check(args, &output.stdout);
        output
    }

    /// Runs the program on a terminal with this input, and returns what the terminal shows. The words are separated by
    /// blanks and have none in themselves.
    pub(crate) fn on_terminal(&self, words: &str, input: &str) -> String {
        self.terminal(&format!("{} {words}", program().display()), input)
    }

    /// Runs a line of the shell on a terminal with this input, and returns what the terminal shows.
    pub(crate) fn terminal(&self, line: &str, input: &str) -> String {
        let command = self.command(&[]);
        let environment = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let mut terminal = Command::new("script");
        terminal.args(["-qec", line, "/dev/null"]).envs(environment).current_dir(self.path());
        let mut child = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    }

    /// Runs the program with `--json`, which must succeed, and returns the document that it prints.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).expect_status(0).json()
    }

    /// Runs the program with `--json`, which must succeed, and returns the rows that it prints.
    #[track_caller]
    pub(crate) fn rows(&self, args: &[&str]) -> Vec<Value> {
        self.run(&[args, &["--json"]].concat()).expect_status(0).rows()
    }

    /// Imports a file of the dialect `leapxpert` with its phones and returns the row of the import.
    #[track_caller]
    pub(crate) fn import(&self, file: &str) -> Value {
        let words = ["import", file, "--dialect", "leapxpert", "--add-phones", "--json"];
        self.run(&words).json()
    }

    /// The kind, the state and the code of each mail that is no invitation.
    #[track_caller]
    pub(crate) fn notifications(&self) -> Vec<Value> {
        let rows = self.rows(&["notifications"]);
        rows.iter().map(|row| json!([row["kind"], row["state"], row["code"]])).collect()
    }

    /// Sends mails that are no invitations again by this mail server: the keys, or those of a state. Returns how many were
    /// tried, sent, still wait and failed.
    #[track_caller]
    pub(crate) fn resend_notifications(&self, words: &[&str], server: &str) -> Value {
        let resend = ["notifications", "resend", "--smtp", server];
        let answer = self.json(&[&resend[..], words].concat());
        json!(["queued", "sent", "waiting", "failed"].map(|name| answer[name].clone()))
    }

    /// Starts a run with `--yes` and returns what the program prints: the answer and the row of the run.
    #[track_caller]
    pub(crate) fn start(&self, source: &[&str]) -> Value {
        let words = ["runs", "start", "--channel", "whatsapp", "--yes", "--json"];
        self.run(&[&words, source].concat()).json()
    }

    /// Follows the link with this token, and returns the answer.
    pub(crate) fn follow(&self, token: &str) -> Value {
        let body = json!({"token": token}).to_string();
        self.run(&["command", "LinkCompleted", &body, "--json"]).json()
    }

    /// Runs the program until it says that its run waits, and interrupts it as Ctrl-C does.
    pub(crate) fn interrupt_when_waiting(&self, args: &[&str]) {
        self.interrupt_when(args, |_| ());
    }

    /// Interrupts the program when its stderr has this text, and returns stderr until then.
    pub(crate) fn interrupt_at(&self, args: &[&str], wanted: &str) -> String {
        self.interrupt_once(args, wanted, |_| ())
    }

    /// As [`Cli::interrupt_when_waiting`], and calls `before` with the process id before it interrupts.
    pub(crate) fn interrupt_when(&self, args: &[&str], before: impl FnOnce(u32)) {
        self.interrupt_once(args, "waits for the mail server", before);
    }

    fn interrupt_once(&self, args: &[&str], wanted: &str, before: impl FnOnce(u32)) -> String {
        let mut child = self.command(args).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        while !text.contains(wanted) {
            assert_ne!(stderr.read_line(&mut text).unwrap(), 0, "{text}");
        }
        before(child.id());
        let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(interrupt.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
        text
    }

    /// Runs the program, which must refuse, and returns the refusal. Asserts that stderr repeats code and message.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat()).expect_status(1);
        let answer = output.json();
        assert_eq!(answer["outcome"], json!("refused"));
        assert!(output.stderr.contains(answer["code"].as_str().unwrap()), "{}", output.stderr);
        assert!(output.stderr.contains(answer["message"].as_str().unwrap()), "{}", output.stderr);
        answer
    }
}

/// The verbs that print the rows of a query with `--json`.
const ROWS: [(&[&str], &str); 16] = [
    (&["import"], "import"),
    (&["imports", "rows"], "import_rows"),
    (&["imports", "show"], "import"),
    (&["imports", "list"], "imports"),
    (&["runs", "show"], "run"),
    (&["runs", "list"], "runs"),
    (&["runs", "queue"], "queue"),
    (&["log"], "integration_log"),
    (&["why"], "why"),
    (&["users", "list"], "users"),
    (&["users", "show"], "user"),
    (&["phones", "list"], "phone_list"),
    (&["permissions", "list"], "permissions"),
    (&["roles", "list"], "roles"),
    (&["org-units", "list"], "org_units"),
    (&["accounts", "list"], "accounts"),
];

/// Panics if a document that the program has printed is invalid by the contract.
#[track_caller]
fn check(args: &[&str], stdout: &str) {
    let name = args.get(1).copied().unwrap_or_default();
    let named = !name.is_empty() && !name.starts_with('-');
    let printed = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for value in printed.filter(Value::is_object) {
        match args.first() {
            Some(&"query") if named => check_query(name, &value),
            Some(&"command") if named => check_command(name, &value),
            _ if !args.contains(&"--json") || args.contains(&"--count") => {}
            _ if value["outcome"] == "refused" => check_command("", &value),
            Some(&"import") if args.contains(&"--preview") => check_result("ImportFile", &value),
            _ => {
                if let Some((_, query)) = ROWS.iter().find(|(words, _)| is_verb(args, words)) {
                    check_row(query, &value);
                }
            }
        }
    }
}

/// Whether the arguments are this verb. Without a second word, a verb lists.
fn is_verb(args: &[&str], words: &[&str]) -> bool {
    let lists = args.first() == words.first() && words.get(1) == Some(&"list");
    args.starts_with(words) || lists && args.get(1).is_none_or(|word| word.starts_with('-'))
}

async fn define_company(data: PathBuf, commands: &str) {
    let commands = std::fs::read_to_string(fixture(commands)).unwrap();
    let commands: Vec<Value> = serde_json::from_str(&commands).unwrap();
    let engine = Engine::open(Options {
        data,
        log: LogChoice::Files,
        transport: None,
        texts: None,
        adopt_runs: false,
        carries_runs: true,
        link_page: None,
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

/// Waits until the program ends. The status is -1 if a signal ended it.
pub(crate) fn output(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    Output {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The keys of a JSON object, sorted.
#[track_caller]
pub(crate) fn keys(row: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = row.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
