//! The last step of the demo: compares the read models with a replay of the log.

use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::session::Session;
use boarding_core::read::verification::Verified;

/// Replays the log, compares the read models, and returns what was compared.
pub(super) fn verify(session: &Session<'_>) -> Result<Value, Failure> {
    let Verified { tables, rows, events, .. } = session.verify_read_models()?;
    session.out.say(&format!(
        "{events} events replayed; {tables} tables with {rows} rows compared: identical"
    ));
    Ok(json!({"tables": tables, "rows": rows, "events": events, "identical": true}))
}
