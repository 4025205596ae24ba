//! Verifies a whole log: every byte, every hash, the chain and the rules of each company, and each checkpoint.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::path::Path;

use boarding_commands::commit::RecordedCommit;
use boarding_commands::values::CompanyId;
use boarding_log::file::{self, CommitVisitor, DamageLocation, OpenError, ScanProgress};
use boarding_log::{EventLog, Head, ReadError};

use crate::checkpoint::Checkpoint;
use crate::merkle::HeadTree;
use crate::rules::{Rule, RuleBreak, Rules};

/// A log that passed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// The name of the log; none if there is none.
    pub origin: Option<String>,
    /// The last position.
    pub position: u64,
    pub commits: u64,
    pub events: u64,
    /// The head of each company.
    pub heads: HashMap<CompanyId, Head>,
    /// The number of checkpoints that the log was compared with.
    pub checkpoints: u64,
    /// The position of the newest of them; 0 if there is none.
    pub signed_position: u64,
    /// The number of checkpoints of other logs.
    pub other_checkpoints: u64,
    /// The bytes of an unfinished write at the end, which was not acknowledged.
    pub unfinished_bytes: u64,
}

/// The first thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: FindingKind,
    /// What is wrong. It names no person.
    pub what: String,
    pub company: Option<CompanyId>,
    /// The version of the first event of the commit.
    pub version: Option<u64>,
    /// The position of the first event of the commit.
    pub position: Option<u64>,
    /// The file of the log.
    pub segment: Option<String>,
    pub byte: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// Bytes are not those that were written, or commits are missing.
    Damage,
    /// An event does not follow from a legal state.
    Rule(Rule),
    /// The log is not the one that was signed.
    Checkpoint,
}

impl FindingKind {
    /// The name of the kind in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Damage => "damage",
            Self::Rule(rule) => rule.as_str(),
            Self::Checkpoint => "checkpoint",
        }
    }
}

/// Why a log did not pass.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("{0}")]
    Found(Box<Finding>),
    #[error("read the log")]
    Files(#[source] OpenError),
    #[error("read the log")]
    Read(#[source] ReadError),
}

/// What was read so far, of how much. The unit is a byte in files and a position elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditProgress {
    pub done: u64,
    pub total: u64,
    pub events: u64,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = [
            self.company.as_ref().map(|company| format!("company {company}")),
            self.version.map(|version| format!("version {version}")),
            self.position.map(|position| format!("position {position}")),
            self.segment.as_ref().map(|segment| format!("segment {segment}")),
            self.byte.map(|byte| format!("byte {byte}")),
        ];
        let place: Vec<_> = place.into_iter().flatten().collect();
        match place.is_empty() {
            true => f.write_str(&self.what),
            false => write!(f, "{}: {}", place.join(", "), self.what),
        }
    }
}

impl From<Finding> for AuditError {
    fn from(finding: Finding) -> Self {
        Self::Found(Box::new(finding))
    }
}

/// Verifies the log in a folder, also while an engine uses it. It changes no file.
///
/// # Errors
/// The first thing that is wrong, or a failed read.
pub fn verify_files(
    folder: &Path,
    checkpoints: &[Checkpoint],
    on_progress: impl FnMut(AuditProgress),
) -> Result<Verified, AuditError> {
    verify_files_with(folder, checkpoints, on_progress, |_, _| true)
}

/// As [`verify_files`], and shows each commit that passed with its stored bytes. The reading ends early if that returns false.
///
/// # Errors
/// As [`verify_files`].
pub fn verify_files_with(
    folder: &Path,
    checkpoints: &[Checkpoint],
    mut on_progress: impl FnMut(AuditProgress),
    mut on_commit: impl FnMut(&RecordedCommit, &[u8]) -> bool,
) -> Result<Verified, AuditError> {
    let origin = file::log_id(folder).map_err(|error| Auditor::new(&[], None).failure(error))?;
    let origin = origin.as_ref().map(file::origin);
    let mut auditor = Auditor::new(checkpoints, origin.as_deref());
    let (on_progress, on_commit) = (&mut on_progress, &mut on_commit);
    let mut visitor = FileVisitor { auditor: &mut auditor, on_progress, on_commit };
    let checked = file::verify_with(folder, Some(&mut visitor));
    let checked = checked.map_err(|error| auditor.failure(error))?;
    auditor.verified.unfinished_bytes = checked.torn_bytes;
    auditor.end()
}

