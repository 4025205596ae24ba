//! Imports and undos that are killed: after the restart each row is processed exactly once.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::crashes;
use super::history::commits;
use super::run::restart;
use super::sample_folder::{Row, SampleFolder, id};
use crate::support::random::SeededRandom;

const ROWS: usize = 5_000;
const UNDONE_ROWS: usize = 2_000;
const MANY_ROWS: usize = 1_000_000;
/// Half a GiB: the memory of a small server that one import may use.
const MEMORY_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// One row in this many repeats the user of the row before.
const REPEATED_EVERY: usize = 250;
/// One row in this many has an invalid email address.
const INVALID_EVERY: usize = 100;

/// The rows of the file, counted from 0.
fn rows(count: usize) -> impl Iterator<Item = Row> {
    (0..count)
        .map(|n| Row { user: if is_repeated(n) { n - 1 } else { n }, is_valid: !is_invalid(n) })
}

fn is_repeated(n: usize) -> bool {
    n % REPEATED_EVERY == 7
}

fn is_invalid(n: usize) -> bool {
    n % INVALID_EVERY == 50
}

fn words<'a>(file: &'a Path, import: &'a str) -> Vec<&'a str> {
    let file = file.to_str().unwrap();
    vec![
        "import",
        file,
        "--dialect",
        "leapxpert",
        "--add-phones",
        "--import",
        import,
        "--id",
        import,
    ]
}

/// P14, P27, LX-09: The import continues after each kill. Its totals are exact, and no row is processed twice.
#[test]
fn killed_import_continues_with_the_next_row() {
    let mut rng = SeededRandom::from_environment();
    let sample = SampleFolder::with_company();
    let file = sample.file("people.csv", rows(ROWS));
    let duration = sample.copy().duration_of(&words(&file, &id()), 5);
    let mut delays = rng.spread_durations(crashes() / 2, duration);
    while !delays.is_empty() {
        let folder = sample.copy();
        let import = id();
        let words = words(&file, &import);
        for _ in 0..3 {
            delays.pop().map(|delay| folder.kill(&words, delay));
        }
        restart(&folder, &mut rng);
        check_import(&folder, &words, &import, ROWS);
    }
}

/// Repeats the import command, which must be done by now, and compares the result with the file.
fn check_import(folder: &SampleFolder, words: &[&str], import: &str, count: usize) {
    let row = folder.lines(words, 5).remove(0);
    let invalid = (0..count).filter(|&n| is_invalid(n)).count();
    let repeated = (0..count).filter(|&n| is_repeated(n)).count();
    let created = count - invalid - repeated;
    for (name, value) in [
        ("total", count),
        ("created", created),
        ("invalid", invalid),
        ("duplicate", repeated),
        ("phones_added", created),
    ] {
        assert_eq!(row[name], json!(value), "{name}: {row}");
    }
    let rows = folder.lines(&["imports", "rows", import], 0);
    let numbers: Vec<u64> = rows.iter().map(|row| row["row"].as_u64().unwrap()).collect();
    assert!(
        numbers.iter().copied().eq(1..=count as u64),
        "{} rows, or not in order",
        numbers.len()
    );
    for (n, row) in rows.iter().enumerate() {
        let outcome = match (is_invalid(n), is_repeated(n)) {
            (true, _) => "invalid",
            (_, true) => "duplicate",
            _ => "created",
        };
        assert_eq!(row["outcome"], outcome, "{row}");
    }
    let users = folder.lines(&["users"], 0);
    let keys: BTreeSet<&str> =
        users.iter().filter_map(|user: &Value| user["user"].as_str()).collect();
    assert_eq!((users.len(), keys.len()), (created, created));
    let completed =
        commits(folder).iter().flat_map(|commit| &commit.events).filter(is_completed).count();
    assert_eq!(completed, 1);
}

/// P23, P27: The undo continues after each kill and reverses each row once.
#[test]
fn killed_undo_continues_with_the_next_row() {
    let mut rng = SeededRandom::from_environment();
    let sample = SampleFolder::with_people(UNDONE_ROWS);
    let imports = sample.lines(&["imports"], 0);
    let import = imports[0]["import"].as_str().unwrap();
    let command = id();
    let words = ["imports", "undo", import, "--yes", "--id", &command];
    let duration = sample.copy().duration_of(&words, 0);
    let mut delays = rng.spread_durations(crashes() / 2, duration);
    while !delays.is_empty() {
        let folder = sample.copy();
        for _ in 0..3 {
            delays.pop().map(|delay| folder.kill(&words, delay));
        }
        restart(&folder, &mut rng);
        let row = folder.lines(&words, 0).remove(0);
        assert_eq!(row["state"], "undone", "{row}");
        assert_eq!(row["undo"], json!({"reversed": UNDONE_ROWS, "kept": 0, "errored": 0}));
        assert!(folder.lines(&["users"], 0).is_empty() && folder.lines(&["phones"], 0).is_empty());
        let rows = folder.lines(&["imports", "rows", import], 0);
        assert!(rows.iter().all(|row| row["undo"] == "reversed"), "{} rows", rows.len());
        let events: Vec<_> = commits(&folder).into_iter().flat_map(|one| one.events).collect();
        let count = |name: &str| events.iter().filter(|event| event.name() == name).count();
        let counts = ["ImportUndoStarted", "RowUndone", "UserRemoved", "ImportUndone"].map(count);
        assert_eq!(counts, [1, UNDONE_ROWS, UNDONE_ROWS, 1]);
    }
}

fn is_completed(event: &&boarding_commands::event::Event) -> bool {
    matches!(event, boarding_commands::event::Event::ImportCompleted { .. })
}

/// P14: With `BOARDING_MILLION=1`, an import of a million rows continues after kills, within half a GiB.
#[test]
fn killed_import_of_a_million_rows_uses_half_a_gib() {
    if std::env::var_os("BOARDING_MILLION").is_none() {
        return;
    }
    let mut rng = SeededRandom::from_environment();
    let folder = SampleFolder::with_company();
    let file = folder.file("people.csv", rows(MANY_ROWS));
    let import = id();
    let words = words(&file, &import);
    let mut peak_bytes = 0;
    for _ in 0..3 {
        let delay = Duration::from_secs(4) + rng.duration_below(Duration::from_secs(8));
        folder.kill(&words, delay);
    }
    for words in [&["runs", "resume"][..], &words] {
        let (output, peak) = folder.start(words).wait_and_measure();
        println!("{}: peak memory {} MiB, {}", words.join(" "), peak >> 20, output.status);
        peak_bytes = peak_bytes.max(peak);
    }
    check_import(&folder, &words, &import, MANY_ROWS);
    assert!(peak_bytes > 0 && peak_bytes < MEMORY_BYTES_MAX, "{} MiB", peak_bytes >> 20);
}
