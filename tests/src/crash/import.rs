//! Imports killed in the middle: after the next start each row has been taken exactly once.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::crashes;
use super::history::commits;
use super::place::{Place, Row, id};
use super::run::go_on;
use crate::support::random::SeededRandom;

const ROWS: usize = 20_000;
const UNDONE_ROWS: usize = 5_000;
const MANY_ROWS: usize = 1_000_000;
/// Half a GiB: what a small server can spare for one import.
const MEMORY_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Every so many rows names somebody who stood in the file before …
const REPEATED_EVERY: usize = 250;
/// … or has an e-mail address that is none.
const BAD_EVERY: usize = 100;

/// The rows of the file, counted from 0.
fn rows(count: usize) -> impl Iterator<Item = Row> {
    (0..count).map(|n| Row { user: if is_repeated(n) { n - 1 } else { n }, is_good: !is_bad(n) })
}

fn is_repeated(n: usize) -> bool {
    n % REPEATED_EVERY == 7
}

fn is_bad(n: usize) -> bool {
    n % BAD_EVERY == 50
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

/// P14, P27, LX-09: totals are exact, and no row is taken twice.
#[test]
fn p14_an_import_that_is_killed_goes_on_with_the_next_row() {
    let mut rng = SeededRandom::from_environment();
    let sample = Place::of_a_company();
    let file = sample.file("people.csv", rows(ROWS));
    let whole = sample.copy().length_of(&words(&file, &id()), 5);
    let mut moments = rng.spread_durations(crashes() / 2, whole);
    while !moments.is_empty() {
        let place = sample.copy();
        let import = id();
        let words = words(&file, &import);
        for _ in 0..3 {
            moments.pop().map(|moment| place.kill(&words, moment));
        }
        go_on(&place, &mut rng);
        each_row_is_taken_once(&place, &words, &import, ROWS);
    }
}

/// Asks for the import again, which by now is done, and holds it against what is in the file.
fn each_row_is_taken_once(place: &Place, words: &[&str], import: &str, count: usize) {
    let row = place.lines(words, 5).remove(0);
    let bad = (0..count).filter(|&n| is_bad(n)).count();
    let repeated = (0..count).filter(|&n| is_repeated(n)).count();
    let created = count - bad - repeated;
    for (name, value) in [
        ("total", count),
        ("created", created),
        ("invalid", bad),
        ("duplicate", repeated),
        ("phones_added", created),
    ] {
        assert_eq!(row[name], json!(value), "{name}: {row}");
    }
    let rows = place.lines(&["imports", "rows", import], 0);
    let numbers: Vec<u64> = rows.iter().map(|row| row["row"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=count as u64), "{} rows, in order", numbers.len());
    for (n, row) in rows.iter().enumerate() {
        let outcome = match (is_bad(n), is_repeated(n)) {
            (true, _) => "invalid",
            (_, true) => "duplicate",
            _ => "created",
        };
        assert_eq!(row["outcome"], outcome, "{row}");
    }
    let users = place.lines(&["users"], 0);
    let keys: BTreeSet<&str> =
        users.iter().filter_map(|user: &Value| user["user"].as_str()).collect();
    assert_eq!((users.len(), keys.len()), (created, created));
    let completed =
        commits(place).iter().flat_map(|commit| &commit.events).filter(is_completed).count();
    assert_eq!(completed, 1);
}

/// P23, P27: an undo that is killed goes on with the next row, and every row is taken back once.
#[test]
fn p27_an_undo_that_is_killed_goes_on_with_the_next_row() {
    let mut rng = SeededRandom::from_environment();
    let sample = Place::with_people(UNDONE_ROWS);
    let imports = sample.lines(&["imports"], 0);
    let import = imports[0]["import"].as_str().unwrap();
    let command = id();
    let words = ["imports", "undo", import, "--yes", "--id", &command];
    let whole = sample.copy().length_of(&words, 0);
    let mut moments = rng.spread_durations(crashes() / 2, whole);
    while !moments.is_empty() {
        let place = sample.copy();
        for _ in 0..3 {
            moments.pop().map(|moment| place.kill(&words, moment));
        }
        go_on(&place, &mut rng);
        let row = place.lines(&words, 0).remove(0);
        assert_eq!(row["state"], "undone", "{row}");
        assert_eq!(row["undo"], json!({"reversed": UNDONE_ROWS, "kept": 0, "errored": 0}));
        assert!(place.lines(&["users"], 0).is_empty() && place.lines(&["phones"], 0).is_empty());
        let rows = place.lines(&["imports", "rows", import], 0);
        assert!(rows.iter().all(|row| row["undo"] == "reversed"), "{} rows", rows.len());
        let events: Vec<_> = commits(&place).into_iter().flat_map(|one| one.events).collect();
        let count = |name: &str| events.iter().filter(|event| event.name() == name).count();
        let told = ["ImportUndoStarted", "RowUndone", "UserRemoved", "ImportUndone"].map(count);
        assert_eq!(told, [1, UNDONE_ROWS, UNDONE_ROWS, 1]);
    }
}

fn is_completed(event: &&boarding_commands::event::Event) -> bool {
    matches!(event, boarding_commands::event::Event::ImportCompleted { .. })
}

/// The same with a million rows and within half a GiB, when `BOARDING_MILLION=1` asks for it.
#[test]
fn p14_a_million_rows_survive_kills_within_half_a_gib() {
    if std::env::var_os("BOARDING_MILLION").is_none() {
        return;
    }
    let mut rng = SeededRandom::from_environment();
    let place = Place::of_a_company();
    let file = place.file("people.csv", rows(MANY_ROWS));
    let import = id();
    let words = words(&file, &import);
    let mut most = 0;
    for _ in 0..3 {
        let moment = Duration::from_secs(4) + rng.duration_below(Duration::from_secs(8));
        place.kill(&words, moment);
    }
    for words in [&["runs", "resume"][..], &words] {
        let (ended, peak) = place.start(words).measured();
        println!("{}: {} MiB at most, {}", words.join(" "), peak >> 20, ended.status);
        most = most.max(peak);
    }
    each_row_is_taken_once(&place, &words, &import, MANY_ROWS);
    assert!(most > 0 && most < MEMORY_BYTES_MAX, "{} MiB", most >> 20);
}
