//! A data folder with a sample company, and calls of the program on it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use boarding_core::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Output, Process, program};
use crate::support::disk::{copy_folder, move_and_link, with_write_errors};
use crate::support::mail_server::smtp_url;

/// A data folder that is removed when the test ends.
#[derive(Debug)]
pub(super) struct SampleFolder {
    folder: TempDir,
    /// Options that each call of the program gets, for example the mail server.
    options: Vec<String>,
}

impl SampleFolder {
    pub(super) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), options: Vec::new() }
    }

    /// A company that accepts imports and runs of up to two million people.
    pub(super) fn with_company() -> Self {
        let folder = Self::empty();
        folder.lines(
            &[
                "config",
                "set",
                "channels.whatsapp",
                "true",
                "bulk_integration_max_records",
                "2000000",
                "link_base_url",
                "https://link.acme.example/",
                "mail_from",
                "Acme <onboarding@acme.example>",
            ],
            0,
        );
        folder.command_accepted(
            "DefineRole",
            &json!({"role": "Advisor", "permissions": ["bulk_integration"]}),
        );
        let unit = json!({"org_unit": "Desk", "level": "team", "roles": ["Advisor"]});
        folder.command_accepted("DefineOrgUnit", &unit);
        folder
    }

    /// A company with this many imported people, each with a phone on the corporate list.
    pub(super) fn with_people(people: usize) -> Self {
        let folder = Self::with_company();
        let rows = (0..people).map(|n| Row { user: n, is_valid: true });
        let file = folder.file("people.csv", rows);
        let file = file.to_str().unwrap();
        let rows = folder.lines(&["import", file, "--dialect", "leapxpert", "--add-phones"], 0);
        assert_eq!(rows[0]["created"], json!(people));
        folder
    }

    /// A copy of the folder.
    pub(super) fn copy(&self) -> Self {
        let copy = Self { folder: tempfile::tempdir().unwrap(), options: self.options.clone() };
        copy_folder(&self.data(), &copy.data());
        copy
    }

    /// The same folder, with mails sent to the mail server on this port.
    pub(super) fn with_mail_server(mut self, port: u16) -> Self {
        self.options = vec!["--smtp".to_owned(), smtp_url(port)];
        self
    }

    /// Moves the read models to this place, for example on another disk.
    pub(super) fn move_read_models(&self, place: &Path) {
        move_and_link(&self.data().join("derived"), place);
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes a CSV file of the dialect `leapxpert` beside the data folder and returns its path.
    pub(super) fn file(&self, name: &str, rows: impl Iterator<Item = Row>) -> PathBuf {
        let mut text =
            "username,first_name,last_name,email,phone_number,org_unit,role\n".to_owned();
        for Row { user, is_valid } in rows {
            let email =
                if is_valid { format!("user{user}@example.com") } else { "nobody".to_owned() };
            let phone = 12_122_000_000 + user;
            writeln!(text, "user{user},Ann,Lee,{email},+{phone},Desk,Advisor").unwrap();
        }
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = program();
        command.args(words).args(["--json", "--company", "acme", "--data"]).arg(self.data());
        command.args(&self.options);
        command
    }

    pub(super) fn start(&self, words: &[&str]) -> Process {
        Process::start(self.command(words))
    }

    /// Starts the program in a way that `forbid_writes` can make its writes fail.
    pub(super) fn start_with_write_errors(&self, words: &[&str]) -> Process {
        Process::start(with_write_errors(&self.command(words)))
    }

    /// Runs the program to its end.
    pub(super) fn run(&self, words: &[&str]) -> Output {
        self.start(words).wait()
    }

    /// Starts the program and kills it after this time, unless it has ended before.
    pub(super) fn kill(&self, words: &[&str], after: Duration) -> Output {
        let output = self.start(words).kill_after(after);
        eprintln!("{} {after:?}: {}", words.join(" "), output.status);
        output
    }

    /// Runs the program, which must end with this status, and returns its JSON lines.
    #[track_caller]
    pub(super) fn lines(&self, words: &[&str], status: i32) -> Vec<Value> {
        self.run(words).lines(status)
    }

    /// Sends a command, which must be accepted, and returns its answer.
    #[track_caller]
    pub(super) fn command_accepted(&self, name: &str, body: &Value) -> Value {
        self.lines(&["command", name, &body.to_string()], 0).remove(0)
    }

    /// How long the program runs with these arguments if it is not killed.
    pub(super) fn duration_of(&self, words: &[&str], status: i32) -> Duration {
        let clock = Clock::system();
        let before = clock.now();
        self.run(words).lines(status);
        let duration = Duration::from_millis(u64::try_from(clock.now().0 - before.0).unwrap());
        eprintln!("{} not killed: {duration:?}", words.join(" "));
        duration
    }
}

/// A row of an import file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) user: usize,
    /// Whether the email address is valid.
    pub(super) is_valid: bool,
}

/// A new id.
pub(super) fn id() -> String {
    Clock::system().id().to_string()
}
