//! Checks a bundle: its signatures, its chain, its rules and its place in the checkpoint.

use std::io::{self, BufRead, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boarding_commands::commit::RecordedCommit;
use boarding_commands::values::{CompanyId, Time};
use boarding_log::{Head, codec};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::lines::{
    CommitLine, FORMAT, HeaderLine, LINE_BYTES_MAX, NOTE_FIRST_LINE, ProofLine, note_text,
};
use crate::checkpoint::Checkpoint;
use crate::keys::{TrustedKeys, read_keys};
use crate::merkle::{Inclusion, TreeHash};
use crate::note::{NOTE_BYTES_MAX, NoteKey, SignedNote};
use crate::rules::Rules;

/// The largest position of a log: JSON holds integers up to it.
const POSITION_MAX: u64 = 1 << 53;

/// A bundle that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleChecked {
    pub company: CompanyId,
    /// The name of the log.
    pub origin: String,
    pub version: u64,
    pub commits: u64,
    /// The position of the checkpoint.
    pub position: u64,
    /// When the checkpoint was signed.
    pub at: Time,
    /// The key that signed the bundle.
    pub key: NoteKey,
    /// Whether a kept checkpoint was compared. One that is older than the bundle is not.
    pub is_compared: bool,
}

/// The first thing that is wrong with a bundle, and its line, from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BundleProblem {
    pub line: u64,
    pub what: String,
}

/// Why a bundle did not pass.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("{0}")]
    Found(#[from] BundleProblem),
    #[error("read the bundle")]
    Read(#[from] io::Error),
}

/// Checks a bundle. `trusted` is a key that the caller knows; without it, the keys in the bundle are believed. `kept` is a
/// checkpoint of the same log that the caller knows.
///
/// # Errors
/// The first thing that is wrong, or a failed read.
pub fn check(
    bundle: &mut dyn BufRead,
    trusted: Option<&NoteKey>,
    kept: Option<&SignedNote>,
) -> Result<BundleChecked, BundleError> {
    let mut lines = Lines { source: bundle, digest: Sha256::new(), number: 0 };
    let header: HeaderLine = lines.object("header")?;
    if header.bundle != FORMAT {
        return Err(lines.problem(format!(
            "the bundle has format {} and this program reads format {FORMAT}; use a newer program",
            header.bundle
        )));
    }
    let company: CompanyId =
        header.company.parse().map_err(|_| lines.problem("the company is no id".to_owned()))?;
    let mut chain = Chain::new(&company);
    let proof: ProofLine = loop {
        let line = lines.next()?;
        match serde_json::from_slice::<CommitLine>(&line) {
            Ok(commit) => chain.add(&commit).map_err(|what| lines.problem(what))?,
            Err(_) => break lines.parse(&line, "commit or proof")?,
        }
    };
    let digest = STANDARD.encode(lines.digest.clone().finalize());
    let proof_line = lines.number;
    let note = lines.note()?;
    let problem = |what: String| BundleProblem { line: proof_line, what };
    let end = Signatures::check(&proof, &note, &header, trusted, kept).map_err(problem)?;
    let expected = note_text(&header.company, end.checkpoint.position, &digest);
    if note.text != expected {
        let what = "the note is not about these lines: the bundle was changed".to_owned();
        return Err(BundleProblem { line: proof_line + 1, what }.into());
    }
    chain.end(&proof, &end.checkpoint).map_err(problem)?;
    if let Some(kept) = &end.kept {
        compare(&end.checkpoint, kept).map_err(problem)?;
    }
    Ok(BundleChecked {
        company,
        origin: header.log,
        version: proof.version,
        commits: proof.commits,
        position: end.checkpoint.position,
        at: end.checkpoint.at,
        is_compared: end.kept.is_some_and(|kept| kept.position >= end.checkpoint.position),
        key: end.key,
    })
}

/// The lines of a bundle, and the digest of those that were read.
struct Lines<'a> {
    source: &'a mut dyn BufRead,
    digest: Sha256,
    number: u64,
}

impl Lines<'_> {
    fn problem(&self, what: String) -> BundleError {
        BundleProblem { line: self.number, what }.into()
    }

    fn next(&mut self) -> Result<Vec<u8>, BundleError> {
        self.number += 1;
        let mut line = Vec::new();
        (&mut *self.source).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            let is_long = line.len() as u64 == LINE_BYTES_MAX;
            let what = if is_long { "the line is too long" } else { "the bundle ends too early" };
            return Err(self.problem(what.to_owned()));
        }
        self.digest.update(&line);
        Ok(line)
    }

    fn object<T: DeserializeOwned>(&mut self, what: &str) -> Result<T, BundleError> {
        let line = self.next()?;
        self.parse(&line, what)
    }

    fn parse<T: DeserializeOwned>(&self, line: &[u8], what: &str) -> Result<T, BundleError> {
        serde_json::from_slice(line)
            .map_err(|_| self.problem(format!("the line is no {what} of a bundle")))
    }

    /// The note that ends the bundle.
    fn note(&mut self) -> Result<SignedNote, BundleError> {
        self.number += 1;
        let mut rest = Vec::new();
        (&mut *self.source).take(NOTE_BYTES_MAX as u64 + 1).read_to_end(&mut rest)?;
        let text = String::from_utf8(rest).ok();
        let note = text
            .filter(|text| text.starts_with(NOTE_FIRST_LINE))
            .map(|text| text.parse::<SignedNote>());
        match note {
            // Nothing covers the signatures, so there is just one.
            Some(Ok(note)) if note.signatures() == 1 => Ok(note),
            _ => Err(self.problem("the bundle does not end with its signed note".to_owned())),
        }
    }
}

