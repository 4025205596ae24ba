//! `boarding repair`: gives a damaged log its missing part back.

use std::path::{Path, PathBuf};

use boarding_audit::{AuditError, NoteKey, SignedPast, TrustedKeys, verify_files};
use boarding_core::data_dir::DataDir;
use boarding_core::engine::EngineError;
use boarding_log::CompanyDamage;
use boarding_log::file::{Mended, RepairError, find_repair, remove_left_repairs};
use clap::Args;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::backup::{check_log_is_in_files, fetch, interruptible, known_key};
use super::common::Common;
use super::failure::{CliResult, Done, Failure, unavailable};
use super::nats_options::NatsOptions;
use super::output::Out;
use super::words::counted;
use crate::backup::{check, linked_files};

/// Gives a damaged log its missing part back
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding repair --data /var/lib/boarding --dry-run
  boarding repair --data /var/lib/boarding --from /mnt/backup
  boarding repair --data /var/lib/boarding --from nats:boarding-backup \\
      --nats nats://localhost:4222

A flipped bit is found and turned back without a backup. Larger damage is filled from a backup of the same log, which is
verified first. Commits after the backup stay. The repaired log must pass all checks of an intact one, hashes included, else
nothing is changed. Damaged segments are kept beside the new ones, as files named .damaged. The read models are made again.

No other process may use the data folder meanwhile.")]
pub(super) struct RepairLog {
    /// The folder of a backup; or nats:BUCKET, in the object store of --nats
    #[arg(long, value_name = "BACKUP")]
    from: Option<String>,
    /// Says what would be done, and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// The public key that you know, as boarding audit keys prints it [default: the keys of the backup]
    #[arg(long, value_name = "KEY", requires = "from")]
    key: Option<String>,
    #[command(flatten)]
    nats: NatsOptions,
}

/// What a repair did, or would do.
struct Repaired {
    segments: Vec<String>,
    left: Vec<CompanyDamage>,
    /// The first damage that is left.
    error: Option<String>,
}

impl RepairLog {
    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        let Self { from, dry_run, key, nats } = self;
        let (data, key) = (common.data(), known_key(key)?);
        check_log_is_in_files(&data)?;
        let folder = DataDir::open(&data).map_err(EngineError::from)?;
        let source = match from {
            Some(from) => Some(verified_source(&from, key, &nats, out).await?),
            None => None,
        };
        let log = folder.log();
        remove_left_repairs(&log);
        let progress = out.progress("searching for the missing part");
        let searching = tokio::task::spawn_blocking(move || {
            let source = source.as_ref().map(|source| source.path().join("log"));
            find_repair(&log, source.as_deref())
        });
        let found = searching.await.map_err(|error| unavailable(&error))?;
        drop(progress);
        let repair = match found {
            Ok(repair) => repair,
            Err(RepairError::Intact) => return Ok(intact(out, dry_run)),
            Err(error) => return Err(failure(&error)),
        };
        let segments = repair.segments.clone();
        let (left, error) = match repair.mended.clone() {
            Mended::All => (Vec::new(), None),
            Mended::Partly { left, error } => (left, Some(error)),
        };
        if error.is_none() {
            check_signed_past(&folder.audit(), repair.folder())?;
        }
        if !dry_run {
            repair.carry_out().map_err(EngineError::from)?;
        }
        print(out, &Repaired { segments, left, error }, &data, dry_run)
    }
}

/// Compares the repaired log with what the data folder has signed: a backup of another history may fit where the commits of
/// this log are damaged.
fn check_signed_past(audit: &Path, log: &Path) -> Result<(), Failure> {
    let past = SignedPast::read(audit).map_err(|error| unavailable(&error))?;
    let keys = TrustedKeys::of_folder(&past.keys);
    // A damaged checkpoint is found by `audit verify`.
    let checkpoints: Vec<_> =
        past.notes.iter().filter_map(|note| keys.read_checkpoint(note).ok()).collect();
    let verified = tokio::task::block_in_place(|| verify_files(log, &checkpoints, |_| ()));
    verified.map(drop).map_err(|error| {
        if !matches!(error, AuditError::Found(_)) {
            return unavailable(&error);
        }
        let message = format!(
            "the repaired log would contradict what this folder has signed: {}; nothing was changed",
            boarding_log::error_chain(&error)
        );
        let code = "repair.other_history";
        let document =
            json!({"outcome": "refused", "code": code, "message": message, "details": {}});
        Failure::Refused { document, code: code.to_owned(), message }
    })
}

