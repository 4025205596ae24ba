//! `boarding doctor`: examines a data folder, and says what is wrong and what to do.

use std::path::Path;

use boarding_core::data_dir::DataDirError;
use boarding_core::engine::{Engine, EngineError, HealthFinding, Options, PartReport, Severity};
use clap::Args;
use serde_json::{Value, json};

use super::audit::verify_folder;
use super::common::Common;
use super::failure::{CliResult, Done, Failure, unavailable};
use super::fields::{set, text};
use super::opening::options;
use super::output::Out;
use super::words::counted;

/// Free space of a disk, in bytes, below which the doctor warns: a large import and its read models take that much.
const FREE_BYTES_MIN: u64 = 1024 * 1024 * 1024;

/// Examines the data folder: the log, the read models, snapshots, files, the link secret and the settings of mails
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding doctor
  boarding doctor --rebuild
  boarding doctor --json

Each part is ok, or has findings with a remedy. A fault ends with status 3; a warning does not. It appends nothing, and
starts no run. If another process uses the data folder, only the log and the disk are examined.")]
pub(super) struct Doctor {
    /// Makes derived data again from the log where it is wrong: read models, the index of commands, snapshots
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
        let mut parts = vec![disk(&data)];
        let log = log(&data, out).await?;
        let is_log_right = log.worst() != Some(Severity::Fault);
        parts.push(log);
        let mut unexamined = None;
        if is_log_right {
            match examine(common, out).await? {
                Examined::Parts(found) if self.rebuild && found.iter().any(needs_rebuild) => {
                    rebuild(&data, &found, out)?;
                    match examine(common, out).await? {
                        Examined::Parts(found) => parts.extend(found),
                        Examined::InUse(process) => unexamined = Some(process),
                    }
                }
                Examined::Parts(found) => parts.extend(found),
                Examined::InUse(process) => unexamined = Some(process),
            }
        }
        let unexamined = match unexamined {
            Some(process) => Some(format!(
                "not examined, because process {process} uses the data folder: read models, commands, snapshots, files, the link secret, the settings of mails; stop it and run boarding doctor again"
            )),
            None if !is_log_right => Some(
                "not examined, because the log is not right: everything that is read from it"
                    .to_owned(),
            ),
            None => None,
        };
        print(out, &parts, unexamined.as_deref())
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
            part.add(HealthFinding {
                severity: Severity::Fault,
                company: text(&document, "company").parse().ok(),
                position: document.get("position").and_then(Value::as_u64),
                message,
                remedy: "restore the data folder from a backup: boarding restore; keep this one for an examination"
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
        Err(error) => return Err(error.into()),
    };
    engine.caught_up().await?;
    let mut progress = out.progress("examining");
    let examined = tokio::task::block_in_place(|| {
        engine.examine(|done, total| progress.at(done, total, "companies"))
    });
    drop(progress);
    let set_aside = engine.opening_report().set_aside.clone();
    engine.close().await;
    let mut parts = examined.map_err(|error| unavailable(&error))?;
    if let (Some(folder), Some(part)) = (set_aside, parts.first_mut()) {
        part.add(HealthFinding {
            severity: Severity::Warning,
            company: None,
            position: None,
            message: "the read models were damaged, and are made again from the log".to_owned(),
            remedy: format!("nothing to do; the damaged ones are in {}", folder.display()),
        });
    }
    Ok(Examined::Parts(parts))
}

/// Removes the derived data. The next opening makes it again.
fn rebuild(data: &Path, found: &[PartReport], out: &Out) -> Result<(), Failure> {
    let names: Vec<_> = found.iter().filter(|part| needs_rebuild(part)).map(name).collect();
    let derived = data.join("derived");
    out.say(&format!(
        "making the derived data again from the log, because of: {}",
        names.join(", ")
    ));
    std::fs::remove_dir_all(&derived).map_err(|error| {
        Failure::Unavailable(format!("cannot remove {}: {error}", derived.display()))
    })
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
