//! The bytes of one message: the commits of one append, and their positions.
//!
//! `FORMAT.md` describes them.

use async_nats::Subject;
use boarding_commands::commit::RecordedCommit;
use boarding_commands::values::{CompanyId, Digest};
use bytes::Bytes;

use crate::codec::{self, Envelope};
use crate::{APPEND_COMMITS_MAX, APPEND_POSITIONS_MAX, Encoded, Location, ReadError};

/// The version of these bytes.
const FORMAT: u8 = 1;

/// The size of the header, in bytes: the version and the BLAKE3 hash of the rest.
const HEADER_BYTES: usize = 1 + 32;

/// Before each commit: its length.
const LENGTH_BYTES: usize = 4;

/// The most bytes of a message besides its commits.
pub(super) const FRAME_BYTES_MAX: usize = HEADER_BYTES + LENGTH_BYTES * APPEND_COMMITS_MAX;

/// The bits of a position that hold the offset of an event in its message.
const OFFSET_BITS: u32 = APPEND_POSITIONS_MAX.trailing_zeros();

/// The last message whose positions JSON can hold: at a thousand appends a second, that of the fourth year.
pub(super) const SEQUENCE_MAX: u64 = (1 << (53 - OFFSET_BITS)) - 1;

/// A message in the stream.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// The sequence of the message in the stream, from 1.
    pub(super) sequence: u64,
    pub(super) subject: Subject,
    pub(super) payload: Bytes,
}

/// A commit in a message: checked, but not decoded.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    pub(super) position: u64,
    pub(super) location: Location,
    pub(super) hash: Digest,
    pub(super) envelope: Envelope<'a>,
    bytes: &'a [u8],
}

/// Encodes commits to the bytes of a message.
pub fn encode(commits: &[Encoded]) -> Bytes {
    let bytes: usize = commits.iter().map(|commit| commit.bytes().len()).sum();
    let mut payload = Vec::with_capacity(HEADER_BYTES + LENGTH_BYTES * commits.len() + bytes);
    payload.resize(HEADER_BYTES, FORMAT);
    for commit in commits {
        let length = u32::try_from(commit.bytes().len()).unwrap_or(u32::MAX);
        payload.extend_from_slice(&length.to_le_bytes());
        payload.extend_from_slice(commit.bytes());
    }
    let (header, body) = payload.split_at_mut(HEADER_BYTES);
    if let Some(digest) = header.get_mut(1..) {
        digest.copy_from_slice(&Digest::of(body).0);
    }
    payload.into()
}

/// The digest in the header of a message: its id for deduplication.
pub(super) fn digest(payload: &[u8]) -> Option<Digest> {
    let bytes = payload.get(1..HEADER_BYTES)?;
    Some(Digest(bytes.try_into().ok()?))
}

/// The position at this offset of a message.
pub(super) fn position(sequence: u64, offset: u64) -> u64 {
    sequence << OFFSET_BITS | offset
}

/// The location of the commit at this index of a message.
pub(super) fn location(sequence: u64, index: u64) -> Location {
    Location(sequence << OFFSET_BITS | index)
}

/// The sequence of the message that holds a position or location, and the offset or index in the message.
pub(super) fn parts(position: u64) -> (u64, u64) {
    (position >> OFFSET_BITS, position & (APPEND_POSITIONS_MAX - 1))
}

impl Message {
    /// The commits, with each checksum, hash and link checked.
    ///
    /// # Errors
    /// How the message differs from the appended one.
    pub(super) fn stored(&self) -> Result<Vec<Stored<'_>>, String> {
        let (&format, _) = self.payload.split_first().ok_or("it is empty")?;
        if format != FORMAT {
            return Err(format!(
                "it is of format {format}, and this program reads format {FORMAT}"
            ));
        }
        let body = self.payload.get(HEADER_BYTES..).ok_or("it is cut off")?;
        if digest(&self.payload) != Some(Digest::of(body)) {
            return Err("its bytes are not those that were appended".to_owned());
        }
        let commits = split_commits(body).ok_or("its commits are cut off")?;
        let mut stored: Vec<Stored<'_>> = Vec::with_capacity(commits.len());
        let mut offset = 0;
        for (bytes, index) in commits.into_iter().zip(0..) {
            let envelope = codec::peek(bytes).map_err(|error| error.to_string())?;
            match stored.last() {
                Some(before) => check_follows(before, &envelope)?,
                None => self.check_subject(&envelope)?,
            }
            let (position, location) =
                (position(self.sequence, offset), location(self.sequence, index));
            offset += envelope.span();
            stored.push(Stored { position, location, hash: codec::hash(bytes), envelope, bytes });
        }
        if stored.is_empty() || offset > APPEND_POSITIONS_MAX {
            return Err(format!("it holds {} commits and {offset} positions", stored.len()));
        }
        Ok(stored)
    }
}

