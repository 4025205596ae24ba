//! The program as a process: started, killed at a moment, or seen through to its end.

use std::io::Read;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::support;

/// How often a measured process is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long a process may take that has to end: far more than any does, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(150);

/// How a process ended, and what it said.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) said: String,
    pub(super) complained: String,
}

impl Ended {
    pub(super) fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    /// What it said, line by line as JSON. Fails unless it ended with this status.
    #[track_caller]
    pub(super) fn lines(&self, status: i32) -> Vec<Value> {
        assert_eq!(self.status.code(), Some(status), "{} {}", self.said, self.complained);
        self.said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A process that is under way.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// Closed when the process has closed its standard output, which is when it ends.
    said: Receiver<String>,
    complained: JoinHandle<String>,
}

impl Running {
    pub(super) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (tell, said) = mpsc::channel();
        thread::spawn(move || tell.send(all(stdout)));
        let complained = thread::spawn(move || all(stderr));
        Self { child, said, complained }
    }

    /// Kills it with SIGKILL after this time, unless it has ended before.
    pub(super) fn killed_after(mut self, moment: Duration) -> Ended {
        let said = match self.said.recv_timeout(moment) {
            Ok(said) => said,
            Err(_) => {
                self.child.kill().unwrap();
                self.said.recv().unwrap()
            }
        };
        self.ended(said)
    }

    /// Sees it through to its end; one that does not come to an end is killed and fails the test.
    #[track_caller]
    pub(super) fn finished(mut self) -> Ended {
        if let Ok(said) = self.said.recv_timeout(PATIENCE) {
            return self.ended(said);
        }
        self.child.kill().unwrap();
        panic!("it goes on for ever: {}", self.complained.join().unwrap());
    }

    /// Sees it through to its end, and says how much memory it had at most, in bytes.
    pub(super) fn measured(self) -> (Ended, u64) {
        let mut peak = 0;
        let said = loop {
            peak = peak.max(self.peak_memory_bytes());
            match self.said.recv_timeout(LOOK) {
                Ok(said) => break said,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("nobody reads what it says"),
            }
        };
        (self.ended(said), peak)
    }

    /// The high-water mark that the kernel keeps.
    fn peak_memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
        kib.unwrap_or(0_u64) * 1024
    }

    fn ended(mut self, said: String) -> Ended {
        let status = self.child.wait().unwrap();
        Ended { status, said, complained: self.complained.join().unwrap() }
    }
}

/// Everything that can be read; a process that is killed may stop within a character.
fn all(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The program, with nothing in its environment that would change what it does.
pub(super) fn program() -> Command {
    let mut command = Command::new(support::program::program());
    for name in ["BOARDING_COMPANY", "BOARDING_DATA", "BOARDING_SMTP", "BOARDING_LOG"] {
        command.env_remove(name);
    }
    command
}
