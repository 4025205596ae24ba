//! The arrows between crates: `tests → engine → projections → commands → csv`, and no IO in the pure ones.

use super::{Breach, CRATES, PURE, assert_tidy, root};

/// Which of our crates each may depend on.
const ARROWS: [(&str, &[&str]); 6] = [
    ("commands/csv", &[]),
    ("commands", &["csv"]),
    ("projections", &["csv", "commands"]),
    ("engine/log", &["commands"]),
    ("engine", &["csv", "commands", "log", "projections"]),
    ("tests", &["csv", "commands", "log", "projections", "engine"]),
];

/// Crates that read, write, wait, look at a clock or roll dice. A name ending in `*` stands for all that
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

/// The names of a crate's dependencies, in the tables whose heading ends like this.
fn dependencies(manifest: &str, table: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(heading) = line.strip_prefix('[') {
            let heading = heading.trim_end_matches(']');
            inside = heading == table || heading.ends_with(&format!(".{table}"));
            let single = heading.split_once(&format!("{table}."));
            names.extend(single.map(|(_, name)| name.to_owned()));
        } else if inside && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap();
            names.extend((!name.is_empty()).then(|| name.trim_matches('"').to_owned()));
        }
    }
    names
}

fn manifest(of: &str) -> String {
    std::fs::read_to_string(root().join(of).join("Cargo.toml")).unwrap()
}

#[test]
fn crates_depend_on_each_other_one_way_only() {
    let mut breaches = Vec::new();
    for (from, allowed) in ARROWS {
        let text = manifest(from);
        let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
        for name in tables.iter().flat_map(|table| dependencies(&text, table)) {
            let Some(to) = name.strip_prefix("boarding-") else { continue };
            if !allowed.contains(&to) {
                breaches.push(Breach {
                    place: format!("{from}/Cargo.toml"),
                    advice: format!(
                        "{from} may not depend on {to}; arrows go tests → engine → projections → \
                         commands → csv: move what is needed down, or hand it in as a value"
                    ),
                });
            }
        }
    }
    assert_tidy(&breaches);
}

#[test]
fn the_arrows_are_read_from_the_manifests() {
    let engine = dependencies(&manifest("engine"), "dependencies");
    assert!(engine.contains(&"boarding-projections".to_owned()), "{engine:?}");
    let text = "[dependencies]\na = \"1\"\n\"b\".workspace = true\n# c\n[target.x.dependencies]\nd={}\n\
                [dependencies.e]\nversion = \"1\"\n[dev-dependencies]\nf = \"1\"";
    assert_eq!(dependencies(text, "dependencies"), ["a", "b", "d", "e"]);
}

#[test]
fn every_crate_has_its_arrows() {
    assert_eq!(ARROWS.map(|(name, _)| name), CRATES);
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = workspace.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    assert_eq!(serde_json::from_str::<Vec<String>>(members).unwrap(), CRATES);
}

#[test]
fn a_pure_crate_depends_on_no_io() {
    let mut breaches = Vec::new();
    for of in PURE {
        for name in dependencies(&manifest(of), "dependencies") {
            let is_io = |io: &str| match io.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == io,
            };
            if IO_CRATES.iter().any(|io| is_io(io)) {
                breaches.push(Breach {
                    place: format!("{of}/Cargo.toml"),
                    advice: format!(
                        "{name} does IO and {of} is pure: do it in the engine and hand the result in"
                    ),
                });
            }
        }
    }
    assert_tidy(&breaches);
}
