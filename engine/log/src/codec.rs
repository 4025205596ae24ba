//! Encodes and decodes commits: the only module that knows the stored bytes.
//!
//! A commit is stored as a MessagePack array of its fields in the order of the struct, with enum
//! variants by name. These bytes are canonical: the stored bytes are the hashed bytes, and each commit
//! holds the hash of the previous commit of its company. `log/FORMAT.md` describes them.

mod scan;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod golden_events;

use boarding_commands::commit::{Commit, SCHEMA};
use boarding_commands::values::{CommandId, CompanyId, Digest, Time};
use ulid::Ulid;

use scan::Scan;

/// The largest commit, in bytes: enough for 500 events of usual size, and a quarter of the default largest NATS message,
/// so that every commit fits every log.
pub const COMMIT_BYTES_MAX: usize = 256 * 1024;

/// The most events of one commit: 500 rows or 500 recipients with at most three events each, and the
/// events that begin and end an import or a run.
pub const COMMIT_EVENTS_MAX: usize = 1_600;

/// An encoded commit with its hash, ready to be appended.
///
/// The next commit of the company must name this hash as `previous`. So several commits can be chained
/// before the first of them is durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    commit: Commit,
    bytes: Vec<u8>,
    hash: Digest,
}

impl Encoded {
    /// Encodes a commit and computes its hash.
    ///
    /// # Errors
    /// When the commit exceeds a limit, or has another schema than this program writes.
    pub fn of(commit: Commit) -> Result<Self, EncodeError> {
        if commit.schema != SCHEMA {
            return Err(EncodeError::Schema { schema: commit.schema });
        }
        if commit.first_version == 0 {
            return Err(EncodeError::NoVersion { command: commit.command });
        }
        if commit.events.len() > COMMIT_EVENTS_MAX {
            return Err(EncodeError::TooManyEvents {
                command: commit.command,
                events: commit.events.len(),
            });
        }
        let bytes = rmp_serde::to_vec(&commit)
            .map_err(|source| EncodeError::Encode { command: commit.command, source })?;
        if bytes.len() > COMMIT_BYTES_MAX {
            return Err(EncodeError::TooLarge { command: commit.command, bytes: bytes.len() });
        }
        let hash = Digest::of(&bytes);
        Ok(Self { commit, bytes, hash })
    }

    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// The canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The BLAKE3 hash of the canonical bytes.
    pub fn hash(&self) -> Digest {
        self.hash
    }

    pub fn into_commit(self) -> Commit {
        self.commit
    }
}

impl AsRef<Commit> for Encoded {
    fn as_ref(&self) -> &Commit {
        &self.commit
    }
}

/// Why a commit cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error(
        "encode the commit of command {command}: {bytes} bytes are more than the limit of {COMMIT_BYTES_MAX}"
    )]
    TooLarge { command: CommandId, bytes: usize },
    #[error(
        "encode the commit of command {command}: {events} events are more than the limit of {COMMIT_EVENTS_MAX}"
    )]
    TooManyEvents { command: CommandId, events: usize },
    #[error("encode a commit: it is of schema {schema}, and only schema {SCHEMA} is written")]
    Schema { schema: u16 },
    #[error("encode the commit of command {command}: its first version is 0, versions begin at 1")]
    NoVersion { command: CommandId },
    #[error("encode the commit of command {command}")]
    Encode { command: CommandId, source: rmp_serde::encode::Error },
}

impl EncodeError {
    /// Whether the same events would fit in several commits.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::TooManyEvents { .. })
    }
}

/// Why stored bytes cannot be decoded. Readers never skip them.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error(
        "decode a commit: it is of schema {found} and this program reads up to {SCHEMA}; use a newer program"
    )]
    Newer { found: u16 },
    #[error("decode a commit: there is no schema {found}")]
    UnknownSchema { found: u16 },
    #[error("decode a commit: its bytes are not the array a commit is stored as ({what})")]
    Malformed { what: &'static str },
    #[error("decode a commit of schema {schema}")]
    Decode { schema: u16, source: rmp_serde::decode::Error },
}

/// Decodes a commit; an older schema is upcast to the current one.
///
/// # Errors
/// When the bytes are not a commit, or have an unknown schema.
pub fn decode(bytes: &[u8]) -> Result<Commit, DecodeError> {
    let schema = peek(bytes)?.schema;
    upcast(schema, bytes)
}

/// The hash of a commit with these canonical bytes.
pub fn hash(bytes: &[u8]) -> Digest {
    Digest::of(bytes)
}

/// Converts each stored schema to the current types. There is one so far: a new field of an event needs no new schema
/// (see `event.rs`). A new schema adds an arm here, and older schemas are converted to it step by step.
fn upcast(schema: u16, bytes: &[u8]) -> Result<Commit, DecodeError> {
    match schema {
        SCHEMA => {
            rmp_serde::from_slice(bytes).map_err(|source| DecodeError::Decode { schema, source })
        }
        newer if newer > SCHEMA => Err(DecodeError::Newer { found: newer }),
        found => Err(DecodeError::UnknownSchema { found }),
    }
}

