//! No row of a file vanishes: each has an outcome, or is a note, or is blank.

use serde_json::{Value, json};

use super::generators::{self, FileGenerator};
use super::{EngineHarness, ROW_OUTCOMES, ok};
use crate::support::random::SeededRandom;

/// The generated files of each dialect, beside one that needs more than one commit.
const FILES: usize = 5;
/// The most rows of a small file.
const SMALL: usize = 60;
/// More rows than one commit holds.
const LARGE: usize = 560;

/// What a file may have between its rows: blank and nearly blank lines, notes, and people who look like notes.
fn odd_line(generator: &FileGenerator, rng: &mut SeededRandom) -> Option<String> {
    let commas = generator.header.matches(',').count();
    let blank = |first: &str| format!("{first}{}\n", ",".repeat(commas));
    Some(match rng.below(20) {
        0 => "\n".to_owned(),
        1 => blank(" "),
        2 => format!("{}\n", generator.header),
        3 => blank(rng.pick(&["Note", "NOTE: fill in", "note all cells", "\u{a0}Note: x"])),
        4 => blank(rng.pick(&["Noteboom", "Note-taker", "Notes", "Not"])),
        5 => format!("note,x,bok@acme.example{}\n", ",".repeat(commas - 2)),
        6 => rng.pick(&["Total: 7\n", "x\n", "\"\"\n", "\t\n", "# a remark\n"]).to_owned(),
        7 => format!("\"\"{}x\n", ",".repeat(commas)),
        8 => format!("\"Note: two\nlines\"{}\n", ",".repeat(commas)),
        _ => return None,
    })
}

/// The rows of a generated file, mixed with rows that may be taken for no rows.
fn mixed_lines(generator: &FileGenerator, file: usize, rows: usize) -> Vec<String> {
    let mut rng = SeededRandom::new(13 + file as u64);
    let mut lines = Vec::new();
    for line in generator.lines(file, rows) {
        lines.extend(odd_line(generator, &mut rng));
        lines.push(line);
    }
    lines
}

fn sum(row: &Value, names: &[&str]) -> u64 {
    names.iter().map(|name| row[*name].as_u64().unwrap()).sum()
}

/// Imports a file, or only previews it, and compares what was read with what was counted.
async fn check(harness: &EngineHarness, generator: &FileGenerator, file: usize, rows: usize) {
    let lines = mixed_lines(generator, file, rows);
    let what = format!("{}, file {file}, {} lines", generator.dialect, lines.len());
    let mut body = generator.import_of_lines(harness, file, &lines.concat());
    body["mode"] = json!("preview");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await)["counts"].clone();
    body["mode"] = json!("commit");
    let import = ok(&harness.submit("ImportFile", body).await)["import"].clone();
    harness.settle().await;
    let row = harness.row("import", json!({"import": import})).await;
    for counts in [&shown, &row] {
        assert_eq!(sum(counts, &ROW_OUTCOMES), sum(counts, &["total"]), "{what}: {counts}");
    }
    let read = sum(&row, &["total", "notes", "blank_rows"]);
    assert_eq!(read, lines.len() as u64, "{what}: {row}");
    let rows = harness.all_rows("import_rows", json!({"import": import, "limit": 500})).await;
    for outcome in ROW_OUTCOMES {
        let listed = rows.iter().filter(|row| row["outcome"] == outcome).count() as u64;
        assert_eq!(row[outcome], json!(listed), "{what}: {outcome}");
    }
}

/// A34, P14: rows read are the outcomes, the notes and the blank rows, in every dialect and any generated file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_a_file_is_counted_once() {
    for generator in &generators::ALL {
        let harness: EngineHarness = generator.harness().await;
        check(&harness, generator, 0, LARGE).await;
        let mut rng = SeededRandom::new(generator.dialect.len() as u64);
        for file in 1..=FILES {
            check(&harness, generator, file, 1 + rng.below(SMALL)).await;
        }
    }
}
