//! An import whose kept file has vanished: told, not waited for, and gone on with once it is back.

use std::fs;
use std::time::Duration;

use serde_json::json;

use super::place::{Place, Row, id};
use crate::support::random::SeededRandom;

const ROWS: usize = 20_000;

/// P14, P27: the import says which file it lacks, holds up nothing else, and goes on when that is back.
#[test]
fn p27_an_import_without_its_file_says_so_and_goes_on_when_it_is_back() {
    let mut rng = SeededRandom::from_environment();
    let sample = Place::of_a_company();
    let file = sample.file("people.csv", (0..ROWS).map(|user| Row { user, is_good: true }));
    let file = file.to_str().unwrap();
    let import = id();
    let words = ["import", file, "--dialect", "leapxpert", "--import", &import, "--id", &import];
    let whole = sample.copy().length_of(&words, 0);
    let (place, sha256) = interrupted(&sample, &words, &import, &mut rng, whole);
    let kept = place.data().join("files").join(&sha256);
    let aside = kept.with_extension("aside");
    fs::rename(&kept, &aside).unwrap();

    for words in [&["imports", "show", &import][..], &["runs", "resume"]] {
        let ended = place.call(words);
        assert_eq!(ended.status.code(), Some(4), "{words:?}: {ended:?}");
        for told in [&import, &sha256, "missing", "next start"] {
            assert!(ended.complained.contains(told), "{words:?}: {told}: {}", ended.complained);
        }
    }
    // Something else in its place cannot be read: whoever asks for the import is told, and not kept waiting.
    fs::create_dir(&kept).unwrap();
    let ended = place.call(&words);
    assert_eq!(ended.status.code(), Some(4), "{ended:?}");
    assert!(ended.complained.contains(&format!("import {import} cannot go on")), "{ended:?}");
    fs::remove_dir(&kept).unwrap();

    let other = place.file("other.csv", [Row { user: ROWS, is_good: true }].into_iter());
    let row = place.lines(&["import", other.to_str().unwrap(), "--dialect", "leapxpert"], 0);
    assert_eq!(row[0]["created"], 1, "another import is not held up");

    fs::rename(&aside, &kept).unwrap();
    place.lines(&["runs", "resume"], 0);
    let row = place.lines(&["imports", "show", &import], 0).remove(0);
    assert_eq!((&row["state"], &row["created"]), (&json!("completed"), &json!(ROWS)));
}

/// A place in which the import was killed after its acceptance and before its end, and its file's digest.
fn interrupted(
    sample: &Place,
    words: &[&str],
    import: &str,
    rng: &mut SeededRandom,
    whole: Duration,
) -> (Place, String) {
    loop {
        let place = sample.copy();
        place.kill(words, rng.duration_below(whole));
        let rows = place.lines(&["imports", "list"], 0);
        let row = rows.iter().find(|row| row["import"] == import);
        if let Some(row) = row.filter(|row| row["state"] == "processing") {
            return (place, row["sha256"].as_str().unwrap().to_owned());
        }
    }
}