/// The fields of a commit that an index needs, read without decoding the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    pub company: &'a str,
    pub first_version: u64,
    pub command: CommandId,
    pub body: Digest,
    pub at: Time,
    pub schema: u16,
    pub previous: Digest,
    /// The number of events.
    pub events: u64,
}

impl Envelope<'_> {
    /// The number of positions that the commit takes: one per event, and one if it has no event.
    pub fn span(&self) -> u64 {
        self.events.max(1)
    }

    /// The company's version after the commit.
    pub fn last_version(&self) -> u64 {
        self.first_version.saturating_add(self.events).saturating_sub(1)
    }

    /// The id of the company.
    ///
    /// # Errors
    /// When the text is not a company id.
    pub fn company_id(&self) -> Result<CompanyId, DecodeError> {
        self.company.parse().map_err(|_| DecodeError::Malformed { what: "company" })
    }
}

/// Reads the envelope of a commit from its stored bytes, without its events.
///
/// # Errors
/// When the bytes do not begin with the envelope of a commit.
pub fn peek(bytes: &[u8]) -> Result<Envelope<'_>, DecodeError> {
    let mut scan = Scan::new(bytes);
    let malformed = |what| move || DecodeError::Malformed { what };
    let fields = scan.array().ok_or_else(malformed("array"))?;
    if fields < FIELDS {
        return Err(DecodeError::Malformed { what: "number of fields" });
    }
    let company = scan.text().ok_or_else(malformed("company"))?;
    let first_version = scan.unsigned().ok_or_else(malformed("first_version"))?;
    let command = scan.text().and_then(ulid).ok_or_else(malformed("command"))?;
    let body = scan.digest().ok_or_else(malformed("body"))?;
    scan.skip().ok_or_else(malformed("actor"))?;
    let at = scan.signed().ok_or_else(malformed("at"))?;
    for what in ["correlation", "causation", "traceparent"] {
        scan.skip().ok_or_else(malformed(what))?;
    }
    let schema = scan.unsigned().and_then(|schema| u16::try_from(schema).ok());
    let schema = schema.ok_or_else(malformed("schema"))?;
    scan.skip().ok_or_else(malformed("result"))?;
    let previous = scan.digest().ok_or_else(malformed("previous"))?;
    let events = scan.array().ok_or_else(malformed("events"))?;
    let command = CommandId(command);
    Ok(Envelope { company, first_version, command, body, at: Time(at), schema, previous, events })
}

/// The number of fields of a commit of schema 1. Later schemas may add fields at the end.
const FIELDS: u64 = 13;

fn ulid(text: &str) -> Option<Ulid> {
    Ulid::from_string(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::sample;

    #[test]
    fn the_envelope_is_read_without_the_events() {
        let company: CompanyId = "acme".parse().unwrap();
        let commit = sample::commit(&company, 7, Digest([9; 32]), 3);
        let encoded = Encoded::of(commit.clone()).unwrap();
        let envelope = peek(encoded.bytes()).unwrap();
        assert_eq!(envelope.company_id().unwrap(), company);
        assert_eq!((envelope.first_version, envelope.last_version()), (7, 9));
        assert_eq!((envelope.command, envelope.body), (commit.command, commit.body));
        assert_eq!((envelope.at, envelope.previous), (commit.at, commit.previous));
        assert_eq!((envelope.schema, envelope.events), (SCHEMA, 3));
    }

    #[test]
    fn commit_of_a_newer_schema_is_rejected() {
        let company: CompanyId = "acme".parse().unwrap();
        let mut commit = sample::commit(&company, 1, Digest::default(), 1);
        commit.schema = SCHEMA + 1;
        assert!(matches!(Encoded::of(commit.clone()), Err(EncodeError::Schema { schema: 2 })));
        let bytes = rmp_serde::to_vec(&commit).unwrap();
        let error = decode(&bytes).unwrap_err();
        assert!(matches!(error, DecodeError::Newer { found: 2 }), "{error}");
        assert!(error.to_string().contains("schema 2"), "{error}");
    }

    #[test]
    fn any_cut_of_a_commit_is_refused_and_never_panics() {
        let company: CompanyId = "acme".parse().unwrap();
        let commit = sample::commit(&company, 1, Digest::default(), 2);
        let encoded = Encoded::of(commit).unwrap();
        for end in 0..encoded.bytes().len() {
            assert!(decode(&encoded.bytes()[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn commit_over_the_limit_is_rejected() {
        let company: CompanyId = "acme".parse().unwrap();
        let mut commit = sample::commit(&company, 1, Digest::default(), 1);
        commit.traceparent = Some("x".repeat(COMMIT_BYTES_MAX));
        assert!(matches!(Encoded::of(commit), Err(EncodeError::TooLarge { .. })));
        let many = sample::commit(&company, 1, Digest::default(), COMMIT_EVENTS_MAX + 1);
        assert!(matches!(Encoded::of(many), Err(EncodeError::TooManyEvents { .. })));
    }
}
