//! The committed contract in `fixtures/schema`: equal to what the program prints, and never broken.
//!
//! `UPDATE_FIXTURES=1` writes the copies unless the change breaks clients.

use std::path::PathBuf;

use serde_json::Value;

use super::compare::{asyncapi_breaks, schema_breaks};
use crate::support::paths::fixture;
use crate::support::program::Cli;

/// Returns what a new version of a document breaks.
type Compare = fn(&Value, &Value) -> Vec<String>;

/// The copies: the file, the arguments that print it, and the comparison of two versions.
const COPIES: [(&str, &[&str], Compare); 2] = [
    ("boarding.schema.json", &["schema"], schema_breaks),
    ("asyncapi.json", &["schema", "asyncapi"], asyncapi_breaks),
];

fn copy(name: &str) -> PathBuf {
    fixture(&format!("schema/{name}")).into()
}

fn committed(name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(copy(name)).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

/// The contract may be extended but not broken.
#[test]
fn printed_contract_does_not_break_the_committed_one() {
    for (name, words, compare) in COPIES {
        let printed = Cli::new().run(words).expect_status(0).json();
        let committed =
            committed(name).unwrap_or_else(|| panic!("fixtures/schema/{name} is missing"));
        let broken = compare(&committed, &printed);
        assert!(
            broken.is_empty(),
            "clients of fixtures/schema/{name} would break; undo the change, or add a new version of the \
            contract:\n{}",
            broken.join("\n")
        );
    }
}

#[test]
fn committed_contract_is_what_the_program_prints() {
    for (name, words, compare) in COPIES {
        let printed = Cli::new().run(words).expect_status(0);
        let harmless =
            committed(name).is_none_or(|committed| compare(&committed, &printed.json()).is_empty());
        if harmless && std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(copy(name), &printed.stdout).unwrap();
        }
        let same =
            std::fs::read_to_string(copy(name)).is_ok_and(|committed| committed == printed.stdout);
        assert!(
            same,
            "fixtures/schema/{name} differs from the output of `boarding {}`; UPDATE_FIXTURES=1 writes it \
            if nothing is broken",
            words.join(" ")
        );
    }
}
