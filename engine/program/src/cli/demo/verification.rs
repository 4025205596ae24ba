//! The last step of the demo: compares the read models with a replay of the log.

use serde_json::Value;

use crate::cli::failure::Failure;
use crate::cli::session::Session;

/// Replays the log, compares the read models, and returns what was compared.
pub(super) fn verify(session: &Session<'_>) -> Result<Value, Failure> {
    let verified = session.verify_read_models()?;
    session.out.say(&verified.to_string());
    Ok(verified.document())
}
