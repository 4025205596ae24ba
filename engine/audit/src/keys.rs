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
    let mut note = signer.sign(&text_of(key, since, from, before.map(NoteSigner::public)));
    if let Some(before) = before {
        before.add_to(&mut note);
    }
    note
}

/// The text of a record, without signatures.
fn text_of(key: &NoteKey, since: Time, from: u64, after: Option<&NoteKey>) -> String {
    let after = after.map_or(NO_KEY.to_owned(), |after| format!("after {after}"));
    format!("{FIRST_LINE}\n{key}\ntime {since}\nfrom {from}\n{after}\n")
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
        record.is_confirmed = match &record.after {
            None => records.is_empty(),
            Some(after) => after.check(note).is_ok(),
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
    // Only one spelling is accepted, so that every program reads the same.
    let is_whole = note.text == text_of(&key, since, from, after.as_ref());
    let is_signed = after.as_ref() != Some(&key) && key.check(note).is_ok();
    let record = KeyRecord { key, since, after, from, is_confirmed: false };
    (is_whole && is_signed).then_some(record)
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
        Self(records.iter().map(|record| TrustedKey::of(records, &record.key)).collect())
    }

    /// A key that the reader knows, and the keys after it: a key says which key was before it, and that one has signed it.
    /// Keys before a known one are not believed: a thief of an old key could sign any past. None if no record has the key.
    pub fn from_known(records: &[KeyRecord], known: &NoteKey) -> Option<Self> {
        records.iter().find(|record| record.key == *known)?;
        let mut keys = vec![TrustedKey::of(records, known)];
        let mut at = 0;
        while let Some(before) = keys.get(at).map(|trusted| trusted.key.clone()) {
            let next = records
                .iter()
                .filter(|one| one.is_confirmed && one.after.as_ref() == Some(&before));
            for next in next {
                if !keys.iter().any(|known| known.key == next.key) {
                    keys.push(TrustedKey::of(records, &next.key));
                }
            }
            at += 1;
        }
        Some(Self(keys))
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
    /// The key with its end: the smallest position of all records that it has signed as the key before, wherever they stand.
    fn of(records: &[KeyRecord], key: &NoteKey) -> Self {
        let after =
            records.iter().filter(|one| one.is_confirmed && one.after.as_ref() == Some(key));
        Self { key: key.clone(), until: after.map(|one| one.from).min() }
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

    fn known(notes: &[SignedNote], n: u8) -> TrustedKeys {
        TrustedKeys::from_known(&read_keys(notes).unwrap(), signer(n).public()).unwrap()
    }

    #[test]
    fn key_is_believed_with_those_after_it() {
        let notes = [
            record(&signer(1), None, 0, now()),
            record(&signer(2), Some(&signer(1)), 10, now()),
            record(&signer(3), None, 0, now()),
            record(&signer(4), Some(&signer(3)), 20, now()),
        ];
        let records = read_keys(&notes).unwrap();
        let confirmed: Vec<_> = records.iter().map(|record| record.is_confirmed).collect();
        assert_eq!(confirmed, [true, true, false, true]);
        for (n, believed) in [(1, &[1, 2][..]), (2, &[2]), (3, &[3, 4]), (4, &[4])] {
            let keys = known(&notes, n);
            let found: Vec<u8> = (1..=5).filter(|n| believes(&keys, *n, 5)).collect();
            assert_eq!(found, believed, "{n}");
        }
        assert_eq!(TrustedKeys::from_known(&records, signer(5).public()), None);
        let folder = TrustedKeys::of_folder(&records);
        assert_eq!((1..=5).filter(|n| believes(&folder, *n, 5)).count(), 4);
    }

    /// A stolen old key signs nothing that is believed after its replacement, wherever the record of that stands.
    #[test]
    fn replaced_key_is_believed_up_to_its_last_position() {
        let first = record(&signer(1), None, 0, now());
        let second = record(&signer(2), Some(&signer(1)), 10, now());
        for notes in [[first.clone(), second.clone()], [second, first]] {
            let keys = known(&notes, 1);
            assert!(believes(&keys, 1, 10) && !believes(&keys, 1, 11) && believes(&keys, 2, 11));
            assert!(!believes(&known(&notes, 2), 1, 1), "a new key does not vouch for the old one");
        }
        let later = record(&signer(3), Some(&signer(1)), 99, now());
        let both = [
            record(&signer(1), None, 0, now()),
            record(&signer(2), Some(&signer(1)), 10, now()),
            later,
        ];
        assert!(!believes(&known(&both, 1), 1, 11), "the smallest end counts");
    }

    /// A signature that is added to a record makes its key no part of the row, also with a stolen key before it.
    #[test]
    fn foreign_key_cannot_come_before_a_known_one() {
        let first = record(&signer(1), None, 0, now());
        let mut with_signature = first.clone();
        signer(9).add_to(&mut with_signature);
        let second = record(&signer(2), Some(&signer(1)), 10, now());
        let mut replaced = second.clone();
        signer(9).add_to(&mut replaced);
        let foreign = record(&signer(9), None, 0, now());
        // A thief of the old key says that it came after the foreign key.
        let vouched = record(&signer(1), Some(&signer(9)), 1 << 60, now());
        for notes in [
            vec![foreign.clone(), with_signature],
            vec![foreign.clone(), first.clone(), replaced],
            vec![foreign.clone(), vouched, second.clone()],
            vec![first, foreign, second],
        ] {
            let records = read_keys(&notes).unwrap();
            for n in [1, 2] {
                let keys = TrustedKeys::from_known(&records, signer(n).public());
                assert!(keys.is_none_or(|keys| !believes(&keys, 9, 1)), "{records:?}");
            }
        }
        let own = record(&signer(1), Some(&signer(1)), 1, now());
        assert_eq!(read_keys(&[own]), Err(KeyRecordError::NoKey { number: 1 }));
    }

    #[test]
    fn note_that_is_no_record_of_a_key_is_refused() {
        let other = signer(1).sign("something else\n");
        assert_eq!(read_keys(&[other]), Err(KeyRecordError::NoKey { number: 1 }));
        let text = record(&signer(2), None, 0, now()).text;
        assert_eq!(read_keys(&[signer(1).sign(&text)]), Err(KeyRecordError::NoKey { number: 1 }));
    }
}
