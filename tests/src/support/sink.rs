//! A real mail server as a process, for as long as a test needs it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

/// A mail that the sink took.
#[derive(Debug, Deserialize)]
pub(crate) struct Kept {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) data: String,
    pub(crate) connection: u64,
}

/// `tests/smtp_sink.py` on a free port of this machine; ends with the test.
pub(crate) struct Sink {
    process: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
}

impl Sink {
    /// Starts it; `options` are the script's.
    pub(crate) fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(python())
            .arg(here().join("smtp_sink.py"))
            .arg(folder.path().join("kept"))
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("listening ").and_then(|port| port.parse().ok());
        Self { process, port: port.expect("the sink says its port"), folder }
    }

    /// What it took, in order.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        let lines = std::fs::read_to_string(self.folder.path().join("kept")).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder of this crate.
pub(crate) fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A Python that has aiosmtpd.
fn python() -> PathBuf {
    let usual = || here().parent().unwrap().join("target/test-venv");
    let venv = std::env::var_os("BOARDING_TEST_VENV").map_or_else(usual, PathBuf::from);
    let python = venv.join("bin/python");
    assert!(
        python.exists() && venv.join("bin/aiosmtpd").exists(),
        "no mail server to test against: tests/run prepares one, or\n  \
         python3 -m venv {0} && {0}/bin/pip install aiosmtpd",
        venv.display()
    );
    python
}
