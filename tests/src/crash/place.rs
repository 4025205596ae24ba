//! A data folder of a sample company, and the program on it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use boarding_core::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::{Ended, Running, program};

/// A data folder of its own, which goes when the test ends.
#[derive(Debug)]
pub(super) struct Place {
    folder: TempDir,
    /// What every call says besides: where mails go.
    options: Vec<String>,
}

impl Place {
    pub(super) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), options: Vec::new() }
    }

    /// A company in which people may be imported and invited, many at a time.
    pub(super) fn of_a_company() -> Self {
        let place = Self::empty();
        place.lines(
            &[
                "config",
                "set",
                "channels.whatsapp",
                "true",
                "bulk_integration_max_records",
                "2000000",
            ],
            0,
        );
        place.ask("DefineRole", &json!({"role": "Advisor", "permissions": ["bulk_integration"]}));
        let unit = json!({"org_unit": "Desk", "level": "team", "roles": ["Advisor"]});
        place.ask("DefineOrgUnit", &unit);
        place
    }

    /// The same, with so many people imported, whose numbers are listed.
    pub(super) fn with_people(people: usize) -> Self {
        let place = Self::of_a_company();
        let rows = (0..people).map(|n| Row { user: n, is_good: true });
        let file = place.file("people.csv", rows);
        let file = file.to_str().unwrap();
        let rows = place.lines(&["import", file, "--dialect", "leapxpert", "--add-phones"], 0);
        assert_eq!(rows[0]["created"], json!(people));
        place
    }

    /// A folder with the same content.
    pub(super) fn copy(&self) -> Self {
        let copy = Self { folder: tempfile::tempdir().unwrap(), options: self.options.clone() };
        copy_folder(&self.data(), &copy.data());
        copy
    }

    pub(super) fn mailing_to(mut self, port: u16) -> Self {
        self.options = vec!["--smtp".to_owned(), format!("smtp://127.0.0.1:{port}")];
        self
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A `leapxpert` file beside the data.
    pub(super) fn file(&self, name: &str, rows: impl Iterator<Item = Row>) -> PathBuf {
        let mut text =
            "username,first_name,last_name,email,phone_number,org_unit,role\n".to_owned();
        for Row { user, is_good } in rows {
            let email =
                if is_good { format!("user{user}@example.com") } else { "nobody".to_owned() };
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

    pub(super) fn start(&self, words: &[&str]) -> Running {
        Running::start(self.command(words))
    }

    pub(super) fn call(&self, words: &[&str]) -> Ended {
        self.start(words).finished()
    }

    /// Calls the program and kills it after this time, unless it has ended before.
    pub(super) fn kill(&self, words: &[&str], moment: Duration) -> Ended {
        let ended = self.start(words).killed_after(moment);
        eprintln!("{} {moment:?}: {}", words.join(" "), ended.status);
        ended
    }

    /// Calls the program, which has to end with this status, and gives what it said line by line.
    #[track_caller]
    pub(super) fn lines(&self, words: &[&str], status: i32) -> Vec<Value> {
        self.call(words).lines(status)
    }

    /// Asks a command, which has to be accepted, and gives its answer.
    #[track_caller]
    pub(super) fn ask(&self, name: &str, body: &Value) -> Value {
        self.lines(&["command", name, &body.to_string()], 0).remove(0)
    }

    /// How long the program takes for this when nothing disturbs it.
    pub(super) fn length_of(&self, words: &[&str], status: i32) -> Duration {
        let clock = Clock::system();
        let before = clock.now();
        self.call(words).lines(status);
        let took = Duration::from_millis(u64::try_from(clock.now().0 - before.0).unwrap());
        eprintln!("{} undisturbed: {took:?}", words.join(" "));
        took
    }
}

/// A person in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) user: usize,
    /// Whether the e-mail address is one.
    pub(super) is_good: bool,
}

/// A new id.
pub(super) fn id() -> String {
    Clock::system().id().to_string()
}

pub(super) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            copy_file(&entry.path(), &target);
        }
    }
}

/// Copies what is written and leaves out the room after it, which segments of the log have a lot of.
fn copy_file(from: &Path, to: &Path) {
    let bytes = fs::read(from).unwrap();
    let written = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    fs::write(to, &bytes[..written]).unwrap();
    fs::File::options().write(true).open(to).unwrap().set_len(bytes.len() as u64).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}
