//! `boarding audit verify`: verifies every commit of the log, and compares it with signed checkpoints.

use std::path::{Path, PathBuf};

use boarding_audit::{
    AuditProgress, Checkpoint, CheckpointError, NoteKey, SignedPast, TrustedKeys, Verified,
    verify_files, verify_log,
};
use boarding_commands::values::CompanyId;
use boarding_core::acknowledged::answered_up_to;
use boarding_core::data_dir::AUDIT;
use boarding_core::engine::EngineError;
use boarding_log::file::{log_id, origin, original};
use boarding_log::jetstream::{self, JetStreamLog};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::findings::{MIB, check_log_exists, failure, found, read_note, signing};
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
    /// A public key that you know, as boarding audit keys prints it; may be given several times [default: the keys of
    /// the data folder]
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
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
            Some(Storage::Jetstream) if !self.keys.is_empty() || !self.checkpoints.is_empty() => {
                let text =
                    "a log in JetStream has no checkpoints; leave out --key and --checkpoint";
                return Err(Failure::Usage(text.to_owned()));
            }
            Some(Storage::Jetstream) => Some(self.nats.log()?),
            _ => {
                check_log_exists(&common.data())?;
                None
            }
        };
        let answered = if log.is_none() { answered(&common.data())? } else { 0 };
        let company = common.given_company();
        let data = common.data();
        let Proofs { mut checkpoints, kept, unlinked, unconfirmed } =
            proofs(&data, &self.keys, &self.checkpoints)?;
        checkpoints.extend(kept.iter().map(|(checkpoint, _)| checkpoint.clone()));
        let mut progress = out.progress("verifying");
        let work = tokio::task::spawn_blocking(move || {
            let mut show = |done, total, events: u64, unit: &str| {
                progress.at(done, total, &format!("{unit}, {events} events"));
            };
            let in_bytes = |now: AuditProgress| {
                show(now.done / MIB, now.total / MIB, now.events, "MiB");
            };
            match log {
                None => verify_files(&data.join("log"), &checkpoints, in_bytes).map_err(failure),
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
                    verify_log(&log, &checkpoints, on_progress).map_err(failure)
                }
            }
        });
        let verified = tokio::select! {
            verified = work => verified.map_err(|error| unavailable(&error))?,
            _ = tokio::signal::ctrl_c() => {
                return Err(Failure::Interrupted("interrupted; nothing was changed".to_owned()));
            }
        }
        .inspect_err(|_| advise_on_copy(&common.data(), out))?;
        check_end(&verified, answered)?;
        check_kept(&verified, &kept)?;
        self.check_keys_are_used(&verified, &unlinked)?;
        print(out, &verified, company.as_ref(), unlinked.len() as u64)?;
        self.remark(out, &verified, unlinked.len() as u64, unconfirmed);
        Ok(Done::Completely)
    }

    /// Says what was not compared, and whose keys were believed.
    fn remark(&self, out: &Out, verified: &Verified, unlinked: u64, unconfirmed: u64) {
        if unlinked > 0 {
            out.remark(&format!(
                "not compared: {} of other keys than the given ones and those after them; see boarding audit keys",
                counted(unlinked, "checkpoint", "checkpoints")
            ));
        }
        if self.keys.is_empty() && verified.checkpoints > 0 {
            let unconfirmed = match unconfirmed {
                0 => String::new(),
                count => format!(
                    "; {} not signed by the key before",
                    counted(count, "of them is", "of them are")
                ),
            };
            out.note(&format!(
                "the keys are those of the data folder{unconfirmed}; to check with a key that you know: --key KEY"
            ));
        }
    }

    /// Refuses a log whose end is signed by none of the given keys: another log could be in its place.
    fn check_keys_are_used(
        &self,
        verified: &Verified,
        unlinked: &[Checkpoint],
    ) -> Result<(), Failure> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let is_own = |one: &&Checkpoint| Some(&one.origin) == verified.origin.as_ref();
        let newest = unlinked.iter().filter(is_own).map(|one| one.position).max().unwrap_or(0);
        let message = if verified.checkpoints == 0 {
            "no checkpoint of this log is signed by a given key, nor by a key after it: it may be another log"
                .to_owned()
        } else if newest > verified.signed_position {
            format!(
                "the log is signed up to position {newest} by a key that is not a given one, nor after it, and only up to {} by those: give that key too if you know it",
                verified.signed_position
            )
        } else {
            return Ok(());
        };
        Err(found(json!({"kind": "checkpoint", "message": message}), message))
    }
}

/// Verifies the log of a data folder, and compares it with the checkpoints that the folder's own keys have signed.
///
/// # Errors
/// The first thing that is wrong.
pub(in crate::cli) async fn verify_folder(data: &Path, out: &Out) -> Result<Verified, Failure> {
    check_log_exists(data)?;
    let answered = answered(data)?;
    let Proofs { checkpoints, .. } = proofs(data, &[], &[])?;
    let (folder, mut progress) = (data.join("log"), out.progress("verifying"));
    let work = tokio::task::spawn_blocking(move || {
        let show = |now: AuditProgress| {
            let message = format!("MiB, {} events", now.events);
            progress.at(now.done / MIB, now.total / MIB, &message);
        };
        verify_files(&folder, &checkpoints, show).map_err(failure)
    });
    let verified = work.await.map_err(|error| unavailable(&error))??;
    check_end(&verified, answered)?;
    Ok(verified)
}

/// The position up to which commands of the folder's log were certainly answered. It is read before the log, which may grow.
fn answered(data: &Path) -> Result<u64, Failure> {
    let log = log_id(&data.join("log")).map_err(|error| EngineError::Log(error).into());
    let origin = log.map_err(|failure: Failure| failure)?.map(|log| origin(&log));
    Ok(answered_up_to(&data.join(AUDIT), origin.as_deref()))
}