/// The chain of the commits that were read.
struct Chain<'a> {
    company: &'a CompanyId,
    head: Head,
    commits: u64,
    last_position: u64,
    rules: Rules,
}

impl<'a> Chain<'a> {
    fn new(company: &'a CompanyId) -> Self {
        let (head, rules) = (Head::default(), Rules::default());
        Self { company, head, commits: 0, last_position: 0, rules }
    }

    fn add(&mut self, line: &CommitLine) -> Result<(), String> {
        let bytes = STANDARD.decode(&line.commit).map_err(|_| "the commit is not base64")?;
        let commit = codec::decode(&bytes).map_err(|error| boarding_log::error_chain(&error))?;
        if commit.company != *self.company {
            return Err(format!("the commit is of company {}", commit.company));
        }
        if commit.first_version != self.head.version + 1 {
            return Err(format!("version {} of the company is expected", self.head.version + 1));
        }
        if commit.previous != self.head.hash {
            return Err("the hash chain is broken: it names another previous commit".to_owned());
        }
        if line.position <= self.last_position || line.position > POSITION_MAX {
            return Err(format!("position {} follows {}", line.position, self.last_position));
        }
        let recorded =
            RecordedCommit { position: line.position, hash: codec::hash(&bytes), commit };
        self.rules.observe(&recorded).map_err(|broken| broken.what)?;
        self.head = Head { version: recorded.commit.last_version(), hash: recorded.hash };
        self.last_position = recorded.last_position();
        self.commits += 1;
        Ok(())
    }

    fn end(&self, proof: &ProofLine, checkpoint: &Checkpoint) -> Result<(), String> {
        let head = (proof.version, proof.hash.as_str(), proof.commits);
        if head != (self.head.version, &self.head.hash.to_string(), self.commits) {
            return Err("the proof is about other commits: some are missing or added".to_owned());
        }
        if self.last_position > checkpoint.position {
            return Err("the last commit is after the checkpoint".to_owned());
        }
        let sibling = |text: &String| TreeHash::try_from(STANDARD.decode(text).ok()?).ok();
        let path: Option<Vec<_>> = proof.path.iter().map(sibling).collect();
        let (index, leaves) = (proof.index, proof.leaves);
        let root = path
            .map(|path| Inclusion { index, leaves, path })
            .and_then(|inclusion| inclusion.root(self.company, self.head));
        if leaves != checkpoint.companies || root != Some(checkpoint.root) {
            let what = "the checkpoint does not hold this history of the company";
            return Err(what.to_owned());
        }
        Ok(())
    }
}

/// The checkpoint, and the key that signed the bundle.
struct Signatures {
    checkpoint: Checkpoint,
    key: NoteKey,
    /// The checkpoint that the caller keeps.
    kept: Option<Checkpoint>,
}

impl Signatures {
    fn check(
        proof: &ProofLine,
        note: &SignedNote,
        header: &HeaderLine,
        trusted: Option<&NoteKey>,
        kept: Option<&SignedNote>,
    ) -> Result<Self, String> {
        let notes: Result<Vec<SignedNote>, _> =
            proof.keys.iter().map(|text| text.parse::<SignedNote>()).collect();
        let notes = notes.map_err(|error| format!("a record of a key: {error}"))?;
        let records = read_keys(&notes).map_err(|error| error.to_string())?;
        let last = records.last().ok_or("the bundle names no key")?;
        let trusted = trusted.unwrap_or(&last.key);
        let keys = TrustedKeys::from_known(&records, trusted)
            .ok_or_else(|| format!("the bundle does not name the key {trusted}"))?;
        let checkpoint: SignedNote =
            proof.checkpoint.parse().map_err(|error| format!("the checkpoint: {error}"))?;
        let checkpoint = keys
            .read_checkpoint(&checkpoint)
            .map_err(|error| format!("the checkpoint: {error}"))?;
        if checkpoint.origin != header.log {
            return Err("the checkpoint is of another log".to_owned());
        }
        let key = keys.check(note, checkpoint.position);
        let key = key.map_err(|error| format!("the note at the end: {error}"))?.clone();
        if key.name() != header.log {
            return Err("the note at the end is signed for another log".to_owned());
        }
        let kept = match kept {
            None => None,
            Some(kept) => Some(
                keys.read_checkpoint(kept)
                    .map_err(|error| format!("the checkpoint that you kept: {error}"))?,
            ),
        };
        Ok(Self { checkpoint, key, kept })
    }
}

/// Compares the checkpoint of a bundle with one that was kept.
fn compare(found: &Checkpoint, kept: &Checkpoint) -> Result<(), String> {
    if kept.origin != found.origin {
        return Err(format!("the checkpoint that you kept is of {}", kept.origin));
    }
    if kept.position > found.position {
        return Err(format!(
            "the bundle ends at position {}, before the checkpoint that you kept, at position {}: it is older, or its \
            end is missing; ask for a new one",
            found.position, kept.position
        ));
    }
    // A bundle does not hold the companies of an older checkpoint, so that one is not compared.
    if kept.position == found.position && kept.root != found.root {
        return Err(format!(
            "two different histories are signed for position {}: the log has a fork",
            kept.position
        ));
    }
    Ok(())
}
