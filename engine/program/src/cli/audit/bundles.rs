//! `boarding audit export` and `boarding audit verify-export`: a company's history as one file with its proofs.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use boarding_audit::{AuditProgress, BundleError, ExportError, NoteKey, check_bundle, export};
use boarding_core::data_dir::AUDIT;
use clap::Args;
use serde_json::json;
use tempfile::NamedTempFile;

use super::findings::{MIB, check_log_exists, failure, found, read_note, signing};
use crate::cli::common::Common;
use crate::cli::failure::{CliResult, Done, Failure, unavailable};
use crate::cli::output::Out;
use crate::cli::words::counted;

/// Exports the history of a company with its proofs, into one file
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  boarding audit export acme.bundle --company acme

The file has each event of the company up to the newest signed checkpoint, and nothing of another company. It holds
personal data. boarding audit verify-export checks it without the data folder, and fixtures/audit/check_bundle.py
without this program. The data folder may be in use.")]
pub(super) struct Export {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Checks an exported file, without the data folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding audit verify-export acme.bundle
  boarding audit verify-export acme.bundle --key 'boarding.log/…+…' \\
      --checkpoint kept.note

Give the key that you got from boarding audit keys earlier. Without it the file is checked with the key that it names
itself. The first line that is wrong ends it with status 3.")]
pub(super) struct VerifyExport {
    /// The file of boarding audit export
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The public key that you know [default: the key that the file names]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A checkpoint of the same log that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        let (company, data) = (common.company()?, common.data());
        check_log_exists(&data)?;
        let mut progress = out.progress("exporting");
        let (file, ends) = (self.file.clone(), Arc::new(AtomicBool::new(false)));
        let has_ended = Arc::clone(&ends);
        let mut work = tokio::task::spawn_blocking(move || {
            let on_progress = |now: AuditProgress| {
                let message = format!("MiB, {} events", now.events);
                progress.at(now.done / MIB, now.total / MIB, &message);
            };
            let goes_on = || !has_ended.load(Ordering::Relaxed);
            let (log, audit) = (data.join("log"), data.join(AUDIT));
            let write = |target: &mut BufWriter<NamedTempFile>| {
                export(&log, &audit, &company, target, on_progress, goes_on).map_err(of_export)
            };
            let exported = write_whole(&file, write)?;
            Ok::<_, Failure>((company, exported))
        });
        let done = tokio::select! {
            done = &mut work => done,
            _ = tokio::signal::ctrl_c() => {
                ends.store(true, Ordering::Relaxed);
                // The unfinished file is removed when the work has ended.
                if work.await.is_ok_and(|done| done.is_err()) {
                    return Err(Failure::Interrupted("interrupted; no file was written".to_owned()));
                }
                return Err(Failure::Interrupted("interrupted; the file was written".to_owned()));
            }
        };
        let (company, exported) = done.map_err(|error| unavailable(&error))??;
        let file = self.file.display();
        if out.is_json() {
            out.document(&json!({
                "file": self.file, "company": company, "version": exported.version,
                "commits": exported.commits, "position": exported.position, "at": exported.at,
            }));
        } else {
            out.line(&format!(
                "company {company}: versions 1 to {} in {}, up to the checkpoint at position {}, signed at {}",
                exported.version,
                counted(exported.commits, "commit", "commits"),
                exported.position,
                exported.at,
            ));
            out.note(&format!(
                "written to {file}; to check it: boarding audit verify-export {file}"
            ));
        }
        Ok(Done::Completely)
    }
}

impl VerifyExport {
    pub(super) async fn run(self, out: &Out) -> CliResult {
        let key = self.key.as_deref().map(read_key).transpose()?;
        let kept = self.checkpoint.as_deref().map(read_note).transpose()?;
        let path = self.file;
        let checked = tokio::task::block_in_place(|| {
            let file = File::open(&path).map_err(|error| {
                Failure::Usage(format!("cannot read {}: {error}", path.display()))
            })?;
            check_bundle(&mut BufReader::new(file), key.as_ref(), kept.as_ref()).map_err(of_bundle)
        })?;
        let (company, version, position) = (&checked.company, checked.version, checked.position);
        if out.is_json() {
            out.document(&json!({
                "verified": true, "company": company, "version": version,
                "commits": checked.commits, "log": checked.origin, "position": position,
                "at": checked.at, "key": checked.key.to_string(), "key_was_given": key.is_some(),
                "checkpoint_was_compared": checked.is_compared,
            }));
            return Ok(Done::Completely);
        }
        out.line(&format!(
            "verified: company {company}, versions 1 to {version} in {}, up to position {position} of {}, signed at {}",
            counted(checked.commits, "commit", "commits"),
            checked.origin,
            checked.at,
        ));
        if kept.is_some() && !checked.is_compared {
            out.remark("not compared: the checkpoint that you kept is older than the bundle, which does not hold the other companies; compare it with boarding audit verify");
        }
        if key.is_none() {
            out.remark(&format!(
                "the key is the one that the file names; compare it with the key that you know:\n  {}",
                checked.key
            ));
        }
        Ok(Done::Completely)
    }
}

/// Writes a file that gets its name when it is whole.
fn write_whole<T>(
    file: &Path,
    write: impl FnOnce(&mut BufWriter<NamedTempFile>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::Unavailable(format!("cannot write {}: {}", file.display(), error.kind()))
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let unfinished = tempfile::Builder::new().prefix(".unfinished-").tempfile_in(folder);
    let mut target = BufWriter::new(unfinished.map_err(cannot)?);
    let written = write(&mut target)?;
    let unfinished = target.into_inner().map_err(|error| cannot(error.into_error()))?;
    unfinished.as_file().sync_all().map_err(cannot)?;
    unfinished.persist(file).map_err(|error| cannot(error.error))?;
    Ok(written)
}

fn read_key(text: &str) -> Result<NoteKey, Failure> {
    text.parse().map_err(|error| Failure::Usage(format!("--key: {error}")))
}

fn of_bundle(error: BundleError) -> Failure {
    match error {
        BundleError::Found(problem) => {
            let message = problem.to_string();
            let document = json!({"kind": "bundle", "line": problem.line, "message": problem.what});
            found(document, format!("the file failed its check: {message}"))
        }
        error @ BundleError::Read(_) => unavailable(&error),
    }
}

fn of_export(error: ExportError) -> Failure {
    match error {
        ExportError::Audit(error) => failure(error),
        ExportError::Signing(error) => signing(&error),
        ExportError::Unsigned => {
            let message = error.to_string();
            found(json!({"kind": "signature", "message": message}), message)
        }
        error
        @ (ExportError::NoCheckpoint | ExportError::NoCompany { .. } | ExportError::NoLog) => {
            Failure::Usage(error.to_string())
        }
        error => unavailable(&error),
    }
}
