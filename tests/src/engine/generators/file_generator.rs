//! How the company and the files of one dialect are generated.

use std::sync::Arc;

use boarding_core::delivery::Channel;
use serde_json::{Value, json};

use super::super::{EngineHarness, ok};
use crate::support::random::SeededRandom;

/// How the company and the files of one dialect are made.
pub(in crate::engine) struct FileGenerator {
    pub(in crate::engine) dialect: &'static str,
    /// The commands that found the company.
    pub(super) company: &'static str,
    /// What happens in it before any of the files comes.
    pub(super) before: fn() -> Vec<(&'static str, Value)>,
    pub(super) header: &'static str,
    /// So many rows has each file.
    pub(in crate::engine) sizes: &'static [usize],
    /// The next line of a file, with its end.
    pub(super) row: fn(&mut SeededRandom, RowPosition) -> String,
    /// What is set before the file of this number.
    pub(super) settings: fn(usize) -> Value,
    /// What the command says of the file of this number.
    pub(super) options: fn(usize) -> Value,
    /// The line that names somebody of this key and says no more than it must.
    pub(super) naming: fn(&str) -> String,
    /// The files that are taken together with it.
    pub(super) beside: &'static [(&'static str, &'static str)],
    /// Outcomes, problems, warnings and phones that the files must come to, or they would prove little.
    pub(in crate::engine) wanted: &'static [&'static str],
}

/// Where a row stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowPosition {
    pub(in crate::engine) file: usize,
    pub(in crate::engine) row: usize,
}

impl RowPosition {
    /// A number that no row of another place has.
    pub(super) fn serial(self) -> usize {
        self.file * 100_000 + self.row
    }

    /// The serial of an earlier row of the file, or its own.
    pub(super) fn earlier(self, rng: &mut SeededRandom) -> usize {
        self.file * 100_000 + rng.below(self.row + 1)
    }

    /// The serial of a row that may follow.
    pub(super) fn later(self, rng: &mut SeededRandom) -> usize {
        self.serial() + 1 + rng.below(40)
    }
}

impl FileGenerator {
    /// The company as it stands before the files come.
    pub(in crate::engine) async fn harness(&self) -> EngineHarness {
        self.harness_with(None).await
    }

    /// The same, with a channel in the test's hand; nothing before the files sends mails.
    pub(in crate::engine) async fn harness_with(
        &self,
        channel: Option<Arc<dyn Channel>>,
    ) -> EngineHarness {
        let harness = EngineHarness::new(channel).await;
        for command in serde_json::from_str::<Vec<Value>>(self.company).unwrap() {
            ok(&harness
                .submit(command["command"].as_str().unwrap(), command["body"].clone())
                .await);
        }
        for (name, body) in (self.before)() {
            ok(&harness.submit(name, body).await);
            if name != "ArchiveUser" && name != "DeactivateUser" {
                harness.settle().await;
            }
        }
        harness
    }

    /// Makes ready for the file of this number; the body that imports so many rows of it.
    pub(in crate::engine) async fn body(
        &self,
        harness: &EngineHarness,
        file: usize,
        rows: usize,
    ) -> Value {
        let settings = (self.settings)(file);
        if !settings.is_null() {
            ok(&harness.submit("SetCompanyConfig", settings).await);
        }
        let mut rng = SeededRandom::new(4_711 + file as u64);
        let lines = (0..rows).map(|row| (self.row)(&mut rng, RowPosition { file, row }));
        let text = format!("{}\n{}", self.header, lines.collect::<String>());
        let kept = harness.engine().keep_file("userdetails.csv", text.as_bytes()).unwrap();
        self.import(&json!({"name": kept.name, "sha256": kept.sha256}), &(self.options)(file))
    }

    /// The body that imports the people of these keys, who are there and are left as they are.
    pub(in crate::engine) fn naming(&self, keys: &[&str]) -> Value {
        let lines: String = keys.iter().map(|key| (self.naming)(key)).collect();
        let text = format!("{}\n{lines}", self.header);
        let mut options = (self.options)(0);
        options.as_object_mut().unwrap().remove("existing");
        self.import(&json!({"name": "userdetails.csv", "text": text}), &options)
    }

    fn import(&self, people: &Value, options: &Value) -> Value {
        let beside = self.beside.iter().map(|(name, text)| json!({"name": name, "text": text}));
        let files: Vec<_> = std::iter::once(people.clone()).chain(beside).collect();
        let mut body = json!({"dialect": self.dialect, "files": files});
        body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        body
    }
}

/// A line of these cells, each quoted where it must be.
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

/// Cells as texts of their own, so that some of them may be replaced.
pub(super) fn cells<const N: usize>(texts: [&str; N]) -> [String; N] {
    texts.map(str::to_owned)
}
