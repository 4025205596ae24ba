//! `boarding doctor`: examines a data folder, and says what is wrong and what to do.

use std::path::Path;

use boarding_audit::{SignedNote, SignedPast, StoredKey};
use boarding_core::data_dir::{AUDIT, DataDir, DataDirError};
use boarding_core::engine::{
    Engine, EngineError, HealthFinding, OpeningReport, Options, PartReport, Severity,
};
use clap::Args;
use serde_json::{Value, json};

use super::audit::{advise_on_copy, verify_folder};
use super::common::Common;
use super::failure::{CliResult, Done, Failure, unavailable};
use super::fields::{set, text};
use super::opening::options;
use super::output::Out;
use super::place::placed;
use super::words::{counted, quoted};

/// Free space of a disk, in bytes, below which the doctor warns: a large import and its read models take that much.
const FREE_BYTES_MIN: u64 = 1024 * 1024 * 1024;

/// Examines the data folder: the log, the read models, snapshots, files, the link secret and the settings of mails
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding doctor
  boarding doctor --rebuild
  boarding doctor --json

Each part is ok, or has findings with a remedy. A fault ends with status 3; a warning does not. It appends no event, and
starts no run. If another process uses the data folder, only the log and the disk are examined.")]
pub(super) struct Doctor {
    /// Removes the derived data if a part of it is wrong, and makes it again from the log: read models, the index of
    /// commands, snapshots
    #[arg(long)]
    rebuild: bool,
}

impl Doctor {
    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        if common.as_of.is_some() {
            let text = "boarding doctor is about the data as it is; leave out --as-of";
            return Err(Failure::Usage(text.to_owned()));
        }
        let data = common.data();
        let log = log(&data, out).await?;
        let log_state = log.worst();
        let mut parts = vec![disk(&data), log, signing(&data)];
        // To open the folder would make a new key, and hide that the old one is lost.
        let is_right = log_state != Some(Severity::Fault)
            && parts.iter().all(|part| part.part != "signing" || part.worst().is_none());
        let mut in_use = None;
        if is_right {
            let mut examined = examine(common, out).await?;
            if let Examined::Parts(found) = &examined
                && self.rebuild
                && found.iter().any(needs_rebuild)
            {
                rebuild(&data, found, out)?;
                examined = examine(common, out).await?;
            }
            match examined {
                Examined::Parts(found) => parts.extend(found),
                Examined::InUse(process) => in_use = Some(process),
            }
        }
        let is_rebuild_undone = self.rebuild && in_use.is_some();
        let unexamined = match in_use {
            Some(process) => Some(format!(
                "not examined, because process {process} uses the data folder: read models, commands, snapshots, files, the link secret, the settings of mails; stop it and run boarding doctor again"
            )),
            None if !is_right => Some(
                "not examined, because the log or its signing key is not right: everything else"
                    .to_owned(),
            ),
            None => None,
        };
        let place = [("--data", format!("--data {}", quoted(&data.display().to_string())))];
        for finding in parts.iter_mut().flat_map(|part| &mut part.findings) {
            finding.remedy = placed(&finding.remedy, &place);
        }
        print(out, &parts, unexamined.as_deref())?;
        match is_rebuild_undone {
            true => Err(Failure::Unavailable("nothing was made again".to_owned())),
            false => Ok(Done::Completely),
        }
    }
}

fn needs_rebuild(part: &PartReport) -> bool {
    part.is_derived && part.worst() == Some(Severity::Fault)
}

/// The free space of the disk.
fn disk(data: &Path) -> PartReport {
    let mut part = PartReport::new("disk");
    let Ok(free) = rustix::fs::statvfs(data).map(|disk| disk.f_bavail * disk.f_frsize) else {
        return part;
    };
    part.summary = format!("{} MiB free", free / (1024 * 1024));
    if free < FREE_BYTES_MIN {
        part.add(HealthFinding {
            severity: Severity::Warning,
            company: None,
            position: None,
            message: format!("the disk has only {} MiB free", free / (1024 * 1024)),
            remedy: "make room: on a full disk the engine refuses commands".to_owned(),
        });
    }
    part
}

/// The key that signs checkpoints.
fn signing(data: &Path) -> PartReport {
    let mut part = PartReport::new("signing");
    let audit = data.join(AUDIT);
    let (severity, message) = match StoredKey::read(&audit) {
        Ok(Some(_)) => {
            part.summary = "the key that signs checkpoints is there".to_owned();
            return part;
        }
        Ok(None) if newest_of(&audit).is_none() => {
            part.summary = "nothing was signed yet".to_owned();
            return part;
        }
        // It is so after a restore of a backup without secrets.
        Ok(None) => {
            let message = "the signing key is missing: the next start makes a new one, which the old one does not sign";
            (Severity::Warning, message.to_owned())
        }
        Err(error) => (Severity::Fault, boarding_log::error_chain(&error)),
    };
    part.add(HealthFinding {
        severity,
        company: None,
        position: None,
        message,
        remedy: format!(
            "put back {} from a backup; if there is none, start the program once: boarding users",
            audit.join("signing-key").display()
        ),
    });
    part
}

/// Whether a checkpoint was signed.
fn newest_of(audit: &Path) -> Option<SignedNote> {
    SignedPast::read(audit).ok()?.notes.pop()
}

