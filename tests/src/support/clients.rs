//! The example programs in `fixtures/clients`, in Python and Node, as processes.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use super::nats::Server;
use super::paths::{fixture, installed, test_venv};
use super::wait::eventually;

/// The language of an example program. Each program exists in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    Node,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::Python, Self::Node];
}

/// The example programs of one language, with a working folder, for users of one server.
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
            // Node searches for packages beside the program.
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

    /// The path of a file in the working folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command line of a program for a user whose password is the user's name. It waits one second for answers.
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

    pub(crate) fn start(&self, user: &str, program: &str, words: &[&str]) -> ChildProcess {
        ChildProcess::start(self.command(user, program, words))
    }
}

/// A running program and what it has printed so far.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    child: Child,
    folder: tempfile::TempDir,
}

impl ChildProcess {
    pub(crate) fn start(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name| File::create(folder.path().join(name)).unwrap();
        let child = command.stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap();
        Self { child, folder }
    }

    /// The standard input, which must be piped.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.folder.path().join("stdout")).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    /// Repeats a check until it returns a value. Panics at once if the program has ended.
    pub(crate) async fn wait_until<T>(
        &mut self,
        what: &str,
        mut check: impl FnMut(&Self) -> Option<T>,
    ) -> T {
        eventually(what, async || {
            let exit = self.child.try_wait().unwrap();
            let value = check(self);
            let output = || format!("{}\n{}", self.stdout(), self.stderr());
            assert!(
                value.is_some() || exit.is_none(),
                "the program ended before {what}:\n{}",
                output()
            );
            value
        })
        .await
    }

    /// Waits until the program ends and asserts its exit status.
    pub(crate) async fn exits_with(&mut self, status: i32) {
        let exit: ExitStatus =
            eventually("the program ends", async || self.child.try_wait().unwrap()).await;
        assert_eq!(exit.code(), Some(status), "{}\n{}", self.stdout(), self.stderr());
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Kills the program with SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("the program printed:\n{}\n{}", self.stdout(), self.stderr());
        }
    }
}

/// A Python that has nats-py.
pub(crate) fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(find_python).clone()
}

fn find_python() -> PathBuf {
    let venv = test_venv();
    let python = venv.join("bin/python");
    let has_client = |python: &Path| {
        let tried = Command::new(python).args(["-c", "import nats"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    assert!(
        has_client(&python),
        "nats-py is not installed; run tests/run, or\n  \
         python3 -m venv {0} && {0}/bin/pip install nats-py==2.16.0",
        venv.display()
    );
    python
}

/// The installed packages of `fixtures/clients/node`. Panics if Node is missing.
fn node_packages() -> PathBuf {
    let folder = installed("BOARDING_TEST_NODE", "test-node");
    let packages = folder.join("node_modules");
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    assert!(
        node.is_ok() && packages.join("@nats-io/jetstream/package.json").exists(),
        "the NATS client for Node is not installed; run tests/run, or install Node 18 or newer and\n  \
         mkdir -p {0} && cp fixtures/clients/node/package*.json {0} && npm ci --prefix {0}",
        folder.display()
    );
    packages
}
