//! `boarding backup`: copies a data folder with a proof, also while it is in use.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use boarding_audit::NoteKey;
use boarding_core::clock::Clock;
use clap::Args;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::common::Common;
use super::failure::{CliResult, Done, Failure, unavailable};
use super::nats_options::{NatsOptions, connection_failure};
use super::output::Out;
use super::words::{counted, quoted};
use crate::backup::{
    BackedUp, BackupError, Bucket, Folder, Manifest, OnProgress, Options, Place, back_up,
};

/// The unit of progress, in bytes.
const MIB: u64 = 1024 * 1024;

/// Backs up a data folder into another folder, also while it is in use
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding backup /mnt/backup --data /var/lib/boarding
  boarding backup /mnt/backup --data /var/lib/boarding --without-secrets
  boarding backup nats:boarding-backup --data /var/lib/boarding \\
      --nats nats://localhost:4222

The backup is the data folder at one position of the log: the log, the imported files, the secret of links, the signing
key and the signed checkpoints. A repeated backup into the same place copies what is new. An interrupted one leaves the
earlier backup whole. The signing key signs the list of all files. Mails in the outbox and what can be rebuilt are left
out. boarding restore verifies the backup; boarding restore --dry-run only verifies it.")]
pub(super) struct Backup {
    /// The folder of the backup, a new one or that of an earlier backup; or nats:BUCKET, in the object store of --nats
    #[arg(value_name = "PLACE")]
    to: String,
    /// Leaves out the secret of links and the signing key: links in mails do not work after a restore
    #[arg(long)]
    without_secrets: bool,
    #[command(flatten)]
    nats: NatsOptions,
}

impl Backup {
    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        let data = common.data();
        check_log_is_in_files(&data)?;
        let options =
            Options { data, with_secrets: !self.without_secrets, now: Clock::system().now() };
        let (to, bucket) = (self.to.clone(), open_bucket(&self.to, &self.nats, true).await?);
        let made = interruptible(out, "backing up", move |progress| {
            let place: Box<dyn Place> = match bucket {
                Some(bucket) => Box::new(bucket),
                None => Box::new(Folder::for_backup(Path::new(&to), &options.data)?),
            };
            back_up(&options, place, progress)
        });
        let made = made.await?;
        print(out, &self.to, &made);
        Ok(Done::Completely)
    }
}

/// The bucket that is named as `nats:BUCKET`; none for a folder.
pub(super) async fn open_bucket(
    place: &str,
    nats: &NatsOptions,
    creates: bool,
) -> Result<Option<Bucket>, Failure> {
    let Some(name) = place.strip_prefix("nats:") else { return Ok(None) };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || !name.chars().all(is_plain) {
        let text = "nats:BUCKET: expected a name of letters, digits, - and _";
        return Err(Failure::Usage(text.to_owned()));
    }
    let client = nats.server()?.connect("boarding backup").await;
    let client = client.map_err(|error| connection_failure(&error))?;
    Bucket::open(&client, name, creates).await.map(Some).map_err(failure)
}

/// Copies a backup out of a bucket, so that all of it is verified before it is used. None for a folder.
pub(super) async fn fetch(
    from: &str,
    nats: &NatsOptions,
    out: &Out,
) -> Result<Option<TempDir>, Failure> {
    let Some(bucket) = open_bucket(from, nats, false).await? else { return Ok(None) };
    let folder = tempfile::tempdir().map_err(|error| unavailable(&error))?;
    let path = folder.path().to_owned();
    let copying = interruptible(out, "copying", move |progress| bucket.copy_to(&path, progress));
    copying.await?;
    Ok(Some(folder))
}

/// The key of `--key`.
pub(super) fn known_key(text: Option<String>) -> Result<Option<NoteKey>, Failure> {
    let parse =
        |text: String| text.parse().map_err(|error| Failure::Usage(format!("--key: {error}")));
    text.map(parse).transpose()
}

/// Refuses a folder without a log in files.
pub(super) fn check_log_is_in_files(data: &Path) -> Result<(), Failure> {
    let shown = data.display();
    if data.join("MOVED").exists() {
        return Err(Failure::Usage(format!(
            "the log of {shown} is in JetStream; back up its stream with the tools of NATS (nats stream backup), and copy {shown}/secret and {shown}/files"
        )));
    }
    if !data.join("log").is_dir() {
        return Err(Failure::Usage(format!(
            "there is no data folder {shown}; give another with --data"
        )));
    }
    Ok(())
}

