//! A real SMTP server as a process, for one test.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use super::paths::{test_venv, tests_folder};

/// A mail that the server accepted.
#[derive(Debug, Deserialize)]
pub(crate) struct ReceivedMail {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) data: String,
    pub(crate) connection: u64,
}

/// `tests/smtp_sink.py` on a free port of this machine. The process ends with the test.
pub(crate) struct MailServer {
    process: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
}

/// A port on which no server listens.
pub(crate) fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The address of a mail server on this port of this machine.
pub(crate) fn smtp_url(port: u16) -> String {
    format!("smtp://127.0.0.1:{port}")
}

impl MailServer {
    /// Starts the script with these options and waits until it listens.
    pub(crate) fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(python())
            .arg(tests_folder().join("smtp_sink.py"))
            .arg(folder.path().join("received"))
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("listening ").and_then(|port| port.parse().ok());
        Self { process, port: port.expect("the mail server prints its port"), folder }
    }

    /// As `start`, on this port.
    pub(crate) fn on(port: u16, options: &[&str]) -> Self {
        Self::start(&[&["--port", &port.to_string()], options].concat())
    }

    /// The address of the server.
    pub(crate) fn url(&self) -> String {
        smtp_url(self.port)
    }

    /// The mails that the server accepted so far, in order.
    pub(crate) fn received(&self) -> Vec<ReceivedMail> {
        let lines =
            std::fs::read_to_string(self.folder.path().join("received")).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A Python that has aiosmtpd.
fn python() -> PathBuf {
    let venv = test_venv();
    let python = venv.join("bin/python");
    assert!(
        python.exists() && venv.join("bin/aiosmtpd").exists(),
        "aiosmtpd is not installed; run tests/run, or\n  \
         python3 -m venv {0} && {0}/bin/pip install aiosmtpd",
        venv.display()
    );
    python
}
