//! The generator of one dialect: set-up of the company, rows, options, required outcomes.

use std::ops::Range;
use std::sync::Arc;

use boarding_core::delivery::Transport;
use serde_json::{Value, json};

use super::super::{EngineHarness, ok};
use crate::support::random::SeededRandom;

/// Generates a company and its files. The same file number always gives the same file.
pub(in crate::engine) struct FileGenerator {
    pub(in crate::engine) dialect: &'static str,
    /// The commands that create the company, as JSON.
    pub(super) company: &'static str,
    /// The commands before the first generated file. They create the existing users.
    pub(super) set_up_commands: fn() -> Vec<(&'static str, Value)>,
    pub(in crate::engine) header: &'static str,
    /// The number of rows of each file.
    pub(in crate::engine) sizes: &'static [usize],
    /// A random line with its line end.
    pub(super) row: fn(&mut SeededRandom, RowPosition) -> String,
    /// The settings to change before the file of this number. Null: none.
    pub(super) settings: fn(usize) -> Value,
    /// The options of the `ImportFile` command for the file of this number.
    pub(super) options: fn(usize) -> Value,
    /// A line with this key and no other values.
    pub(super) row_naming: fn(&str) -> String,
    /// The name and text of the other files of the import.
    pub(super) companion_files: &'static [(&'static str, &'static str)],
    /// The outcomes and codes that must occur among the rows, so that the tests cover them.
    pub(in crate::engine) required_outcomes: &'static [&'static str],
}

/// The numbers of a file and of a row in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowPosition {
    pub(in crate::engine) file: usize,
    pub(in crate::engine) row: usize,
}

impl RowPosition {
    /// A number that is unique over all files.
    pub(super) fn serial(self) -> usize {
        self.file * 100_000 + self.row
    }

    /// The serial number of a random earlier row of the file, or of this row.
    pub(super) fn earlier(self, rng: &mut SeededRandom) -> usize {
        self.file * 100_000 + rng.below(self.row + 1)
    }

    /// The serial number of one of the next 40 rows, which may not exist.
    pub(super) fn later(self, rng: &mut SeededRandom) -> usize {
        self.serial() + 1 + rng.below(40)
    }
}

impl FileGenerator {
    /// An engine with the company, before the first file.
    pub(in crate::engine) async fn harness(&self) -> EngineHarness {
        self.harness_with(None).await
    }

    /// The same with this transport. The set-up sends no mails.
    pub(in crate::engine) async fn harness_with(
        &self,
        transport: Option<Arc<dyn Transport>>,
    ) -> EngineHarness {
        let harness = EngineHarness::new(transport).await;
        harness.run_commands("acme", self.company).await;
        for (name, body) in (self.set_up_commands)() {
            ok(&harness.submit(name, body).await);
            if name != "ArchiveUser" && name != "DeactivateUser" {
                harness.settle().await;
            }
        }
        harness
    }

    /// Changes the settings for the file of this number. Returns the body that imports its first rows.
    pub(in crate::engine) async fn import_body(
        &self,
        harness: &EngineHarness,
        file: usize,
        rows: usize,
    ) -> Value {
        let settings = (self.settings)(file);
        if !settings.is_null() {
            ok(&harness.submit("SetCompanyConfig", settings).await);
        }
        self.import_of_lines(harness, file, &self.lines(file, rows).concat())
    }

    /// The first rows of the file of this number: a line for each row.
    pub(in crate::engine) fn lines(&self, file: usize, rows: usize) -> Vec<String> {
        let mut rng = SeededRandom::new(4_711 + file as u64);
        (0..rows).map(|row| (self.row)(&mut rng, RowPosition { file, row })).collect()
    }

    /// The body that imports these lines with the options for the file of this number.
    pub(in crate::engine) fn import_of_lines(
        &self,
        harness: &EngineHarness,
        file: usize,
        lines: &str,
    ) -> Value {
        let text = format!("{}\n{lines}", self.header);
        let kept = harness.engine().keep_file("userdetails.csv", text.as_bytes()).unwrap();
        self.import(&json!({"name": kept.name, "sha256": kept.sha256}), &(self.options)(file))
    }

    /// The body of an import with these keys and no other values, which changes no existing user.
    pub(in crate::engine) fn import_naming(&self, keys: &[&str]) -> Value {
        let lines: String = keys.iter().map(|key| (self.row_naming)(key)).collect();
        let text = format!("{}\n{lines}", self.header);
        let mut options = (self.options)(0);
        options.as_object_mut().unwrap().remove("existing");
        self.import(&json!({"name": "userdetails.csv", "text": text}), &options)
    }

    fn import(&self, people: &Value, options: &Value) -> Value {
        let companions =
            self.companion_files.iter().map(|(name, text)| json!({"name": name, "text": text}));
        let files: Vec<_> = std::iter::once(people.clone()).chain(companions).collect();
        let mut body = json!({"dialect": self.dialect, "files": files});
        body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        body
    }
}

/// The import, and commands that archive and deactivate the users with these numbers.
pub(super) fn create_users(
    import: Value,
    key: impl Fn(usize) -> String,
    archived: Range<usize>,
    deactivated: Range<usize>,
) -> Vec<(&'static str, Value)> {
    let user = |n: usize| json!({"user": key(n)});
    let mut commands = vec![("ImportFile", import)];
    commands.extend(archived.map(|n| ("ArchiveUser", user(n))));
    commands.extend(deactivated.map(|n| ("DeactivateUser", user(n))));
    commands
}

/// A CSV line of these cells, quoted where necessary.
pub(super) fn line<T: AsRef<str>>(cells: &[T]) -> String {
    let quoted = |cell: &str| {
        if cell.contains([',', '"', '\n']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.to_owned()
        }
    };
    let cells: Vec<_> = cells.iter().map(|cell| quoted(cell.as_ref())).collect();
    format!("{}\n", cells.join(","))
}

/// Owned copies of the cells, so that the caller can replace some.
pub(super) fn cells<const N: usize>(texts: [&str; N]) -> [String; N] {
    texts.map(str::to_owned)
}
