//! `boarding restore`: verifies a backup, and fills a data folder from it.

use clap::Args;
use serde_json::json;

use super::backup::{contents, fetch, interruptible, known_key, secrets, summary};
use super::common::Common;
use super::failure::{CliResult, Done};
use super::fields::set;
use super::nats_options::NatsOptions;
use super::output::Out;
use super::words::counted;
use crate::backup::{Checked, Target, check, fill, target_of};

/// Verifies a backup and fills a new data folder from it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding restore /mnt/backup --data /var/lib/boarding
  boarding restore /mnt/backup --data /tmp/check --dry-run
  boarding restore nats:boarding-backup --data /var/lib/boarding \\
      --nats nats://localhost:4222
  boarding restore /mnt/backup --data /var/lib/boarding \\
      --key 'boarding.log/…+…'

It verifies the signature of the backup, each file, and the log with all its hashes and signed checkpoints, before it
writes anything. The first thing that is wrong ends it with status 3. The data folder must not exist, or be empty. If it
holds the same log at the same position, nothing is done; any other log is refused.

Never use a restored folder and the original at the same time. Mails of a run that was active at the time of the backup
may be sent again.")]
pub(super) struct Restore {
    /// The folder of the backup; or nats:BUCKET, in the object store of --nats
    #[arg(value_name = "BACKUP")]
    from: String,
    /// Verifies everything and says what would be done, and writes nothing
    #[arg(long)]
    dry_run: bool,
    /// The public key that you know, as boarding audit keys prints it [default: the keys of the backup]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    nats: NatsOptions,
}

impl Restore {
    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        let Self { from, dry_run, key, nats } = self;
        let key = known_key(key)?;
        let fetched = fetch(&from, &nats, out).await?;
        let from = fetched.as_ref().map_or_else(|| from.into(), |it| it.path().to_owned());
        let (backup, known) = (from.clone(), key.clone());
        let checked = interruptible(out, "verifying", move |progress| {
            check(&backup, known.as_ref(), progress)
        });
        let checked = checked.await?;
        let (data, manifest) = (common.data(), checked.manifest.clone());
        let target = tokio::task::block_in_place(|| target_of(&manifest, &data));
        let target = target.map_err(super::backup::failure)?;
        if target == Target::Empty && !dry_run {
            let (checked, data) = (checked.clone(), data.clone());
            let filling = interruptible(out, "restoring", move |progress| {
                fill(&from, &checked, &data, progress)
            });
            filling.await?;
        }
        print(out, &checked, &target, &data, dry_run);
        if key.is_none()
            && let Some(key) = &checked.key
        {
            out.note(&format!(
                "the key is one of the backup; compare it with the key that you know:\n  {key}"
            ));
        }
        Ok(Done::Completely)
    }
}

fn print(out: &Out, checked: &Checked, target: &Target, data: &std::path::Path, dry_run: bool) {
    let manifest = &checked.manifest;
    if out.is_json() {
        let mut document = summary(manifest);
        set(&mut document, "verified", true);
        set(&mut document, "data", data.display().to_string());
        set(&mut document, "restored", *target == Target::Empty && !dry_run);
        set(&mut document, "dry_run", dry_run);
        set(&mut document, "checkpoints", checked.checkpoints);
        set(&mut document, "key", json!(checked.key.as_ref().map(ToString::to_string)));
        out.document(&document);
        return;
    }
    out.line(&format!("verified: {}", contents(manifest)));
    out.say(&format!(
        "backed up at {}; the log agrees with {}",
        manifest.at,
        counted(checked.checkpoints, "signed checkpoint", "signed checkpoints")
    ));
    out.say(&secrets(manifest));
    let shown = data.display();
    match (target, dry_run) {
        (Target::Same, _) => {
            out.line(&format!("{shown} has the same log already; nothing to do"));
            return;
        }
        (Target::Empty, true) => {
            out.line(&format!("would be restored into {shown}; nothing was written"));
        }
        (Target::Empty, false) => out.line(&format!("restored into {shown}")),
    }
    if checked.key.is_none() {
        out.remark("the backup is not signed");
    }
    if !manifest.has_secret() {
        out.remark(
            "links that were sent do not work: put the file secret of the original into the folder",
        );
    }
    if !manifest.has_signing_key() {
        out.remark("the next start makes another signing key, which no earlier key confirms");
    }
    if dry_run {
        return;
    }
    out.remark("never use the original and the restored folder at the same time; mails of runs that were active may be sent again");
}