/// Does work on files with a progress output. Ctrl-C ends it.
pub(super) async fn interruptible<T: Send + 'static>(
    out: &Out,
    label: &str,
    work: impl FnOnce(OnProgress<'_>) -> Result<T, BackupError> + Send + 'static,
) -> Result<T, Failure> {
    let mut progress = out.progress(label);
    let ends = Arc::new(AtomicBool::new(false));
    let has_ended = Arc::clone(&ends);
    let mut work = tokio::task::spawn_blocking(move || {
        work(&mut |done, total| {
            progress.at(done / MIB, total / MIB, "MiB");
            !has_ended.load(Ordering::Relaxed)
        })
    });
    let done = tokio::select! {
        done = &mut work => done,
        _ = tokio::signal::ctrl_c() => {
            ends.store(true, Ordering::Relaxed);
            work.await
        }
    };
    done.map_err(|error| unavailable(&error))?.map_err(failure)
}

fn print(out: &Out, target: &str, made: &BackedUp) {
    let BackedUp { manifest, is_signed, copied, kept } = made;
    if out.is_json() {
        let mut document = summary(manifest);
        if let Some(fields) = document.as_object_mut() {
            fields.insert("backup".to_owned(), json!(target));
            fields.insert("signed".to_owned(), json!(is_signed));
            fields.insert("copied".to_owned(), json!(copied));
            fields.insert("kept".to_owned(), json!(kept));
        }
        out.document(&document);
        return;
    }
    out.line(&format!("backed up: {}", contents(manifest)));
    let files = |amount: u64| counted(amount, "file", "files");
    let kept = match kept.files {
        0 => String::new(),
        count => format!("; kept {} of {} from the earlier backup", files(count), size(kept.bytes)),
    };
    out.say(&format!("copied {} of {}{kept}", files(copied.files), size(copied.bytes)));
    out.say(&secrets(manifest));
    if !is_signed {
        out.remark("the backup is not signed: the data folder has no signing key");
    }
    let target = quoted(target);
    out.note(&format!("to verify it: boarding restore {target} --data NEW --dry-run"));
}

/// What a backup holds, in words.
pub(super) fn contents(manifest: &Manifest) -> String {
    format!(
        "{} in {} of {}, up to position {}, {}",
        counted(manifest.events, "event", "events"),
        counted(manifest.commits, "commit", "commits"),
        counted(manifest.companies.len() as u64, "company", "companies"),
        manifest.position,
        size(manifest.bytes()),
    )
}

/// Which secrets a backup holds.
pub(super) fn secrets(manifest: &Manifest) -> String {
    let has = |is_held: bool| if is_held { "yes" } else { "no" };
    format!(
        "secret of links: {}; signing key: {}",
        has(manifest.has_secret()),
        has(manifest.has_signing_key())
    )
}

/// What a backup holds, as JSON.
pub(super) fn summary(manifest: &Manifest) -> Value {
    json!({
        "log": manifest.log, "position": manifest.position, "commits": manifest.commits,
        "events": manifest.events, "companies": manifest.companies.len(), "root": manifest.root,
        "at": manifest.at, "files": manifest.files.len(), "bytes": manifest.bytes(),
        "secret": manifest.has_secret(), "signing_key": manifest.has_signing_key(),
    })
}

/// A number of bytes as people read it.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => counted(bytes, "byte", "bytes"),
        1_024..MIB => format!("{} KiB", bytes.div_ceil(1_024)),
        _ => format!("{} MiB", bytes.div_ceil(MIB)),
    }
}

pub(super) fn failure(error: BackupError) -> Failure {
    let text = boarding_log::error_chain(&error);
    match error {
        BackupError::Refused { code, message } => {
            let document =
                json!({"outcome": "refused", "code": code, "message": message, "details": {}});
            Failure::Refused { document, code: code.to_owned(), message }
        }
        BackupError::Damaged { what, file } => {
            let document =
                json!({"kind": "damage", "verified": false, "file": file, "message": what});
            Failure::Found { document, message: what }
        }
        BackupError::Audit(error) => super::audit::failure(error),
        BackupError::Log(error) if error.is_damage() => Failure::Damaged(text),
        BackupError::Signing(_) => Failure::Damaged(text),
        BackupError::NoLog { .. } => Failure::Usage(text),
        BackupError::Interrupted => Failure::Interrupted(
            "interrupted; an earlier backup and the data folder are as they were".to_owned(),
        ),
        BackupError::Log(_)
        | BackupError::Io { .. }
        | BackupError::Nats { .. }
        | BackupError::InUse { .. } => Failure::Unavailable(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        let sizes = [1, 1_023, 1_024, 1_025, MIB, MIB + 1].map(size);
        assert_eq!(sizes, ["1 byte", "1023 bytes", "1 KiB", "2 KiB", "1 MiB", "2 MiB"]);
    }
}
