//! What the compiler cannot hold: the arrows between crates, purity, the clock, the shape of the tree.

mod crates;
mod sources;

use std::path::{Path, PathBuf};

/// The repository, wherever the tests are run from.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The crates that do no IO.
const PURE: [&str; 3] = ["commands/csv", "commands", "projections"];
const CRATES: [&str; 6] =
    ["commands/csv", "commands", "projections", "engine/log", "engine", "tests"];

/// One breach of a rule: where, and what to do about it.
#[derive(Debug)]
struct Breach {
    place: String,
    advice: String,
}

/// Fails with every breach at once, so that one run is enough to mend all.
#[track_caller]
fn assert_tidy(breaches: &[Breach]) {
    let told: Vec<_> =
        breaches.iter().map(|breach| format!("{}: {}", breach.place, breach.advice)).collect();
    assert!(told.is_empty(), "{} untidy places:\n{}", told.len(), told.join("\n"));
}

/// What lies at the top of the tree, besides what begins with a dot.
const TOP_LEVEL: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "commands",
    "engine",
    "fixtures",
    "nats.conf",
    "projections",
    "tests",
];

/// Names that git ignores at the top: builds and data.
fn ignored() -> Vec<String> {
    let text = std::fs::read_to_string(root().join(".gitignore")).unwrap();
    text.lines().map(|line| line.trim_matches('/').to_owned()).collect()
}

#[test]
fn the_top_level_stays_as_it_is() {
    let ignored = ignored();
    let found = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name());
    let extra = found.map(|name| name.to_string_lossy().into_owned()).filter(|name| {
        !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()) && !ignored.contains(name)
    });
    let breaches: Vec<_> = extra
        .map(|name| Breach {
            place: name,
            advice: "move it into one of the folders, or give it a name that begins with a dot"
                .to_owned(),
        })
        .collect();
    assert_tidy(&breaches);
}
