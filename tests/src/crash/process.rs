//! The program as a process that a test waits for or kills.

use std::io::Read;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::support;

/// The pause between two measurements of memory.
const MEASURE_INTERVAL: Duration = Duration::from_millis(50);

/// How long a process may run that must end. A busy machine stays far below.
const TIMEOUT: Duration = Duration::from_secs(150);

/// The exit status and the output of a process.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Output {
    pub(super) fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    /// The JSON lines on stdout. Panics unless the process ended with this status.
    #[track_caller]
    pub(super) fn lines(&self, status: i32) -> Vec<Value> {
        assert_eq!(self.status.code(), Some(status), "{} {}", self.stdout, self.stderr);
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A running process.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Receives all of stdout when the process closes it, which is when the process ends.
    stdout: Receiver<String>,
    stderr: JoinHandle<String>,
}

impl Process {
    pub(super) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(read_all(stdout)));
        let stderr = thread::spawn(move || read_all(stderr));
        Self { child, stdout: receiver, stderr }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process with SIGKILL after this time, unless it has ended before.
    pub(super) fn kill_after(mut self, time: Duration) -> Output {
        let stdout = match self.stdout.recv_timeout(time) {
            Ok(stdout) => stdout,
            Err(_) => {
                self.child.kill().unwrap();
                self.stdout.recv().unwrap()
            }
        };
        self.output(stdout)
    }

    /// Kills the process with SIGKILL as soon as this is true, unless it has ended before.
    pub(super) fn kill_when(mut self, is_time: impl Fn() -> bool) -> Output {
        while !is_time() {
            if let Ok(stdout) = self.stdout.try_recv() {
                return self.output(stdout);
            }
            thread::yield_now();
        }
        self.child.kill().unwrap();
        let stdout = self.stdout.recv().unwrap();
        self.output(stdout)
    }

    /// Waits until the process ends. Kills it and panics after 150 seconds.
    #[track_caller]
    pub(super) fn wait(mut self) -> Output {
        if let Ok(stdout) = self.stdout.recv_timeout(TIMEOUT) {
            return self.output(stdout);
        }
        self.child.kill().unwrap();
        panic!("the process does not end: {}", self.stderr.join().unwrap());
    }

    /// Waits until the process ends. Returns its peak memory in bytes as well.
    pub(super) fn wait_and_measure(self) -> (Output, u64) {
        let mut peak = 0;
        let stdout = loop {
            peak = peak.max(self.peak_memory_bytes());
            match self.stdout.recv_timeout(MEASURE_INTERVAL) {
                Ok(stdout) => break stdout,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the thread that reads stdout is gone")
                }
            }
        };
        (self.output(stdout), peak)
    }

    /// The peak memory so far, as the kernel reports it.
    fn peak_memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
        kib.unwrap_or(0_u64) * 1024
    }

    fn output(mut self, stdout: String) -> Output {
        let status = self.child.wait().unwrap();
        Output { status, stdout, stderr: self.stderr.join().unwrap() }
    }
}

/// Reads to the end. A killed process may have stopped inside a character, which is replaced.
fn read_all(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The program, without the environment variables that change its defaults.
pub(super) fn program() -> Command {
    let mut command = Command::new(support::program::program());
    for name in ["BOARDING_COMPANY", "BOARDING_DATA", "BOARDING_SMTP", "BOARDING_LOG"] {
        command.env_remove(name);
    }
    command
}
