//! No row of a file vanishes: each has an outcome, or is a note, or is blank.

use serde_json::{Value, json};

use super::generators::{self, FileGenerator};
use super::{EngineHarness, ROW_OUTCOMES, ok};
use crate::support::random::SeededRandom;

/// The number of generated rows: more than one commit holds.
const ROWS: usize = 700;

/// The rows of a generated file, mixed with rows that may be taken for no rows.
fn mixed_lines(generator: &FileGenerator) -> Vec<String> {
    let mut rng = SeededRandom::new(13);
    let commas = generator.header.matches(',').count();
    let mut lines = Vec::new();
    for line in generator.lines(0, ROWS) {
        let odd = match rng.below(12) {
            0 => Some("\n".to_owned()),
            1 => Some(format!(" {}\n", ",".repeat(commas))),
            2 => Some(format!("{}\n", generator.header)),
            3 => Some(format!("Note: fill in{}\n", ",".repeat(commas))),
            4 => Some(format!("Noteboom{}\n", ",".repeat(commas))),
            5 => Some(format!("note,x,bok@acme.example{}\n", ",".repeat(commas - 2))),
            6 => Some("Total: 7\n".to_owned()),
            7 => Some(format!("\"\"{}x\n", ",".repeat(commas))),
            _ => None,
        };
        lines.extend(odd);
        lines.push(line);
    }
    lines
}

fn sum(row: &Value, names: &[&str]) -> u64 {
    names.iter().map(|name| row[*name].as_u64().unwrap()).sum()
}

/// A34, P14: rows read are the outcomes, the notes and the blank rows, in every dialect.
#[tokio::test]
async fn every_row_of_a_file_is_counted_once() {
    for generator in &generators::ALL {
        let harness: EngineHarness = generator.harness().await;
        let lines = mixed_lines(generator);
        let body = generator.import_of_lines(&harness, 0, &lines.concat());
        let import = ok(&harness.submit("ImportFile", body).await)["import"].clone();
        harness.settle().await;
        let row = harness.row("import", json!({"import": import})).await;
        assert_eq!(sum(&row, &ROW_OUTCOMES), sum(&row, &["total"]), "{}: {row}", generator.dialect);
        let read = sum(&row, &["total", "notes", "blank_rows"]);
        assert_eq!(read, lines.len() as u64, "{}: {row}", generator.dialect);
    }
}
