//! Compares the output of two verbs apart from ids, times, secrets and the place that suggested commands name.

use std::collections::BTreeMap;

use crate::support::program::{Cli, Output};

/// What a verb has printed, with its status.
#[derive(Debug, PartialEq)]
pub(super) struct Printed {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Printed {
    /// The output without the options that name the place.
    pub(super) fn of(output: &Output, cli: &Cli, url: &str) -> Self {
        let data = cli.data().display().to_string();
        let places = [format!(" --data {data}"), format!(" --url {url}"), data];
        let plain =
            |text: &str| places.iter().fold(text.to_owned(), |text, place| text.replace(place, ""));
        Self { status: output.status, stdout: plain(&output.stdout), stderr: plain(&output.stderr) }
    }

    /// The same with marks for all values that differ between two histories.
    pub(super) fn masked(self, marks: &mut Marks) -> Self {
        Self { stdout: marks.mask(&self.stdout), stderr: marks.mask(&self.stderr), ..self }
    }
}

/// The marks of the ids of one history, in the order in which they are seen.
#[derive(Debug, Default)]
pub(super) struct Marks(BTreeMap<String, usize>);

impl Marks {
    fn mask(&mut self, text: &str) -> String {
        let is_word = |c: char| c.is_ascii_alphanumeric() || "_:.-".contains(c);
        let mut masked = String::new();
        let mut word = String::new();
        for c in text.chars().chain(['\n']) {
            if is_word(c) {
                word.push(c);
                continue;
            }
            masked += &self.word(&std::mem::take(&mut word));
            masked.push(c);
        }
        masked
    }

    /// A word with marks of the same length, so that tables stay as they are.
    fn word(&mut self, word: &str) -> String {
        if word.starts_with("boarding_") {
            return "SECRET".to_owned();
        }
        let is_time =
            word.len() >= 24 && word.get(4..5) == Some("-") && word.get(23..24) == Some("Z");
        if is_time {
            return format!("TIME{}", word.get(24..).unwrap_or_default());
        }
        let is_digest =
            |part: &str| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit());
        let parts = word.split_inclusive(['.', ':', '_', '-']);
        parts
            .map(|part| match part.trim_end_matches(['.', ':', '_', '-']) {
                id if is_ulid(id) => part.replace(id, &self.mark(id)),
                digest if is_digest(digest) => part.replace(digest, "DIGEST"),
                _ => part.to_owned(),
            })
            .collect()
    }

    fn mark(&mut self, id: &str) -> String {
        let next = self.0.len();
        format!("ID{:024}", self.0.entry(id.to_owned()).or_insert(next))
    }
}

fn is_ulid(text: &str) -> bool {
    let is_base32 = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    text.len() == 26 && text.starts_with("01") && text.bytes().all(is_base32)
}
