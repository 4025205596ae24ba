//! Rules for every source file: its first line, its name, its size, and what its code must not do.

use super::sources::{Source, TestFiles, check_lines, sources};
use super::{Breach, PURE, assert_tidy};

/// The most lines of a file, its tests included.
const MAX_LINES: usize = 500;

/// The most lines of a file, its tests not counted: what a reader takes in at one sitting.
const MAX_PRODUCT_LINES: usize = 400;

/// Calls that only the clock may make, in two halves so that this file does not make them.
const CLOCK_CALLS: [(&str, &str); 6] = [
    ("Utc::", "now"),
    ("Local::", "now"),
    ("SystemTime::", "now"),
    ("Instant::", "now"),
    ("Ulid::", "new"),
    ("Ulid::", "generate"),
];

/// The file of the clock.
const CLOCK: &str = "engine/core/src/clock.rs";

/// Where else such a call may be made: the start of a path, and the first half of the call.
const CLOCK_ALLOWED: [(&str, &str); 3] = [
    // A benchmark measures time and decides nothing by it.
    ("engine/program/src/bench", "Instant::"),
    // A test that waits for another process gives up at a deadline.
    ("tests/src/support/nats.rs", "Instant::"),
    ("tests/src/support/wait.rs", "Instant::"),
];

/// Modules of the standard library that a pure crate must not use.
const IO_MODULES: [&str; 5] = ["fs", "net", "process", "env", "thread"];

#[test]
fn first_line_of_every_file_says_its_purpose() {
    let is_silent = |source: &&Source| {
        let first = source.text.lines().next().unwrap_or_default();
        first.strip_prefix("//! ").is_none_or(|words| words.trim().is_empty())
    };
    let breaches: Vec<_> = sources()
        .iter()
        .filter(is_silent)
        .map(|source| Breach {
            place: source.path.clone(),
            advice: "begin the file with one `//!` line that says what it is for".to_owned(),
        })
        .collect();
    assert_tidy(&breaches);
}

#[test]
fn a_pure_crate_does_no_io() {
    let files: Vec<_> = sources()
        .into_iter()
        .filter(|source| PURE.iter().any(|name| source.path.starts_with(&format!("{name}/"))))
        .collect();
    let mut in_std_list = false;
    let breaches = check_lines(&files, |_, line| {
        if line.is_test {
            return None;
        }
        let code = line.code();
        in_std_list |= code.contains("std::{");
        let is_named = |module: &&&str| {
            let path = format!("std::{module}");
            code.split(&path).skip(1).any(ends_word) || (in_std_list && has_word(code, module))
        };
        let found = IO_MODULES.iter().find(is_named);
        in_std_list &= !code.contains(';');
        found.map(|module| {
            format!(
                "std::{module} does not belong into a pure crate: do the IO in the engine and pass the \
                 result"
            )
        })
    });
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
    let files = sources();
    assert!(files.iter().any(|file| file.path == CLOCK), "{CLOCK} is not there: correct CLOCK");
    let breaches = check_lines(&files, |file, line| {
        let code = line.code();
        let is_allowed = |kind: &str| {
            CLOCK_ALLOWED.iter().any(|(path, word)| file.path.starts_with(path) && *word == kind)
        };
        let is_made = |(kind, call): &&(&str, &str)| {
            code.contains(&format!("{kind}{call}")) && !is_allowed(kind)
        };
        let (kind, call) = CLOCK_CALLS.iter().find(is_made).filter(|_| file.path != CLOCK)?;
        Some(format!(
            "{kind}{call} makes a replay differ: ask the Clock of {CLOCK}, or take the time or id as an \
             argument"
        ))
    });
    assert_tidy(&breaches);
}

#[test]
fn no_file_is_too_long() {
    let files = sources();
    let tests = TestFiles::of(&files);
    let mut breaches = Vec::new();
    for file in &files {
        let lines = file.lines(&tests);
        let product = lines.iter().filter(|line| !line.is_test).count();
        if lines.len() > MAX_LINES || product > MAX_PRODUCT_LINES {
            let advice = format!(
                "{} lines, {product} without tests; {MAX_LINES} and {MAX_PRODUCT_LINES} are allowed: \
                 split it by what changes together, into `foo.rs` and `foo/`",
                lines.len()
            );
            breaches.push(Breach { place: file.path.clone(), advice });
        }
    }
    assert_tidy(&breaches);
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
    const SLEEPS: &str =
        "a sleeping test is slow or wrong: wait for the event itself, or pass a clock";
    let rules = [
        (concat!("#[", "ignore"), "an ignored test proves nothing: mend it or remove it"),
        (concat!("thread::", "sleep"), SLEEPS),
        (concat!("time::", "sleep("), SLEEPS),
    ];
    let files = sources();
    let breaches = check_lines(&files, |_, line| {
        let code = line.code();
        let rule = rules.iter().find(|(words, _)| line.is_test && code.contains(words))?;
        Some(rule.1.to_owned())
    });
    assert_tidy(&breaches);
}
