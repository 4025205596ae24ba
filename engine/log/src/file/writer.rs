//! The single writer: drains queued appends, writes them as one frame, syncs once, answers all.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use boarding_commands::values::CompanyId;
use tokio::sync::{mpsc, oneshot};

use super::frame::{FRAME_HEADER, FRAME_TRAILER, FrameBuilder, RECORD_HEADER, SegmentHeader};
use super::heads;
use super::index::{IndexEntry, Segment, location};
use super::options::Steps;
use super::segment::SegmentFile;
use super::shared::Inner;
use crate::check::{check_chain, follow};
use crate::{AppendError, Appended, Encoded, Head};

/// Draining stops at this number of commits, so that the first append does not wait long while others are copied.
/// An append is not split, so a frame may hold more commits.
const FRAME_COMMITS_MAX: usize = 1_024;
/// Draining stops at this size, in bytes: a disk writes so many bytes in about the time of a sync. The last
/// append may exceed this size.
const FRAME_BYTES_MAX: usize = 1024 * 1024;

type Outcome = Result<Vec<Appended>, AppendError>;

/// An append that waits for the writer.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) commits: Vec<Encoded>,
    pub(super) answer: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) inner: Arc<Inner>,
    pub(super) file: SegmentFile,
    /// The number of the current segment.
    pub(super) segment: u32,
    /// The offset of the next frame.
    pub(super) offset: u64,
    /// The last position.
    pub(super) position: u64,
    /// The checksum of the last frame.
    pub(super) previous: u32,
    pub(super) segment_bytes: u64,
    pub(super) steps: Steps,
    /// Whether commits were missing when the log was opened.
    pub(super) is_damaged: bool,
    /// After a failed write: the error that every append returns.
    pub(super) broken: Option<AppendError>,
}

/// A frame that is being built, and the index changes that become visible with it.
#[derive(Debug)]
struct FrameDraft {
    frame: FrameBuilder,
    heads: HashMap<CompanyId, Head>,
    entries: Vec<IndexEntry>,
    position: u64,
}

impl Writer {
    /// Serves appends until the last sender is dropped, then writes the heads file.
    pub(super) fn run(mut self, mut calls: mpsc::Receiver<Call>) {
        while let Some(first) = calls.blocking_recv() {
            let batch = drain(first, &mut calls);
            self.serve(batch);
        }
        // After a fault the folder may belong to another log. The heads file of that log must not be overwritten.
        if self.broken.is_none() {
            self.write_heads();
        }
    }