/// Refuses a log that ends before what was answered.
fn check_end(verified: &Verified, answered: u64) -> Result<(), Failure> {
    if verified.position >= answered {
        return Ok(());
    }
    let message = format!(
        "the log ends with position {}, and commands were answered up to position {answered}: its end is missing",
        verified.position
    );
    Err(found(
        json!({"kind": "checkpoint", "message": message, "position": verified.position}),
        message,
    ))
}

/// The checkpoints of the data folder, and those that are given with their files.
fn proofs(data: &Path, keys: &[String], files: &[PathBuf]) -> Result<Proofs, Failure> {
    let past = SignedPast::read(&data.join(AUDIT)).map_err(|error| signing(&error))?;
    let of_folder = TrustedKeys::of_folder(&past.keys);
    let mut given = TrustedKeys::default();
    for text in keys {
        let key: NoteKey =
            text.parse().map_err(|error| Failure::Usage(format!("--key: {error}")))?;
        let linked = TrustedKeys::from_known(&past.keys, &key).ok_or_else(|| {
            let message = format!("the data folder does not list the key {key}");
            found(json!({"kind": "signature", "message": message}), message)
        })?;
        given = given.and(linked);
    }
    let trusted = if keys.is_empty() { &of_folder } else { &given };
    let unconfirmed = past.keys.iter().filter(|record| !record.is_confirmed).count() as u64;
    let mut proofs = Proofs { unconfirmed, ..Proofs::default() };
    for (note, number) in past.notes.iter().zip(1..) {
        match trusted.read_checkpoint(note) {
            Ok(checkpoint) => proofs.checkpoints.push(checkpoint),
            Err(_) if of_folder.read_checkpoint(note).is_ok() => {
                proofs.unlinked.extend(Checkpoint::read(note));
            }
            Err(error) => {
                return Err(of_note(&format!("checkpoint {number} of the data folder"), &error));
            }
        }
    }
    for path in files {
        let note = read_note(path)?;
        let checkpoint = trusted.read_checkpoint(&note);
        let checkpoint =
            checkpoint.map_err(|error| of_note(&path.display().to_string(), &error))?;
        proofs.kept.push((checkpoint, path.clone()));
    }
    Ok(proofs)
}

/// What the log is compared with.
#[derive(Default)]
struct Proofs {
    /// Those of the data folder.
    checkpoints: Vec<Checkpoint>,
    kept: Vec<Kept>,
    /// The checkpoints of the data folder with a key of the folder that is not a given one, nor after it.
    unlinked: Vec<Checkpoint>,
    /// How many keys of the folder are not signed by the key before.
    unconfirmed: u64,
}

/// A checkpoint that was kept elsewhere, and its file.
type Kept = (Checkpoint, PathBuf);

/// Says how a copy of a folder in use is completed. The verification changes nothing, so it does not complete one.
pub(in crate::cli) fn advise_on_copy(data: &Path, out: &Out) {
    if let Some(original) = original(&data.join("log")) {
        out.remark(&format!(
            "this folder is a copy of {}; if that was in use meanwhile, open the copy once (boarding users), which completes it, and verify it again",
            original.display()
        ));
    }
}

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

/// The failure of a checkpoint that no known key has signed.
fn of_note(name: &str, error: &CheckpointError) -> Failure {
    let message = format!("{name}: {error}");
    found(json!({"kind": "signature", "message": message}), message)
}

fn print(out: &Out, verified: &Verified, company: Option<&CompanyId>, unlinked: u64) -> CliResult {
    let Verified { position, commits, events, heads, checkpoints, .. } = verified;
    let (others, unfinished) = (verified.other_checkpoints, verified.unfinished_bytes);
    let unsigned = position.saturating_sub(verified.signed_position);
    let head = match company {
        None => None,
        Some(company) => Some((
            company,
            *heads.get(company).ok_or_else(|| {
                Failure::Usage(format!("the log is right, and has no company {company}"))
            })?,
        )),
    };
    if out.is_json() {
        let mut document = json!({
            "verified": true, "log": verified.origin, "position": position, "commits": commits, "events": events,
            "companies": heads.len(), "checkpoints": checkpoints,
            "signed_position": verified.signed_position, "other_checkpoints": others,
            "unlinked_checkpoints": unlinked, "unfinished_bytes": unfinished,
        });
        if let Some((company, head)) = head {
            set(&mut document, "company", company.to_string());
            set(&mut document, "version", head.version);
            set(&mut document, "hash", head.hash.to_string());
        }
        out.document(&document);
        return Ok(Done::Completely);
    }
    out.line(&format!(
        "verified: {} in {} of {}, up to position {position}",
        counted(*events, "event", "events"),
        counted(*commits, "commit", "commits"),
        counted(heads.len() as u64, "company", "companies"),
    ));
    match checkpoints {
        0 => out.say("no signed checkpoint yet"),
        count => {
            let newer = match unsigned {
                0 => String::new(),
                count => format!(
                    "; not signed yet: {}",
                    counted(count, "newer position", "newer positions")
                ),
            };
            out.say(&format!(
                "the log agrees with {}{newer}",
                counted(*count, "signed checkpoint", "signed checkpoints")
            ));
        }
    }
    if let Some((company, head)) = head {
        out.line(&format!("company {company}: version {}, hash {}", head.version, head.hash));
    }
    if others > 0 {
        out.remark(&format!(
            "not compared: {} of another log; that is right after boarding move, otherwise the log was replaced",
            counted(others, "checkpoint", "checkpoints")
        ));
    }
    if unfinished > 0 {
        out.note(&format!(
            "the last write is unfinished: {unfinished} bytes that were not acknowledged"
        ));
    }
    Ok(Done::Completely)
}
