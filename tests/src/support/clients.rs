//! The programs of fixtures/clients as processes: stock clients in Python and in Node.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use super::nats::Server;
use super::patience::eventually;
use super::program::fixture;
use super::sink::here;

/// What the programs are written in: each is there in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    Node,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::Python, Self::Node];
}

/// The programs of one language, and a folder in which they work for users of one server.
#[derive(Debug)]
pub(crate) struct Clients {
    language: Language,
    port: u16,
    folder: tempfile::TempDir,
}

impl Clients {
    pub(crate) fn of(language: Language, server: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if language == Language::Node {
            // Node looks for packages beside the program.
            let programs = fs::read_dir(fixture("clients/node")).unwrap();
            for program in programs.map(|entry| entry.unwrap()) {
                if program.file_type().unwrap().is_file() {
                    fs::copy(program.path(), folder.path().join(program.file_name())).unwrap();
                }
            }
            symlink(node_packages(), folder.path().join("node_modules")).unwrap();
        }
        Self { language, port: server.port, folder }
    }

    /// A file of theirs.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The words that start one for a user whose password is its name, and who waits a second for answers.
    pub(crate) fn command(&self, user: &str, program: &str, words: &[&str]) -> Command {
        let mut command = match self.language {
            Language::Python => {
                let mut command = Command::new(python());
                command.arg(fixture(&format!("clients/python/{program}.py")));
                command
            }
            Language::Node => {
                let mut command = Command::new("node");
                command.arg(self.file(&format!("{program}.js")));
                command
            }
        };
        command.args(words).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("BOARDING_NATS", format!("nats://{user}:{user}@127.0.0.1:{}", self.port));
        command.env("ANSWER_SECONDS", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    pub(crate) fn start(&self, user: &str, program: &str, words: &[&str]) -> Running {
        Running::start(self.command(user, program, words))
    }
}

/// A program that runs, and what it has said so far.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    folder: tempfile::TempDir,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name| File::create(folder.path().join(name)).unwrap();
        let child = command.stdout(file("out")).stderr(file("err")).spawn().unwrap();
        Self { child, folder }
    }

    /// What is written there is its standard input, if that is piped.
    pub(crate) fn keys(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub(crate) fn out(&self) -> String {
        fs::read_to_string(self.folder.path().join("out")).unwrap()
    }

    pub(crate) fn err(&self) -> String {
        fs::read_to_string(self.folder.path().join("err")).unwrap()
    }

    /// Asks until there is an answer; fails at once if the program has ended.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        mut ask: impl FnMut(&Self) -> Option<T>,
    ) -> T {
        eventually(what, async || {
            let ended = self.child.try_wait().unwrap();
            let answer = ask(self);
            let said = || format!("{what}: it ended before:\n{}\n{}", self.out(), self.err());
            assert!(answer.is_some() || ended.is_none(), "{}", said());
            answer
        })
        .await
    }

    /// Waits for its end, which has to be this.
    pub(crate) async fn ends_with(&mut self, status: i32) {
        let ended: ExitStatus =
            eventually("the program ends", async || self.child.try_wait().unwrap()).await;
        assert_eq!(ended.code(), Some(status), "{}\n{}", self.out(), self.err());
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Kills it with no time to say goodbye.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("the program said:\n{}\n{}", self.out(), self.err());
        }
    }
}

/// Where tests/run has installed something.
fn installed(variable: &str, usual: &str) -> PathBuf {
    let usual = || here().parent().unwrap().join("target").join(usual);
    std::env::var_os(variable).map_or_else(usual, PathBuf::from)
}

/// A Python that has nats-py.
pub(crate) fn python() -> PathBuf {
    let venv = installed("BOARDING_TEST_VENV", "test-venv");
    let python = venv.join("bin/python");
    let has_it = |python: &Path| {
        let tried = Command::new(python).args(["-c", "import nats"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    assert!(
        has_it(&python),
        "no Python client to test with: tests/run prepares one, or\n  \
         python3 -m venv {0} && {0}/bin/pip install nats-py==2.16.0",
        venv.display()
    );
    python
}

/// The packages of fixtures/clients/node, and a Node to run them.
fn node_packages() -> PathBuf {
    let folder = installed("BOARDING_TEST_NODE", "test-node");
    let packages = folder.join("node_modules");
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    assert!(
        node.is_ok() && packages.join("@nats-io/jetstream/package.json").exists(),
        "no Node client to test with: tests/run prepares one, or install Node 18 or newer and\n  \
         mkdir -p {0} && cp fixtures/clients/node/package*.json {0} && npm ci --prefix {0}",
        folder.display()
    );
    packages
}