impl Message {
    // The server checks expected sequences per subject. A commit of another company under this subject would
    // escape that check.
    fn check_subject(&self, first: &Envelope<'_>) -> Result<(), String> {
        if self.subject.rsplit('.').next() == Some(first.company) {
            return Ok(());
        }
        Err(format!("it is of company {} and its subject is {}", first.company, self.subject))
    }
}

/// The bytes of each commit. Returns `None` if the last one is incomplete.
fn split_commits(mut body: &[u8]) -> Option<Vec<&[u8]>> {
    let mut commits = Vec::new();
    while !body.is_empty() {
        let (length, rest) = body.split_first_chunk::<LENGTH_BYTES>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (commit, rest) = rest.split_at_checked(length)?;
        commits.push(commit);
        body = rest;
    }
    Some(commits)
}

fn check_follows(before: &Stored<'_>, next: &Envelope<'_>) -> Result<(), String> {
    let follows = next.company == before.envelope.company
        && next.first_version == before.envelope.last_version() + 1
        && next.previous == before.hash;
    if follows { Ok(()) } else { Err("its commits do not follow each other".to_owned()) }
}

impl Stored<'_> {
    pub(super) fn last_position(&self) -> u64 {
        self.position + self.envelope.span() - 1
    }

    pub(super) fn company(&self) -> Result<CompanyId, String> {
        self.envelope.company_id().map_err(|error| error.to_string())
    }

    /// The whole commit.
    ///
    /// # Errors
    /// When it has a schema that this program does not know.
    pub(super) fn recorded(&self) -> Result<RecordedCommit, ReadError> {
        let position = self.position;
        let commit = codec::decode(self.bytes);
        let commit = commit.map_err(|source| ReadError::Decode { position, source })?;
        Ok(RecordedCommit { position, hash: self.hash, commit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::sample;

    fn message(sequence: u64, events: &[usize]) -> (Message, Vec<Encoded>) {
        let company = sample::company("acme");
        let (mut version, mut previous, mut commits) = (1, Digest::default(), Vec::new());
        for &events in events {
            let commit = sample::commit(&company, version, previous, events);
            let commit = Encoded::of(commit).unwrap();
            (version, previous) = (commit.commit().last_version() + 1, commit.hash());
            commits.push(commit);
        }
        (Message { sequence, subject: "log.acme".into(), payload: encode(&commits) }, commits)
    }

    #[test]
    fn what_was_appended_is_read_and_knows_its_positions() {
        let (message, commits) = message(7, &[2, 0, 3]);
        let stored = message.stored().unwrap();
        let offsets: Vec<_> = stored.iter().map(|one| parts(one.position)).collect();
        assert_eq!(offsets, [(7, 0), (7, 2), (7, 3)]);
        assert_eq!(parts(stored[2].last_position()), (7, 5));
        for (stored, (commit, index)) in stored.iter().zip(commits.iter().zip(0..)) {
            assert_eq!(stored.recorded().unwrap().commit, *commit.commit());
            assert_eq!(stored.hash, commit.hash());
            assert_eq!(parts(stored.location.0), (7, index));
        }
    }

    #[test]
    fn any_bit_that_is_not_what_it_was_is_noticed() {
        let (message, _) = message(1, &[1]);
        for bit in 0..message.payload.len() * 8 {
            let mut payload = message.payload.to_vec();
            payload[bit / 8] ^= 1 << (bit % 8);
            let flipped = Message { payload: payload.into(), ..message.clone() };
            assert!(flipped.stored().is_err(), "bit {bit}");
        }
        for end in 0..message.payload.len() {
            let cut = Message { payload: message.payload.slice(..end), ..message.clone() };
            assert!(cut.stored().is_err(), "cut at {end}");
        }
    }

    #[test]
    fn commits_that_do_not_follow_each_other_are_noticed() {
        let (message, commits) = message(1, &[1, 1]);
        for wrong in [vec![&commits[1], &commits[0]], vec![&commits[0], &commits[0]]] {
            let wrong: Vec<_> = wrong.into_iter().cloned().collect();
            assert!(Message { payload: encode(&wrong), ..message.clone() }.stored().is_err());
        }
        assert!(Message { payload: encode(&[]), ..message.clone() }.stored().is_err());
        let other = Message { subject: "log.zeta".into(), ..message.clone() };
        assert!(other.stored().is_err() && message.stored().is_ok());
    }

    #[test]
    fn json_holds_the_last_position() {
        assert_eq!(position(SEQUENCE_MAX, APPEND_POSITIONS_MAX - 1), (1 << 53) - 1);
        assert_eq!(FRAME_BYTES_MAX, 33 + 4 * 1024);
    }
}
