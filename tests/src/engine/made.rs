//! Files that chance makes: each dialect's with its share of every outcome, for a company that is lived in.

mod leapxpert;
mod mangoapps;
mod multiline;
mod ocm;
mod officechat;

use std::sync::Arc;

use boarding_engine::channel::Channel;
use serde_json::{Value, json};

use super::{Site, ok};
use crate::support::random::SeededRandom;

/// Every dialect's.
pub(super) static ALL: [Maker; 5] =
    [leapxpert::MAKER, officechat::MAKER, multiline::MAKER, ocm::MAKER, mangoapps::MAKER];

/// How the company and the files of one dialect are made.
pub(super) struct Maker {
    pub dialect: &'static str,
    /// The commands that found the company.
    company: &'static str,
    /// What happens in it before any of the files comes.
    before: fn() -> Vec<(&'static str, Value)>,
    header: &'static str,
    /// So many rows has each file.
    pub sizes: &'static [usize],
    /// The next line of a file, with its end.
    row: fn(&mut SeededRandom, Place) -> String,
    /// What is set before the file of this number.
    settings: fn(usize) -> Value,
    /// What the command says of the file of this number.
    options: fn(usize) -> Value,
    /// The line that names somebody of this key and says no more than it must.
    naming: fn(&str) -> String,
    /// The files that are taken together with it.
    beside: &'static [(&'static str, &'static str)],
    /// Outcomes, problems, warnings and phones that the files must come to, or they would prove little.
    pub wanted: &'static [&'static str],
}

/// Where a row stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub file: usize,
    pub row: usize,
}

impl Place {
    /// A number that no row of another place has.
    fn serial(self) -> usize {
        self.file * 100_000 + self.row
    }

    /// The serial of an earlier row of the file, or its own.
    fn earlier(self, rng: &mut SeededRandom) -> usize {
        self.file * 100_000 + rng.below(self.row + 1)
    }

    /// The serial of a row that may follow.
    fn later(self, rng: &mut SeededRandom) -> usize {
        self.serial() + 1 + rng.below(40)
    }
}

impl Maker {
    /// The company as it stands before the files come.
    pub(super) async fn site(&self) -> Site {
        self.site_with(None).await
    }

    /// The same, with a channel in the test's hand; nothing before the files sends mails.
    pub(super) async fn site_with(&self, channel: Option<Arc<dyn Channel>>) -> Site {
        let site = Site::with(channel).await;
        for command in serde_json::from_str::<Vec<Value>>(self.company).unwrap() {
            ok(&site.ask(command["command"].as_str().unwrap(), command["body"].clone()).await);
        }
        for (name, body) in (self.before)() {
            ok(&site.ask(name, body).await);
            if name != "ArchiveUser" && name != "DeactivateUser" {
                site.settle().await;
            }
        }
        site
    }

    /// Makes ready for the file of this number; the body that imports so many rows of it.
    pub(super) async fn body(&self, site: &Site, file: usize, rows: usize) -> Value {
        let settings = (self.settings)(file);
        if !settings.is_null() {
            ok(&site.ask("SetCompanyConfig", settings).await);
        }
        let mut rng = SeededRandom::new(4_711 + file as u64);
        let lines = (0..rows).map(|row| (self.row)(&mut rng, Place { file, row }));
        let text = format!("{}\n{}", self.header, lines.collect::<String>());
        let kept = site.engine().keep_file("userdetails.csv", text.as_bytes()).unwrap();
        self.import(&json!({"name": kept.name, "sha256": kept.sha256}), &(self.options)(file))
    }

    /// The body that imports the people of these keys, who are there and are left as they are.
    pub(super) fn naming(&self, keys: &[&str]) -> Value {
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
fn line<T: AsRef<str>>(cells: &[T]) -> String {
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
fn cells<const N: usize>(texts: [&str; N]) -> [String; N] {
    texts.map(str::to_owned)
}