/// Verifies the log and its signed checkpoints.
async fn log(data: &Path, out: &Out) -> Result<PartReport, Failure> {
    let mut part = PartReport::new("log");
    match verify_folder(data, out).await {
        Ok(verified) => {
            part.summary = format!(
                "{} of {}, up to position {}; {}",
                counted(verified.events, "event", "events"),
                counted(verified.heads.len() as u64, "company", "companies"),
                verified.position,
                counted(
                    verified.checkpoints,
                    "signed checkpoint agrees",
                    "signed checkpoints agree"
                ),
            );
            Ok(part)
        }
        Err(Failure::Found { document, message }) => {
            advise_on_copy(data, out);
            part.add(HealthFinding {
                severity: Severity::Fault,
                company: text(&document, "company").parse().ok(),
                position: document.get("position").and_then(Value::as_u64),
                message,
                remedy: "boarding repair; with a backup: boarding repair --from BACKUP; or restore one into a new folder: boarding restore BACKUP --data NEW"
                    .to_owned(),
            });
            Ok(part)
        }
        Err(failure) => Err(failure),
    }
}

/// What an examination found beside the log.
enum Examined {
    Parts(Vec<PartReport>),
    /// The process that uses the folder.
    InUse(String),
}

async fn examine(common: &Common, out: &Out) -> Result<Examined, Failure> {
    let options = Options { carries_runs: false, ..options(common)? };
    let opening = tokio::task::spawn_blocking(move || Engine::open(options));
    let engine = match opening.await.map_err(|error| unavailable(&error))? {
        Ok(engine) => engine,
        Err(EngineError::Folder(DataDirError::InUse { process, .. })) => {
            return Ok(Examined::InUse(process));
        }
        Err(error) if error.is_damage() || matches!(error, EngineError::Folder(_)) => {
            let mut part = PartReport::new("data_folder");
            part.add(HealthFinding {
                severity: Severity::Fault,
                company: None,
                position: None,
                message: boarding_log::error_chain(&error),
                remedy: "correct it, then: boarding doctor".to_owned(),
            });
            return Ok(Examined::Parts(vec![part]));
        }
        Err(error) => return Err(error.into()),
    };
    engine.caught_up().await?;
    let mut progress = out.progress("examining");
    let examined = tokio::task::block_in_place(|| {
        engine.examine(|done, total| progress.at(done, total, "companies"))
    });
    drop(progress);
    let repaired = repairs(engine.opening_report());
    engine.close().await;
    let mut parts = examined.map_err(|error| unavailable(&error))?;
    if let Some(part) = parts.first_mut() {
        repaired.into_iter().for_each(|finding| part.add(finding));
    }
    Ok(Examined::Parts(parts))
}

/// What the opening has repaired.
fn repairs(report: &OpeningReport) -> Vec<HealthFinding> {
    let finding = |message: String, remedy: String| HealthFinding {
        severity: Severity::Warning,
        company: None,
        position: None,
        message,
        remedy,
    };
    let mut findings = Vec::new();
    if let Some(torn) = &report.torn_tail {
        let message = format!(
            "the last write to the log was interrupted before it was acknowledged; its {} bytes were cut off",
            torn.bytes
        );
        findings
            .push(finding(message, format!("nothing to do; they are in {}", torn.kept.display())));
    }
    if let Some(original) = &report.completed_from {
        let message = "the folder is a copy of one in use; its log was completed".to_owned();
        findings.push(finding(
            message,
            format!("nothing to do; the original is {}", original.display()),
        ));
    }
    if let Some(folder) = &report.set_aside {
        let message = "the read models were damaged, and are made again from the log".to_owned();
        let remedy = format!("nothing to do; the damaged ones are in {}", folder.display());
        findings.push(finding(message, remedy));
    }
    findings
}

/// Removes the derived data while no other process can open the folder. The next opening makes it again.
fn rebuild(data: &Path, found: &[PartReport], out: &Out) -> Result<(), Failure> {
    let folder = DataDir::open(data).map_err(EngineError::from)?;
    let names: Vec<_> = found.iter().filter(|part| needs_rebuild(part)).map(name).collect();
    out.say(&format!(
        "making the derived data again from the log, because of: {}",
        names.join(", ")
    ));
    folder.empty_derived().map_err(EngineError::from)?;
    Ok(())
}

fn name(part: &PartReport) -> String {
    part.part.replace('_', " ")
}

fn print(out: &Out, parts: &[PartReport], unexamined: Option<&str>) -> CliResult {
    let worst = parts.iter().filter_map(PartReport::worst).max();
    let state = |worst| match worst {
        None => "ok",
        Some(Severity::Warning) => "warning",
        Some(Severity::Fault) => "fault",
    };
    let mut document = json!({"state": state(worst), "parts": [], "not_examined": unexamined});
    let described = parts.iter().map(|part| {
        let mut described = json!(part);
        set(&mut described, "state", state(part.worst()));
        described
    });
    set(&mut document, "parts", described.collect::<Vec<_>>());
    if !out.is_json() {
        for part in parts {
            let said = if part.worst().is_none() { &part.summary } else { "" };
            let line = format!("{:<13}  {:<7}  {said}", name(part), state(part.worst()));
            out.line(line.trim_end());
            for finding in &part.findings {
                out.line(&format!("  {}", finding.message));
                out.line(&format!("    {}", finding.remedy));
            }
            if part.more_findings > 0 {
                let more = counted(part.more_findings, "more finding", "more findings");
                out.line(&format!("  and {more}"));
            }
        }
        if let Some(unexamined) = unexamined {
            out.remark(unexamined);
        }
    }
    match worst {
        Some(Severity::Fault) => {
            let message = "the data folder is not as it should be; see the faults above".to_owned();
            Err(Failure::Found { document, message })
        }
        _ => {
            if out.is_json() {
                out.document(&document);
            }
            Ok(Done::Completely)
        }
    }
}