/// Verifies an open log up to its end. Its readers check the bytes.
///
/// # Errors
/// The first thing that is wrong, or a failed read.
pub fn verify_log(
    log: &dyn EventLog,
    checkpoints: &[Checkpoint],
    mut on_progress: impl FnMut(AuditProgress),
) -> Result<Verified, AuditError> {
    let total = log.end();
    let mut auditor = Auditor::new(checkpoints, Some(&log.origin()));
    let mut reader = log.read_all(1);
    while let Some(entry) = reader.next().map_err(of_read)? {
        let recorded = entry.recorded;
        if recorded.position > total {
            break;
        }
        let done = recorded.last_position();
        auditor.observe(&recorded).map_err(|(kind, what)| Finding {
            company: Some(recorded.commit.company.clone()),
            version: Some(recorded.commit.first_version),
            position: Some(recorded.position),
            segment: None,
            byte: None,
            kind,
            what,
        })?;
        on_progress(AuditProgress { done, total, events: auditor.verified.events });
    }
    auditor.end()
}

fn of_read(error: ReadError) -> AuditError {
    if error.is_transient() || matches!(error, ReadError::Io { .. }) {
        return AuditError::Read(error);
    }
    let (segment, byte) = match &error {
        ReadError::Damaged { segment, offset, .. } => (Some(segment.clone()), Some(*offset)),
        _ => (None, None),
    };
    let what = boarding_log::error_chain(&error);
    let position = match error {
        ReadError::Decode { position, .. } => Some(position),
        _ => None,
    };
    let kind = FindingKind::Damage;
    Finding { kind, what, company: None, version: None, position, segment, byte }.into()
}

/// The state of a verification.
struct Auditor<'a> {
    verified: Verified,
    rules: HashMap<CompanyId, Rules>,
    tree: HeadTree,
    /// The companies with another head than in the tree.
    changed: HashSet<CompanyId>,
    /// The checkpoints that are not reached yet, by position.
    checkpoints: Vec<&'a Checkpoint>,
    next_checkpoint: usize,
    /// The kind of what was found.
    found: FindingKind,
}

impl<'a> Auditor<'a> {
    /// `origin` is the name of the log; none if there is no log any more, so that all checkpoints count.
    fn new(checkpoints: &'a [Checkpoint], origin: Option<&str>) -> Self {
        let is_own = |one: &&Checkpoint| origin.is_none_or(|origin| one.origin == origin);
        let (mut checkpoints, others): (Vec<_>, Vec<_>) = checkpoints.iter().partition(is_own);
        checkpoints.sort_by_key(|checkpoint| checkpoint.position);
        let other_checkpoints = others.len() as u64;
        Self {
            verified: Verified {
                origin: origin.map(str::to_owned),
                other_checkpoints,
                ..Verified::default()
            },
            rules: HashMap::new(),
            tree: HeadTree::default(),
            changed: HashSet::new(),
            checkpoints,
            next_checkpoint: 0,
            found: FindingKind::Damage,
        }
    }

    /// Checks the next commit of the log.
    fn observe(&mut self, recorded: &RecordedCommit) -> Result<(), (FindingKind, String)> {
        // An empty log has checkpoints at position 0.
        self.compare(recorded.position - 1)?;
        let commit = &recorded.commit;
        let head = self.verified.heads.get(&commit.company).copied().unwrap_or_default();
        self.follow(recorded, head)?;
        if !self.rules.contains_key(&commit.company) {
            self.rules.insert(commit.company.clone(), Rules::default());
        }
        if let Some(rules) = self.rules.get_mut(&commit.company) {
            rules
                .observe(recorded)
                .map_err(|RuleBreak { rule, what }| (FindingKind::Rule(rule), what))?;
        }
        let head = Head { version: commit.last_version(), hash: recorded.hash };
        match self.verified.heads.get_mut(&commit.company) {
            Some(known) => *known = head,
            None => drop(self.verified.heads.insert(commit.company.clone(), head)),
        }
        // Without a checkpoint ahead no tree is needed.
        let is_needed = self.next_checkpoint < self.checkpoints.len();
        if is_needed && !self.changed.contains(&commit.company) {
            self.changed.insert(commit.company.clone());
        }
        self.verified.position = recorded.last_position();
        self.verified.commits += 1;
        self.verified.events += commit.events.len() as u64;
        Ok(())
    }

