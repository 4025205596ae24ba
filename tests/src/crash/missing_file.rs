//! An import whose stored file is missing: reported, not waited for, and resumed later.

use std::fs;
use std::time::Duration;

use serde_json::json;

use super::sample_folder::{Row, SampleFolder, id};
use crate::support::random::SeededRandom;

const ROWS: usize = 5_000;

/// P14, P27: The program names the missing file and processes other imports. When the file is back, the next
/// start completes the import.
#[test]
fn import_resumes_when_its_missing_file_is_back() {
    let mut rng = SeededRandom::from_environment();
    let sample = SampleFolder::with_company();
    let file = sample.file("people.csv", (0..ROWS).map(|user| Row { user, is_valid: true }));
    let file = file.to_str().unwrap();
    let import = id();
    let words = ["import", file, "--dialect", "leapxpert", "--import", &import, "--id", &import];
    let duration = sample.copy().duration_of(&words, 0);
    let (folder, sha256) = interrupted(&sample, &words, &import, &mut rng, duration);
    let stored = folder.data().join("files").join(&sha256);
    let moved = stored.with_extension("moved");
    fs::rename(&stored, &moved).unwrap();

    for words in [&["imports", "show", &import][..], &["runs", "resume"]] {
        let output = folder.run(words);
        assert_eq!(output.status.code(), Some(4), "{words:?}: {output:?}");
        for part in [&import, &sha256, "missing", "start Boarding again"] {
            assert!(output.stderr.contains(part), "{words:?}: {part}: {}", output.stderr);
        }
    }
    // A folder with the name of the file cannot be read. The import command must report that and not wait.
    fs::create_dir(&stored).unwrap();
    let output = folder.run(&words);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(output.stderr.contains(&format!("import {import} cannot continue")), "{output:?}");
    fs::remove_dir(&stored).unwrap();

    let other = folder.file("other.csv", [Row { user: ROWS, is_valid: true }].into_iter());
    let row = folder.lines(&["import", other.to_str().unwrap(), "--dialect", "leapxpert"], 0);
    assert_eq!(row[0]["created"], 1, "another import does not wait");

    fs::rename(&moved, &stored).unwrap();
    folder.lines(&["runs", "resume"], 0);
    let row = folder.lines(&["imports", "show", &import], 0).remove(0);
    assert_eq!((&row["state"], &row["created"]), (&json!("completed"), &json!(ROWS)));
}

/// A copy of the sample in which the import was killed between its acceptance and its end, and the digest of
/// its file.
fn interrupted(
    sample: &SampleFolder,
    words: &[&str],
    import: &str,
    rng: &mut SeededRandom,
    duration: Duration,
) -> (SampleFolder, String) {
    loop {
        let folder = sample.copy();
        folder.kill(words, rng.duration_below(duration));
        let rows = folder.lines(&["imports", "list"], 0);
        let row = rows.iter().find(|row| row["import"] == import);
        if let Some(row) = row.filter(|row| row["state"] == "processing") {
            return (folder, row["sha256"].as_str().unwrap().to_owned());
        }
    }
}
