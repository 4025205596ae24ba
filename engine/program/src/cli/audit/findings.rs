//! What the verbs of audits share: the failures of their checks.

use std::path::Path;

use boarding_audit::{AuditError, Finding, SigningError};
use serde_json::{Value, json};

use crate::cli::failure::{Failure, unavailable};
use crate::cli::fields::set;

/// The unit of progress in files, in bytes.
pub(super) const MIB: u64 = 1024 * 1024;

pub(super) fn check_log_exists(data: &Path) -> Result<(), Failure> {
    if data.join("MOVED").exists() {
        return Err(Failure::Usage(format!(
            "the log of {} is in JetStream; add --log jetstream --nats URL",
            data.display()
        )));
    }
    if !data.join("log").is_dir() {
        return Err(Failure::Usage(format!(
            "there is no data folder {}; give another with --data",
            data.display()
        )));
    }
    Ok(())
}

pub(super) fn failure(error: AuditError) -> Failure {
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
    Failure::Damaged(boarding_log::error_chain(error))
}