    /// Writes a batch and answers each of its callers.
    fn serve(&mut self, batch: Vec<Call>) {
        let outcomes = match self.write(&batch) {
            Ok(outcomes) => outcomes,
            Err(error) => batch.iter().map(|_| Err(error.clone())).collect(),
        };
        let (spent, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|call| (call.commits, call.answer)).unzip();
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // Sending fails if the caller dropped its future; the append is durable nevertheless.
            let _ = answer.send(outcome);
        }
        // Freeing the commits costs time, so callers get their answers first.
        drop(spent);
    }

    /// Writes the calls of a batch as one frame. A call that does not match the head of its company is rejected
    /// alone. Returns one outcome per call.
    fn write(&mut self, batch: &[Call]) -> Result<Vec<Outcome>, AppendError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let bytes = batch.iter().flat_map(|call| &call.commits).map(stored_bytes).sum();
        // Room comes first: the locations in the draft depend on the segment and its offset.
        self.make_room(bytes, batch)?;
        let mut draft = FrameDraft {
            frame: FrameBuilder::new(FRAME_HEADER + bytes + FRAME_TRAILER.len()),
            heads: HashMap::new(),
            entries: Vec::new(),
            position: self.position,
        };
        let outcomes = batch.iter().map(|call| self.add(&mut draft, &call.commits)).collect();
        if !draft.frame.is_empty() {
            self.commit(draft)?;
        }
        Ok(outcomes)
    }

    /// Adds an append to the draft, or returns why it is rejected.
    fn add(&self, draft: &mut FrameDraft, commits: &[Encoded]) -> Outcome {
        if let Some(first) = commits.first()
            && self.is_damaged
            && let Some(damage) = self.inner.index().damage(&first.commit().company)
        {
            return Err(AppendError::CompanyDamaged(Box::new(damage)));
        }
        // The index is unlocked again after each head. Heads stay valid, because only this thread adds commits.
        let head = |company: &CompanyId| match draft.heads.get(company) {
            Some(head) => *head,
            None => self.inner.index().head(company),
        };
        // Most appends have one commit, so they need no map of heads.
        if let [commit] = commits {
            let company = &commit.commit().company;
            let next = follow(commit, head(company))?;
            draft.heads.insert(company.clone(), next);
        } else {
            let heads = check_chain(commits, head)?;
            draft.heads.extend(heads);
        }
        Ok(commits.iter().map(|commit| self.push(draft, commit)).collect())
    }

    /// Adds a commit to the frame, and its index entry to the draft.
    fn push(&self, draft: &mut FrameDraft, encoded: &Encoded) -> Appended {
        let (commit, hash, position) = (encoded.commit(), encoded.hash(), draft.position + 1);
        let within = draft.frame.push(position, hash, encoded.bytes());
        let location = location(self.segment, self.offset + within as u64);
        let (last_position, last_version) = (draft.position + commit.span(), commit.last_version());
        draft.position = last_position;
        draft.entries.push(IndexEntry {
            company: commit.company.clone(),
            command: commit.command,
            first_version: commit.first_version,
            head: Head { version: last_version, hash },
            position,
            last_position,
            location,
        });
        Appended { position, last_position, last_version, hash, location }
    }

    /// Makes the draft durable, then visible.
    // The order must not change: write, sync, index, watch. A reader must never see a commit that a loss
    // of power could remove.
    fn commit(&mut self, draft: FrameDraft) -> Result<(), AppendError> {
        let first = self.position + 1;
        let (bytes, checksum) = draft.frame.finish(&self.inner.log, first, self.previous);
        let in_place = self.file.check_in_place();
        in_place.map_err(|error| self.fail("find segment", error))?;
        let written = self.file.write(&bytes, self.offset);
        written.map_err(|error| self.fail("write to segment", error))?;
        let synced = self.file.sync();
        synced.map_err(|error| self.fail("sync segment", error))?;
        let end = self.offset + bytes.len() as u64;
        let mut index = self.inner.index_mut();
        if let Some(segment) = index.segments.last_mut() {
            segment.add_frame(first, self.offset, end);
        }
        draft.entries.into_iter().for_each(|entry| index.add(entry));
        // Unlocked before the watch wakes its readers, because they lock the index next.
        drop(index);
        (self.offset, self.position, self.previous) = (end, draft.position, checksum);
        self.inner.end.send_replace(self.position);
        Ok(())
    }

    /// Begins a new segment if the bytes do not fit into the current one. An empty segment accepts a batch
    /// of any size.
    fn make_room(&mut self, bytes: usize, batch: &[Call]) -> Result<(), AppendError> {
        let needed = (FRAME_HEADER + bytes + FRAME_TRAILER.len()) as u64;
        let header = super::frame::SEGMENT_HEADER as u64;
        if self.offset + needed <= self.file.capacity || self.offset == header {
            return Ok(());
        }
        // The log has no clock, so the segment gets the time of a commit.
        let created = batch.iter().flat_map(|call| &call.commits).next();
        let header_of_next = SegmentHeader {
            log: self.inner.log,
            first_position: self.position + 1,
            created: created.map_or(0, |encoded| encoded.commit().at.0),
            ordinal: self.segment + 1,
            previous: self.previous,
        };
        let capacity = self.segment_bytes.max(header + needed);
        let next = SegmentFile::create(&self.inner.folder, header_of_next, capacity, &self.steps);
        let next = next.map_err(|error| self.segment_not_created(error))?;
        let sealed = std::mem::replace(&mut self.file, next);
        // A failure costs only disk space: recovery accepts unused zeros at the end of a segment.
        if let Err(error) = sealed.seal(self.offset) {
            tracing::warn!(%error, segment = %sealed.path().display(), "freeing unused space of segment failed");
        }
        self.segment += 1;
        self.offset = header;
        self.inner.index_mut().segments.push(Segment::new(self.position + 1));
        // After a crash, this heads file still detects lost commits of earlier segments.
        self.write_heads();
        Ok(())
    }

    /// The error of a segment that could not be created. On a full disk only this batch is rejected, because
    /// none of its bytes was written.
    fn segment_not_created(&mut self, error: io::Error) -> AppendError {
        let full =
            matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if full {
            return AppendError::NoSpace {
                path: self.inner.folder.clone(),
                source: Arc::new(error),
            };
        }
        self.fail("make a segment after", error)
    }

    /// Rejects all further appends. There is no retry, because the content of the disk is unknown after a failed
    /// write or sync. A second sync can succeed although the kernel dropped the data.
    fn fail(&mut self, operation: &'static str, source: io::Error) -> AppendError {
        let path = self.file.path().to_owned();
        tracing::error!(error = %source, operation, segment = %path.display(), "write failed, log rejects all appends until restart");
        let error = AppendError::Broken { operation, path, source: Arc::new(source) };
        self.broken = Some(error.clone());
        self.inner.fail(error)
    }

    /// Writes the heads file. The file only serves to detect truncation, so a failure does not stop the log.
    fn write_heads(&self) {
        // The file of an intact log names the commits that are missing now. It must stay until they are back.
        if self.is_damaged {
            return;
        }
        // The index stays read-locked until the file is synced. Readers share that lock.
        let written = heads::write(&self.inner.folder, &self.inner.log, &self.inner.index());
        if let Err(error) = written {
            tracing::warn!(%error, folder = %self.inner.folder.display(), "writing the heads file failed");
        }
    }
}

/// The size of a commit in a frame, in bytes.
fn stored_bytes(encoded: &Encoded) -> usize {
    RECORD_HEADER + encoded.bytes().len()
}

/// Collects queued appends without waiting, until one of the two limits of a frame is reached.
fn drain(first: Call, calls: &mut mpsc::Receiver<Call>) -> Vec<Call> {
    let size = |call: &Call| (call.commits.len(), call.commits.iter().map(stored_bytes).sum());
    let (mut commits, mut bytes): (usize, usize) = size(&first);
    let mut batch = vec![first];
    while commits < FRAME_COMMITS_MAX
        && bytes < FRAME_BYTES_MAX
        && let Ok(call) = calls.try_recv()
    {
        let (more_commits, more_bytes) = size(&call);
        commits += more_commits;
        bytes += more_bytes;
        batch.push(call);
    }
    batch
}