    fn follow(&self, recorded: &RecordedCommit, head: Head) -> Result<(), (FindingKind, String)> {
        let commit = &recorded.commit;
        let damage = |what: String| Err((FindingKind::Damage, what));
        if recorded.position <= self.verified.position {
            return damage(format!("position {} is taken", recorded.position));
        }
        if commit.first_version != head.version + 1 {
            return damage(format!("version {} of the company is expected", head.version + 1));
        }
        if commit.previous != head.hash {
            return damage("the hash chain is broken: it names another previous commit".to_owned());
        }
        Ok(())
    }

    /// Compares the log with the checkpoints up to a position, which is before the next commit.
    fn compare(&mut self, position: u64) -> Result<(), (FindingKind, String)> {
        let is_due = |checkpoint: &&&Checkpoint| checkpoint.position <= position;
        while let Some(checkpoint) = self.checkpoints.get(self.next_checkpoint).filter(is_due) {
            self.next_checkpoint += 1;
            self.verified.checkpoints += 1;
            self.verified.signed_position = checkpoint.position;
            for company in std::mem::take(&mut self.changed) {
                if let Some(head) = self.verified.heads.get(&company) {
                    self.tree.set(&company, *head);
                }
            }
            let is_same = checkpoint.position == self.verified.position
                && checkpoint.companies == self.tree.len() as u64
                && checkpoint.root == self.tree.root();
            if !is_same {
                let Checkpoint { position, at, .. } = checkpoint;
                return Err((
                    FindingKind::Checkpoint,
                    format!(
                        "the log up to position {position} is not the one that was signed at {at}: \
                        its past was changed"
                    ),
                ));
            }
        }
        Ok(())
    }

    fn end(mut self) -> Result<Verified, AuditError> {
        let without_place = |(kind, what)| Finding {
            kind,
            what,
            company: None,
            version: None,
            position: None,
            segment: None,
            byte: None,
        };
        self.compare(self.verified.position).map_err(without_place)?;
        if let Some(checkpoint) = self.checkpoints.get(self.next_checkpoint) {
            let (end, Checkpoint { position, at, .. }) = (self.verified.position, checkpoint);
            let what = format!(
                "the log ends with position {end}, and had position {position} when it was signed at {at}: \
                its end is missing"
            );
            return Err(without_place((FindingKind::Checkpoint, what)).into());
        }
        Ok(self.verified)
    }

    /// The failure of a read of the files.
    fn failure(&self, error: OpenError) -> AuditError {
        let finding = |spot: Option<DamageLocation>, what: String| {
            let spot = spot.as_ref();
            Finding {
                kind: self.found,
                what,
                company: spot.and_then(|spot| spot.company.clone()),
                version: spot.and_then(|spot| spot.version),
                position: spot.and_then(|spot| spot.position).map(NonZeroU64::get),
                segment: spot.map(|spot| spot.segment.clone()),
                byte: spot.map(|spot| spot.offset),
            }
        };
        match error {
            OpenError::Damaged { spot, what } => finding(Some(spot), what).into(),
            OpenError::Unreadable { spot, source } => {
                finding(Some(spot), boarding_log::error_chain(&source)).into()
            }
            OpenError::Shorter { .. } => finding(None, error.to_string()).into(),
            error => AuditError::Files(error),
        }
    }
}

struct FileVisitor<'v, 'a, F, C> {
    auditor: &'v mut Auditor<'a>,
    on_progress: &'v mut F,
    on_commit: &'v mut C,
}

impl<F: FnMut(AuditProgress), C: FnMut(&RecordedCommit, &[u8]) -> bool> CommitVisitor
    for FileVisitor<'_, '_, F, C>
{
    fn visit(
        &mut self,
        commit: RecordedCommit,
        bytes: &[u8],
        progress: ScanProgress,
    ) -> Result<(), String> {
        self.auditor.observe(&commit).map_err(|(kind, what)| {
            self.auditor.found = kind;
            what
        })?;
        if !(self.on_commit)(&commit, bytes) {
            return Err("the reading was ended".to_owned());
        }
        let ScanProgress { bytes: done, total_bytes: total } = progress;
        (self.on_progress)(AuditProgress { done, total, events: self.auditor.verified.events });
        Ok(())
    }
}
