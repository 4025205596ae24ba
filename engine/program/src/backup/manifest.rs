//! The manifest of a backup: what it holds, the proof of the log, and a signature.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boarding_audit::{Checkpoint, HeadTree, NoteKey, NoteSigner, SignedNote, TrustedKeys};
use boarding_commands::values::{CompanyId, Digest, Time};
use boarding_log::Head;
use boarding_log::file::LogState;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::BackupError;

/// The name of the manifest in a backup.
pub(super) const NAME: &str = "manifest";
/// The format of backups.
const FORMAT: u32 = 1;
/// The first line of the signed note.
const FIRST_LINE: &str = "boarding.backup/1";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format of the backup.
    pub backup: u32,
    /// The name of the log.
    pub log: String,
    /// The last position of the log.
    pub position: u64,
    pub commits: u64,
    pub events: u64,
    /// The root of the tree over the heads of all companies, as in a checkpoint.
    pub root: String,
    /// When the backup was made.
    pub at: Time,
    pub companies: Vec<CompanyHead>,
    /// The files of the data folder, in the order of their paths.
    pub files: Vec<FileEntry>,
}

/// The head of a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyHead {
    pub company: CompanyId,
    pub version: u64,
    pub hash: Digest,
}

/// A file of the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The path in the data folder.
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

impl Manifest {
    pub(super) fn of(origin: String, log: &LogState, files: Vec<FileEntry>, at: Time) -> Self {
        let tree = HeadTree::of(log.heads.iter().map(|(company, head)| (company, *head)));
        let sorted: BTreeMap<_, _> = log.heads.iter().collect();
        let head = |(company, head): (&CompanyId, &Head)| CompanyHead {
            company: company.clone(),
            version: head.version,
            hash: head.hash,
        };
        Self {
            backup: FORMAT,
            log: origin,
            position: log.position,
            commits: log.commits,
            events: log.events,
            root: STANDARD.encode(tree.root()),
            at,
            companies: sorted.into_iter().map(head).collect(),
            files,
        }
    }

    /// The entry of a file.
    pub fn file(&self, path: &str) -> Option<&FileEntry> {
        self.files.iter().find(|entry| entry.path == path)
    }

    /// The segments of the log, the oldest first.
    pub(super) fn segments(&self) -> impl DoubleEndedIterator<Item = (&str, &FileEntry)> {
        self.files.iter().filter_map(|entry| Some((entry.path.strip_prefix("log/")?, entry)))
    }

    /// All bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).sum()
    }

    pub fn has_secret(&self) -> bool {
        self.file("secret").is_some()
    }

    pub fn has_signing_key(&self) -> bool {
        self.file("audit/signing-key").is_some()
    }

    /// What the log was, as a checkpoint.
    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        Some(Checkpoint {
            origin: self.log.clone(),
            position: self.position,
            root: STANDARD.decode(&self.root).ok()?.try_into().ok()?,
            companies: self.companies.len() as u64,
            at: self.at,
        })
    }

    pub(super) fn heads(&self) -> impl Iterator<Item = (CompanyId, Head)> + '_ {
        let head = |one: &CompanyHead| Head { version: one.version, hash: one.hash };
        self.companies.iter().map(move |one| (one.company.clone(), head(one)))
    }

    /// The bytes of the file: one line of JSON, then a signed note if there is a key.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(super) fn to_bytes(&self, signer: Option<&NoteSigner>) -> serde_json::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        if let Some(signer) = signer {
            let note = signer.sign(&note_text(self.position, &bytes));
            bytes.extend(note.to_string().into_bytes());
        }
        Ok(bytes)
    }

    /// Reads the bytes of the file.
    ///
    /// # Errors
    /// When they are no manifest of this format.
    pub(super) fn parse(bytes: &[u8]) -> Result<Signed, BackupError> {
        let damaged = |what: &str| BackupError::damaged(NAME, what);
        let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        let (line, rest) = bytes.split_at(end);
        let manifest: Self = serde_json::from_slice(line)
            .map_err(|error| damaged(&format!("it is no manifest of a backup ({error})")))?;
        if manifest.backup != FORMAT {
            let what = format!("it is of format {}; use a newer program", manifest.backup);
            return Err(damaged(&what));
        }
        if let Some(bad) = manifest.files.iter().find(|entry| !entry.is_allowed()) {
            return Err(damaged(&format!("it names the file {}", bad.path)));
        }
        let text = std::str::from_utf8(rest).map_err(|_| damaged("its signature is damaged"))?;
        let note: Option<SignedNote> = match text.is_empty() {
            true => None,
            false => Some(text.parse().map_err(|_| damaged("its signature is damaged"))?),
        };
        if note.as_ref().is_some_and(|note| note.text != note_text(manifest.position, line)) {
            return Err(damaged("it was changed after it was signed"));
        }
        Ok(Signed { manifest, note })
    }
}

/// A manifest with its signature.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) manifest: Manifest,
    note: Option<SignedNote>,
}

impl Signed {
    pub(super) fn is_signed(&self) -> bool {
        self.note.is_some()
    }

    /// Checks the signature. Without keys there is nothing to check it with.
    ///
    /// # Errors
    /// When none of the keys has signed it.
    pub(super) fn check(&self, keys: &TrustedKeys) -> Result<NoteKey, BackupError> {
        let damaged = |what: &str| BackupError::damaged(NAME, what);
        let note = self.note.as_ref().ok_or_else(|| damaged("it is not signed"))?;
        let key = keys.check(note, self.manifest.position);
        let key = key.map_err(|error| damaged(&error.to_string()))?;
        if key.name() != self.manifest.log {
            return Err(damaged("it is signed by a key of another log"));
        }
        Ok(key.clone())
    }
}

impl FileEntry {
    /// Whether the path is one of a data folder, and the digest can be a file name.
    fn is_allowed(&self) -> bool {
        let path = Path::new(&self.path);
        let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        let has_part = ["log/", "audit/", "files/"].iter().any(|part| self.path.starts_with(part));
        let is_known = has_part && path.components().count() == 2
            || ["FORMAT", "secret"].contains(&self.path.as_str());
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        is_plain && is_known && self.sha256.len() == 64 && self.sha256.bytes().all(is_digit)
    }
}

/// The SHA-256 of some bytes, in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn note_text(position: u64, line: &[u8]) -> String {
    format!("{FIRST_LINE}\n{position}\n{}\n", STANDARD.encode(Sha256::digest(line)))
}
