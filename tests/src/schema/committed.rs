//! The committed copies in `fixtures/schema`: what the program prints, and what nobody may break unseen.
//!
//! `UPDATE_FIXTURES=1` writes them anew, unless that would break what they promise.

use std::path::PathBuf;

use serde_json::Value;

use super::compare::{broken, broken_on_the_wire};
use crate::support::paths::fixture;
use crate::support::program::Cli;

/// The copies: how each is printed, and how two versions of it are compared.
type Compare = fn(&Value, &Value) -> Vec<String>;
const COPIES: [(&str, &[&str], Compare); 2] = [
    ("boarding.schema.json", &["schema"], broken),
    ("asyncapi.json", &["schema", "asyncapi"], broken_on_the_wire),
];

fn copy(name: &str) -> PathBuf {
    fixture(&format!("schema/{name}")).into()
}

fn kept(name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(copy(name)).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

/// Contract, section 4: a machine-readable form; what it promised stays.
#[test]
fn nothing_that_was_promised_is_broken() {
    for (name, words, compare) in COPIES {
        let printed = Cli::new().run(words).expect_status(0).json();
        let kept = kept(name).unwrap_or_else(|| panic!("fixtures/schema/{name} is missing"));
        let broken = compare(&kept, &printed);
        assert!(
            broken.is_empty(),
            "fixtures/schema/{name} promised what is now broken; keep it, or serve a new version of the \
             contract beside this one:\n{}",
            broken.join("\n")
        );
    }
}

#[test]
fn the_committed_copies_are_what_the_program_prints() {
    for (name, words, compare) in COPIES {
        let printed = Cli::new().run(words).expect_status(0);
        let harmless = kept(name).is_none_or(|kept| compare(&kept, &printed.json()).is_empty());
        if harmless && std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(copy(name), &printed.stdout).unwrap();
        }
        let same = std::fs::read_to_string(copy(name)).is_ok_and(|kept| kept == printed.stdout);
        assert!(
            same,
            "fixtures/schema/{name} is not what `boarding {}` prints; UPDATE_FIXTURES=1 writes it anew \
             where nothing is broken",
            words.join(" ")
        );
    }
}
