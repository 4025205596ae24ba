//! Writes a bundle while the log is verified.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boarding_commands::commit::RecordedCommit;
use boarding_commands::values::{CompanyId, Time};
use boarding_log::{Head, file};
use sha2::{Digest as _, Sha256};

use super::lines::{ABOUT, CommitLine, FORMAT, HeaderLine, ProofLine, note_text};
use crate::checkpoint::Checkpoint;
use crate::keys::TrustedKeys;
use crate::merkle::HeadTree;
use crate::note::SignedNote;
use crate::signing::{SignedPast, SigningError, StoredKey};
use crate::verify::{AuditError, AuditProgress, verify_files_with};

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    pub version: u64,
    pub commits: u64,
    /// The position of the checkpoint: later events are not in the bundle.
    pub position: u64,
    /// When the checkpoint was signed.
    pub at: Time,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{0}")]
    Audit(#[from] AuditError),
    #[error("{0}")]
    Signing(#[from] SigningError),
    #[error("no checkpoint of the log is signed yet: the first one is signed when a command ends")]
    NoCheckpoint,
    #[error("company {company} has no event up to the newest checkpoint, at position {position}")]
    NoCompany { company: CompanyId, position: u64 },
    #[error(
        "the newest checkpoint of the data folder is not signed by its key; see boarding audit verify"
    )]
    Unsigned,
    #[error("the log is in another storage; bundles are made of a log in files")]
    NoLog,
    #[error("the export was ended")]
    Ended,
    #[error("write the bundle")]
    Write(#[source] io::Error),
}

/// Verifies the log of a data folder and writes the bundle of a company up to the newest checkpoint. The folder may be in
/// use. The export ends when `goes_on` returns false.
///
/// # Errors
/// When the log fails its check, the company has no event, or the bundle cannot be written.
pub fn export(
    log: &Path,
    audit: &Path,
    company: &CompanyId,
    target: &mut dyn Write,
    on_progress: impl FnMut(AuditProgress),
    goes_on: impl Fn() -> bool,
) -> Result<Exported, ExportError> {
    let origin = file::log_id(log).map_err(AuditError::Files)?.ok_or(ExportError::NoLog)?;
    let origin = file::origin(&origin);
    let past = SignedPast::read(audit)?;
    let key = StoredKey::read(audit)?.ok_or(ExportError::NoCheckpoint)?;
    let trusted = TrustedKeys::of_folder(&past.keys);
    let mut all = past.checkpoints.iter().zip(&past.notes);
    let newest = all.rfind(|(checkpoint, _)| checkpoint.origin == origin);
    let (checkpoint, note) = newest.ok_or(ExportError::NoCheckpoint)?;
    let is_current = past.keys.last().is_some_and(|last| last.key == *key.signer(&origin).public());
    if !is_current || trusted.read_checkpoint(note).is_err() {
        return Err(ExportError::Unsigned);
    }
    let mut writer = BundleWriter::new(target, company, checkpoint)?;
    let mut failed = None;
    let verified = verify_files_with(log, &past.checkpoints, on_progress, |recorded, bytes| {
        failed =
            if goes_on() { writer.add(recorded, bytes).err() } else { Some(ExportError::Ended) };
        failed.is_none()
    });
    match failed {
        Some(error) => return Err(error),
        None => verified?,
    };
    writer.end(note, &past.key_notes, &key)
}

/// Writes a bundle line by line.
struct BundleWriter<'a> {
    target: &'a mut dyn Write,
    digest: Sha256,
    company: &'a CompanyId,
    checkpoint: &'a Checkpoint,
    heads: HashMap<CompanyId, Head>,
    commits: u64,
}

impl<'a> BundleWriter<'a> {
    /// Writes the header.
    ///
    /// # Errors
    /// Those of the target.
    fn new(
        target: &'a mut dyn Write,
        company: &'a CompanyId,
        checkpoint: &'a Checkpoint,
    ) -> Result<Self, ExportError> {
        let (digest, heads) = (Sha256::new(), HashMap::new());
        let mut writer = Self { target, digest, company, checkpoint, heads, commits: 0 };
        writer.line(&HeaderLine {
            bundle: FORMAT,
            company: company.to_string(),
            log: checkpoint.origin.clone(),
            about: ABOUT.to_owned(),
        })?;
        Ok(writer)
    }

    /// Takes note of the next commit of the log, and writes its stored bytes if it is one of the company. Commits after the
    /// checkpoint are left out.
    ///
    /// # Errors
    /// Those of the target.
    fn add(&mut self, recorded: &RecordedCommit, bytes: &[u8]) -> Result<(), ExportError> {
        if recorded.position > self.checkpoint.position {
            return Ok(());
        }
        let commit = &recorded.commit;
        let head = Head { version: commit.last_version(), hash: recorded.hash };
        match self.heads.get_mut(&commit.company) {
            Some(known) => *known = head,
            None => drop(self.heads.insert(commit.company.clone(), head)),
        }
        if commit.company != *self.company {
            return Ok(());
        }
        self.commits += 1;
        let position = recorded.position;
        self.line(&CommitLine { position, commit: STANDARD.encode(bytes) })
    }

    /// Writes the proof and the signed note.
    ///
    /// # Errors
    /// When the company has no commit, or the target fails.
    fn end(
        mut self,
        note: &SignedNote,
        keys: &[SignedNote],
        key: &StoredKey,
    ) -> Result<Exported, ExportError> {
        let Checkpoint { position, at, origin, .. } = self.checkpoint;
        let tree = HeadTree::of(self.heads.iter().map(|(company, head)| (company, *head)));
        let inclusion = tree.inclusion(self.company);
        let head = self.heads.get(self.company).copied();
        let (Some(inclusion), Some(head)) = (inclusion, head) else {
            let (company, position) = (self.company.clone(), *position);
            return Err(ExportError::NoCompany { company, position });
        };
        let commits = self.commits;
        self.line(&ProofLine {
            version: head.version,
            hash: head.hash.to_string(),
            commits,
            index: inclusion.index,
            leaves: inclusion.leaves,
            path: inclusion.path.iter().map(|sibling| STANDARD.encode(sibling)).collect(),
            checkpoint: note.to_string(),
            keys: keys.iter().map(ToString::to_string).collect(),
        })?;
        let digest = STANDARD.encode(self.digest.finalize());
        let text = note_text(self.company.as_str(), *position, &digest);
        let note = key.signer(origin).sign(&text);
        self.target.write_all(note.to_string().as_bytes()).map_err(ExportError::Write)?;
        self.target.flush().map_err(ExportError::Write)?;
        Ok(Exported { version: head.version, commits, position: *position, at: *at })
    }

    fn line(&mut self, line: &impl serde::Serialize) -> Result<(), ExportError> {
        let mut bytes =
            serde_json::to_vec(line).map_err(|error| ExportError::Write(error.into()))?;
        bytes.push(b'\n');
        self.digest.update(&bytes);
        self.target.write_all(&bytes).map_err(ExportError::Write)
    }
}
