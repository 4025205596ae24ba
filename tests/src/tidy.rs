//! Rules that the compiler does not check: arrows between crates and modules, purity, the clock, sizes.

mod crates;
mod files;
mod ids;
mod modules;
mod names;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the repository. It does not depend on the folder that the tests run in.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The top folders whose crates do no IO.
const PURE: [&str; 2] = ["commands", "projections"];

/// One breach of a rule: its place, and what to do about it.
#[derive(Debug)]
struct Breach {
    place: String,
    advice: String,
}

/// Fails with every breach at once, so that one run is enough to mend them all.
#[track_caller]
fn assert_tidy(breaches: &[Breach]) {
    let lines: Vec<_> =
        breaches.iter().map(|breach| format!("{}: {}", breach.place, breach.advice)).collect();
    assert!(lines.is_empty(), "{} untidy places:\n{}", lines.len(), lines.join("\n"));
}

/// A crate of the workspace.
#[derive(Debug)]
struct Crate {
    /// Its folder from the root: `engine/log`.
    folder: String,
    manifest: toml::Table,
}

/// The crates that `Cargo.toml` lists as members of the workspace.
fn members() -> Vec<Crate> {
    let members = read_toml("Cargo.toml")["workspace"]["members"].clone();
    members
        .try_into::<Vec<String>>()
        .unwrap()
        .into_iter()
        .map(|folder| Crate { manifest: read_toml(&format!("{folder}/Cargo.toml")), folder })
        .collect()
}

fn read_toml(path: &str) -> toml::Table {
    let text = fs::read_to_string(root().join(path)).unwrap();
    text.parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files and folders at the top of the tree, but for those that begin with a dot.
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

/// Names at the top that git ignores: builds and data.
fn ignored() -> Vec<String> {
    let text = fs::read_to_string(root().join(".gitignore")).unwrap();
    text.lines().map(|line| line.trim_matches('/').to_owned()).collect()
}

#[test]
fn the_top_level_has_no_new_files() {
    let ignored = ignored();
    let found = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name());
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
