//! Signed checkpoints and the keys that sign them: lists both, and replaces the key.

use boarding_audit::{Checkpoint, SignedPast};
use boarding_core::data_dir::AUDIT;
use boarding_core::engine::Options;
use serde_json::json;

use super::findings::{check_folder_exists, check_log_exists, signing};
use crate::cli::common::Common;
use crate::cli::failure::{CliResult, Done, Failure, unavailable};
use crate::cli::opening::{open_engine, options};
use crate::cli::output::Out;
use crate::cli::words::counted;

fn past(common: &Common) -> Result<SignedPast, Failure> {
    check_folder_exists(&common.data())?;
    SignedPast::read(&common.data().join(AUDIT)).map_err(|error| signing(&error))
}

pub(super) fn checkpoints(common: &Common, out: &Out, latest: bool) -> CliResult {
    let past = past(common)?;
    if latest {
        let Some(note) = past.notes.last() else {
            let text = "no checkpoint is signed yet: the first one is signed when a command ends";
            return Err(Failure::Usage(text.to_owned()));
        };
        match out.is_json() {
            true => out.document(&json!({"checkpoint": note.to_string()})),
            false => out.file(note.to_string().as_bytes(), None)?,
        }
        return Ok(Done::Completely);
    }
    for (checkpoint, note) in past.checkpoints.iter().zip(&past.notes) {
        let Checkpoint { position, companies, at, .. } = checkpoint;
        match out.is_json() {
            true => out.document(&json!({
                "position": position, "companies": companies, "at": at,
                "checkpoint": note.to_string(),
            })),
            false => out.line(&format!(
                "{at}  position {position}, {}",
                counted(*companies, "company", "companies")
            )),
        }
    }
    if past.notes.is_empty() {
        out.note("no rows");
    }
    Ok(Done::Completely)
}

pub(super) fn keys(common: &Common, out: &Out) -> CliResult {
    let past = past(common)?;
    for record in &past.keys {
        let (key, since) = (record.key.to_string(), record.since);
        match out.is_json() {
            true => out.document(
                &json!({"key": key, "since": since, "is_confirmed": record.is_confirmed}),
            ),
            false => {
                let confirmed =
                    if record.is_confirmed { "" } else { " (not signed by the key before it)" };
                out.line(&format!("{since}  {key}{confirmed}"));
            }
        }
    }
    if past.keys.is_empty() {
        out.note("no rows");
    }
    Ok(Done::Completely)
}

pub(super) async fn replace_key(common: &Common, out: &Out) -> CliResult {
    check_log_exists(&common.data())?;
    let engine = open_engine(Options { carries_runs: false, ..options(common)? }, out).await?;
    let replaced = engine.replace_key();
    engine.close().await;
    let key = replaced.map_err(|error| unavailable(&error))?.ok_or_else(|| {
        Failure::Unavailable("the signing key of the data folder cannot be used".to_owned())
    })?;
    match out.is_json() {
        true => out.document(&json!({"key": key.to_string()})),
        false => {
            out.line(&key.to_string());
            out.say("new checkpoints are signed with this key; give it to your auditors");
        }
    }
    Ok(Done::Completely)
}
