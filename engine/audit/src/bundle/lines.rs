//! The lines of a bundle.

use serde::{Deserialize, Serialize};

/// The format that this program writes and reads.
pub(super) const FORMAT: u32 = 1;

/// The first line of the note that ends a bundle.
pub(super) const NOTE_FIRST_LINE: &str = "boarding.bundle/1";

/// The longest line of a bundle, in bytes: the largest commit as base64, and some more.
pub const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// How to check a bundle, for a person who has only the file.
pub(super) const ABOUT: &str = "\
The history of one company of the program Boarding. Lines: this header; each commit, base64 of MessagePack, with the \
position of its first event; the proof; a signed note (C2SP signed-note, Ed25519). To check: 1. the third line of the \
note is the base64 SHA-256 of all bytes before the note. 2. The note and `checkpoint` are signed by a key that you know, \
or by one after it in `keys`: a note of `keys` names a key, the key before it (`after`), which has signed it too, and \
the last position of that one (`from`). 3. A commit is an array: 0 company, 1 version of its first event, 11 hash of the commit before it (zeros at first), 12 events. Its hash is the BLAKE3 of its \
bytes. Versions have no gap, positions rise. 4. `version` and `hash` are those of the last commit. 5. The leaf \
SHA-256(0x00, '<company> <version> <hash>') at `index` of `leaves` leads by `path` to the root in the third line of \
`checkpoint`, as in RFC 6962. `boarding manual format` and `boarding manual audit` say more.";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderLine {
    pub(super) bundle: u32,
    pub(super) company: String,
    pub(super) log: String,
    pub(super) about: String,
}

/// One commit.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommitLine {
    /// The position of its first event.
    pub(super) position: u64,
    /// The base64 of its bytes.
    pub(super) commit: String,
}

/// The line after the last commit.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProofLine {
    pub(super) version: u64,
    /// The hash of the last commit, in hexadecimal digits.
    pub(super) hash: String,
    pub(super) commits: u64,
    pub(super) index: u64,
    pub(super) leaves: u64,
    /// The base64 of each sibling.
    pub(super) path: Vec<String>,
    pub(super) checkpoint: String,
    pub(super) keys: Vec<String>,
}

/// The text of the note that ends a bundle.
pub(super) fn note_text(company: &str, position: u64, digest: &str) -> String {
    format!("{NOTE_FIRST_LINE}\n{position}\n{digest}\ncompany {company}\n")
}
