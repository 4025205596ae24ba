//! The real program as a service on NATS: started, stopped, killed, and started again on the same data.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::support::nats::Server;
use crate::support::program::program;

/// `boarding serve` with a data folder of its own.
pub(crate) struct Serving {
    child: Option<Child>,
    url: String,
    folder: tempfile::TempDir,
    /// What it printed when it was ready.
    pub(crate) ready: String,
}

impl Serving {
    /// A place for one that does not run yet.
    pub(crate) fn prepared(server: &Server) -> Self {
        Self::at(server.url())
    }

    /// The same for servers at this address.
    pub(crate) fn at(url: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { child: None, url, folder, ready: String::new() }
    }

    /// Starts it, and waits until it is ready.
    pub(crate) fn start(server: &Server) -> Self {
        let mut serving = Self::prepared(server);
        serving.restart(&[]);
        serving
    }

    /// Starts it on the same data.
    #[track_caller]
    pub(crate) fn restart(&mut self, options: &[&str]) {
        self.kill();
        let mut child = self.command(options).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.child = Some(child);
        assert!(!line.is_empty(), "it is not ready: {}", self.log());
        self.ready = line;
    }

    /// The words that start it.
    pub(crate) fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new(program());
        for name in ["COMPANY", "SMTP", "LOG", "CONFIG", "NATS_CREDENTIALS", "NATS_INBOX"] {
            command.env_remove(format!("BOARDING_{name}"));
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_file());
        command.env("BOARDING_DATA", self.data()).env("BOARDING_NATS", &self.url);
        command.arg("serve").args(options).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.unwrap());
        command
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }

    /// What it wrote about itself.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Kills it with no time to say goodbye.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().unwrap().try_wait().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.kill();
    }
}
