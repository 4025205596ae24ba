//! Rules that every source file keeps.

use std::fs;
use std::path::Path;

use super::{Breach, CRATES, PURE, assert_tidy, root};

/// The most lines of a file, tests not counted: what a reader takes in at one sitting.
const MAX_LINES: usize = 400;

/// Lists that are read entry by entry, so that their length costs nobody anything.
const PURE_LISTS: [&str; 2] = ["commands/src/code.rs", "commands/src/event.rs"];

/// What only the clock may say, in two halves so that this file does not say it.
const CLOCK_WORDS: [(&str, &str); 6] = [
    ("Utc::", "now"),
    ("Local::", "now"),
    ("SystemTime::", "now"),
    ("Instant::", "now"),
    ("Ulid::", "new"),
    ("Ulid::", "generate"),
];

/// Where a word of the clock may stand besides `engine/src/clock.rs`: the start of a path, and the word.
const CLOCK_ALLOWED: [(&str, &str); 3] = [
    // A benchmark measures time and decides nothing by it.
    ("engine/src/bench", "Instant::"),
    // Waiting for another process has an end.
    ("tests/src/support/nats.rs", "Instant::"),
    ("tests/src/support/patience.rs", "Instant::"),
];

/// Modules of the standard library that a pure crate does without.
const IO_MODULES: [&str; 5] = ["fs", "net", "process", "env", "thread"];

/// A source file: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

/// A line of code with its number, without what is only said in a comment.
struct Line<'a> {
    number: usize,
    code: &'a str,
}

impl Source {
    /// Whether all of it is test code.
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("/tests.rs")
    }

    /// The lines before the file's own tests.
    fn product_lines(&self) -> impl Iterator<Item = Line<'_>> {
        let lines = if self.is_test() { "" } else { self.text.as_str() };
        numbered(lines).take_while(|line| !line.code.starts_with("#[cfg(test)]"))
    }

    /// The lines of tests.
    fn test_lines(&self) -> impl Iterator<Item = Line<'_>> {
        let all = self.is_test();
        numbered(&self.text).skip_while(move |line| !all && !line.code.starts_with("#[cfg(test)]"))
    }

    fn breach(&self, line: &Line<'_>, advice: &str) -> Breach {
        Breach { place: format!("{}:{}", self.path, line.number), advice: advice.to_owned() }
    }
}

fn numbered(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().zip(1..).map(|(line, number)| {
        let code = if line.trim_start().starts_with("//") { "" } else { line };
        Line { number, code: code.split(" // ").next().unwrap_or(code) }
    })
}

/// Every source file of every crate.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    CRATES.iter().for_each(|name| collect(&root().join(name), &mut found));
    assert!(found.len() > CRATES.len(), "the sources were not found");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.dedup_by(|a, b| a.path == b.path);
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let short = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            found.push(Source { path: short, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

#[test]
fn every_file_says_in_its_first_line_what_it_is() {
    let silent = |source: &&Source| {
        let first = source.text.lines().next().unwrap_or_default();
        first.strip_prefix("//! ").is_none_or(|said| said.trim().is_empty())
    };
    let breaches: Vec<_> = sources()
        .iter()
        .filter(silent)
        .map(|source| Breach {
            place: source.path.clone(),
            advice: "begin the file with one `//!` line that says what it is".to_owned(),
        })
        .collect();
    assert_tidy(&breaches);
}

#[test]
fn a_pure_crate_does_no_io() {
    let mut breaches = Vec::new();
    for source in sources() {
        if !PURE.iter().any(|name| source.path.starts_with(&format!("{name}/"))) {
            continue;
        }
        let mut in_std_list = false;
        for line in source.product_lines() {
            in_std_list |= line.code.contains("std::{");
            let named = |module: &&&str| {
                let path = format!("std::{module}");
                line.code.split(&path).skip(1).any(ends_word)
                    || (in_std_list && has_word(line.code, module))
            };
            if let Some(module) = IO_MODULES.iter().find(named) {
                let advice = format!(
                    "std::{module} does not belong into a pure crate: do it in the engine and hand the \
                     result in"
                );
                breaches.push(source.breach(&line, &advice));
            }
            in_std_list &= !line.code.contains(';');
        }
    }
    assert_tidy(&breaches);
}

fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
}

#[test]
fn only_the_clock_reads_time_or_makes_ids() {
    let mut breaches = Vec::new();
    for source in sources() {
        if source.path == "engine/src/clock.rs" {
            continue;
        }
        for line in numbered(&source.text) {
            for (kind, call) in CLOCK_WORDS {
                let allowed = CLOCK_ALLOWED
                    .iter()
                    .any(|(path, word)| source.path.starts_with(path) && *word == kind);
                if !allowed && line.code.contains(&format!("{kind}{call}")) {
                    let advice = format!(
                        "{kind}{call} makes a replay differ: ask the Clock of engine/src/clock.rs, or \
                         take the time or id as an argument"
                    );
                    breaches.push(source.breach(&line, &advice));
                }
            }
        }
    }
    assert_tidy(&breaches);
}

#[test]
fn no_file_is_too_long() {
    let mut breaches = Vec::new();
    for source in sources() {
        let lines = source.product_lines().count();
        if lines > MAX_LINES && !PURE_LISTS.contains(&source.path.as_str()) {
            let advice = format!(
                "{lines} lines without its tests, {MAX_LINES} are allowed: split it by what changes \
                 together, into `foo.rs` and `foo/`"
            );
            breaches.push(Breach { place: source.path, advice });
        }
    }
    assert_tidy(&breaches);
}

#[test]
fn a_pure_list_that_is_allowed_to_be_long_still_exists() {
    let sources = sources();
    for path in PURE_LISTS {
        assert!(
            sources.iter().any(|source| source.path == path),
            "{path}: strike it from PURE_LISTS"
        );
    }
}

#[test]
fn modules_are_files_named_after_themselves() {
    let breaches: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.path.ends_with("/mod.rs"))
        .map(|source| Breach {
            advice: format!("rename it to {}.rs", source.path.trim_end_matches("/mod.rs")),
            place: source.path,
        })
        .collect();
    assert_tidy(&breaches);
}

#[test]
fn no_test_is_ignored_or_sleeps() {
    let rules = [
        (concat!("#[", "ignore"), "an ignored test proves nothing: mend it or remove it"),
        (
            concat!("thread::", "sleep"),
            "a sleeping test is slow or wrong: wait for the event itself, or hand in a clock",
        ),
        (
            concat!("time::", "sleep("),
            "a sleeping test is slow or wrong: wait for the event itself, or hand in a clock",
        ),
    ];
    let mut breaches = Vec::new();
    for source in sources() {
        for line in source.test_lines() {
            for (words, advice) in rules {
                if line.code.contains(words) {
                    breaches.push(source.breach(&line, advice));
                }
            }
        }
    }
    assert_tidy(&breaches);
}
