//! The public keys of a log: each says which key was before it, and that key signs it.

use boarding_commands::values::Time;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::note::{NoteError, NoteKey, NoteSigner, SignedNote};

/// The first line of a record of a key.
const FIRST_LINE: &str = "boarding.key/1";
/// The last line of the record of a key without a key before it.
const NO_KEY: &str = "after no key";

/// The most keys of one log.
pub const KEYS_MAX: usize = 1_000;

/// A public key, and since when it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    pub key: NoteKey,
    pub since: Time,
    /// The key before it, as this key says.
    pub after: Option<NoteKey>,
    /// The last position that the key before it has signed.
    pub from: u64,
    /// Whether the key before it is the one that it names, and has signed this key. The first key has none before it.
    pub is_confirmed: bool,
}

/// Why notes are no records of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRecordError {
    #[error("record {number} of the public keys is not a key that signs itself")]
    NoKey { number: usize },
    #[error("there are more than {KEYS_MAX} public keys")]
    TooMany,
}

/// The record of a key. The key signs it, and so does the key before it.
pub(crate) fn record(
    signer: &NoteSigner,
    before: Option<&NoteSigner>,
    from: u64,
    since: Time,
) -> SignedNote {
    let key = signer.public();
    let after = before.map_or(NO_KEY.to_owned(), |before| format!("after {}", before.public()));
    let text = format!("{FIRST_LINE}\n{key}\ntime {since}\nfrom {from}\n{after}\n");
    let mut note = signer.sign(&text);
    if let Some(before) = before {
        before.add_to(&mut note);
    }
    note
}

/// Reads the records of keys, the oldest first.
///
/// # Errors
/// The first note that is not the record of a key, or too many.
pub fn read_keys(notes: &[SignedNote]) -> Result<Vec<KeyRecord>, KeyRecordError> {
    if notes.len() > KEYS_MAX {
        return Err(KeyRecordError::TooMany);
    }
    let mut records: Vec<KeyRecord> = Vec::new();
    for (note, number) in notes.iter().zip(1..) {
        let mut record = parse(note).ok_or(KeyRecordError::NoKey { number })?;
        record.is_confirmed = match (records.last(), &record.after) {
            (None, None) => true,
            (Some(before), Some(after)) => before.key == *after && after.check(note).is_ok(),
            _ => false,
        };
        records.push(record);
    }
    Ok(records)
}

fn parse(note: &SignedNote) -> Option<KeyRecord> {
    let mut lines = note.text.lines();
    if lines.next()? != FIRST_LINE {
        return None;
    }
    let key: NoteKey = lines.next()?.parse().ok()?;
    let since = lines.next()?.strip_prefix("time ")?.parse().ok()?;
    let from = lines.next()?.strip_prefix("from ")?.parse().ok()?;
    let after = match lines.next()? {
        NO_KEY => None,
        line => Some(line.strip_prefix("after ")?.parse().ok()?),
    };
    let is_whole = lines.next().is_none() && key.check(note).is_ok();
    is_whole.then_some(KeyRecord { key, since, after, from, is_confirmed: false })
}

/// Keys whose signatures are believed, each up to a position.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedKeys(Vec<TrustedKey>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct TrustedKey {
    key: NoteKey,
    /// The last position that it may have signed; none if it still signs.
    until: Option<u64>,
}

impl TrustedKeys {
    /// All keys of a folder, for a reader who believes the folder.
    pub fn of_folder(records: &[KeyRecord]) -> Self {
        Self((0..records.len()).filter_map(|at| TrustedKey::of(records, at)).collect())
    }

    /// A key that the reader knows, and the keys that are linked with it: those that it was signed after, and those
    /// that were signed after it.
    pub fn linked_to(records: &[KeyRecord], known: &NoteKey) -> Self {
        let Some(at) = records.iter().position(|record| record.key == *known) else {
            return Self(vec![TrustedKey { key: known.clone(), until: None }]);
        };
        let is_confirmed = |at: &usize| records.get(*at).is_some_and(|record| record.is_confirmed);
        // A key says which key was before it, and a key signs the next one: so nobody can put a foreign key into the row.
        let first = (1..=at).rev().find(|at| !is_confirmed(at)).unwrap_or(0);
        let end = (at + 1..records.len()).find(|at| !is_confirmed(at)).unwrap_or(records.len());
        Self((first..end).filter_map(|at| TrustedKey::of(records, at)).collect())
    }

    /// The keys of both.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Checks that one of the keys has signed the note, and may have signed this position. Returns the key.
    ///
    /// # Errors
    /// When none has.
    pub fn check(&self, note: &SignedNote, position: u64) -> Result<&NoteKey, NoteError> {
        let mut error = NoteError::Unsigned;
        for TrustedKey { key, until } in &self.0 {
            match key.check(note) {
                Ok(()) if until.is_none_or(|until| position <= until) => return Ok(key),
                Ok(()) => error = NoteError::Replaced,
                // A wrong signature says more than a missing one.
                Err(wrong @ NoteError::WrongSignature) => error = wrong,
                Err(_) => {}
            }
        }
        Err(error)
    }

