//! What the verbs of audits share: the failures of their checks.

use std::path::Path;

use boarding_audit::{AuditError, Finding, SignedNote, SigningError};
use serde_json::{Value, json};

use crate::cli::failure::{Failure, unavailable};
use crate::cli::fields::set;

/// The unit of progress in files, in bytes.
pub(super) const MIB: u64 = 1024 * 1024;

pub(super) fn check_log_exists(data: &Path) -> Result<(), Failure> {
    check_folder_exists(data)?;
    if data.join("MOVED").exists() {
        return Err(Failure::Usage(format!(
            "the log of {} is in JetStream; boarding audit verify --log jetstream --nats URL verifies it there",
            data.display()
        )));
    }
    Ok(())
}

/// Checks that there is a data folder, with a log or a log elsewhere.
pub(super) fn check_folder_exists(data: &Path) -> Result<(), Failure> {
    if !data.join("log").is_dir() {
        return Err(Failure::Usage(format!(
            "there is no data folder {}; give another with --data",
            data.display()
        )));
    }
    Ok(())
}

pub(in crate::cli) fn failure(error: AuditError) -> Failure {
    match error {
        AuditError::Found(finding) => of_finding(&finding),
        error => unavailable(&error),
    }
}

fn of_finding(finding: &Finding) -> Failure {
    let message = finding.to_string();
    let document = json!({
        "kind": finding.kind.as_str(), "message": message, "company": finding.company,
        "version": finding.version, "position": finding.position, "segment": finding.segment,
        "byte": finding.byte,
    });
    found(document, format!("the log failed its check: {message}"))
}

pub(super) fn found(mut document: Value, message: String) -> Failure {
    set(&mut document, "verified", false);
    Failure::Found { document, message }
}

pub(super) fn signing(error: &SigningError) -> Failure {
    let message = boarding_log::error_chain(error);
    found(json!({"kind": "signature", "message": message}), message)
}

/// Reads a note that was kept in a file. A mail program may have changed the ends of its lines.
pub(super) fn read_note(path: &Path) -> Result<SignedNote, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::Usage(format!("cannot read {}: {error}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    let text = format!("{}\n", text.replace("\r\n", "\n").trim_end());
    text.parse::<SignedNote>().map_err(|error| failed(&error))
}
