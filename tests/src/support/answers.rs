//! Checks each answer that a test gets against the published schema, where answers arrive.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;

use super::paths::fixture;
use super::validator::SchemaValidator;

/// The published contract. One for each test process, because compiling a part takes longer than using it.
fn contract() -> MutexGuard<'static, SchemaValidator> {
    static CONTRACT: OnceLock<Mutex<SchemaValidator>> = OnceLock::new();
    let contract = CONTRACT.get_or_init(|| {
        let text = std::fs::read(fixture("schema/boarding.schema.json")).unwrap();
        Mutex::new(SchemaValidator::of(serde_json::from_slice(&text).unwrap()))
    });
    contract.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Panics with the path of each mismatch if the answer of a command is invalid.
#[track_caller]
pub(crate) fn check_command(name: &str, answer: &Value) {
    let mut contract = contract();
    let outcome = answer["outcome"].as_str().unwrap_or_default();
    // An answer to a message without an id is no answer to a command.
    if outcome != "accepted" && answer["command"].is_null() {
        return contract.assert_valid(&format!("query.{outcome}"), answer);
    }
    // By its outcome, because an error in one of several alternatives has no path.
    contract.assert_valid(&format!("answer.{outcome}"), answer);
    let result = format!("{name}.result");
    if outcome == "accepted" && contract.has(&result) {
        contract.assert_valid(&result, &answer["result"]);
    }
    let whole = format!("{name}.answer");
    if contract.has(&whole) {
        contract.assert_valid(&whole, answer);
    }
}

/// Panics with the path of each mismatch if the answer of a query is invalid.
#[track_caller]
pub(crate) fn check_query(name: &str, answer: &Value) {
    let part = match answer["outcome"].as_str() {
        Some(outcome) => format!("query.{outcome}"),
        None => format!("query.{name}.answer"),
    };
    contract().assert_valid(&part, answer);
}

/// Panics with the path of each mismatch if the row of a query is invalid.
#[track_caller]
pub(crate) fn check_row(query: &str, row: &Value) {
    contract().assert_valid(&format!("query.{query}.row"), row);
}

/// Panics with the path of each mismatch if the result of an accepted command is invalid.
#[track_caller]
pub(crate) fn check_result(command: &str, result: &Value) {
    contract().assert_valid(&format!("{command}.result"), result);
}