    /// Reads a checkpoint that one of the keys has signed, for the log of its name.
    ///
    /// # Errors
    /// When it is no checkpoint, or has no right signature of any of the keys.
    pub fn read_checkpoint(&self, note: &SignedNote) -> Result<Checkpoint, CheckpointError> {
        let checkpoint = Checkpoint::read(note)?;
        let key = self.check(note, checkpoint.position)?;
        if key.name() != checkpoint.origin {
            return Err(CheckpointError::Note(NoteError::Unsigned));
        }
        Ok(checkpoint)
    }
}

impl TrustedKey {
    fn of(records: &[KeyRecord], at: usize) -> Option<Self> {
        let record = records.get(at)?;
        // A key of the same log that was signed after it has replaced it. A moved log has another name and begins anew.
        let next = records
            .get(at + 1)
            .filter(|next| next.is_confirmed && next.key.name() == record.key.name());
        Some(Self { key: record.key.clone(), until: next.map(|next| next.from) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(n: u8) -> NoteSigner {
        NoteSigner::new("boarding.log/1", &[n; 32])
    }

    fn now() -> Time {
        "2026-11-30T08:00:00.000Z".parse().unwrap()
    }

    /// Whether a note of this signer for this position is believed.
    fn believes(keys: &TrustedKeys, n: u8, position: u64) -> bool {
        keys.check(&signer(n).sign("a text\n"), position).is_ok()
    }

    #[test]
    fn trust_ends_where_no_key_has_signed_the_next() {
        let notes = [
            record(&signer(1), None, 0, now()),
            record(&signer(2), Some(&signer(1)), 10, now()),
            record(&signer(3), None, 0, now()),
            record(&signer(4), Some(&signer(3)), 20, now()),
        ];
        let records = read_keys(&notes).unwrap();
        let confirmed: Vec<_> = records.iter().map(|record| record.is_confirmed).collect();
        assert_eq!(confirmed, [true, true, false, true]);
        for (known, believed) in [(1, [1, 2]), (2, [1, 2]), (3, [3, 4]), (4, [3, 4])] {
            let keys = TrustedKeys::linked_to(&records, signer(known).public());
            let found: Vec<u8> = (1..=5).filter(|n| believes(&keys, *n, 5)).collect();
            assert_eq!(found, believed, "{known}");
        }
        let unknown = TrustedKeys::linked_to(&records, signer(5).public());
        assert!(believes(&unknown, 5, 5) && !believes(&unknown, 1, 5));
    }

    /// A stolen old key signs nothing that is believed after its replacement.
    #[test]
    fn replaced_key_is_believed_up_to_its_last_position() {
        let notes =
            [record(&signer(1), None, 0, now()), record(&signer(2), Some(&signer(1)), 10, now())];
        let records = read_keys(&notes).unwrap();
        for known in [1, 2] {
            let keys = TrustedKeys::linked_to(&records, signer(known).public());
            assert!(believes(&keys, 1, 10) && !believes(&keys, 1, 11) && believes(&keys, 2, 11));
        }
    }

    /// A signature that is added to a record makes its key no part of the row.
    #[test]
    fn foreign_key_cannot_put_itself_before_a_known_one() {
        let known = record(&signer(1), None, 0, now());
        let mut with_signature = known.clone();
        signer(9).add_to(&mut with_signature);
        let mut replaced = record(&signer(2), Some(&signer(1)), 10, now());
        signer(9).add_to(&mut replaced);
        let foreign = record(&signer(9), None, 0, now());
        for notes in [
            vec![foreign.clone(), with_signature],
            vec![foreign.clone(), known.clone(), replaced.clone()],
            vec![known.clone(), foreign, replaced],
            vec![known, record(&signer(9), Some(&signer(9)), 10, now())],
        ] {
            let records = read_keys(&notes).unwrap();
            for n in [1, 2] {
                let keys = TrustedKeys::linked_to(&records, signer(n).public());
                assert!(!believes(&keys, 9, 1), "{records:?}");
            }
        }
    }

    #[test]
    fn note_that_is_no_record_of_a_key_is_refused() {
        let other = signer(1).sign("something else\n");
        assert_eq!(read_keys(&[other]), Err(KeyRecordError::NoKey { number: 1 }));
        let text = record(&signer(2), None, 0, now()).text;
        assert_eq!(read_keys(&[signer(1).sign(&text)]), Err(KeyRecordError::NoKey { number: 1 }));
    }
}
