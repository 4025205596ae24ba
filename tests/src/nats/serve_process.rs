//! The program `boarding serve` as a process that tests start, stop and kill.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use crate::support::nats::Server;
use crate::support::program::program;
use crate::support::wait::eventually;

/// `boarding serve` on a new data folder. It is killed when the value is dropped.
pub(crate) struct ServeProcess {
    child: Option<Child>,
    /// The address of NATS; none for an engine without NATS.
    url: Option<String>,
    folder: tempfile::TempDir,
    /// The line that the process printed when it was ready.
    pub(crate) ready: String,
}

impl ServeProcess {
    /// A data folder for an engine without NATS. The process is not started yet.
    pub(crate) fn without_nats() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { child: None, url: None, folder, ready: String::new() }
    }

    /// A data folder for an engine on this server. The process is not started yet.
    pub(crate) fn not_started(server: &Server) -> Self {
        Self::at(server.url())
    }

    /// As `not_started`, for servers at this address.
    pub(crate) fn at(url: String) -> Self {
        let mut process = Self::without_nats();
        process.url = Some(url);
        process
    }

    /// Starts an engine on this server and waits until it is ready.
    pub(crate) fn start(server: &Server) -> Self {
        let mut serving = Self::not_started(server);
        serving.restart(&[]);
        serving
    }

    /// Kills the process if it runs, starts it on the same data folder, and waits until it is ready.
    #[track_caller]
    pub(crate) fn restart(&mut self, options: &[&str]) {
        let mut line = String::new();
        self.spawn(options).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "boarding serve ended before it was ready: {}", self.log());
        self.ready = line;
    }

    /// Kills the process if it runs, and starts it on the same data folder. Returns its output.
    pub(crate) fn spawn(&mut self, options: &[&str]) -> BufReader<ChildStdout> {
        self.kill();
        let mut child = self.command(options).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        self.child = Some(child);
        output
    }

    /// The command line of the process.
    pub(crate) fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new(program());
        let unset = [
            "COMPANY",
            "SMTP",
            "LOG",
            "CONFIG",
            "NATS_CREDENTIALS",
            "NATS_INBOX",
            "METRICS_FILE",
            "HTTP",
        ];
        for name in unset {
            command.env_remove(format!("BOARDING_{name}"));
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_file());
        command.env("BOARDING_DATA", self.data()).env_remove("BOARDING_NATS");
        command.envs(self.url.iter().map(|url| ("BOARDING_NATS", url)));
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

    /// The process's log, over all its starts.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends this signal, for example `-TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        eventually("the engine has ended", async || self.exit_status()).await
    }

    /// Stops the process with SIGTERM.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.ended().await
    }

    /// The exit status, or none while the process runs.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().unwrap().try_wait().unwrap()
    }
}

impl Drop for ServeProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
