//! Arrows between crates: one way only, and no IO in the pure ones.

use std::collections::BTreeMap;

use super::{Breach, Crate, PURE, assert_tidy, members};

/// The crates that each crate may depend on, by their folders.
const ARROWS: [(&str, &[&str]); 10] = [
    ("commands/csv", &[]),
    ("commands", &["commands/csv"]),
    ("projections", &["commands/csv", "commands"]),
    ("engine/log", &["commands"]),
    ("engine/audit", &["commands", "engine/log"]),
    ("engine/core", &["commands/csv", "commands", "projections", "engine/log", "engine/audit"]),
    ("engine/nats", &["commands/csv", "commands", "projections", "engine/log", "engine/core"]),
    ("engine/http", &["commands/csv", "commands", "projections", "engine/log", "engine/core"]),
    (
        "engine/program",
        &[
            "commands/csv",
            "commands",
            "projections",
            "engine/log",
            "engine/audit",
            "engine/core",
            "engine/nats",
            "engine/http",
        ],
    ),
    (
        "tests",
        &[
            "commands/csv",
            "commands",
            "projections",
            "engine/log",
            "engine/audit",
            "engine/core",
            "engine/nats",
            "engine/program",
        ],
    ),
];

/// Crates that do IO, wait, read a clock or make random numbers. A name that ends in `*` means all names that
/// begin so.
const IO_CRATES: [&str; 38] = [
    "async-*",
    "axum*",
    "clap*",
    "comfy-table",
    "crossbeam*",
    "dirs*",
    "env_logger",
    "fastrand",
    "flume",
    "fs-err",
    "fs2",
    "fs4",
    "futures*",
    "getrandom",
    "hostname",
    "hyper*",
    "indicatif",
    "lettre",
    "libc",
    "log",
    "memmap2",
    "mio",
    "nix",
    "parking_lot*",
    "rand*",
    "rayon",
    "reqwest",
    "rustix",
    "rustls*",
    "sled",
    "smol*",
    "socket2",
    "tempfile",
    "time",
    "tokio*",
    "tower*",
    "tracing*",
    "walkdir",
];

/// The names of a manifest's dependencies in every table of this name, those of single targets included.
fn dependencies(manifest: &toml::Table, table: &str) -> Vec<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(toml::Table::values);
    let targets = targets.filter_map(toml::Value::as_table);
    let tables = [manifest].into_iter().chain(targets);
    let tables = tables.filter_map(|manifest| manifest.get(table)?.as_table());
    tables.flat_map(toml::Table::keys).cloned().collect()
}

impl Crate {
    fn package(&self) -> String {
        self.manifest["package"]["name"].as_str().unwrap().to_owned()
    }
}

#[test]
fn crates_depend_on_each_other_one_way_only() {
    let crates = members();
    let folders: BTreeMap<_, _> =
        crates.iter().map(|found| (found.package(), found.folder.as_str())).collect();
    let arrows = BTreeMap::from(ARROWS);
    let mut breaches = Vec::new();
    for Crate { folder, manifest } in &crates {
        let place = format!("{folder}/Cargo.toml");
        let Some(allowed) = arrows.get(folder.as_str()) else {
            let advice = "add the crate to ARROWS in tests/src/tidy/crates.rs".to_owned();
            breaches.push(Breach { place, advice });
            continue;
        };
        let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
        let names = tables.iter().flat_map(|table| dependencies(manifest, table));
        let ours = names.filter_map(|name| folders.get(&name).copied());
        for to in ours.filter(|to| !allowed.contains(to)) {
            let advice = format!(
                "{folder} may not depend on {to}, says ARROWS in tests/src/tidy/crates.rs: move what \
                 it needs into a crate below both, or pass it as a value"
            );
            breaches.push(Breach { place: place.clone(), advice });
        }
    }
    assert_tidy(&breaches);
}

#[test]
fn the_arrows_between_crates_have_no_circle() {
    for (at, (from, allowed)) in ARROWS.iter().enumerate() {
        let before: Vec<_> = ARROWS[..at].iter().map(|(folder, _)| *folder).collect();
        let up: Vec<_> = allowed.iter().filter(|to| !before.contains(to)).collect();
        assert!(up.is_empty(), "ARROWS: {from} stands before {up:?}, which it may use");
    }
}

#[test]
fn every_crate_of_the_arrows_is_a_member() {
    let crates = members();
    for (folder, _) in ARROWS {
        let is_member = crates.iter().any(|found| found.folder == folder);
        assert!(is_member, "{folder} is no member of the workspace: remove it from ARROWS");
    }
}

#[test]
fn dependencies_are_read_from_every_table() {
    let text = "[dependencies]\na = \"1\"\n\"b\".workspace = true\n# c\n[target.x.dependencies]\nd={}\n\
                [dependencies.e]\nversion = \"1\"\n[dev-dependencies]\nf = \"1\"";
    let mut names = dependencies(&text.parse().unwrap(), "dependencies");
    names.sort();
    assert_eq!(names, ["a", "b", "d", "e"]);
}

#[test]
fn a_pure_crate_depends_on_no_io() {
    let mut breaches = Vec::new();
    for Crate { folder, manifest } in members() {
        if !PURE.iter().any(|pure| folder.split('/').next() == Some(pure)) {
            continue;
        }
        for name in dependencies(&manifest, "dependencies") {
            let is_io = |io: &str| match io.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == io,
            };
            if IO_CRATES.iter().any(|io| is_io(io)) {
                breaches.push(Breach {
                    place: format!("{folder}/Cargo.toml"),
                    advice: format!(
                        "{name} does IO and {folder} is pure: do the IO in the engine and pass the result"
                    ),
                });
            }
        }
    }
    assert_tidy(&breaches);
}