/// The verified files of a backup, under their paths in a data folder.
async fn verified_source(
    from: &str,
    key: Option<NoteKey>,
    nats: &NatsOptions,
    out: &Out,
) -> Result<Source, Failure> {
    let fetched = fetch(from, nats, out).await?;
    let backup = fetched.as_ref().map_or_else(|| PathBuf::from(from), |it| it.path().to_owned());
    let verifying = interruptible(out, "verifying", move |progress| {
        let checked = check(&backup, key.as_ref(), progress)?;
        linked_files(&backup, &checked.manifest)
    });
    Ok(Source { links: verifying.await?, _fetched: fetched })
}

/// Links to the files of a backup, and its copy if it was in a bucket.
struct Source {
    links: TempDir,
    _fetched: Option<TempDir>,
}

impl Source {
    fn path(&self) -> &Path {
        self.links.path()
    }
}

fn intact(out: &Out, dry_run: bool) -> Done {
    if out.is_json() {
        out.document(&document(&[], &[], true, dry_run));
    } else {
        out.line("the log is intact; there is nothing to repair");
    }
    Done::Completely
}

fn print(out: &Out, repaired: &Repaired, data: &Path, dry_run: bool) -> CliResult {
    let Repaired { segments, left, error } = repaired;
    let document = document(segments, left, false, dry_run);
    if out.is_json() && error.is_none() {
        out.document(&document);
    }
    if !out.is_json() {
        let amount = counted(segments.len() as u64, "segment", "segments");
        let (done, names) =
            (if dry_run { "would repair" } else { "repaired" }, segments.join(", "));
        out.line(&format!("{done} {amount} of the log: {names}"));
        if dry_run {
            out.remark("nothing was changed");
        } else {
            let shown = data.join("log");
            out.remark(&format!(
                "the damaged segments are kept in {}, as files named .damaged; they hold personal data: remove them when you have examined them",
                shown.display()
            ));
        }
    }
    let Some(error) = error else { return Ok(Done::Completely) };
    let companies = left.iter().map(ToString::to_string);
    let lines: Vec<_> =
        std::iter::once(format!("damage is left: {error}")).chain(companies).collect();
    Err(Failure::Found { document, message: lines.join("\n  ") })
}

fn document(segments: &[String], left: &[CompanyDamage], is_intact: bool, dry_run: bool) -> Value {
    let left = left.iter().map(|one| {
        json!({
            "company": one.company, "version": one.version, "segment": one.place.segment,
            "byte": one.place.offset, "position": one.place.position, "what": one.place.what,
        })
    });
    json!({
        "intact": is_intact, "repaired": !dry_run && !segments.is_empty(), "dry_run": dry_run,
        "segments": segments, "left": left.collect::<Vec<_>>(),
    })
}

fn failure(error: &RepairError) -> Failure {
    let message = boarding_log::error_chain(&error);
    let code = match error {
        RepairError::OtherLog => "repair.other_log",
        RepairError::OtherHistory { .. } => "repair.other_history",
        RepairError::NotFound(_) => {
            let message = format!(
                "{message}\n  nothing was changed; give a backup that has the missing part: boarding repair --from BACKUP; or restore one into a new folder: boarding restore BACKUP --data NEW"
            );
            let document = json!({"kind": "damage", "repaired": false, "message": message});
            return Failure::Found { document, message };
        }
        RepairError::Intact | RepairError::Log(_) => return Failure::Unavailable(message),
    };
    let document = json!({"outcome": "refused", "code": code, "message": message, "details": {}});
    Failure::Refused { document, code: code.to_owned(), message }
}
