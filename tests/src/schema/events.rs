//! The published form of each event, made from the golden files.

use std::collections::BTreeSet;

use boarding_commands::commit::RecordedCommit;
use boarding_projections::history;
use serde_json::Value;

use crate::support::paths::fixture;
use crate::support::validator::SchemaValidator;

/// The events of the golden files, as rows of `history`. Each field of each event has a value.
fn golden() -> Vec<Value> {
    let files = std::fs::read_dir(fixture("log")).unwrap().map(|entry| entry.unwrap().path());
    files.flat_map(|path| rows(&std::fs::read_to_string(path).unwrap())).collect()
}

fn rows(hex: &str) -> Vec<Value> {
    let digits: Vec<char> = hex.chars().filter(char::is_ascii_hexdigit).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    let bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
    let commit = boarding_log::codec::decode(&bytes).unwrap();
    let recorded = RecordedCommit { position: 7, hash: boarding_log::codec::hash(&bytes), commit };
    recorded.events().map(|recorded| history::event_json(&recorded)).collect()
}

/// Each event has a schema and is valid by it.
#[test]
fn golden_events_are_valid_by_their_schemas() {
    let mut validator = SchemaValidator::new();
    let document = boarding_nats::schema::json_schema();
    let described: BTreeSet<String> = boarding_nats::schema::names(&document)
        .iter()
        .filter_map(|name| name.strip_prefix("event.").map(str::to_owned))
        .collect();
    let mut seen = BTreeSet::new();
    for event in golden() {
        let name = event["event"].as_str().unwrap();
        validator.assert_valid(&format!("event.{name}"), &event);
        validator.assert_valid("query.history.row", &event);
        seen.insert(name.to_owned());
    }
    assert_eq!(seen, described);
}

/// The fields of events that older versions did not record. A golden file `<Event>.<field>.v1.hex` shows each.
fn added_later() -> BTreeSet<String> {
    let names = std::fs::read_dir(fixture("log")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let later = names.filter_map(|name| name.strip_suffix(".v1.hex").map(str::to_owned));
    later.filter(|name| name.contains('.')).collect()
}

#[test]
fn event_with_a_missing_extra_or_mistyped_key_is_invalid() {
    let mut validator = SchemaValidator::new();
    let later = added_later();
    for event in golden() {
        let part = format!("event.{}", event["event"].as_str().unwrap());
        let name = event["event"].as_str().unwrap();
        let is_later = |field: &str| later.contains(&format!("{name}.{field}"));
        for name in event["data"].as_object().unwrap().keys().filter(|field| !is_later(field)) {
            let mut less = event.clone();
            less["data"].as_object_mut().unwrap().remove(name);
            validator.assert_invalid(&part, &less);
        }
        let mut more = event.clone();
        more["data"]["colour"] = "red".into();
        validator.assert_invalid(&part, &more);
        let mut other = event.clone();
        other["at"] = 7.into();
        validator.assert_invalid(&part, &other);
        other["at"] = "yesterday".into();
        validator.assert_invalid(&part, &other);
    }
}
