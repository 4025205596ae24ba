//! `boarding audit verify`: verifies every commit of the log, and compares it with signed checkpoints.

use std::path::{Path, PathBuf};

use boarding_audit::{
    AuditProgress, Checkpoint, NoteKey, SignedNote, SignedPast, Verified, keys_trusted_with,
    verify_files, verify_log,
};
use boarding_commands::values::CompanyId;
use boarding_core::data_dir::AUDIT;
use boarding_core::engine::EngineError;
use boarding_log::jetstream::{self, JetStreamLog};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::findings::{MIB, check_log_exists, failure, found, signing};
use crate::cli::common::Common;
use crate::cli::failure::{CliResult, Done, Failure, unavailable};
use crate::cli::fields::set;
use crate::cli::nats_options::{NatsOptions, connection_failure};
use crate::cli::output::Out;
use crate::cli::words::counted;

/// Verifies every byte, hash, version and rule of the log, and its signed checkpoints
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding audit verify
  boarding audit verify --json
  boarding audit verify --checkpoint kept.note --key 'boarding.log/…+…'
  boarding audit verify --log jetstream --nats nats://localhost:4222 \\
      --nats-monitor http://localhost:8222

It changes nothing, and the data folder may be in use. It reads the log of all companies. The first commit that is wrong
ends it with status 3.")]
pub(super) struct Verify {
    /// A checkpoint that was kept elsewhere; may be given several times
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// The public key that you know, as boarding audit keys prints it [default: the keys of the data folder]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Where the log is [default: files]
    #[arg(long, value_enum, value_name = "LOG")]
    log: Option<Storage>,
    #[command(flatten)]
    nats: NatsOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Storage {
    Files,
    Jetstream,
}

impl Verify {
    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        let log = match self.log {
            Some(Storage::Jetstream) => Some(self.nats.log()?),
            _ => {
                check_log_exists(&common.data())?;
                None
            }
        };
        let company = common.given_company();
        let data = common.data();
        let (mut proofs, kept) = self.proofs(&data)?;
        proofs.extend(kept.iter().map(|(checkpoint, _)| checkpoint.clone()));
        let mut progress = out.progress("verifying");
        let work = tokio::task::spawn_blocking(move || {
            let mut show = |done, total, events: u64, unit: &str| {
                progress.at(done, total, &format!("{unit}, {events} events"));
            };
            let in_bytes = |now: AuditProgress| {
                show(now.done / MIB, now.total / MIB, now.events, "MiB");
            };
            match log {
                None => verify_files(&data.join("log"), &proofs, in_bytes).map_err(failure),
                Some(options) => {
                    // A missing stream is an error, and is not created.
                    let options = jetstream::Options { indexed_up_to: 1, ..options };
                    let log = JetStreamLog::open(options).map_err(|error| match error {
                        jetstream::OpenError::Connect(error) => connection_failure(&error),
                        error => EngineError::JetStream(error).into(),
                    })?;
                    let on_progress = |now: AuditProgress| {
                        show(now.done, now.total, now.events, "positions");
                    };
                    verify_log(&log, &proofs, on_progress).map_err(failure)
                }
            }
        });
        let verified = tokio::select! {
            verified = work => verified.map_err(|error| unavailable(&error))??,
            _ = tokio::signal::ctrl_c() => {
                return Err(Failure::Interrupted("interrupted; nothing was changed".to_owned()));
            }
        };
        check_kept(&verified, &kept)?;
        print(out, &verified, company.as_ref());
        Ok(Done::Completely)
    }

    /// The checkpoints of the data folder, and those that are given with their files.
    fn proofs(&self, data: &Path) -> Result<(Vec<Checkpoint>, Vec<Kept>), Failure> {
        let past = SignedPast::read(&data.join(AUDIT)).map_err(|error| signing(&error))?;
        let trusted = match &self.key {
            None => past.keys.iter().map(|record| record.key.clone()).collect(),
            Some(text) => {
                let key: NoteKey =
                    text.parse().map_err(|error| Failure::Usage(format!("--key: {error}")))?;
                keys_trusted_with(&past.keys, &key).unwrap_or_else(|| vec![key])
            }
        };
        let (mut proofs, mut kept) = (Vec::new(), Vec::new());
        for (note, number) in past.notes.iter().zip(1..) {
            let name = || format!("checkpoint {number} of the data folder");
            proofs.push(read_signed(note, &trusted, name)?);
        }
        for path in &self.checkpoints {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::Usage(format!("cannot read {}: {error}", path.display()))
            })?;
            let name = || path.display().to_string();
            let note: SignedNote = text
                .parse()
                .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
            kept.push((read_signed(&note, &trusted, name)?, path.clone()));
        }
        Ok((proofs, kept))
    }
}

/// A checkpoint that was kept elsewhere, and its file.
type Kept = (Checkpoint, PathBuf);

/// Refuses a kept checkpoint of another log: it was not compared.
fn check_kept(verified: &Verified, kept: &[Kept]) -> Result<(), Failure> {
    let Some(origin) = &verified.origin else { return Ok(()) };
    match kept.iter().find(|(checkpoint, _)| checkpoint.origin != *origin) {
        None => Ok(()),
        Some((checkpoint, path)) => {
            let message = format!(
                "{} is a checkpoint of {}, and this log is {origin}",
                path.display(),
                checkpoint.origin
            );
            Err(found(json!({"kind": "checkpoint", "message": message}), message))
        }
    }
}

/// Reads a checkpoint with a signature of one of the keys.
fn read_signed(
    note: &SignedNote,
    keys: &[NoteKey],
    name: impl FnOnce() -> String,
) -> Result<Checkpoint, Failure> {
    Checkpoint::read_signed(note, keys).map_err(|error| {
        let message = format!("{}: {error}", name());
        found(json!({"kind": "signature", "message": message}), message)
    })
}

fn print(out: &Out, verified: &Verified, company: Option<&CompanyId>) {
    let Verified { position, commits, events, heads, checkpoints, .. } = verified;
    let (others, unfinished) = (verified.other_checkpoints, verified.unfinished_bytes);
    let head = company.map(|company| (company, heads.get(company).copied().unwrap_or_default()));
    if out.is_json() {
        let mut document = json!({
            "verified": true, "position": position, "commits": commits, "events": events,
            "companies": heads.len(), "checkpoints": checkpoints,
            "other_checkpoints": others, "unfinished_bytes": unfinished,
        });
        if let Some((company, head)) = head {
            set(&mut document, "company", company.to_string());
            set(&mut document, "version", head.version);
            set(&mut document, "hash", head.hash.to_string());
        }
        out.document(&document);
        return;
    }
    out.line(&format!(
        "verified: {} in {} of {}, up to position {position}",
        counted(*events, "event", "events"),
        counted(*commits, "commit", "commits"),
        counted(heads.len() as u64, "company", "companies"),
    ));
    match checkpoints {
        0 => out.say("no signed checkpoint yet"),
        count => out.say(&format!(
            "the log agrees with {}",
            counted(*count, "signed checkpoint", "signed checkpoints")
        )),
    }
    if let Some((company, head)) = head {
        out.line(&format!("company {company}: version {}, hash {}", head.version, head.hash));
    }
    if others > 0 {
        out.remark(&format!(
            "not compared: {} of another log, as of this one before it was moved",
            counted(others, "checkpoint", "checkpoints")
        ));
    }
    if unfinished > 0 {
        out.note(&format!(
            "the last write is unfinished: {unfinished} bytes that were not acknowledged"
        ));
    }
}
